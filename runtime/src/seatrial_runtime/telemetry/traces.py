"""OpenTelemetry: one span a request or task, and those of the libraries that the app calls.

Off unless the environment names an endpoint; the OTEL_* variables mean what they mean elsewhere.
Nothing of OpenTelemetry is imported before `begin`.
"""

import contextlib
import os
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any

from seatrial_runtime.telemetry import extras, logs
from seatrial_runtime.telemetry.context import RequestContext
from seatrial_runtime.telemetry.masking import redact_value

_SHARE = 0.05
"""Of the traces that begin here. Those begun by a caller follow its decision."""
_LIBRARIES = (
    "requests", "httpx", "urllib3", "aiohttp_client", "psycopg", "psycopg2", "asyncpg", "pymysql",
    "sqlalchemy", "redis", "pymongo", "botocore", "celery",
)  # fmt: skip
_IMPORTED_AS = {"aiohttp_client": "aiohttp"}


class State:
    """Of this process; `tracer` is None while no spans are made."""

    tracer: Any = None
    provider: Any = None
    celery = False  # Its instrumentation makes the spans of tasks.


def on() -> bool:
    """Whether spans are made at all."""
    return State.tracer is not None


def on_for_tasks() -> bool:
    """Whether spans of tasks are ours to make."""
    return on() and not State.celery


def begin(service: str, environment: str) -> None:
    """Start exporting, if the environment names an endpoint. After the last fork that matters:
    the exporting thread of a parent does not run in its children."""
    if not extras.traces_wanted(os.environ):
        return
    # Only where it is configured: it costs 300 ms and more.
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource  # Likewise.
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # Likewise.

    class Masking(OTLPSpanExporter):
        """Masking runs last: what a library put into a span is cleaned, too."""

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            """Send spans without secrets."""
            return super().export([_masked(span, ReadableSpan) for span in spans])

    about = {"deployment.environment.name": environment}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        about["service.name"] = service
    sampler = None if os.environ.get("OTEL_TRACES_SAMPLER") else ParentBasedTraceIdRatio(_SHARE)
    provider = TracerProvider(
        resource=Resource.create(about), sampler=sampler, shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(Masking()))
    trace.set_tracer_provider(provider)
    State.provider = provider
    State.tracer = provider.get_tracer("seatrial_runtime")
    for name in _LIBRARIES:
        if extras.installed(f"opentelemetry.instrumentation.{name}"):
            imported = _IMPORTED_AS.get(name, name)
            extras.when_imported(imported, partial(_instrument, name))


def _instrument(name: str, _: ModuleType) -> None:
    from importlib.metadata import entry_points  # Likewise.

    try:
        for found in entry_points(group="opentelemetry_instrumentor", name=name):
            found.load()().instrument()
            State.celery = State.celery or name == "celery"
    except Exception as error:  # A library of another version: the app works, its spans lack.
        text = f"{type(error).__name__}: {error}"
        logs.emit("warning", "traces", message=f"{name} is not instrumented", reason=text)


def began(context: RequestContext, kind: str = "SERVER") -> None:
    """Open the span of a request or a task, and make it the parent of what the app does now."""
    from opentelemetry.context import attach  # Likewise.
    from opentelemetry.trace import SpanKind, set_span_in_context

    parent = _parent(context)
    named: dict[str, str] = {"seatrial.correlation_id": context.id}
    if context.method:
        named |= {"http.request.method": context.method, "url.path": context.path}
    span = State.tracer.start_span(
        context.method or context.route, parent, kind=SpanKind[kind], attributes=named
    )
    context.span = (span, attach(set_span_in_context(span, parent)))


def _parent(context: RequestContext) -> Any:
    if not context.traceparent:
        # An empty one: what another task of this thread left behind is no parent.
        from opentelemetry.context import Context

        return Context()
    from opentelemetry.context import Context  # Likewise.
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": context.traceparent}
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


def ended(context: RequestContext) -> None:
    """Close it."""
    span, token = context.span
    context.span = None
    if span.is_recording():
        if context.method:
            route = context.route or "(unmatched)"
            span.update_name(f"{context.method} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", context.status)
        if context.user:
            span.set_attribute("user.id", context.user)
        if context.status >= 500:
            _mark(span, str(context.status))
    span.end()
    # A watcher may end it in another thread; there is nothing to put back then.
    with contextlib.suppress(ValueError, RuntimeError):
        token.var.reset(token)


def failed(context: RequestContext, error: BaseException) -> None:
    """The app raised: say so on the span. The message may hold a secret; the exporter masks it."""
    span, _ = context.span
    if span.is_recording():
        trace = "".join(traceback.format_exception(error))
        kind = type(error).__name__
        span.add_event("exception", {"exception.type": kind, "exception.stacktrace": trace})
        _mark(span, kind)


def _mark(span: Any, what: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # Likewise.

    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", what)


def _masked(span: Any, make: Any) -> Any:
    """A copy without secrets. Only the exporter's thread does this."""
    events = [
        type(event)(event.name, _clean(event.attributes), event.timestamp) for event in span.events
    ]
    return make(
        name=redact_value(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_clean(span.attributes),
        events=events,
        links=span.links,
        kind=span.kind,
        status=type(span.status)(span.status.status_code, redact_value(span.status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _clean(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: redact_value(value, name) for name, value in (attributes or {}).items()}


def hand_on(headers: MutableMapping[str, Any]) -> None:
    """Name the present span in the headers of a task that is enqueued."""
    if on_for_tasks():
        # An extra.
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)


def flush() -> None:
    """Send what waits. May take as long as the network does."""
    if State.provider is not None:
        State.provider.force_flush()
