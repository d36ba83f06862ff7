"""Rules about what was promised to users: availability and latency, computed and simulated."""

from __future__ import annotations

from seatrial.assessor.case import (
    Case,
    Found,
    catalogue_proof,
    settings_proof,
)
from seatrial.assessor.promise import capacity_rps, load_of, rate_of, replicas_wanted, within
from seatrial.assessor.week import busiest_rps

FREE_PERCENT = 99.0
"""Availability, seven hours a month, up to which nobody has to promise it."""


def service_level(case: Case) -> Found | None:
    """The parts' service level agreements carry the availability that was asked for.

    Up to 99 % none has to stand behind a design: the simulation alone says what to expect.
    """
    asked, given = case.demand.slo.availability_percent, case.promise.availability_percent
    if given is not None and given >= asked:
        return None
    sentence = (
        f"no service level agreement stands behind it, {asked:g} % was asked for"
        if given is None
        else f"the parts' agreements multiply to {given:.3f} %, {asked:g} % was asked for"
    )
    return Found(
        "risk" if given is None and asked <= FREE_PERCENT else "violated",
        sentence,
        catalogue_proof(case, "slo.availability"),
        "ask for less in [slo] availability_percent, or add redundancy",
    )


def survives_a_replica(case: Case) -> Found | None:
    """From three nines up, losing one replica leaves enough capacity at every rate of the week.

    Where replicas follow the load, each number of them is judged at the highest rate it serves.
    """
    design, platform, profile = case.design, case.platform, case.profile
    if case.demand.slo.availability_percent < 99.9 or platform.kind == "functions":
        return None
    alone, peak = load_of(design, platform, 1), busiest_rps(case.demand.traffic)
    one = capacity_rps(profile, alone)
    most = within(
        replicas_wanted(profile, alone, platform, peak), design.replicas_min, design.replicas_max
    )
    for replicas in range(max(1, design.replicas_min), most + 1):
        last = replicas == most
        rate = peak if last else min(peak, rate_of(profile, alone, platform, replicas))
        if rate > 0 and one * (replicas - 1) <= rate:
            sentence = (
                f"with one of {replicas} replicas lost, {one * (replicas - 1):.1f} requests/s are "
                f"left of {rate:.1f}"
            )
            proof = settings_proof("[slo] availability_percent", "capacity.n-minus-1")
            return Found("violated", sentence, proof, "one more replica")
    return None


def _latency(case: Case, name: str, promised: float | None, asked: float) -> Found | None:
    if promised is not None and promised <= asked:
        return None
    sentence = (
        f"the queue never empties at {case.promise.rate_rps:.1f} requests/s: it carries "
        f"{case.promise.capacity_rps:.1f}"
        if promised is None
        else f"{name} would be {promised:.0f} ms at the peak, {asked:g} ms was asked for"
    )
    return Found(
        "violated",
        sentence,
        settings_proof(f"[slo] latency_ms_{name}", f"slo.latency-{name}"),
        "more or larger replicas",
    )


def latency_p95(case: Case) -> Found | None:
    """The 95th percentile at the peak hour keeps the SLO."""
    return _latency(case, "p95", case.promise.latency_ms_p95, case.demand.slo.latency_ms_p95)


def latency_p99(case: Case) -> Found | None:
    """The 99th percentile at the peak hour keeps the SLO."""
    return _latency(case, "p99", case.promise.latency_ms_p99, case.demand.slo.latency_ms_p99)


def simulated(case: Case) -> Found | None:
    """The latencies of the simulated week and the availability keep the SLO, where simulated."""
    if case.simulation is None:
        return None
    slo, held = case.demand.slo, case.simulation.availability_percent
    if held.value is not None and held.value < slo.availability_percent:
        lowest = "" if held.low is None else f" (at least {held.low:.4g} %)"
        return Found(
            "violated",
            f"simulated, {held.value:.4g} % of requests are answered{lowest}, "
            f"{slo.availability_percent:g} % was asked for",
            settings_proof("[slo] availability_percent", "slo.simulated"),
            "more replicas, fewer cold starts, or a fallback for language models",
        )
    for name, told, asked in (
        ("p95", case.simulation.latency_ms_p95, slo.latency_ms_p95),
        ("p99", case.simulation.latency_ms_p99, slo.latency_ms_p99),
    ):
        if told.value is None or told.value > asked:
            shown = "without bound" if told.value is None else f"{told.value:.0f} ms"
            within = (
                "" if told.low is None or told.high is None
                else f" (95 % interval {told.low:.0f} to {told.high:.0f})"
            )  # fmt: skip
            return Found(
                "violated",
                f"simulated over a week, {name} is {shown}{within}, {asked:g} ms was asked for",
                settings_proof(f"[slo] latency_ms_{name}", "slo.simulated"),
                "more or larger replicas",
            )
    return None
