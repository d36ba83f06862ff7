"""uvicorn's HTTP protocol with a bound on the request head, which httptools has not."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_READ_BYTES = 262_144  # The most that the loop hands over in one piece.
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b'content-length: 44\r\nconnection: close\r\n\r\n{"title":"headers too large","status":431}\r\n'
)


def http_protocol(max_header_bytes: int) -> type[asyncio.Protocol]:
    """The protocol class with this bound."""

    class Protocol(HttpToolsProtocol):
        """Counts what arrives before the head is complete, and looks again once it is."""

        head_bytes, in_head, refused = 0, False, False

        def on_message_begin(self) -> None:
            """A request begins."""
            super().on_message_begin()
            self.in_head = True

        def on_headers_complete(self) -> None:
            """The head is there; only one that was long in coming is measured."""
            self.in_head = False
            if self.head_bytes > max_header_bytes and self._size() > max_header_bytes:
                self._refuse()
            else:
                super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            """A part of the body."""
            if not self.refused:
                super().on_body(body)

        def on_message_complete(self) -> None:
            """The request is there."""
            if not self.refused:
                super().on_message_complete()

        def data_received(self, data: bytes) -> None:
            """Bytes of any part of a request, or of several."""
            self.head_bytes = self.head_bytes + len(data) if self.in_head else len(data)
            super().data_received(data)
            # Of a head, all but the first piece is sure to belong to it.
            if self.in_head and self.head_bytes > max_header_bytes + _READ_BYTES:
                self._refuse()

        def _size(self) -> int:
            return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

        def _refuse(self) -> None:
            self.refused = True
            if not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    return Protocol
