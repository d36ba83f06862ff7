"""One design simulated: exact windows of the first week, a fluid year, and rare events.

- Latency, errors and replicas come from exact replays (`exact`) of windows that stand for all hours
  of the week, each after a lead-in that is not counted.
- The profile of the week, its growth over the year and the worst hour come from the fluid year.
- Availability is what rare events leave, times what the windows answered.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.price import price
from seatrial.assessor.simulate import estimate
from seatrial.assessor.simulate.arrivals import notes, period_s, times, windows
from seatrial.assessor.simulate.exact import OK, Requests, replay
from seatrial.assessor.simulate.failures import failures
from seatrial.assessor.simulate.fleet import START_S, arrivals_of, case_of, fleet_of
from seatrial.assessor.simulate.fluid import METHOD as FLUID
from seatrial.assessor.simulate.fluid import year
from seatrial.assessor.simulate.service import laws_of, samples
from seatrial.assessor.simulate.windows import Window
from seatrial.assessor.usage import usage_of
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.simulation import (
    Arrivals,
    Estimate,
    Fleet,
    HourOutlook,
    RouteLaw,
    Simulation,
)
from seatrial.kernel.units import HOURS_PER_MONTH

METHOD = "exact replay of {count} windows of {seconds:.0f} s (T3); " + FLUID

WINDOWS = 32
REQUESTS = 1_500_000
"""Requests that are replayed in all: enough for a p99 within a few percent."""
SHORTEST_S, LONGEST_S = 60.0, 1800.0
LEAD_S = 120.0
"""Until queues are as they would be; a fleet that scales gets `SETTLE_S`."""
SETTLE_S = 1800.0


class Week(NamedTuple):
    """What the windows of the first week say."""

    seconds: float
    latency_ms: tuple[Estimate, Estimate, Estimate]
    error_percent: Estimate
    replicas: Estimate
    peak: float


def simulate(
    asked: Question, design: Design, seed: int = 1, arrivals: Arrivals | None = None
) -> Simulation:
    """What the design would do under the demand asked for; `arrivals` replace the demand's.

    The same arguments give the same bits. Raises `InputError` for what cannot be simulated.
    """
    platform = asked.catalog.platform(design.platform)
    laws = laws_of(asked.component, asked.demand)
    coming = arrivals or arrivals_of(asked.demand.traffic)
    fleet = fleet_of(design, platform, asked.profile.boot_s)
    week = _week(coming, laws, fleet, seed)
    (outlook,) = year(coming, laws, [fleet], seed)
    steady = week.error_percent.value
    rare = failures(
        case_of(design, platform, asked.component, fleet, laws, outlook.week),
        steady_error_percent=steady,
        seed=seed,
    )
    hours = _times(week.replicas, float(HOURS_PER_MONTH))
    worst = max(outlook.week, key=_badness)
    p50, p95, p99 = week.latency_ms
    return Simulation(
        design=design.id,
        method=METHOD.format(count=WINDOWS, seconds=week.seconds),
        seed=seed,
        latency_ms_p50=p50,
        latency_ms_p95=p95,
        latency_ms_p99=p99,
        error_percent=week.error_percent,
        availability_percent=rare.availability_percent,
        replica_hours_month=hours,
        cost_usd_month=_cost(asked, design, platform, hours),
        replicas_peak=max(week.peak, outlook.replicas_peak),
        worst=worst,
        week=outlook.week,
        failures=rare.outlooks,
        recoveries=rare.recoveries,
        assumptions=(*_told(asked, platform), *notes(coming), *rare.assumptions),
    )


def _badness(hour: HourOutlook) -> tuple[bool, float, float]:
    """A queue that grows is worst, then the longest tail, then the most requests."""
    return (hour.latency_ms_p95 is None, hour.latency_ms_p95 or 0.0, hour.rate_rps)


def _week(arrivals: Arrivals, laws: tuple[RouteLaw, ...], fleet: Fleet, seed: int) -> Week:
    mean = arrivals.requests_day / 86_400
    wanted = REQUESTS / (WINDOWS * max(mean, 1e-9))
    seconds = min(max(wanted, SHORTEST_S), LONGEST_S)
    found = windows(arrivals, WINDOWS, seconds, seed)
    lead = LEAD_S if fleet.policy.kind in ("fixed", "per-request") else SETTLE_S
    played = [
        _play(arrivals, laws, fleet, window, lead, seed + number)
        for number, window in enumerate(found)
    ]
    weights = [window.weight_requests for window in found]
    strata = [window.stratum for window in found]
    answered = np.stack([estimate.histogram(one.latency_s) for one in played])
    return Week(
        seconds=found[0].duration_s,
        latency_ms=estimate.of_quantiles(answered, weights, strata),
        error_percent=estimate.of_share(
            [one.errors for one in played], [one.asked for one in played], weights, strata
        ),
        replicas=estimate.of_mean(
            [one.replicas for one in played], [window.weight_time for window in found], strata
        ),
        peak=max(one.peak for one in played),
    )


class Played(NamedTuple):
    """One window: latencies of what was answered, and what was not."""

    latency_s: npt.NDArray[np.float64]
    asked: int
    errors: int
    replicas: float
    peak: float


def _play(
    arrivals: Arrivals, laws: tuple[RouteLaw, ...], fleet: Fleet, window: Window, lead: float,
    seed: int,
) -> Played:  # fmt: skip
    begin = window.start_s - lead
    # The week before the first is like the first.
    begin += period_s(arrivals) if begin < 0 else 0.0
    coming = times(arrivals, begin, lead + window.duration_s, seed) - begin
    route, cpu, wait = samples(laws, coming.size, seed)
    requests = Requests(coming, route.astype(np.int64), cpu, wait)
    run = replay(fleet, requests, seed=seed, duration_s=lead + window.duration_s)
    counted = coming >= lead
    good = counted & (run.outcome == OK)
    seconds = run.replicas[int(lead) :]
    return Played(
        latency_s=run.latency_s[good],
        asked=int(counted.sum()),
        errors=int(counted.sum() - good.sum()),
        replicas=float(seconds.mean()) if seconds.size else 0.0,
        peak=float(seconds.max()) if seconds.size else 0.0,
    )


def _times(one: Estimate, factor: float) -> Estimate:
    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    return Estimate(value=scaled(one.value), low=scaled(one.low), high=scaled(one.high))


def _cost(asked: Question, design: Design, platform: Platform, hours: Estimate) -> Estimate:
    """The bill at the replica-hours of the simulation, and at both ends of their interval."""

    def cost(replica_hours: float | None) -> float | None:
        if replica_hours is None:
            return None
        if not design.servers:
            return _bill(asked, design, platform, replica_hours)
        # Servers are bought whole; a mean between two counts costs what lies between them.
        mean = replica_hours / float(HOURS_PER_MONTH)
        few, part = int(mean), mean - int(mean)
        less = _bill(asked, replace(design, servers=max(1, few)), platform, replica_hours)
        more = _bill(asked, replace(design, servers=max(1, few) + 1), platform, replica_hours)
        return None if less is None or more is None else less + part * (more - less)

    return Estimate(value=cost(hours.value), low=cost(hours.low), high=cost(hours.high))


def _bill(
    asked: Question, design: Design, platform: Platform, replica_hours: float
) -> float | None:
    usage = usage_of(asked.workload, asked.demand, asked.profile, design, platform)
    if platform.kind != "functions":
        hours = Decimal(str(round(max(0.0, replica_hours), 6)))
        usage = replace(usage, replica_hours_month=hours)
    total = price(design, platform, asked.book, usage).monthly_usd
    return None if total is None else float(total)


def _told(asked: Question, platform: Platform) -> tuple[str, ...]:
    """What the simulation takes for granted of the app and the platform."""
    told = [proof.note for proof in asked.profile.proofs if proof.kind == "assumed"]
    if platform.scaling.start_s is None and platform.kind != "machine":
        told.append(
            f"no source says how long {platform.name} takes to start a replica: {START_S:g} s"
        )
    told.append("processors are as fast as those the app was measured on")
    return tuple(told)
