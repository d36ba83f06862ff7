"""The monthly bill of a design, line by line, exact in decimals.

A line is what a meter reads times a price row. Nothing is guessed: a line without a row is told
as unpriced, with the file that would hold it, and then the total is not known either.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from seatrial.assessor import standby
from seatrial.assessor.meters import METERS, read_meter, read_option
from seatrial.assessor.space import Shape
from seatrial.assessor.usage import Usage, exact, surplus_vcpu_hours
from seatrial.kernel.assessment import Bill, CostLine, Unpriced
from seatrial.kernel.design import Attached, Beside, Design
from seatrial.kernel.platform import (
    EVERYWHERE,
    ON_DEMAND,
    BillLine,
    Catalog,
    ManagedService,
    Platform,
    Price,
)
from seatrial.kernel.units import HOURS_PER_MONTH, micro_usd, plain, term_years
from seatrial.kernel.units import taken as _taken

Key = tuple[str, str, str, str, str]

taken = lru_cache(maxsize=4096)(_taken)
"""The few commitments of a catalogue are read over and over."""

BUSY_METERS = frozenset({"active_vcpu_seconds", "active_gib_seconds", "active_vcpu_hours"})
"""Meters that read how long replicas work."""

BESIDE_METERS = frozenset(
    name for name, meter in METERS.items() if {"size", "load", "replicas"} & {*meter.depends}
) - {"request_gib_seconds", "secret_requests"}
"""Meters that read something of replicas that nobody sends requests to."""

RATED_KEPT = 200_000
"""Billed amounts that are remembered, some 100 MB."""


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
        self._catalog = catalog
        self._services: dict[tuple[str, str], ManagedService | None] = {}
        self._rated: dict[tuple[object, ...], Rated] = {}

    def tiers(
        self, provider: str, service: str, sku: str, region: str, commitment: str
    ) -> tuple[Price, ...]:
        """The tiers of one price, ascending; none when the catalogue does not know it."""
        here = self._tiers.get((provider, service, sku, region, commitment))
        if here is not None:
            return here
        return self._tiers.get((provider, service, sku, EVERYWHERE, commitment), ())

    def service(self, provider: str, kind: str) -> ManagedService | None:
        """The managed service of that kind at the provider, none when it offers none."""
        key = (provider, kind)
        if key not in self._services:
            self._services[key] = self._catalog.service(provider, kind)
        return self._services[key]

    def rated(self, amount: Amount, provider: str, region: str) -> Rated:
        """What `bill_amount` says; equal amounts are looked up once."""
        line, sku, quantity, commitment = amount
        key = (
            line.component, line.service, line.forgotten,
            sku, quantity, commitment, provider, region,
        )  # fmt: skip
        found = self._rated.get(key)
        if found is None:
            if len(self._rated) > RATED_KEPT:
                self._rated.clear()
            found = self._rated[key] = bill_amount(amount, provider, region, self)
        return found


Rated = tuple[list[CostLine], list[Unpriced]]
"""The lines of one amount, and what of it has no price."""


class Amount(NamedTuple):
    """One line to be billed: which, for how much of it, at which sku, under which commitment."""

    line: BillLine
    sku: str
    quantity: Decimal
    commitment: str


def price(design: Design, platform: Platform, prices: PriceBook | Catalog, usage: Usage) -> Bill:
    """The bill of one month.

    Lines whose meter reads nothing are left out; a quantity inside a free tier stays, at 0 USD
    and with the source that says so. Amounts are rounded last, to micro-dollars.
    """
    book = prices if isinstance(prices, PriceBook) else PriceBook(prices)
    lines, unpriced = _rated(design, platform, book, usage)
    return Bill(
        lines=tuple(lines), unpriced=tuple(unpriced),
        unstated=tuple(unstated(design, platform, book, usage)),
        monthly_usd=_total(lines, unpriced),
    )  # fmt: skip


def monthly_usd(
    design: Design, platform: Platform, book: PriceBook, usage: Usage
) -> Decimal | None:
    """What `price` says that a month comes to, without the rest of the bill."""
    return _total(*_rated(design, platform, book, usage))


def _total(lines: list[CostLine], unpriced: list[Unpriced]) -> Decimal | None:
    return None if unpriced else sum((line.monthly_usd for line in lines), Decimal(0))


def _rated(design: Design, platform: Platform, book: PriceBook, usage: Usage) -> Rated:
    """The lines of all amounts, and what of them has no price."""
    lines: list[CostLine] = []
    unpriced: list[Unpriced] = []
    billed = [(design.region, amounts(design, platform, book, usage, unpriced))]
    for piece in standby_pieces(design, platform, book, usage):
        billed.append((piece.region, standby_amounts(piece, platform, book)))
    for region, some in billed:
        for provider, amount in some:
            priced, missing = book.rated(amount, provider, region)
            lines.extend(priced)
            unpriced.extend(missing)
    return lines, unpriced


def amounts(
    design: Design, platform: Platform, book: PriceBook, usage: Usage, unpriced: list[Unpriced]
) -> Iterator[tuple[str, Amount]]:
    """Everything that is billed, each with the provider that sells it.

    Services that the provider does not offer go to `unpriced`.
    """
    for line in platform.bill:
        for amount in platform_amounts(line, design, usage):
            yield line.provider or platform.provider, amount
    yield from beside_amounts(design, platform)
    for attached in design.attached:
        service = book.service(platform.provider, attached.kind)
        if service is None:
            unpriced.append(_not_offered(attached, platform, design.region))
            continue
        for line in service.bill:
            for amount in service_amounts(line, attached, service, design.commitment, usage):
                yield line.provider or platform.provider, amount


def platform_amounts(line: BillLine, design: Design, usage: Usage) -> list[Amount]:
    """A platform's line for a design: what runs all day is committed, what comes on top is not."""
    metered = read_meter(line.meter, design, usage)
    if metered <= 0:
        return []
    sku = fill(line.sku, design)
    terms = taken(design.commitment, line.commitments)
    if not terms:
        return [Amount(line, sku, billable(line, metered, usage), ON_DEMAND)]
    floor = design.replicas_min * HOURS_PER_MONTH
    share = min(Decimal(1), floor / usage.replica_hours_month if usage.replica_hours_month else 1)
    made = [Amount(line, sku, billable(line, metered * share, usage), terms)]
    if share < 1:
        made.append(Amount(line, sku, billable(line, metered * (1 - share), usage), ON_DEMAND))
    return made


