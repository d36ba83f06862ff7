"""The figures of this process, by the names that `docs/runtime/observability.md` explains.

Every function here is cheap and does nothing in a process that `start` was not called in.
"""

import os
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from seatrial_runtime.telemetry.cells import Cells, Doubles, Key

_MAX_CHILDREN = 1000
OTHER = "(other)"
"""The value of every label once a metric has as many label sets as it may have."""

CELLS = Cells()


class Child:
    """One label set of a metric."""

    __slots__ = ("bounds", "cells", "places")

    def __init__(self, cells: Doubles, places: list[int], bounds: Sequence[float]) -> None:
        self.cells, self.places, self.bounds = cells, places, bounds

    def add(self, amount: float = 1.0) -> None:
        """Count; a gauge may count down."""
        with CELLS.lock:
            self.cells[self.places[0]] += amount

    def set(self, value: float) -> None:
        """Of a gauge: what it is now."""
        self.cells[self.places[0]] = value

    def observe(self, value: float) -> None:
        """Of a histogram: one more of this size. The first cell is the sum, then the buckets."""
        cells, places = self.cells, self.places
        place = places[bisect_left(self.bounds, value) + 1]
        with CELLS.lock:
            cells[places[0]] += value
            cells[place] += 1.0


class _Nothing(Child):
    """Where nobody collects."""

    __slots__ = ()

    def __init__(self) -> None:
        """Without cells."""

    def add(self, amount: float = 1.0) -> None:
        """Count nothing."""

    def set(self, value: float) -> None:
        """Set nothing."""

    def observe(self, value: float) -> None:
        """See nothing."""


_NOTHING = _Nothing()


class Metric:
    """One named metric. `mode` is how a gauge is put together over the processes."""

    def __init__(
        self,
        kind: str,
        name: str,
        help: str,
        labels: tuple[str, ...] = (),
        bounds: tuple[float, ...] = (),
        mode: str = "",
    ) -> None:
        self.kind, self.name, self.help, self.labels = kind, name, help, labels
        self._prefix = f"{kind}_{mode}" if mode else kind
        self._bounds = bounds
        self.children: dict[tuple[Any, ...], Child] = {}
        ALL.append(self)

    def of(self, *values: Any) -> Child:
        """The child with these label values."""
        return self.children.get(values) or self._bind(values)

    def _bind(self, values: tuple[Any, ...]) -> Child:
        if not CELLS.folder:
            return _NOTHING
        with CELLS.lock:
            if len(self.children) >= _MAX_CHILDREN:
                values = (OTHER,) * len(self.labels)
            child = self.children.get(values)
            if child is None:
                cells, places = CELLS.allocate(self._prefix, self._keys(values))
                child = self.children[values] = Child(cells, places, self._bounds)
            return child

    def _keys(self, values: tuple[Any, ...]) -> list[Key]:
        labels = tuple((name, str(value)) for name, value in zip(self.labels, values, strict=True))
        if self.kind != "histogram":
            # Its metric is called without the ending, as in OpenMetrics.
            metric = self.name.removesuffix("_total")
            return [(metric, self.name, labels, self.help)]
        keys = [(self.name, self.name + "_sum", labels, self.help)]
        for bound in (*(str(float(bound)) for bound in self._bounds), "+Inf"):
            keys.append((self.name, self.name + "_bucket", (*labels, ("le", bound)), self.help))
        return keys


ALL: list[Metric] = []


def collect_in(folder: str) -> None:
    """From now on this process writes its figures into files in `folder`."""
    CELLS.folder = folder
    _forget()


def _forget() -> None:
    CELLS.forget()
    for metric in ALL:
        metric.children.clear()


os.register_at_fork(after_in_child=_forget)

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
_SLOW = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14400)

