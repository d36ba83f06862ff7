"""The designs that nothing beats in cost, latency, availability, recovery and work at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.space import COMMITMENT, REPLICAS, SIZE, Index, Space
from seatrial.planner.masks import Floats, Loads

Values = npt.NDArray[np.float64]

NEVER = np.iinfo(np.int64).max


class Standing(NamedTuple):
    """A design's values, the smaller the better: micro-dollars, p95, - availability, RTO, hours."""

    values: tuple[float, ...]
    space: Space
    at: Index


def undominated(values: Values) -> npt.NDArray[np.intp]:
    """The rows of `values` that no other row beats; of equal rows the first.

    Rows are looked at from the first column's smallest up, so whatever beats a row comes before it.
    """
    order = np.lexsort(values.T[::-1])
    kept: list[int] = []
    held = np.empty((0, values.shape[1]))
    for at in order:
        if len(kept) and (held <= values[at]).all(axis=1).any():
            continue
        kept.append(int(at))
        held = values[kept]
    return np.array(kept, dtype=np.intp)


def front_of(
    space: Space, feasible: npt.NDArray[np.int64], seen: Loads, availability: Floats, rto_s: Floats,
    hours: float,
) -> list[Standing]:  # fmt: skip
    """The front of one space; `feasible` are its totals, `NEVER` where a rule is violated.

    Size and commitment change nothing but the cost and, by the size's class of load, the latency,
    so of each class the cheapest is enough.
    """
    cheapest = feasible.min(axis=COMMITMENT, keepdims=True)
    grouped = np.full((len(seen.first), *cheapest.shape[1:]), NEVER, dtype=np.int64)
    np.minimum.at(grouped, seen.of, cheapest)
    cells = np.argwhere(grouped != NEVER)
    if not len(cells):
        return []
    at = tuple(cells.T)
    zero = np.zeros(len(cells), dtype=np.intp)
    beside = (zero, zero, zero, *at[3:])
    values = np.stack(
        (
            grouped[at].astype(np.float64),
            seen.latency_ms_p95[at[SIZE], at[REPLICAS]],
            -availability[beside],
            rto_s[(zero, at[REPLICAS], zero, *at[3:])],
            np.full(len(cells), hours),
        ),
        axis=1,
    )
    return [
        Standing(tuple(values[row].tolist()), space, _cheapest(feasible, seen, cells[row]))
        for row in _quick(values)
    ]


def _quick(values: Values) -> list[int]:
    """The front, with what is beaten at equal availability and recovery thrown out first."""
    kept: list[int] = []
    kinds, of = np.unique(values[:, 2:], axis=0, return_inverse=True)
    for number in range(len(kinds)):
        rows = np.flatnonzero(of.ravel() == number)
        order = rows[np.lexsort((values[rows, 1], values[rows, 0]))]
        best = np.minimum.accumulate(values[order, 1])
        lower = np.concatenate(([True], values[order, 1][1:] < best[:-1]))
        kept += order[lower].tolist()
    some = np.array(sorted(kept), dtype=np.intp)
    return [int(at) for at in some[undominated(values[some])]]


def _cheapest(feasible: npt.NDArray[np.int64], seen: Loads, cell: npt.NDArray[np.intp]) -> Index:
    """The index of the cheapest design of a class: the first size, then the first commitment."""
    sizes = np.flatnonzero(seen.of == cell[SIZE])
    costs = feasible[(sizes, cell[REPLICAS], slice(None), *cell[3:])]
    size, terms = np.unravel_index(int(costs.argmin()), costs.shape)
    return (int(sizes[size]), int(cell[REPLICAS]), int(terms), *(int(n) for n in cell[3:]))
