"""What the guard tells about requests: metrics, one line each, traces and errors of them."""

import traceback
from bisect import bisect_left

from seatrial_runtime.telemetry import errors, logs, metrics, traces
from seatrial_runtime.telemetry.context import RequestContext

_METHODS = frozenset(
    ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE")
)
UNMATCHED = "(unmatched)"
_SWITCHING = 101


def began(context: RequestContext, *, alone: bool = False) -> None:
    """A request is taken on. Call it in the context that the app will run in.

    `alone` is a caller whose thread is the only one to tell of requests, as an event loop's is: for
    it the lock, which costs as much as all it protects, is left out.
    """
    active = metrics.ACTIVE.children.get(())
    if active is None:
        metrics.ACTIVE.of().add()
    else:
        cells, place = active.cells, active.places[0]
        if alone:
            cells[place] += 1.0
        else:
            with metrics.CELLS.lock:
                cells[place] += 1.0
    if traces.State.tracer is not None:
        traces.began(context)


def ended(context: RequestContext, duration_s: float, *, log: bool, alone: bool = False) -> None:
    """Its answer has ended, or the connection; `status` 101 is a websocket."""
    # Callers choose the method's name: unknown ones are one label, as OpenTelemetry has it.
    method = context.method if context.method in _METHODS else "_OTHER"
    active = metrics.ACTIVE.children.get(())
    timed = metrics.REQUESTS.children.get((method, context.route or UNMATCHED, context.status))
    if active is None or timed is None:
        _ended_first(context, method, duration_s)
    else:
        # Both under one lock, and without a call: every request pays for it.
        active_cells, active_place = active.cells, active.places[0]
        cells, places = timed.cells, timed.places
        bucket, total = places[bisect_left(timed.bounds, duration_s) + 1], places[0]
        if not alone:
            metrics.CELLS.lock.acquire()
        try:
            active_cells[active_place] -= 1.0
            cells[total] += duration_s
            cells[bucket] += 1.0
        finally:
            if not alone:
                metrics.CELLS.lock.release()
    if context.span is not None:
        traces.ended(context)
    if log:
        logs.request(context, duration_s)


def _ended_first(context: RequestContext, method: str, duration_s: float) -> None:
    """The first of its kind, a websocket, or nobody collects."""
    metrics.ACTIVE.of().add(-1.0)
    route, status = context.route or UNMATCHED, context.status
    if status == _SWITCHING:
        metrics.SOCKETS.of(route).observe(duration_s)
    else:
        metrics.REQUESTS.of(method, route, status).observe(duration_s)


def queued(seconds: float) -> None:
    """How long the request waited between the proxy and here."""
    metrics.QUEUED.of().observe(seconds)


def limited(kind: str) -> None:
    """A limit refused a request: rate, body, type, host, header."""
    metrics.LIMITED.of(kind).add()


def timed_out(context: RequestContext) -> None:
    """A request had no answer in its time."""
    metrics.TIMEOUTS.of(context.route or UNMATCHED).add()


def caught(error: BaseException, context: RequestContext, *, log: bool = True) -> None:
    """An exception of the app: its traceback, without values of variables, and Sentry."""
    kind = type(error).__name__
    metrics.EXCEPTIONS.of(context.route or UNMATCHED, kind).add()
    if log:
        logs.emit(
            "error",
            "exception",
            correlation_id=context.id,
            type=kind,
            message=_words(error),
            route=context.route or UNMATCHED,
            method=context.method,
            traceback="".join(traceback.format_exception(error)),
        )
    if context.span is not None:
        traces.failed(context, error)
    if errors.on():
        errors.send(error, context)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # The app's own __str__ may do anything.
        return ""
