"""One WSGI request on gunicorn's machinery: its environ, and an answer in as few writes as can be.

gunicorn sends the head and each part of the body by a call of its own. Most answers are one small
part, and one call for both is a fifth of the server's work less. It also makes anew for each
request what is the same for all of them: the date, the environ's constants, what it knows of
header names.
"""

import os
from collections.abc import Iterable, MutableSet
from itertools import chain
from time import time
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import wsgi

# What the library's stubs do not know.
_early_hints: Any = wsgi._make_early_hints_callback  # type: ignore[attr-defined]
_JOIN_BYTES = 65536  # A larger part is not copied to stand behind the head.
_MAX_NAMES = 1024
_plain_names: set[str] = set()
"""Names of response headers that gunicorn accepts and does nothing about."""


class _Date:
    line, second = "", -1


def _date_line() -> str:
    second = int(time())
    if second != _Date.second:
        # In this order: another thread may read between the two.
        _Date.line, _Date.second = f"Date: {util.http_date(second)}\r\n", second
    return _Date.line


class Response(wsgi.Response):
    """Sends its head together with the first part; enters `streams` while it has no known end."""

    streams: "MutableSet[Response]"
    headers: list[tuple[str, str]]
    req: Any
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

    def process_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Check and keep them; gunicorn's own looks at each name four times."""
        for pair in headers:
            name, value = pair
            if name not in _plain_names or type(value) is not str:
                known = len(self.headers)
                super().process_headers((pair,))
                kept = len(self.headers) > known and name.lower() not in _ACTED_UPON
                if kept and len(_plain_names) < _MAX_NAMES:
                    _plain_names.add(name)
            elif wsgi.HEADER_VALUE_RE.fullmatch(value):
                self.headers.append((name, value.strip(" \t")))
            else:
                super().process_headers((pair,))  # It raises.

    def default_headers(self) -> list[str]:
        """The status line and what the server itself has to say."""
        connection = "close" if self.should_close() else "keep-alive"
        if self.upgrade:
            connection = "upgrade"
        major, minor = self.req.version
        return [
            f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\n",
            _date_line(),
            f"Connection: {connection}\r\n",
            "Transfer-Encoding: chunked\r\n" if self.chunked else "",
        ]

    def _within_length(self, part: bytes) -> bytes:
        """What the declared Content-Length leaves room for."""
        if self.response_length is None:
            return part
        left: int = self.response_length - self.sent
        return part[:left]

    def _head(self) -> bytes:
        lines: Iterable[str] = [f"{name}: {value}\r\n" for name, value in self.headers]
        return "".join((*self.default_headers(), *lines, "\r\n")).encode("latin-1")


_ACTED_UPON = frozenset(("content-length", "connection", "upgrade", "transfer-encoding"))

_keys = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}
"""Where in the environ request headers go."""


def _key(name: str) -> str:
    key = "HTTP_" + name.replace("-", "_")
    if len(_keys) < _MAX_NAMES:
        _keys[name] = key
    return key


class Maker:
    """Makes the answer to be, and the environ, of each request of one worker."""

    def __init__(self, cfg: Config, streams: "MutableSet[Response]") -> None:
        self._cfg, self._streams = cfg, streams
        self._constant: dict[str, Any] = dict(wsgi.base_environ(cfg))
        self._constant["wsgi.multithread"] = True
        self._mounted = "SCRIPT_NAME" in os.environ

    def make(self, req: Any, conn: Any) -> tuple[Response, dict[str, Any]]:
        """Both for this request."""
        if (
            self._mounted
            or req._expected_100_continue
            or req.proxy_protocol_info
            or type(conn.client) is not tuple  # A socket with a path.
        ):
            return self._by_gunicorn(req, conn)
        response = Response(req, conn.sock, self._cfg)
        response.streams = self._streams
        major, minor = req.version
        host, port = conn.client[:2]
        path = req.path
        if "%" in path or not path.isascii():
            path = util.unquote_to_wsgi_str(path)
        environ: dict[str, Any] = {
            **self._constant,
            "wsgi.input": req.body,
            "gunicorn.socket": conn.sock,
            "REQUEST_METHOD": req.method,
            "QUERY_STRING": req.query,
            "RAW_URI": req.uri,
            "SERVER_PROTOCOL": f"HTTP/{major}.{minor}",
            "wsgi.url_scheme": req.scheme,
            "REMOTE_ADDR": host,
            "REMOTE_PORT": str(port),
            "SERVER_NAME": conn.server[0],
            "SERVER_PORT": str(conn.server[1]),
            "PATH_INFO": path,
            "SCRIPT_NAME": "",
            "wsgi.early_hints": _early_hints(req, conn.sock, response),
        }
        for name, value in req.headers:
            key = _keys.get(name) or _key(name)
            if key in environ:  # What came more than once, in its order.
                value = f"{environ[key]},{value}"
            environ[key] = value
        if "HTTP_SCRIPT_NAME" in environ:
            return self._by_gunicorn(req, conn)
        return response, environ

    def _by_gunicorn(self, req: Any, conn: Any) -> tuple[Response, dict[str, Any]]:
        # The library's stubs do not know the class as a parameter.
        made: Any = wsgi.create
        found = made(req, conn.sock, conn.client, conn.server, self._cfg, response_class=Response)
        response: Response = found[0]
        environ: dict[str, Any] = found[1]
        response.streams = self._streams
        environ["wsgi.multithread"] = True
        return response, environ


def head_bytes(req: Any) -> int:
    """The size of all header names and values."""
    return sum(map(len, chain.from_iterable(req.headers)))
