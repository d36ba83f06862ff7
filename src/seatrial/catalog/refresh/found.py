"""What reading a provider's lists gives: entries by region, want and part."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from seatrial.catalog.refresh.convert import Entry
from seatrial.catalog.rows import DIGITS_MAX
from seatrial.kernel.errors import CatalogError

Place = tuple[str, int, int]
"""Region, number of the want, number of its part."""

Found = dict[Place, list[Entry]]

FIX = "the list's format changed or it is damaged: try again, then report it"


def malformed(what: str, where: str) -> CatalogError:
    """The error of a list that is not as published."""
    return CatalogError(what, where=where, fix=FIX)


def number(text: str | Decimal, where: str) -> Decimal:
    """A quantity or an amount of a list: finite and not negative."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or len(f"{value:f}") > 2 * DIGITS_MAX:
        raise malformed(f"{str(text)[:40]!r} is not an amount", where)
    return value


def day(text: str, where: str) -> str:
    """The date of a time stamp such as 2026-09-11T12:44:25Z."""
    date = text[:10]
    if len(date) != 10 or date[4] + date[7] != "--" or not date.replace("-", "").isdigit():
        raise malformed(f"{text[:40]!r} is not a date", where)
    return date
