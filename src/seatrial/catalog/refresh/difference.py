"""What a refresh would change: prices in force beside those fetched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from seatrial.catalog.rows import Key, key
from seatrial.kernel.platform import Price
from seatrial.kernel.units import term_years
from seatrial.kernel.values import Value

JUMP_PERCENT = Decimal(30)
"""A list price that moves more at once is more often a mistake than a price."""

HOURS_PER_YEAR = 8760

Tiers = list[Price]


class Change(Value):
    """One price that is new, another, or no longer in the list.

    `percent` is the largest change at any quantity, none where nothing can be compared; upfront
    payments count by the hour of their term. `refused` says that it takes `--accept`.
    """

    kind: Literal["added", "changed", "gone"]
    service: str
    sku: str
    region: str
    commitment: str
    unit: str
    old_usd: Decimal | None
    new_usd: Decimal | None
    percent: Decimal | None = None
    refused: bool = False


def grouped(prices: Iterable[Price]) -> dict[Key, Tiers]:
    """The prices by key, each with its tiers in order."""
    found: dict[Key, Tiers] = defaultdict(list)
    for price in prices:
        found[key(price)].append(price)
    for tiers in found.values():
        tiers.sort(key=lambda price: price.tier_from)
    return found


def compare(
    old: Sequence[Price], new: Sequence[Price], fetched_before: Iterable[Key]
) -> tuple[Change, ...]:
    """All changes from the prices in force to those fetched.

    Prices in force that were never fetched stay in force: they are not gone. What was fetched
    before and is in no list now would bring an older price back, so it takes `--accept`.
    """
    before, after = grouped(old), grouped(new)
    changes: list[Change] = []
    for place in sorted(after):
        tiers = after[place]
        if place not in before:
            changes.append(_change("added", None, tiers))
        elif _stated(before[place]) != _stated(tiers):
            percent, jump = _largest(before[place], tiers)
            changes.append(_change("changed", before[place], tiers, percent, jump))
    changes.extend(
        _change("gone", before[place], None, refused=True)
        for place in sorted(set(fetched_before) - set(after))
        if place in before
    )
    return tuple(changes)


def _stated(tiers: Tiers) -> list[tuple[object, ...]]:
    return [(t.unit, t.tier_from, t.tier_to, t.price_usd, t.upfront_usd) for t in tiers]


def _change(
    kind: Literal["added", "changed", "gone"], old: Tiers | None, new: Tiers | None,
    percent: Decimal | None = None, refused: bool = False,
) -> Change:  # fmt: skip
    one = (new or old or [])[0]
    return Change(
        kind=kind, service=one.service, sku=one.sku, region=one.region,
        commitment=one.commitment, unit=one.unit,
        old_usd=_shown(old), new_usd=_shown(new), percent=percent, refused=refused,
    )  # fmt: skip


def _shown(tiers: Tiers | None) -> Decimal | None:
    """The price to tell: of the first tier that is paid, or what is paid upfront."""
    if tiers is None:
        return None
    paid = next((tier.price_usd for tier in tiers if tier.price_usd), None)
    return tiers[0].upfront_usd if paid is None else paid


def _largest(old: Tiers, new: Tiers) -> tuple[Decimal | None, bool]:
    """The largest change in percent at any quantity, and whether it is a jump.

    A price that was 0, or has another unit, cannot be compared: that is a jump.
    """
    if old[0].unit != new[0].unit:
        return None, True
    largest = Fraction(0)
    for quantity in sorted({tier.tier_from for tier in (*old, *new)}):
        was, will = _at(old, quantity), _at(new, quantity)
        if was == will:
            continue
        if was == 0:
            return None, True
        change = (will - was) / was * 100
        largest = max(largest, change, key=abs)
    percent = Decimal(largest.numerator) / Decimal(largest.denominator)
    return round(percent, 1), abs(largest) > Fraction(JUMP_PERCENT)


def _at(tiers: Tiers, quantity: Decimal) -> Fraction:
    """USD for one more unit at a quantity, with the share of what was paid upfront."""
    tier = [tier for tier in tiers if tier.tier_from <= quantity][-1]
    hours = term_years(tier.commitment) * HOURS_PER_YEAR
    upfront = Fraction(tier.upfront_usd) / hours if hours else Fraction(0)
    return Fraction(tier.price_usd) + upfront
