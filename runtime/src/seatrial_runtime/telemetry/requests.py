"""What the guard tells about requests: metrics, one line each, traces and errors of them."""

import traceback

from seatrial_runtime.telemetry import errors, logs, metrics, traces
from seatrial_runtime.telemetry.context import RequestContext

_METHODS = frozenset(
    ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE")
)
UNMATCHED = "(unmatched)"
_SWITCHING = 101


def began(context: RequestContext) -> None:
    """A request is taken on. Call it in the context that the app will run in."""
    metrics.ACTIVE.of().add()
    if traces.on():
        traces.began(context)


def ended(context: RequestContext, duration_s: float, *, log: bool) -> None:
    """Its answer has ended, or the connection; `status` 101 is a websocket."""
    metrics.ACTIVE.of().add(-1.0)
    status = context.status
    if status == _SWITCHING:
        metrics.SOCKETS.of(context.route or UNMATCHED).observe(duration_s)
    else:
        # Callers choose the method's name: unknown ones are one label, as OpenTelemetry has it.
        method = context.method if context.method in _METHODS else "_OTHER"
        metrics.REQUESTS.of(method, context.route or UNMATCHED, status).observe(duration_s)
    if context.span is not None:
        traces.ended(context)
    if log:
        logs.request(context, duration_s)


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
