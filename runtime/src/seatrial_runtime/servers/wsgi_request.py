"""One WSGI request on gunicorn's machinery: its environ, and an answer in as few writes as can be.

gunicorn sends the head and each part of the body by a call of its own. Most answers are one small
part, and one call for both is a fifth of the server's work less.
"""

from collections.abc import Iterable, MutableSet
from itertools import chain
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.workers.gthread import TConn

_JOIN_BYTES = 65536  # A larger part is not copied to stand behind the head.


class Response(wsgi.Response):
    """Sends its head together with the first part; enters `streams` while it has no known end."""

    streams: "MutableSet[Response]"
    _omits_body: bool

    def write(self, arg: bytes) -> None:
        """Send one part of the body."""
        if self.headers_sent or self._omits_body or self.upgrade or not isinstance(arg, bytes):
            super().write(arg)
            return
        if self.chunked:
            self.streams.add(self)
            part = b"%X\r\n%b\r\n" % (len(arg), arg) if arg else b""
        else:
            part = self._within_length(arg)
        if len(part) > _JOIN_BYTES:
            super().write(arg)
            return
        self.sent += len(arg) if self.chunked else len(part)
        util.write(self.sock, self._head() + part)
        self.headers_sent = True

    def _within_length(self, part: bytes) -> bytes:
        """What the declared Content-Length leaves room for."""
        if self.response_length is None:
            return part
        left: int = self.response_length - self.sent
        return part[:left]

    def _head(self) -> bytes:
        lines: Iterable[str] = (f"{name}: {value}\r\n" for name, value in self.headers)
        return "".join((*self.default_headers(), *lines, "\r\n")).encode("latin-1")


def create(
    req: Any, conn: TConn, cfg: Config, streams: "MutableSet[Response]"
) -> tuple[Response, dict[str, Any]]:
    """The answer to be, and the environ."""
    # The library's stubs do not know the class as a parameter.
    made: Any = wsgi.create
    found = made(req, conn.sock, conn.client, conn.server, cfg, response_class=Response)
    response: Response = found[0]
    environ: dict[str, Any] = found[1]
    response.streams = streams
    environ["wsgi.multithread"] = True
    return response, environ


def head_bytes(req: Any) -> int:
    """The size of all header names and values."""
    return sum(map(len, chain.from_iterable(req.headers)))
