"""The order of designs: what is cheapest, or what is best by the owner's weights."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from seatrial.assessor.assess import Question
from seatrial.assessor.rules import RULES
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Demand
from seatrial.kernel.platform import Platform
from seatrial.kernel.units import micro_usd, usd
from seatrial.planner.masks import NEVER_MS


def order_of(demand: Demand) -> str:
    """The order of designs in one sentence."""
    weights = {name: w for name, w in demand.preferences.weights.items() if w}
    if weights:
        told = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
        return (
            f"the highest weighted score over the dimensions ({told}) first, among the designs "
            "that nothing beats in cost, latency, availability, recovery and work; then the "
            "cheapest, then the lower 95th percentile, then what Seatrial writes"
        )
    rate = demand.budget.ops_usd_hour
    what = "the cheapest"
    if rate is not None:
        what = (
            f"the lowest sum of the bill and of the month's work at {usd(rate)} an hour (none is "
            "counted where no source gives a platform's hours)"
        )
    return f"{what} first, then the lower 95th percentile, then what Seatrial writes"


def work_usd(asked: Question, platform: Platform) -> Decimal:
    """What a month of work around a platform costs, 0 where its hours or the rate are not known."""
    rate, hours = asked.demand.budget.ops_usd_hour, platform.operations.month_hours
    if rate is None or hours is None:
        return Decimal(0)
    return micro_usd(rate * Decimal(str(hours.value)))


def key_of(asked: Question) -> Callable[[Assessment], tuple[Any, ...]]:
    """The sort key of the stated order; assessments need their dimensions for one by weights."""
    work = {p.id: work_usd(asked, p) for p in asked.catalog.platforms}
    written = {p.id for p in asked.catalog.platforms if p.bundled}
    weights = asked.demand.preferences.weights

    def key(assessment: Assessment) -> tuple[Any, ...]:
        cost = assessment.bill.monthly_usd
        assert cost is not None, "an unpriced design is never ranked"
        p95 = assessment.promise.latency_ms_p95
        return (
            -score(assessment, weights),
            cost + work[assessment.design.platform],
            NEVER_MS if p95 is None else p95,
            assessment.design.platform not in written,
            assessment.design.id,
        )

    return key


def score(assessment: Assessment, weights: dict[str, float]) -> float:
    """The weighted mean of a design's dimensions, 0 to 10; what has no score counts as 0."""
    total = sum(weights.values())
    if not total:
        return 0.0
    scores = {d.name: d.score or 0.0 for d in assessment.dimensions}
    return round(sum(w * scores.get(name, 0.0) for name, w in weights.items()) / total, 6)  # type: ignore[call-overload]


def nearness(rules: tuple[str, ...]) -> tuple[bool, int, int]:
    """What was looked at first; fewest violations; then money after what cannot be helped."""
    order = list(RULES)
    shut = any(RULES[rule].gate for rule in rules)
    return (shut, len(rules), -min(order.index(rule) for rule in rules))
