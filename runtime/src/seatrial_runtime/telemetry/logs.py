"""One JSON object a line: the only way this package writes to stdout and stderr once it runs."""

import contextlib
import json
import os
import re
import select
import sys
import traceback
from time import gmtime, monotonic, sleep, strftime, time
from typing import Any, TypeVar

import orjson

from seatrial_runtime.telemetry import masking
from seatrial_runtime.telemetry.context import RequestContext, current
from seatrial_runtime.telemetry.masking import add_secrets, redact

__all__ = [
    "STDERR", "STDOUT", "add_secrets", "emit", "redact", "request", "tell", "tell_overdue", "use",
]  # fmt: skip

_K = TypeVar("_K")
_V = TypeVar("_V")
STDOUT, STDERR = 1, 2
_PATIENCE_S = 0.2
_THREE = tuple(f"{number:03d}" for number in range(1000))  # A third of the cost of a format.
_MAX_KEPT = 4096
# Characters a terminal acts upon, or that some readers take for the end of a line.
_ACTING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class _Sink:
    """Where the lines of one stream go. A reader that has stopped must not stop the app: when the
    descriptor does not block, lines that find no room for 0.2 s are dropped, counted and told."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._dropped = 0
        self._torn = False

    def write(self, line: bytes) -> None:
        """One write a line, past Python's buffers: lines of several processes do not mix."""
        try:
            written = 0 if self._dropped else os.write(self.fd, line)
        except BlockingIOError:
            written = 0
        except OSError:
            # A full disk or a closed pipe under the log must not stop the app from serving.
            return
        if written != len(line):
            with contextlib.suppress(OSError):
                self._push(line, written)

    def _push(self, line: bytes, written: int) -> None:
        # Who has waited in vain once does not wait again: every line would cost that long.
        until = monotonic() + (0.0 if self._dropped else _PATIENCE_S)
        rest = b"\n" + line if self._torn else line[written:]
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        while rest:
            left_s = max(until - monotonic(), 0.0)
            sent = 0
            if poll.poll(left_s * 1000):
                with contextlib.suppress(BlockingIOError):
                    sent = os.write(self.fd, rest)
            rest = rest[sent:]
            if rest and left_s == 0.0:
                self._dropped += 1
                self._torn = self._torn or sent > 0 or len(rest) < len(line)
                return
            if not sent:
                sleep(0.001)  # There is room, but not for this line in one piece.
        dropped, self._dropped, self._torn = self._dropped, 0, False
        if dropped:
            emit("warning", "log_lines_dropped", lines=dropped, message="the reader was too slow")


# What every line of this process holds, and where it goes. Names of the module, and not of a class:
# those take six times as long to look up, and every request pays for it.
_sinks: dict[int, _Sink] = {}
_told: dict[str, str] = {}
_stamp = (-1, "")
# Parts of the lines of requests, masked and quoted.
_likes: dict[tuple[str, str, int, str], tuple[str, str]] = {}
_whos: dict[tuple[str, str], str] = {}

for _cache in (_likes, _whos):
    masking.forgets(_cache)


def use(out_fd: int, err_fd: int) -> None:
    """Write lines for stdout and stderr to these from now on."""
    _sinks.update({STDOUT: _Sink(out_fd), STDERR: _Sink(err_fd)})


def tell(**fields: str) -> None:
    """Have every line of this process hold these, like `service` and `environment`."""
    _told.update({name: redact(value) for name, value in fields.items() if value})
    _whos.clear()


def timestamp() -> str:
    """Now, in UTC to the millisecond; the part before the dot is made once a second."""
    now = time()
    second = int(now)
    stamp = _stamp  # Once: another thread may be at the turn of the second.
    if stamp[0] != second:
        stamp = _turned(second)
    return f"{stamp[1]}{_THREE[int((now - second) * 1000)]}Z"


def _turned(second: int) -> tuple[int, str]:
    # Both parts at once: another thread may be at the turn of the second, too.
    global _stamp
    _stamp = stamp = (second, strftime("%Y-%m-%dT%H:%M:%S.", gmtime(second)))
    return stamp


