"""One design, assessed: its bill, its promise and what speaks against it."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from seatrial.assessor.case import Case
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.promise import Profile, profile_of, promise
from seatrial.assessor.rules import check
from seatrial.assessor.usage import usage_of
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Catalog, Platform
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
    return Question(
        workload, component, demand, catalog, PriceBook(catalog), profile_of(component, demand)
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
        service = book.service(platform.provider, attached.kind)
        stated = service.availability_percent if service else {}
        options = {**service.options, **attached.options} if service else {}
        level = stated.get(options.get("deployment", ""), stated.get("*"))
        if level is not None:
            levels.append(level.value)
        elif attached.kind == "postgresql":
            return None
    return round(100 * prod(level / 100 for level in levels), 4)


def assess(asked: Question, design: Design, rate_rps: float | None = None) -> Assessment:
    """Bill, promise at `rate_rps` (default: the demand's peak hour) and findings of a design."""
    platform = asked.catalog.platform(design.platform)
    usage = usage_of(asked.workload, asked.demand, asked.profile, design, platform)
    bill = price(design, platform, asked.book, usage)
    rate = asked.demand.traffic.peak_rps if rate_rps is None else rate_rps
    told = promise(
        asked.profile, design, platform, rate, availability_percent(design, platform, asked.book)
    )
    case = Case(
        asked.workload, asked.component, asked.demand, design, platform, asked.profile, bill, told
    )
    return Assessment(design=design, bill=bill, promise=told, findings=check(case))
