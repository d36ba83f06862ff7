"""Answers on uvicorn's and gunicorn's machinery: as theirs, in fewer writes."""

import asyncio
import io
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser, errors, wsgi
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from harness import web_settings
from seatrial_runtime.guard.headers import SecurityHeaders
from seatrial_runtime.servers import asgi_answer
from seatrial_runtime.servers.asgi_answer import Cycle
from seatrial_runtime.servers.asgi_http import Protocol
from seatrial_runtime.servers.wsgi_request import Maker, Response

_ERRORS: Any = errors  # The library's stubs do not know them.
Pairs = list[tuple[bytes, bytes]]
JSON: Pairs = [(b"Content-Type", b"application/json"), (b"Content-Length", b"5")]


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        if data:
            self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def answer(
    messages: list[dict[str, Any]],
    kind: type[RequestResponseCycle] = Cycle,
    method: str = "GET",
    keep_alive: bool = True,
) -> tuple[list[bytes], Any]:
    """What comes of these messages."""

    async def run() -> tuple[list[bytes], Any]:
        wire: Any = Wire()
        cycle = made(kind, {"type": "http", "method": method}, wire, keep_alive)
        for message in messages:
            await cycle.send(message)
        return wire.writes, cycle

    return asyncio.run(run())


def made(kind: type[RequestResponseCycle], scope: Any, wire: Any, keep_alive: bool) -> Any:
    """A request as the server makes it."""
    flow, always = FlowControl(wire), [(b"date", b"today")]
    if kind is Cycle:
        protocol: Any = SimpleNamespace(
            server_state=SimpleNamespace(default_headers=always, tasks=set()),
            transport=wire,
            flow=flow,
            expect_100_continue=False,
            on_response_complete=lambda: None,
        )
        return Cycle(protocol, scope, keep_alive)
    none: Any = None
    return kind(
        scope=scope,
        transport=wire,
        flow=flow,
        logger=none,
        access_logger=none,
        access_log=False,
        default_headers=always,
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )


