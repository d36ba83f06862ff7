"""Which of two designs is cheaper at how many daily users, and where that changes."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise

from msgspec.structs import replace

from seatrial.assessor.outlook import grown
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import BYTES_PER_GIB, Usage, load_balancer_units_hours
from seatrial.kernel.demand import Traffic
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.quote import BreakEven, Crossing, UserCost
from seatrial.kernel.units import DAYS_PER_MONTH, HOURS_PER_MONTH
from seatrial.kernel.values import Value

POINTS_PER_DECADE = 12
UTILISATION = 0.7
"""How busy the processors may be at the peak hour before one more replica is bought."""


BILLED_WORK = frozenset({"active_vcpu_seconds", "active_vcpu_hours", "request_gib_seconds"})
"""Meters of platforms that bill the time in which requests are worked on."""


class Users(Value):
    """What one daily user asks for, and how far the curve reaches.

    `duration_ms` is processor time of a request; `response_kib` what it answers.
    """

    requests_day: Decimal = Decimal(20)
    duration_ms: Decimal = Decimal(100)
    response_kib: Decimal = Decimal(16)
    fewest: int = 10
    most: int = 1_000_000


class Side(Value):
    """One of the two: its design at the fewest replicas, and what it uses beside the traffic."""

    design: Design
    platform: Platform
    usage: Usage


def break_even(one: Side, other: Side, book: PriceBook, users: Users) -> BreakEven:
    """The curve of both, and each number of users from which the other one is cheaper.

    Between two points where the order differs the change is found to the user by halving; a cost
    curve has steps, so within one twelfth of a decade a pair of changes can be passed over.
    """
    sides = (one, other)
    names = (one.platform.id, other.platform.id)
    if names[0] == names[1]:
        names = (f"{names[0]} ({one.design.size})", f"{names[1]} ({other.design.size})")
    points = [_point(sides, book, users, count) for count in _counts(users)]
    crossings: list[Crossing] = []
    for earlier, later in pairwise(points):
        before, after = _cheaper(earlier), _cheaper(later)
        if before is None or after is None or before == after:
            continue
        at = _change(sides, book, users, earlier.daily_users, later.daily_users, before)
        crossings.append(Crossing(daily_users=at, cheaper=names[after]))
    first = _cheaper(points[0])
    return BreakEven(
        platforms=names,
        assumptions=_assumptions(users),
        points=tuple(points),
        cheaper_at_first="" if first is None else names[first],
        crossings=tuple(crossings),
    )


def _assumptions(users: Users) -> tuple[str, ...]:
    return (
        f"a user asks {users.requests_day:f} times a day, "
        f"each {users.duration_ms:f} ms of processor time and {users.response_kib:f} KiB of answer",
        "the day has the shape of an evening site; replicas are added when their processors "
        f"would be busier than {UTILISATION:.0%} in its peak hour",
    )


def _counts(users: Users) -> list[int]:
    decades = math.log10(users.most / users.fewest)
    steps = max(1, math.ceil(decades * POINTS_PER_DECADE))
    counts = [round(users.fewest * 10 ** (decades * i / steps)) for i in range(steps + 1)]
    return sorted(set(counts))


def _point(sides: tuple[Side, Side], book: PriceBook, users: Users, count: int) -> UserCost:
    sized = [_sized(side, users, count) for side in sides]
    bills = [_cost(side, book, users, count, n) for side, n in zip(sides, sized, strict=True)]
    return UserCost(
        daily_users=count, replicas=(sized[0], sized[1]), monthly_usd=(bills[0], bills[1])
    )


def _sized(side: Side, users: Users, count: int) -> int:
    """Replicas for the peak hour; where the work itself is billed, those that always run."""
    if side.platform.kind == "functions":
        return 0
    if any(line.meter in BILLED_WORK for line in side.platform.bill):
        return side.design.replicas_min
    peak = Traffic(requests_per_day=float(count * users.requests_day)).peak_rps
    busy = peak * float(users.duration_ms) / 1000
    return max(side.design.replicas_min, math.ceil(busy / (side.design.vcpu * UTILISATION)))


def _cost(side: Side, book: PriceBook, users: Users, count: int, replicas: int) -> Decimal | None:
    requests = count * users.requests_day * DAYS_PER_MONTH
    answered = requests * users.response_kib * 1024
    speed = min(Decimal(1), Decimal(str(side.design.vcpu)))
    usage = replace(
        side.usage,
        requests_month=requests,
        request_duration_s_mean=users.duration_ms / 1000 / speed,
        egress_gib_month=side.usage.egress_gib_month + answered / BYTES_PER_GIB,
        load_balancer_units_hours=load_balancer_units_hours(
            float(requests / HOURS_PER_MONTH / 3600), float(users.response_kib * 1024)
        ),
    )
    made = grown(side.design, side.platform, book, usage, Decimal(1), max(1, replicas))
    return price(*made).monthly_usd


def _cheaper(point: UserCost) -> int | None:
    """Index of the cheaper one; none when a price is missing. Equal ones count as the first."""
    one, other = point.monthly_usd
    if one is None or other is None:
        return None
    return 0 if one <= other else 1


def _change(
    sides: tuple[Side, Side], book: PriceBook, users: Users, low: int, high: int, before: int
) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        if _cheaper(_point(sides, book, users, middle)) == before:
            low = middle
        else:
            high = middle
    return high
