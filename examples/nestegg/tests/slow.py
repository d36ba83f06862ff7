"""The same rules once more, one scenario at a time, in plain Python. Written from the README."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nestegg.plan import Plan
from nestegg.returns import Moments

IRS = {
    72: 27.4, 73: 26.5, 74: 25.5, 75: 24.6, 76: 23.7, 77: 22.9, 78: 22.0, 79: 21.1, 80: 20.2,
    81: 19.4, 82: 18.5, 83: 17.7, 84: 16.8, 85: 16.0, 86: 15.2, 87: 14.4, 88: 13.7, 89: 12.9,
    90: 12.2, 91: 11.5, 92: 10.8, 93: 10.1, 94: 9.5, 95: 8.9, 96: 8.4, 97: 7.8, 98: 7.3, 99: 6.8,
    100: 6.4, 101: 6.0, 102: 5.6, 103: 5.2, 104: 4.9, 105: 4.6, 106: 4.3, 107: 4.1, 108: 3.9,
    109: 3.7, 110: 3.5, 111: 3.4, 112: 3.3, 113: 3.1, 114: 3.0, 115: 2.9, 116: 2.8, 117: 2.7,
    118: 2.5, 119: 2.3, 120: 2.0,
}  # fmt: skip


def lognormal(mean: float, sd: float) -> tuple[float, float]:
    """Parameters of the normal variable behind a lognormal return."""
    variance = math.log(1 + sd**2 / (1 + mean) ** 2)
    return math.log(1 + mean) - variance / 2, math.sqrt(variance)


def factor(m: Moments, equity: float, fee: float, first: float, second: float) -> float:
    """One year's growth from two standard normal numbers."""
    mu_e, sigma_e = lognormal(m.equity_mean, m.equity_sd)
    mu_b, sigma_b = lognormal(m.bond_mean, m.bond_sd)
    cov = m.correlation * m.equity_sd * m.bond_sd / (1 + m.equity_mean) / (1 + m.bond_mean)
    rho = math.log(1 + cov) / (sigma_e * sigma_b) if sigma_e and sigma_b else 0.0
    e = math.exp(mu_e + sigma_e * first)
    b = math.exp(mu_b + sigma_b * (rho * first + math.sqrt(1 - rho * rho) * second))
    return (equity * e + (1 - equity) * b) * (1 - fee)


def typical(m: Moments, equity: float, fee: float) -> float:
    """Geometric mean return after fees."""
    bonds = 1 - equity
    mean = equity * m.equity_mean + bonds * m.bond_mean
    variance = (
        equity**2 * m.equity_sd**2
        + bonds**2 * m.bond_sd**2
        + 2 * equity * bonds * m.correlation * m.equity_sd * m.bond_sd
    )
    return (1 + mean) / math.sqrt(1 + variance / (1 + mean) ** 2) * (1 - fee) - 1


def wanted(plan: Plan, strategy: str, year: int, have: float, before: float, grew: float) -> float:
    """What a strategy plans to spend this year."""
    rate = plan.spending_usd / plan.portfolio_usd
    if strategy == "constant":
        return float(plan.spending_usd)
    if strategy == "percentage":
        return min(rate, 1.0) * have
    if strategy == "rmd":
        age = plan.age + year
        return have / (IRS[min(age, 120)] if age >= 72 else 27.4 + 72 - age)
    if strategy == "vpw":
        r = typical(plan.returns().moments, plan.equity_percent / 100, plan.fee_percent / 100)
        return have / sum((1 + r) ** -k for k in range(plan.years - year))
    if year == 0:
        return float(plan.spending_usd)
    if grew * (1 + plan.inflation_percent / 100) < 1 and before > rate * have:
        before /= 1 + plan.inflation_percent / 100
    if before > 1.2 * rate * have and plan.years - year > 15:
        return before * 0.9
    if before < 0.8 * rate * have:
        return before * 1.1
    return before


def run(
    plan: Plan, strategy: str, firsts: Sequence[float], seconds: Sequence[float]
) -> tuple[list[float], list[float], int]:
    """Balances, spending and the years that were paid in full, of one scenario."""
    have, before, grew = float(plan.portfolio_usd), float(plan.spending_usd), 1.0
    balances, paid, lasted = [have], [], plan.years
    m, equity, fee = plan.returns().moments, plan.equity_percent / 100, plan.fee_percent / 100
    for year in range(plan.years):
        before = wanted(plan, strategy, year, have, before, grew)
        if (before > have or (have <= 0 and plan.spending_usd > 0)) and lasted == plan.years:
            lasted = year
        paid.append(min(before, have))
        grew = factor(m, equity, fee, firsts[year], seconds[year])
        have = (have - paid[-1]) * grew
        balances.append(have)
    return balances, paid, lasted
