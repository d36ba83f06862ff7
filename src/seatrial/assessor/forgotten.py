"""The lines that estimates by hand leave out: what they cost here, or what each would cost."""

from __future__ import annotations

from decimal import Decimal

from seatrial.assessor.price import PriceBook, fill
from seatrial.kernel.assessment import Bill
from seatrial.kernel.design import Design
from seatrial.kernel.platform import ON_DEMAND, BillLine, Platform
from seatrial.kernel.quote import Forgotten

NOT_ALWAYS = frozenset(
    {
        "nat_hours", "nat_gib", "endpoint_hours", "endpoint_gib", "cross_region_gib",
        "provisioned_gib_seconds", "extra_disk_gib_hours", "surplus_vcpu_hours",
        "extra_log_gib_months",
    }
)  # fmt: skip
"""Meters of what only some designs have: not asked for, they are not forgotten."""


def forgotten(
    design: Design, platform: Platform, book: PriceBook, bill: Bill
) -> tuple[Forgotten, ...]:
    """Lines of the bill that are often left out, and those whose amount was not stated.

    The latter carry the price of one unit, so that the reader can see what they are not counting.
    """
    found: dict[tuple[str, str, str], Forgotten] = {}
    for line in platform.bill:
        key = (line.component, line.service, line.forgotten)
        if not line.forgotten or key in found:
            continue
        costs = [
            cost.monthly_usd for cost in bill.lines
            if (cost.component, cost.service, cost.forgotten) == key
        ]  # fmt: skip
        if costs:
            found[key] = _line(line, sum(costs, Decimal(0)))
        elif line.meter not in NOT_ALWAYS:
            found[key] = _not_stated(line, design, platform, book)
    return tuple(found.values())


def _line(line: BillLine, monthly: Decimal) -> Forgotten:
    return Forgotten(
        component=line.component, service=line.service, sku=line.sku, why=line.forgotten,
        monthly_usd=monthly,
    )  # fmt: skip


def _not_stated(line: BillLine, design: Design, platform: Platform, book: PriceBook) -> Forgotten:
    sku = fill(line.sku, design)
    provider = line.provider or platform.provider
    tiers = book.tiers(provider, line.service, sku, design.region, ON_DEMAND)
    return Forgotten(
        component=line.component, service=line.service, sku=sku, why=line.forgotten,
        monthly_usd=None,
        unit=tiers[0].unit if tiers else "",
        unit_price_usd=tiers[0].price_usd if tiers else None,
    )  # fmt: skip
