"""Figures with 95 % intervals, from windows or replications that do not depend on each other.

Three intervals of a quantile, all with Student's t or a resampling over windows:
- `ranked` (the default; R. S. Woodruff, JASA 47, 1952): each window's share of requests below the
  quantile is a mean, whose interval in rank is carried back through the distribution. It takes
  windows of different weights in strata and needs no quantile of a single window.
- `batches` (sectioning; Asmussen and Glynn, "Stochastic Simulation", 2007, III.5): spread of the
  windows' own quantiles about the common one. For alike windows with enough requests each.
- `bootstrap` (percentile): windows drawn again within strata.
Their coverage on M/M/1 is in the tests. Where a stratum has one window, strata are joined with the
neighbour in the order given, which makes intervals wider.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.histogram import (
    BUCKETS,
    at_rank,
    cumulative,
    histogram,
    quantiles,
    usable_weights,
)
from seatrial.assessor.simulate.shapes import Floats
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Estimate

Method = Literal["ranked", "batches", "bootstrap"]
Groups = list[npt.NDArray[np.int64]]

RESAMPLES = 1000

_NORMAL = 1.959963984540054
# Student's t at 97.5 % for 1 to 10 degrees of freedom; above, the expansion below is good to 1e-4.
_STUDENT = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)

__all__ = [
    "BUCKETS", "Method", "certain", "histogram", "never", "of_mean", "of_quantile", "of_quantiles",
    "of_share", "quantiles", "student",
]  # fmt: skip


def student(freedom: int) -> float:
    """Student's t at 97.5 %: half the width of a 95 % interval in standard errors."""
    if freedom < 1:
        return math.inf
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    # Abramowitz and Stegun 26.7.5.
    z = _NORMAL
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + g1 / freedom + g2 / freedom**2 + g3 / freedom**3


def certain(value: float) -> Estimate:
    """A figure that chance has no part in."""
    return Estimate(value=float(value), low=float(value), high=float(value))


def never() -> Estimate:
    """A figure that is not finite, as the latency of a queue that grows."""
    return Estimate(value=None)


class _Windows(NamedTuple):
    """Windows with values: their shares below the edges from `first` on, weights and strata."""

    shares: Floats
    first: int
    weight: Floats
    groups: Groups
    together: Floats

    def at(self, rank: float) -> float | None:
        return at_rank(self.together, rank, self.first)


def _windows(
    hists: npt.NDArray[np.int64], weights: npt.ArrayLike | None, strata: Sequence[object] | None
) -> _Windows | None:
    table = np.atleast_2d(hists)
    weight = usable_weights(table, table.sum(axis=1) if weights is None else weights)
    used = np.flatnonzero(weight > 0)
    if not used.size:
        return None
    # Most of the buckets, far below and far above, are empty in all windows.
    filled = np.flatnonzero(table[used].any(axis=0))
    shares = cumulative(table[used, filled[0] : filled[-1] + 1])
    named = None if strata is None else [strata[window] for window in used.tolist()]
    groups = _groups(np.arange(used.size), named)
    return _Windows(shares, int(filled[0]), weight[used], groups, weight[used] @ shares)


def of_quantile(
    hists: npt.NDArray[np.int64], rank: float, weights: npt.ArrayLike | None = None,
    strata: Sequence[object] | None = None, *, method: Method = "ranked", scale: float = 1000.0,
    seed: int = 0,
) -> Estimate:  # fmt: skip
    """The quantile at `rank` of windows' histograms (windows, BUCKETS), in milliseconds.

    `weights` are the windows' shares of requests (none: by their counts), `strata` the stratum of
    each. An end that these windows cannot tell is none; so is all when the quantile is infinite.
    """
    windows = _windows(hists, weights, strata)
    return _estimate(windows, rank, method, scale, seed)


