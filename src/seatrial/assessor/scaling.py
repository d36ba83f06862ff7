"""The replicas that follow the load through a week, and their hours in a month."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from seatrial.assessor.profile import Profile
from seatrial.assessor.promise import Load, counts_requests, wanted_at, within
from seatrial.assessor.week import HOURS_PER_WEEK, Level, levels
from seatrial.kernel.demand import Demand
from seatrial.kernel.platform import Platform
from seatrial.kernel.units import HOURS_PER_MONTH

Wanted = tuple[tuple[float, int], ...]
"""Hours of the week with the replicas that are wanted in them."""


def wanted_hours(demand: Demand, profile: Profile, one: Load, platform: Platform) -> Wanted:
    """The replicas that a platform which follows the load wants through the week."""
    return _wanted(levels(demand.traffic), profile, one, counts_requests(platform))


@lru_cache(maxsize=1024)
def _wanted(week: tuple[Level, ...], profile: Profile, one: Load, at_once: bool) -> Wanted:
    return tuple((level.hours, wanted_at(profile, one, at_once, level.rate_rps)) for level in week)


def scaled_hours(wanted: Wanted, least: int, most: int) -> Decimal:
    """Replica-hours a month of what is wanted, within a range."""
    week = sum(hours * within(replicas, least, most) for hours, replicas in wanted)
    return Decimal(str(round(week * float(HOURS_PER_MONTH) / HOURS_PER_WEEK, 3)))
