"""From an entry of a price list to rows of ours: units, tiers and money, exactly or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from seatrial.catalog.refresh.sources import Part, Want
from seatrial.catalog.rows import DIGITS_MAX
from seatrial.kernel.platform import ON_DEMAND, Price
from seatrial.kernel.values import Value


class Tier(Value):
    """USD for one priced unit between two quantities, both in priced units; no end is none."""

    start: Decimal
    end: Decimal | None
    price_usd: Decimal


class Entry(Value):
    """What a list says of one thing: the price of `units` of `unit`, by tiers.

    `id` is the list's own name of it. The tiers count in priced units: with 10,000 requests to
    the unit, a tier from 100 starts at the millionth request.
    """

    id: str
    commitment: str = ON_DEMAND
    unit: str
    units: Decimal = Decimal(1)
    tiers: tuple[Tier, ...]
    upfront_usd: Decimal = Decimal(0)
    source: str
    as_of: str

    @property
    def stated(self) -> tuple[object, ...]:
        """What has to be the same for two entries to be one price."""
        return (self.unit, self.units, self.tiers, self.upfront_usd)


class UnusableError(Exception):
    """An entry that cannot be taken over as it stands; the text says why."""


def exactly(value: Fraction) -> Decimal:
    """The number in decimals; `UnusableError` when it has no end or more digits than we keep."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    digits = str(value.numerator * 10**places // value.denominator) if rest == 1 else ""
    if rest != 1 or max(len(digits), places + 1) + 2 > DIGITS_MAX:
        raise UnusableError(f"{float(value):.12g} is not exact in the digits a price may have")
    return Decimal(digits).scaleb(-places)


def prices(
    provider: str, want: Want, region: str, found: Sequence[Sequence[Entry]]
) -> tuple[tuple[Price, ...], tuple[str, ...]]:
    """Rows of all commitments that the entries answer, and reasons for those that are unusable.

    `found` holds the entries of each part. Nothing found gives no rows and no reasons.
    """
    rows: list[Price] = []
    reasons: list[str] = []
    terms = {entry.commitment for entries in found for entry in entries}
    for commitment in sorted(terms):
        try:
            # Spot and commitments can be entries of their own, on demand by the list.
            term = want.ask.commitment if commitment == ON_DEMAND else commitment
            parts = [[e for e in entries if e.commitment == commitment] for entries in found]
            rows.extend(_rows(provider, want, region, term, parts))
        except UnusableError as error:
            reasons.append(f"{commitment}: {error}")
    return tuple(rows), tuple(reasons)


def _rows(
    provider: str, want: Want, region: str, commitment: str, found: list[list[Entry]]
) -> list[Price]:
    chosen: list[Entry] = []
    tiered: list[tuple[Tier, ...]] = []
    for part, entries in zip(want.parts, found, strict=True):
        if not entries:
            raise UnusableError("one of its parts is not in the list")
        if len({entry.stated for entry in entries}) > 1:
            named = ", ".join(sorted(entry.id for entry in entries)[:4])
            raise UnusableError(f"{len(entries)} entries with different prices: {named}")
        chosen.append(entries[0])
        tiered.append(_in_our_unit(part, entries[0], want.sku))
    tiers = tiered[0] if len(tiered) == 1 else _summed(tiered)
    if want.ask.drop_free:
        tiers = without_free(tiers)
    upfront = sum((entry.upfront_usd for entry in chosen), Decimal(0))
    if all(tier.price_usd == 0 for tier in tiers) and not upfront:
        raise UnusableError("the list says 0, which no design is priced with")
    source = "; ".join(dict.fromkeys(entry.source for entry in chosen))
    return [
        Price(
            provider=provider,
            service=want.ask.service,
            sku=want.sku,
            region=region,
            unit=want.ask.unit,
            tier_from=tier.start,
            tier_to=tier.end,
            commitment=commitment,
            price_usd=tier.price_usd,
            upfront_usd=upfront,
            source=source if tier.price_usd or upfront else f"{source} (free tier)",
            as_of=min(entry.as_of for entry in chosen),
        )
        for tier in tiers
    ]


def _in_our_unit(part: Part, entry: Entry, sku: str) -> tuple[Tier, ...]:
    """The entry's tiers per unit of ours."""
    if entry.unit.casefold() not in {unit.casefold() for unit in part.list_unit}:
        expected = " or ".join(part.list_unit)
        raise UnusableError(f"{entry.id} is priced per {entry.unit!r}, not per {expected}")
    ours = Fraction(entry.units) * Fraction(part.per)
    times = Fraction(part.times[sku]) if part.times else Fraction(1)
    if len(entry.tiers) > 1 and times != 1:
        raise UnusableError("an entry taken several times has tiers")
    return checked(
        tuple(
            Tier(
                start=exactly(Fraction(tier.start) * ours),
                end=None if tier.end is None else exactly(Fraction(tier.end) * ours),
                price_usd=exactly(Fraction(tier.price_usd) * times / ours),
            )
            for tier in sorted(entry.tiers, key=lambda tier: tier.start)
        )
    )


def checked(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """The tiers when they go from 0 on without gap or overlap; else `UnusableError`."""
    at: Decimal | None = Decimal(0)
    for tier in tiers:
        if tier.start != at or (tier.end is not None and tier.end <= tier.start):
            raise UnusableError(f"its tiers do not join at {tier.start}")
        at = tier.end
    if at is not None or not tiers:
        raise UnusableError("its last tier has an end")
    return tiers


def without_free(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """The tiers beyond a free one at the start, counted from where it ends."""
    if len(tiers) < 2 or tiers[0].price_usd != 0:
        return tiers
    free = tiers[1].start
    return tuple(
        Tier(
            start=tier.start - free,
            end=None if tier.end is None else tier.end - free,
            price_usd=tier.price_usd,
        )
        for tier in tiers[1:]
    )


def _summed(tiered: list[tuple[Tier, ...]]) -> tuple[Tier, ...]:
    """One flat price from those of several parts."""
    if any(len(tiers) > 1 for tiers in tiered):
        raise UnusableError("one of its parts has tiers")
    total = exactly(sum((Fraction(tiers[0].price_usd) for tiers in tiered), Fraction(0)))
    return (Tier(start=Decimal(0), end=None, price_usd=total),)
