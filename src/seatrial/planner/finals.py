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


class Race:
    """The best designs simulated in their order, as many as it takes to rank ten.

    Ten at a time are simulated, until ten have passed or four rounds are over. Without a simulator
    the first ten pass.
    """

    def __init__(self, found: Found, simulate: Simulate | None) -> None:
        self._found, self._simulate = found, simulate
        self._passed: list[Assessment] = []
        self._dropped: list[Assessment] = []
        self._rest: list[Assessment | Design] = [*found.best, *found.later]
        self._round: list[Assessment | Design] = []
        self._rounds = 0

    def winner(self) -> Assessment | None:
        """The first that also keeps the SLO when simulated, none when none does.

        The first of all mostly is it, so it is simulated alone.
        """
        if self._simulate is None:
            return next(iter(self._found.best), None)
        many = 1
        while not self._passed and self._more():
            self._run(self._simulate, many)
            many = RANKED
        return next(iter(self._passed), None)

    def finals(self) -> Finals:
        """All that is ranked; the first design that can be built is simulated too."""
        if self._simulate is None:
            return Finals(self._found.best[:RANKED], self._found.buildable, ())
        while self._more():
            self._run(self._simulate, RANKED)
        asked = self._found.asked
        bundled = {p.id for p in asked.catalog.platforms if p.bundled}
        buildable = next((one for one in self._passed if one.design.platform in bundled), None)
        waiting = [one for one in self._rest if _design(one).platform in bundled]
        while buildable is None and waiting:
            (told,) = _simulated(asked, waiting[:1], self._simulate)
            waiting = waiting[1:]
            if told.violations:
                self._dropped.append(told)
            else:
                buildable = told
        return Finals(tuple(self._passed), buildable, tuple(self._dropped))

    def _more(self) -> bool:
        """Whether something is left of this round, or of another."""
        missing = RANKED - len(self._passed)
        if not self._round and missing > 0 and self._rounds < ROUNDS:
            self._round, self._rest = self._rest[:missing], self._rest[missing:]
            self._rounds += 1
        return bool(self._round)

    def _run(self, simulate: Simulate, many: int) -> None:
        batch, self._round = self._round[:many], self._round[many:]
        for told in _simulated(self._found.asked, batch, simulate):
            (self._dropped if told.violations else self._passed).append(told)


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
