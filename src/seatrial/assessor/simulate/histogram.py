"""Histograms of times that merge by addition: buckets at most 0.4 % wide, from 1 us to 36 hours.

A bucket is a value's exponent and the first eight bits of its mantissa, so it is found by shifting
bits: each power of two has 256 buckets, 0.20 to 0.39 % wide. The first bucket has what is shorter
than 2^-20 s, zero among it, the last what is longer than 2^17 s or never ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.kernels import kernel
from seatrial.assessor.simulate.shapes import Floats
from seatrial.kernel.errors import InputError

Counts = npt.NDArray[np.int64]

_BITS = 8
_LOW, _HIGH = -20, 17
BUCKETS = (_HIGH - _LOW) * 2**_BITS + 2
SHORTEST_S, LONGEST_S = 2.0**_LOW, 2.0**_HIGH

_SHIFT = 52 - _BITS
_BASE = ((1023 + _LOW) << _BITS) - 1


def _edges() -> Floats:
    inner = np.arange((_HIGH - _LOW) * 2**_BITS + 1)
    power, step = inner >> _BITS, inner & (2**_BITS - 1)
    values = np.ldexp(1.0 + step / 2**_BITS, power + _LOW)
    return np.concatenate(([0.0], values, [np.inf]))


EDGES_S: Floats = _edges()
"""Bucket b holds values from EDGES_S[b] on, below EDGES_S[b + 1]."""


@kernel("i8[:]", "i8*")
def _count(bits: Counts, counts: Counts) -> None:
    for value in bits:
        bucket = (value >> _SHIFT) - _BASE
        counts[min(max(bucket, 0), BUCKETS - 1)] += 1


def histogram(values: npt.ArrayLike) -> Counts:
    """Counts (BUCKETS,) of times in seconds; infinite ones, of requests never answered, too."""
    times = np.ascontiguousarray(values, dtype=np.float64)
    # The minimum of anything with a NaN is NaN, which compares as false.
    if times.size and not times.min() >= 0:
        raise InputError(
            "a time is negative or not a number", where="values", fix="give seconds from 0 up"
        )
    counts = np.zeros(BUCKETS, np.int64)
    # The bits of a double that is not negative, read as an integer, are in the order of its value.
    _count(times.ravel().view(np.int64), counts)
    return counts


def cumulative(hists: npt.NDArray[np.int64]) -> Floats:
    """Share of each window's values below each edge, one edge more than buckets; zeros if none."""
    until = np.zeros((hists.shape[0], hists.shape[1] + 1))
    np.cumsum(hists, axis=1, out=until[:, 1:])
    shares: Floats = until / np.maximum(until[:, -1:], 1.0)
    return shares


def at_rank(shares: Floats, rank: float, first: int = 0) -> float | None:
    """The time that the share `rank` is below, by straight lines within buckets.

    `shares`, from 0 to 1, are those below the edges from number `first` on. None when nobody can
    say: it is in the last bucket, which has no end, or there is nothing.
    """
    if not 0 <= rank <= 1 or shares[-1] <= 0:
        return None
    # Found even where the sum of weights rounds below one; rank 0 is where the first bucket begins.
    sought = max(min(rank, float(shares[-1])) * (1 - 1e-15), 1e-300)
    bucket = int(np.searchsorted(shares, sought, side="left")) - 1
    bucket = max(bucket, 0)
    if first + bucket >= BUCKETS - 1:
        return None
    low, high = shares[bucket], shares[bucket + 1]
    part = (rank - low) / (high - low) if high > low else 0.0
    start, end = EDGES_S[first + bucket], EDGES_S[first + bucket + 1]
    return float(start + (end - start) * min(max(part, 0.0), 1.0))


def quantiles(
    hists: npt.NDArray[np.int64],
    weights: npt.ArrayLike | None = None,
    ranks: tuple[float, ...] = (0.50, 0.95, 0.99),
) -> tuple[float | None, ...]:
    """Quantiles in seconds of windows together, each with its weight (of requests).

    `hists` is (BUCKETS,) or (windows, BUCKETS); a window counts with its weight however many
    requests it had, one without any does not count. Without weights every request counts alike.
    """
    shares = mixture(hists, weights)
    return tuple(at_rank(shares, rank) for rank in ranks)


def mixture(hists: npt.NDArray[np.int64], weights: npt.ArrayLike | None = None) -> Floats:
    """Share below each edge (BUCKETS + 1,) of windows together; zeros when there is nothing."""
    table = np.atleast_2d(hists)
    if weights is None:
        weights = table.sum(axis=1)
    weight = usable_weights(table, weights)
    together: Floats = weight @ cumulative(table)
    return together


def usable_weights(table: npt.NDArray[np.int64], weights: npt.ArrayLike) -> Floats:
    """The weights of windows that have values, with sum one; zeros when there is nothing."""
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (table.shape[0],) or not np.isfinite(weight).all() or (weight < 0).any():
        raise InputError(
            f"weights {weight.shape} of {table.shape[0]} windows cannot be",
            where="weights", fix="give one number from 0 up for each window",
        )  # fmt: skip
    weight = np.where(table.sum(axis=1) > 0, weight, 0.0)
    total = weight.sum()
    shares: Floats = weight / total if total > 0 else weight
    return shares
