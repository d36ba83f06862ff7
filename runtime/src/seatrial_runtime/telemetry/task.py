"""One task of a worker: an id, taken over from the request that enqueued it; one line and one
observation when it ends."""

import time
from collections.abc import MutableMapping
from contextvars import Token
from typing import Any

from seatrial_runtime.telemetry import errors, logs, metrics, traces
from seatrial_runtime.telemetry.context import RequestContext, correlation_id, current

ID = "seatrial_id"
TRACEPARENT = "seatrial_traceparent"


class Task:
    """One run of one task, between `begin` and `end`."""

    def __init__(self, name: str, given_id: object, traceparent: object, **told: object) -> None:
        given, parent = str(given_id or ""), str(traceparent or "")
        self.context = RequestContext(correlation_id(given, parent))
        self.context.route, self.context.traceparent = name, parent
        self._told = told
        self._token: Token[RequestContext | None] | None = None

    def begin(self) -> "Task":
        """From here on everything belongs to it."""
        self._token = current.set(self.context)
        if traces.on_for_tasks():
            traces.began(self.context, "CONSUMER")
        return self

    def failed(self, error: BaseException) -> None:
        """The task raised. Celery and RQ log the traceback themselves."""
        if self.context.span is not None:
            traces.failed(self.context, error)
        if errors.on():
            errors.send(error, self.context)

    def end(self, outcome: str) -> None:
        """`outcome` is success, failure, retry or what else the program calls it."""
        duration_s = time.monotonic() - self.context.began_s
        name = self.context.route
        metrics.TASKS.of(name, outcome).observe(duration_s)
        logs.emit(
            "error" if outcome in ("failure", "lost", "timeout") else "info",
            "task",
            stream=logs.STDOUT,
            correlation_id=self.context.id,
            task=name,
            outcome=outcome,
            duration_ms=round(duration_s * 1000, 3),
            **self._told,
        )
        if self.context.span is not None:
            traces.ended(self.context)
        if self._token is not None:
            try:
                current.reset(self._token)
            except ValueError:
                current.set(None)  # Ended in another context than it began in.


def tell(headers: MutableMapping[str, Any]) -> None:
    """Put the id of the present request, or task, into what goes along with a new task."""
    context = current.get()
    if context is not None:
        headers.setdefault(ID, context.id)
        carrier: dict[str, Any] = {}
        traces.hand_on(carrier)
        if "traceparent" in carrier:
            headers.setdefault(TRACEPARENT, carrier["traceparent"])
