"""Measuring a booted component: service times, memory and its growth, latency under concurrency.

In this order: memory at idle; example URLs; a warm-up of every route; the timed blocks, with the
memory read between them; more requests, until there are enough to see memory grow; and the
busiest route with 1 to 16 requests in flight.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Component, Concurrency, Measured, Proof, Route
from seatrial.profiler import measure_routes
from seatrial.profiler.client import Caller, Client, Dial
from seatrial.profiler.concurrency import sweep
from seatrial.profiler.crawl import discover
from seatrial.profiler.measure_memory import growth_mib_per_1000, memory_mib, worker_mib
from seatrial.profiler.measure_routes import Pids, Progress, Run
from seatrial.profiler.streamlit import PATH

GROWTH_REQUESTS = 1_000
GROWTH_S_MAX = 15.0
SAMPLE_EVERY_S = 0.1
TIME_S = 600.0
CALLERS = 8
"""Connections that warm several workers up at a time, so that each gets some."""


class Subject(Value):
    """What is measured: where it answers, and its processes.

    `workers` are those that serve; `tree` all of them, with what looks after them. `dial` opens
    a connection where `url` does not lead to the app by itself.
    """

    url: str
    dial: Dial | None = None
    workers: Pids
    tree: Pids
    boot_s: float


class Taken(Value):
    """A measured component, and the memory of all its processes once it was warm, in MiB."""

    component: Component
    warm_mib: float


def front(component: Component) -> Component:
    """The component with the routes that are not in its source.

    A command may have no routes in the source: its front page is one, and for Streamlit the run
    of its script.
    """
    if component.interface != "command" or any("GET" in r.methods for r in component.routes):
        return component

    def route(path: str, method: str, endpoint: str, note: str) -> Route:
        proof = Proof(kind="assumed", rule="measure.front", note=note)
        return Route(path=path, methods=(method,), endpoint=endpoint, proof=proof)

    added = [route("/", "GET", "front page", f"every {component.framework} app has one")]
    if component.framework == "streamlit":
        added.append(route(PATH, "WEBSOCKET", "script run", "what a browser asks of Streamlit"))
    return replace(component, routes=(*component.routes, *added))


def measure(
    component: Component,
    subject: Subject,
    *,
    machine: str,
    examples: Mapping[str, str],
    weights: Mapping[str, float] | None = None,
    requests_per_route: int = 200,
    time_s: float = TIME_S,
    note: str = "",
    progress: Progress = lambda path, share: None,
) -> Taken:
    """Measure a component that runs with one worker.

    `weights` tell how often a route is asked, which decides on the busiest one. Routes that
    cannot be measured say why in `unmeasured`; `note` is added to the proof. Takes at most about
    `time_s` seconds, and then tells of what it came to. Raises `DeployError` when the app ends.
    """
    began = time.monotonic()
    idle = worker_mib(subject.workers())
    runs, reasons = _prepare(component.routes, subject, examples, progress)
    with _callers(runs) as callers:
        route_s = _share(time_s, len(runs))
        for done, run in enumerate(runs):
            progress(run.route.path, 0.1 * done / len(runs))
            measure_routes.warm_up(callers[id(run)], run, requests_per_route, route_s)
        warm = memory_mib(subject.tree())
        memory = _Memory(subject.workers, runs)

        def after_block(run: Run, share: float) -> None:
            memory.sample()
            progress(run.route.path, 0.1 + 0.6 * share)

        good = [run for run in runs if not run.failure]
        deadline = began + 0.7 * time_s
        measure_routes.measure_blocks(callers, good, subject.workers, deadline, after_block)
        _more(callers, [run for run in runs if not run.failure], memory, began + 0.8 * time_s)
    worker = worker_mib(subject.workers())
    by_run = {id(run): measure_routes.result(run) for run in runs}
    waiting = iter(runs)
    routes = tuple(
        replace(route, unmeasured=reasons[position], service_time=None)
        if position in reasons
        else by_run[id(next(waiting))]
        for position, route in enumerate(component.routes)
    )
    progress("in parallel", 0.8)
    busiest, curve = _busiest(runs, by_run, weights or {}, began + time_s)
    timed = [route.service_time for route in routes if route.service_time is not None]
    said = f"{sum(t.requests for t in timed)} requests to {len(timed)} routes, one at a time"
    measured = Measured(
        boot_s=subject.boot_s, memory_mib_worker=worker, memory_mib_idle=idle,
        memory_mib_per_1000_requests=growth_mib_per_1000(memory.samples),
        concurrency_route=busiest, concurrency=curve, machine=machine,
        proof=Proof(
            kind="measured", rule="measure.boot", note="; ".join(filter(None, (said, note)))
        ),
    )  # fmt: skip
    return Taken(component=replace(component, routes=routes, measured=measured), warm_mib=warm)


def warmed_mib(
    component: Component, subject: Subject, examples: Mapping[str, str], workers: int
) -> float:
    """Memory of all processes in MiB after every one of `workers` was warmed up likewise."""
    runs, _ = _prepare(component.routes, subject, examples, lambda path, share: None)

    def warm(run: Run) -> None:
        own = Run(run.route, run.targets, run.opened)
        caller = own.opened()
        with contextlib.closing(caller):
            for _ in range(workers * measure_routes.WARM_UP // CALLERS + 1):
                if own.ask(caller) is None:
                    return

    for run in runs:
        threads = [threading.Thread(target=warm, args=(run,)) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return memory_mib(subject.tree())


def _share(time_s: float, runs: int) -> float:
    return min(measure_routes.ROUTE_S_MAX, 0.6 * time_s / max(runs, 1))


def _prepare(
    routes: Sequence[Route], subject: Subject, examples: Mapping[str, str], progress: Progress
) -> tuple[list[Run], dict[int, str]]:
    progress("looking for example URLs", 0.0)
    client = Client(subject.url, subject.dial)
    with contextlib.closing(client):
        asked = [route for route in routes if "GET" in route.methods]
        found = discover(asked, examples, client.get, client.origin)
    return measure_routes.runs_of(routes, found, subject.url, subject.dial)


@contextlib.contextmanager
def _callers(runs: Sequence[Run]) -> Iterator[dict[int, Caller]]:
    """One caller for each run; those of plain requests share one kept connection."""
    with contextlib.ExitStack() as stack:
        shared: dict[object, Caller] = {}
        for run in runs:
            if run.opened not in shared:
                shared[run.opened] = stack.enter_context(contextlib.closing(run.opened()))
        yield {id(run): shared[run.opened] for run in runs}


class _Memory:
    """Memory of the workers while they serve, not read more often than it is worth."""

    def __init__(self, workers: Pids, runs: Sequence[Run]) -> None:
        self._workers, self._runs = workers, runs
        self._due = 0.0
        self.samples: list[tuple[int, float]] = []

    @property
    def requests(self) -> int:
        """How many requests were sent so far."""
        return sum(run.asked for run in self._runs)

    def sample(self) -> None:
        """Read it, when it is time."""
        now = time.monotonic()
        if now >= self._due:
            found = worker_mib(self._workers())
            if found:
                self.samples.append((self.requests, found))
            self._due = time.monotonic() + SAMPLE_EVERY_S


def _more(callers: Mapping[int, Caller], runs: list[Run], memory: _Memory, limit: float) -> None:
    """More requests to all routes in turn, untimed, until there are enough to see a leak."""
    deadline = min(limit, time.monotonic() + GROWTH_S_MAX)
    wanted = memory.requests + GROWTH_REQUESTS
    while runs and memory.requests < wanted and time.monotonic() < deadline:
        for run in runs:
            counted, failed = len(run.wall_ms), run.failure
            answer = run.ask(callers[id(run)])
            assert len(run.wall_ms) == counted
            if answer is None:
                run.failure = failed  # What was measured before still holds.
                return
        memory.sample()


def _busiest(
    runs: Sequence[Run], routes: Mapping[int, Route], weights: Mapping[str, float], limit: float
) -> tuple[str, tuple[Concurrency, ...]]:
    """The route that takes most of a worker's time, and its latency under concurrency."""
    found: list[tuple[float, Run]] = []
    for run in runs:
        timed = routes[id(run)].service_time
        if timed is not None:
            weight = weights.get(run.route.path, 0.0 if weights else 1.0)
            found.append((weight * timed.mean_ms, run))
    if not found:
        return "", ()
    run = max(found, key=lambda one: one[0])[1]
    curve = sweep(run.opened, run.targets, limit)
    return (run.route.path, curve) if curve else ("", ())
