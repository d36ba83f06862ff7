"""The first week of many designs, exactly: the same windows of it for all of them.

Designs are served the same requests in the same windows, so they differ by what they are and not by
chance. What `lanes` simulates exactly goes there, many at once; the rest is replayed (`exact`), a
design and window on one thread each. A design in the lanes where anybody waits for longer than
the time-out is replayed too, because the lanes do not know what such a request wastes.

Before each window comes a lead-in that is not counted. A fleet that scales begins it with as many
replicas as the fluid year has in that hour; a function begins with none, and unless very many
requests come its lead-in is longer than idle environments stay. Nothing depends on how the work is
spread.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate import estimate, lanes
from seatrial.assessor.simulate.arrivals import period_s, rate_rps, times, windows
from seatrial.assessor.simulate.exact import OK, Requests, replay
from seatrial.assessor.simulate.fluid import YearOutlook
from seatrial.assessor.simulate.histogram import EDGES_S
from seatrial.assessor.simulate.replay_policy import Reading, Step, policy_of
from seatrial.assessor.simulate.service import samples
from seatrial.assessor.simulate.windows import Window
from seatrial.kernel.simulation import Arrivals, Estimate, Fleet, RouteLaw

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Tier = Literal["T2", "T3"]

WINDOWS, WINDOWS_LEAST = 32, 16
REQUESTS = 1_500_000
"""Requests of a design that count: enough for a p99 within a few percent."""
PLAYED = 3
"""With lead-ins so many times as many are played at most, unless even fewest windows are more."""
SHORTEST_S, LONGEST_S = 60.0, 1800.0
LEAD_S = 120.0
"""Until queues are as they would be."""
SETTLE_S, SETTLE_LEAST_S = 900.0, 300.0
"""Lead-in of a fleet that scales; less where so many requests come that it would be most of them.
"""
UNSCALED = ("fixed",)
TOGETHER = 64
"""Designs that are in the lanes at once, for the memory of their histograms."""
APART = 2**40
"""Requests of a window are numbered from a multiple of this on; those of its lead-in go before."""


class Week(NamedTuple):
    """What the windows of the first week say of a design, and by which tier."""

    tier: Tier
    windows: int
    seconds: float
    latency_ms: tuple[Estimate, Estimate, Estimate]
    error_percent: Estimate
    replicas: Estimate
    peak: float


class Played(NamedTuple):
    """One design in one window: latencies of what was answered, and what was not."""

    answered: Counts
    asked: int
    errors: int
    replicas: float
    peak: float


class Stretch(NamedTuple):
    """A window and its lead-in of `lead_s`, from time zero on, with its requests."""

    window: Window
    begin_s: float
    lead_s: float
    requests: Requests

    @property
    def end_s(self) -> float:
        return self.lead_s + self.window.duration_s


def weeks(
    arrivals: Arrivals, laws: Sequence[RouteLaw], fleets: Sequence[Fleet],
    outlooks: Sequence[YearOutlook], seed: int, *, requests: int = REQUESTS,
    threads: int | None = None, tell: Callable[[str], None] = lambda _: None,
) -> list[Week]:  # fmt: skip
    """The first week of each fleet, whose fluid year is its `outlook`; of `requests` in all.

    The same arguments give the same bits on any number of threads. Raises `InputError` for what
    cannot be simulated.
    """
    found: dict[int, Week] = {}
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for unscaled in (True, False):
            rows = [i for i, f in enumerate(fleets) if (f.policy.kind in UNSCALED) == unscaled]
            if not rows:
                continue
            stretches = drawn(arrivals, laws, seed, requests, scaled=not unscaled)
            begins = {i: _begins(arrivals, fleets[i], outlooks[i], stretches) for i in rows}
            fast = [i for i in rows if covered(fleets[i], laws)]
            played = _in_lanes(fleets, fast, begins, stretches, seed, threads)
            found |= {i: week("T2", stretches, runs) for i, runs in played.items()}
            rest = [i for i in rows if i not in played]
            found |= _replayed(fleets, rest, begins, stretches, seed, pool, tell)
    return [found[i] for i in range(len(fleets))]


def _replayed(
    fleets: Sequence[Fleet], rows: Sequence[int], begins: dict[int, list[int]],
    stretches: Sequence[Stretch], seed: int, pool: ThreadPoolExecutor, tell: Callable[[str], None],
) -> dict[int, Week]:  # fmt: skip
    """One task a design and window: even a single design keeps all threads busy."""

    def play(task: tuple[int, int]) -> Played:
        row, number = task
        return _play(fleets[row], begins[row], stretches, number, seed)

    runs = pool.map(play, [(row, number) for row in rows for number in range(len(stretches))])
    found = {}
    for count, row in enumerate(rows):
        found[row] = week("T3", stretches, [next(runs) for _ in stretches])
        tell(f"replayed {count + 1} of {len(rows)} designs")
    return found


def covered(fleet: Fleet, laws: Sequence[RouteLaw]) -> bool:
    """Whether the lanes simulate the fleet exactly, as far as nobody gives up waiting.

    That asks that no two requests in service share a processor or an interpreter.
    """
    slots = fleet.workers * fleet.slots
    queues = fleet.replicas_max * (1 if fleet.queue == "replica" else fleet.workers)
    waits_only = all(law.cpu_share == 0 for law in laws if law.weight > 0)
    alone = waits_only or (fleet.slots == 1 and slots <= max(1.0, fleet.vcpu))
    return (
        alone and fleet.policy.kind in lanes.KINDS and fleet.balancer != "least-outstanding"
        and fleet.connection_requests <= 1 and fleet.queue_max == 0
        and fleet.recycle_requests == 0 and queues <= lanes.QUEUES_MOST
    )  # fmt: skip


def drawn(
    arrivals: Arrivals, laws: Sequence[RouteLaw], seed: int, requests: int, *, scaled: bool
) -> list[Stretch]:
    """The windows of the first week with their requests: the same ones whatever the lead-in."""
    mean = max(arrivals.requests_day / 86_400, 1e-9)
    period = period_s(arrivals)
    seconds = min(max(requests / (WINDOWS * mean), SHORTEST_S), LONGEST_S, period)
    fit = int(PLAYED * requests / ((seconds + SETTLE_S) * mean))
    count = min(max(fit, WINDOWS_LEAST), WINDOWS)
    left_s = PLAYED * requests / (count * mean) - seconds
    lead_s = min(max(left_s, SETTLE_LEAST_S), SETTLE_S) if scaled else LEAD_S
    found = []
    for number, window in enumerate(windows(arrivals, count, seconds, seed)):
        begin = window.start_s - lead_s
        # The week before the first is like the first, and so is all before a recording.
        begin += period * max(0, math.ceil(-begin / period))
        coming = times(arrivals, begin, lead_s + window.duration_s, seed) - begin
        before = int(np.searchsorted(coming, lead_s))
        first = (number + 1) * APART - before
        route, cpu, wait = samples(laws, coming.size, seed, first=first)
        asked = Requests(coming, route.astype(np.int64), cpu, wait)
        found.append(Stretch(window, begin, lead_s, asked))
    return found


def _begins(
    arrivals: Arrivals, fleet: Fleet, outlook: YearOutlook, stretches: Sequence[Stretch]
) -> list[int]:
    """Replicas at the beginning of each stretch: the year's in that hour, in the first week."""
    if fleet.policy.kind in UNSCALED:
        return [fleet.replicas_min] * len(stretches)
    starts = np.array([stretch.begin_s for stretch in stretches])
    hours = ((starts // 3600) % 168).astype(np.int64)
    rates, replicas = outlook.hours[hours, 0], outlook.hours[hours, 1]
    if arrivals.trace_s:
        # Recorded times are not of a week: the fluid year has the mean of all of them each hour.
        rates = np.full(rates.shape, outlook.hours[:, 0].mean())
    now = rate_rps(arrivals, starts)
    # Rather one too many, but not for a few percent more than a whole number of them.
    wanted = np.ceil(replicas * now / np.maximum(rates, 1e-12) - 0.2)
    least = np.clip(wanted, fleet.replicas_min, fleet.replicas_max)
    return [int(count) for count in least]


def _in_lanes(
    fleets: Sequence[Fleet], rows: Sequence[int], begins: dict[int, list[int]],
    stretches: Sequence[Stretch], seed: int, threads: int | None,
) -> dict[int, list[Played]]:  # fmt: skip
    """What the lanes can say of these fleets; those where somebody gave up are left out."""
    if not rows:
        return {}
    spans = [
        lanes.Span(0.0, s.lead_s, s.end_s, s.requests.arrival_s, s.requests.cpu_s,
                   s.requests.wait_s)
        for s in stretches
    ]  # fmt: skip
    given = lanes.shared(spans, seed)
    found = {}
    for first in range(0, len(rows), TOGETHER):
        some = rows[first : first + TOGETHER]
        outcome = lanes.simulate(given, [fleets[i] for i in some], [begins[i] for i in some],
                                 threads)  # fmt: skip
        for lane, i in enumerate(some):
            tables = outcome.histograms(lane)
            late = int(np.searchsorted(EDGES_S, fleets[i].timeout_s, side="right")) - 1
            if outcome.timed_out[lane].any() or tables[:, late:].any():
                continue
            found[i] = [
                Played(
                    answered=tables[number], asked=int(tables[number].sum()), errors=0,
                    replicas=float(outcome.replica_s[lane, number]) / stretch.window.duration_s,
                    peak=float(outcome.replicas_peak[lane, number]),
                )
                for number, stretch in enumerate(stretches)
            ]  # fmt: skip
    return found


def _play(
    fleet: Fleet, begins: list[int], stretches: Sequence[Stretch], number: int, seed: int
) -> Played:
    stretch = stretches[number]
    own = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])
    step, period_s = policy_of(fleet)
    quiet_s = 0.0
    if step is not None:
        # The replicas of the beginning start in a time without requests, before the policy looks.
        quiet_s = math.ceil(fleet.start_s / period_s + 2) * period_s
        step = _after(quiet_s, begins[number], step)
    asked = stretch.requests._replace(arrival_s=stretch.requests.arrival_s + quiet_s)
    run = replay(
        fleet, asked, seed=own, duration_s=quiet_s + stretch.end_s, step=step, period_s=period_s
    )
    counted = stretch.requests.arrival_s >= stretch.lead_s
    good = counted & (run.outcome == OK)
    seconds = run.replicas[int(quiet_s + stretch.lead_s) :]
    return Played(
        answered=estimate.histogram(run.latency_s[good]),
        asked=int(counted.sum()),
        errors=int(counted.sum() - good.sum()),
        replicas=float(seconds.mean()) if seconds.size else 0.0,
        peak=float(seconds.max()) if seconds.size else 0.0,
    )


