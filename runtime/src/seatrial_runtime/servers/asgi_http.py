"""uvicorn's HTTP protocol with a bound on the request head, which httptools has not."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seatrial_runtime.servers import asgi_answer

_READ_BYTES = 262_144  # The most that the loop hands over in one piece.
_NEVER_S = float("inf")
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b'content-length: 44\r\nconnection: close\r\n\r\n{"title":"headers too large","status":431}\r\n'
)


class Protocol(HttpToolsProtocol):
    """Counts what arrives before the head is complete, and looks again once it is.

    Its idle connections have one timer each, which looks how long they have been idle: a new one
    for each request costs as much as parsing it.
    """

    max_header_bytes = 65536
    head_bytes, refused = 0, False
    idle_since_s = _NEVER_S

    def on_headers_complete(self) -> None:
        """The head is there; only one that was long in coming is measured."""
        if self.refused:
            return
        if self.head_bytes > self.max_header_bytes and self._size() > self.max_header_bytes:
            self._refuse()
        else:
            super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes of any part of a request, or of several."""
        self.head_bytes += len(data)
        super().data_received(data)
        if self.scope is None or "method" in self.scope:  # As the end of the head leaves it.
            self.head_bytes = 0
        elif self.head_bytes > self.max_header_bytes + _READ_BYTES:
            # Of a head, all but the first piece is sure to belong to it.
            self._refuse()

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse(self) -> None:
        self.refused = True
        self.cycle: Any = asgi_answer.Ended()
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    # -- idle connections

    def _unset_keepalive_if_required(self) -> None:
        self.idle_since_s = _NEVER_S

    def on_response_complete(self) -> None:
        """The answer is out: the next request of this connection, or idleness."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self.idle_since_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close it if it has been idle for so long, or look again when it may have been."""
        self.timeout_keep_alive_task = None
        left_s = self.idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s <= 0:
            super().timeout_keep_alive_handler()
        elif left_s != _NEVER_S:  # Else it works; the end of that begins the next wait.
            self._look_again_in(left_s)

    def _look_again_in(self, seconds: float) -> None:
        call: Any = self.timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(seconds, call)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end; a timer would keep all of this in memory."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None


def http_protocol(max_header_bytes: int) -> type[asyncio.Protocol]:
    """The protocol class with this bound."""
    asgi_answer.install()
    return type("Protocol", (Protocol,), {"max_header_bytes": max_header_bytes})
