"""The week of a demand as few levels of load: how many hours run at which rate."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from seatrial.kernel.demand import Event, Traffic

HOURS_PER_WEEK = 168


class Level(NamedTuple):
    """So many hours of the week at so many requests a second."""

    rate_rps: float
    hours: float


def levels(traffic: Traffic) -> tuple[Level, ...]:
    """The levels of the week, the quietest first; their hours sum to 168.

    Every day is alike but for the events, which repeat each week; where two of them meet, their
    factors multiply.
    """
    return _levels(traffic.requests_per_day, traffic.hourly_weights, traffic.events)


def busiest_rps(traffic: Traffic) -> float:
    """The mean rate of the busiest time of the week, events among it."""
    return levels(traffic)[-1].rate_rps


def requests_per_day(traffic: Traffic) -> float:
    """Requests of a mean day of the week, events among them."""
    if not traffic.events:
        return traffic.requests_per_day
    week = sum(level.rate_rps * level.hours for level in levels(traffic))
    return week * 3600 / 7


@lru_cache(maxsize=64)
def _levels(
    requests_day: float, weights: tuple[float, ...], events: tuple[Event, ...]
) -> tuple[Level, ...]:
    total = sum(weights)
    ends = {float(hour) for hour in range(HOURS_PER_WEEK + 1)}
    for event in events:
        ends |= {event.hour % HOURS_PER_WEEK, (event.hour + event.duration_h) % HOURS_PER_WEEK}
    marks = sorted(ends)
    found: dict[float, float] = {}
    for start, end in pairwise(marks):
        middle = (start + end) / 2
        rate = requests_day * weights[int(middle) % len(weights)] / total / 3600
        for event in events:
            if (middle - event.hour) % HOURS_PER_WEEK < event.duration_h:
                rate *= event.factor
        found[rate] = found.get(rate, 0.0) + end - start
    return tuple(Level(rate, found[rate]) for rate in sorted(found))
