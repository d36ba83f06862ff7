"""Requests on a connection: read, taken on and answered as uvicorn does, to the byte."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from seatrial_runtime.servers.asgi_answer import Cycle
from seatrial_runtime.servers.asgi_http import Protocol

_TURNS = 20  # Of the loop: more than anything here waits for.


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = self.paused = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 4000), "sockname": ("192.0.2.2", 80)}.get(name, default)


class App:
    """Keeps the scopes and bodies it sees, and answers by the path."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/defect":
            raise RuntimeError("a defect")
        body, more, kinds = b"", scope["path"] != "/unread", []
        while more:
            message = await receive()
            kinds.append(message["type"])
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.seen.append(({**scope, "headers": list(scope["headers"])}, body, kinds))
        await answer(scope["path"], body, send)

    def began(self, cycle: Cycle) -> Coroutine[Any, Any, None]:
        """As the guard's."""
        if cycle.scope["path"] == "/defect":
            raise RuntimeError("a defect")
        return self._to_the_end(cycle)

    async def _to_the_end(self, cycle: Cycle) -> None:
        try:
            await self(cycle.scope, cycle.receive, cycle.send)
        except Exception:
            # The guard answers these; what it lets out is the cycle's to end.
            cycle.ended()
            return
        cycle.ended()


async def answer(path: str, body: bytes, send: Callable[[Any], Awaitable[None]]) -> None:
    if path == "/nothing":
        return
    status = int(path[1:]) if path[1:].isdecimal() else 200
    headers = [(b"Content-Type", b"text/plain")]
    if path not in ("/stream", "/204", "/304"):
        headers.append((b"content-length", b"%d" % (len(body) + 5)))
    if path == "/last":
        headers.append((b"Connection", b"Keep-Alive, Close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if path == "/half":
        return
    if path == "/stream":
        for part in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)
    own = b"" if path in ("/204", "/304") else b"hello" + body
    await send({"type": "http.response.body", "body": own})


def talk(kind: type[HttpToolsProtocol], pieces: list[bytes], leaves: bool = False) -> Any:
    """What is written, whether the connection is closed, and what the app has seen."""

    async def run() -> Any:
        app, wire, state = App(), Wire(), ServerState()
        state.default_headers = [(b"date", b"today")]
        config = Config(app, lifespan="off", access_log=False, log_config=None, proxy_headers=False)
        protocol = kind(config=config, server_state=state, app_state={"a": 1})
        if kind is Protocol:
            protocol.app = app  # type: ignore[assignment]
        protocol.connection_made(wire)  # type: ignore[arg-type]
        for piece in pieces:
            if wire.closed:
                break
            protocol.data_received(piece)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        if leaves:
            protocol.connection_lost(None)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        assert not state.tasks or leaves
        if protocol.timeout_keep_alive_task is not None:
            protocol.timeout_keep_alive_task.cancel()
        return wire.written, wire.closed, app.seen, state.total_requests

    return asyncio.run(run())


HOST = b"Host: x.test\r\n"
REQUESTS = {
    "plain": b"GET /a?b=c&d=%20 HTTP/1.1\r\nHost: x.test\r\nAccept: */*\r\n\r\n",
    "twice the same": b"GET /a HTTP/1.1\r\n" + HOST + b"\r\nGET /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "escaped": b"GET /%C3%A4%2F%20b HTTP/1.1\r\n" + HOST + b"\r\n",
    "whole address": b"GET http://x.test/a/b?c HTTP/1.1\r\n" + HOST + b"\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n",
    "no body": b"GET /204 HTTP/1.1\r\n" + HOST + b"\r\nGET /304 HTTP/1.1\r\n" + HOST + b"\r\n",
    "not found": b"GET /404 HTTP/1.1\r\n" + HOST + b"\r\n",
    "with a body": b"POST /p HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nabcd",
    "chunked": b"PUT /p HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
    "asked to go on": b"POST /p HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 2\r\nExpect: 100-Continue\r\n\r\nhi",
    "not asked to go on": b"POST /unread HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\nhi",
    "unread body, then more": b"POST /unread HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "in a row": b"".join(
        b"%b HTTP/1.1\r\nHost: x.test\r\nContent-Length: 1\r\n\r\n%d" % (line, number)
        for number, line in enumerate((b"POST /a", b"POST /stream", b"POST /b", b"GET /c"))
    ),
    "in a row, one the last": b"GET /last HTTP/1.1\r\n"
    + HOST
    + b"\r\nGET /b HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "stream": b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n",
    "closing": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "kept by name": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Keep-Alive\r\n\r\n",
    "of the last century": b"GET / HTTP/1.0\r\n\r\n",
    "of the last century, kept": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "another method": b"PROPFIND /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "repeated": b"GET / HTTP/1.1\r\n" + HOST + b"A-B: 1\r\na-b: 2\r\nConnection: x, close\r\n\r\n",
    "another upgrade": b"GET /u HTTP/1.1\r\n"
    + HOST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "half an answer": b"GET /half HTTP/1.1\r\n" + HOST + b"\r\n",
    "no answer": b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n",
    "a defect in judging it": b"GET /defect HTTP/1.1\r\n"
    + HOST
    + b"\r\nGET / HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "no request": b"\x16\x03\x01\r\n\r\n",
    "no address": b"GET http:// HTTP/1.1\r\n" + HOST + b"\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "length and chunks": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_connection_is_served_as_by_uvicorn(name: str, size: int) -> None:
    data = REQUESTS[name]
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    for _ in range(2):  # The second time, paths and lines are known.
        ours, theirs = talk(Protocol, pieces), talk(HttpToolsProtocol, pieces)
        assert ours == theirs


def test_a_client_that_leaves_is_told_of() -> None:
    pieces = [b"POST /p HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nabc"]
    ours, theirs = (talk(kind, pieces, leaves=True) for kind in (Protocol, HttpToolsProtocol))
    assert ours == theirs
    assert ours[2][0][2] == ["http.request", "http.disconnect"]