def beside_amounts(design: Design, platform: Platform) -> Iterator[tuple[str, Amount]]:
    """What the components beside the web one are billed: replicas all month, and what they do.

    What the platform includes is taken off the web component's lines.
    """
    for part in design.beside:
        view, usage = beside_view(design, part, platform)
        for line in platform.bill:
            if line.meter in BESIDE_METERS:
                for amount in platform_amounts(_own(line, part.kind), view, usage):
                    yield line.provider or platform.provider, amount


@lru_cache(maxsize=1024)
def _own(line: BillLine, component: str) -> BillLine:
    none = Decimal(0)
    return replace(line, component=component, included=none, free=none, minimum=none, forgotten="")


def beside_view(design: Design, part: Beside, platform: Platform) -> tuple[Design, Usage]:
    """A component as meters read it: a design of its replicas, and their month."""
    view = replace(
        design, size=part.size, vcpu=part.vcpu, memory_mib=part.memory_mib,
        replicas_min=part.replicas, replicas_max=part.replicas, servers=part.servers,
        database=None, services=(), beside=(),
    )  # fmt: skip
    hours = part.replicas * HOURS_PER_MONTH
    busy = exact(round(part.busy_hours_month or 0.0, 6))
    return view, Usage(
        requests_month=Decimal(1),
        request_duration_s_mean=busy * 3600,
        replica_hours_month=hours,
        surplus_vcpu_hours=surplus_vcpu_hours(view, platform, float(busy / hours), hours),
    )


def standby_pieces(
    design: Design, platform: Platform, book: PriceBook, usage: Usage
) -> Iterator[standby.Piece]:
    """What the standby in another region is billed, where the design has one."""
    sold = {a.kind: s for a in design.attached
            if (s := book.service(platform.provider, a.kind)) is not None}  # fmt: skip
    return standby.pieces(design, platform, sold, usage)


def standby_amounts(
    piece: standby.Piece, platform: Platform, book: PriceBook
) -> Iterator[tuple[str, Amount]]:
    """The lines of one piece of a standby, all on demand."""
    for line in platform.bill:
        if line.meter in piece.meters:
            for amount in platform_amounts(_own(line, "standby"), piece.view, piece.usage):
                yield line.provider or platform.provider, amount
    one = piece.attached
    service = book.service(platform.provider, one.kind) if one is not None else None
    if one is None or service is None:
        return
    for line in service.bill:
        own = _own(line, "standby")
        for amount in service_amounts(own, one, service, ON_DEMAND, piece.usage):
            yield line.provider or platform.provider, amount


def unstated(
    design: Design, platform: Platform, book: PriceBook, usage: Usage
) -> Iterator[Unpriced]:
    """Lines of which nobody knows the amount, with the setting that tells it and the unit's price.

    They are amounts of managed services, and what workers are busy for where that is billed.
    """
    for part in design.beside:
        for line in platform.bill:
            if part.busy_hours_month is None and line.meter in BUSY_METERS:
                sku, provider = fill(line.sku, design), line.provider or platform.provider
                yield _unstated(line, part.kind, sku, provider, design, book, "[work]")
    for attached in design.services:
        service = book.service(platform.provider, attached.kind)
        if service is None:
            continue
        missing = usage.unstated.get(attached.kind, {})
        for line in service.bill:
            if line.meter in missing and line.meter not in attached.options:
                sku = filled(line.sku, attached.size, service.options | attached.options)
                provider, told = line.provider or service.provider, missing[line.meter]
                yield _unstated(line, line.component, sku, provider, design, book, told)


