"""Designs simulated: exact windows of the first week, a fluid year, and rare events.

- Latency, errors and replicas come from exact windows (`weeks`) that stand for all hours of the
  week, each after a lead-in that is not counted.
- The profile of the week, its growth over the year and the worst hour come from the fluid year.
- Availability is what rare events leave, times what the windows answered.

`screened` says of hundreds of designs what the fluid year alone knows; nothing is ranked for good
before `finalists` has simulated it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.price import price
from seatrial.assessor.simulate.arrivals import notes
from seatrial.assessor.simulate.failures import failures
from seatrial.assessor.simulate.fleet import START_S, arrivals_of, case_of, fleet_of
from seatrial.assessor.simulate.fluid import METHOD as FLUID
from seatrial.assessor.simulate.fluid import YearOutlook, year
from seatrial.assessor.simulate.providers import (
    called,
    effect,
    hour_with_refused,
    provider_of,
    told,
    with_refused,
)
from seatrial.assessor.simulate.service import laws_of
from seatrial.assessor.simulate.weeks import Week, weeks
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

METHOD = "{tier} of {count} windows of {seconds:.0f} s; " + FLUID
TIERS = {"T2": "exact lanes (T2)", "T3": "exact replay (T3)"}

REQUESTS = 1_500_000
"""Requests that count when one design is simulated: a p99 within a few percent."""
MANY_REQUESTS = 300_000
"""Of each when many are: their differences are known better than each of them, because all are
served the same requests."""
MONTHS = 12


Served = dict[Fleet, tuple[YearOutlook, Week]]
"""The year and the first week of fleets."""


class Screened(NamedTuple):
    """What the fluid year says of a design: a first look, without an interval.

    Latencies are milliseconds over the year, none when nothing is served.
    """

    design: str
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    latency_ms_p99: float | None
    error_percent: float
    replica_hours_month: float
    replicas_peak: float


def simulate(
    asked: Question, design: Design, seed: int = 1, arrivals: Arrivals | None = None
) -> Simulation:
    """What the design would do under the demand asked for; `arrivals` replace the demand's.

    The same arguments give the same bits. Raises `InputError` for what cannot be simulated.
    """
    (found,) = finalists(asked, [design], seed, arrivals, requests=REQUESTS)
    return found


def finalists(
    asked: Question, designs: Sequence[Design], seed: int = 1, arrivals: Arrivals | None = None,
    *, requests: int = MANY_REQUESTS, threads: int | None = None,
    tell: Callable[[str], None] = lambda _: None, served: Served | None = None,
) -> tuple[Simulation, ...]:  # fmt: skip
    """As `simulate`, for many designs on the same windows, of `requests` that count in each.

    Fewer requests are faster and give wider intervals. The same arguments give the same bits on any
    number of threads; a design's do not depend on the other designs. `served` has what was
    simulated before under the same other arguments, and gets what is simulated now.
    """
    given, known = _given(asked, designs, arrivals), {} if served is None else served
    # Designs that differ in what is bought, and not in what serves, are one fleet.
    fleets = [fleet for fleet in dict.fromkeys(given.fleets) if fleet not in known]
    outlooks = year(given.arrivals, given.laws, fleets, seed)
    tell(f"fluid year of {len(fleets)} fleets done")
    found = weeks(
        given.arrivals, given.laws, fleets, outlooks, seed,
        requests=requests, threads=threads, tell=tell,
    )  # fmt: skip
    known.update(zip(fleets, zip(outlooks, found, strict=True), strict=True))
    each = zip(designs, given.fleets, strict=True)
    return tuple(_simulation(asked, given, *one, *known[one[1]], seed=seed) for one in each)


def screened(
    asked: Question, designs: Sequence[Design], seed: int = 1, arrivals: Arrivals | None = None
) -> tuple[Screened, ...]:
    """Each design by its fluid year (T1) alone: milliseconds a design, to choose finalists by."""
    given = _given(asked, designs, arrivals)
    outlooks = year(given.arrivals, given.laws, given.fleets, seed)
    return tuple(
        Screened(
            design=design.id, latency_ms_p50=one.latency_ms_p50, latency_ms_p95=one.latency_ms_p95,
            latency_ms_p99=one.latency_ms_p99,
            error_percent=100 - (100 - one.error_percent) * (1 - given.refused),
            replica_hours_month=one.replica_hours / MONTHS, replicas_peak=one.replicas_peak,
        )
        for design, one in zip(designs, outlooks, strict=True)
    )  # fmt: skip


class _Given(NamedTuple):
    """What a question is to the simulator.

    `calm` are the laws of the routes, `laws` have in them what the provider of a language model
    does to their requests, of which it fails the share `refused`.
    """

    arrivals: Arrivals
    calm: tuple[RouteLaw, ...]
    laws: tuple[RouteLaw, ...]
    refused: float
    fleets: list[Fleet]


def _given(asked: Question, designs: Sequence[Design], arrivals: Arrivals | None) -> _Given:
    calm = called(asked.component, laws_of(asked.component, asked.demand))
    laws, refused = effect(calm, provider_of(asked.demand.llm))
    return _Given(
        arrivals or arrivals_of(asked.demand.traffic),
        calm,
        laws,
        refused,
        [
            fleet_of(design, asked.catalog.platform(design.platform), asked.profile.boot_s)
            for design in designs
        ],
    )


def _simulation(
    asked: Question, given: _Given, design: Design, fleet: Fleet, outlook: YearOutlook, week: Week,
    *, seed: int,
) -> Simulation:  # fmt: skip
    platform, llm = asked.catalog.platform(design.platform), asked.demand.llm
    errors = with_refused(week.error_percent, given.refused)
    by_hour = tuple(hour_with_refused(hour, given.refused) for hour in outlook.week)
    rare = failures(
        case_of(design, platform, asked.component, fleet, given.laws, outlook.week, llm),
        steady_error_percent=errors.value,
        seed=seed,
    )
    hours = _times(week.replicas, float(HOURS_PER_MONTH))
    p50, p95, p99 = week.latency_ms
    return Simulation(
        design=design.id,
        method=METHOD.format(tier=TIERS[week.tier], count=week.windows, seconds=week.seconds),
        seed=seed,
        latency_ms_p50=p50,
        latency_ms_p95=p95,
        latency_ms_p99=p99,
        error_percent=errors,
        availability_percent=rare.availability_percent,
        replica_hours_month=hours,
        cost_usd_month=_cost(asked, design, platform, hours),
        replicas_peak=max(week.peak, outlook.replicas_peak),
        worst=max(by_hour, key=_badness),
        week=by_hour,
        failures=rare.outlooks,
        recoveries=rare.recoveries,
        assumptions=(
            *_told(asked, platform),
            *told(asked.component, given.calm, llm),
            *notes(given.arrivals),
            *rare.assumptions,
        ),
    )


def _badness(hour: HourOutlook) -> tuple[bool, float, float]:
    """A queue that grows is worst, then the longest tail, then the most requests."""
    return (hour.latency_ms_p95 is None, hour.latency_ms_p95 or 0.0, hour.rate_rps)


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
