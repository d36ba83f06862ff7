"""The app's own `logging`, warnings and uncaught exceptions, made into events.

Handlers stay as the app configures them: what one of them writes to stdout or stderr is replaced
by an event of the record itself. An app that configures nothing is heard through `lastResort`,
because a handler of ours on the root logger would turn its `basicConfig` into a no-op.
"""

import logging
import os
import sys
import threading
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, TextIO

from seatrial_runtime.telemetry import logs
from seatrial_runtime.telemetry.capture import Capture, as_fields, structured
from seatrial_runtime.telemetry.context import RequestContext, current

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_DONE = "_seatrial_written"
_LEVEL_NAMES = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))


class _Now(threading.local):
    """The record that a handler of this thread is writing, and that handler."""

    record: logging.LogRecord | None = None
    handler: logging.Handler | None = None


_now = _Now()


class _LastResort(logging.Handler):
    """Hears what no handler of the app does."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        write(record, 2, "")


class _Threshold:
    level = logging.NOTSET


def write(record: logging.LogRecord, number: int, text: str) -> None:
    """Write a record as an event, once, however many handlers it comes to.

    `text` is what the app's formatter made of it: kept when it is a JSON object, or when it does
    not hold the message, as where a formatter of the app masks or translates.
    """
    if record.levelno < _Threshold.level or getattr(record, _DONE, False):
        return
    setattr(record, _DONE, True)
    level = next((name for least, name in _LEVEL_NAMES if record.levelno >= least), "debug")
    try:
        message = record.getMessage()
    except Exception as error:  # Arguments that do not fit the format: bare logging prints, too.
        message = text = f"{record.msg} ({type(error).__name__}: {error})"
    extra = {k: v for k, v in vars(record).items() if k not in _PLAIN and k != _DONE}
    trace = _trace(record)
    fields = as_fields(text)
    if fields is not None:
        message = fields.get("event", fields.get("message", fields.get("msg", message)))
        structured(fields, number, level, "log", logger=record.name)
        return
    if text and message not in text:
        message, trace = text.rstrip("\n"), None
    more = {**extra, "message": message, "logger": record.name, "traceback": trace}
    for taken in ("level", "event", "stream"):
        if taken in more:
            more[taken + "_"] = more.pop(taken)
    logs.emit(level, "log", stream=number, **more)


def _trace(record: logging.LogRecord) -> str | None:
    parts = []
    if record.exc_info and record.exc_info[1] is not None:
        parts.append("".join(traceback.format_exception(record.exc_info[1])))
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return "\n".join(parts) or None


def take_over(number: int, text: str) -> bool:
    """Whether `text` is a record that a handler writes: then it has become an event."""
    record = _now.record
    if record is None:
        return False
    if text.strip():
        write(record, number, text)
    return True


def set_level(level: str) -> None:
    """Records below it are not written. What the app asks for itself holds besides."""
    number = logging.getLevelName(level.upper())
    _Threshold.level = number if isinstance(number, int) else logging.INFO
    logging.getLogger().setLevel(_Threshold.level)


def install(log_level: str) -> None:
    """Once a process, before the app is imported."""
    set_level(log_level)
    logging.lastResort = _LastResort()
    handle = logging.StreamHandler.emit

    def emit(self: Any, record: logging.LogRecord) -> None:
        before = _now.record
        _now.record = record
        try:
            handle(self, record)
        finally:
            _now.record = before

    logging.StreamHandler.emit = emit  # type: ignore[method-assign]
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = Capture(number, partial(take_over, number))
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
        os.register_at_fork(after_in_child=stream.forked)
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread
    warnings.showwarning = _warned
    _carry_into_pools()


def finish() -> None:
    """Put out lines that wait for their end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Capture):
            stream.finish()


def _carry_into_pools() -> None:
    """Work given to a thread pool belongs to the request that gave it.

    Only pools, which take work piece by piece. A plain thread may outlive the request by days, and
    its lines would carry the id of the first one that needed it.
    """
    submit = ThreadPoolExecutor.submit

    def submit_here(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        context = current.get()
        if context is None:
            return submit(self, fn, *args, **kwargs)
        return submit(self, _run_for, context, fn, *args, **kwargs)

    ThreadPoolExecutor.submit = submit_here  # type: ignore[method-assign]


def _run_for(context: RequestContext, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    token = current.set(context)
    try:
        return fn(*args, **kwargs)
    finally:
        current.reset(token)


def _uncaught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    trace = "".join(traceback.format_exception(kind, error, where))
    logs.emit("critical", "uncaught", type=kind.__name__, traceback=trace)


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:
        return
    trace = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
    name = args.thread.name if args.thread else None
    logs.emit("error", "uncaught", type=args.exc_type.__name__, thread=name, traceback=trace)


def _unraisable(args: Any) -> None:
    trace = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
    what = args.err_msg or "exception ignored"
    logs.emit("error", "unraisable", type=args.exc_type.__name__, message=what, traceback=trace)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if file is not None:
        file.write(warnings.formatwarning(message, category, filename, lineno, line))
        return
    place = f"{filename}:{lineno}"
    logs.emit("warning", "warning", category=category.__name__, message=str(message), place=place)
