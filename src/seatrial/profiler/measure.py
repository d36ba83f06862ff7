"""Measuring a booted component: service time of each route, memory of its worker.

One request at a time over one kept connection, so there is no queueing: what is timed is the
service time (with the loopback's and this client's own share, about 0.1-0.3 ms).

Each route gets its requests in ten blocks; the blocks of all routes are shuffled with a fixed
seed. So routes are interleaved (a slow minute of the machine is spread over all of them), while
inside a block only one route is asked: the workers' processor time, read before and after the
block, is that route's. A block begins with one request that is not counted, which takes the
change from another route.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import psutil
from msgspec.structs import replace

from seatrial.kernel.workload import Component, Measured, Proof, Route, ServiceTime
from seatrial.profiler.client import Answer, Client
from seatrial.profiler.crawl import changes_data, discover
from seatrial.profiler.templates import parameters

WARM_UP = 10
BLOCKS = 10
REQUESTS_MIN = 5
ROUTE_S_MAX = 30.0
SEED = 20_260_101
QUANTILES = 40
MIB = 1024**2

Progress = Callable[[str, float], None]
Pids = Callable[[], Sequence[int]]


class _Run:
    """One route while it is measured."""

    def __init__(self, route: Route, examples: Sequence[str]) -> None:
        self.route = route
        self.examples = tuple(examples)
        self.blocks: list[int] = []
        self.wall_ms: list[float] = []
        self.bytes: list[int] = []
        self.cpu_s = 0.0
        self.cpu_requests = 0
        self.failure = ""
        self._turn = 0

    def next_target(self) -> str:
        """The examples in turn."""
        self._turn += 1
        return self.examples[(self._turn - 1) % len(self.examples)]


def measure(
    component: Component,
    url: str,
    worker_pids: Pids,
    boot_s: float,
    machine: str,
    examples: Mapping[str, str],
    requests_per_route: int = 200,
    progress: Progress = lambda path, share: None,
) -> Component:
    """The component with its service times and memory.

    The app runs at `url` with one worker, whose process ids `worker_pids` tells. Routes that
    cannot be measured say why in `unmeasured`. Raises `DeployError` when the app ends.
    """
    idle = _memory_mib(worker_pids())
    client = Client(url)
    try:
        asked = [route for route in component.routes if "GET" in route.methods]
        progress("looking for example URLs", 0.0)
        found = discover(asked, examples, client.get, client.origin)
        runs: list[_Run] = []
        reasons: dict[int, str] = {}
        for position, route in enumerate(component.routes):
            paths = _targets(route, found)
            if isinstance(paths, str):
                reasons[position] = paths
            else:
                runs.append(_Run(route, paths))
        for done, run in enumerate(runs):
            progress(run.route.path, 0.1 * done / len(runs))
            _warm_up(client, run, requests_per_route)
        _blocks(client, [run for run in runs if not run.failure], worker_pids, progress)
    finally:
        client.close()
    worker = _memory_mib(worker_pids())
    by_route = {id(run.route): run for run in runs}
    routes = tuple(
        replace(route, unmeasured=reasons[position], service_time=None)
        if position in reasons
        else _result(by_route[id(route)])
        for position, route in enumerate(component.routes)
    )
    timed = [route.service_time for route in routes if route.service_time is not None]
    note = f"{sum(t.requests for t in timed)} requests to {len(timed)} routes, one at a time"
    return replace(
        component,
        routes=routes,
        measured=Measured(
            boot_s=boot_s, memory_mib_worker=worker, memory_mib_idle=idle, machine=machine,
            proof=Proof(kind="measured", rule="measure.boot", note=note),
        ),
    )  # fmt: skip


def _targets(route: Route, found: Mapping[str, Sequence[str]]) -> Sequence[str] | str:
    """The paths to ask for a route, or why there are none."""
    if "GET" not in route.methods:
        return f"{', '.join(route.methods)}: only GET routes are measured"
    if route.path in found:
        return found[route.path]
    how = f'give an example in seatrial.toml: [app.examples] "{route.path}" = "/..."'
    if changes_data(route.path):
        return f"its path reads as if it changed data; {how}"
    if parameters(route.path):
        return f"no example URL was found; {how}"
    return (route.path,)


def _check(run: _Run, answer: Answer, target: str) -> bool:
    """Whether an answer counts; redirects do, they are not followed."""
    if answer.failure:
        run.failure = f"GET {target}: {answer.failure}"
    elif answer.status >= 400:
        run.failure = f"GET {target} answered {answer.status}"
    return not run.failure


def _warm_up(client: Client, run: _Run, requests: int) -> None:
    """Ask a route a few times, and settle how many requests its time allows."""
    walls: list[float] = []
    began = time.monotonic()
    for _ in range(max(WARM_UP, len(run.examples))):
        target = run.next_target()
        answer = client.get(target)
        if not _check(run, answer, target):
            return
        walls.append(answer.wall_ms)
        if time.monotonic() - began > ROUTE_S_MAX / 2:
            break
    typical_s = statistics.median(walls) / 1000
    affordable = int(ROUTE_S_MAX / typical_s) if typical_s > 0 else requests
    wanted = max(REQUESTS_MIN, min(requests, affordable))
    blocks = min(BLOCKS, wanted)
    run.blocks = [wanted // blocks + (i < wanted % blocks) for i in range(blocks)]


def _blocks(client: Client, runs: list[_Run], worker_pids: Pids, progress: Progress) -> None:
    order = [(run, size) for run in runs for size in run.blocks]
    random.Random(SEED).shuffle(order)
    for done, (run, size) in enumerate(order):
        progress(run.route.path, 0.1 + 0.9 * done / len(order))
        spent_s = sum(run.wall_ms) / 1000
        # Slower than in the warm-up: what was measured until here has to do.
        if run.failure or (spent_s > 2 * ROUTE_S_MAX and len(run.wall_ms) >= REQUESTS_MIN):
            continue
        _block(client, run, size, worker_pids)


def _block(client: Client, run: _Run, size: int, worker_pids: Pids) -> None:
    target = run.next_target()
    if not _check(run, client.get(target), target):
        return
    before = _cpu_s(worker_pids())
    for _ in range(size):
        target = run.next_target()
        answer = client.get(target)
        if not _check(run, answer, target):
            return
        run.wall_ms.append(answer.wall_ms)
        run.bytes.append(len(answer.body))
    after = _cpu_s(worker_pids())
    # When the worker was replaced meanwhile, its processor time is not known.
    if before and before.keys() == after.keys():
        run.cpu_s += sum(after.values()) - sum(before.values())
        run.cpu_requests += size


def _result(run: _Run) -> Route:
    if run.failure or len(run.wall_ms) < REQUESTS_MIN:
        why = run.failure or "too few answers"
        return replace(run.route, examples=run.examples, unmeasured=why, service_time=None)
    if not run.cpu_requests:
        why = "the worker's processor time could not be read"
        return replace(run.route, examples=run.examples, unmeasured=why, service_time=None)
    mean = statistics.fmean(run.wall_ms)
    cuts = statistics.quantiles(run.wall_ms, n=2 * QUANTILES, method="inclusive")
    return replace(
        run.route, examples=run.examples, unmeasured="",
        service_time=ServiceTime(
            requests=len(run.wall_ms),
            mean_ms=round(mean, 4),
            cpu_ms_mean=round(run.cpu_s * 1000 / run.cpu_requests, 4),
            scv=round(statistics.pvariance(run.wall_ms) / mean**2, 6),
            # Every second of 79 cuts: 1/80, 3/80, ... are the mid-quantiles of 40.
            quantiles_ms=tuple(round(cut, 4) for cut in cuts[::2]),
            response_bytes_mean=round(statistics.fmean(run.bytes), 1),
        ),
    )  # fmt: skip


def _cpu_s(pids: Sequence[int]) -> dict[int, float]:
    """Processor time of each process so far, in seconds.

    Linux has a clock for each process, exact to the nanosecond; its id is made of the process
    id as the kernel's `MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)` does
    (include/linux/posix-timers_types.h). Elsewhere psutil tells, in steps of the scheduler's
    tick.
    """
    found: dict[int, float] = {}
    for pid in pids:
        try:
            if psutil.LINUX:
                found[pid] = time.clock_gettime(~pid << 3 | 2)
            else:
                times = psutil.Process(pid).cpu_times()
                found[pid] = times.user + times.system
        except (OSError, psutil.Error):
            continue
    return found


def _memory_mib(pids: Sequence[int]) -> float:
    """Memory of one worker: proportional set size, else unique, else resident; 0 when unknown."""
    sizes: list[int] = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            try:
                full = process.memory_full_info()
                sizes.append(int(getattr(full, "pss", 0) or full.uss))
            except psutil.AccessDenied:
                sizes.append(process.memory_info().rss)
        except psutil.Error:
            continue
    return round(statistics.fmean(sizes) / MIB, 2) if sizes else 0.0
