import contextlib
import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Start
from harness import APPS, Running, exists, wait_for


def gone_within(app: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(exists, app.seen)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_killed_worker_is_replaced(run: Start) -> None:
    app = run()
    app.wait_ready()
    [old] = app.workers()
    os.kill(old, signal.SIGKILL)
    [new] = wait_for(lambda: [pid for pid in app.workers() if pid != old], "new worker")
    assert new != old
    assert app.get("/") == (200, b"hello")
    assert app.ask("/ready")[0] == 200


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


def test_a_request_in_flight_outlives_the_supervisor(run: Start) -> None:
    app = run()
    app.wait_ready()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(app.get, "/sleep/1")
        wait_for(lambda: app.ask("/workers")[1]["workers"][0]["in_flight"], "request")
        app.process.kill()
        assert answer.result() == (200, b"hello")
    assert gone_within(app, 10)


def test_a_killed_supervisor_leaves_no_process(run: Start) -> None:
    app = run("sample:app", "--workers", "2")
    app.wait_ready()
    wait_for(lambda: len(app.workers()) == 2, "two workers")
    app.process.kill()
    app.process.wait()
    assert gone_within(app, 10)


def test_a_killed_supervisor_leaves_no_process_that_still_loads(run: Start) -> None:
    app = run("slow_import:app")
    wait_for(lambda: app.events("worker_started"), "worker")
    app.seen.add(app.events("worker_started")[0]["pid"])
    app.process.kill()
    app.process.wait()
    assert gone_within(app, 10)


@pytest.mark.parametrize("code", [0, 3, 4, -signal.SIGKILL, -signal.SIGSEGV])
def test_a_poison_request_sent_again_and_again_does_not_end_the_service(
    run: Start, code: int
) -> None:
    app = run("sample:app", "--workers", "2")
    app.wait_ready()
    for _ in range(4):
        with contextlib.suppress(OSError, http.client.HTTPException):
            app.get(f"/die?{code}", timeout_s=10)
        assert app.get("/") == (200, b"hello")
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready app")
    assert app.process.poll() is None
    lost = app.events("worker_lost")
    assert len(lost) >= 4
    if code == -signal.SIGSEGV:
        assert any("sample.py" in event.get("stacks", "") for event in lost)


def test_workers_that_keep_dying_before_ready(run: Start) -> None:
    app = run("dies:app", app_dir=APPS / "broken")
    assert app.wait_exit() == 1
    message = app.events("failed")[0]["message"]
    assert "5 processes died before the app was ready" in message
    assert "SIGKILL" in message
