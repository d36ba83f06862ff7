"""How many requests are inside a station whose arrival rate jumps: a quasi-birth-death chain.

Phase j has the rate `factors[j]` times the mean; after an exponential time of mean HOLD_S a phase
is drawn anew with chances `shares`. Beyond a full station the solution is a sum of geometric terms,
one a phase, whose ratios are the roots of a secular equation between known poles; below, the levels
are reduced one by one (linear level reduction: Gaver, Jacobs and Latouche, "Finite birth-and-death
models in randomly changing environments", Adv. Appl. Prob. 16, 1984). With one phase: M/M/c.
"""

from __future__ import annotations

import numpy as np
from numba import njit

HOLD_S = 0.5
"""Counts over spans far above a second then vary as with independent factors for each second."""
BISECTIONS = 60


@njit(cache=True)
def at(rates, k):
    """The throughput at a fractional number inside."""
    low = min(int(k), rates.size - 1)
    if low == rates.size - 1:
        return rates[low]
    return rates[low] + (k - low) * (rates[low + 1] - rates[low])


@njit(cache=True)
def _held(z, arrival, service):
    return 1.0 + HOLD_S * (1.0 - z) * (service - arrival / z)


@njit(cache=True)
def _pole(arrival, service):
    """Where `_held` is zero between 0 and 1."""
    a, b, c = HOLD_S * service, 1.0 + HOLD_S * (service + arrival), HOLD_S * arrival
    return 2.0 * c / (b + np.sqrt(b * b - 4.0 * a * c))


@njit(cache=True)
def _ratios(arrivals, shares, service):
    """The ratios of the tail's terms, one above each pole; levels of the rate ascend."""
    found = np.empty(shares.size)
    if shares.size == 1:
        found[0] = arrivals[0] / service
        return found
    for i in range(shares.size):
        low = _pole(arrivals[i], service)
        last = i + 1 == shares.size
        high = 1.0 - 1e-13 if last else _pole(arrivals[i + 1], service)
        for _ in range(BISECTIONS):
            z = 0.5 * (low + high)
            value = -1.0
            for j in range(shares.size):
                value += shares[j] / _held(z, arrivals[j], service)
            if value > 0.0:
                low = z
            else:
                high = z
        found[i] = 0.5 * (low + high)
    return found


@njit(cache=True)
def _inverse(matrix):
    """Inverse by Gauss and Jordan with pivots; few rows."""
    n = matrix.shape[0]
    left = matrix.copy()
    right = np.eye(n)
    for i in range(n):
        best = i
        for r in range(i + 1, n):
            if abs(left[r, i]) > abs(left[best, i]):
                best = r
        for c in range(n):
            left[i, c], left[best, c] = left[best, c], left[i, c]
            right[i, c], right[best, c] = right[best, c], right[i, c]
        scale = 1.0 / left[i, i]
        for c in range(n):
            left[i, c] *= scale
            right[i, c] *= scale
        for r in range(n):
            if r != i:
                taken = left[r, i]
                for c in range(n):
                    left[r, c] -= taken * left[i, c]
                    right[r, c] -= taken * right[i, c]
    return right


@njit(cache=True)
def _times(a, b):
    n = a.shape[0]
    found = np.zeros((n, n))
    for i in range(n):
        for k in range(n):
            for j in range(n):
                found[i, j] += a[i, k] * b[k, j]
    return found


@njit(cache=True)
def _leave(arrivals, shares, service, up, factor):
    """Rates out of a level by phase, less what comes back from above."""
    n = shares.size
    found = -factor * up
    for i in range(n):
        found[i, i] += arrivals[i] + service + 1.0 / HOLD_S
        for j in range(n):
            found[i, j] -= shares[j] / HOLD_S
    return found


@njit(cache=True)
def _down(rates, pooled, arrivals, shares, up):
    """ups[k]: from a level k - 1 to k, for k = 1..slots, given `up` beyond the last."""
    slots = (rates.size - 1) * pooled
    n = shares.size
    ups = np.empty((slots + 2, n, n))
    ups[slots + 1] = up
    above = pooled * rates[-1]
    for k in range(slots, 0, -1):
        service = pooled * at(rates, k / pooled)
        inverse = _inverse(_leave(arrivals, shares, service, ups[k + 1], above))
        for i in range(n):
            for j in range(n):
                ups[k, i, j] = arrivals[i] * inverse[i, j]
        above = service
    return ups, _leave(arrivals, shares, 0.0, ups[1], above)


@njit(cache=True)
def _kernel(matrix):
    """The row vector that the matrix takes to zero; its last entry is one."""
    n = matrix.shape[0]
    found = np.ones(n)
    if n > 1:
        inverse = _inverse(matrix[: n - 1, : n - 1].copy())
        for j in range(n - 1):
            found[j] = 0.0
            for i in range(n - 1):
                found[j] -= matrix[n - 1, i] * inverse[i, j]
    return found


@njit(cache=True)
def solve(rates, pooled, arrival, factors, shares):
    """What an arrival sees: chances of 0..slots - 1 inside; and its waits.

    `rates` is the throughput of one station with 0..slots inside, `pooled` how many act as one.
    The wait is a sum of exponentials: masses, and ratios z for a decay of full rate x (1 - z).
    """
    slots = (rates.size - 1) * pooled
    n = shares.size
    full = pooled * rates[-1]
    arrivals = factors * arrival
    ratios = _ratios(arrivals, shares, full)
    terms = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            terms[i, j] = shares[j] / _held(ratios[i], arrivals[j], full) if n > 1 else 1.0
    inverse = _inverse(terms)
    scaled = terms.copy()
    for i in range(n):
        scaled[i] *= ratios[i]
    ups, first = _down(rates, pooled, arrivals, shares, _times(inverse, scaled))
    level = _kernel(first)
    chance = np.empty(slots)
    after = np.empty(n)
    for k in range(slots):
        chance[k] = (level * arrivals).sum()
        for j in range(n):
            after[j] = 0.0
            for i in range(n):
                after[j] += level[i] * ups[k + 1, i, j]
        level[:] = after
        size = level.sum()
        if size > 1e100:
            level /= size
            chance[: k + 1] /= size
    waits = np.zeros(n)
    for i in range(n):
        for j in range(n):
            waits[i] += level[j] * inverse[j, i]
        waits[i] *= (terms[i] * arrivals).sum() / (1.0 - ratios[i])
    total = chance.sum() + waits.sum()
    return chance / total, waits / total, ratios
