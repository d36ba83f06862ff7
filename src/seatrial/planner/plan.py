"""The decision: every design of every platform, assessed, ranked and explained."""

from __future__ import annotations

from seatrial.assessor.assess import Question, assess, question
from seatrial.assessor.space import THREADS
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.platform import Catalog, Size
from seatrial.kernel.values import digest
from seatrial.kernel.workload import Workload
from seatrial.planner.calibrate import calibrated
from seatrial.planner.enumerate import designs
from seatrial.planner.explain import explain
from seatrial.planner.rank import outranked, ranked, rejected, verdict

RANKED_MAX = 10

REHEARSAL_UTILISATION = 0.5
"""This machine also runs the proxy and the load generator, so the app gets half of it."""


def plan(
    workload: Workload,
    demand: Demand,
    catalog: Catalog,
    machine: Size,
    replicas: int,
    evidence: LoadEvidence | None = None,
) -> Plan:
    """Where the app should run, and why nothing else.

    `machine` is what ONE of `replicas` gets on this machine; `evidence` of an earlier trial of
    the same workload corrects the promises. Same arguments, same bytes.
    """
    asked = question(workload, demand, catalog)
    here = _here(machine, replicas)
    if evidence is not None and evidence.workload_digest == digest(workload):
        modelled = assess(asked, here, evidence.rate_rps).promise
        asked = asked._replace(profile=calibrated(asked.profile, evidence, modelled))
    assessments = tuple(
        assess(asked, design)
        for design in designs(catalog, demand, machine, asked.profile.memory_mib_worker, asked.book)
    )
    best = ranked(assessments)
    verdicts = tuple(verdict(platform, assessments) for platform in catalog.platforms)
    chosen = best[0] if best else None
    return Plan(
        app=workload.app,
        workload_digest=digest(workload),
        catalog_digest=catalog.digest,
        demand=demand,
        considered=len(assessments),
        chosen=chosen,
        ranked=best[:RANKED_MAX],
        outranked=outranked(best[RANKED_MAX:]),
        rejected=rejected(assessments),
        platforms=verdicts,
        rehearsal=_rehearsal(asked, here),
        explanation=explain(chosen, verdicts, len(assessments)),
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
    return assess(asked, here, min(asked.demand.traffic.peak_rps, safe_rps))
