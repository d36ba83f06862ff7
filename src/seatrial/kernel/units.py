"""Units and the one rounding rule for money."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

HOURS_PER_MONTH = Decimal(730)
"""A billing month: 8,760 h / 12, the convention of the AWS pricing calculator."""

DAYS_PER_MONTH = HOURS_PER_MONTH / 24
MIB_PER_GIB = 1024
MICRO_USD = Decimal("0.000001")
CENT = Decimal("0.01")
UNPRICED = "unpriced"

# Sixty digits: a hostile number may be long, and quantize refuses to cut it.
_MONEY = Context(prec=60, rounding=ROUND_HALF_UP)


def micro_usd(amount: Decimal) -> Decimal:
    """Round an amount in USD to micro-dollars, half to even."""
    return amount.quantize(MICRO_USD, rounding=ROUND_HALF_EVEN, context=_MONEY)


def usd(amount: Decimal | None) -> str:
    """Show an amount as a bill does, half a cent up; a price that is not known is never 0."""
    if amount is None:
        return UNPRICED
    cents = amount.quantize(CENT, context=_MONEY)
    return f"-${-cents:,}" if cents < 0 else f"${cents:,}"


def plain(number: Decimal) -> str:
    """Show a decimal without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


COMMITMENT = re.compile(
    r"on-demand|spot|(reserved|savings-plan)-[13]y-(none|partial|all)|committed-use-[13]y"
)
"""Terms of a purchase; none, partial or all of it paid upfront."""


def taken(commitment: str, families: tuple[str, ...]) -> str:
    """The terms under which something of these families is bought; empty when on demand.

    Several terms are joined by `+`: `savings-plan-1y-none+reserved-1y-all`.
    """
    for terms in commitment.split("+"):
        if re.split(r"-[13]y", terms)[0] in families:
            return terms
    return ""


def term_years(commitment: str) -> int:
    """Years a commitment binds for, 0 when it does not: `reserved-3y-none` is 3."""
    years = [part[:-1] for part in commitment.split("-") if part in ("1y", "3y")]
    return int(years[0]) if years else 0
