"""Lines through means: a function known by its mean over equal cells, made continuous."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def limited_slopes(means: Floats, *, ring: bool) -> Floats:
    """Rise across each cell of a straight line through its mean, that goes past no neighbour.

    Monotonised central slopes (van Leer, Journal of Computational Physics 23, 1977): the mean of
    every cell stays, a highest or lowest cell stays flat, and nothing gets below zero that was
    not. `means` (n,) form a ring or have flat ends. Returns (n,).
    """
    before = np.roll(means, 1) if ring else np.concatenate((means[:1], means[:-1]))
    after = np.roll(means, -1) if ring else np.concatenate((means[1:], means[-1:]))
    left, right = means - before, after - means
    same_way = left * right > 0
    size = np.minimum(np.abs(left + right) / 2, 2 * np.minimum(np.abs(left), np.abs(right)))
    slopes: Floats = np.where(same_way, np.sign(left) * size, 0.0)
    return slopes
