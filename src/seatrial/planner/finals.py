"""The last step of the search: the best designs are simulated; what breaks the SLO drops out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from seatrial.assessor.assess import Question, assess, with_simulation
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.plan import PlatformVerdict, Rejected
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.units import usd
from seatrial.planner.search import Found

Simulate = Callable[[Question, Sequence[Design]], tuple[Simulation, ...]]
"""Simulates designs, one answer each in their order."""

RANKED = 10
ROUNDS = 4
"""How often ten more are simulated, when simulations reject what the model promised."""


class Finals(NamedTuple):
    """The ten best after simulation, the first that can be built, and what dropped out."""

    ranked: tuple[Assessment, ...]
    buildable: Assessment | None
    dropped: tuple[Assessment, ...]


def finals(found: Found, simulate: Simulate | None) -> Finals:
    """The first ten that also keep the SLO when simulated; without a simulator the first ten.

    Ten at a time are simulated, until ten have passed or four rounds are over. The first design
    that can be built is simulated too.
    """
    asked = found.asked
    if simulate is None:
        return Finals(found.best[:RANKED], found.buildable, ())
    passed: list[Assessment] = []
    dropped: list[Assessment] = []
    rest: list[Assessment | Design] = [*found.best, *found.later]
    for _ in range(ROUNDS):
        batch, rest = rest[: RANKED - len(passed)], rest[RANKED - len(passed) :]
        for told in _simulated(asked, batch, simulate):
            (dropped if told.violations else passed).append(told)
        if len(passed) >= RANKED or not rest:
            break
    bundled = {p.id for p in asked.catalog.platforms if p.bundled}
    buildable = next((one for one in passed if one.design.platform in bundled), None)
    waiting = [one for one in rest if _design(one).platform in bundled]
    while buildable is None and waiting:
        (told,) = _simulated(asked, waiting[:1], simulate)
        waiting = waiting[1:]
        if told.violations:
            dropped.append(told)
        else:
            buildable = told
    return Finals(tuple(passed), buildable, tuple(dropped))


def _design(one: Assessment | Design) -> Design:
    return one.design if isinstance(one, Assessment) else one


def _simulated(
    asked: Question, batch: Sequence[Assessment | Design], simulate: Simulate
) -> list[Assessment]:
    told = [one if isinstance(one, Assessment) else assess(asked, one) for one in batch]
    if not told:
        return []
    answers = simulate(asked, [one.design for one in told])
    return [with_simulation(asked, one, said) for one, said in zip(told, answers, strict=True)]


def without(
    found: Found, dropped: Sequence[Assessment]
) -> tuple[tuple[Rejected, ...], tuple[PlatformVerdict, ...]]:
    """The rejected groups and the verdicts, with the designs that dropped out among them."""
    gone: dict[str, list[Assessment]] = {}
    for one in dropped:
        gone.setdefault(one.design.platform, []).append(one)
    groups = [*found.rejected]
    for platform, some in gone.items():
        nearest = some[0]
        groups.append(
            Rejected(
                platform=platform,
                rules=tuple(finding.rule for finding in nearest.violations),
                count=len(some),
                regions=tuple(dict.fromkeys(one.design.region for one in some)),
                nearest=nearest.design.id,
                monthly_usd=usd(nearest.bill.monthly_usd),
                reasons=nearest.violations,
            )
        )
    return tuple(groups), tuple(
        _verdict(found, verdict, gone.get(verdict.platform, [])) for verdict in found.platforms
    )


def _verdict(found: Found, verdict: PlatformVerdict, gone: list[Assessment]) -> PlatformVerdict:
    if not gone:
        return verdict
    names = {one.design.id for one in gone}
    in_order = [one.design for one in found.best] + [*found.later]
    left = (d for d in in_order if d.platform == verdict.platform and d.id not in names)
    first = next(left, None)
    best = None if first is None else assess(found.asked, first)
    return replace(
        verdict,
        feasible=verdict.feasible - len(gone),
        best=best,
        nearest=None if best is not None else gone[0],
        reasons=() if best is not None else gone[0].violations,
    )
