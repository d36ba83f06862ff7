"""Booting one replica for a measurement, inside its sandbox."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from seatrial.engines import processes, runner
from seatrial.engines.local.boot import boot
from seatrial.engines.local.layout import layout_of
from seatrial.kernel.errors import DeployError
from seatrial.kernel.values import to_json

HOLD = """
import sys
from pathlib import Path
from seatrial.engines.engine import Release
from seatrial.engines.local.boot import boot
from seatrial.engines.local.sandbox import Limits, sandbox
from seatrial.kernel.values import from_json
release = from_json(Path(sys.argv[2]).read_bytes(), Release)
with sandbox(Path(sys.argv[1]), Limits()) as box, boot(release, Path(sys.argv[1]), box) as booted:
    print(*booted.tree(), box.scratch, flush=True)
    sys.stdin.read()
"""


def gone(pids: tuple[int, ...], timeout_s: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def fetch(booted: Any, path: str = "/") -> tuple[int, bytes]:
    return runner.http_over(booted.dial(), path, 10)


def test_a_booted_replica_answers_and_is_ended(bench: Any) -> None:
    release = replace(bench.release, factory=True, entry="web:factory", workers=2)
    with boot(release, bench.root) as booted:
        assert booted.boot_s > 0
        assert fetch(booted)[0] == 200
        assert booted.ask("/ready")[0] == 200
        bench.wait_until(lambda: len(booted.worker_pids()) == 2)
        workers, tree = booted.worker_pids(), booted.tree()
        assert set(workers) < set(tree) and all(alive(pid) for pid in tree)
        assert all(release.python in psutil.Process(pid).cmdline()[0] for pid in workers), (
            "pids are those of outside"
        )
        # Its owner lives, so a stop leaves it alone.
        assert bench.stop().ended == ()
        assert fetch(booted)[0] == 200
    assert gone(tree)
    bench.assert_nothing_left()


def test_it_is_ended_on_every_way_out(bench: Any) -> None:
    with pytest.raises(KeyboardInterrupt), boot(bench.release, bench.root):
        raise KeyboardInterrupt
    bench.assert_nothing_left()
    bad = replace(bench.release, entry="bad:app")
    with pytest.raises(DeployError, match="no licence"), boot(bad, bench.root):
        raise AssertionError("an app that cannot be imported was booted")
    bench.assert_nothing_left()


def test_it_ends_when_its_owner_is_killed(bench: Any, tmp_path: Path, python_path: str) -> None:
    order = tmp_path / "release.json"
    order.write_bytes(to_json(bench.release))
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(bench.root), str(order)],
        env={**os.environ, "PYTHONPATH": python_path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None and child.stdin is not None
    *pids, scratch = child.stdout.readline().decode().split()
    tree = tuple(map(int, pids))
    assert len(tree) >= 2 and all(map(alive, tree)) and Path(scratch).is_dir()
    child.kill()
    child.wait()
    child.stdout.close()
    child.stdin.close()
    assert gone(tree)
    bench.wait_until(lambda: not Path(scratch).exists())
    bench.wait_until(lambda: processes.marked(layout_of(bench.root).mark, owned=True) == ())
    bench.assert_nothing_left()
