import http.client
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import Start
from harness import Answer, Running, ask_later, exists, quick, refused, wait_for

OK = (200, b"hello")


def busy(app: Running, gate: Path, count: int = 1, threads: int = 1) -> list[Callable[[], Answer]]:
    """`count` requests that wait for the gate, in all the threads of the app and in its queue."""
    answers = [ask_later(app.bind, f"/hold{gate}") for _ in range(count)]
    wait_for(lambda: app.stdout.count("held") == threads, "busy threads")
    return answers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_finished(run: Start, number: int, tmp_path: Path) -> None:
    app = run()
    app.wait_ready()
    [answer] = busy(app, tmp_path / "gate")
    app.signal(number)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    assert app.ask("/ready")[0] == 503
    (tmp_path / "gate").touch()
    assert answer() == OK
    assert app.wait_exit() == 0
    assert not any(map(exists, app.seen))


def test_requests_that_queued_are_answered_and_late_ones_refused(
    run: Start, tmp_path: Path
) -> None:
    app = run("sample:app", "--threads", "4")
    app.wait_ready()
    answers = busy(app, tmp_path / "gate", count=12, threads=4)
    app.signal(signal.SIGTERM)
    wait_for(lambda: refused(app), "refusal")
    (tmp_path / "gate").touch()
    assert [answer() for answer in answers] == [OK] * 12
    assert app.wait_exit() == 0


def test_the_app_serves_on_during_the_drain_delay(run: Start) -> None:
    app = run("sample:app", "--drain-delay-s", "60")
    app.wait_ready()
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    assert app.get("/") == OK


def test_the_drain_delay_ends(run: Start) -> None:
    app = run("sample:app", "--drain-delay-s", "0.5")
    app.wait_ready()
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0


def test_a_worker_that_dies_during_the_drain_delay_is_replaced(run: Start) -> None:
    app = run("sample:app", "--drain-delay-s", "60")
    app.wait_ready()
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    os.kill(app.workers()[0], signal.SIGKILL)
    assert app.get("/") == (200, b"hello")


def test_the_graceful_timeout_ends_the_wait(run: Start, tmp_path: Path) -> None:
    app = run("sample:app", "--graceful-timeout-s", "1")
    app.wait_ready()
    [answer] = busy(app, tmp_path / "never")
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    with pytest.raises((OSError, http.client.HTTPException)):
        answer()
    assert not any(map(exists, app.seen))


def test_a_second_signal_stops_now(run: Start, tmp_path: Path) -> None:
    app = run("sample:app", "--graceful-timeout-s", "3600")
    app.wait_ready()
    [answer] = busy(app, tmp_path / "never")
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 128 + signal.SIGTERM
    with pytest.raises((OSError, http.client.HTTPException)):
        answer()
    assert not any(map(exists, app.seen))


def test_stopping_while_the_app_loads(run: Start) -> None:
    app = run("slow_import:app", "--graceful-timeout-s", "3600")
    wait_for(lambda: app.events("worker_started"), "worker")
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0


def test_health_is_quick_while_every_thread_is_busy(run: Start, tmp_path: Path) -> None:
    app = run("sample:app", "--threads", "4")
    app.wait_ready()
    answers = busy(app, tmp_path / "gate", count=8, threads=4)
    assert quick(app.healthy)
    (tmp_path / "gate").touch()
    assert [answer() for answer in answers] == [OK] * 8


def test_no_request_is_cut_while_clients_keep_coming(run: Start) -> None:
    """Every client gets its answer or a refusal that it can safely retry elsewhere."""
    app = run()
    app.wait_ready()
    stop, cut, answered = threading.Event(), [], []

    def client() -> None:
        while not stop.is_set():
            try:
                assert app.get("/sleep/0.01")[0] == 200
                answered.append(1)
            except ConnectionRefusedError:
                return
            except OSError as error:
                cut.append(error)

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(client) for _ in range(4)]
        wait_for(lambda: len(answered) > 20, "traffic")
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 0
        stop.set()
        for one in clients:
            one.result()
    # The kernel offers no way to stop connections and keep the queue: one may fall in between.
    assert len(cut) <= 1


def test_an_idle_connection_is_kept_and_does_not_hold_up_the_end(run: Start) -> None:
    app = run("sample:app", "--keep-alive-s", "3600", "--graceful-timeout-s", "3600")
    app.wait_ready()
    connection = http.client.HTTPConnection(app.bind, timeout=60)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    # gunicorn's own default, 2 s, would have closed it: a load balancer keeps it for longer.
    time.sleep(2.5)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    connection.close()
