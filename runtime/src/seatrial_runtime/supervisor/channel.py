"""The socket pair between the supervisor and each of its processes: JSON lines both ways."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

_MAX_BYTES = 16_000  # One message; a traceback is cut to fit.
_MAX_WAITING_BYTES = 262_144  # What waits for a supervisor that does not read.

Kind = Literal["ready", "failed", "error", "interface", "program", "tasks", "broker", "beat"]


@dataclass(frozen=True)
class Message:
    """`kind` is what happened; the other fields are set where they mean something.

    ready: the worker loaded the app and serves. failed: it could not load the app (`text` the
    exception, `hint` what to do, `traceback` its tail). error: the server logged one (`text`).
    interface: what the app speaks (`text`). program: it says nothing more of itself, and is up
    once it has lived for a while. tasks: it will say when it takes tasks, or who it
    is that takes them (`text`). broker: the URL that a
    task worker takes its tasks from (`text`). beat: it lives; `rss_bytes` of memory, `in_flight`
    requests, the most overdue one `overdue_s` past its deadline, the event loop `lag_s` late (0
    without one).
    """

    kind: Kind
    pid: int
    text: str = ""
    hint: str = ""
    traceback: str = ""
    rss_bytes: int = 0
    lag_s: float = 0.0
    in_flight: int = 0
    overdue_s: float = 0.0


Order = dict[str, str]
"""What the supervisor wants: `do` is level (with `level`) or stacks."""


class _Lines:
    """One end of the pair. Never blocks and never raises: serving matters more than reporting."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)  # Programs that the app runs have no business with it.
        self._lock = threading.Lock()
        self._waiting = b""
        self._rest = b""
        self.closed = False

    def _write(self, line: bytes, droppable: bool) -> None:
        with self._lock:
            if self._waiting and (droppable or len(self._waiting) > _MAX_WAITING_BYTES):
                line = b""
            self._waiting += line
            with contextlib.suppress(OSError):
                while self._waiting:
                    self._waiting = self._waiting[os.write(self.fd, self._waiting) :]

    def _read(self) -> Iterator[dict[str, Any]]:
        """The lines that have arrived; ends when there are none for now or the peer has closed."""
        while not self.closed:
            try:
                chunk = os.read(self.fd, 65536)
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            if not chunk:
                self.closed = True
                return
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                # The app could reach this fd too; a stray write of its own is not our message.
                with contextlib.suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        yield found

    def close(self) -> None:
        """Release the descriptor."""
        self.closed = True
        os.close(self.fd)


class Sender(_Lines):
    """The worker's end."""

    def send(self, message: Message) -> None:
        """Write one message, cut to fit: first the traceback's head, then the text's end."""
        fields: dict[str, Any] = {
            name: value for name, value in asdict(message).items() if value or name == "pid"
        }
        line = json.dumps(fields).encode()
        while len(line) > _MAX_BYTES:
            if fields.get("traceback"):
                fields["traceback"] = fields["traceback"][len(fields["traceback"]) // 4 + 1 :]
            else:
                fields["text"] = fields["text"][: len(fields["text"]) * 3 // 4]
            line = json.dumps(fields).encode()
        self._write(line + b"\n", droppable=message.kind == "beat")

    def orders(self) -> Iterator[Order]:
        """What the supervisor has asked for since."""
        return self._read()


class Receiver(_Lines):
    """The supervisor's end."""

    def read(self) -> Iterator[Message]:
        """The messages that have arrived."""
        for fields in self._read():
            with contextlib.suppress(TypeError):
                yield Message(**fields)

    def order(self, do: str, **more: str) -> None:
        """Ask the worker for something."""
        self._write(json.dumps({"do": do, **more}).encode() + b"\n", droppable=False)


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends, the supervisor's first."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
