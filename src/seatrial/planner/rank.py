"""The order of designs, and what each platform came to."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from seatrial.assessor.rules import RULES
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.plan import Outranked, PlatformVerdict, Rejected
from seatrial.kernel.platform import Platform
from seatrial.kernel.units import usd

NEVER_MS = 1e12


def cost_order(assessment: Assessment) -> tuple[Decimal, float, str]:
    """Cheapest first; then the lower 95th percentile; then the name, so that order is total."""
    assert assessment.bill.monthly_usd is not None, "an unpriced design is never ranked"
    p95 = assessment.promise.latency_ms_p95
    return (assessment.bill.monthly_usd, NEVER_MS if p95 is None else p95, assessment.design.id)


def ranked(assessments: Iterable[Assessment]) -> tuple[Assessment, ...]:
    """The designs that no rule rejects, best first."""
    return tuple(sorted((a for a in assessments if not a.violations), key=cost_order))


def outranked(assessments: Iterable[Assessment]) -> tuple[Outranked, ...]:
    """The designs behind the best few, in their order, in short."""
    return tuple(
        Outranked(
            design=a.design.id,
            platform=a.design.platform,
            monthly_usd=cost_order(a)[0],
            latency_ms_p95=a.promise.latency_ms_p95,
        )
        for a in assessments
    )


def rejected(assessments: Iterable[Assessment]) -> tuple[Rejected, ...]:
    """The designs that a rule rejects, each with every reason."""
    return tuple(
        Rejected(
            design=a.design.id,
            platform=a.design.platform,
            monthly_usd=usd(a.bill.monthly_usd),
            reasons=a.violations,
        )
        for a in assessments
        if a.violations
    )


def _nearness(assessment: Assessment) -> tuple[int, int, Decimal, str]:
    """Fewest violations; then those told last, money after what cannot be helped; then cost."""
    cost, order = assessment.bill.monthly_usd, list(RULES)
    return (
        len(assessment.violations),
        -min(order.index(finding.rule) for finding in assessment.violations),
        Decimal("Infinity") if cost is None else cost,
        assessment.design.id,
    )


def verdict(platform: Platform, assessments: tuple[Assessment, ...]) -> PlatformVerdict:
    """One platform's best design; without a feasible one, the design that came nearest and why."""
    mine = [a for a in assessments if a.design.platform == platform.id]
    best = next(iter(ranked(mine)), None)
    nearest = min(mine, key=_nearness) if mine and best is None else None
    return PlatformVerdict(
        platform=platform.id,
        name=platform.name,
        considered=len(mine),
        feasible=sum(not a.violations for a in mine),
        best=best,
        nearest=nearest,
        reasons=nearest.violations if nearest else (),
    )
