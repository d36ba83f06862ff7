"""When requests come: rates over a week and a year, bursts, and recorded times again.

The clock is seconds from Monday midnight, local time, of the first week. An hour's weight is its
mean rate; within the hour the rate follows a straight line towards its neighbours, so that a fleet
sees a morning rise and not a step. Growth is compound, events repeat each week.

Bursts are drawn as `bursts` has it; recorded times come again as `recorded` has it.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.bursts import draw_minutes, reached
from seatrial.assessor.simulate.recorded import (
    ARRIVALS_MAX,
    dispersion,
    fit,
    from_zero,
    period_of,
    rate_of,
    replay,
    rescaled,
)
from seatrial.assessor.simulate.shapes import Floats, limited_slopes
from seatrial.assessor.simulate.windows import Window, stratified
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Arrivals

WEEK_S = 168 * 3600.0
YEAR_S = 365 * 86400.0

_CHUNK_MINUTES = 1440

__all__ = [
    "WEEK_S", "YEAR_S", "Window", "check", "dispersion", "fit", "notes", "period_s", "rate_rps",
    "reached", "scaled", "times", "windows",
]  # fmt: skip


def rate_rps(arrivals: Arrivals, t_s: npt.ArrayLike) -> Floats:
    """Mean requests per second at the times `t_s`, shaped as they are; bursts not counted.

    Of recorded times it is the mean over the minute that `t_s` falls into.
    """
    check(arrivals)
    t = np.asarray(t_s, dtype=np.float64)
    if not np.isfinite(t).all() or (t < 0).any():
        raise InputError(
            "a time is negative or not finite", where="t_s", fix="give seconds from 0 up"
        )
    if arrivals.trace_s:
        return rate_of(_trace(arrivals), t)
    weights = np.asarray(arrivals.weekly_weights, dtype=np.float64)
    weights = weights / weights.mean()
    hours = (t / 3600.0) % 168.0
    cell = np.minimum(hours.astype(np.int64), 167)
    shape = weights[cell] + limited_slopes(weights, ring=True)[cell] * (hours - cell - 0.5)
    rate = arrivals.requests_day / 86400.0 * shape * arrivals.growth_year ** (t / YEAR_S)
    for event in arrivals.events:
        inside = (hours - event.hour) % 168.0 < event.duration_h
        rate = np.where(inside, rate * event.factor, rate)
    positive: Floats = np.maximum(rate, 0.0)
    return positive


def times(
    arrivals: Arrivals,
    start_s: float,
    duration_s: float,
    seed: int,
    *,
    requests_day: float | None = None,
    loop: bool = True,
) -> Floats:
    """Arrival times from `start_s` for `duration_s`, sorted, on the clock of the week.

    Every minute is drawn by itself from the seed and its number: stretches that overlap have the
    same arrivals where they do. Recorded times come exactly as recorded, again and again after
    `period_s`, or only once when `loop` is false. `requests_day` scales to another daily rate.
    """
    if requests_day is not None:
        arrivals = scaled(arrivals, requests_day, seed)
    check(arrivals)
    if not (0 <= start_s < math.inf and 0 <= duration_s < math.inf):
        raise InputError(
            f"from {start_s} s for {duration_s} s is no time to simulate",
            where="start_s, duration_s", fix="give finite seconds from 0 up",
        )  # fmt: skip
    if not 0 <= seed < 2**63:
        raise InputError(f"{seed} is no seed", where="seed", fix="give 0 to 2^63 - 1")
    if arrivals.trace_s:
        return replay(_trace(arrivals), start_s, start_s + duration_s, loop)
    first, last = int(start_s // 60), math.ceil((start_s + duration_s) / 60)
    parts, count = [], 0
    for minute in range(first, last, _CHUNK_MINUTES):
        part = _draw(arrivals, minute, min(minute + _CHUNK_MINUTES, last), seed, count)
        count += part.size
        parts.append(part)
    if not parts:
        return np.empty(0)
    drawn = parts[0] if len(parts) == 1 else np.concatenate(parts)
    low, high = np.searchsorted(drawn, (start_s, start_s + duration_s))
    return drawn[low:high]


def _draw(arrivals: Arrivals, first: int, last: int, seed: int, before: int) -> Floats:
    rates = rate_rps(arrivals, np.arange(first * 60, last * 60) + 0.5).reshape(-1, 60)
    if not before + float(rates.sum()) <= ARRIVALS_MAX:
        raise InputError(
            f"more than {ARRIVALS_MAX:,} arrivals", where="duration_s",
            fix="simulate a shorter time, or windows of it",
        )  # fmt: skip
    return draw_minutes(rates, arrivals.dispersion_1s, arrivals.dispersion_60s, first, seed)


def scaled(arrivals: Arrivals, requests_day: float, seed: int = 0) -> Arrivals:
    """The same arrivals at another daily rate.

    Drawn arrivals keep their dispersions: more users who do not know of each other. Of recorded
    ones each is kept with the chance that is asked for; above the recorded rate each is repeated,
    the copies up to half a second away. So recorded bursts grow with the rate: a dispersion d
    becomes 1 + f (d - 1), and in seconds more where copies stay together, which is pessimistic.
    """
    if not 0 <= requests_day < math.inf:
        raise InputError(
            f"{requests_day} requests a day", where="requests_day", fix="give a number from 0 up"
        )
    if not arrivals.trace_s:
        return msgspec.structs.replace(arrivals, requests_day=requests_day)
    made = rescaled(_trace(arrivals), requests_day, seed)
    return msgspec.structs.replace(
        arrivals, requests_day=requests_day, trace_s=tuple(made.tolist())
    )


def period_s(arrivals: Arrivals) -> float:
    """After how long arrivals repeat: a week, or the recorded time and one mean gap."""
    return period_of(_trace(arrivals)) if arrivals.trace_s else WEEK_S


def windows(arrivals: Arrivals, count: int, duration_s: float, seed: int) -> tuple[Window, ...]:
    """At most `count` windows that stand for the first week, or for the recorded time.

    The week is cut into slots of about `duration_s`; events, peak hours, nights and the rest are
    strata, each cut into bands of slots of about one rate, and of each band one slot is drawn. More
    windows than slots are not made: then every slot is a window. Fewer windows than strata join the
    smallest strata.
    """
    period = period_s(arrivals)
    middles = np.minimum(np.arange(0.0, period, 60.0) + 30.0, period * (1 - 1e-12))
    if arrivals.trace_s:
        event = np.zeros(middles.size, dtype=np.bool_)
    else:
        event = _in_event(arrivals, middles / 3600.0)
    return stratified(rate_rps(arrivals, middles), event, period, count, duration_s, seed)


def _in_event(arrivals: Arrivals, hours: Floats) -> npt.NDArray[np.bool_]:
    inside = np.zeros(hours.size, dtype=np.bool_)
    for event in arrivals.events:
        if event.factor > 1:
            inside |= (hours - event.hour) % 168.0 < event.duration_h
    return inside


def notes(arrivals: Arrivals) -> tuple[str, ...]:
    """What a simulation has to say of its arrivals: what was asked for and cannot be."""
    if arrivals.trace_s:
        return (f"recorded arrivals, repeated every {period_s(arrivals):,.0f} s",)
    rate = arrivals.requests_day / 86400.0
    wanted = (arrivals.dispersion_1s, arrivals.dispersion_60s)
    got = reached(rate, *wanted)
    return tuple(
        f"counts in {span} vary {have:.3g} times as much as Poisson, not {want:.3g}"
        for span, want, have in zip(("seconds", "minutes"), wanted, got, strict=True)
        if rate > 0 and abs(have - want) > 1e-6 * max(want, 1.0)
    )


def check(arrivals: Arrivals) -> None:
    """Raises `InputError` for arrivals that cannot be: what is wrong, where, and what to do."""
    if arrivals.trace_s:
        from_zero(_trace(arrivals), "trace_s")
        return
    weights = arrivals.weekly_weights
    checks = (
        ("requests_day", 0 <= arrivals.requests_day <= 1e12, "0 to 1e12"),
        (
            "weekly_weights",
            len(weights) == 168
            and all(0 <= w < math.inf for w in weights)
            and 0 < sum(weights) < math.inf,
            "168 numbers from 0 up, one above 0",
        ),
        ("dispersion_1s", 0 <= arrivals.dispersion_1s < math.inf, "a number from 0 up"),
        ("dispersion_60s", 0 <= arrivals.dispersion_60s < math.inf, "a number from 0 up"),
        ("growth_year", 0 < arrivals.growth_year <= 1000, "a number above 0, at most 1000"),
        (
            "events",
            all(
                0 <= e.hour <= 168 and 0 < e.duration_h <= 168 and 0 <= e.factor < math.inf
                for e in arrivals.events
            ),
            "from hour 0 to 168, of at most 168 hours, with a factor from 0 up",
        ),
    )
    for where, good, wanted in checks:
        if not good:
            raise InputError("cannot be simulated", where=where, fix=f"give {wanted}")


def _trace(arrivals: Arrivals) -> Floats:
    return np.asarray(arrivals.trace_s, dtype=np.float64)
