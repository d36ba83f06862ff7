"""Websockets through the guard: untouched once open, counted, one line at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from guard_apps import Server, serving
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from harness import wait_for

FLAGS = {"request_timeout_s": "0.4", "allowed_hosts": "127.0.0.1", "rate_limit": "8/day"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, "asgi", "plain_asgi", FLAGS) as running:
        yield running


def opened(server: Server, path: str = "/", **options: Any) -> Any:
    return connect(f"ws://127.0.0.1:{server.port}{path}", **options)


def status_of(server: Server, path: str = "/", **options: Any) -> int:
    with pytest.raises(InvalidStatus) as refused, opened(server, path, **options):
        pass
    return int(refused.value.response.status_code)


def test_an_open_one_outlives_the_deadline_and_is_told_once(server: Server) -> None:
    headers = {"X-Request-ID": "socket.1", "X-Forwarded-For": "203.0.113.9"}
    with opened(server, "/echo", additional_headers=headers) as socket:
        assert socket.response is not None
        assert socket.response.headers["X-Request-ID"] == "socket.1"
        began_s = time.monotonic()
        while time.monotonic() < began_s + 1:
            socket.send("hello")
            assert socket.recv() == "hello"
        wait_for(lambda: server.ask("/flights").json()["count"] == 2, "socket beside the question")
        assert not [one for one in server.events("request") if one["path"] == "/echo"]
    line = server.requests("/echo")[0]
    assert line["status"] == 101 and line["duration_ms"] >= 1000
    assert line["client"] == "203.0.113.9" and line["correlation_id"] == "socket.1"
    wait_for(lambda: server.ask("/flights").json()["count"] == 1, "end of the socket")


def test_a_handshake_has_a_deadline(server: Server) -> None:
    assert status_of(server, "/sleep?5") == 504
    assert server.requests("/sleep")[0]["status"] == 504


def test_refusals(server: Server) -> None:
    assert status_of(server, "/no") == 403
    evil = {"X-Forwarded-Host": "evil.org"}
    assert status_of(server, additional_headers=evil) == 400
    for _ in range(7):
        with opened(server):
            pass
    assert status_of(server) == 429
    assert server.requests("/no")[0]["status"] == 403


def test_an_app_that_raises(server: Server) -> None:
    with opened(server, "/echo") as socket:
        socket.send("raise")
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1011
    assert wait_for(lambda: server.events("exception"), "exception")[0]["type"] == "ValueError"
    assert server.requests("/echo")[0]["status"] == 101
