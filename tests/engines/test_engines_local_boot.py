"""Booting one replica for a measurement."""

from __future__ import annotations

import os
import subprocess
import sys
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
from seatrial.kernel.values import from_json
release = from_json(Path(sys.argv[2]).read_bytes(), Release)
with boot(release, Path(sys.argv[1])) as booted:
    print(booted.pid, flush=True)
    sys.stdin.read()
"""


def test_a_booted_replica_answers_and_is_ended(bench: Any) -> None:
    with boot(replace(bench.release, factory=True, entry="web:factory"), bench.root) as booted:
        assert booted.boot_s > 0
        assert runner.http_get(booted.url + "/", 10)[0] == 200
        assert runner.http_get(booted.management_url + "/ready", 10)[0] == 200
        workers = booted.worker_pids()
        assert len(workers) == bench.release.workers
        assert all(psutil.pid_exists(pid) for pid in workers)
        # Its owner lives, so a stop leaves it alone.
        assert bench.stop().ended == ()
        assert runner.http_get(booted.url + "/", 10)[0] == 200
    bench.assert_nothing_left()


def test_it_is_ended_on_every_way_out(bench: Any) -> None:
    with pytest.raises(KeyboardInterrupt), boot(bench.release, bench.root):
        raise KeyboardInterrupt
    bench.assert_nothing_left()
    bad = replace(bench.release, entry="bad:app")
    with pytest.raises(DeployError, match="no licence"), boot(bad, bench.root):
        raise AssertionError("an app that cannot be imported was booted")
    bench.assert_nothing_left()


def test_a_stop_ends_it_after_its_owner_was_killed(
    bench: Any, tmp_path: Path, python_path: str
) -> None:
    order = tmp_path / "release.json"
    order.write_bytes(to_json(bench.release))
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(bench.root), str(order)],
        env={**os.environ, "PYTHONPATH": python_path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None and child.stdin is not None
    pid = int(child.stdout.readline())
    child.kill()
    child.wait()
    child.stdout.close()
    child.stdin.close()
    assert pid in {item.identity.pid for item in processes.marked(layout_of(bench.root).mark)}
    assert pid in {item.pid for item in bench.stop().ended}
    bench.assert_nothing_left()
