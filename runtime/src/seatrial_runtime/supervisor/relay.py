"""What the processes write past our logging, made into one JSON event a line.

Python's own print is captured inside each worker; this is for the rest: programs that the app
runs, libraries in C, and what a program writes that is not ours.
"""

import contextlib
import json
import os
import select
import stat
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from seatrial_runtime.telemetry.logs import STDERR, STDOUT, emit

MAX_LINE_BYTES = 65536
_READ_BYTES = 65536
_PAUSE_S = 0.01  # Between reads, so that many short lines are taken at once.
_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass
class _Source:
    """One pipe; `pid` is of the process that it was made for, its children write there too."""

    stream: int
    pid: int = 0
    rest: bytearray = field(default_factory=bytearray)
    cut: int = 0  # Bytes of the line at hand that were dropped.


class Pipes:
    """The write ends for one process, and whom they belong to once it runs."""

    def __init__(self, relay: "Relay") -> None:
        self._sources: list[_Source] = []
        self.out, self.err = self._make(relay, STDOUT), self._make(relay, STDERR)

    def _make(self, relay: "Relay", stream: int) -> int:
        read_end, write_end = os.pipe()
        self._sources.append(_Source(stream))
        relay.add(read_end, self._sources[-1])
        return write_end

    def of(self, pid: int) -> None:
        """They are this process's."""
        for source in self._sources:
            source.pid = pid

    def close(self) -> None:
        """Our copies; the process has its own."""
        os.close(self.out)
        os.close(self.err)


class Relay(threading.Thread):
    """Reads every pipe until its last writer is gone. `say` is told of each line's record."""

    def __init__(self, say: Callable[..., None] = emit) -> None:
        super().__init__(name="relay", daemon=True)
        self._say = say
        self._sources: dict[int, _Source] = {}
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._ending = False

    def add(self, fd: int, source: _Source) -> None:
        """Read this pipe too."""
        os.set_blocking(fd, False)
        with self._lock:
            self._sources[fd] = source
        os.write(self._wake_write, b"!")

    def pipes(self) -> Pipes:
        """A pair for a new process."""
        return Pipes(self)

    def finish(self, timeout_s: float) -> None:
        """Wait until all that was written is told, or for so long."""
        self._ending = True
        os.write(self._wake_write, b"!")
        self.join(timeout_s)

    def run(self) -> None:
        """Read for ever."""
        while True:
            with self._lock:
                known = dict(self._sources)
            if self._ending and not known:
                return
            poll = select.poll()
            for fd in (self._wake_read, *known):
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll():
                if fd == self._wake_read:
                    os.read(fd, 4096)
                else:
                    self._read(fd, known[fd])
            time.sleep(_PAUSE_S)

    def _read(self, fd: int, source: _Source) -> None:
        try:
            chunk = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            with self._lock:
                del self._sources[fd]
            os.close(fd)
            if source.rest:
                self._line(source, bytes(source.rest))
            return
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._grow(source, line)
            self._line(source, bytes(source.rest))
            source.rest.clear()
            source.cut = 0
        self._grow(source, rest)

    def _grow(self, source: _Source, part: bytes) -> None:
        room = MAX_LINE_BYTES - len(source.rest)
        source.rest += part[:room]
        source.cut += max(len(part) - room, 0)

    def _line(self, source: _Source, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if not text.strip():
            return
        fields: dict[str, object] = {"pid": source.pid or None}
        if source.cut:
            fields["cut_bytes"] = source.cut
        try:
            self._tell(source, text, fields)
        except Exception as error:  # The next line must still be read.
            with contextlib.suppress(Exception):
                self._say("error", "relay", message=f"{type(error).__name__}: {error}")

    def _tell(self, source: _Source, text: str, fields: dict[str, object]) -> None:
        given = _object(text) if text[:1] == "{" and not source.cut else None
        if given is None:
            stream = "stdout" if source.stream == STDOUT else "stderr"
            # The name `stream` is taken by the parameter for where the line goes.
            record = {"message": text, "source": stream, **fields}
            self._say("info", "print", stream=source.stream, **record)
            return
        level, event = str(given.pop("level", "info")).lower(), str(given.pop("event", "print"))
        given.pop("stream", None)
        record = fields | given
        self._say(level if level in _LEVELS else "info", event, stream=source.stream, **record)


def _object(text: str) -> dict[str, object] | None:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, dict) else None
    return None


def log_fd(fd: int) -> int:
    """A descriptor for finished log lines on our own stdout or stderr.

    A pipe is opened anew without blocking: a reader that has stopped must not stop the app, and
    the setting must not reach others who hold the same pipe.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        return os.dup(fd)
    except OSError:  # Closed: what we have to tell goes nowhere.
        return os.open(os.devnull, os.O_WRONLY)
