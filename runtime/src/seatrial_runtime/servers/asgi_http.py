"""uvicorn's HTTP protocol: a bound on the head, which httptools has not, and shorter ways.

Each request is one dictionary, one `Cycle` and one task whose coroutine is the guard's own. uvicorn
adds a coroutine around the app and a call of the loop at the end of each task.
"""

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seatrial_runtime.servers.asgi_answer import Cycle, Ended

_READ_BYTES = 262_144  # The most that the loop hands over in one piece.
_NEVER_S = float("inf")
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b'content-length: 44\r\nconnection: close\r\n\r\n{"title":"headers too large","status":431}\r\n'
)
_MAX_KEPT, _MAX_PATH_BYTES = 1024, 256
_ACTING = frozenset((b"connection", b"expect", b"upgrade"))
# As they are asked for: emptied when full, for callers choose them.
_paths: dict[bytes, tuple[str, bytes]] = {}
_methods = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}


class Protocol(HttpToolsProtocol):
    """One connection. It counts what arrives before the head is complete, and looks once it is.

    Idle, it has one timer, which looks how long it has been idle: a new one for each request costs
    as much as parsing it.
    """

    max_header_bytes = 65536
    head_bytes, refused = 0, False
    in_head = False
    idle_since_s = _NEVER_S

    def data_received(self, data: bytes) -> None:
        """Bytes of any part of a request, or of several."""
        self.idle_since_s = _NEVER_S
        self.head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
            return
        except httptools.HttpParserError:
            message = "Invalid HTTP request received."
            self.logger.warning(message)
            self.send_400_response(message)
            return
        if not self.in_head:
            self.head_bytes = 0
        elif self.head_bytes > self.max_header_bytes + _READ_BYTES:
            # Of a head, all but the first piece is sure to belong to it.
            self._refuse()

    def _upgrade(self) -> None:
        if self._should_upgrade():
            self.handle_websocket_upgrade()
        else:
            self._unsupported_upgrade_warning()

    # -- the head

    def on_message_begin(self) -> None:
        """A request."""
        self.url, self.headers = b"", []
        self.in_head, self.acting, self.expect_100_continue = True, False, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; the few that the server acts upon are told."""
        name = name.lower()
        self.headers.append((name, value))
        if name in _ACTING:
            self.acting = True
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        """The head is there; only one that was long in coming is measured."""
        self.in_head = False
        if self.refused:
            return
        if self.head_bytes > self.max_header_bytes and self._size() > self.max_header_bytes:
            self._refuse()
            return
        parser, method = self.parser, self.parser.get_method()
        keep_alive, version = parser.should_keep_alive(), "1.1"
        if self.acting or not keep_alive:  # Else only 1.1 is kept alive.
            version = parser.get_http_version()
            keep_alive = keep_alive and version != "1.0"
        self.scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "method": _methods.get(method) or method.decode("ascii"),
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        if self.acting and parser.should_upgrade() and self._should_upgrade():
            return
        self._begin(keep_alive)

    def _begin(self, keep_alive: bool) -> None:
        scope, url = self.scope, self.url
        path, raw = _paths.get(url) or (None, url)
        query = b""
        if path is None:
            parts = httptools.parse_url(url)
            raw, query = parts.path, parts.query or b""
            path = raw.decode("ascii")
            if "%" in path:
                path = unquote(path)
            if raw == url and len(url) <= _MAX_PATH_BYTES:
                if len(_paths) >= _MAX_KEPT:
                    _paths.clear()
                _paths[url] = path, raw
        if self.root_path:
            path, raw = self.root_path + path, self.root_path.encode("ascii") + raw
        scope["path"], scope["raw_path"], scope["query_string"] = path, raw, query
        before = self.cycle
        self.cycle: Any = Cycle(self, scope, keep_alive)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:  # Pipelined.
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.tasks.add(cycle)  # It has the task; a call at that one's end costs more than this.
        try:
            work = app.began(cycle)
        except (
            Exception
        ):  # A defect of the guard's: a 500 with its traceback, not the parser's 400.
            cycle.ended()
            self.refused = True  # What follows on the connection, which is closing.
        else:
            cycle.task = self.loop.create_task(work)

    def on_message_complete(self) -> None:
        """All of the request is there."""
        if self.acting and self.parser.should_upgrade() and self._should_upgrade():
            return
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse(self) -> None:
        self.refused = True
        self.cycle = Ended()
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
    return type("Protocol", (Protocol,), {"max_header_bytes": max_header_bytes})
