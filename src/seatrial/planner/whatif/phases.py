"""The app's life in phases: how long each design carries it, and how to get to the next."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal, NamedTuple

from seatrial.assessor.assess import Question
from seatrial.kernel.advice import Change, Phase
from seatrial.kernel.assessment import Assessment
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.changes import changes, migration
from seatrial.planner.whatif.figures import first_true, plain, round_numbers

NAMES: tuple[Literal["start", "growth", "scale"], ...] = ("start", "growth", "scale")

HEADROOM = 4.0
"""A phase's design is the best one for so many times the traffic at which the phase begins: one
that carries two doublings is worth the work of a move."""

WORTH_A_MOVE = Decimal("1.25")
"""A design is left when it costs a quarter more than the best for the same traffic."""

REACH = 100
"""A phase is followed up to so many times the traffic at which it begins."""


class Stay(NamedTuple):
    """A design, and the requests a day from which and to which it is kept."""

    made: Assessment
    begins: float
    ends: float | None


def phases(bench: Bench, points: tuple[float, ...], chosen: Assessment) -> tuple[Phase, ...]:
    """The chosen design first, then what replaces it as traffic grows; at most three.

    `points` are the requests a day that curves are drawn at.

    A phase ends where its design breaks a rule, or costs a quarter more than the best design of
    the bench for that traffic. The next one's design is the best for four times the traffic it
    begins with, so that it lasts.
    """
    stays = _stays(bench, points, chosen)
    told: list[Phase] = []
    done: set[tuple[str, str]] = set()
    for number, (name, stay) in enumerate(zip(NAMES, stays, strict=False)):
        due = tuple(
            change for change in changes(bench.asked, stay.made.design)
            if (change.what, str(change.proof)) not in done
        )  # fmt: skip
        done |= {(change.what, str(change.proof)) for change in due}
        before = stays[number - 1].made.design if number else None
        steps = () if before is None else migration(bench.asked, before, stay.made.design)
        told.append(_phase(bench, name, stay, due, steps))
    return tuple(told)


def _stays(bench: Bench, points: tuple[float, ...], chosen: Assessment) -> list[Stay]:
    stays: list[Stay] = []
    made, begins = chosen, bench.today
    while len(stays) < len(NAMES):
        ends = _ends(bench, points, made, begins)
        following = None if ends is None else bench.best_wider(HEADROOM * ends)
        last = len(stays) == len(NAMES) - 1
        if ends is None or following is None or last:
            stays.append(Stay(made, begins, None))
            break
        stays.append(Stay(made, begins, ends))
        made, begins = bench.assessed(following.design, ends), ends
    return stays


def _ends(bench: Bench, points: tuple[float, ...], made: Assessment, begins: float) -> float | None:
    """The first round number of requests a day at which a design is no longer the one to keep.

    What it costs beside the best is looked at on the points of the curves, and between two of
    them on round numbers, once a later phase's headroom is used up. Under weights only the rules
    end a phase.
    """

    def breaks(value: Decimal) -> bool:
        return not bench.feasible(bench.assessed(made.design, float(value)))

    def dear(value: Decimal) -> bool:
        now = bench.assessed(made.design, float(value)).bill.monthly_usd
        best = bench.best_wider(float(value))
        if best is None or best.bill.monthly_usd is None or now is None:
            return False
        return now > WORTH_A_MOVE * best.bill.monthly_usd

    start = Decimal(str(begins))
    steps = [n for n in round_numbers(start, REACH * start) if n > start]
    at = first_true(steps, breaks)
    ends = None if at is None else steps[at]
    if bench.asked.demand.preferences.weights:
        return None if ends is None else float(ends)
    before = start if begins <= bench.today else Decimal(str(HEADROOM)) * start
    for point in (Decimal(str(p)) for p in points if p > before):
        if ends is not None and point >= ends:
            break
        if dear(point):
            between = [n for n in round_numbers(before, point) if n > before] or [point]
            at = first_true(between, dear)
            return float(point if at is None else between[at])
        before = point
    return None if ends is None else float(ends)


def _phase(
    bench: Bench, name: Literal["start", "growth", "scale"], stay: Stay,
    due: tuple[Change, ...], steps: tuple[str, ...],
) -> Phase:  # fmt: skip
    made = stay.made
    cost = made.bill.monthly_usd
    assert cost is not None, "a design without a price is never the best"
    until = None if stay.ends is None else bench.at(stay.ends).demand.traffic.peak_rps
    month = month_of(bench.asked, stay.begins)
    reached = f"when traffic reaches {plain(stay.begins)} requests a day"
    when = "now" if name == "start" else reached if month is None else f"month {month}, {reached}"
    return Phase(
        name=name, month=month or 0, peak_rps=bench.at(stay.begins).demand.traffic.peak_rps,
        until_rps=until, design=made.design.id, platform=made.design.platform, monthly_usd=cost,
        changes=due, migration=steps, when=when,
    )  # fmt: skip


def month_of(asked: Question, requests_day: float) -> int | None:
    """The month in which traffic reaches so many requests a day; none when it never does."""
    traffic = asked.demand.traffic
    if requests_day <= traffic.requests_per_day:
        return 0
    if traffic.growth_year <= 1:
        return None
    years = math.log(requests_day / traffic.requests_per_day) / math.log(traffic.growth_year)
    return math.floor(12 * years)
