"""A request and its answer on uvicorn, its small ones in one write.

uvicorn gives each request twenty attributes and an event, looks at each header with two regular
expressions, and sends head and body by a call each: half of what a small answer takes it, and two
packets.
"""

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

if TYPE_CHECKING:
    from seatrial_runtime.servers.asgi_http import Protocol

_JOIN_BYTES = 65536  # The head of a larger answer does not wait for the body.
_MAX_KEPT = 1024
_LENGTH, _CHUNKED, _CLOSE = range(1, 4)
# Names whose values are few: their lines are kept. Values of others may be secrets of someone.
_FEW = frozenset((b"cache-control", b"connection", b"content-length", b"content-type", b"vary"))
_FAILED_BODY = b"Internal Server Error"
_FAILED = {
    "status": 500,
    "headers": (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(_FAILED_BODY)),
        (b"connection", b"close"),
    ),
}
_Line = tuple[bytes, int, int]
_names: dict[bytes, bytes] = {}
_lines: dict[object, _Line] = {}


def _learn_name(name: bytes) -> bytes:
    """How a line with this name begins."""
    if HEADER_RE.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    begins = bytes(name).lower() + b": "
    if len(_names) < _MAX_KEPT:
        _names[name] = begins
    return begins


def _line(pair: Any) -> _Line:
    """One header as it is sent, what the server does about it, and the length that it tells."""
    name, value = pair
    begins = _names.get(name) or _learn_name(name)
    if HEADER_VALUE_RE.search(value):
        raise RuntimeError("Invalid HTTP header value.")
    lower, kind, length = begins[:-2], 0, 0
    if lower == b"content-length":
        kind, length = _LENGTH, int(value.decode())
    elif lower == b"transfer-encoding" and value.lower() == b"chunked":
        kind = _CHUNKED
    elif lower == b"connection" and b"close" in map(bytes.strip, value.lower().split(b",")):
        kind = _CLOSE
    line = begins + value + b"\r\n", kind, length
    if lower in _FEW and type(pair) is tuple and type(name) is type(value) is bytes:
        if len(_lines) >= _MAX_KEPT:
            _lines.clear()
        _lines[pair] = line
    return line


class _Always:
    """What stands in every head: uvicorn makes another list when the date changes."""

    headers: object = None
    lines, closes = b"", False

    @classmethod
    def learn(cls, headers: Any) -> None:
        """These are it from now on."""
        lines = [_line(pair) for pair in headers]
        cls.lines = b"".join(line for line, _, _ in lines)
        cls.closes = any(kind == _CLOSE for _, kind, _ in lines)
        cls.headers = headers


class News:
    """An event that is made only when somebody waits for it; few requests have a body."""

    there = False
    event: asyncio.Event | None = None

    def set(self) -> None:
        """There is something to be received."""
        self.there = True
        if self.event is not None:
            self.event.set()

    def clear(self) -> None:
        """It was received."""
        self.there = False
        if self.event is not None:
            self.event.clear()

    async def wait(self) -> None:
        """Return once there is."""
        if not self.there:
            if self.event is None:
                self.event = asyncio.Event()
            await self.event.wait()


def _nothing() -> None:
    """What is left to do for a request that is over."""


class Cycle(RequestResponseCycle):
    """One request; `held` is the head of a small answer, until its body is there.

    Its app is the guard, which takes the short ways, `begin` and `end`, and calls `ended`. What is
    not the ordinary case is uvicorn's own matter.
    """

    access_log, logger = False, logging.getLogger("uvicorn.error")
    task: "asyncio.Task[None] | None" = None

    def __init__(self, protocol: "Protocol", scope: Any, keep_alive: bool) -> None:
        # Not uvicorn's own: its call alone, with eleven names, costs as much as all of this.
        state = protocol.server_state
        self.scope, self.keep_alive = scope, keep_alive
        self.transport, self.flow = protocol.transport, protocol.flow
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.on_response = protocol.on_response_complete
        self.default_headers, self._running = state.default_headers, state.tasks
        self.message_event: Any = News()
        self.body: Any = b""
        self.held: bytes | None = None
        self.more_body, self.expected_content_length = True, 0
        self.disconnected = self.response_started = self.response_complete = False
        self.chunked_encoding: bool | None = None

    def begin(self, message: Any, lines: bytes = b"") -> bool:
        """Write the head, or hold it when a small body of known length follows.

        `lines` stand at its end, each with its own. False, and nothing is done, when it must wait.
        """
        if self.response_started or self.disconnected or self.flow.write_paused:
            return False
        status, always = message["status"], self.default_headers
        self.response_started, self.waiting_for_100_continue = True, False
        if _Always.headers is not always:
            _Always.learn(always)
        parts, closes = [STATUS_LINE[status], _Always.lines], _Always.closes
        for pair in message.get("headers", ()):
            try:
                line, kind, length = _lines.get(pair) or _line(pair)
            except TypeError:  # A pair that is a list.
                line, kind, length = _line(pair)
            parts.append(line)
            if kind == _LENGTH and self.chunked_encoding is None:
                self.expected_content_length, self.chunked_encoding = length, False
            elif kind == _CHUNKED:
                self.expected_content_length, self.chunked_encoding = 0, True
            elif kind == _CLOSE:
                closes = True
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            parts.append(b"connection: close\r\n")
        has_body = self.scope["method"] != "HEAD" and status not in (204, 304)
        if has_body and self.chunked_encoding is None:
            self.chunked_encoding = True
            parts.append(b"transfer-encoding: chunked\r\n")
        parts += (lines, b"\r\n")
        head = b"".join(parts)
        if has_body and 0 < self.expected_content_length <= _JOIN_BYTES:
            self.held = head
        else:
            self.transport.write(head)
        return True

    def end(self, message: Any) -> bool:
        """Write a held head and this, the whole body; False when it is something else."""
        head = self.held
        if head is None:
            return False
        self.held = None
        body = message.get("body", b"")
        if (
            len(body) != self.expected_content_length
            or message.get("more_body", False)
            or self.disconnected
            or self.flow.write_paused
        ):
            if not self.disconnected:
                self.transport.write(head)
            return False
        self.transport.write(head + body)
        self.expected_content_length, self.response_complete = 0, True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True

    async def send(self, message: Any) -> None:
        """Take what the app sends."""
        kind = message["type"]
        if kind == "http.response.start":
            if self.begin(message):
                return
        elif kind == "http.response.body" and self.end(message):
            return
        await super().send(message)

    def ended(self) -> None:
        """The app has returned, or the error that passes is one of the guard's own."""
        self._running.discard(self)
        if not self.response_complete and not self.disconnected:
            self._break_off(sys.exc_info()[1])
        self.on_response = _nothing

    def _break_off(self, error: BaseException | None) -> None:
        if error is not None:
            self.logger.error("Exception in ASGI application\n", exc_info=error)
        else:
            self.logger.error("ASGI callable returned without completing response.")
        if not self.begin(_FAILED) or not self.end({"body": _FAILED_BODY}):
            if self.held is not None:
                self.transport.write(self.held)
            self.transport.close()

    def is_lost(self) -> bool:
        """Whether the app answers on though its client is gone."""
        return self.disconnected and self.response_started and not self.response_complete

    def cancel(self) -> None:
        """Have the app end at its next wait."""
        if self.task is not None:
            self.task.cancel()


class Ended:
    """Stands for the request of a connection that was refused: nothing more is done for it."""

    response_complete, disconnected = True, True

    def __init__(self) -> None:
        self.message_event = News()
