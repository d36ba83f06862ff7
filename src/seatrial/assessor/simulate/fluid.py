"""T1: a fluid year. Every minute of a year for many fleets at once, with bursts and scaling.

The minute rates are those that `arrivals` draws from the same seed, so that the exact tiers see the
same minutes. Seconds are not drawn: their variance is in the response tables of `waits`. What
happens in a minute is in `minutes`. A year has 525,600 minutes from a Monday on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from seatrial.assessor.simulate import minutes, reading, waits
from seatrial.assessor.simulate.arrivals import check, rate_rps
from seatrial.assessor.simulate.bursts import solve
from seatrial.assessor.simulate.chance import compiled, log_gamma_draw, stream
from seatrial.assessor.simulate.waits import Floats, Table
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Arrivals, Fleet, HourOutlook, RouteLaw

MINUTES = 525_600
METHOD = "fluid year of 525,600 minutes (T1)"


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


@compiled
def _shake(rates: Floats, variances: Floats, seed: int) -> None:
    """Multiply each minute's rate by its gamma factor, as `bursts` draws it."""
    for minute in range(rates.size):
        if variances[minute] > 0.0:
            shape = 1.0 / variances[minute]
            log, _ = log_gamma_draw(stream(seed, 1, minute), np.uint64(0), shape)
            rates[minute] *= math.exp(log) / shape


@lru_cache(maxsize=8)
def rates_of(arrivals: Arrivals, seed: int) -> tuple[Floats, float]:
    """Each minute's rate a second, and the excess dispersion of seconds within minutes."""
    if not 0 <= seed < 2**63:
        raise InputError(f"{seed} is no seed", where="seed", fix="give 0 to 2^63 - 1")
    check(arrivals)
    rates = rate_rps(arrivals, np.arange(MINUTES) * 60.0 + 30.0)
    if arrivals.trace_s:
        burst = _excess(np.asarray(arrivals.trace_s))
    else:
        mean = max(float(rates.mean()), 1e-12)
        _, second, _ = solve(np.array([mean]), arrivals.dispersion_1s, arrivals.dispersion_60s)
        variances, _, _ = solve(rates, arrivals.dispersion_1s, arrivals.dispersion_60s)
        _shake(rates, variances, seed)
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
    kind = minutes.KINDS.index(policy.kind)
    # Whole steps a minute; only policies that look more often than each minute have more than one.
    often = policy.kind in ("hpa", "knative", "cloud-run")
    ticks = max(1, min(60, round(60.0 / policy.period_s))) if often else 1
    least = fleet.replicas_min
    if policy.kind in ("target-tracking", "step", "hpa"):
        # None of these starts from nothing: there is no replica to measure.
        least = max(least, min(1, fleet.replicas_max))
    place = waits.station(fleet)
    capacity = found.capacity_rps
    if policy.kind == "per-request":
        capacity = 1.0 / found.service_s
    return [
        kind, minutes.METRICS.index(policy.metric), policy.target, policy.cooldown_out_s,
        policy.cooldown_in_s, ticks, least, fleet.replicas_max, fleet.start_s, fleet.timeout_s,
        fleet.queue_max * place.units, fleet.retries / (fleet.retries + 1.0), capacity,
        found.cpu_s, found.service_s, fleet.vcpu, fleet.workers * fleet.slots, fleet.start_s,
    ]  # fmt: skip


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
    names = [waits.shape_of(fleet) for fleet in fleets]
    kinds = list(dict.fromkeys(names))
    tables = [waits.table(tuple(laws), shape, burst) for shape in kinds]
    place = {shape: i for i, shape in enumerate(kinds)}
    shapes = np.array([place[name] for name in names])
    params = np.array(
        [_parameters(f, tables[s]) for f, s in zip(fleets, shapes, strict=True)], dtype=np.float64
    )
    hours = np.zeros((len(fleets), minutes.HOURS, 3))
    totals = np.zeros((len(fleets), len(minutes.TOTALS)))
    out = np.zeros((len(fleets), 3 + minutes.HOURS))
    levels = np.linspace(0.0, 1.0 - 1e-9, minutes.LEVELS)
    row = np.minimum(-np.log(1.0 - levels) / waits.TOP, 1.0) * (waits.ROWS - 1)
    low = np.minimum(row.astype(np.int64), waits.ROWS - 2)
    reading.many(
        rates, params, _steps(fleets), shapes, np.stack([t.times_s for t in tables]),
        np.stack([t.hist for t in tables]), np.stack([t.error for t in tables]),
        np.stack([t.overload for t in tables]), low, row - low, hours, totals, out,
    )  # fmt: skip
    return [_outlook(h, t, o) for h, t, o in zip(hours, totals, out, strict=True)]


def _outlook(hours: Floats, totals: Floats, out: Floats) -> YearOutlook:
    arrived, served, lost, left, replica_s, peak = totals.tolist()
    p50, p95, p99 = (1000 * q if math.isfinite(q) else None for q in out[:3].tolist())
    whole, rest = divmod(MINUTES // 60, minutes.HOURS)
    spent = 3600.0 * (whole + (np.arange(minutes.HOURS) < rest))
    errors = 100 * np.divide(hours[:, 1], hours[:, 0], where=hours[:, 0] > 0,
                             out=np.zeros(minutes.HOURS))  # fmt: skip
    week = np.column_stack([hours[:, 0] / spent, hours[:, 2] / spent, 1000 * out[3:], errors])
    return YearOutlook(
        p50, p95, p99, 100 * lost / arrived if arrived > 0 else 0.0, replica_s / 3600, peak,
        arrived, served, lost, left, week,
    )  # fmt: skip
