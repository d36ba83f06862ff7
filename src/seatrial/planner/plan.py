"""The decision: every design judged, the best simulated, ranked and explained."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from seatrial.assessor.assess import Question, assess, question
from seatrial.assessor.week import busiest_rps
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import THREADS, Design
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.platform import Catalog, Size
from seatrial.kernel.values import digest
from seatrial.kernel.workload import Workload
from seatrial.planner.advice import advice
from seatrial.planner.calibrate import calibrated
from seatrial.planner.explain import Counts, explain
from seatrial.planner.finals import Finals, Race, Simulate, without
from seatrial.planner.search import Found, order_of, search, with_dimensions
from seatrial.planner.whatif import WhatIf, whatif

REHEARSAL_UTILISATION = 0.5
"""This machine also runs the proxy and the load generator, so the app gets half of it."""


def plan(
    workload: Workload,
    demand: Demand,
    catalog: Catalog,
    machine: Size,
    replicas: int,
    evidence: LoadEvidence | None = None,
    simulate: Simulate | None = None,
) -> Plan:
    """Where the app should run, and why nothing else.

    `machine` is what ONE of `replicas` gets on this machine; `evidence` of an earlier trial of
    the same workload corrects the promises; `simulate` judges the best designs again. Same
    arguments, same bytes.
    """
    asked = question(workload, demand, catalog)
    here = _here(machine, replicas)
    if evidence is not None and evidence.workload_digest == digest(workload):
        modelled = assess(asked, here, evidence.rate_rps).promise
        asked = asked._replace(profile=calibrated(asked.profile, evidence, modelled))
    found = search(asked, machine)
    race = Race(found, simulate)
    winner = race.winner()
    # The machine code that simulates leaves the interpreter to others: what is asked around the
    # decision is answered while the places behind the first are still simulated.
    with ThreadPoolExecutor(1) as pool:
        last = pool.submit(race.finals)
        what = whatif(found, winner, machine)
    return _decided(found, last.result(), what, here)


def _decided(found: Found, last: Finals, what: WhatIf, here: Design) -> Plan:
    asked = found.asked
    costs = [a.bill.monthly_usd for a in last.ranked if a.bill.monthly_usd is not None]
    cheapest = min(costs, default=None)
    told = {one.design.id: one for one in last.ranked}

    def scored(one: Assessment | None) -> Assessment | None:
        """With its simulation, when it has one, and its dimensions, cost against the cheapest."""
        if one is None:
            return None
        return with_dimensions(asked, told.get(one.design.id, one), cheapest)

    ranked = tuple(filter(None, map(scored, last.ranked)))
    chosen = ranked[0] if ranked else None
    rejected, verdicts = without(found, last.dropped)
    verdicts = tuple(
        replace(verdict, best=scored(verdict.best), nearest=scored(verdict.nearest))
        for verdict in verdicts
    )
    buildable = scored(last.buildable)
    counts = Counts(found.considered, found.feasible - len(last.dropped))
    gone = {one.design.id for one in last.dropped}
    order = order_of(asked.demand)
    return Plan(
        app=asked.workload.app,
        workload_digest=digest(asked.workload),
        catalog_digest=asked.catalog.digest,
        demand=asked.demand,
        order=order,
        considered=counts.considered,
        feasible=counts.feasible,
        chosen=chosen,
        buildable=buildable,
        ranked=ranked,
        front=tuple(point for point in found.front if point.design not in gone),
        rejected=rejected,
        platforms=verdicts,
        rehearsal=_rehearsal(asked, here),
        explanation=explain(chosen, buildable, verdicts, counts, order),
        relaxations=what.relaxations,
        scenarios=what.scenarios,
        years=what.years,
        break_even=what.break_even,
        cheapest=what.cheapest,
        savings=what.savings,
        flips=what.flips,
        advice=advice(asked, chosen, what.phases),
    )


def _here(machine: Size, replicas: int) -> Design:
    return Design(
        platform="this-machine",
        region="here",
        size=machine.name,
        vcpu=machine.vcpu,
        memory_mib=machine.memory_mib,
        replicas_min=replicas,
        replicas_max=replicas,
        workers=max(1, int(machine.vcpu)),
        threads=THREADS,
    )


def _rehearsal(asked: Question, here: Design) -> Assessment:
    """What the model promises for this machine, at the part of the peak it can be asked for."""
    safe_rps = REHEARSAL_UTILISATION * assess(asked, here).promise.capacity_rps
    return assess(asked, here, min(busiest_rps(asked.demand.traffic), safe_rps))
