"""What if: everything that is asked around a decision, from the few designs that could win."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from seatrial.kernel.advice import (
    CheapestFrom,
    Flip,
    Phase,
    PlatformYears,
    Relaxation,
    Saving,
    ScenarioChoice,
)
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Size
from seatrial.kernel.quote import BreakEven
from seatrial.planner.search import Found
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.changed import pool_of
from seatrial.planner.whatif.curves import break_even, cheapest, curves
from seatrial.planner.whatif.flips import flips
from seatrial.planner.whatif.phases import phases
from seatrial.planner.whatif.relax import relaxations
from seatrial.planner.whatif.reserved import reserved_servers
from seatrial.planner.whatif.savings import savings
from seatrial.planner.whatif.scenarios import scenarios
from seatrial.planner.whatif.years import all_years


class WhatIf(NamedTuple):
    """The parts of a plan that say what would change it, and what it comes to over time."""

    relaxations: tuple[Relaxation, ...] = ()
    scenarios: tuple[ScenarioChoice, ...] = ()
    years: tuple[PlatformYears, ...] = ()
    break_even: tuple[BreakEven, ...] = ()
    savings: tuple[Saving, ...] = ()
    flips: tuple[Flip, ...] = ()
    phases: tuple[Phase, ...] = ()
    cheapest: tuple[CheapestFrom, ...] = ()


def whatif(found: Found, chosen: Assessment | None, machine: Size) -> WhatIf:
    """Answers from the search's envelope, which is assessed again under changed demands.

    The catalogue is not searched again, except for platforms that the demand excludes when
    nothing else is feasible; what each part looks at is said there. Without a chosen design there
    are only relaxations and scenarios. Same arguments, same answers.
    """
    asked = found.asked
    bench = Bench(asked, pool_of(found, chosen))
    if chosen is None:
        return WhatIf(relaxations=relaxations(bench, machine), scenarios=scenarios(bench))
    bench = _settled(bench, chosen)
    demand = asked.demand
    roomy = bench
    if demand.budget.cost_usd_month is not None:
        free = replace(demand, budget=replace(demand.budget, cost_usd_month=None))
        roomy = _settled(bench.under(free), chosen)
    money = roomy
    if demand.preferences.weights:
        unweighted = replace(roomy.asked.demand.preferences, weights={})
        money = roomy.under(replace(roomy.asked.demand, preferences=unweighted))
    drawn = curves(money)
    bests = [v.best for v in found.platforms if v.best is not None]
    if chosen.design.platform not in {best.design.platform for best in bests}:
        bests.append(chosen)
    mine = [chosen if b.design.platform == chosen.design.platform else b for b in bests]
    return WhatIf(
        scenarios=scenarios(bench),
        years=all_years(asked, mine),
        break_even=(
            *break_even(money, drawn, chosen.design.platform),
            *reserved_servers(money, drawn),
        ),
        savings=savings(bench, chosen),
        flips=flips(bench, chosen),
        phases=phases(roomy, drawn.requests_day, chosen),
        cheapest=cheapest(money, drawn),
    )


def _settled(bench: Bench, chosen: Assessment) -> Bench:
    """Without the designs that stand before the chosen one: something else spoke against them."""
    best = bench.best(bench.today)
    refused: set[str] = set()
    while best is not None and best.design.id != chosen.design.id:
        refused.add(best.design.id)
        kept: tuple[Design, ...] = tuple(d for d in bench.designs if d.id not in refused)
        bench = bench.under(bench.asked.demand, kept)
        best = bench.best(bench.today)
    return bench