def _unstated(
    line: BillLine, component: str, sku: str, provider: str, design: Design, book: PriceBook,
    setting: str,
) -> Unpriced:  # fmt: skip
    tiers = book.tiers(provider, line.service, sku, design.region, ON_DEMAND)
    each = f"; each {tiers[0].unit} costs {plain(tiers[0].price_usd)} USD" if tiers else ""
    return Unpriced(
        component=component, service=line.service, sku=sku, region=design.region,
        reason=f"nobody said how much: {setting} in seatrial.toml would{each}",
    )  # fmt: skip


def fill(sku: str, design: Design | Shape) -> str:
    """A platform's sku with the design's size, its family (`t3` of `t3.large`) and processor."""
    if "{" not in sku:
        return sku
    family = design.size.partition(".")[0]
    return (
        sku.replace("{size}", design.size)
        .replace("{family}", family)
        .replace("{arch}", design.arch)
    )


def service_amounts(
    line: BillLine, attached: Attached, service: ManagedService, commitment: str, usage: Usage
) -> list[Amount]:
    """A managed service's line with its size and options filled in."""
    options = service.options | attached.options
    if line.meter in attached.options:
        metered = read_option(line, options)
    elif line.meter in usage.unstated.get(service.kind, ()):
        return []
    else:
        amounts = usage.services.get(service.kind, {})
        metered = read_option(line, {**options, **amounts})
    if metered <= 0:
        return []
    terms = taken(commitment, line.commitments) or ON_DEMAND
    sku = filled(line.sku, attached.size, options)
    return [Amount(line, sku, billable(line, metered, usage), terms)]


def filled(sku: str, size: str, options: dict[str, str]) -> str:
    """A managed service's sku with its size and its options."""
    sku = sku.replace("{size}", size)
    for name, value in options.items():
        sku = sku.replace(f"{{{name}}}", value)
    return sku


def billable(line: BillLine, metered: Decimal, usage: Usage) -> Decimal:
    """What is billed of what was metered: less what is free, at least the minimum, rounded up."""
    quantity = max(Decimal(0), metered - line.included - (line.free if usage.free_tier else 0))
    if quantity and line.minimum:
        quantity = max(quantity, line.minimum)
    if line.increment:
        quantity = (quantity / line.increment).to_integral_value(ROUND_CEILING) * line.increment
    return quantity


def bill_amount(amount: Amount, provider: str, region: str, book: PriceBook) -> Rated:
    """One cost line per tier reached, and what has no price."""
    line, sku, quantity, commitment = amount
    tiers = book.tiers(provider, line.service, sku, region, commitment)
    reached = [row for row in tiers if quantity > row.tier_from] or list(tiers[:1])
    lines = [
        _cost(amount, (quantity if row.tier_to is None else min(quantity, row.tier_to)), row)
        for row in reached
    ]
    known_to = reached[-1].tier_to if reached else Decimal(0)
    if known_to is None or (reached and quantity <= known_to):
        return lines, []
    beyond = f" above {known_to:f} {reached[-1].unit}" if reached else ""
    terms = "" if commitment == ON_DEMAND else f" under {commitment}"
    missing = Unpriced(
        component=line.component,
        service=line.service,
        sku=sku,
        region=region,
        reason=f"no price of {sku} in {region}{terms}{beyond}; "
        f"it would be in catalog/prices/{provider}*.csv, or in your seatrial.prices.toml",
    )
    return lines, [missing]


def _cost(amount: Amount, top: Decimal, row: Price) -> CostLine:
    line, sku, _, commitment = amount
    quantity = top - row.tier_from
    rate, upfront = row.price_usd, Decimal(0)
    if row.upfront_usd:
        term_months = 12 * term_years(commitment)
        upfront = micro_usd(quantity / HOURS_PER_MONTH * row.upfront_usd)
        rate += row.upfront_usd / (term_months * HOURS_PER_MONTH)
    return CostLine(
        component=line.component,
        service=line.service,
        sku=sku,
        quantity=micro_usd(quantity),
        unit=row.unit,
        unit_price_usd=rate,
        monthly_usd=micro_usd(quantity * rate),
        source=row.source,
        as_of=row.as_of,
        commitment=commitment,
        upfront_usd=upfront,
        interruption_percent=row.interruption_percent,
        forgotten=line.forgotten,
    )


def _not_offered(attached: Attached, platform: Platform, region: str) -> Unpriced:
    return Unpriced(
        component=attached.kind,
        service=attached.kind,
        sku=attached.size or attached.kind,
        region=region,
        reason=f"the catalogue knows no {attached.kind} of {platform.provider}; "
        f"it would be in catalog/services/{platform.provider}-{attached.kind}.toml",
    )
