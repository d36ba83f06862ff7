"""The designs that some change of traffic, price, target or commitment could make the best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.assess import Question
from seatrial.assessor.columns import UNPRICED_MICRO_USD, Micros
from seatrial.assessor.space import DATABASE, Space
from seatrial.assessor.week import busiest_rps
from seatrial.kernel.design import Design
from seatrial.planner.masks import Loads, Mask

CHANGING = frozenset({
    "slo.latency-p95", "slo.latency-p99", "slo.availability", "capacity.n-minus-1",
    "recovery.rto", "recovery.rpo", "budget.monthly", "commitment.allowed",
    "compliance.standards",
})  # fmt: skip
"""Rules that another demand may not break; the rest follows from the app and the platform."""

LEVELS = (1.0, 2.0, 4.0, 10.0, 0.3, 30.0, 0.1, 100.0)
"""Capacities that are looked at, as multiples of today's peak, the likely ones first."""


class Choices(NamedTuple):
    """What one space offers: the cheapest of all, and its designs with the likely ones first."""

    platform: str
    micro_usd: int
    designs: tuple[Design, ...]


def choices(
    space: Space, totals: Micros, bits: npt.NDArray[np.uint32], found: dict[str, Mask],
    seen: Loads, asked: Question,
) -> Choices | None:  # fmt: skip
    """The cheapest design at each level of capacity, with and without zones and commitment."""
    fixed = sum(1 << bit for bit, name in enumerate(found) if name not in CHANGING)
    usable = ((bits & np.uint32(fixed)) == 0) & (totals != UNPRICED_MICRO_USD)
    if not usable.any():
        return None
    costs = np.where(usable, totals, UNPRICED_MICRO_USD)
    terms = _terms(costs)
    capacity = seen.capacity_rps[seen.of]
    peak = busiest_rps(asked.demand.traffic)
    several = np.array([count.replicas_min >= 2 for count in space.counts])
    standby = np.array([database is None or database.multi_az for database in space.databases])
    made: dict[str, Design] = {}
    parts = [
        _part(costs[:, :, number], several if safe else None, standby if safe else None)
        for number in terms for safe in (False, True)
    ]  # fmt: skip
    for level in LEVELS:
        enough = capacity >= level * peak
        for at, (cheapest, where) in enumerate(parts):
            fitting = np.where(enough, cheapest, UNPRICED_MICRO_USD)
            size, count = np.unravel_index(int(fitting.argmin()), fitting.shape)
            if fitting[size, count] == UNPRICED_MICRO_USD:
                continue
            beside = np.unravel_index(int(where[size, count]), space.axes[DATABASE:])
            index = (int(size), int(count), terms[at // 2], *(int(n) for n in beside))
            design = space.design(index)
            made.setdefault(design.id, design)
    return Choices(space.platform.id, int(costs.min()), tuple(made.values()))


def _terms(costs: Micros) -> list[int]:
    """On demand, and the terms under which the cheapest design is cheapest."""
    best = costs.min(axis=tuple(axis for axis in range(costs.ndim) if axis != 2))
    other = int(best.argmin())
    return [0] if other == 0 else [0, other]


def _part(
    costs: Micros, several: npt.NDArray[np.bool_] | None, standby: npt.NDArray[np.bool_] | None
) -> tuple[Micros, npt.NDArray[np.intp]]:
    """For each size and number the cheapest database and services, and which they are."""
    kept = costs
    if several is not None:
        kept = np.where(several.reshape(1, -1, *(1,) * (costs.ndim - 2)), kept, UNPRICED_MICRO_USD)
    if standby is not None:
        kept = np.where(
            standby.reshape(1, 1, -1, *(1,) * (costs.ndim - 3)), kept, UNPRICED_MICRO_USD
        )
    flat = kept.reshape(*kept.shape[:2], -1)
    where = flat.argmin(axis=2)
    cheapest: Micros = np.take_along_axis(flat, where[:, :, None], axis=2)[:, :, 0]
    return cheapest, where


def spread(offered: list[Choices], most: int) -> tuple[Design, ...]:
    """Of each platform its cheapest region; the likely designs of all platforms first."""
    best: dict[str, Choices] = {}
    for one in offered:
        if one.platform not in best or one.micro_usd < best[one.platform].micro_usd:
            best[one.platform] = one
    longest = max((len(one.designs) for one in best.values()), default=0)
    turns = [
        one.designs[turn]
        for turn in range(longest)
        for one in best.values()
        if turn < len(one.designs)
    ]
    return tuple(turns[:most])
