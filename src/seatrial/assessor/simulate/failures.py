"""Rare events: what they cost in availability, without waiting for them to happen.

For each kind of event its window is played once for each level of load (`failure_events.py` says
what the fleet can do, an evaluator what becomes of the requests), and weighed:

    unavailability = events a year x requests that fail because of one / requests a year

Kinds are independent and rare, so the shares of requests that survive are multiplied. The 95 %
interval is that of the long-run mean under what is not known of the rates and times: counted rates
are Gamma(count + 1/2, exposure), stated ones log-normal within their factor, and a window's harm
grows in proportion to its main time. A single year scatters more: most rare events do not happen in
it at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.failure_events import (
    Condition,
    Event,
    FailureCase,
    events,
    region_s,
)
from seatrial.assessor.simulate.failure_rates import sampled_amount, stream
from seatrial.assessor.simulate.failure_windows import Evaluate, Step, fluid
from seatrial.assessor.simulate.zone_loss import (
    REGION,
    restore_s,
    standby_recovery,
    zone_recovery,
)
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Estimate, FailureOutlook, Fleet, Recovery, RouteLaw
from seatrial.kernel.values import Value

YEAR_S = 365.25 * 86400.0
SAMPLES = 4096
STEADY_S = 86400.0
"""How long the fleet without failures is looked at, for the errors it has anyway."""

NEAR = 0.02
"""Logarithm of the ratio within which hours are one level of load."""

IDLE = -(10**9)
"""The level of hours without requests."""


class Failures(Value):
    """All rare events of a design: each by itself, the availability they leave, and recovery.

    `availability_percent` includes the errors without any event, as given or as evaluated.
    """

    outlooks: tuple[FailureOutlook, ...]
    availability_percent: Estimate
    recoveries: tuple[Recovery, ...]
    assumptions: tuple[str, ...]


class _Harm(NamedTuple):
    """One kind of event, once: events a year at rate 1, seconds, error share, unavailability."""

    many: float
    seconds: float
    error_share: float
    per_rate: float


def conditions(rates_rps: Sequence[float], replicas: Sequence[float]) -> tuple[Condition, ...]:
    """The levels of load of equally long hours, those within one percent of each other together.

    A fraction of a replica is that share of the hour with one replica more. At least one is there:
    a fleet at zero starts one with the first request.
    """
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for rate, count in zip(rates_rps, replicas, strict=True):
        if not (math.isfinite(rate) and rate >= 0 and math.isfinite(count) and count >= 0):
            raise InputError(
                f"an hour has {rate} requests a second and {count} replicas",
                where="hours of the week", fix="give finite numbers, 0 or more",
            )  # fmt: skip
        low = max(1, math.floor(count))
        more = max(0.0, count - low)
        level = round(math.log(rate) / NEAR) if rate > 0 else IDLE
        for there, share in ((low, 1 - more), (low + 1, more)):
            if share > 0:
                weight, asked = found.get((level, there), (0.0, 0.0))
                found[level, there] = (weight + share, asked + share * rate)
    total = sum(weight for weight, _ in found.values())
    if total <= 0:
        raise InputError("there is no hour to look at", where="hours of the week", fix="give one")
    return tuple(
        Condition(rate_rps=asked / weight, replicas=count, weight=weight / total)
        for (_, count), (weight, asked) in found.items()
    )


def replica_rps(fleet: Fleet, routes: Sequence[RouteLaw]) -> tuple[float, float]:
    """What one replica answers at most in requests a second, and how long a request is in it.

    Its slots or its processors limit it; a worker uses one processor at a time. None of both is
    infinite: a request that takes no time is taken as a microsecond.
    """
    total = sum(route.weight for route in routes)
    if total <= 0 or any(not route.wall_s for route in routes):
        raise InputError(
            "no route has a weight and a service time", where="routes",
            fix="measure the app, or give its routes weights",
        )  # fmt: skip
    walls = [sum(route.wall_s) / len(route.wall_s) for route in routes]
    wall = sum(r.weight * w for r, w in zip(routes, walls, strict=True)) / total
    cpu = sum(r.weight * w * r.cpu_share for r, w in zip(routes, walls, strict=True)) / total
    slots = fleet.workers * fleet.slots / max(wall, 1e-6)
    return min(slots, min(fleet.workers, fleet.vcpu) / max(cpu, 1e-6)), wall


def failures(
    case: FailureCase,
    evaluate: Evaluate | None = None,
    steady_error_percent: float | None = None,
    seed: int = 0,
) -> Failures:
    """What rare events do to a design; `evaluate` judges a window, a fluid queue if none is given.

    `steady_error_percent` are the errors without any event, if they were simulated better.
    """
    _check(case)
    judge = evaluate or fluid(case.fleet.timeout_s)
    steady = [_steady(case, judge, condition) for condition in case.conditions]
    found = events(case)
    harms = [_harm(case, judge, steady, event) for event in found]
    if steady_error_percent is None:
        requests = sum(c.weight * c.rate_rps for c in case.conditions)
        wrong = sum(c.weight * c.rate_rps * s for c, s in zip(case.conditions, steady, strict=True))
        base = wrong / requests if requests > 0 else 0.0
    else:
        base = min(1.0, max(0.0, steady_error_percent / 100))
    return Failures(
        outlooks=tuple(_outlook(case, e, h) for e, h in zip(found, harms, strict=True)),
        availability_percent=_availability(case, found, harms, base, seed),
        recoveries=_recoveries(case),
        assumptions=_assumptions(case, found),
    )


def _check(case: FailureCase) -> None:
    """Raises `InputError` for numbers that no fleet has."""
    fleet = case.fleet
    times = [case.replica_rps, case.mean_s, fleet.start_s, case.restart_s or 0.0]
    times += [case.database_timeout_s, case.provider.timeout_s, case.deploys_year or 0.0]
    if not all(math.isfinite(time) and time >= 0 for time in times) or not fleet.timeout_s >= 0:
        raise InputError(
            "a time or a rate is negative or not finite",
            where="replica_rps, mean_s, start_s, restart_s, timeouts, deploys_year",
            fix="give finite numbers, 0 or more",
        )
    shares = (case.database_share, case.llm_share, case.spot_share)
    if not all(0 <= share <= 1 for share in shares):
        raise InputError(
            "a share is not between 0 and 1", where="database_share, llm_share, spot_share",
            fix="give shares such as 0.25",
        )  # fmt: skip
    if not case.conditions or any(c.replicas < 1 for c in case.conditions):
        raise InputError(
            "a level of load has no replica", where="conditions",
            fix="make them with failures.conditions",
        )  # fmt: skip


def _steady(case: FailureCase, judge: Evaluate, condition: Condition) -> float:
    """The share of errors that a level of load has without any event."""
    step = Step(STEADY_S, condition.replicas * case.replica_rps)
    return judge(condition.rate_rps, (step,)).error_share


def _harm(case: FailureCase, judge: Evaluate, steady: Sequence[float], event: Event) -> _Harm:
    """An event's windows over all levels of load, less the errors that would be there anyway."""
    requests = sum(c.weight * c.rate_rps for c in case.conditions)
    many = seconds = lost = arrived = 0.0
    for condition, usual in zip(case.conditions, steady, strict=True):
        rate = condition.rate_rps
        for episode in event.episodes(case, condition.replicas, rate):
            weight = condition.weight * episode.many
            lasts = sum(step.seconds for step in episode.steps)
            share = judge(rate, episode.steps).error_share if rate > 0 and lasts > 0 else 0.0
            failed = max(0.0, share - usual) * rate * lasts
            failed += rate * case.mean_s * episode.in_flight
            many += weight
            seconds += weight * lasts
            lost += weight * failed
            arrived += weight * rate * lasts
    per_rate = lost / (requests * YEAR_S) if requests > 0 else 0.0
    return _Harm(
        many, seconds / many if many > 0 else 0.0,
        min(1.0, lost / arrived) if arrived > 0 else 0.0, per_rate,
    )  # fmt: skip


