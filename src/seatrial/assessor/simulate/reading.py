"""From counts by cell and by wait to quantiles of response times."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seatrial.assessor.simulate.waits import ROWS, Floats, Table

RARE = 1e-3
"""Share of a year's requests in cells that are not worth playing; they count as the nearest."""


@njit(cache=True, error_model="numpy", nogil=True)
def _quantiles(weights, below, answered, edges, shares, out):
    """out[row, share]: the time below which a share of `answered[row]` is; inf: nothing is, or it
    is beyond the last edge. `weights[row, cell]` of `below[cell, bin]`."""
    last = edges.size - 1
    width = edges[1] / edges[0]
    for row in range(weights.shape[0]):
        most = 0.0
        for cell in range(weights.shape[1]):
            most += weights[row, cell] * below[cell, last]
        for i in range(shares.size):
            out[row, i] = math.inf
            wanted = shares[i] * answered[row]
            low, high, before, after = -1, last, 0.0, most
            if answered[row] <= 0.0 or most < wanted:
                continue
            while high - low > 1:
                middle = (low + high) // 2
                mass = 0.0
                for cell in range(weights.shape[1]):
                    mass += weights[row, cell] * below[cell, middle]
                if mass >= wanted:
                    high, after = middle, mass
                else:
                    low, before = middle, mass
            part = (wanted - before) / (after - before) if after > before else 1.0
            out[row, i] = edges[high] * width ** (part - 1.0)


def quantiles(
    calm: Floats, late: Floats, used: list[int], table: Table, shares: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Quantiles (s) of the hours and, in the last row, of all; and requests of each that failed.

    `calm` (hour, cell) and `late` (hour, wait) count requests, `used` are the cells that count.
    """
    weights = _folded(calm, used)
    below = table.below(used)
    refused = 1.0 - below[:, -1]
    failed = weights @ np.where(refused > 1e-9, refused, 0.0)  # Less is rounding.
    answered = weights.sum(axis=1) - failed + late.sum(axis=1)
    if late.any():
        waits = np.flatnonzero(late.any(axis=0))
        weights = np.hstack([weights, late[:, waits]])
        below = np.vstack([below, table.overload()[waits]])
    weights = np.vstack([weights, weights.sum(axis=0)])
    answered = np.append(answered, answered.sum())
    out = np.empty((len(weights), len(shares)))
    _quantiles(weights, below, answered, table.edges_s, np.array(shares), out)
    return out, failed


def cells_of(calm: Floats) -> list[int]:
    """The cells that count: all but those which together have hardly any request."""
    mass = calm.sum(axis=0)
    order = np.argsort(mass, kind="stable")
    rare = np.cumsum(mass[order]) <= RARE * mass.sum()
    return [int(cell) for cell in np.sort(order[~rare])]


def _folded(calm: Floats, used: list[int]) -> Floats:
    """The counts of the cells that count, with those of the others in the nearest of them."""
    weights = calm[:, used]
    others = np.setdiff1d(np.flatnonzero(calm.any(axis=0)), used)
    places = np.array(used)
    for cell in others.tolist():
        away = np.abs(places // ROWS - cell // ROWS) + np.abs(places % ROWS - cell % ROWS)
        weights[:, away.argmin()] += calm[:, cell]
    return weights
