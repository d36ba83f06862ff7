"""T1: a fluid year. Minute by minute for many fleets at once, with bursts and scaling.

What is approximated:
- The weeks of a year differ by its growth and by chance only. Without growth the first is
  simulated minute by minute and stands for all 52, as it does in the exact tiers; with growth two
  or more, evenly spread, at most 10 % from one to the next. The 365th day is as the others.
- Within a step (a minute, or less where the policy looks more often) the load is constant, and
  requests are as at a constant load, but that a queue fills and empties no faster than requests
  come and are served (`lookup`). What happens in seconds is in the tables of `waits`; what happens
  in a step is in `minutes`. A backlog from a minute over capacity is a fluid.
- What policies see is the mean of the fluid, times a factor by chance with the variance that such
  means have at a constant load. Knative and Cloud Run look less often than they do (`layout`).
- Replicas that start serve as others once they are ready: no warm-up, no recycling of workers.
The minute rates are those that `arrivals` draws from the same seed, so that the exact tiers see the
same minutes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate import layout, lookup, minutes, mixing, reading, waits
from seatrial.assessor.simulate.arrivals import WEEK_S, check, period_s, rate_rps
from seatrial.assessor.simulate.bursts import solve
from seatrial.assessor.simulate.chance import log_gamma_draw, stream
from seatrial.assessor.simulate.kernels import kernel
from seatrial.assessor.simulate.waits import Floats, Table
from seatrial.kernel import policies
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Arrivals, Fleet, HourOutlook, RouteLaw

MINUTES = 525_600
WEEK = 7 * 1440
YEAR_WEEKS = 52
WEEKS = 2
STEP = 0.1
"""Growth from one simulated week to the next, as a logarithm."""
METHOD = "fluid year by the minutes of evenly spread weeks (T1)"


class YearOutlook(NamedTuple):
    """A fleet's year. Latencies are of requests, over the year; none when nothing was served.

    Requests: arrived, served, lost (errors) and left waiting at the end; these balance. `hours`
    (168, 4): rate a second, replicas, p95 in ms (inf: none), errors in percent.
    """

    latency_ms_p50: float | None
    latency_ms_p95: float | None
    latency_ms_p99: float | None
    error_percent: float
    replica_hours: float
    replicas_peak: float
    arrived: float
    served: float
    lost: float
    left: float
    hours: Floats

    @property
    def week(self) -> tuple[HourOutlook, ...]:
        """The 168 hours from Monday midnight, each the mean of its hours in the year."""
        return tuple(
            HourOutlook(
                hour=hour, rate_rps=rate, replicas=replicas,
                latency_ms_p95=p95 if math.isfinite(p95) else None, error_percent=error,
            )
            for hour, (rate, replicas, p95, error) in enumerate(self.hours.tolist())
        )  # fmt: skip


@kernel("f8[:]", "f8[:]", "i8[:]", "i8")
def _shake(rates: Floats, variances: Floats, numbers: npt.NDArray[np.int64], seed: int) -> None:
    """Multiply each minute's rate by its gamma factor, as `bursts` draws it for its number."""
    for minute in range(rates.size):
        if variances[minute] > 0.0:
            shape = 1.0 / variances[minute]
            log, _ = log_gamma_draw(stream(seed, 1, numbers[minute]), np.uint64(0), shape)
            rates[minute] *= math.exp(log) / shape


def weeks_of(arrivals: Arrivals) -> npt.NDArray[np.int64]:
    """The weeks of the year that are simulated: the first where all are alike.

    Else as many, evenly spread, as keep what comes within STEP from one to the next, `WEEKS` at
    least; all of a trace that is longer than a week.
    """
    if arrivals.trace_s and period_s(arrivals) > WEEK_S:
        many = YEAR_WEEKS
    else:
        growth = abs(math.log(arrivals.growth_year)) if arrivals.growth_year > 0 else 0.0
        if growth == 0.0:
            return np.zeros(1, np.int64)
        many = min(YEAR_WEEKS, max(WEEKS, math.ceil(growth / STEP)))
    return ((np.arange(many) + 0.5) * (YEAR_WEEKS / many)).astype(np.int64)


