import contextlib
import http.client
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import Start
from harness import APPS, Running, ask_later, exists, wait_for


def gone(app: Running) -> bool:
    return not any(map(exists, app.seen))


def test_a_killed_worker_is_replaced(run: Start) -> None:
    app = run()
    app.wait_ready()
    [old] = app.workers()
    os.kill(old, signal.SIGKILL)
    [new] = wait_for(lambda: [pid for pid in app.workers() if pid != old], "new worker")
    assert new != old
    assert app.get("/") == (200, b"hello")
    # An answer to us is none to the probe, which has yet to ask the new one.
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready app")


def test_no_connection_is_refused_while_no_worker_runs(run: Start) -> None:
    app = run()
    app.wait_ready()
    [old] = app.workers()
    os.kill(old, signal.SIGKILL)
    # Refused or reset would raise; what comes while no server runs waits in the socket.
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(app.get, "/") for _ in range(10)]
        assert [answer.result() for answer in answers] == [(200, b"hello")] * 10
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready app")
    assert not exists(old)
    assert "SIGKILL" in app.events("worker_lost")[0]["message"]


def test_a_request_in_flight_outlives_the_supervisor(run: Start, tmp_path: Path) -> None:
    app = run()
    app.wait_ready()
    answer = ask_later(app.bind, f"/hold{tmp_path / 'gate'}")
    wait_for(lambda: "held" in app.stdout, "request")
    app.process.kill()
    app.process.wait()
    (tmp_path / "gate").touch()
    assert answer() == (200, b"hello")
    wait_for(lambda: gone(app), "end of every process")


def test_a_killed_supervisor_leaves_no_process(run: Start) -> None:
    app = run("sample:app", "--workers", "2")
    app.wait_ready()
    wait_for(lambda: len(app.workers()) == 2, "two workers")
    app.process.kill()
    app.process.wait()
    wait_for(lambda: gone(app), "end of every process")


def test_a_killed_supervisor_leaves_no_process_that_still_loads(run: Start) -> None:
    app = run("slow_import:app")
    wait_for(lambda: app.events("worker_started"), "worker")
    app.seen.add(app.events("worker_started")[0]["pid"])
    app.process.kill()
    app.process.wait()
    wait_for(lambda: gone(app), "end of every process")


@pytest.mark.parametrize("codes", [(0, 3, 4), (-signal.SIGKILL, -signal.SIGSEGV)])
def test_a_poison_request_sent_again_and_again_does_not_end_the_service(
    run: Start, codes: tuple[int, ...]
) -> None:
    app = run("sample:app", "--workers", "2")
    app.wait_ready()
    for code in codes * 3:
        with contextlib.suppress(OSError, http.client.HTTPException):
            app.get(f"/die?{code}")
        assert app.get("/") == (200, b"hello")
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready app")
    assert app.process.poll() is None
    lost = wait_for(
        lambda: len(app.events("worker_lost")) >= 3 * len(codes) and app.events("worker_lost"),
        "report of each",
    )
    if -signal.SIGSEGV in codes:
        assert any("sample.py" in event.get("stacks", "") for event in lost)


def test_workers_that_keep_dying_before_ready(run: Start) -> None:
    app = run("dies:app", app_dir=APPS / "broken")
    assert app.wait_exit() == 1
    message = app.events("failed")[0]["message"]
    assert "5 processes died before the app was ready" in message
    assert "SIGKILL" in message
