"""What a design costs over years: growth, commitments, and the hours of work around it."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from msgspec.structs import replace

from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import Usage
from seatrial.kernel.assessment import Bill
from seatrial.kernel.design import Attached, Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.quote import Year
from seatrial.kernel.units import micro_usd, term_years
from seatrial.kernel.values import Value

MONTHS = 12


class Work(Value):
    """What an hour of work costs and how many there are; none where nothing is stated.

    Hours that are not stated here are taken from the platform, if a source gives them.
    """

    usd_hour: Decimal | None = None
    setup_hours: Decimal | None = None
    month_hours: Decimal | None = None


class Term(Value):
    """How far to look ahead: so many years, each `growth` times the one before."""

    years: int = 0
    growth: Decimal = Decimal(1)
    work: Work = Work()


GROWING = (
    "requests_month", "load_balancer_units_hours", "nat_gib_month", "endpoint_gib_month",
    "ingress_gib_month", "egress_gib_month", "cross_zone_gib_month", "cross_region_gib_month",
    "log_gib_month",
)  # fmt: skip
"""The part of the usage that grows with the users. Replicas grow too, to the next whole one."""


def years(
    design: Design, platform: Platform, book: PriceBook, usage: Usage, term: Term
) -> tuple[Year, ...]:
    """Each year's cost. The commitment covers the first year's replicas, all others are on demand.

    A commitment that ends is bought again at the same price. Options of managed services that
    are amounts a month grow, their sizes and stored amounts do not.
    """
    told: list[Year] = []
    for number in range(1, term.years + 1):
        factor = term.growth ** (number - 1)
        replicas = int((design.replicas_min * factor).to_integral_value(ROUND_CEILING))
        bill = price(*grown(design, platform, book, usage, factor, replicas))
        told.append(_year(number, factor, replicas, bill, design, platform, term))
    return tuple(told)


def grown(
    design: Design, platform: Platform, book: PriceBook, usage: Usage, factor: Decimal,
    replicas: int,
) -> tuple[Design, Platform, PriceBook, Usage]:  # fmt: skip
    """What `price` takes, for `factor` times the usage on so many replicas.

    `replicas_min` stays what is committed; hours above it are the part that is on demand.
    """
    share = Decimal(replicas) / design.replicas_min if design.replicas_min else Decimal(1)
    more = {name: getattr(usage, name) * factor for name in GROWING}
    used = replace(usage, replica_hours_month=usage.replica_hours_month * share, **more)
    larger = replace(
        design,
        replicas_max=max(replicas, design.replicas_max),
        servers=replicas if design.servers else 0,
        services=tuple(_grown_service(service, factor) for service in design.services),
    )
    return larger, platform, book, used


def _grown_service(service: Attached, factor: Decimal) -> Attached:
    options = {
        name: str(Decimal(value) * factor) if name.endswith("_month") else value
        for name, value in service.options.items()
    }
    return replace(service, options=options)


def _year(
    number: int, factor: Decimal, replicas: int, bill: Bill, design: Design, platform: Platform,
    term: Term,
) -> Year:  # fmt: skip
    cloud = None if bill.monthly_usd is None else bill.monthly_usd * MONTHS
    hours = _hours(platform, term.work, number)
    rate = term.work.usd_hour
    ops = None if rate is None or hours is None else micro_usd(hours * rate)
    return Year(
        year=number,
        growth=factor,
        replicas=replicas,
        cloud_usd=cloud,
        cash_usd=None if cloud is None else cloud + _paid(bill, number),
        ops_hours=hours,
        ops_usd=ops,
        total_usd=None if cloud is None else cloud + (ops or 0),
    )


def _paid(bill: Bill, number: int) -> Decimal:
    """What is paid upfront in a year, less the share of upfront payments in that year's bill."""
    paid = Decimal(0)
    for line in bill.lines:
        if line.upfront_usd:
            term = term_years(line.commitment)
            due = line.upfront_usd if (number - 1) % term == 0 else Decimal(0)
            paid += due - line.upfront_usd / term
    return micro_usd(paid)


def _hours(platform: Platform, work: Work, number: int) -> Decimal | None:
    """Hours of work in a year; the set-up is in the first."""
    said = platform.operations
    month = work.month_hours
    if month is None and said.month_hours is not None:
        month = Decimal(str(said.month_hours.value))
    setup = work.setup_hours
    if setup is None and said.setup_hours is not None:
        setup = Decimal(str(said.setup_hours.value))
    if month is None and setup is None:
        return None
    return (month or Decimal(0)) * MONTHS + (setup or Decimal(0)) * (number == 1)
