"""A design, its platform and its demand as what the simulator takes: fleet, arrivals, failures."""

from __future__ import annotations

from seatrial.assessor.simulate.failure_events import FailureCase
from seatrial.assessor.simulate.failures import conditions, replica_rps
from seatrial.assessor.simulate.providers import provider_of, share
from seatrial.kernel.demand import Llm, Traffic
from seatrial.kernel.design import Design
from seatrial.kernel.platform import SPOT, Platform, Scaling
from seatrial.kernel.simulation import Arrivals, Fleet, HourOutlook, Policy, PolicyKind, RouteLaw
from seatrial.kernel.workload import Component

TIMEOUT_S = 60.0
"""Where a platform sets no limit: the idle timeout that load balancers come with."""

START_S = 60.0
"""Where no source says how long a platform takes to start a replica."""

POLICIES: dict[str, PolicyKind] = {
    "target-tracking": "target-tracking",
    "step": "step",
    "rules": "step",
    "hpa": "hpa",
    "keda": "hpa",
    "knative": "knative",
}
TARGET = 0.6
"""Busy share that scaling aims at: room for the time that a new replica takes."""

STEPS = ((TARGET, 1.0), (TARGET + 0.2, 2.0), (TARGET / 2, -1.0))
"""Of step scaling where the platform's rules are the user's: one more at the aim, two more well
above it, one less at half of it."""

OUTSIDE = frozenset({"llm"})


def arrivals_of(traffic: Traffic) -> Arrivals:
    """The week of a demand."""
    return Arrivals(
        requests_day=traffic.requests_per_day,
        weekly_weights=traffic.weekly_weights,
        dispersion_1s=traffic.dispersion_1s,
        dispersion_60s=traffic.dispersion_60s,
        growth_year=traffic.growth_year,
        events=traffic.events,
    )


def fleet_of(design: Design, platform: Platform, boot_s: float | None) -> Fleet:
    """The replicas of a design: where requests wait, how they are spread, and how they scale.

    The runtime starts one server process per worker, each with its own accepting threads, so each
    worker has a queue of its own; load balancers spread by turns.
    """
    functions = platform.kind == "functions"
    limit = platform.limits.request_s
    start = platform.scaling.start_s
    return Fleet(
        replicas_min=0 if functions else design.replicas_min,
        replicas_max=design.replicas_max,
        workers=1 if functions else design.workers,
        slots=1 if functions else design.threads,
        vcpu=design.vcpu,
        queue="replica" if functions else "worker",
        timeout_s=min(TIMEOUT_S, limit.value) if limit is not None else TIMEOUT_S,
        start_s=(start.value if start is not None else START_S) + (boot_s or 0.0),
        zones=min(platform.capabilities.zones, max(1, design.replicas_min)),
        policy=policy_of(design, platform.scaling, functions),
    )


def policy_of(design: Design, scaling: Scaling, functions: bool) -> Policy:
    """The platform's way of scaling, where the design leaves it room."""
    if functions:
        return Policy(kind="per-request")
    if design.replicas_max == design.replicas_min or scaling.mechanism == "none":
        return Policy(kind="fixed")
    if scaling.mechanism == "per-request":
        return Policy(kind="cloud-run", target=TARGET)
    kind = POLICIES[scaling.mechanism]
    usual = Policy()
    return Policy(
        kind=kind,
        target=TARGET,
        period_s=scaling.period_s.value if scaling.period_s else usual.period_s,
        cooldown_out_s=scaling.cooldown_out_s.value
        if scaling.cooldown_out_s
        else usual.cooldown_out_s,
        cooldown_in_s=scaling.cooldown_in_s.value if scaling.cooldown_in_s else usual.cooldown_in_s,
        steps=STEPS if kind == "step" else (),
    )


def case_of(
    design: Design,
    platform: Platform,
    component: Component,
    fleet: Fleet,
    laws: tuple[RouteLaw, ...],
    week: tuple[HourOutlook, ...],
    llm: Llm,
) -> FailureCase:
    """What the failures of a design depend on, from its platform's failure model."""
    rate, mean_s = replica_rps(fleet, laws)
    restart = platform.failure.restart_s
    needed = any(service.kind in OUTSIDE and service.required for service in component.services)
    standby = design.database is not None and design.database.multi_az
    return FailureCase(
        fleet=fleet,
        replica_rps=rate,
        conditions=conditions([hour.rate_rps for hour in week], [hour.replicas for hour in week]),
        mean_s=mean_s,
        hosts=design.servers,
        restart_s=restart.value if restart is not None else None,
        zone_loss=platform.failure.zone_loss,
        region_loss=platform.failure.region_loss,
        region=design.region,
        standby=design.standby is not None,
        standby_lag_s=design.standby.lag_s if design.standby else None,
        database="none" if design.database is None else "standby" if standby else "single",
        llm_share=share(laws) if needed else 0.0,
        provider=provider_of(llm),
        spot_share=1.0 if SPOT in design.commitment.split("+") else 0.0,
    )
