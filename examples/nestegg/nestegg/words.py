"""Numbers as people read them."""

from __future__ import annotations

from nestegg.plan import Plan
from nestegg.summary import Outcome, Share

NBSP = "\u00a0"


def money(usd: float) -> str:
    """Short, with three figures: $950, $40,000, $1.31 M, $2.05 B."""
    size = abs(usd)
    if size >= 999_500_000:
        return f"${usd / 1e9:,.2f}{NBSP}B"
    if size >= 999_500:
        return f"${usd / 1e6:,.2f}{NBSP}M"
    if size >= 9_995:
        return f"${round(usd, -2):,.0f}"
    return f"${usd:,.0f}"


def percent(share: float) -> str:
    """One decimal; never 100 % or 0 % for something that is not quite."""
    shown = f"{share:.1%}"
    if shown == "100.0%" and share < 1:
        shown = "99.9%"
    if shown == "0.0%" and share > 0:
        shown = "0.1%"
    return shown.replace("100.0%", "100%").replace("%", f"{NBSP}%")


def interval(share: Share) -> str:
    """The 95 % interval: 87.9–91.6 %."""
    low, high = share.interval
    return f"{percent(low).removesuffix(f'{NBSP}%')}–{percent(high)}"


def lasts(plan: Plan, outcome: Outcome) -> str:
    """The main result in a sentence."""
    share = outcome.lasts
    return (
        f"The money lasts {plan.years} year{'s' if plan.years > 1 else ''} in {share.count:,} of "
        f"{share.of:,} scenarios (95{NBSP}% interval {interval(share)})."
    )


def runs_out(outcome: Outcome) -> str:
    """When the money runs out, where it does."""
    ages = outcome.run_out_ages
    if ages is None:
        return "It ran out in none of the scenarios."
    low, middle, high = (f"{age:.0f}" for age in ages)
    if low == high:
        return f"Where it runs out, it does so at age {middle}."
    return (
        f"Where it runs out, it does so at age {middle} (median); four times in five between "
        f"{low} and {high}."
    )
