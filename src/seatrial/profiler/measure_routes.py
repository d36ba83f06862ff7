"""Service times of routes: one request at a time over one kept connection.

So there is no queueing: what is timed is the service time (with the loopback's and this client's
own share, about 0.1-0.3 ms).

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

from msgspec.structs import replace

from seatrial.kernel.workload import Route, ServiceTime
from seatrial.profiler.client import Answer, Caller, Client, Dial
from seatrial.profiler.crawl import changes_data
from seatrial.profiler.measure_cpu import cpu_s, family, spent_s
from seatrial.profiler.streamlit import PATH, ScriptRunner
from seatrial.profiler.templates import parameters

WARM_UP = 10
BLOCKS = 10
REQUESTS_MIN = 5
ROUTE_S_MAX = 30.0
SEED = 20_260_101
QUANTILES = 40

Progress = Callable[[str, float], None]
Pids = Callable[[], Sequence[int]]


class Run:
    """One route while it is measured; `opened` makes a caller for it."""

    def __init__(self, route: Route, targets: Sequence[str], opened: Callable[[], Caller]) -> None:
        self.route = route
        self.targets = tuple(targets)
        self.opened = opened
        self.blocks: list[int] = []
        self.wall_ms: list[float] = []
        self.bytes: list[int] = []
        self.cpu_s = 0.0
        self.cpu_requests = 0
        self.asked = 0
        self.failure = ""

    def ask(self, caller: Caller) -> Answer | None:
        """The next target's answer; none, with the reason in `failure`, when it is not usable.

        Redirects are answers, they are not followed.
        """
        target = self.targets[self.asked % len(self.targets)]
        self.asked += 1
        answer = caller.get(target)
        if answer.failure:
            self.failure = f"GET {target}: {answer.failure}"
        elif answer.status >= 400:
            self.failure = f"GET {target} answered {answer.status}"
        return None if self.failure else answer


def runs_of(
    routes: Sequence[Route], found: Mapping[str, Sequence[str]], url: str, dial: Dial | None
) -> tuple[list[Run], dict[int, str]]:
    """The routes that can be measured, and by position why the others cannot."""

    def client() -> Caller:
        return Client(url, dial)

    def script() -> Caller:
        assert dial is not None
        return ScriptRunner(dial)

    runs: list[Run] = []
    reasons: dict[int, str] = {}
    for position, route in enumerate(routes):
        if route.path == PATH and dial is not None:
            runs.append(Run(route, (PATH,), script))
            continue
        targets = _targets(route, found)
        if isinstance(targets, str):
            reasons[position] = targets
        else:
            runs.append(Run(route, targets, client))
    return runs, reasons


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


def warm_up(caller: Caller, run: Run, requests: int, route_s: float) -> None:
    """Ask a route a few times, and settle how many requests `route_s` seconds allow."""
    walls: list[float] = []
    began = time.monotonic()
    for _ in range(max(WARM_UP, len(run.targets))):
        answer = run.ask(caller)
        if answer is None:
            return
        walls.append(answer.wall_ms)
        if time.monotonic() - began > route_s / 2:
            break
    typical_s = statistics.median(walls) / 1000
    affordable = int(route_s / typical_s) if typical_s > 0 else requests
    wanted = max(REQUESTS_MIN, min(requests, affordable))
    blocks = min(BLOCKS, wanted)
    run.blocks = [wanted // blocks + (i < wanted % blocks) for i in range(blocks)]


def measure_blocks(
    callers: Mapping[int, Caller],
    runs: Sequence[Run],
    workers: Pids,
    deadline: float,
    after_block: Callable[[Run, float], None],
) -> None:
    """Ask all routes, block by block; `after_block` is told the run and the share done.

    After the monotonic `deadline` only runs that have no result yet go on, for one block each.
    """
    order = [(run, size) for run in runs for size in run.blocks]
    random.Random(SEED).shuffle(order)
    for done, (run, size) in enumerate(order):
        spent = sum(run.wall_ms) / 1000
        enough = len(run.wall_ms) >= REQUESTS_MIN
        # Slower than in the warm-up: what was measured until here has to do.
        late = spent > 2 * ROUTE_S_MAX or time.monotonic() > deadline
        if not run.failure and not (late and enough):
            _block(callers[id(run)], run, size, workers)
        after_block(run, (done + 1) / len(order))


def _block(caller: Caller, run: Run, size: int, workers: Pids) -> None:
    if run.ask(caller) is None:
        return
    before = cpu_s(family(workers()))
    for _ in range(size):
        answer = run.ask(caller)
        if answer is None:
            return
        run.wall_ms.append(answer.wall_ms)
        run.bytes.append(len(answer.body))
    # When a worker was replaced meanwhile, its processor time is not known.
    spent = spent_s(before, cpu_s(family(workers())))
    if spent is not None:
        run.cpu_s += spent
        run.cpu_requests += size


def result(run: Run) -> Route:
    """The route with its service time, or the reason why it has none."""
    why = run.failure
    if not why and len(run.wall_ms) < REQUESTS_MIN:
        why = "too few answers in the time given"
    if not why and not run.cpu_requests:
        why = "the worker's processor time could not be read"
    # What is asked over a websocket is no path that others could ask for.
    examples = () if run.route.path == PATH else run.targets
    if why:
        return replace(run.route, examples=examples, unmeasured=why, service_time=None)
    mean = statistics.fmean(run.wall_ms)
    cuts = statistics.quantiles(run.wall_ms, n=2 * QUANTILES, method="inclusive")
    return replace(
        run.route, examples=examples, unmeasured="",
        service_time=ServiceTime(
            requests=len(run.wall_ms),
            mean_ms=round(mean, 4),
            cpu_ms_mean=round(max(0.0, run.cpu_s) * 1000 / run.cpu_requests, 4),
            scv=round(statistics.pvariance(run.wall_ms) / mean**2, 6),
            # Every second of 79 cuts: 1/80, 3/80, ... are the mid-quantiles of 40.
            quantiles_ms=tuple(round(cut, 4) for cut in cuts[::2]),
            response_bytes_mean=round(statistics.fmean(run.bytes), 1),
        ),
    )  # fmt: skip