@lru_cache(maxsize=8)
def rates_of(arrivals: Arrivals, seed: int) -> tuple[Floats, float]:
    """Rates a second of the simulated minutes, and what seconds vary within them beyond Poisson."""
    if not 0 <= seed < 2**63:
        raise InputError(f"{seed} is no seed", where="seed", fix="give 0 to 2^63 - 1")
    check(arrivals)
    numbers = (weeks_of(arrivals)[:, None] * WEEK + np.arange(WEEK)).ravel()
    rates = rate_rps(arrivals, numbers * 60.0 + 30.0)
    if arrivals.trace_s:
        burst = _excess(np.asarray(arrivals.trace_s))
    else:
        mean = max(float(rates.mean()), 1e-12)
        _, second, _ = solve(np.array([mean]), arrivals.dispersion_1s, arrivals.dispersion_60s)
        variances, _, _ = solve(rates, arrivals.dispersion_1s, arrivals.dispersion_60s)
        _shake(rates, variances, numbers, seed)
        burst = float(second[0]) * mean
    rates.setflags(write=False)
    return rates, burst


def _excess(trace: Floats) -> float:
    """Variance over mean, less one, of the counts in seconds about their minute's mean."""
    whole = int((trace[-1] - trace[0]) // 60)
    if whole < 1:
        return 0.0
    counts = np.bincount((trace - trace[0]).astype(np.int64), minlength=whole * 60)[: whole * 60]
    seconds = counts.reshape(whole, 60)
    mean = float(seconds.mean())
    within = float(seconds.var(axis=1, ddof=1).mean())
    return max(0.0, within / mean - 1.0) if mean > 0 else 0.0


def check_fleet(laws: Sequence[RouteLaw], fleet: Fleet) -> None:
    """Raises `InputError` for what cannot be simulated."""
    policy = fleet.policy
    checks = (
        ("replicas", 0 <= fleet.replicas_min <= fleet.replicas_max, "0 <= least <= most"),
        ("workers", fleet.workers >= 1 and fleet.slots >= 1, "workers and slots from 1 up"),
        ("vcpu", 0 < fleet.vcpu < math.inf, "a number above 0"),
        ("timeout_s", 0 < fleet.timeout_s < math.inf, "a number above 0"),
        ("start_s", 0 <= fleet.start_s < math.inf, "a number from 0 up"),
        ("retries, queue_max", fleet.retries >= 0 and fleet.queue_max >= 0, "numbers from 0 up"),
        ("policy.target", policy.kind in ("fixed", "step", "per-request")
         or 0 < policy.target < math.inf, "a number above 0"),
        ("policy.period_s", 0 < policy.period_s < math.inf, "a number above 0"),
        ("laws", any(law.weight > 0 for law in laws), "a route with a weight above 0"),
        ("laws", all(law.wall_s and min(law.wall_s) >= 0 and max(law.wall_s) < math.inf
                     and 0 <= law.weight < math.inf for law in laws), "times from 0 up"),
    )  # fmt: skip
    for where, good, wanted in checks:
        if not good:
            raise InputError("cannot be simulated", where=where, fix=f"give {wanted}")


def _parameters(fleet: Fleet, found: Table) -> list[float]:
    policy = fleet.policy
    kind = layout.KINDS.index(policy.kind)
    least = fleet.replicas_min
    if policy.kind in ("target-tracking", "step", "hpa"):
        # None of these starts from nothing: there is no replica to measure.
        least = max(least, min(1, fleet.replicas_max))
    ticks = ticks_of(fleet)
    service = 1.0 / found.capacity_rps if policy.kind == "per-request" else found.service_s
    return [
        kind, layout.METRICS.index(policy.metric), policy.target, policy.cooldown_out_s,
        policy.cooldown_in_s, ticks, least, fleet.replicas_max, fleet.start_s,
        fleet.timeout_s, fleet.queue_max * waits.queues_of(fleet),
        fleet.retries / (fleet.retries + 1.0), found.capacity_rps, found.cpu_s, service,
        fleet.vcpu, fleet.workers * fleet.slots,
        math.sqrt(found.noise(policy.metric) * ticks / 60.0) / 3.0,
        1.0 if policy.metric == "cpu" else math.inf,
    ]  # fmt: skip


def table_of(laws: tuple[RouteLaw, ...], fleet: Fleet, burst: float) -> Table:
    """The table of a fleet. A function's requests never share an environment, whatever comes."""
    functions = fleet.policy.kind == "per-request"
    return waits.table(laws, waits.shape_of(fleet), 0.0 if functions else burst)


def ticks_of(fleet: Fleet) -> int:
    """Steps in a minute."""
    return layout.TICKS.get(fleet.policy.kind, 1)


def cells_of(fleet: Fleet) -> tuple[int, ...]:
    """Cells of the table that a fleet's year is made of."""
    kind = fleet.policy.kind
    if kind == "per-request":
        return (0,)
    most = fleet.replicas_min if kind == "fixed" else fleet.replicas_max
    return tuple(mixing.cells_for(fleet.replicas_min, most))


def _steps(fleets: Sequence[Fleet]) -> Floats:
    most = max([1, *(len(fleet.policy.steps) for fleet in fleets)])
    steps = np.zeros((len(fleets), most, 2))
    for row, fleet in zip(steps, fleets, strict=True):
        for place, step in enumerate(fleet.policy.steps):
            row[place] = step
    return steps


def year(
    arrivals: Arrivals, laws: Sequence[RouteLaw], fleets: Sequence[Fleet], seed: int
) -> list[YearOutlook]:
    """The year of each fleet under the same arrivals; the same on any number of threads."""
    if not fleets:
        return []
    for fleet in fleets:
        check_fleet(laws, fleet)
    rates, burst = rates_of(arrivals, seed)
    tables = [table_of(tuple(laws), fleet, burst) for fleet in fleets]
    cells = [cells_of(fleet) for fleet in fleets]
    steps, share = _steps(fleets), rates.size / MINUTES
    roots, chances = 1.0 / np.sqrt(np.maximum(rates, 1e-12)), lookup.chances()
    wanted: dict[Table, set[int]] = {}
    for found, some in zip(tables, cells, strict=True):
        wanted.setdefault(found, set()).update(some)
    jobs = [(found, cell) for found, some in wanted.items() for cell in found.missing(some)]

    def outlook(row: int) -> YearOutlook:
        fleet, found = fleets[row], tables[row]
        work, counts = np.zeros(layout.WORK), np.zeros(layout.COUNTS)
        work[: len(layout.FIELDS)] = _parameters(fleet, found)
        if fleet.policy.kind == "per-request":
            seen = lookup.functions(work[layout.SERVICE], burst, float(rates.max()))
        else:
            seen = lookup.tables(found, cells[row], ticks_of(fleet))
        # A queue takes what its state leaves.
        hpa = fleet.policy.kind == "hpa"
        state = np.zeros(policies.HPA_STATE if hpa else layout.STATE)
        minutes.one(rates, roots, chances, work, state, steps[row], seen, counts)
        return _outlook(work, counts, cells[row], found, share)

    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(lambda job: job[0].play(job[1]), jobs))
        return list(pool.map(outlook, range(len(fleets))))


