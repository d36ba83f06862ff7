"""A connection with a deadline for everything that is said on it."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator, Mapping

from seatrial_runtime.checks.service import CheckError

_MAX_LINE = 8192


class Wire:
    """One connection; each call raises CheckError or OSError when the time is over."""

    def __init__(self, peer: socket.socket, deadline_s: float) -> None:
        self._peer, self._deadline_s = peer, deadline_s
        self._rest = b""

    def _remaining_s(self) -> float:
        left = self._deadline_s - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._peer.settimeout(self._remaining_s())
        self._peer.sendall(data)

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._rest) < count:
            self._more()
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def line(self) -> bytes:
        """Up to the next line end, which is left out."""
        while b"\r\n" not in self._rest:
            if len(self._rest) > _MAX_LINE:
                raise CheckError("its answer is not of this protocol")
            self._more()
        data, _, self._rest = self._rest.partition(b"\r\n")
        return data

    def _more(self) -> None:
        self._peer.settimeout(self._remaining_s())
        data = self._peer.recv(_MAX_LINE)
        if not data:
            raise CheckError("it closed the connection")
        self._rest += data

    def begin_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on encrypted."""
        self._peer.settimeout(self._remaining_s())
        self._peer = context.wrap_socket(self._peer, server_hostname=host)

    def close(self) -> None:
        """End the connection without a word."""
        self._peer.close()


@contextlib.contextmanager
def connected(host: str, port: int, timeout_s: float) -> Iterator[Wire]:
    """A TCP connection, closed at the end."""
    deadline_s = time.monotonic() + timeout_s
    wire = Wire(socket.create_connection((host, port), timeout_s), deadline_s)
    with contextlib.closing(wire):
        yield wire


@contextlib.contextmanager
def connected_unix(path: str, timeout_s: float) -> Iterator[Wire]:
    """A connection to a UNIX socket, closed at the end."""
    peer = socket.socket(socket.AF_UNIX)
    wire = Wire(peer, time.monotonic() + timeout_s)
    with contextlib.closing(wire):
        peer.settimeout(timeout_s)
        peer.connect(path)
        yield wire


def tls(query: Mapping[str, str]) -> ssl.SSLContext:
    """As the URL asks, in the words of redis-py; without words, the server is verified."""
    context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
    wanted = query.get("ssl_cert_reqs", "").lower().removeprefix("cert_")
    if wanted in ("none", "optional") or query.get("ssl_check_hostname", "").lower() == "false":
        context.check_hostname = False
    if wanted == "none":
        context.verify_mode = ssl.CERT_NONE
    if "ssl_certfile" in query:
        context.load_cert_chain(query["ssl_certfile"], query.get("ssl_keyfile"))
    return context


def unverified_tls() -> ssl.SSLContext:
    """For a handshake that carries no secret and whose certificate is the app's business."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
