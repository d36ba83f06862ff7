"""The probes over HTTP: one thread, one selector, so that no caller can hold up another."""

import json
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from seatrial_runtime.supervisor.state import View
from seatrial_runtime.telemetry.logs import emit

_MAX_HEAD_BYTES = 8192
_MAX_LINE_BYTES = 2048
_MAX_CALLERS = 64
_DEADLINE_S = 2.0  # For a whole exchange, so a slow caller cannot stretch it byte by byte.
_SLOW_S = 10.0  # More for what a slow view may take.
_TICK_S = 0.5


@dataclass(eq=False)
class _Caller:
    sock: socket.socket
    deadline: float
    head: bytearray = field(default_factory=bytearray)
    reply: bytes | None = None
    with_body: bool = True
    waits: bool = False  # For a slow view.


class _Slow(threading.Thread):
    """One view that takes time, asked in a thread of its own: one at a time, for all who wait."""

    def __init__(self, view: Callable[[], View], done: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._view, self._done = view, done
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[_Caller] = []
        self.answered: deque[tuple[list[_Caller], View]] = deque()
        self.start()

    def wait(self, caller: _Caller) -> None:
        """Answer this caller too; in the management thread."""
        caller.waits = True
        with self._lock:
            self._waiting.append(caller)
        self._wanted.set()

    def run(self) -> None:
        """Ask whenever somebody waits."""
        while True:
            self._wanted.wait()
            self._wanted.clear()
            # Who comes from now on gets an answer that was asked for after that.
            with self._lock:
                callers, self._waiting = self._waiting, []
            try:
                found = self._view()
            except Exception as error:
                emit("error", "management", message=f"{type(error).__name__}: {error}")
                found = 500, {"error": type(error).__name__}
            self.answered.append((callers, found))
            self._done()


class Management(threading.Thread):
    """Answers GET and HEAD on the given paths and nothing else.

    `views` answer at once; the `slow` ones are asked in threads of their own, so that nobody
    else waits for them.
    """

    def __init__(
        self,
        listener: socket.socket,
        views: Mapping[str, Callable[[], View]],
        slow: Mapping[str, Callable[[], View]] | None = None,
    ) -> None:
        super().__init__(name="management", daemon=True)
        self._listener = listener
        self._listener.setblocking(False)
        self._views = views
        self._callers: list[_Caller] = []  # Oldest first.
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._slow = {path: _Slow(view, self._wake) for path, view in (slow or {}).items()}

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            for key, _ in self._selector.select(_TICK_S):
                caller: _Caller | None = key.data
                try:
                    if key.fd == self._wake_read:
                        os.read(self._wake_read, 4096)
                        self._take_slow()
                    else:
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
            now = time.monotonic()
            for caller in [one for one in self._callers if one.deadline < now]:
                self._drop(caller)

    def _wake(self) -> None:
        os.write(self._wake_write, b"!")

    def _take_slow(self) -> None:
        for slow in self._slow.values():
            while slow.answered:
                callers, (status, body) = slow.answered.popleft()
                for caller in callers:
                    caller.reply = _render(status, body, with_body=caller.with_body)
                    if caller in self._callers:
                        caller.waits = False
                        self._selector.register(caller.sock, selectors.EVENT_WRITE, caller)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        if len(self._callers) >= _MAX_CALLERS:
            self._drop(self._callers[0])  # The oldest.
        caller = _Caller(sock, time.monotonic() + _DEADLINE_S)
        self._callers.append(caller)
        self._selector.register(sock, selectors.EVENT_READ, caller)

    def _drop(self, caller: _Caller) -> None:
        if caller not in self._callers:
            return  # Dropped to make room, by an earlier event of the same batch.
        self._callers.remove(caller)
        if not caller.waits:
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
            caller.reply = self._reply(caller)
            if caller.waits:
                self._selector.unregister(caller.sock)  # Nothing it does matters until then.
            elif caller.reply is not None:
                self._selector.modify(caller.sock, selectors.EVENT_WRITE, caller)

    def _reply(self, caller: _Caller) -> bytes | None:
        """The whole response, or None while the request head is not complete or a view is slow."""
        head = bytes(caller.head)
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
        caller.with_body = method == "GET"
        if path in self._slow:
            caller.deadline += _SLOW_S
            self._slow[path].wait(caller)
            return None
        view = self._views.get(path)
        if view is None:
            known = sorted({*self._views, *self._slow})
            return _render(404, {"error": "not found", "paths": known})
        status, body = view()
        return _render(status, body, with_body=caller.with_body)


def _render(status: int, body: object, extra: str = "", with_body: bool = True) -> bytes:
    is_text = isinstance(body, bytes)
    content = body if isinstance(body, bytes) else json.dumps(body).encode() + b"\n"
    kind = "text/plain; version=0.0.4; charset=utf-8" if is_text else "application/json"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        f"{extra}\r\n"
    )
    return head.encode() + (content if with_body else b"")
