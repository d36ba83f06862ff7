"""The Monte Carlo engine: all scenarios at once, year by year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nestegg.plan import Plan
from nestegg.returns import Array, draws, growth
from nestegg.strategies import STRATEGIES


@dataclass(frozen=True)
class Paths:
    """What happened in every scenario, in today's dollars."""

    balance: Array  # (years + 1, scenarios), at the start of each year and at the end
    spending: Array  # (years, scenarios), what could be paid
    lasted: NDArray[np.int64]  # full years paid before the money ran out; plan.years if it did not


def market(plan: Plan) -> Array:
    """Real growth factors (years, scenarios), the same for every strategy (common luck)."""
    luck = draws(plan.years, plan.scenarios, plan.seed)
    shares = plan.equity_percent / 100, plan.fee_percent / 100
    return growth(plan.returns().moments, *shares, luck)


def simulate(plan: Plan, strategy: str, factors: Array) -> Paths:
    """Run one strategy through the growth factors.

    Spending is taken at the start of a year; what is left grows for the year. The money has run
    out when a year's spending cannot be paid in full, or nothing is left to spend from.
    """
    rule = STRATEGIES[strategy].make(plan)
    years, scenarios = factors.shape
    balance = np.empty((years + 1, scenarios))
    spending = np.empty((years, scenarios))
    lasted = np.full(scenarios, years, dtype=np.int64)
    balance[0] = plan.portfolio_usd
    planned = np.full(scenarios, float(plan.spending_usd))
    growth_before = np.ones(scenarios)
    for year in range(years):
        have = balance[year]
        planned = rule(year, have, planned, growth_before)
        short = planned > have
        if plan.spending_usd > 0:
            short |= have <= 0
        lasted[short & (lasted == years)] = year
        np.minimum(planned, have, out=spending[year])
        growth_before = factors[year]
        np.multiply(have - spending[year], growth_before, out=balance[year + 1])
    return Paths(balance, spending, lasted)
