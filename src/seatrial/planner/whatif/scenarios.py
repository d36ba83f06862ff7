"""The same app in other situations: what would be chosen for a prototype, at scale, in bursts."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.space import Commitments
from seatrial.kernel.advice import ScenarioChoice
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import SHAPES, Demand, Event
from seatrial.kernel.design import Design
from seatrial.kernel.platform import SPOT
from seatrial.kernel.units import usd
from seatrial.planner.whatif.bench import UNPROMISED, Bench
from seatrial.planner.whatif.changed import with_traffic
from seatrial.planner.whatif.figures import plain
from seatrial.planner.whatif.variants import committed, single

PROTOTYPE_REQUESTS = 1_000.0
SMALL_REQUESTS = 10_000.0
GROWING_REQUESTS = 100_000.0
LARGE_REQUESTS = 1_000_000.0
TEST_REQUESTS = 500.0
"""Requests a day: of what few people try, the upper ends of small and growing, ten times that for
what is large, and of a team's tests."""

SATURDAY_H, BURST_H, BURST_FACTOR = 5 * 24 + 14, 2.0, 20.0
"""A race on Saturday afternoon: twenty times the usual for two hours."""


class Situation(NamedTuple):
    """A name, what is changed in words, the demand, and the designs and rules that count."""

    name: str
    words: str
    demand: Demand
    alone: bool = False
    terms: bool = False


def situations(demand: Demand) -> tuple[Situation, ...]:
    """The six situations, each a change of the demand without its budget."""
    free = replace(demand, budget=replace(demand.budget, cost_usd_month=None))
    flat = replace(free, traffic=replace(
        free.traffic, hourly_weights=SHAPES["flat"], events=()
    ))  # fmt: skip
    office = replace(free, traffic=replace(
        free.traffic, hourly_weights=SHAPES["office"], events=()
    ))  # fmt: skip
    burst = Event(hour=SATURDAY_H, duration_h=BURST_H, factor=BURST_FACTOR)
    bursts = replace(free, traffic=replace(free.traffic, events=(burst,)))
    spot = replace(office.preferences, commitments=(SPOT,))
    return (
        Situation("prototype", f"{plain(PROTOTYPE_REQUESTS)} requests a day, one replica, no "
                  "service level", with_traffic(free, PROTOTYPE_REQUESTS), alone=True),
        Situation("small", f"{plain(SMALL_REQUESTS)} requests a day, all else as stated",
                  with_traffic(free, SMALL_REQUESTS)),
        Situation("growing", f"{plain(GROWING_REQUESTS)} requests a day, all else as stated",
                  with_traffic(free, GROWING_REQUESTS)),
        Situation("large", f"{plain(LARGE_REQUESTS)} requests a day around the clock, any "
                  "reservation", with_traffic(flat, LARGE_REQUESTS), terms=True),
        Situation("variable", f"as stated, and {plain(BURST_FACTOR)} times as much on Saturdays "
                  f"for {plain(BURST_H)} hours", bursts),
        Situation("dev/test", f"{plain(TEST_REQUESTS)} requests a day in working hours, one "
                  "replica, no service level, spot allowed",
                  replace(with_traffic(office, TEST_REQUESTS), preferences=spot), alone=True),
    )  # fmt: skip


def scenarios(bench: Bench) -> tuple[ScenarioChoice, ...]:
    """The best of the designs in each situation, and what the next platform would cost.

    Searched are the bench's designs, with one replica where one is enough, and scaled out where
    they end below the traffic; for commitments, each platform's best under every term sold.
    """
    return tuple(_choice(bench, one) for one in situations(bench.asked.demand))


def _choice(bench: Bench, one: Situation) -> ScenarioChoice:
    requests = one.demand.traffic.requests_per_day
    if one.alone:
        under = bench.under(one.demand, _on_spot(bench.asked, one, bench.designs), UNPROMISED)
        found = [under.best(requests, name) for name in _platforms(under)]
    else:
        under = bench.under(one.demand)
        found = [under.scale_out(name, requests) for name in _platforms(under)]
    made = [a for a in found if a is not None]
    if one.terms:
        made = _on_terms(under, made)
    return _told(one, sorted(made, key=under.key), len(_platforms(under)))


def _platforms(bench: Bench) -> tuple[str, ...]:
    return tuple(dict.fromkeys(design.platform for design in bench.designs))


def _on_spot(asked: Question, one: Situation, designs: tuple[Design, ...]) -> tuple[Design, ...]:
    """One replica of each design, also on spot capacity where the situation allows it."""
    alone = single(designs)
    if SPOT not in one.demand.preferences.commitments:
        return alone
    sold = Commitments(asked.catalog)
    return (*alone, *(d for d in committed(asked, sold, alone) if d.commitment == SPOT))


def _on_terms(bench: Bench, bests: list[Assessment]) -> list[Assessment]:
    """Each platform's best under the terms that make it cheapest; spot is not for a promise."""
    asked, demand = bench.asked, bench.asked.demand
    sold = Commitments(asked.catalog)
    every = [
        design for design in committed(asked, sold, (made.design for made in bests))
        if design.commitment != SPOT
    ]  # fmt: skip
    terms = tuple(sorted({design.commitment for design in every}))
    preferences = replace(demand.preferences, commitments=terms)
    under = bench.under(replace(demand, preferences=preferences), every)
    requests = demand.traffic.requests_per_day
    found = (under.best(requests, made.design.platform) for made in bests)
    return [made for made in found if made is not None]


def _told(one: Situation, made: list[Assessment], looked_at: int) -> ScenarioChoice:
    if not made:
        return ScenarioChoice(
            name=one.name, demand=one.words, design=None, platform="", monthly_usd=None,
            why=f"no design of the {looked_at} platforms looked at keeps every rule",
        )  # fmt: skip
    best = made[0]
    why = f"the best of {len(made)} platforms that keep every rule"
    if len(made) == 1:
        why = "the only platform that keeps every rule"
    elif best.bill.monthly_usd is not None and made[1].bill.monthly_usd is not None:
        more = made[1].bill.monthly_usd - best.bill.monthly_usd
        next_one = made[1].design.platform
        why += f"; {next_one}, the next, costs {usd(abs(more))} {'more' if more >= 0 else 'less'}"
    return ScenarioChoice(
        name=one.name, demand=one.words, design=best.design.id, platform=best.design.platform,
        monthly_usd=best.bill.monthly_usd, why=why,
    )  # fmt: skip
