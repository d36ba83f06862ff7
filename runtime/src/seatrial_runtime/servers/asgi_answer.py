"""An answer by uvicorn, its small ones in one write.

uvicorn looks at each header with two regular expressions and sends head and body by a call each: a
third of what it takes for a small answer, and two packets.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

RAW_HEAD = "seatrial.head"
"""In a `http.response.start`: lines of the head that are ready to be sent, each with its end."""

_JOIN_BYTES = 65536  # The head of a larger answer does not wait for the body.
_MAX_NAMES = 1024
_LENGTH, _CODING, _CONNECTION = range(1, 4)
_KINDS = {b"content-length": _LENGTH, b"transfer-encoding": _CODING, b"connection": _CONNECTION}
_names: dict[bytes, tuple[bytes, int]] = {}


def _learn(name: bytes) -> tuple[bytes, int]:
    """How a line with this name begins, and whether it is one that the server acts upon."""
    if HEADER_RE.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    lower = bytes(name).lower()
    found = (lower + b": ", _KINDS.get(lower, 0))
    if len(_names) < _MAX_NAMES:
        _names[name] = found
    return found


class Cycle(RequestResponseCycle):
    """One request; `held` is the head of a small answer, until its body is there."""

    held: bytes | None = None

    async def send(self, message: Any) -> None:
        """Take what the app sends. What is not the ordinary case is uvicorn's own matter."""
        blocked = self.disconnected or self.flow.write_paused
        if not self.response_started:
            if not blocked and message["type"] == "http.response.start":
                self._begin(message)
                return
            if blocked and RAW_HEAD in message:
                message = {**message, "headers": [*message["headers"], *_parsed(message[RAW_HEAD])]}
        elif self.held is not None:
            head, self.held = self.held, None
            body = message.get("body", b"")
            whole = (
                not message.get("more_body", False) and len(body) == self.expected_content_length
            )
            if whole and not blocked and message["type"] == "http.response.body":
                self._end(head + body)
                return
            if not self.disconnected:
                self.transport.write(head)
        await super().send(message)

    def _begin(self, message: Any) -> None:
        """Write the head, or hold it when a small body of known length follows."""
        status = message["status"]
        self.response_started, self.waiting_for_100_continue = True, False
        parts, closes = [STATUS_LINE[status]], False
        for name, value in [*self.default_headers, *message.get("headers", ())]:
            line, kind = _names.get(name) or _learn(name)
            if HEADER_VALUE_RE.search(value):
                raise RuntimeError("Invalid HTTP header value.")
            if kind == _LENGTH and self.chunked_encoding is None:
                self.expected_content_length, self.chunked_encoding = int(value.decode()), False
            elif kind == _CODING and value.lower() == b"chunked":
                self.expected_content_length, self.chunked_encoding = 0, True
            elif kind == _CONNECTION and b"close" in map(bytes.strip, value.lower().split(b",")):
                self.keep_alive, closes = False, True
            parts += (line, value, b"\r\n")
        if not self.keep_alive and not closes:
            parts.append(b"connection: close\r\n")
        has_body = self.scope["method"] != "HEAD" and status not in (204, 304)
        if self.chunked_encoding is None and has_body:
            self.chunked_encoding = True
            parts.append(b"transfer-encoding: chunked\r\n")
        parts += (message.get(RAW_HEAD, b""), b"\r\n")
        head = b"".join(parts)
        if has_body and 0 < self.expected_content_length <= _JOIN_BYTES:
            self.held = head
        else:
            self.transport.write(head)

    def _end(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.expected_content_length, self.response_complete = 0, True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _parsed(head: bytes) -> list[tuple[bytes, bytes]]:
    lines = (line.partition(b": ") for line in head.split(b"\r\n") if line)
    return [(name, value) for name, _, value in lines]


def install() -> None:
    """Have uvicorn's protocol answer so: it names the class only in its module."""
    httptools_impl.RequestResponseCycle = Cycle  # type: ignore[misc]


class Ended:
    """Stands for the request of a connection that was refused: nothing more is done for it."""

    response_complete, disconnected = True, True

    def __init__(self) -> None:
        self.message_event = asyncio.Event()
