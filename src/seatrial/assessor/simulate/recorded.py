"""Recorded arrival times: replayed, scaled to another rate, and what they tell of traffic.

A recording repeats after its last arrival and one mean gap. Dispersion is that of counts within
hours: from the counts of minutes a straight line in each hour is taken off, because the rate's own
shape is not a burst, and the model has that shape (`arrivals`).
"""

from __future__ import annotations

import math

import numpy as np

from seatrial.assessor.simulate.shapes import Floats
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Arrivals

ARRIVALS_MAX = 100_000_000
"""Most arrivals at once: 800 MB. Longer stretches are drawn in parts."""

MINUTES_MIN = 5
"""Fewer whole minutes tell nothing of their dispersion."""

_HOUR_SEEN_S = 1800.0


def ordered(recorded: Floats, where: str) -> Floats:
    """The recorded times when they can be replayed; `InputError` with the first that cannot."""
    if recorded.ndim != 1 or recorded.size < 2:
        raise InputError("fewer than two arrivals", where=where, fix="give a longer trace")
    bad = np.flatnonzero(~np.isfinite(recorded) | (recorded < 0))
    if bad.size:
        raise InputError(
            f"{recorded[bad[0]]} s is no time of an arrival", where=f"{where}[{bad[0]}]",
            fix="give finite seconds from 0 up",
        )  # fmt: skip
    late = np.flatnonzero(np.diff(recorded) < 0)
    if late.size:
        at = int(late[0]) + 1
        raise InputError(
            f"{recorded[at]:.6f} s comes after {recorded[at - 1]:.6f} s",
            where=f"{where}[{at}]", fix="sort the trace by time",
        )  # fmt: skip
    if recorded[-1] <= recorded[0]:
        raise InputError(
            "all arrivals are at one time", where=where, fix="give a trace that lasts longer"
        )
    return recorded


def from_zero(recorded: Floats, where: str) -> Floats:
    """`recorded` when it is in order and starts about where its clock does."""
    ordered(recorded, where)
    if recorded[0] > 7 * 86400 + recorded[-1] - recorded[0]:
        raise InputError(
            f"the first arrival is at {recorded[0]:.0f} s", where=f"{where}[0]",
            fix="give seconds from the start of the recording, not dates",
        )  # fmt: skip
    return recorded


def period_of(trace: Floats) -> float:
    """After how long recorded arrivals repeat: their last time and one mean gap."""
    return float(trace[-1] + (trace[-1] - trace[0]) / (trace.size - 1))


