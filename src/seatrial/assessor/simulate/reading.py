"""From counts by utilisation and by wait to response times; and all fleets at once."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from seatrial.assessor.simulate.calm import one
from seatrial.assessor.simulate.minutes import FAST, HOURS, LEVELS, LOST, SERVED
from seatrial.assessor.simulate.waits import CLASSES, WAITS


@njit(**FAST)
def _quantile(mass, times, share):
    """The time below which `share` of the mass is; points stand for the stretch about them."""
    total = mass.sum()
    if total <= 0.0:
        return np.inf
    wanted = share * total
    before = 0.0
    width = math.log(times[1] / times[0])
    for b in range(times.size):
        if before + mass[b] >= wanted and mass[b] > 0.0:
            return times[b] * math.exp(width * ((wanted - before) / mass[b] - 0.5))
        before += mass[b]
    return times[-1]


@njit(**FAST)
def _look_up(calm, late, hist, error, overload, low, part, whole):
    """Response times of an hour into `whole`; returns the share of stable requests that fail."""
    failed = 0.0
    most = hist.shape[0] - 1
    rows = np.zeros(hist.shape[1])
    for j in range(calm.shape[0]):
        c = min(j, most)
        rows[:] = 0.0
        top = -1
        for level in range(calm.shape[1]):
            if calm[j, level] > 0.0:
                rows[low[level]] += calm[j, level] * (1.0 - part[level])
                rows[low[level] + 1] += calm[j, level] * part[level]
                top = low[level] + 1
        for row in range(top + 1):
            if rows[row] > 0.0:
                failed += rows[row] * error[c, row]
                whole += rows[row] * hist[c, row]
    for j in range(late.size):
        if late[j] > 0.0:
            whole += late[j] * overload[j]
    return failed


@njit(**FAST)
def _read(calm, late, hours, totals, times, hist, error, overload, low, part, out):
    """Quantiles (s) of the year into out[0:3], of the hours' p95 into out[3:]."""
    year = np.zeros(times.size)
    whole = np.empty(times.size)
    for hour in range(HOURS):
        whole[:] = 0.0
        failed = _look_up(calm[hour], late[hour], hist, error, overload, low, part, whole)
        hours[hour, 1] += failed
        totals[LOST] += failed
        totals[SERVED] -= failed
        out[3 + hour] = _quantile(whole, times, 0.95)
        year += whole
    out[0] = _quantile(year, times, 0.5)
    out[1] = _quantile(year, times, 0.95)
    out[2] = _quantile(year, times, 0.99)


@njit(**FAST, parallel=True)
def many(rates, params, steps, shapes, times, hist, error, overload, low, part, hours, totals, out):
    """All fleets; `shapes[fleet]` says which table is its."""
    for fleet in prange(params.shape[0]):
        calm = np.zeros((HOURS, len(CLASSES), LEVELS))
        late = np.zeros((HOURS, WAITS))
        one(rates, params[fleet], steps[fleet], calm, late, hours[fleet], totals[fleet])
        s = shapes[fleet]
        _read(
            calm, late, hours[fleet], totals[fleet], times[s], hist[s], error[s], overload[s],
            low, part, out[fleet],
        )  # fmt: skip
