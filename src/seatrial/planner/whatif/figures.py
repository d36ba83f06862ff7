"""Round numbers to try, and how amounts are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal


def round_numbers(low: Decimal, high: Decimal) -> list[Decimal]:
    """All numbers of two significant digits between two positive ones, ascending.

    Thresholds are searched on these, so what is told has two digits and is exact on them.
    """
    if low <= 0 or high < low:
        return []
    found: list[Decimal] = []
    power = low.adjusted() - 1
    while Decimal(10).scaleb(power) <= high:
        steps = (Decimal(n).scaleb(power) for n in range(10, 100))
        found.extend(step for step in steps if low <= step <= high)
        power += 1
    return found


def first_true(values: Sequence[Decimal], holds: Callable[[Decimal], bool]) -> int | None:
    """Index of the first value from which on `holds`, by halving; none when it holds for none.

    Takes for granted that it holds for all values after the first for which it does.
    """
    if not values or not holds(values[-1]):
        return None
    low, high = -1, len(values) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(values[middle]):
            high = middle
        else:
            low = middle
    return high


def plain(number: Decimal | float) -> str:
    """A number with thousands separated and no zeros behind the point."""
    exact = number if isinstance(number, Decimal) else Decimal(str(number))
    text = f"{exact:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