def of_quantiles(
    hists: npt.NDArray[np.int64], weights: npt.ArrayLike | None = None,
    strata: Sequence[object] | None = None,
) -> tuple[Estimate, Estimate, Estimate]:  # fmt: skip
    """p50, p95 and p99 in milliseconds."""
    windows = _windows(hists, weights, strata)
    p50, p95, p99 = (_estimate(windows, rank, "ranked", 1000.0, 0) for rank in (0.50, 0.95, 0.99))
    return p50, p95, p99


def _estimate(
    windows: _Windows | None, rank: float, method: Method, scale: float, seed: int
) -> Estimate:
    value = None if windows is None else windows.at(rank)
    if windows is None or value is None:
        return never()
    if windows.weight.size < 2:
        return Estimate(value=value * scale)
    if method == "batches":
        low, high = _batches(windows, rank, value)
    elif method == "bootstrap":
        low, high = _bootstrap(windows, rank, seed)
    else:
        low, high = _ranked(windows, rank, value)
    return Estimate(
        value=value * scale,
        low=None if low is None else min(low, value) * scale,
        high=None if high is None else max(high, value) * scale,
    )


def _ranked(windows: _Windows, rank: float, value: float) -> tuple[float | None, float | None]:
    shares, together = windows.shares, windows.together
    edge = min(max(int(np.searchsorted(together, rank, side="left")), 1), together.size - 1)
    # The share below the value itself, on the line between its bucket's edges.
    low, high = together[edge - 1], together[edge]
    part = (rank - low) / (high - low) if high > low else 0.0
    below = shares[:, edge - 1] * (1 - part) + shares[:, edge] * part
    half, exact = _half_width(windows.weight, below, rank, windows.groups)
    if exact:
        return value, value
    skew = _skew_shift(windows.weight, 1 - below, 1 - rank)
    return (
        windows.at(rank - half) if rank > half else 0.0,
        windows.at(rank + half + skew) if rank + half + skew < 1 else None,
    )


def _skew_shift(weight: Floats, above: Floats, mean: float) -> float:
    """How much further up the mean share above a high quantile may be, because it is skewed.

    Johnson's correction of Student's t (JASA 73, 1978), third moment / (6 x variance); used for the
    upper end alone, so that it only ever widens the interval.
    """
    parts = weight * (above - mean)
    variance = float(parts @ parts)
    return max(0.0, float((parts**3).sum()) / (6 * variance)) if variance > 0 else 0.0


def _half_width(weight: Floats, values: Floats, mean: float, groups: Groups) -> tuple[float, bool]:
    """Half the 95 % interval of sum(weight x values) over strata; whether there is no spread.

    Deviations are from the common mean times the weight, which makes it the interval of a ratio.
    """
    variance = 0.0
    for group in groups:
        parts = weight[group] * (values[group] - mean)
        if group.size > 1:
            centred = parts - parts.mean()
            variance += float(centred @ centred) * group.size / (group.size - 1)
    freedom = sum(group.size - 1 for group in groups)
    return student(freedom) * math.sqrt(variance) if freedom else math.inf, variance == 0


def _batches(windows: _Windows, rank: float, value: float) -> tuple[float | None, float | None]:
    own = [at_rank(share, rank, windows.first) for share in windows.shares]
    known = np.array([math.inf if q is None else q for q in own])
    if not np.isfinite(known).all():
        return None, None
    error = math.sqrt(float(((known - value) ** 2).sum()) / (known.size * (known.size - 1)))
    half = student(known.size - 1) * error
    return max(0.0, value - half), value + half