def _after(quiet_s: float, begin: int, step: Step) -> Step:
    """The policy from `quiet_s` on; until then, that many replicas."""

    def decide(reading: Reading) -> float:
        # The reading at the end of the quiet time is of that time.
        return float(begin) if reading.now_s < quiet_s + 1e-6 else step(reading)

    return decide


def _pairs(found: Sequence[Window]) -> list[tuple[str, int]]:
    """Strata for intervals: windows of about one rate by twos, three where one would be left.

    Each window is the only one of its band, so its spread is taken from its neighbour's (collapsed
    strata; Cochran, "Sampling Techniques", 1977, 5A.12), which makes intervals too wide at most.
    """
    named: list[tuple[str, int]] = [("", 0)] * len(found)
    for stratum in {window.stratum for window in found}:
        members = [i for i, window in enumerate(found) if window.stratum == stratum]
        members.sort(key=lambda i: found[i].rate_rps)
        for rank, i in enumerate(members):
            named[i] = (stratum, min(rank // 2, max(0, len(members) // 2 - 1)))
    return named


def week(tier: Tier, stretches: Sequence[Stretch], played: Sequence[Played]) -> Week:
    """The windows of a design together, with intervals."""
    found = [stretch.window for stretch in stretches]
    weights = [window.weight_requests for window in found]
    strata = _pairs(found)
    return Week(
        tier=tier,
        windows=len(found),
        seconds=found[0].duration_s,
        latency_ms=estimate.of_quantiles(
            np.stack([one.answered for one in played]), weights, strata
        ),
        error_percent=estimate.of_share(
            [one.errors for one in played], [one.asked for one in played], weights, strata
        ),
        replicas=estimate.of_mean(
            [one.replicas for one in played], [window.weight_time for window in found], strata
        ),
        peak=max(one.peak for one in played),
    )
