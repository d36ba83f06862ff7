import http.client
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import Start
from harness import Running, exists, wait_for


def busy(
    app: Running, pool: ThreadPoolExecutor, count: int, sleep_s: float
) -> list[Future[tuple[int, bytes]]]:
    """`count` requests that are in the app's hands or in its queue."""
    futures = [pool.submit(app.get, f"/sleep/{sleep_s}") for _ in range(count)]
    time.sleep(0.3)  # No outside sign tells that a request has entered the app.
    return futures


@pytest.mark.parametrize(("number", "sleep_s"), [(signal.SIGTERM, 2), (signal.SIGINT, 1)])
def test_a_request_in_flight_is_finished(run: Start, number: int, sleep_s: float) -> None:
    app = run()
    app.wait_ready()
    with ThreadPoolExecutor() as pool:
        [answer] = busy(app, pool, 1, sleep_s)
        app.signal(number)
        wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain", 5)
        assert app.ask("/ready")[0] == 503
        assert answer.result() == (200, b"hello")
    assert app.wait_exit() == 0
    assert not any(map(exists, app.seen))


def test_requests_that_queued_are_answered_and_late_ones_refused(run: Start) -> None:
    app = run("sample:app", "--threads", "4")
    app.wait_ready()
    with ThreadPoolExecutor(12) as pool:
        answers = busy(app, pool, 12, 0.5)
        app.signal(signal.SIGTERM)
        wait_for(lambda: refused(app), "refusal", 5)
        assert [answer.result() for answer in answers] == [(200, b"hello")] * 12
    assert app.wait_exit() == 0


def refused(app: Running) -> bool:
    try:
        app.get("/", timeout_s=0.1)
    except ConnectionRefusedError:
        return True
    return False


def test_the_app_serves_on_during_the_drain_delay(run: Start) -> None:
    app = run("sample:app", "--drain-delay-s", "1.5")
    app.wait_ready()
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain", 1.5)
    assert app.get("/") == (200, b"hello")
    assert app.wait_exit() == 0


def test_a_worker_that_dies_during_the_drain_delay_is_replaced(run: Start) -> None:
    app = run("sample:app", "--drain-delay-s", "60")
    app.wait_ready()
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    os.kill(app.workers()[0], signal.SIGKILL)
    assert app.get("/") == (200, b"hello")


def test_the_graceful_timeout_ends_the_wait(run: Start) -> None:
    app = run("sample:app", "--graceful-timeout-s", "1")
    app.wait_ready()
    with ThreadPoolExecutor() as pool:
        [answer] = busy(app, pool, 1, 30)
        app.signal(signal.SIGTERM)
        assert app.wait_exit(10) == 0
        assert answer.exception() is not None
    assert not any(map(exists, app.seen))


def test_a_second_signal_stops_now(run: Start) -> None:
    app = run()
    app.wait_ready()
    with ThreadPoolExecutor() as pool:
        [answer] = busy(app, pool, 1, 30)
        app.signal(signal.SIGTERM)
        wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
        app.signal(signal.SIGTERM)
        assert app.wait_exit(5) == 128 + signal.SIGTERM
        assert answer.exception() is not None
    assert not any(map(exists, app.seen))


def test_stopping_while_the_app_loads(run: Start) -> None:
    app = run("slow_import:app")
    wait_for(lambda: app.events("worker_started"), "worker")
    app.signal(signal.SIGTERM)
    assert app.wait_exit(5) == 0


def test_health_is_quick_while_every_thread_is_busy(run: Start, tmp_path: Path) -> None:
    app = run("sample:app", "--threads", "4")
    app.wait_ready()
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(app.get, f"/hold{gate}") for _ in range(8)]
        wait_for(lambda: app.stdout.count("held") == 4, "busy threads")
        times_s = []
        for _ in range(20):
            before = time.monotonic()
            assert app.ask("/health")[0] == 200
            times_s.append(time.monotonic() - before)
        assert not any(answer.done() for answer in answers), "the app was not busy"
        gate.touch()
        assert [answer.result()[0] for answer in answers] == [200] * 8
    # The machine that runs the tests may be busy itself: one measurement in 20 may stray.
    assert sorted(times_s)[-2] < 0.1


def test_no_request_is_cut_while_clients_keep_coming(run: Start) -> None:
    """Every client gets its answer or a refusal that it can safely retry elsewhere."""
    app = run()
    app.wait_ready()
    stop, cut = threading.Event(), []

    def client() -> int:
        count = 0
        while not stop.is_set():
            try:
                assert app.get("/sleep/0.01")[0] == 200
                count += 1
            except ConnectionRefusedError:
                return count
            except OSError as error:
                cut.append(error)
        return count

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(client) for _ in range(4)]
        time.sleep(0.3)
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 0
        stop.set()
        assert sum(one.result() for one in clients) > 0
    # The kernel offers no way to stop connections and keep the queue: one may fall in between.
    assert len(cut) <= 1


def test_an_idle_connection_is_kept_and_does_not_hold_up_the_end(run: Start) -> None:
    app = run("sample:app", "--keep-alive-s", "60")
    app.wait_ready()
    host, _, port = app.bind.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    for _ in range(2):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        # gunicorn's own default, 2 s, would have closed it: a load balancer keeps it for longer.
        time.sleep(2.5)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    began = time.monotonic()
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    assert time.monotonic() - began < 20  # The graceful timeout is 30 s.
    connection.close()
