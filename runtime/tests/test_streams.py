"""Streams and websockets at the end of the service: a time of their own, then a clear end."""

import http.client
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import Start
from harness import Running, ask_later, wait_for

client = pytest.importorskip("websockets.sync.client")
BOTH = pytest.mark.parametrize("target", ["sample:app", "asgi_sample:app"])


def follow(app: Running) -> bytes:
    """Read a stream until it ends; what came."""
    connection = http.client.HTTPConnection(app.bind, timeout=60)
    connection.request("GET", "/stream")
    answer, found = connection.getresponse(), b""
    try:
        while chunk := answer.read1(100):
            found += chunk
    except (OSError, http.client.HTTPException):
        pass
    return found


@BOTH
def test_a_stream_ends_after_its_time_and_a_request_has_longer(
    run: Start, target: str, tmp_path: Path
) -> None:
    app = run(target, "--stream-timeout-s", "1", "--graceful-timeout-s", "8")
    app.wait_ready()
    request = ask_later(app.bind, f"/wait{tmp_path / 'gate'}")
    with ThreadPoolExecutor() as pool:
        stream = pool.submit(follow, app)
        wait_for(lambda: app.in_flight() == 2, "both")
        app.signal(signal.SIGTERM)
        assert stream.result().startswith(b"data: 0")
    (tmp_path / "gate").touch()
    assert request() == (200, b"hello")
    assert app.wait_exit() == 0
    assert not app.events("killed")


def test_a_stream_without_a_reader_does_not_hold_up_the_end(run: Start) -> None:
    app = run("asgi_sample:app", "--stream-timeout-s", "3600", "--graceful-timeout-s", "3600")
    app.wait_ready()
    connection = http.client.HTTPConnection(app.bind, timeout=30)
    connection.request("GET", "/stream")
    connection.getresponse().read1(100)
    connection.close()
    wait_for(lambda: app.in_flight() == 1, "stream")  # It never asks whether anybody is there.
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    assert "lifespan over" in app.stdout and not app.events("killed")


def test_a_websocket_works_on_for_its_time_and_is_closed_with_1012(run: Start) -> None:
    app = run("asgi_sample:app", "--stream-timeout-s", "5")
    app.wait_ready()
    with client.connect(f"ws://{app.bind}/", open_timeout=60) as socket:
        socket.send("one")
        assert socket.recv(timeout=60) == "one"
        app.signal(signal.SIGTERM)
        wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
        socket.send("two")
        assert socket.recv(timeout=60) == "two"
        with pytest.raises(Exception, match="1012"):
            socket.recv(timeout=60)
    assert app.wait_exit() == 0


def test_an_idle_connection_of_an_asgi_app_may_still_ask_once(run: Start) -> None:
    app = run("asgi_sample:app")
    app.wait_ready()
    connection = http.client.HTTPConnection(app.bind, timeout=60)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    app.signal(signal.SIGTERM)
    wait_for(lambda: app.ask("/ready")[1]["status"] == "draining", "drain")
    # What a proxy does that has not noticed yet: each is answered, the last one by "close".
    answer = None
    while answer is None or answer.headers["connection"] != "close":
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.read() == b"hello"
    assert app.wait_exit() == 0


def test_a_head_that_is_too_large(run: Start) -> None:
    for target in ("sample:app", "asgi_sample:app"):
        app = run(target, "--max-header", "4KiB")
        app.wait_ready()
        assert app.get("/", headers={"X-Fill": "a" * 3000})[0] == 200
        assert app.get("/", headers={f"X-Fill-{n}": "a" * 900 for n in range(9)})[0] == 431
        assert app.get("/")[0] == 200