def start(headers: Pairs, status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "small": ([start(JSON), body(b"12345")], {}),
    "in parts": ([start(JSON), body(b"12", True), body(b"345")], {}),
    "of unknown length": ([start(JSON[:1]), body(b"12", True), body(b"")], {}),
    "without a body": ([start([], 204), body(b"")], {}),
    "to HEAD": ([start(JSON), body(b"")], {"method": "HEAD"}),
    "the last": ([start(JSON), body(b"12345")], {"keep_alive": False}),
    "that closes": ([start([*JSON, (b"Connection", b"Close")]), body(b"12345")], {}),
    "chunked": ([start([(b"transfer-encoding", b"chunked")]), body(b"12345")], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_uvicorns_to_the_byte(name: str) -> None:
    messages, given = CASES[name]
    theirs, their_cycle = answer(messages, RequestResponseCycle, **dict(given))
    ours, our_cycle = answer(messages, **dict(given))
    assert b"".join(ours) == b"".join(theirs)
    assert our_cycle.transport.closed == their_cycle.transport.closed
    assert our_cycle.response_complete and their_cycle.response_complete


def test_a_small_answer_is_one_write_and_no_stream_waits_for_its_body() -> None:
    assert len(answer([start(JSON), body(b"12345")])[0]) == 1
    stream = [(b"content-type", b"text/event-stream")]
    assert answer([start(stream)])[0][0].endswith(b"\r\n\r\n")
    large = [(b"content-length", b"10000000")]
    assert answer([start(large)])[0][0].endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "wrong",
    [
        [start([(b"x\r\ny", b"1")])],
        [start([(b"x", b"1\r\nset-cookie: evil")])],
        [start(JSON), body(b"123456")],
        [start(JSON), body(b"1234")],
        [start(JSON), body(b"12345"), body(b"12345")],
        [body(b"12345")],
    ],
)
def test_what_uvicorn_refuses_is_refused(wrong: list[dict[str, Any]]) -> None:
    for kind in (RequestResponseCycle, Cycle):
        with pytest.raises(RuntimeError):
            answer(wrong, kind)


@pytest.mark.parametrize("https", [False, True])
def test_lines_of_the_guard_say_what_its_headers_say(https: bool) -> None:
    headers = SecurityHeaders(web_settings("app:app", environment="production"))
    told = [(b"ratelimit-limit", b"9")]
    ours = [(b"content-type", b"text/plain"), (b"content-length", b"0")]
    as_pairs = headers.complete_bytes(ours, "id", told, https)
    lines = headers.lines(ours, "id", b"ratelimit-limit: 9\r\n", https)  # Learnt by now.
    assert lines is not None
    wire: Any = Wire()

    async def begin() -> None:
        assert made(Cycle, {"type": "http", "method": "GET"}, wire, True).begin(start(ours), lines)

    asyncio.run(begin())
    assert wire.writes == answer([start(as_pairs)])[0]
    assert headers.lines([(b"X-Frame-Options", b"DENY")], "id", b"", https) is None
    assert headers.lines(iter(ours), "id", b"", https) is None


def test_what_is_kept_of_heads_is_no_secret() -> None:
    asgi_answer._lines.clear()
    cookie = (b"set-cookie", b"session=1")
    for _ in range(2):
        assert (
            b"set-cookie: session=1\r\n" in answer([start([*JSON, cookie]), body(b"12345")])[0][0]
        )
    assert sorted(map(str, asgi_answer._lines)) == sorted(map(str, JSON))
    mutable: Any = [[b"content-length", b"5"]]
    assert (
        answer([start(mutable), body(b"12345")])[0]
        == answer([start([(b"content-length", b"5")]), body(b"12345")])[0]
    )


class Clock:
    """As much of a loop as a timer needs."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Any:
        self.timers.append((self.now_s + delay_s, call))
        return SimpleNamespace(cancel=self.timers.clear)

    def go(self, seconds: float) -> None:
        """Let time pass, and call what is due."""
        end_s = self.now_s + seconds
        while due := [timer for timer in self.timers if timer[0] <= end_s]:
            self.timers.remove(due[0])
            self.now_s = due[0][0]
            due[0][1]()
        self.now_s = end_s


def test_an_idle_connection_is_closed_once_it_was_idle_for_so_long() -> None:
    clock, wire = Clock(), Wire()
    protocol: Any = Protocol.__new__(Protocol)
    protocol.__dict__.update(
        flow=SimpleNamespace(resume_reading=lambda: None),
        loop=clock,
        pipeline=[],
        server_state=SimpleNamespace(total_requests=0),
        timeout_keep_alive=5,
        timeout_keep_alive_task=None,
        transport=wire,
    )
    protocol.on_response_complete()
    clock.go(4)
    protocol.on_response_complete()
    clock.go(4)
    assert not wire.closed and len(clock.timers) == 1
    protocol._unset_keepalive_if_required()  # A request that takes its time.
    clock.go(60)
    assert not wire.closed and not clock.timers
    protocol.on_response_complete()
    clock.go(5)
    assert wire.closed


REQUESTS = {
    "plain": b"GET /a?b=c HTTP/1.1\r\nHost: x.test\r\nAccept: */*\r\n\r\n",
    "escaped": b"GET /%C3%A4%2F%20b HTTP/1.1\r\nHost: x.test\r\n\r\n",
    "with a body": b"POST / HTTP/1.1\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi",
    "repeated": b"GET / HTTP/1.1\r\nHost: x\r\nA-B: 1\r\na-b: 2\r\nA-B: 3\r\n\r\n",
    "of the last century": b"GET / HTTP/1.0\r\n\r\n",
}


def parsed(data: bytes) -> tuple[Any, Any]:
    """A request as gunicorn reads it, and its connection."""
    cfg = Config()
    client = ("192.0.2.1", 4000)
    request = next(RequestParser(cfg, iter([data]), client))
    near, far = socket.socketpair()
    far.close()
    return request, SimpleNamespace(sock=near, client=client, server=("192.0.2.2", 80))


@pytest.mark.parametrize("name", REQUESTS)
def test_an_environ_is_gunicorns(name: str) -> None:
    cfg = Config()
    request, connection = parsed(REQUESTS[name])
    _, theirs = wsgi.create(request, connection.sock, connection.client, connection.server, cfg)
    response, ours = Maker(cfg, set()).make(request, connection)
    connection.sock.close()
    made_anew = ("wsgi.errors", "wsgi.early_hints", "wsgi.multithread")
    assert {k: v for k, v in ours.items() if k not in made_anew} == {
        k: v for k, v in theirs.items() if k not in made_anew
    }
    assert ours["wsgi.multithread"] is True and set(ours) == set(theirs)
    assert isinstance(response, Response)


def head(kind: type[wsgi.Response], headers: list[tuple[str, str]]) -> tuple[list[str], Any]:
    request, connection = parsed(REQUESTS["plain"])
    connection.sock.close()
    made: Any = kind(request, connection.sock, Config())
    made.start_response("200 OK", headers)
    date = [line for line in made.default_headers() if line and not line.startswith("Date:")]
    return "".join([*date, *(f"{k}: {v}\r\n" for k, v in made.headers)]).split("\r\n"), made


def test_a_head_is_gunicorns() -> None:
    given = [
        [("Content-Type", " text/plain\t"), ("Content-Length", "5"), ("X-A", "1"), ("X-A", "2")],
        [("Upgrade", "websocket"), ("Connection", "upgrade")],
        [("Connection", "close"), ("Keep-Alive", "5"), ("X-A", "3")],
        [("Transfer-Encoding", "chunked"), ("X-A", "4")],
    ]
    for headers in given * 2:  # The second time names are known.
        (ours, our), (theirs, their) = head(Response, headers), head(wsgi.Response, headers)
        assert ours == theirs
        assert (our.response_length, our.upgrade, our.chunked) == (
            their.response_length, their.upgrade, their.chunked
        )  # fmt: skip


def test_a_bad_header_is_refused_also_where_its_name_is_known() -> None:
    head(Response, [("X-Known", "fine")])
    with pytest.raises(_ERRORS.InvalidResponseHeader):
        head(Response, [("X-Known", "1\r\nSet-Cookie: evil")])
    with pytest.raises(_ERRORS.InvalidResponseHeaderName):
        head(Response, [("X Known", "fine")])
    number: Any = 5
    with pytest.raises(TypeError):
        head(Response, [("X-Known", number)])


def test_a_small_answer_of_a_wsgi_app_is_one_write() -> None:
    request, connection = parsed(REQUESTS["plain"])
    writes: list[bytes] = []
    connection.sock.close()
    connection.sock = SimpleNamespace(sendall=writes.append)
    response, _ = Maker(Config(), set()).make(request, connection)
    response.start_response("200 OK", [("Content-Length", "5")])
    response.write(b"hello")
    assert len(writes) == 1
    assert io.BytesIO(writes[0]).readline() == b"HTTP/1.1 200 OK\r\n"