REQUESTS = Metric(
    "histogram",
    "http_server_request_duration_seconds",
    "Time from a request's head to the end of its answer",
    ("http_request_method", "http_route", "http_response_status_code"),
    _QUICK,
)
ACTIVE = Metric(
    "gauge", "http_server_active_requests", "Requests and websockets in work", mode="livesum"
)
SOCKETS = Metric(
    "histogram",
    "seatrial_websocket_duration_seconds",
    "How long websockets were open",
    ("http_route",),
    _SLOW,
)
QUEUED = Metric(
    "histogram",
    "seatrial_request_queue_seconds",
    "Time between the proxy's X-Request-Start and the app",
    bounds=_QUICK,
)
LIMITED = Metric(
    "counter", "seatrial_requests_refused_total", "Requests that a limit refused", ("kind",)
)
STORE_FAILURES = Metric(
    "counter",
    "seatrial_rate_limit_store_failures_total",
    "Requests that this replica counted alone: the store of the rate limits did not answer",
)
TIMEOUTS = Metric(
    "counter",
    "seatrial_request_timeouts_total",
    "Requests that had no answer in their time",
    ("http_route",),
)
EXCEPTIONS = Metric(
    "counter",
    "seatrial_exceptions_total",
    "Exceptions that came out of the app",
    ("http_route", "type"),
)
MEMORY = Metric(
    "gauge", "seatrial_worker_memory_bytes", "Resident memory of a worker", mode="liveall"
)
LOOP_LAG = Metric(
    "gauge",
    "seatrial_event_loop_lag_seconds",
    "How late the event loop of the slowest worker is",
    mode="livemax",
)
CACHE = Metric(
    "counter", "seatrial_cache_events_total", "What became of look-ups", ("cache", "event")
)
CIRCUIT = Metric(
    "gauge",
    "seatrial_circuit_state",
    "0 closed, 1 half-open, 2 open; the worst of all workers",
    ("circuit",),
    mode="livemax",
)
CIRCUIT_CHANGES = Metric(
    "counter", "seatrial_circuit_changes_total", "Changes to a state", ("circuit", "state")
)
RETRIES = Metric("counter", "seatrial_retries_total", "Calls made again", ("name",))
LLM_CALLS = Metric(
    "histogram",
    "seatrial_llm_call_duration_seconds",
    "Calls of language models",
    ("model", "outcome"),
    (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300),
)
LLM_TOKENS = Metric(
    "counter", "seatrial_llm_tokens_total", "Tokens sent and received", ("model", "direction")
)
LLM_COST = Metric(
    "counter", "seatrial_llm_cost_usd_total", "What calls cost, where a price is known", ("model",)
)
TASKS = Metric(
    "histogram",
    "seatrial_task_duration_seconds",
    "Tasks of a worker program",
    ("task", "outcome"),
    _SLOW,
)
TASK_PROCESSES = Metric(
    "counter",
    "seatrial_task_processes_replaced_total",
    "Processes of a task worker that were replaced, by what was too much",
    ("reason",),
)
SCRIPTS = Metric(
    "counter", "seatrial_scripts_overdue_total", "Runs of a Streamlit script that took too long"
)
_STATES = {"closed": 0.0, "half-open": 1.0, "open": 2.0}


def worker_memory(resident_bytes: int) -> None:
    """What this worker has in memory."""
    MEMORY.of().set(resident_bytes)


def loop_lag(seconds: float) -> None:
    """How late the event loop of this worker ran what was due."""
    LOOP_LAG.of().set(seconds)


def cache_event(name: str, event: str) -> None:
    """`event` is hit, miss or eviction."""
    CACHE.of(name, event).add()


def circuit_state(name: str, state: str) -> None:
    """`state` is closed, open or half-open: call it at each change, and once at the start."""
    first = (name,) not in CIRCUIT.children
    CIRCUIT.of(name).set(_STATES[state])
    if not first or state != "closed":
        CIRCUIT_CHANGES.of(name, state).add()


def retried(name: str) -> None:
    """A call is made once more."""
    RETRIES.of(name).add()


def llm_call(
    model: str,
    outcome: str,
    seconds: float,
    input_tokens: int,
    output_tokens: int,
    cost_usd: float | None,
) -> None:
    """One call of one model has ended; `cost_usd` is None where no price is known."""
    LLM_CALLS.of(model, outcome).observe(seconds)
    LLM_TOKENS.of(model, "input").add(input_tokens)
    LLM_TOKENS.of(model, "output").add(output_tokens)
    if cost_usd is not None:
        LLM_COST.of(model).add(cost_usd)
