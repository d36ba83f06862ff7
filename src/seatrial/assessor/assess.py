"""One design, assessed: its bill, its promise and what speaks against it."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from msgspec.structs import replace

from seatrial.assessor.case import Case
from seatrial.assessor.consumed import metered_of
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.profile import Profile, profile_of
from seatrial.assessor.promise import promise
from seatrial.assessor.rules import check
from seatrial.assessor.usage import Usage, usage_of
from seatrial.assessor.week import busiest_rps
from seatrial.kernel.assessment import Assessment, Bill, Promise
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Catalog, Platform
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.workload import Component, Workload


class Question(NamedTuple):
    """What all designs of one plan have in common, prepared once."""

    workload: Workload
    component: Component
    demand: Demand
    catalog: Catalog
    book: PriceBook
    profile: Profile


def question(workload: Workload, demand: Demand, catalog: Catalog) -> Question:
    """Prepare the price index and the route loads for `assess`."""
    component = workload.web
    profile = profile_of(component, demand)
    metered = metered_of(workload, demand, profile.routes, catalog)
    return Question(
        workload, component, demand, catalog, PriceBook(catalog), replace(profile, metered=metered)
    )


def availability_percent(design: Design, platform: Platform, book: PriceBook) -> float | None:
    """Product of the service level agreements a request depends on; none when there is none.

    The parts are in series: the platform's own parts and the services that state a level. A
    database without one leaves nothing to promise.
    """
    levels = [level.value for level in platform.availability_percent]
    if not levels:
        return None
    for attached in design.attached:
        if attached.spare:
            continue
        service = book.service(platform.provider, attached.kind)
        stated = service.availability_percent if service else {}
        options = {**service.options, **attached.options} if service else {}
        level = stated.get(options.get("deployment", ""), stated.get("*"))
        if level is not None:
            levels.append(level.value)
        elif attached.kind == "postgresql":
            return None
    return round(100 * prod(level / 100 for level in levels), 4)


def bill_of(asked: Question, design: Design, usage: Usage | None = None) -> Bill:
    """The design's bill under the question's demand, or for a usage that is given."""
    platform = asked.catalog.platform(design.platform)
    if usage is None:
        usage = usage_of(asked.workload, asked.demand, asked.profile, design, platform)
    return price(design, platform, asked.book, usage)


def assess(asked: Question, design: Design, rate_rps: float | None = None) -> Assessment:
    """Bill, promise at `rate_rps` (default: the busiest time of the week) and findings."""
    bill = bill_of(asked, design)
    case = asked_case(asked, design, bill, rate_rps)
    return Assessment(design=design, bill=bill, promise=case.promise, findings=check(case))


def asked_case(asked: Question, design: Design, bill: Bill, rate_rps: float | None = None) -> Case:
    """The case of a design with its promise at `rate_rps` (default: the busiest of the week)."""
    platform = asked.catalog.platform(design.platform)
    rate = busiest_rps(asked.demand.traffic) if rate_rps is None else rate_rps
    level = availability_percent(design, platform, asked.book)
    told = promise(asked.profile, design, platform, rate, level)
    return case_of(asked, design, platform, bill, told)


def case_of(asked: Question, design: Design, platform: Platform, bill: Bill, told: Promise) -> Case:
    """What the rules look at."""
    return Case(
        asked.workload, asked.component, asked.demand, design, platform, asked.profile, bill, told,
        asked.catalog,
    )  # fmt: skip


def with_simulation(asked: Question, told: Assessment, simulation: Simulation) -> Assessment:
    """The assessment with what a simulation says, and its findings found again."""
    platform = asked.catalog.platform(told.design.platform)
    case = case_of(asked, told.design, platform, told.bill, told.promise)
    findings = check(case._replace(simulation=simulation))
    return replace(told, simulation=simulation, findings=findings)