def _outlook(case: FailureCase, event: Event, harm: _Harm) -> FailureOutlook:
    rate = event.stated or case.known.rates[event.rate]
    return FailureOutlook(
        name=event.name,
        per_year=rate.value * harm.many,
        degraded_s=harm.seconds,
        error_percent=100 * harm.error_share,
        unavailability_percent=100 * min(1.0, rate.value * harm.per_rate),
        source=rate.told,
    )


def _availability(
    case: FailureCase, found: Sequence[Event], harms: Sequence[_Harm], base: float, seed: int
) -> Estimate:
    """What is left when nothing else goes wrong; events of one rate share its uncertainty."""
    known = case.known
    value, left = 1 - base, np.full(SAMPLES, 1 - base)
    for event, harm in zip(found, harms, strict=True):
        rate = event.stated or known.rates[event.rate]
        possible: npt.NDArray[np.float64] = rate.sample(stream(seed, event.rate), SAMPLES)
        for name in event.amounts:
            possible = possible * sampled_amount(known.amounts[name], stream(seed, name), SAMPLES)
        value *= 1 - min(1.0, rate.value * harm.per_rate)
        left *= 1 - np.minimum(1.0, possible * harm.per_rate)
    low, high = (float(end) for end in np.quantile(left, (0.025, 0.975)))
    return Estimate(value=100 * value, low=100 * min(low, value), high=100 * max(high, value))


def _recoveries(case: FailureCase) -> tuple[Recovery, ...]:
    """RTO and RPO of the loss of a zone and of the region, by the design's database and copies."""
    zone = zone_recovery(case.known, case.zone_loss, case.zones, case.fleet.start_s, case.database)
    return zone, _region_recovery(case)


def _region_recovery(case: FailureCase) -> Recovery:
    known = case.known
    if case.standby:
        return standby_recovery(known, case.fleet.start_s, case.standby_lag_s)
    stored = case.database != "none"
    if case.region_loss == "survives":
        rpo, how = known.amount("backup-copy-lag-s") if stored else 0.0, "another region takes over"
    elif case.backup_copy and restore_s(known) < known.amount("region-s"):
        rpo = known.amount("backup-copy-lag-s") if stored else 0.0
        how = "everything is set up again in another region, from the copy of the backups there"
    else:
        return Recovery(
            name=REGION, rto_s=region_s(case), rpo_s=0.0,
            how="the design waits for its region; data that does not come back with it is lost",
        )  # fmt: skip
    return Recovery(name=REGION, rto_s=region_s(case), rpo_s=rpo, how=how)


def _assumptions(case: FailureCase, found: Sequence[Event]) -> tuple[str, ...]:
    """What was used without a source, one line each."""
    told = [
        "rare events: independent of each other and of the load; one at a time",
        "rare events: the load stays as it was when the event began",
    ]
    names = dict.fromkeys(name for event in found for name in event.amounts)
    for event in found:
        rate = event.stated or case.known.rates[event.rate]
        if not rate.source and rate.assumed:
            told.append(f"{event.name}, {rate.value:g} a year for each: {rate.assumed}")
    for name in names:
        amount = case.known.amounts[name]
        if amount.assumed:
            told.append(f"{name} {amount.value:g}: {amount.assumed}")
    return tuple(told)
