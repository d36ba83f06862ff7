"""One keep-alive HTTP connection to the app under measurement; loopback only, no redirects."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from seatrial.kernel.errors import DeployError
from seatrial.kernel.values import Value

BODY_BYTES_MAX = 10 * 1024**2
REQUEST_S_MAX = 30.0
RECONNECT_S_MAX = 60.0
"""A worker that died is started anew; loading its models takes its time."""
_CHUNK = 64 * 1024
_TARGET_MAX = 2_048


Dial = Callable[[], socket.socket]
"""Opens a connection to the app. Raises OSError when nobody listens."""


class Answer(Value):
    """What one request came to. `failure` says why there is no usable answer."""

    status: int = 0
    body: bytes = b""
    content_type: str = ""
    wall_ms: float = 0.0
    failure: str = ""


class Caller(Protocol):
    """What asks the app for one thing after the other, and tells how long each took."""

    def get(self, target: str) -> Answer:
        """One exchange."""

    def close(self) -> None:
        """The end of them."""


class _Connection(http.client.HTTPConnection):
    """Opened by `dial` where the app is not reached by its address."""

    def __init__(self, host: str, port: int, dial: Dial | None) -> None:
        super().__init__(host, port, timeout=REQUEST_S_MAX)
        self._dial = dial

    def connect(self) -> None:
        if self._dial is None:
            super().connect()
            return
        self.sock = self._dial()
        self.sock.settimeout(REQUEST_S_MAX)
        # As http.client does it: the head and the body of a request must not wait.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Client:
    """Sends one GET after the other to one address, over connections that `dial` opens."""

    def __init__(self, url: str, dial: Dial | None = None) -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        if parts.scheme != "http" or not _loopback(host):
            raise DeployError(
                "only an app on this machine is measured", where=url,
                fix="give an http:// address on 127.0.0.1",
            )  # fmt: skip
        self.origin = f"http://{parts.netloc}"
        self._connection = _Connection(host, port, dial)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def get(self, target: str) -> Answer:
        """One GET, body read to its end; the time is from sending to the last byte.

        A kept connection that the server has closed meanwhile is opened anew and the request
        sent again, untimed the first time. Raises `DeployError` when nobody listens any more.
        """
        if not _sendable(target):
            return Answer(failure="not a path that can be sent")
        for fresh in (False, True):
            reused = self._connection.sock is not None and not fresh
            if not reused:
                self._connect()
            answer = self._exchange(target)
            if answer is not None:
                return answer
            self._connection.close()
            if not reused:
                break
        return Answer(failure="the connection was closed without an answer")

    def _connect(self) -> None:
        self._connection.close()
        deadline = time.monotonic() + RECONNECT_S_MAX
        while True:
            try:
                self._connection.connect()
                return
            except OSError as error:
                self._connection.close()
                if time.monotonic() > deadline:
                    raise DeployError(
                        f"the app under measurement does not answer any more: {error}",
                        where=self.origin, fix="see the log of its boot",
                    ) from error  # fmt: skip
                time.sleep(0.05)

    def _exchange(self, target: str) -> Answer | None:
        """The answer; none when the connection broke before one began."""
        began = time.perf_counter()
        response = None
        try:
            self._connection.request(
                "GET", target, headers={"Accept": "*/*", "User-Agent": "seatrial-profiler"}
            )
            response = self._connection.getresponse()
            kind = response.headers.get_content_type()
            if kind == "text/event-stream":
                self._connection.close()
                return Answer(
                    status=response.status, failure="an endless stream (text/event-stream)"
                )
            body = bytearray()
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    self._connection.close()
                    return Answer(
                        status=response.status,
                        failure=f"its body is larger than {BODY_BYTES_MAX // 1024**2} MiB",
                    )
                if time.perf_counter() - began > REQUEST_S_MAX:
                    raise TimeoutError
            if response.length:
                raise http.client.IncompleteRead(bytes(body), response.length)
            response.close()  # the connection is free for the next request
        except TimeoutError:
            self._connection.close()
            return Answer(failure=f"no whole answer within {REQUEST_S_MAX:g} s")
        except (http.client.HTTPException, OSError, ValueError) as error:
            self._connection.close()
            if response is None and isinstance(error, http.client.RemoteDisconnected | OSError):
                return None
            return Answer(failure=f"not an HTTP answer: {type(error).__name__}")
        wall_ms = (time.perf_counter() - began) * 1000
        return Answer(status=response.status, body=bytes(body), content_type=kind, wall_ms=wall_ms)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sendable(target: str) -> bool:
    """Whether a path is one that stays on this server and fits in a request line."""
    return (
        target.startswith("/")
        and not target.startswith("//")
        and len(target) <= _TARGET_MAX
        and all("!" <= letter <= "~" for letter in target)
    )
