"""The probes over HTTP: one thread, one selector, so that no caller can hold up another."""

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from seatrial_runtime.supervisor.state import View
from seatrial_runtime.telemetry.logs import emit

_MAX_HEAD_BYTES = 8192
_MAX_LINE_BYTES = 2048
_MAX_CALLERS = 64
_DEADLINE_S = 2.0  # For a whole exchange, so a slow caller cannot stretch it byte by byte.
_TICK_S = 0.5


@dataclass(eq=False)
class _Caller:
    sock: socket.socket
    deadline: float
    head: bytearray = field(default_factory=bytearray)
    reply: bytes | None = None


class Management(threading.Thread):
    """Answers GET and HEAD on the given paths and nothing else."""

    def __init__(self, listener: socket.socket, views: Mapping[str, Callable[[], View]]) -> None:
        super().__init__(name="management", daemon=True)
        self._listener = listener
        self._listener.setblocking(False)
        self._views = views
        self._callers: list[_Caller] = []  # Oldest first, which is also first to expire.
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            for key, _ in self._selector.select(_TICK_S):
                caller: _Caller | None = key.data
                try:
                    self._accept() if caller is None else self._advance(caller)
                except OSError:
                    if caller is not None:
                        self._drop(caller)
                    else:
                        time.sleep(0.05)  # Out of descriptors: do not spin on the same failure.
                except Exception as error:
                    # A bug in one answer must not silence the probes for ever.
                    emit("error", "management", message=f"{type(error).__name__}: {error}")
                    if caller is not None:
                        self._drop(caller)
            while self._callers and self._callers[0].deadline < time.monotonic():
                self._drop(self._callers[0])

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        if len(self._callers) >= _MAX_CALLERS:
            self._drop(self._callers[0])
        caller = _Caller(sock, time.monotonic() + _DEADLINE_S)
        self._callers.append(caller)
        self._selector.register(sock, selectors.EVENT_READ, caller)

    def _drop(self, caller: _Caller) -> None:
        if caller not in self._callers:
            return  # Dropped to make room, by an earlier event of the same batch.
        self._callers.remove(caller)
        self._selector.unregister(caller.sock)
        caller.sock.close()

    def _advance(self, caller: _Caller) -> None:
        if caller.reply:
            caller.reply = caller.reply[caller.sock.send(caller.reply) :]
            if not caller.reply:
                # Half-close and read on: closing over unread bytes would reset our answer away.
                caller.sock.shutdown(socket.SHUT_WR)
                self._selector.modify(caller.sock, selectors.EVENT_READ, caller)
            return
        chunk = caller.sock.recv(4096)
        if not chunk:
            self._drop(caller)
        elif caller.reply is None:
            caller.head += chunk
            caller.reply = self._reply(bytes(caller.head))
            if caller.reply is not None:
                self._selector.modify(caller.sock, selectors.EVENT_WRITE, caller)

    def _reply(self, head: bytes) -> bytes | None:
        """The whole response, or None while the request head is not complete."""
        line, newline, _ = head.partition(b"\n")
        if len(line) > _MAX_LINE_BYTES:
            return _render(414, {"error": f"request line over {_MAX_LINE_BYTES} bytes"})
        if len(head) > _MAX_HEAD_BYTES:
            return _render(431, {"error": f"request head over {_MAX_HEAD_BYTES} bytes"})
        if not newline or not (b"\r\n\r\n" in head or b"\n\n" in head):
            return None
        words = line.decode("latin-1").split()
        if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
            return _render(400, {"error": "not an HTTP/1 request"})
        method, path = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _render(405, {"error": "only GET and HEAD"}, "Allow: GET, HEAD\r\n")
        view = self._views.get(path)
        if view is None:
            return _render(404, {"error": "not found", "paths": sorted(self._views)})
        status, body = view()
        return _render(status, body, with_body=method == "GET")


def _render(status: int, body: object, extra: str = "", with_body: bool = True) -> bytes:
    content = json.dumps(body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        f"{extra}\r\n"
    )
    return head.encode() + (content if with_body else b"")
