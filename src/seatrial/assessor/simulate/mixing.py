"""Between the cells of `waits`: utilisations and numbers of replicas that were not played.

Counts are kept for finer utilisations (SPOTS) and more numbers of replicas (LEVELS) than are
played, and shared out among the cells afterwards.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ROWS = 16
TOP = -math.log(1.0 - 0.98)
"""Rows are even in -log(1 - utilisation), up to 0.98; above, it counts as that."""
CLASSES = (1, 2, 4, 16)
"""Numbers of replicas that are played; 16 stands for more."""
CELLS = len(CLASSES) * ROWS
FINE = 4
SPOTS = (ROWS - 1) * FINE + 1
LEVELS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Numbers of replicas that are told apart; 16 stands for more."""
COUNTED = len(LEVELS) * SPOTS

LOAD = 1.0 - np.exp(-TOP * np.arange(SPOTS) / (SPOTS - 1))
"""Utilisations of the spots."""
SHARES = np.maximum(LOAD[::FINE], 0.005)
"""Utilisations that the rows are played at."""


NODES = 4


def _along() -> Floats:
    """(SPOTS, NODES + 1): the shares of so many rows in each spot, and the first of the rows."""
    found = np.zeros((SPOTS, NODES + 1))
    for spot in range(SPOTS):
        first = min(max(spot // FINE - 1, 0), ROWS - NODES)
        nodes = range(first, first + NODES)
        for row in nodes:
            found[spot, row - first] = math.prod(
                float((LOAD[spot] - SHARES[other]) / (SHARES[row] - SHARES[other]))
                for other in nodes
                if other != row
            )
        found[spot, NODES] = first
    found[0, :NODES] = 1.0, 0.0, 0.0, 0.0
    return found


def _across() -> Floats:
    """(LEVELS, CLASSES): shares of the classes in each number of replicas."""
    found = np.zeros((len(LEVELS), len(CLASSES)))
    for level, many in enumerate(LEVELS):
        after = next(at for at, played in enumerate(CLASSES) if played >= many)
        before = max(after - 1, 0)
        share = 1.0
        if before < after:
            low, high = 1 / CLASSES[before], 1 / CLASSES[after]
            share = (low - 1 / many) / (low - high)
        found[level, before] += 1.0 - share
        found[level, after] += share
    return found


ALONG, ACROSS = _along(), _across()


def along(values: Floats) -> Floats:
    """Values of rows (..., ROWS) as values of spots (..., SPOTS)."""
    found: Floats = values @ _MATRIX
    return found


def _matrix() -> Floats:
    found = np.zeros((ROWS, SPOTS))
    for spot, (*shares, first) in enumerate(ALONG.tolist()):
        found[int(first) : int(first) + NODES, spot] = shares
    return found


_MATRIX = _matrix()


def level_of(replicas: float) -> int:
    """The level whose number is nearest by ratio."""
    many = max(replicas, 1.0)
    return min(range(len(LEVELS)), key=lambda level: abs(math.log(many / LEVELS[level])))


def cells_for(least: int, most: int) -> list[int]:
    """Cells of the classes that fleets of so many replicas are mixed from."""
    levels = slice(level_of(least), level_of(most) + 1)
    used = np.flatnonzero(ACROSS[levels].any(axis=0))
    return [int(number) * ROWS + row for number in used for row in range(ROWS)]
