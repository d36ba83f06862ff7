"""Which platform is the cheapest at how much traffic: curves, crossings, and the lower envelope."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from seatrial.kernel.advice import CheapestFrom
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Traffic
from seatrial.kernel.quote import BreakEven, Crossing, UserCost
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.figures import first_true, plain, round_numbers

REQUESTS_PER_USER = 20.0
"""A user's requests a day where the demand does not state its users; the settings' default."""

DECADES_DOWN, DECADES_UP = 1, 2
POINTS_PER_DECADE = 3
"""Curves reach from a tenth of today's traffic to a hundred times as much."""


class Curve(NamedTuple):
    """One platform's best design at each traffic of the grid, none where nothing does."""

    platform: str
    best: tuple[Assessment | None, ...]

    def usd(self, at: int) -> Decimal | None:
        """The monthly bill at one point."""
        made = self.best[at]
        return None if made is None else made.bill.monthly_usd


class Curves(NamedTuple):
    """All platforms over the same requests a day."""

    requests_day: tuple[float, ...]
    platforms: tuple[Curve, ...]

    def of(self, platform: str) -> Curve | None:
        """The curve of that platform."""
        return next((c for c in self.platforms if c.platform == platform), None)


def grid(traffic: Traffic) -> tuple[float, ...]:
    """Requests a day that curves are drawn at; today's is one of them."""
    steps = range(-DECADES_DOWN * POINTS_PER_DECADE, DECADES_UP * POINTS_PER_DECADE + 1)
    today = traffic.requests_per_day
    found = {round(today * 10 ** (step / POINTS_PER_DECADE)) for step in steps if step}
    return tuple(sorted({float(n) for n in found if n >= 1} | {today}))


def curves(bench: Bench) -> Curves:
    """Each platform's best over the grid, scaled out where the bench's designs end.

    Searched are the designs of the bench and, above what they carry, more replicas of the two
    shapes of the platform that carry most for their money.
    """
    points = grid(bench.asked.demand.traffic)
    names = dict.fromkeys(design.platform for design in bench.designs)
    found = []
    for name in names:
        best = tuple(bench.scale_out(name, point) for point in points)
        if any(best):
            found.append(Curve(name, best))
    return Curves(points, tuple(found))


def users_of(traffic: Traffic, requests_day: float) -> int:
    """Daily users behind so many requests a day."""
    each = REQUESTS_PER_USER
    if traffic.daily_users:
        each = traffic.requests_per_day / traffic.daily_users
    return max(1, round(requests_day / each))


def break_even(bench: Bench, all_of: Curves, chosen: str) -> tuple[BreakEven, ...]:
    """The chosen platform beside each other one, and where they cross.

    At each point both have the best design that keeps every rule at that traffic. Between two
    points where the order differs the crossing is searched over numbers of two digits; a pair of
    crossings between two points is passed over.
    """
    mine = all_of.of(chosen)
    if mine is None:
        return ()
    others = [curve for curve in all_of.platforms if curve.platform != chosen]
    return tuple(pair(bench, all_of.requests_day, (mine, other)) for other in others)


def pair(
    bench: Bench, points: tuple[float, ...], sides: tuple[Curve, Curve], second: str = ""
) -> BreakEven:
    """Two curves of one bench; `second` is what the other one is called if not by its platform."""
    mine, other = sides
    traffic, names = bench.asked.demand.traffic, (mine.platform, second or other.platform)
    told, crossings, first = [], [], ""
    for at, requests in enumerate(points):
        told.append(UserCost(
            daily_users=users_of(traffic, requests),
            replicas=(_replicas(mine.best[at]), _replicas(other.best[at])),
            monthly_usd=(mine.usd(at), other.usd(at)),
        ))  # fmt: skip
    for low, high in pairwise(range(len(points))):
        before, after = _cheaper(mine.usd(low), other.usd(low)), _cheaper(
            mine.usd(high), other.usd(high)
        )  # fmt: skip
        first = first or ("" if before is None else names[before])
        if before is None or after is None or before == after:
            continue
        between = (points[low], points[high])
        at_requests = _crossing(bench, (mine.platform, other.platform), between, after)
        crossings.append(Crossing(daily_users=users_of(traffic, at_requests), cheaper=names[after]))
    return BreakEven(
        platforms=names, assumptions=_assumptions(traffic), points=tuple(told),
        cheaper_at_first=first, crossings=tuple(crossings),
    )  # fmt: skip


def _replicas(made: Assessment | None) -> int:
    return 0 if made is None else made.design.replicas_min


def _cheaper(one: Decimal | None, other: Decimal | None) -> int | None:
    """Index of the cheaper one, what nothing does last; none when neither does."""
    if one is None and other is None:
        return None
    if one is None or other is None:
        return 1 if one is None else 0
    return 0 if one <= other else 1


def _crossing(
    bench: Bench, names: tuple[str, str], between: tuple[float, float], after: int
) -> float:
    """The first round number of requests a day at which the other one is cheaper."""

    def changed(value: Decimal) -> bool:
        bills = [bench.scale_out(name, float(value)) for name in names]
        one, other = (None if b is None else b.bill.monthly_usd for b in bills)
        return _cheaper(one, other) == after

    low, high = between
    steps = round_numbers(Decimal(str(low)), Decimal(str(high)))
    at = first_true(steps, changed)
    return high if at is None else float(steps[at])


def _assumptions(traffic: Traffic) -> tuple[str, ...]:
    if traffic.daily_users:
        each = plain(round(traffic.requests_per_day / traffic.daily_users, 1))
        users = f"a user asks {each} times a day, as stated"
    else:
        users = f"a user asks {plain(REQUESTS_PER_USER)} times a day; nobody stated how many do"
    return (
        users,
        "the day has the demand's shape, and at each traffic both have their cheapest design that "
        "keeps every rule",
    )


def cheapest(bench: Bench, all_of: Curves) -> tuple[CheapestFrom, ...]:
    """Which platform is the best from how many requests a day on, over the whole grid.

    The first entry stands for the lowest traffic that was looked at.
    """
    winners: list[tuple[float, Assessment | None]] = []
    for at, requests in enumerate(all_of.requests_day):
        made = [c.best[at] for c in all_of.platforms]
        feasible = [a for a in made if a is not None]
        winners.append((requests, min(feasible, key=bench.key, default=None)))
    told: list[CheapestFrom] = []
    for number, (requests, winner) in enumerate(winners):
        name = "" if winner is None else winner.design.platform
        if told and told[-1].platform == name:
            continue
        begins = requests
        if number:
            begins, winner = _change(bench, winners[number - 1][0], requests, name, winner)
        told.append(CheapestFrom(
            requests_per_day=begins, daily_users=users_of(bench.asked.demand.traffic, begins),
            platform=name, design=None if winner is None else winner.design.id,
            monthly_usd=None if winner is None else winner.bill.monthly_usd,
        ))  # fmt: skip
    return tuple(told)


def _change(
    bench: Bench, low: float, high: float, name: str, winner: Assessment | None
) -> tuple[float, Assessment | None]:
    """From which round number on the platform is the best, and its design there."""

    def changed(value: Decimal) -> bool:
        found = bench.best_wider(float(value))
        return (found.design.platform if found else "") == name

    steps = round_numbers(Decimal(str(math.nextafter(low, high))), Decimal(str(high)))
    at = first_true(steps, changed)
    return (high, winner) if at is None else (float(steps[at]), bench.best_wider(float(steps[at])))
