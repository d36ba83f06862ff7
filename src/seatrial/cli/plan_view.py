"""A plan on one screen of 80 columns: where, for how much, how sure, and what would change it."""

from __future__ import annotations

from decimal import Decimal

from rich.markup import escape

from seatrial.cli.common import out
from seatrial.cli.render import table
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.plan import Plan, PlatformVerdict
from seatrial.kernel.simulation import Estimate
from seatrial.kernel.units import usd
from seatrial.planner.explain import shape

NEVER = Decimal("Infinity")
FLIPS = 5
RELAXATIONS = 6


def plan(made: Plan) -> None:
    """The decision first, then the platforms, then what would change it."""
    if made.chosen is None:
        out.print(f"[bold red]{escape(made.app)}: no design keeps every rule[/]")
        out.print(f"{made.considered:,} designs considered")
    else:
        _chosen(made, made.chosen)
    out.print()
    _platforms(made)
    if made.chosen is None:
        _relaxations(made)
    else:
        _flips(made)


def _chosen(made: Plan, best: Assessment) -> None:
    name = _name(made, best)
    region = best.design.region
    out.print(f"[bold green]{escape(made.app)}: {escape(name)}[/], {region}", soft_wrap=True)
    out.print(f"  {escape(shape(best.design))}")
    slo, told = made.demand.slo, best.simulation
    cost = usd(best.bill.monthly_usd)
    if told is None:
        promise = best.promise
        p95 = f"p95 {_ms(promise.latency_ms_p95)}, p99 {_ms(promise.latency_ms_p99)} at the peak"
        held = f"{promise.availability_percent:g} % by the agreements"
    else:
        p95 = f"p95 {_interval(told.latency_ms_p95, 'ms')}"
        held = f"{_interval(told.availability_percent, '%')} simulated"
    out.print(f"  [bold]{cost}[/] a month")
    out.print(f"  {p95} (asked: {slo.latency_ms_p95:g} ms)")
    out.print(f"  available {held} (asked: {slo.availability_percent:g} %)")
    out.print(
        f"[dim]{made.considered:,} designs considered, {made.feasible:,} keep every rule; "
        f"order: {escape(made.order)}[/]"
    )
    built = made.buildable
    if built is not None and built.design != best.design:
        out.print(
            f"[yellow]Seatrial does not write {escape(name)} yet.[/] The best that it writes: "
            f"{escape(_name(made, built))}, {escape(shape(built.design))}, "
            f"{usd(built.bill.monthly_usd)} a month."
        )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def _interval(one: Estimate, unit: str) -> str:
    if one.value is None:
        return "without bound"
    if unit == "%":
        low = f" (at least {one.low:.4g} %)" if one.low is not None else ""
        return f"{one.value:.4g} %{low}"
    around = f" ({one.low:.0f} to {one.high:.0f})" if one.low and one.high else ""
    return f"{one.value:.0f} {unit}{around}"


def _name(made: Plan, one: Assessment) -> str:
    return next((v.name for v in made.platforms if v.platform == one.design.platform), "")


def _platforms(made: Plan) -> None:
    shown = table(
        "The best of each platform", "platform", "design", "a month", "p95",
        right=("a month", "p95"),
    )  # fmt: skip
    for verdict in sorted(made.platforms, key=_standing):
        shown.add_row(*_verdict(made, verdict))
    out.print(shown)


def _standing(verdict: PlatformVerdict) -> tuple[bool, Decimal, str]:
    cost = verdict.best.bill.monthly_usd if verdict.best else None
    return (verdict.best is None, NEVER if cost is None else cost, verdict.name)


def _verdict(made: Plan, verdict: PlatformVerdict) -> tuple[str, str, str, str]:
    best = verdict.best
    if best is None:
        why = verdict.reasons[0].sentence if verdict.reasons else "nothing to choose from there"
        return (escape(verdict.name), f"[red]no[/]: {escape(why)}", "", "")
    chosen = made.chosen is not None and best.design == made.chosen.design
    name = f"[bold green]{escape(verdict.name)}[/]" if chosen else escape(verdict.name)
    p95 = _ms(best.promise.latency_ms_p95)
    return (name, escape(shape(best.design)), usd(best.bill.monthly_usd), p95)


def _flips(made: Plan) -> None:
    found = [flip for flip in made.flips if flip.value is not None][:FLIPS]
    if not found:
        return
    shown = table("What would change it", "assumption", "now", "from", "then", "a month",
                  right=("a month",))  # fmt: skip
    for flip in found:
        cost = usd(flip.monthly_usd) if flip.monthly_usd is not None else ""
        then = (escape(flip.assumption), escape(flip.now), escape(flip.value or ""))
        shown.add_row(*then, escape(flip.to), cost)
    out.print()
    out.print(shown)


def _relaxations(made: Plan) -> None:
    if not made.relaxations:
        return
    shown = table("The smallest change that makes one feasible", "setting", "asked", "needed",
                  "design", "a month", right=("a month",))  # fmt: skip
    for one in made.relaxations[:RELAXATIONS]:
        cost = usd(one.monthly_usd)
        shown.add_row(one.key, escape(one.asked), escape(one.needed), escape(one.design), cost)
    out.print()
    out.print(shown)
