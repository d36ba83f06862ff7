"""The monthly bill of a design, line by line, exact in decimals.

A line is what a meter reads times a price row. Nothing is guessed: a line without a row is told
as unpriced, with the file that would hold it, and then the total is not known either.
"""

from __future__ import annotations

from decimal import Decimal

from seatrial.assessor.usage import Usage, read_meter
from seatrial.kernel.assessment import Bill, CostLine, Unpriced
from seatrial.kernel.design import Design
from seatrial.kernel.platform import EVERYWHERE, BillLine, Catalog, Platform, Price
from seatrial.kernel.units import micro_usd

Key = tuple[str, str, str, str, str]


class PriceBook:
    """The catalogue's prices, found by provider, service, sku, region and commitment.

    Built once and asked for every line of every design; tiers come in ascending order.
    """

    def __init__(self, catalog: Catalog) -> None:
        rows: dict[Key, list[Price]] = {}
        for row in catalog.prices:
            key = (row.provider, row.service, row.sku, row.region, row.commitment)
            rows.setdefault(key, []).append(row)
        self._tiers = {
            key: tuple(sorted(tiers, key=lambda row: row.tier_from)) for key, tiers in rows.items()
        }

    def tiers(
        self, provider: str, service: str, sku: str, region: str, commitment: str
    ) -> tuple[Price, ...]:
        """The tiers of one price, ascending; none when the catalogue does not know it."""
        here = self._tiers.get((provider, service, sku, region, commitment))
        if here is not None:
            return here
        return self._tiers.get((provider, service, sku, EVERYWHERE, commitment), ())


def price(design: Design, platform: Platform, prices: PriceBook | Catalog, usage: Usage) -> Bill:
    """The bill of one month.

    Lines whose meter reads nothing are left out; a quantity inside a free tier stays, at 0 USD
    and with the source that says so. Amounts are rounded last, to micro-dollars.
    """
    book = prices if isinstance(prices, PriceBook) else PriceBook(prices)
    lines: list[CostLine] = []
    unpriced: list[Unpriced] = []
    for item in platform.bill:
        metered = read_meter(item.meter, design, usage)
        if metered > 0:
            _add(item, metered, design, platform, book, lines, unpriced)
    total = None if unpriced else sum((line.monthly_usd for line in lines), Decimal(0))
    return Bill(lines=tuple(lines), unpriced=tuple(unpriced), monthly_usd=total)


def _add(
    item: BillLine,
    metered: Decimal,
    design: Design,
    platform: Platform,
    book: PriceBook,
    lines: list[CostLine],
    unpriced: list[Unpriced],
) -> None:
    """Append one cost line per tier reached, or what is missing."""
    sku = fill(item.sku, design)
    quantity = max(Decimal(0), metered - item.free)
    tiers = book.tiers(platform.provider, item.service, sku, design.region, design.commitment)
    reached = [row for row in tiers if quantity > row.tier_from] or list(tiers[:1])
    for row in reached:
        top = quantity if row.tier_to is None else min(quantity, row.tier_to)
        lines.append(_line(item, sku, top - row.tier_from, row))
    known_to = reached[-1].tier_to if reached else Decimal(0)
    if known_to is not None and (not reached or quantity > known_to):
        missing = f"{sku} in {design.region}"
        beyond = f" above {known_to:f} {reached[-1].unit}" if reached else ""
        unpriced.append(
            Unpriced(
                component=item.component,
                service=item.service,
                sku=sku,
                region=design.region,
                reason=f"no price of {missing}{beyond}; "
                f"it would be in catalog/prices/{platform.provider}.csv",
            )
        )


def _line(item: BillLine, sku: str, quantity: Decimal, row: Price) -> CostLine:
    return CostLine(
        component=item.component,
        service=item.service,
        sku=sku,
        quantity=micro_usd(quantity),
        unit=row.unit,
        unit_price_usd=row.price_usd,
        monthly_usd=micro_usd(quantity * row.price_usd),
        source=row.source,
        as_of=row.as_of,
    )


def fill(sku: str, design: Design) -> str:
    """A bill line's sku with the design's size, database, its deployment, and commitment in it."""
    if "{" not in sku:
        return sku
    database = design.database
    return (
        sku.replace("{size}", design.size)
        .replace("{database}", database.instance if database else "")
        .replace("{deployment}", "multi-az" if database and database.multi_az else "single-az")
        .replace("{commitment}", design.commitment)
    )
