"""What the user decides, and the limits of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from nestegg.returns import MODELS, OWN, Moments, ReturnModel


@dataclass(frozen=True)
class Limit:
    """The allowed range of one number."""

    label: str
    low: float
    high: float
    unit: str = ""  # "$" goes before the number, anything else after it

    def show(self, value: float) -> str:
        """The value as people write it: $1,000 or 60 %."""
        number = f"{value:,.10g}" if value < 1e10 else f"{value:,.0f}"
        return f"${number}" if self.unit == "$" else f"{number} {self.unit}".strip()

    @property
    def range(self) -> str:
        """Both ends: "from $1,000 to $100,000,000"."""
        return f"from {self.show(self.low)} to {self.show(self.high)}"


LIMITS: Mapping[str, Limit] = {
    "portfolio_usd": Limit("Portfolio today", 1_000, 100_000_000, "$"),
    "spending_usd": Limit("Spending a year", 0, 1_000_000, "$"),
    "years": Limit("Years to plan for", 1, 100),
    "age": Limit("Age today", 18, 110),
    "equity_percent": Limit("Equity share", 0, 100, "%"),
    "fee_percent": Limit("Fees a year", 0, 5, "%"),
    "inflation_percent": Limit("Inflation a year", 0, 15, "%"),
    "floor_percent": Limit("Least acceptable spending", 0, 100, "%"),
    "scenarios": Limit("Scenarios", 10, 10_000),
    "seed": Limit("Random seed", 0, 2**31 - 1),
    "equity_mean_percent": Limit("Equity return, mean", -10, 20, "%"),
    "equity_sd_percent": Limit("Equity return, standard deviation", 0, 60, "%"),
    "bond_mean_percent": Limit("Bond return, mean", -10, 20, "%"),
    "bond_sd_percent": Limit("Bond return, standard deviation", 0, 60, "%"),
    "correlation": Limit("Correlation of equity and bonds", -0.9, 0.9),
}
WHOLE = frozenset(
    {"portfolio_usd", "spending_usd", "years", "age", "equity_percent", "scenarios", "seed"}
)


@dataclass(frozen=True)
class Plan:
    """One retirement. Money is in today's dollars; returns are real and before fees."""

    portfolio_usd: int = 1_000_000
    spending_usd: int = 40_000  # in the first year
    years: int = 30
    age: int = 65
    equity_percent: int = 60  # the rest is in bonds; rebalanced every year
    fee_percent: float = 0.2  # of the portfolio, every year
    inflation_percent: float = 2.5  # only the guardrails look at it
    floor_percent: float = 75  # of spending_usd
    scenarios: int = 1_000
    seed: int = 1
    model: str = "us"
    equity_mean_percent: float = 6.0  # this and the rest: for the model "own"
    equity_sd_percent: float = 18.0
    bond_mean_percent: float = 1.5
    bond_sd_percent: float = 8.0
    correlation: float = 0.1

    def problems(self, max_scenarios: int = 10_000) -> list[str]:
        """What is wrong with the plan, one sentence each; empty when nothing is."""
        found = [
            sentence
            for field in fields(self)
            if (sentence := problem(field.name, getattr(self, field.name), max_scenarios))
        ]
        return found

    def returns(self) -> ReturnModel:
        """The return model, with the user's own figures where they apply."""
        if self.model != "own":
            return MODELS[self.model]
        return ReturnModel(
            OWN.name,
            Moments(
                self.equity_mean_percent / 100,
                self.equity_sd_percent / 100,
                self.bond_mean_percent / 100,
                self.bond_sd_percent / 100,
                self.correlation,
            ),
            OWN.source,
            OWN.url,
        )


def problem(name: str, value: object, max_scenarios: int = 10_000) -> str | None:
    """What is wrong with one value of a plan, as a sentence; None when it is fine."""
    if name == "model":
        return None if value in MODELS else f"Return model: choose one of {', '.join(MODELS)}."
    limit = LIMITS[name]
    if name == "scenarios":
        limit = Limit(limit.label, limit.low, min(limit.high, max_scenarios))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"{limit.label}: enter a number {limit.range}."
    if name in WHOLE and value != int(value):
        return f"{limit.label}: enter a whole number {limit.range}, not {limit.show(value)}."
    if not limit.low <= value <= limit.high:
        return f"{limit.label}: enter an amount {limit.range}, not {limit.show(value)}."
    return None


def from_link(
    query: Mapping[str, str], max_scenarios: int = 10_000
) -> tuple[dict[str, float | str], list[str]]:
    """The values of a plan in a link that can be used, and what is wrong with the others.

    Unknown names are ignored.
    """
    values: dict[str, float | str] = {}
    problems = []
    for field in fields(Plan):
        if field.name not in query:
            continue
        value: float | str = query[field.name]
        if field.name != "model":
            try:
                value = float(value)
            except ValueError:
                value = math.nan
        if sentence := problem(field.name, value, max_scenarios):
            problems.append(sentence)
        else:
            values[field.name] = int(value) if field.name in WHOLE else value
    return values, problems
