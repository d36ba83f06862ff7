"""A client that always has COUNT requests under way, on connections of their own.

As little work as Python allows for each request, so that the server is what is measured: raw
sockets and one epoll, no parsing beyond the status and the end of a small answer.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import NamedTuple


class Result(NamedTuple):
    """Latencies in milliseconds of the answers with status 200, and how many were not."""

    latency_ms: list[float]
    failed: int
    elapsed_s: float


def drive(port: int, connections: int, seconds: float, path: str = "/") -> Result:
    """Keep-alive requests to 127.0.0.1:`port` for `seconds`."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n".encode()
    poller = select.epoll()
    sockets: dict[int, socket.socket] = {}
    sent: dict[int, float] = {}
    latency_ms: list[float] = []
    failed = 0

    def connect() -> None:
        one = socket.create_connection(("127.0.0.1", port), 10)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[one.fileno()] = one
        poller.register(one.fileno(), select.EPOLLIN)
        sent[one.fileno()] = time.perf_counter()
        one.send(request)

    for _ in range(connections):
        connect()
    began = time.perf_counter()
    end = began + seconds
    while (now := time.perf_counter()) < end:
        for fd, _ in poller.poll(end - now):
            one = sockets[fd]
            answer = b""
            with contextlib.suppress(OSError):
                answer = one.recv(65536)
            now = time.perf_counter()
            if not answer.startswith(b"HTTP/1.1 200"):
                failed += 1
                poller.unregister(fd)
                sockets.pop(fd).close()
                connect()
                continue
            # Head and body of so small an answer come together, or the rest follows at once.
            while not _complete(answer):
                answer += one.recv(65536)
            latency_ms.append((now - sent[fd]) * 1000)
            sent[fd] = time.perf_counter()
            one.send(request)
    elapsed_s = time.perf_counter() - began
    for one in sockets.values():
        one.close()
    return Result(latency_ms, failed, elapsed_s)


def _complete(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    at = head.lower().find(b"content-length:")
    return len(body) >= int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else True
