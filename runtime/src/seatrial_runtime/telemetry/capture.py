"""What the app prints, made into events: `sys.stdout` and `sys.stderr` of a worker."""

import codecs
import contextlib
import io
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import orjson

from seatrial_runtime.telemetry import logs
from seatrial_runtime.telemetry.context import RequestContext, current

_MAX_WAITING = 512  # Threads and requests with an unfinished line.
_MAX_CHARS = 65536
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TRACEBACK = "Traceback (most recent call last):"
_LEVELS = {"warn": "warning", "fatal": "critical", "err": "error", "notset": "debug"}

Waiting = tuple[int, int]


class Capture(io.TextIOBase):
    """A text stream whose lines become events. What one write carried stays one event.

    `number` is 1 for stdout, 2 for stderr. A line that is not finished waits, for each thread and
    request, until its end comes. `write` never raises: a program must not fail because it prints.
    """

    def __init__(self, number: int, taken: Callable[[str], bool]) -> None:
        super().__init__()
        self._number = number
        self._taken = taken  # The bridge from `logging` looks at each text first.
        self._lock = threading.RLock()
        self._waiting: dict[Waiting, tuple[str, RequestContext | None]] = {}
        self.mode = "w"
        self.name = ("<stdout>", "<stderr>")[number - 1]
        self.line_buffering, self.write_through = True, False
        self.buffer: BinaryIO = _Bytes(self)  # type: ignore[assignment]

    # -- what programs ask of a stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8, whatever the locale."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What cannot be encoded is escaped."""
        return "backslashreplace"

    @property
    def newlines(self) -> None:  # type: ignore[override]
        """No translation."""
        return None

    def fileno(self) -> int:
        """The real descriptor, for those who write past Python."""
        return self._number

    def isatty(self) -> bool:
        """Never: nobody shall draw progress bars or ask for passwords."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def readable(self) -> bool:
        """Never."""
        return False

    def reconfigure(self, **_: Any) -> None:
        """Encoding and buffering are what they are."""

    def detach(self) -> BinaryIO:
        """The binary side; this one goes on working."""
        return self.buffer

    def close(self) -> None:
        """Stays open: others print, too."""
        self.flush()

    def flush(self) -> None:
        """An unfinished line goes on waiting for its end."""

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        """Each as `write` has it."""
        for line in lines:
            self.write(line)

    # -- lines

    def write(self, text: str, /) -> int:
        """Take text; what ends in a newline goes out."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if not text or self._taken(text):
            return len(text)
        context = current.get()
        who = (threading.get_ident(), id(context))
        with self._lock:
            before = self._waiting.pop(who, None)
            whole = before[0] + text if before else text
            if len(whole) < _MAX_CHARS and not _complete(whole):
                if len(self._waiting) >= _MAX_WAITING:
                    self._out(*self._waiting.pop(next(iter(self._waiting))))
                self._waiting[who] = (whole, context)
                return len(text)
        self._out(whole, context)
        return len(text)

    def forked(self) -> None:
        """In a child: a lock that another thread held stays locked, and lines are the parent's."""
        self._lock = threading.RLock()
        self._waiting = {}

    def finish(self) -> None:
        """Put out what still waits for its end."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for text, context in waiting.values():
            self._out(text, context)

    def _out(self, text: str, context: RequestContext | None) -> None:
        token = current.set(context)
        with contextlib.suppress(Exception):
            printed(text, self._number)
        current.reset(token)


def _complete(text: str) -> bool:
    """Whether the text ends here; a traceback that is printed line by line does with its last."""
    if not text.endswith("\n"):
        return False
    if not text.startswith(_TRACEBACK):
        return True
    last = text[text.rfind("\n", 0, -1) + 1 :]
    return not last.startswith((" ", _TRACEBACK)) and last != "\n"


def printed(text: str, number: int) -> None:
    """Write what was printed: one event, or one for each line when all are JSON objects."""
    text = _COLOURS.sub("", text).strip("\r\n") if "\x1b" in text else text.strip("\r\n")
    if not text.strip():
        return
    if text.lstrip().startswith("{"):
        found = [as_fields(line) for line in text.split("\n") if line.strip()]
        if all(found):
            for one in found:
                assert one is not None
                structured(one, number, "info", "print")
            return
        whole = as_fields(text)
        if whole:
            structured(whole, number, "info", "print")
            return
    level = "error" if text.startswith(_TRACEBACK) else "info"
    stream = ("stdout", "stderr")[number - 1]
    logs.emit(level, "print", stream=number, message=text, source=stream)


def as_fields(text: str) -> dict[str, Any] | None:
    """The fields of a line that is one JSON object."""
    if not text.lstrip().startswith("{"):
        return None
    with contextlib.suppress(ValueError):
        found = orjson.loads(text)
        if isinstance(found, dict) and found:
            return found
    return None


def structured(fields: dict[str, Any], number: int, level: str, event: str, **more: object) -> None:
    """Write fields that the app has made; its own are kept, the missing ones are added."""
    named = {**more, **fields}
    given = named.pop("level", named.pop("severity", named.pop("levelname", None)))
    if isinstance(given, str) and given:
        level = _LEVELS.get(given.lower(), given.lower())
    event = str(named.pop("event", event))
    named.pop("stream", None)
    logs.emit(level, event, stream=number, **named)


class _Bytes(io.BufferedIOBase):
    """The binary side of a stream: `sys.stdout.buffer`."""

    def __init__(self, text: Capture) -> None:
        super().__init__()
        self._text = text
        self._local = threading.local()
        self.mode, self.name = "wb", text.name

    @property
    def raw(self) -> Any:
        """Nothing below it is buffered."""
        return self

    def write(self, data: Any, /) -> int:
        """Take bytes; a character cut in two waits for its other half."""
        decoder = getattr(self._local, "decoder", None)
        if decoder is None:
            decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            self._local.decoder = decoder
        taken = bytes(data)
        self._text.write(decoder.decode(taken))
        return len(taken)

    def fileno(self) -> int:
        """The real descriptor."""
        return self._text.fileno()

    def isatty(self) -> bool:
        """Never."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Stays open."""

    def flush(self) -> None:
        """Nothing is held back."""
