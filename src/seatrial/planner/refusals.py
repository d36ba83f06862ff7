"""The rejected designs in groups: which rules, how many, where, and the cheapest's reasons."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import NamedTuple

from seatrial.assessor.assess import (
    Question,
    asked_case,
    assess,
    availability_percent,
    bill_of,
)
from seatrial.assessor.rules import found_by
from seatrial.assessor.space import DATABASE, Index, Space
from seatrial.kernel.assessment import Assessment, Bill
from seatrial.kernel.plan import Rejected
from seatrial.kernel.units import usd
from seatrial.planner.rank import nearness

AGREED = "slo.availability"


class Group(NamedTuple):
    """Designs of one space that violate the same rules, and the cheapest of them.

    `micro_usd` is none where none of them has a price, or where it was not asked for.
    """

    rules: tuple[str, ...]
    many: int
    micro_usd: int | None
    at: Index


class _Joined(NamedTuple):
    """The groups of one platform with the same rules, over its regions."""

    many: int
    regions: tuple[str, ...]
    cost: tuple[bool, int]
    space: Space
    at: Index


class Refusals:
    """All groups, joined by platform and rules; what is told of one is what `assess` says.

    Only the rules that it violates are asked again.
    """

    def __init__(self, asked: Question, groups: list[tuple[Space, list[Group]]]) -> None:
        self._asked = asked
        self._told: dict[str, Assessment] = {}
        self._joined: dict[tuple[str, tuple[str, ...]], _Joined] = {}
        for space, some in groups:
            for group in some:
                self._add(space, group)

    def _add(self, space: Space, group: Group) -> None:
        key = (space.platform.id, group.rules)
        cost = (group.micro_usd is None, group.micro_usd or 0)
        known = self._joined.get(key)
        if known is None:
            self._joined[key] = _Joined(group.many, (space.region,), cost, space, group.at)
            return
        regions = tuple(dict.fromkeys((*known.regions, space.region)))
        nearer = (cost, space, group.at) if cost < known.cost else known[2:]
        self._joined[key] = _Joined(known.many + group.many, regions, *nearer)

    def _assessed(self, joined: _Joined) -> Assessment:
        design = joined.space.design(joined.at)
        if design.id not in self._told:
            self._told[design.id] = assess(self._asked, design)
        return self._told[design.id]

    def told(self) -> tuple[Rejected, ...]:
        """One line for each platform and set of rules, in the catalogue's order, nearest first."""
        order = {p.id: n for n, p in enumerate(self._asked.catalog.platforms)}
        lines = sorted(
            self._joined.items(),
            key=lambda one: (order[one[0][0]], nearness(one[0][1]), one[1].cost, one[0][1]),
        )
        return tuple(self._line(platform, rules, joined) for (platform, rules), joined in lines)

    def _line(self, platform: str, rules: tuple[str, ...], joined: _Joined) -> Rejected:
        unknown, micro_usd = joined.cost
        if unknown:
            design = joined.space.design(joined.at)
            bill = bill_of(self._asked, design)
            cost = bill.monthly_usd
        else:
            design, cost = joined.space.design(joined.at), Decimal(micro_usd).scaleb(-6)
            bill = Bill(lines=(), monthly_usd=cost)
        name, reasons = design.id, found_by(asked_case(self._asked, design, bill), rules)
        assert all(reason.severity == "violated" for reason in reasons) and rules == tuple(
            reason.rule for reason in reasons
        ), (
            f"{name}: the masks say {rules}, its rules {[reason.rule for reason in reasons]}; "
            "a rule depends on more than it declares"
        )
        return Rejected(
            platform=platform,
            rules=rules,
            count=joined.many,
            regions=joined.regions,
            nearest=name,
            monthly_usd=usd(cost),
            reasons=reasons,
        )

    def nearest(self, platform: str) -> Assessment | None:
        """The design of a platform that came nearest: fewest rules, then the cheapest.

        Where the agreements do not carry the availability, it has the services that carry most.
        """
        mine = [one for one in self._joined.items() if one[0][0] == platform]
        if not mine:
            return None
        (_, _), joined = min(mine, key=lambda one: (nearness(one[0][1]), one[1].cost, one[0][1]))
        nearest = self._assessed(joined)
        return self._promised(joined, nearest) if AGREED in _rules(nearest) else nearest

    def _promised(self, joined: _Joined, nearest: Assessment) -> Assessment:
        """With the services of the highest agreements that break no other rule."""
        space, first = joined.space, joined.at[:DATABASE]
        others = [
            space.design((*first, *rest))
            for rest in itertools.product(*(range(many) for many in space.axes[DATABASE:]))
        ]
        levels = {
            one.id: availability_percent(one, space.platform, self._asked.book) or 0.0
            for one in others
        }
        least = levels[nearest.design.id]
        for design in sorted(others, key=lambda one: -levels[one.id]):
            if levels[design.id] <= least:
                break
            told = assess(self._asked, design)
            if _rules(told) <= _rules(nearest):
                return told
        return nearest


def _rules(told: Assessment) -> set[str]:
    return {finding.rule for finding in told.violations}