def rate_of(trace: Floats, t: Floats) -> Floats:
    """Mean rate of the recorded minute that each of `t` falls into, the recording repeated."""
    period = period_of(trace)
    edges = np.append(np.arange(0.0, period, 60.0), period)
    widths = np.diff(edges)
    counts = np.bincount((trace // 60.0).astype(np.int64), minlength=widths.size)[: widths.size]
    minutes = ((t % period) // 60.0).astype(np.int64)
    found: Floats = (counts / widths)[np.minimum(minutes, widths.size - 1)]
    return found


def replay(trace: Floats, start: float, end: float, loop: bool) -> Floats:
    """The recorded times from `start` to `end`, repeated when `loop`, on the simulation's clock."""
    period = period_of(trace)
    if (end - start) / period * trace.size > ARRIVALS_MAX:
        raise InputError(
            f"more than {ARRIVALS_MAX:,} arrivals", where="duration_s",
            fix="replay a shorter time, or windows of it",
        )  # fmt: skip
    parts = []
    for turn in range(int(start // period), int(end // period) + 1) if loop else range(1):
        low, high = np.searchsorted(trace, (start - turn * period, end - turn * period))
        parts.append(trace[low:high] + turn * period)
    return np.concatenate(parts)


def rescaled(trace: Floats, requests_day: float, seed: int) -> Floats:
    """Recorded times at another daily rate, as `arrivals.scaled` says."""
    expected = requests_day * period_of(trace) / 86400.0
    if expected > ARRIVALS_MAX:
        raise InputError(
            f"more than {ARRIVALS_MAX:,} arrivals", where="requests_day", fix="ask for fewer"
        )
    factor = expected / trace.size
    if abs(factor - 1) < 1e-9:
        return trace
    chance = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(2,))))
    copies = int(factor) + (chance.random(trace.size) < factor - int(factor))
    again = np.repeat(trace, np.maximum(copies - 1, 0))
    again = np.clip(again + chance.random(again.size) - 0.5, trace[0], trace[-1])
    made = np.sort(np.concatenate((trace[copies > 0], again)))
    if made.size < 2 or made[-1] <= made[0]:
        raise InputError(
            f"{requests_day:g} requests a day leave nothing of the trace",
            where="requests_day", fix="ask for more, or give a longer trace",
        )  # fmt: skip
    return made


def dispersion(
    times: Floats, start_s: float | None = None, duration_s: float | None = None
) -> tuple[float, float]:
    """Variance over mean of the counts in seconds and in minutes, the hours' shape taken off.

    Counted from `start_s` for `duration_s`, by default over the whole minutes that `times`
    cover. With fewer than `MINUTES_MIN` of them both are that of seconds. The variance of
    seconds is the one within minutes and the one between them.
    """
    t = ordered(np.asarray(times, dtype=np.float64), "times")
    if start_s is None:
        # A first arrival shortly after a full minute belongs to a window from that minute.
        start_s = math.ceil(t[0] / 60.0 - 0.05) * 60.0
        if t[-1] - start_s < MINUTES_MIN * 60:
            start_s = math.floor(t[0])
    seconds = int((t[-1] if duration_s is None else start_s + duration_s) - start_s)
    if seconds < 2:
        raise InputError("lasts less than two seconds", where="times", fix="give a longer trace")
    slots = np.floor(t - start_s)
    slots = slots[(slots >= 0) & (slots < seconds)].astype(np.int64)
    if not slots.size:
        raise InputError("no arrivals in the time", where="times", fix="give a longer trace")
    counts = np.bincount(slots, minlength=seconds).astype(np.float64)
    minutes = seconds // 60
    if minutes < MINUTES_MIN:
        d1 = float(counts.var(ddof=1) / counts.mean())
        return d1, d1
    table = counts[: minutes * 60].reshape(minutes, 60)
    totals = table.sum(axis=1)
    if totals.sum() == 0:
        raise InputError("no arrivals in whole minutes", where="times", fix="give a longer trace")
    between = _about_lines(totals)
    within = float(table.var(axis=1, ddof=1).mean())
    mean = float(table.mean())
    return (within * 59 / 60 + between / 3600) / mean, between / (60 * mean)


def _about_lines(totals: Floats) -> float:
    """Variance of the minutes' counts about a straight line through each hour."""
    squares, weight = 0.0, 0
    for block in np.array_split(totals, max(1, round(totals.size / 60))):
        x = np.arange(block.size) - (block.size - 1) / 2
        rest = block - block.mean() - x * (x @ block) / (x @ x)
        squares += float(rest @ rest) * block.size / (block.size - 2)
        weight += block.size
    return squares / weight


def fit(times: Floats, hour: float = 0.0) -> Arrivals:
    """Arrivals like the recorded ones, whose second 0 was at `hour` of the week.

    The hours of the week get the rates they had. A recording of less than a week tells the hours
    of the day, the same each day; one of less than a day tells its rate and its bursts.
    """
    t = from_zero(np.asarray(times, dtype=np.float64), "times")
    if not 0 <= hour < math.inf:
        raise InputError(f"{hour} is no hour", where="hour", fix="give 0 to 168, from Monday")
    period = period_of(t)
    first = hour % 168.0
    borders = (np.arange(math.floor(first), math.ceil(first + period / 3600) + 1) - first) * 3600
    edges = np.clip(borders, 0.0, period)
    counts, spans = np.histogram(t, edges)[0].astype(np.float64), np.diff(edges)
    hours = (math.floor(first) + np.arange(spans.size)) % 168
    rates = np.full(168, t.size / period)
    for fold in (168, 24):
        seen = np.bincount(hours % fold, weights=spans, minlength=fold)
        if (seen >= _HOUR_SEEN_S).all():
            rates = np.bincount(hours % fold, weights=counts, minlength=fold) / seen
            rates = np.tile(rates, 168 // fold)
            break
    d1, d60 = dispersion(t, 0.0 if t[0] < 60 else None)
    mean = float(rates.mean())
    return Arrivals(
        requests_day=mean * 86400.0,
        weekly_weights=tuple((rates / mean).tolist()),
        dispersion_1s=max(1.0, d1),
        dispersion_60s=max(1.0, d60),
    )
