"""The plan in sentences: why this, why nothing else, and how far it holds."""

from __future__ import annotations

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.plan import PlatformVerdict
from seatrial.kernel.units import usd
from seatrial.planner.rank import cost_order


def shape(design: Design) -> str:
    """A design in words: replicas, what each gets, and its database."""
    words = f"{design.replicas_min} x {design.vcpu:g} vCPU, {design.memory_mib} MiB"
    if design.servers:
        words = f"{design.servers} x {design.size} ({design.vcpu:g} vCPU, {design.memory_mib} MiB)"
    if design.database is not None:
        zones = "in two zones" if design.database.multi_az else "in one zone"
        words += f", PostgreSQL {design.database.instance} {zones}"
    return words


def _milliseconds(value: float | None) -> str:
    return "without bound" if value is None else f"{value:.0f} ms"


def _why(chosen: Assessment, name: str, feasible: int, considered: int) -> list[str]:
    design, told = chosen.design, chosen.promise
    return [
        f"{name} in {design.region}, {shape(design)}: {usd(chosen.bill.monthly_usd)} a month, "
        f"the cheapest of {feasible} designs that keep every rule, of {considered} considered.",
        f"At the peak hour, {told.rate_rps:.1f} requests/s, the model promises p95 "
        f"{_milliseconds(told.latency_ms_p95)} and p99 {_milliseconds(told.latency_ms_p99)} at "
        f"{100 * told.utilisation:.0f} % utilisation; it carries {told.capacity_rps:.0f} "
        "requests/s at most.",
    ]


def _others(chosen: Assessment, verdicts: tuple[PlatformVerdict, ...]) -> list[str]:
    lines = []
    for verdict in sorted(verdicts, key=_distance):
        if verdict.platform == chosen.design.platform:
            continue
        if verdict.best is not None:
            more = cost_order(verdict.best)[0] - cost_order(chosen)[0]
            lines.append(
                f"{verdict.name} would do, {shape(verdict.best.design)}, "
                f"for {usd(verdict.best.bill.monthly_usd)} a month: {usd(more)} more."
            )
        else:
            lines.append(_why_not(verdict))
    return lines


def _distance(verdict: PlatformVerdict) -> tuple[bool, int]:
    """What would do first, then what fewest rules speak against."""
    return (verdict.best is None, len(verdict.reasons))


def _why_not(verdict: PlatformVerdict) -> str:
    if verdict.nearest is None:
        return f"{verdict.name}: no design was considered."
    reasons = "; ".join(reason.sentence for reason in verdict.reasons)
    return f"Not {verdict.name}: the nearest design ({shape(verdict.nearest.design)}): {reasons}."


def explain(
    chosen: Assessment | None,
    verdicts: tuple[PlatformVerdict, ...],
    considered: int,
) -> tuple[str, ...]:
    """Sentences for the report, the decision first."""
    feasible = sum(verdict.feasible for verdict in verdicts)
    if chosen is None:
        head = f"No design of {considered} considered keeps every rule."
        return (head, *(_why_not(verdict) for verdict in sorted(verdicts, key=_distance)))
    name = next(v.name for v in verdicts if v.platform == chosen.design.platform)
    return (*_why(chosen, name, feasible, considered), *_others(chosen, verdicts))