def emit(level: str, event: str, *, stream: int = STDERR, **fields: object) -> None:
    """Write one event; `level` is debug, info, warning, error or critical.

    Secrets are taken out of every field, at any depth; a field that is None is left out. The id
    of the request that runs is added where none is given.
    """
    record: dict[str, object] = {"timestamp": timestamp(), "level": level, "event": event}
    context = current.get()
    if context is not None and "correlation_id" not in fields:
        record["correlation_id"] = redact(context.id)
    for name, value in fields.items():
        if value is not None:
            record[redact(name)] = masking.redact_value(value, name)
    for name, told in _told.items():
        record.setdefault(name, told)
    _sink(stream).write(_blanked(_line(record)) + b"\n")


def tell_overdue(thread_id: int, limit_s: float, **fields: Any) -> None:
    """Tell what takes longer than `limit_s`, or is about to, with where its thread is."""
    frame = sys._current_frames().get(thread_id)
    stacks = "".join(traceback.format_stack(frame)) if frame is not None else None
    emit("warning", "overdue", pid=os.getpid(), **fields, limit_s=limit_s, stacks=stacks)


def request(context: RequestContext, duration_s: float) -> None:
    """Write the one line of a finished request. The query string is never in it.

    By hand, of parts that are kept: most requests are like others but for their id and times.
    """
    like = (context.method, context.route, context.status, context.path)
    head, middle = _likes.get(like) or _like(*like)
    who = (context.client, context.user)
    tail = _whos.get(who) or _who(*who)
    id = context.id
    if not context.made:
        id = _quoted(redact(id) if masking.holds_secret(id) else id)[1:-1]
    now = time()
    second = int(now)
    stamp = _stamp
    if stamp[0] != second:
        stamp = _turned(second)
    thousandths = int(duration_s * 1e6 + 0.5)
    line = (
        f'{{"timestamp":"{stamp[1]}{_THREE[int((now - second) * 1000)]}Z{head}{id}{middle}'
        f"{thousandths // 1000}.{_THREE[thousandths % 1000]}{tail}"
    )
    (_sinks.get(STDOUT) or _sink(STDOUT)).write(line.encode())


def _like(method: str, route: str, status: int, path: str) -> tuple[str, str]:
    """The parts of a line that are the same for one method, route, status and path."""
    level = "error" if status >= 500 else "info"
    named = redact(method) if masking.holds_secret(method) else method
    found = (
        f'","level":"{level}","event":"request","correlation_id":"',
        f'","route":{_quoted(route or "(unmatched)")},"method":{_quoted(named)}'
        f',"path":{_quoted(masking.clean_path(path))},"status":{status},"duration_ms":',
    )
    if len(path) > masking.MAX_PATH_CHARS:
        return found
    return _kept(_likes, (method, route, status, path), found)


def _who(client: str, user: str) -> str:
    """The end of a line: user, client and what every line of this process holds."""
    fields = {"user": user, "client": client, **_told}
    text = "".join(
        f',"{name}":{_quoted(redact(value) if masking.holds_secret(value) else value)}'
        for name, value in fields.items()
        if value
    )
    return _kept(_whos, (client, user), text + "}\n")


def _kept(into: dict[_K, _V], key: _K, value: _V) -> _V:
    # Emptied when full: callers choose paths and methods, and must not fill the memory.
    if len(into) >= _MAX_KEPT:
        into.clear()
    into[key] = value
    return value


def _quoted(text: str) -> str:
    return _line(text).decode()


def _line(record: dict[str, object] | str) -> bytes:
    try:
        line = orjson.dumps(record)
    except TypeError:
        # A number beyond 64 bits, or text that is no Unicode: rare, and the slow way can do it.
        line = json.dumps(record, separators=(",", ":"), default=str).encode()
    if not line.isascii() or b"\x7f" in line:
        text = line.decode("utf-8", "replace")
        line = _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
    return line


def _sink(stream: int) -> _Sink:
    sink = _sinks.get(stream)
    if sink is None:
        sink = _sinks[stream] = _Sink(stream)
    return sink


def _blanked(line: bytes) -> bytes:
    """Masking runs last: whatever way a secret came into the line, it goes."""
    if not masking.line_holds_secret(line):
        return line
    line = masking.blank(line)
    try:
        orjson.loads(line)
    except ValueError:
        # The secret reached into an escape: what is left is no JSON, so nothing of it is kept.
        return b'{"timestamp":"%s","level":"warning","event":"[redacted]"}' % timestamp().encode()
    return line
