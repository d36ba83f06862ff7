import contextlib
import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

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


def test_a_killed_arbiter_is_restarted_and_no_connection_refused(run: Start) -> None:
    app = run()
    app.wait_ready()
    old = app.arbiter()
    os.kill(old, signal.SIGKILL)
    # Refused or reset would raise; what comes while no server runs waits in the socket.
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(app.get, "/") for _ in range(10)]
        assert [answer.result() for answer in answers] == [(200, b"hello")] * 10
    assert app.arbiter() != old
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready app")
    assert not exists(old)
    assert "SIGKILL" in app.events("server_lost")[0]["message"]


def test_a_request_in_flight_outlives_the_arbiter(run: Start) -> None:
    app = run()
    app.wait_ready()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(app.get, "/sleep/1")
        time.sleep(0.3)
        os.kill(app.arbiter(), signal.SIGKILL)
        assert answer.result() == (200, b"hello")


def test_a_killed_supervisor_leaves_no_process(run: Start) -> None:
    app = run("sample:app", "--workers", "2")
    app.wait_ready()
    wait_for(lambda: len(app.workers()) == 2, "two workers")
    assert len(app.seen) == 3
    app.process.kill()
    app.process.wait()
    assert gone_within(app, 3)


def test_a_killed_supervisor_and_arbiter_leave_no_process(run: Start) -> None:
    app = run()
    app.wait_ready()
    arbiter = app.arbiter()
    app.process.kill()
    os.kill(arbiter, signal.SIGKILL)
    app.process.wait()
    assert gone_within(app, 3)


def test_a_killed_supervisor_leaves_no_process_that_still_loads(run: Start) -> None:
    app = run("slow_import:app")
    wait_for(lambda: "Booting worker" in app.stderr, "worker")
    message = next(e["message"] for e in app.events("server") if "Booting" in e["message"])
    app.seen.add(int(message.rpartition(" ")[2]))
    app.process.kill()
    app.process.wait()
    assert gone_within(app, 3)


def test_an_exit_code_that_ends_gunicorn_does_not_end_the_service(run: Start) -> None:
    app = run()
    app.wait_ready()
    with contextlib.suppress(OSError, http.client.HTTPException):
        app.get("/die?3", timeout_s=5)
    assert app.get("/") == (200, b"hello")
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready app")


def test_workers_that_keep_dying_before_ready(run: Start) -> None:
    app = run("dies:app", app_dir=APPS / "broken")
    assert app.wait_exit() == 1
    message = app.events("failed")[0]["message"]
    assert "5 processes died before the app was ready" in message
    assert "SIGKILL" in message
