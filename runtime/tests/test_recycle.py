"""Workers that leak, hang or fall silent are replaced, and no request is lost by it."""

import contextlib
import http.client
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import Start
from harness import Running, get, wait_for

BOTH = pytest.mark.parametrize("target", ["ailing:wsgi", "ailing:asgi"])


def serving(app: Running) -> int:
    """The pid of the worker that answers."""
    return int(app.get("/")[1])


@BOTH
def test_a_leaking_worker_is_replaced_and_no_request_is_lost(run: Start, target: str) -> None:
    app = run(target, "--max-worker-memory", "120MiB")
    app.wait_ready()
    old, stop, failed = serving(app), threading.Event(), []

    def client(path: str) -> int:
        count = 0
        while not stop.is_set():
            try:
                assert app.get(path)[0] == 200
                count += 1
            except OSError as error:
                failed.append(error)
        return count

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(client, path) for path in ("/", "/", "/slow")]
        for _ in range(3):
            assert app.get("/leak/50")[0] == 200
        try:
            [event] = wait_for(lambda: app.events("worker_recycled"), "replacement")
        finally:
            stop.set()
        assert sum(one.result() for one in clients) > 0
    assert failed == []
    assert (event["pid"], event["reason"]) == (old, "memory")
    assert event["rss_bytes"] > 120 * 2**20
    assert serving(app) != old
    assert app.workers() == [serving(app)]
    assert app.ask("/ready")[0] == 200
    page = get(app.management, "/metrics")[1]
    assert b'seatrial_workers_recycled_total{reason="memory"} 1' in page


def test_a_worker_that_starts_near_its_limit_is_not_replaced_for_ever(run: Start) -> None:
    app = run("ailing:wsgi", "--max-worker-memory", "1MiB")  # Taken for the least, 64 MiB.
    app.wait_ready()
    old = serving(app)
    app.get("/leak/50")
    wait_for(lambda: app.events("worker_recycled"), "replacement")
    assert app.events("worker_recycled")[0]["pid"] == old


def test_a_worker_with_an_overdue_request_is_replaced(run: Start) -> None:
    options = ("--request-timeouts", "/hang=0.5", "--stuck-s", "2", "--graceful-timeout-s", "1")
    app = run("ailing:wsgi", *options)
    app.wait_ready()
    old = serving(app)
    assert app.get("/hang")[0] == 504
    [event] = wait_for(lambda: app.events("worker_recycled"), "replacement")
    assert (event["pid"], event["reason"]) == (old, "overdue")
    assert serving(app) != old
    # Where it hangs is in the log.
    assert "ailing.py" in app.events("overdue")[0]["stacks"]


@BOTH
def test_a_worker_that_falls_silent_is_killed_and_told_of(run: Start, target: str) -> None:
    app = run(target, "--stuck-s", "2")
    app.wait_ready()
    old = serving(app)
    with ThreadPoolExecutor() as pool:
        pool.submit(ask_and_lose, app, "/hold-the-interpreter")
        [event] = wait_for(lambda: app.events("worker_stuck"), "report")
    assert event["pid"] == old
    assert "no sign of life" in event["message"]
    assert "ailing.py" in event["stacks"] and "in act" in event["stacks"]
    assert serving(app) != old
    wait_for(lambda: app.ask("/ready")[0] == 200, "ready app")
    wait_for(
        lambda: b'restarts_total{reason="stuck"} 1' in get(app.management, "/metrics")[1], "figure"
    )


def test_a_blocked_event_loop_is_a_stuck_worker(run: Start) -> None:
    app = run("ailing:asgi", "--stuck-s", "2", "--request-timeout-s", "0")
    app.wait_ready()
    old = serving(app)
    with ThreadPoolExecutor() as pool:
        pool.submit(ask_and_lose, app, "/hang")
        [event] = wait_for(lambda: app.events("worker_stuck"), "report")
    assert "event loop has been blocked" in event["message"]
    assert "time.sleep" in event["stacks"] or "in act" in event["stacks"]
    assert serving(app) != old


def test_a_long_answer_is_not_a_stuck_worker(run: Start) -> None:
    app = run("ailing:asgi", "--stuck-s", "2", "--request-timeout-s", "0")
    app.wait_ready()
    old = serving(app)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask_and_lose, app, "/hang-politely", 4)
        answer.result()
    assert serving(app) == old
    assert not app.events("worker_stuck")


def ask_and_lose(app: Running, path: str, timeout_s: float = 20) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        app.get(path, timeout_s=timeout_s)
