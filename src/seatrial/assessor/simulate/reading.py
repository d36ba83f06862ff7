"""From counts by utilisation and by wait to quantiles of response times."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.kernels import kernel, part
from seatrial.assessor.simulate.layout import HOURS
from seatrial.assessor.simulate.mixing import ACROSS, ALONG, CELLS, NODES, SPOTS
from seatrial.assessor.simulate.waits import BINS, WAITS, Floats, Table

RANKS = np.array([0.95, 0.5, 0.95, 0.99])
"""Of each hour, and then of all."""


@part
def _share_out(counts, hour, along, across, like, mass):
    """Put what an hour counted by level and spot into the cells."""
    rows = along.shape[1]
    for at in range(counts.shape[1]):
        count = counts[hour, at]
        if count == 0.0:
            continue
        level, spot = at // SPOTS, at % SPOTS
        first = int(along[spot, rows - 1])
        for one in range(across.shape[1]):
            some = count * across[level, one]
            if some != 0.0:
                for node in range(NODES):
                    cell = like[one * (CELLS // across.shape[1]) + first + node]
                    mass[cell] += some * along[spot, node]


@part
def _quantile(mass, used, many, below, late, edges, wanted):
    """The time below which `wanted` requests are; inf beyond the last edge."""
    low, high, before, after = -1, edges.size - 1, 0.0, math.inf
    middle = high
    while True:
        found = 0.0
        for i in range(many):
            cell = used[i]
            share = below[middle, cell] if cell < CELLS else late[cell - CELLS, middle]
            found += mass[cell] * share
        if found >= wanted:
            high, after = middle, found
        elif middle == edges.size - 1:
            return math.inf
        else:
            low, before = middle, found
        if high - low <= 1:
            break
        middle = (low + high) // 2
    part = (wanted - before) / (after - before) if after > before else 1.0
    return edges[high] * (edges[1] / edges[0]) ** (part - 1.0)


@kernel("f8[:,:]", "f8[:,:]", "f8[:,:]", "f8[:,:]", "i8*", "f8[:,:]", "f8[:,:]", "f8[:]", "f8*",
        "f8[:]", "f8*", "f8[:,:]", "i8*")  # fmt: skip
def _read(counts, waited, along, across, like, below, late, edges, ranks, times, failed, room,
          used):  # fmt: skip
    """`times`: of the hours, then of all, at `ranks`; `failed`: requests that were refused.

    `room` (2, cells and waits; zeros first) and `used` are for its work.
    """
    total, mass = room[0], room[1]
    for hour in range(HOURS + 1):
        if hour < HOURS:
            mass[:] = 0.0
            _share_out(counts, hour, along, across, like, mass)
            for wait in range(WAITS):
                mass[CELLS + wait] = waited[hour, wait]
            for cell in range(mass.size):
                total[cell] += mass[cell]
        else:
            mass = total
        many, answered, refused = 0, 0.0, 0.0
        for cell in range(mass.size):
            if mass[cell] != 0.0:
                used[many] = cell
                many += 1
                lost = 1.0 - below[BINS - 1, cell] if cell < CELLS else 0.0
                if lost > 1e-9:  # Less is rounding.
                    refused += lost * mass[cell]
                answered += mass[cell]
        refused = max(refused, 0.0)
        failed[hour] = refused
        answered -= refused
        first, last = (hour, hour + 1) if hour < HOURS else (hour, times.size)
        for at in range(first, last):
            rank = ranks[0] if hour < HOURS else ranks[1 + at - HOURS]
            if answered > 0.0:
                times[at] = _quantile(mass, used, many, below, late, edges, rank * answered)
            else:
                times[at] = math.inf


def quantiles(
    counts: Floats, waited: Floats, like: npt.NDArray[np.int64], late: Floats, table: Table
) -> tuple[Floats, tuple[float, ...], Floats]:
    """p95 (s) of the hours, p50, p95 and p99 of all, and requests of each hour that failed.

    `counts` (hour, level and spot) and `waited` (hour, wait) count requests; `late` are shares
    below each edge by wait.
    """
    times, failed = np.empty(HOURS + len(RANKS) - 1), np.empty(HOURS + 1)
    room, used = np.zeros((2, CELLS + WAITS)), np.empty(CELLS + WAITS, np.int64)
    _read(counts, waited, ALONG, ACROSS, like, table.below, late, table.edges_s, RANKS, times,
          failed, room, used)  # fmt: skip
    return times[:HOURS], tuple(times[HOURS:].tolist()), failed[:HOURS]
