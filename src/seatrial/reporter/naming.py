"""How platforms and designs are called in sentences and tables."""

from __future__ import annotations

from decimal import Decimal

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.plan import Plan, PlatformVerdict
from seatrial.kernel.platform import ON_DEMAND
from seatrial.reporter.words import TIMES, brief, count, memory, number

UNITS = ("ms", "percent", "rps")


def platform_name(plan: Plan, platform: str) -> str:
    """The platform's name as its vendor writes it, or its id where the plan has no row for it."""
    found = next((row.name for row in plan.platforms if row.platform == platform), platform)
    return brief(found)


def replicas(design: Design) -> str:
    """`2 replicas`, `2 to 6 replicas`."""
    if design.replicas_min == design.replicas_max:
        return count(design.replicas_min, "replica")
    return f"{design.replicas_min:,} to {design.replicas_max:,} replicas"


def describe(design: Design) -> str:
    """A design in words: replicas, what each gets, process model, database, region."""
    parts = [
        f"{replicas(design)} of {number(design.vcpu)} vCPU and {memory(design.memory_mib)}",
        f"{count(design.workers, 'worker')} {TIMES} {count(design.threads, 'thread')} each",
    ]
    if design.servers:
        parts.append(f"on {count(design.servers, 'server')} of {design.size}")
    if design.database:
        standby = ", standby in another zone" if design.database.multi_az else ""
        parts.append(
            f"PostgreSQL {design.database.instance} with {design.database.storage_gib} GiB{standby}"
        )
    parts += [
        f"{one.kind} {one.component}: {count(one.replicas, 'replica')} of {number(one.vcpu)} vCPU "
        f"and {memory(one.memory_mib)}"
        for one in design.beside
    ]
    parts += [" ".join(part for part in (one.kind, one.size) if part)
              for one in design.services if one.kind != "llm"]  # fmt: skip
    if design.standby:
        parts.append(f"a standby in {design.standby.region}")
    if design.commitment != ON_DEMAND:
        parts.append(f"bought as {design.commitment}")
    return "; ".join(parts)


def short(design: Design) -> str:
    """A design in a table cell, without its platform: `eu-west-1/1vcpu-2gbx2`."""
    return design.id.removeprefix(f"{design.platform}/")


def platform_labels(plan: Plan) -> dict[str, str]:
    """The platforms' names by id, each its own: two of the same name get their ids."""
    names = {row.platform: brief(row.name) for row in plan.platforms}
    said = list(names.values())
    return {
        key: name if said.count(name) == 1 else brief(f"{name} ({key})")
        for key, name in names.items()
    }


def called(plan: Plan, design: str) -> str:
    """The platform's name of a design that is known by its id."""
    return platform_name(plan, design.split("/")[0])


def in_order(plan: Plan) -> list[PlatformVerdict]:
    """The platforms as a reader wants them: chosen, feasible by cost, then those that do not do."""
    chosen = plan.chosen.design.platform if plan.chosen else ""

    def place(verdict: PlatformVerdict) -> tuple[bool, bool, bool, Decimal, str]:
        item = shown(verdict)
        cost = item.bill.monthly_usd if item else None
        return (
            verdict.platform != chosen,
            verdict.best is None,
            cost is None,
            Decimal(0) if cost is None else cost,
            verdict.platform,
        )

    return sorted(plan.platforms, key=place)


def figure_name(figure: str) -> str:
    """A compared figure in words: `latency_ms_p95` is `latency p95`; the unit stands beside it."""
    return " ".join(word for word in figure.split("_") if word not in UNITS)


def shown(verdict: PlatformVerdict) -> Assessment | None:
    """The design that stands for a platform: its best, else the one that came nearest."""
    return verdict.best if verdict.best is not None else verdict.nearest