def _bootstrap(windows: _Windows, rank: float, seed: int) -> tuple[float | None, float | None]:
    weight = windows.weight
    chance = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(4,))))
    times_drawn = np.zeros((RESAMPLES, weight.size))
    rows = np.arange(RESAMPLES)[:, None]
    for group in windows.groups:
        drawn = (chance.random((RESAMPLES, group.size)) * group.size).astype(np.int64)
        np.add.at(times_drawn, (rows, group[drawn]), 1.0)
    weights = times_drawn * weight
    weights /= weights.sum(axis=1, keepdims=True)
    own = [at_rank(one, rank, windows.first) for one in weights @ windows.shares]
    found = sorted(math.inf if value is None else value for value in own)
    low, high = found[round(0.025 * RESAMPLES)], found[round(0.975 * RESAMPLES) - 1]
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def _groups(used: npt.NDArray[np.int64], strata: Sequence[object] | None) -> Groups:
    """Windows by stratum, each with two at least where there are two at all."""
    if strata is None:
        return [used]
    named: dict[object, list[int]] = {}
    for window in used.tolist():
        named.setdefault(strata[window], []).append(window)
    groups: list[list[int]] = []
    for members in named.values():
        if groups and (len(members) < 2 or len(groups[-1]) < 2):
            groups[-1] += members
        else:
            groups.append(list(members))
    return [np.array(group) for group in groups]


def of_mean(
    values: npt.ArrayLike, weights: npt.ArrayLike | None = None,
    strata: Sequence[object] | None = None,
) -> Estimate:  # fmt: skip
    """A weighted mean of what independent windows had, such as their replicas (weights of time)."""
    value = np.asarray(values, dtype=np.float64)
    weight = _weights(value, weights)
    if not weight.any():
        return never()
    used = np.flatnonzero(weight > 0)
    if not np.isfinite(value[used]).all():
        return never()
    mean = float(weight[used] @ value[used])
    if used.size < 2:
        return Estimate(value=mean)
    half, _ = _half_width(weight, np.where(weight > 0, value, 0.0), mean, _groups(used, strata))
    return Estimate(value=mean, low=mean - half, high=mean + half)


def of_share(
    hits: npt.ArrayLike, tries: npt.ArrayLike, weights: npt.ArrayLike | None = None,
    strata: Sequence[object] | None = None, *, scale: float = 100.0,
) -> Estimate:  # fmt: skip
    """A share, such as of errors, in percent, from windows' hits and tries.

    With no hit at all the interval goes up to 3 / tries, and likewise from below with nothing but
    hits (Hanley and Lippman-Hand, JAMA 249, 1983); so it is never without width.
    """
    hit, tried = np.asarray(hits, dtype=np.float64), np.asarray(tries, dtype=np.float64)
    if hit.shape != tried.shape or not ((hit >= 0) & (hit <= tried) & np.isfinite(tried)).all():
        raise InputError(
            "more hits than tries", where="hits, tries", fix="give 0 <= hits <= tries, finite"
        )
    total = float(tried.sum())
    if total <= 0:
        return never()
    weight = _weights(tried, tried if weights is None else weights)
    weight = np.where(tried > 0, weight, 0.0)
    if not weight.any():
        return never()
    weight = weight / weight.sum()
    shares = hit / np.maximum(tried, 1.0)
    mean = min(1.0, float(weight @ shares))
    used = np.flatnonzero(weight > 0)
    half, _ = _half_width(weight, shares, mean, _groups(used, strata))
    rare = 3.0 / float(tried[used].sum())
    if mean in (0.0, 1.0):
        half = min(rare, 1.0)
    if not math.isfinite(half):
        return Estimate(value=mean * scale)
    return Estimate(
        value=mean * scale,
        low=max(0.0, mean - half) * scale,
        high=min(1.0, mean + half) * scale,
    )


def _weights(values: Floats, weights: npt.ArrayLike | None) -> Floats:
    weight = np.ones(values.size) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != values.shape or not np.isfinite(weight).all() or (weight < 0).any():
        raise InputError(
            f"weights {weight.shape} of {values.shape} windows cannot be",
            where="weights", fix="give one number from 0 up for each window",
        )  # fmt: skip
    total = float(weight.sum())
    made: Floats = weight / total if total > 0 else weight
    return made
