"""Bursts: arrivals whose counts in seconds and in minutes vary as stated.

A doubly stochastic Poisson process. The rate of a second is the mean rate r times a
gamma factor M of its minute times a gamma factor S of the second, both of mean one. With variances
m and s, counts in seconds and in minutes have variance over mean

    d1 = 1 + r (m + s + m s)        d60 = 1 + r (60 m + s + m s)

so m = (d60 - d1) / (59 r) and s follows. They are solved for each minute's own rate: the stated
dispersions hold at every hour. Where d60 < d1 (requests in step with each other, as when clients
poll), the factors of a minute's seconds are scaled to have mean one exactly, so that seconds
vary and minutes do not: d60 = 1 + 60 r m and 1 + r ((1 + m)(1 + s) - 1) = d1.

What is impossible: fewer than Poisson (below 1) counts as 1. Minutes cannot vary more than their
seconds let them, d60 - 1 <= 60 (d1 - 1), nor seconds more than their minutes, d1 <= d60 + 59 r: the
lower of the two is then raised to the least that the other allows (`reached` says to what).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.chance import log_gamma_draw, stream, uniform
from seatrial.assessor.simulate.kernels import kernel
from seatrial.assessor.simulate.shapes import Floats

SPREAD_MAX = 58.0
"""Largest variance of the factors of 60 seconds whose mean is one; 59 is all in one second."""

_NESTED = -1.0


def draw_minutes(rates: Floats, d1: float, d60: float, first: int, seed: int) -> Floats:
    """Arrival times of the minutes from number `first` on, with mean `rates` (minutes, 60)."""
    factors = solve(rates.mean(axis=1), d1, d60)
    expected = float(rates.sum())
    room = int(expected + 6 * math.sqrt(expected * (1 + max(d1, d60))) + 64)
    parts: list[Floats] = []
    done, found = 0, np.empty(2, np.int64)
    while done < rates.shape[0]:
        out = np.empty(room)
        _arrive(rates, *factors, first, done, seed, np.empty(60), out, found)
        count, done = found.tolist()
        parts.append(out[:count])
        # Rarely too small, when bursts are far above the mean: go on from the minute that did
        # not fit with twice the room.
        room *= 2
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def solve(rates: Floats, d1: float, d60: float) -> tuple[Floats, Floats, Floats]:
    """Variances of the minutes' and the seconds' factors at mean `rates` (n,), each (n,).

    The third array is the shape of each second's part of its minute where the seconds of a minute
    have mean one exactly, negative where they are independent.
    """
    low, high = max(d1, 1.0), max(d60, 1.0)
    low = max(low, 1.0 + (high - 1.0) / 60.0)
    rate = np.maximum(rates, 1e-12)
    both = (low - 1.0) / rate
    if high >= low:
        minute = (high - low) / (59.0 * rate)
        second = np.maximum(both - minute, 0.0) / (1.0 + minute)
        return minute, second, np.full(rate.size, _NESTED)
    minute = (high - 1.0) / (60.0 * rate)
    second = np.maximum((1.0 + both) / (1.0 + minute) - 1.0, 0.0)
    over = second > SPREAD_MAX
    minute = np.where(over, (1.0 + both) / (1.0 + SPREAD_MAX) - 1.0, minute)
    second = np.minimum(second, SPREAD_MAX)
    part = np.where(second > 0, (59.0 / np.maximum(second, 1e-12) - 1.0) / 60.0, _NESTED)
    return minute, second, part


def reached(rate: float, d1: float, d60: float) -> tuple[float, float]:
    """Dispersions of seconds and minutes that arrivals at a mean rate get when asked for these."""
    minute, second, part = (float(a[0]) for a in solve(np.array([rate]), d1, d60))
    if rate <= 0:
        return 1.0, 1.0
    both = minute + second + minute * second
    within = 0.0 if part > 0 else second * (1.0 + minute)
    return 1.0 + rate * both, 1.0 + rate * (60.0 * minute + within)


@kernel("f8[:,:]", "f8[:]", "f8[:]", "f8[:]", "i8", "i8", "i8", "f8[:]", "f8[:]", "i8[:]")
def _arrive(
    rates: Floats, minute_variance: Floats, second_variance: Floats, part: Floats,
    first: int, done: int, seed: int, factors: Floats, out: Floats, found: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Draw minutes from `done` on into `out`; found: arrivals, and the first minute undrawn.

    `factors` is room for those of a minute's seconds.
    """
    written = 0
    found[1] = rates.shape[0]
    for m in range(done, rates.shape[0]):
        key = stream(seed, 1, first + m)
        count = np.uint64(0)
        common = 1.0
        if minute_variance[m] > 0.0:
            shape = 1.0 / minute_variance[m]
            log, count = log_gamma_draw(key, count, shape)
            common = math.exp(log) / shape
        if part[m] > 0.0:
            highest = -math.inf
            for s in range(60):
                factors[s], count = log_gamma_draw(key, count, part[m])
                highest = max(highest, factors[s])
            total = 0.0
            for s in range(60):
                factors[s] = math.exp(factors[s] - highest)
                total += factors[s]
            for s in range(60):
                factors[s] *= 60.0 / total
        elif second_variance[m] > 0.0:
            shape = 1.0 / second_variance[m]
            for s in range(60):
                log, count = log_gamma_draw(key, count, shape)
                factors[s] = math.exp(log) / shape
        else:
            factors[:] = 1.0
        start = written
        for s in range(60):
            mean = rates[m, s] * common * factors[s]
            if mean <= 0.0:
                continue
            # Gaps of a Poisson process of rate one, in expected arrivals; it forgets at the end of
            # the second, where the next mean begins.
            at = -math.log(uniform(key, count))
            count += np.uint64(1)
            while at < mean:
                if written == out.size:
                    found[0], found[1] = start, m
                    return
                out[written] = (first + m) * 60.0 + s + at / mean
                written += 1
                at -= math.log(uniform(key, count))
                count += np.uint64(1)
    found[0] = written
