"""Every design that could be bought, judged at once: what keeps every rule, and why others not."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from seatrial.assessor.assess import Question, assess
from seatrial.assessor.columns import UNPRICED_MICRO_USD, ColumnsOf, Micros
from seatrial.assessor.dimensions import dimensions
from seatrial.assessor.recovery import recoveries
from seatrial.assessor.search import blocks
from seatrial.assessor.space import REPLICAS, SIZE, Space
from seatrial.assessor.tables import tables
from seatrial.assessor.usage import usage_of
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.plan import PlatformVerdict, Point, Rejected
from seatrial.kernel.platform import Platform, Size
from seatrial.planner.envelope import Choices, choices, spread
from seatrial.planner.masks import (
    Loads,
    Mask,
    availabilities,
    codes,
    gates,
    loads,
    masks,
    named,
    zone_rto_s,
)
from seatrial.planner.pareto import NEVER, Standing, front_of, undominated
from seatrial.planner.rank import key_of, order_of, work_usd
from seatrial.planner.refusals import Group, Refusals
from seatrial.planner.spaces import spaces

__all__ = ["Found", "key_of", "order_of", "search"]

BEST = 40
LOOKED_AT = 200
"""Of each space; most of them are other ways to run what the first ones buy."""

ENVELOPE = 150


class Found(NamedTuple):
    """What the search came to.

    `considered == feasible + sum(r.count for r in rejected)`. `best` are the first of the
    feasible designs in the stated order, `buildable` the first that Seatrial writes. `envelope`
    are the designs that some change of traffic, price, target or commitment could make best;
    `later` are feasible designs that come after the best, in the order, some of each platform.
    """

    asked: Question
    considered: int
    feasible: int
    best: tuple[Assessment, ...]
    buildable: Assessment | None
    platforms: tuple[PlatformVerdict, ...]
    rejected: tuple[Rejected, ...]
    front: tuple[Point, ...]
    envelope: tuple[Design, ...]
    later: tuple[Design, ...] = ()


class Candidate(NamedTuple):
    """A feasible design that may be among the first: its cost with the work, its p95, its name."""

    micro_usd: int
    latency_ms_p95: float
    design_id: str
    design: Design


class _Judged(NamedTuple):
    """What one space came to."""

    space: Space
    feasible: int
    groups: list[Group]
    candidates: list[Candidate]
    front: list[Standing]
    choices: Choices | None


def search(asked: Question, machine: Size) -> Found:
    """All designs of the catalogue under one demand; `machine` is what one replica gets here.

    What is said of the designs that are returned comes from `assess`; the masks only choose them.
    """
    judged = [_judged(space, asked) for space in spaces(asked, machine)]
    refusals = Refusals(asked, [(one.space, one.groups) for one in judged])
    weighted = bool(sum(asked.demand.preferences.weights.values()))
    if weighted:
        best = _weighted(asked, judged)
    else:
        written = {p.id for p in asked.catalog.platforms if p.bundled}
        candidates = sorted(
            (c for one in judged for c in one.candidates),
            key=lambda c: (*c[:2], c.design.platform not in written, c.design_id),
        )
        best = [candidate.design for candidate in candidates]
    told: dict[str, Assessment] = {}

    def judge(design: Design) -> Assessment:
        if design.id not in told:
            told[design.id] = assess(asked, design)
        return told[design.id]

    bundled = {p.id for p in asked.catalog.platforms if p.bundled}
    buildable = next((design for design in best if design.platform in bundled), None)
    return Found(
        asked=asked,
        considered=sum(one.space.cells for one in judged),
        feasible=sum(one.feasible for one in judged),
        best=tuple(judge(design) for design in best[:BEST]),
        buildable=None if buildable is None else judge(buildable),
        platforms=tuple(
            _verdict(
                platform,
                [one for one in judged if one.space.platform.id == platform.id],
                next((judge(d) for d in best if d.platform == platform.id), None),
                refusals,
            )
            for platform in asked.catalog.platforms
        ),
        rejected=refusals.told(),
        front=_front(asked, judged),
        envelope=spread([one.choices for one in judged if one.choices], ENVELOPE),
        later=tuple(best[BEST:]),
    )


def _judged(space: Space, asked: Question) -> _Judged:
    """One space, looked at only as far as the rules that put it out of the question allow."""
    shut = gates(space, asked)
    if shut:
        first = (0,) * len(space.axes)
        return _Judged(space, 0, [Group(shut, space.cells, None, first)], [], [], None)
    columns = ColumnsOf(space, asked.workload, asked.demand, asked.profile)
    made = tables(
        space, asked.book,
        lambda design: usage_of(
            asked.workload, asked.demand, asked.profile, design, space.platform
        ),
        columns,
    )  # fmt: skip
    totals = next(blocks(made)).micro_usd
    seen = loads(space, asked)
    found = masks(space, asked, seen, totals)
    bits = codes(found, space.axes)
    good = bits == 0
    hours = space.platform.operations.month_hours
    many = int(good.sum())
    return _Judged(
        space,
        many,
        _groups(bits, totals, found),
        _first(space, asked, totals, good, seen) if many else [],
        front_of(
            space, np.where(good, totals, NEVER), seen, availabilities(space, asked),
            zone_rto_s(space, asked), float("inf") if hours is None else hours.value,
        ) if many else [],
        choices(space, totals, bits, found, seen, asked),
    )  # fmt: skip


def _groups(bits: npt.NDArray[np.uint32], totals: Micros, found: dict[str, Mask]) -> list[Group]:
    """The rejected designs by the rules they violate, each with the index of the cheapest."""
    flat = bits.reshape(-1)
    # Rules that are violated in this space are few, so their codes are numbered densely.
    order = np.argsort(flat.astype(np.uint16) if len(found) <= 16 else flat, kind="stable")
    sorted_bits, costs = flat[order], totals.reshape(-1)[order]
    starts = np.flatnonzero(np.concatenate(([True], sorted_bits[1:] != sorted_bits[:-1])))
    ends = np.append(starts[1:], len(flat))
    made = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        code = int(sorted_bits[start])
        if code:
            at = start + int(costs[start:end].argmin())
            cost = int(costs[at])
            index = tuple(int(n) for n in np.unravel_index(int(order[at]), bits.shape))
            known = None if cost == UNPRICED_MICRO_USD else cost
            made.append(Group(named(code, found), end - start, known, index))
    return made


def _first(
    space: Space, asked: Question, totals: Micros, good: Mask, seen: Loads
) -> list[Candidate]:
    """The first feasible designs of a space in the order of cost, one for each purchase.

    Designs that differ only in their processes or in how far they may grow are one purchase; the
    first of them stands for it. All that equal the last in cost and latency are looked at.
    """
    flat = np.flatnonzero(good)
    costs = totals.reshape(-1)[flat]
    if len(flat) > LOOKED_AT:
        near = costs <= np.partition(costs, LOOKED_AT - 1)[LOOKED_AT - 1]
        flat, costs = flat[near], costs[near]
    at = np.unravel_index(flat, good.shape)
    p95 = seen.latency_ms_p95[seen.of[at[SIZE]], at[REPLICAS]]
    order = np.lexsort((p95, costs))
    work = int(work_usd(asked, space.platform).scaleb(6))
    made: dict[tuple[object, ...], Candidate] = {}
    last = (0, 0.0)
    for number in order.tolist():
        cost, slow = int(costs[number]), float(p95[number])
        if len(made) >= BEST and (cost, slow) != last:
            break
        last = (cost, slow)
        design = space.design(tuple(int(axis[number]) for axis in at))
        key = (
            design.size, design.arch, design.replicas_min, design.commitment,
            *(a.kind + a.size + str(a.options) for a in design.attached),
        )  # fmt: skip
        one = Candidate(cost + work, slow, design.id, design)
        if key not in made or one[:3] < made[key][:3]:
            made[key] = one
    return list(made.values())


def _weighted(asked: Question, judged: list[_Judged]) -> list[Design]:
    """The designs of each platform's front, the highest weighted score first.

    The score of a dimension follows from facts of the platform, and from a design's cost, latency,
    availability, recovery and work: it never falls when one of these gets better and none worse.
    So within a platform some design of the front has the highest score.
    """
    told = [
        assess(asked, standing.space.design(standing.at))
        for standings in _fronts(judged).values()
        for standing in standings
    ]
    cheapest = min(
        (t.bill.monthly_usd for t in told if t.bill.monthly_usd is not None), default=None
    )
    scored = [with_dimensions(asked, one, cheapest) for one in told]
    return [one.design for one in sorted(scored, key=key_of(asked))]


def with_dimensions(asked: Question, told: Assessment, cheapest_usd: Decimal | None) -> Assessment:
    """The assessment with its scores in the fifteen dimensions."""
    platform = asked.catalog.platform(told.design.platform)
    lost = recoveries(told.design, platform, asked.profile.boot_s)
    return replace(told, dimensions=dimensions(asked, told, lost, cheapest_usd))


def _verdict(
    platform: Platform, judged: list[_Judged], best: Assessment | None, refusals: Refusals
) -> PlatformVerdict:
    feasible = sum(one.feasible for one in judged)
    nearest = refusals.nearest(platform.id) if best is None else None
    return PlatformVerdict(
        platform=platform.id,
        name=platform.name,
        considered=sum(one.space.cells for one in judged),
        feasible=feasible,
        best=best,
        nearest=nearest,
        reasons=nearest.violations if nearest else (),
    )


def _fronts(judged: Iterable[_Judged]) -> dict[str, list[Standing]]:
    """The front of each platform over all its regions."""
    by_platform: dict[str, list[Standing]] = {}
    for one in judged:
        by_platform.setdefault(one.space.platform.id, []).extend(one.front)
    return {name: _kept(some) for name, some in by_platform.items() if some}


def _kept(some: list[Standing]) -> list[Standing]:
    return [some[at] for at in undominated(np.array([one.values for one in some]))]


def _front(asked: Question, judged: list[_Judged]) -> tuple[Point, ...]:
    """The front over all platforms, the cheapest first."""
    every = [one for standings in _fronts(judged).values() for one in standings]
    points = []
    for one in sorted(_kept(every), key=lambda s: s.values) if every else []:
        told = assess(asked, one.space.design(one.at))
        assert told.bill.monthly_usd is not None, "what is not priced is not feasible"
        assert told.promise.latency_ms_p95 is not None, "a queue that grows is not feasible"
        hours = one.space.platform.operations.month_hours
        points.append(
            Point(
                design=told.design.id,
                platform=told.design.platform,
                monthly_usd=told.bill.monthly_usd,
                latency_ms_p95=told.promise.latency_ms_p95,
                availability_percent=told.promise.availability_percent,
                rto_s=one.values[3],
                ops_hours_month=None if hours is None else hours.value,
            )
        )
    return tuple(points)
