"""The plan in sentences: why this, why nothing else, and how far it holds."""

from __future__ import annotations

from typing import NamedTuple

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.plan import PlatformVerdict
from seatrial.kernel.units import usd


class Counts(NamedTuple):
    """How many designs were considered, and how many of them keep every rule."""

    considered: int
    feasible: int


def shape(design: Design) -> str:
    """A design in words: replicas, what each gets, its database, and what runs beside."""
    words = f"{design.replicas_min} x {design.vcpu:g} vCPU, {design.memory_mib} MiB"
    if design.servers:
        words = f"{design.servers} x {design.size} ({design.vcpu:g} vCPU, {design.memory_mib} MiB)"
    if design.replicas_max != design.replicas_min:
        words = words.replace(
            f"{design.replicas_min} x", f"{design.replicas_min} to {design.replicas_max} x", 1
        )
    if design.database is not None:
        zones = "in two zones" if design.database.multi_az else "in one zone"
        words += f", PostgreSQL {design.database.instance} {zones}"
    for part in design.beside:
        words += f", {part.kind} {part.component} {part.replicas} x {part.vcpu:g} vCPU"
    if design.standby is not None:
        words += f", standby in {design.standby.region}"
    return words


def _milliseconds(value: float | None) -> str:
    return "without bound" if value is None else f"{value:.0f} ms"


def _why(chosen: Assessment, name: str, found: Counts, order: str) -> list[str]:
    design, told = chosen.design, chosen.promise
    return [
        f"{name} in {design.region}, {shape(design)}: {usd(chosen.bill.monthly_usd)} a month, "
        f"the first of {found.feasible:,} designs that keep every rule, of "
        f"{found.considered:,} considered; the order: {order}.",
        f"At the busiest time, {told.rate_rps:.1f} requests/s, the model promises p95 "
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
            lines.append(
                f"{verdict.name} would do, {shape(verdict.best.design)}, "
                f"for {usd(verdict.best.bill.monthly_usd)} a month: {_more(verdict.best, chosen)}."
            )
        else:
            lines.append(_why_not(verdict))
    return lines


def _more(other: Assessment, chosen: Assessment) -> str:
    one, cost = other.bill.monthly_usd, chosen.bill.monthly_usd
    assert one is not None and cost is not None, "what is ranked is priced"
    return f"{usd(one - cost)} more" if one >= cost else f"{usd(cost - one)} less"


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
    buildable: Assessment | None,
    verdicts: tuple[PlatformVerdict, ...],
    found: Counts,
    order: str,
) -> tuple[str, ...]:
    """Sentences for the report, the decision first; then what Seatrial can build, if another."""
    if chosen is None:
        head = f"No design of {found.considered:,} considered keeps every rule."
        return (head, *(_why_not(verdict) for verdict in sorted(verdicts, key=_distance)))
    names = {v.platform: v.name for v in verdicts}
    lines = _why(chosen, names[chosen.design.platform], found, order)
    if buildable is not None and buildable.design != chosen.design:
        lines.append(
            f"The first in this order that Seatrial writes the infrastructure of is "
            f"{names[buildable.design.platform]}, {shape(buildable.design)}, for "
            f"{usd(buildable.bill.monthly_usd)} a month."
        )
    return (*lines, *_others(chosen, verdicts))