def threads() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outlook(
    work: Floats, counts: Floats, cells: tuple[int, ...], table: Table, share: float
) -> YearOutlook:
    """The year of which a share was simulated."""
    sums = work[layout.DESIRED : layout.DESIRED + len(layout.TOTALS)] / share
    totals = dict(zip(layout.TOTALS, sums.tolist(), strict=True))
    calm, late, hours = (part.reshape(layout.HOURS, -1) for part in
                         np.split(counts, (layout.LATE, layout.CAME)))  # fmt: skip
    after = table.overload(cells[-1]) if late.any() else waits.NOBODY_LATE
    tails, times, failed = reading.quantiles(calm, late, table.alike, after, table)
    p50, p95, p99 = (1000 * q if math.isfinite(q) else None for q in times)
    came, lost, held = hours.T
    errors = 100 * np.divide(lost + failed, came, where=came > 0, out=np.zeros(layout.HOURS))
    spent = 60.0 * MINUTES * share / layout.HOURS
    week = np.column_stack([came / spent, held / spent, 1000 * tails, errors])
    extra = float(failed.sum()) / share
    arrived, lost_year = totals["arrived"], totals["lost"] + extra
    return YearOutlook(
        p50, p95, p99, 100 * lost_year / arrived if arrived > 0 else 0.0,
        totals["replica_s"] / 3600, totals["peak"] * share, arrived,
        totals["served"] - extra, lost_year, totals["left"], week,
    )  # fmt: skip
