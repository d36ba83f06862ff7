"""The local engine when its processes, its commands and its disk fail."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from seatrial.engines import processes, runner
from seatrial.engines.local.layout import layout_of
from seatrial.engines.local.state import State, read_state
from seatrial.kernel.errors import DeployError, TransientError
from seatrial.kernel.values import to_json

# Run as `sitecustomize` in a child: kills it right after its n-th state write or process start.
KILLER = """
import os, pathlib, signal, sys
plan = pathlib.Path(__file__).with_name("plan.txt").read_text().split()
role, count, parent = plan[0], int(plan[1]), plan[2] == "both"
is_engine = os.environ.get("SEATRIAL_ROLE") == "engine"
if (role == "engine") == is_engine:
    from seatrial.engines import runner
    from seatrial.engines.local import state
    done = 0
    def after(function):
        def call(*args, **kwargs):
            global done
            result = function(*args, **kwargs)
            done += 1
            if done == count:
                pathlib.Path(__file__).with_name("fired.txt").write_text("yes")
                if parent:
                    os.kill(os.getppid(), signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call
    state.write_state = after(state.write_state)
    runner.spawn = after(runner.spawn)
"""
DEPLOY = """
import sys
from pathlib import Path
from seatrial.engines.engine import Release
from seatrial.engines.local.engine import LocalEngine
from seatrial.kernel.values import from_json
release = from_json(Path(sys.argv[2]).read_bytes(), Release)
LocalEngine(Path(sys.argv[1])).deploy(release, progress=lambda line: None)
"""
STOP = """
import sys
from pathlib import Path
from seatrial.engines.local.engine import LocalEngine
LocalEngine(Path(sys.argv[1])).stop(progress=lambda line: None)
"""


def command(program: str, *arguments: object, path: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_killed_replica_is_replaced_and_no_request_fails(bench: Any, traffic: Any) -> None:
    bench.deploy()
    with traffic(bench.release.port) as sent:
        bench.wait_until(lambda: sent.answered > 30)
        for name in ("replica-0", "replica-1"):
            killed = bench.kill(name)
            bench.wait_until(
                lambda name=name, killed=killed: bench.process(name).pid not in (killed, None)
            )
            bench.wait_until(bench.healthy)
            before = sent.answered
            bench.wait_until(lambda before=before: sent.answered > before + 30)
    assert sent.failed == []
    assert [bench.process(f"replica-{n}").restarts for n in (0, 1)] == [1, 1]
    # Both take traffic again.
    bench.wait_until(lambda: len({bench.get()["pid"] for _ in range(8)}) == 2)


def test_a_killed_proxy_is_replaced_and_serves_at_once(bench: Any) -> None:
    bench.deploy()
    killed = bench.kill("proxy")
    bench.wait_until(lambda: bench.process("proxy").pid not in (killed, None))
    bench.wait_until(bench.healthy)
    assert bench.process("proxy").restarts == 1
    assert bench.get()["pid"]


def test_a_hung_replica_is_reported_and_gets_no_traffic(bench: Any) -> None:
    bench.deploy()
    pids = {bench.get()["pid"] for _ in range(8)}
    worker = next(iter(pids))
    replica = psutil.Process(worker).parent()
    tree = [replica, *replica.children(recursive=True)]
    for process in tree:
        process.suspend()
    try:
        bench.wait_until(lambda: _pids(bench) == pids - {worker})
        found = bench.engine.status()
        assert found.serving and not found.healthy
        assert "ready" in {item.state for item in found.processes if item.role == "replica"}
        assert "not-ready" in {item.state for item in found.processes} or "starting" in {
            item.state for item in found.processes
        }
    finally:
        for process in tree:
            process.resume()
    bench.wait_until(bench.healthy)


def _pids(bench: Any) -> set[int]:
    """Who answers six requests; -1 for nobody, as long as the hung replica still gets some."""
    pids = set()
    for _ in range(6):
        try:
            pids.add(bench.get(timeout_s=1.0)["pid"])
        except TransientError:
            return {-1}
    return pids


def test_a_killed_engine_leaves_the_app_serving(bench: Any, traffic: Any) -> None:
    first = bench.deploy()
    with traffic(bench.release.port) as sent:
        bench.kill("engine")
        bench.wait_until(lambda: bench.process("engine").state == "dead")
        bench.wait_until(lambda: sent.answered > 50)
    assert sent.failed == []
    found = bench.engine.status()
    assert found.serving and found.healthy
    assert "nothing restarts" in bench.process("engine").detail

    # A deploy on top clears away what is left and starts afresh.
    second = bench.deploy()
    assert second.id != first.id and second.healthy
    old = {item.pid for item in first.processes}
    assert not old & {item.pid for item in second.processes}

    bench.kill("engine")
    bench.wait_until(lambda: bench.process("engine").state == "dead")
    report = bench.stop()
    assert "dead" in " ".join(report.notes)
    bench.assert_nothing_left()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: b"", "empty"),
        (lambda data: data[: len(data) // 2], "damaged"),
        (lambda data: b"\x00\xff garbage", "damaged"),
        (lambda data: data.replace(b'"schema_version": 1', b'"schema_version": 0'), "schema 0"),
        (None, ""),
    ],
    ids=["zero-bytes", "truncated", "garbage", "old-schema", "missing"],
)
def test_stop_works_without_the_state_file(
    bench: Any, damage: Callable[[bytes], bytes] | None, told: str
) -> None:
    deployed = bench.deploy(replicas=1)
    path = layout_of(bench.root).state
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    found = bench.engine.status()
    assert not found.healthy
    assert {item.pid for item in deployed.processes} <= {item.pid for item in found.processes}
    report = bench.stop()
    assert told in " ".join(report.notes)
    assert {item.pid for item in deployed.processes} <= {item.pid for item in report.ended}
    bench.assert_nothing_left()


# A deploy command writes one state and starts one process; an engine with one replica writes
# eight states and starts two processes. The last number of each list is one too many on purpose.
@pytest.mark.parametrize(
    ("victim", "count"),
    [("deploy", n) for n in range(1, 4)]
    + [("engine", n) for n in (4, 8, 11)]
    + [("both", n) for n in range(1, 11)],
)
def test_killed_at_every_step(
    bench: Any, tmp_path: Path, python_path: str, victim: str, count: int
) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(KILLER)
    role = "deploy" if victim == "deploy" else "engine"
    (hook / "plan.txt").write_text(f"{role} {count} {victim}")
    order = tmp_path / "release.json"
    order.write_bytes(to_json(bench.release).replace(b'"replicas": 2', b'"replicas": 1'))
    child = command(DEPLOY, bench.root, order, path=f"{hook}:{python_path}")
    code = child.wait(60)
    fired = (hook / "fired.txt").exists()
    last = {"deploy": 2, "engine": 10, "both": 10}[victim]
    assert fired == (count <= last)
    if not fired:
        assert code == 0
    elif victim == "engine" and count < last:
        # The command sees its engine die, clears everything away by itself and says so.
        assert code == 1
        bench.assert_nothing_left()
    elif victim != "engine":
        assert code == -signal.SIGKILL
    bench.stop()
    bench.assert_nothing_left()


@pytest.mark.parametrize("delay_s", [0.0, 0.3])
def test_a_killed_stop_can_be_repeated(bench: Any, python_path: str, delay_s: float) -> None:
    bench.deploy(replicas=1)
    engine = bench.process("engine").pid
    child = command(STOP, bench.root, path=python_path)
    # Counted from when the stop acts, which is when the engine is told.
    bench.wait_until(lambda: not psutil.pid_exists(engine) or "stopping" in _phase(bench))
    deadline = time.monotonic() + delay_s
    bench.wait_until(lambda: time.monotonic() >= deadline or child.poll() is not None)
    child.kill()
    child.wait()
    bench.stop()
    bench.assert_nothing_left()


def _phase(bench: Any) -> str:
    with contextlib.suppress(OSError, ValueError):
        return str(json.loads(layout_of(bench.root).state.read_text())["phase"])
    return "stopping"


def test_two_commands_at_once(bench: Any) -> None:
    layout = layout_of(bench.root)
    layout.create()
    with FileLock(layout.lock):
        with pytest.raises(TransientError, match="another seatrial"):
            bench.deploy()
        with pytest.raises(TransientError, match="another seatrial"):
            bench.stop()
    assert bench.engine.status() is None


def test_a_process_that_was_never_recorded_is_found(bench: Any) -> None:
    """Also one that ignores SIGTERM, and its child that has dropped the marks."""
    layout = layout_of(bench.root)
    layout.create()
    stubborn = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(300)\n"
    )
    env = {**os.environ, "SEATRIAL_DEPLOYMENT": layout.mark + "x", "SEATRIAL_ROLE": "replica-0"}
    child = subprocess.Popen(
        [sys.executable, "-c", stubborn], env=env, stdout=subprocess.PIPE, start_new_session=True
    )
    assert child.stdout is not None and child.stdout.readline()
    other = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(300)"],
        env={**env, "SEATRIAL_DEPLOYMENT": "000000000000-x"},
    )
    try:
        found = bench.engine.status()
        assert [item.pid for item in found.processes] == [child.pid]
        report = bench.stop()
        assert [(item.pid, item.killed) for item in report.ended] == [(child.pid, True)]
        assert child.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        child.kill()
        other.kill()
        child.wait()
        other.wait()
        child.stdout.close()


def test_a_reused_pid_is_not_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    try:
        identity = processes.identify(child.pid)
        assert identity is not None and processes.alive(identity)
        earlier = processes.Identity(pid=child.pid, created=identity.created - 3600)
        assert not processes.alive(earlier)
        assert processes.terminate((earlier,), 0.1) == ()
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_the_port_is_lost_while_the_app_starts(bench: Any, tmp_path: Path) -> None:
    """Nobody held the port when the deploy looked, but somebody does when the proxy starts."""
    taker = tmp_path / "taker.py"
    taker.write_text(
        "import socket\n"
        f"held = socket.create_server(('127.0.0.1', {bench.release.port}))\n"
        "from web import app\n"
    )
    with pytest.raises(DeployError, match=r"(?s)proxy ended.*[Aa]ddress already in use"):
        bench.deploy(
            entry="taker:app",
            source_dir=_beside(bench.release.source_dir, tmp_path, taker),
            replicas=1,
        )
    bench.assert_nothing_left()


def _beside(source: str, folder: Path, extra: Path) -> str:
    copy = folder / "copy"
    copy.mkdir()
    (copy / "web.py").write_bytes((Path(source) / "web.py").read_bytes())
    extra.rename(copy / extra.name)
    return str(copy)


def _recorded_port(bench: Any) -> int:
    state = read_state(layout_of(bench.root).state)
    assert isinstance(state, State)
    return state.slot("replica-0").port


def test_replicas_move_when_their_ports_are_taken(bench: Any) -> None:
    bench.deploy()
    slot = bench.process("replica-0")
    port = int(slot.address.rpartition(":")[2])
    worker = next(
        process
        for process in psutil.Process(slot.pid).children(recursive=True)
        if not process.children()
    )
    for process in (*worker.parents()[:1], worker):
        process.suspend()  # They outlive their parent, and keep its port.
    bench.kill("replica-0")
    # From the record: a status would ask the app, and may be kept waiting by what is suspended.
    bench.wait_until(lambda: _recorded_port(bench) != port)
    assert not runner.is_free(port)
    bench.wait_until(bench.healthy)
    assert int(bench.process("replica-0").address.rpartition(":")[2]) != port
    bench.stop()
    bench.assert_nothing_left()
