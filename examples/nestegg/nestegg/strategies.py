"""Five ways to decide what to spend each year.

A strategy is made for a plan and then asked at the start of each year; it sees only the past.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, repeat

import numpy as np

from nestegg.plan import Plan
from nestegg.returns import Array, typical_return

#: (year from 0, balances, what was planned the year before, real growth of the year before)
#: -> planned spending of every scenario. In year 0 the last two are the plan's and one.
Rule = Callable[[int, Array, Array, Array], Array]

#: Guyton and Klinger 2006: cut or raise by 10 % when the rate has moved 20 % from the first one;
#: no cuts in the last 15 years.
GUARDRAIL, STEP, NO_CUTS_YEARS = 0.20, 0.10, 15

#: US Internal Revenue Service, Publication 590-B, Uniform Lifetime Table (from 2022), from age 72.
DIVISORS = (
    27.4, 26.5, 25.5, 24.6, 23.7, 22.9, 22.0, 21.1, 20.2, 19.4, 18.5, 17.7, 16.8, 16.0, 15.2, 14.4,
    13.7, 12.9, 12.2, 11.5, 10.8, 10.1, 9.5, 8.9, 8.4, 7.8, 7.3, 6.8, 6.4, 6.0, 5.6, 5.2, 4.9, 4.6,
    4.3, 4.1, 3.9, 3.7, 3.5, 3.4, 3.3, 3.1, 3.0, 2.9, 2.8, 2.7, 2.5, 2.3, 2.0,
)  # fmt: skip
FIRST_AGE = 72


def constant(plan: Plan) -> Rule:
    """The same real amount every year, whatever happens."""
    return lambda _year, _balance, before, _growth: before


def percentage(plan: Plan) -> Rule:
    """The same share of what is left every year: the plan's first-year rate."""
    rate = min(plan.spending_usd / plan.portfolio_usd, 1.0)
    return lambda _year, balance, _before, _growth: rate * balance


def guardrails(plan: Plan) -> Rule:
    """Guyton-Klinger: no inflation rise after a bad year, a cut or a rise beyond the rails."""
    first_rate = plan.spending_usd / plan.portfolio_usd
    inflation = 1 + plan.inflation_percent / 100

    def rule(year: int, balance: Array, before: Array, growth: Array) -> Array:
        if year == 0:
            return before
        frozen = (growth * inflation < 1) & (before > first_rate * balance)
        planned = np.where(frozen, before / inflation, before)
        high = planned > (1 + GUARDRAIL) * first_rate * balance
        low = planned < (1 - GUARDRAIL) * first_rate * balance
        if plan.years - year <= NO_CUTS_YEARS:
            high = np.zeros_like(high)
        step = np.where(high, 1 - STEP, np.where(low, 1 + STEP, 1.0))
        return np.asarray(planned * step, dtype=np.float64)

    return rule


def variable_percentage(plan: Plan) -> Rule:
    """Amortisation: the level payment that would use the balance up by the last year."""
    rate = typical_return(plan.returns().moments, plan.equity_percent / 100, plan.fee_percent / 100)
    discounts = accumulate(repeat(1 / (1 + rate), plan.years - 1), lambda a, b: a * b, initial=1.0)
    annuities = list(accumulate(discounts))  # value of 1 a year for 1, 2, ... years, paid at once
    return lambda year, balance, _before, _growth: balance / annuities[plan.years - year - 1]


def required_minimum(plan: Plan) -> Rule:
    """The US required minimum distribution: the balance divided by a figure for the age.

    The table starts at 72; before that one is added for each year, as it roughly does itself.
    """

    def rule(year: int, balance: Array, _before: Array, _growth: Array) -> Array:
        age = plan.age + year
        if age < FIRST_AGE:
            return balance / (DIVISORS[0] + FIRST_AGE - age)
        return balance / DIVISORS[min(age - FIRST_AGE, len(DIVISORS) - 1)]

    return rule


@dataclass(frozen=True)
class Strategy:
    """A way to spend, for people."""

    name: str
    about: str
    make: Callable[[Plan], Rule]


STRATEGIES: Mapping[str, Strategy] = {
    "constant": Strategy(
        "Constant", "The same amount every year, raised with inflation.", constant
    ),
    "percentage": Strategy(
        "Fixed percentage", "The first year's share of what is left, every year.", percentage
    ),
    "guardrails": Strategy(
        "Guardrails",
        "Guyton-Klinger (2006): 10 % less when the rate is 20 % above the first one (not in the "
        "last 15 years), 10 % more when it is 20 % below; no inflation rise after a losing year.",
        guardrails,
    ),
    "vpw": Strategy(
        "Variable percentage",
        "The level payment that would use the balance up by the last year, worked out anew every "
        "year. Does not look at the spending you asked for.",
        variable_percentage,
    ),
    "rmd": Strategy(
        "Required minimum",
        "The balance divided by the IRS life expectancy for the age (Uniform Lifetime Table). "
        "Does not look at the spending you asked for.",
        required_minimum,
    ),
}
