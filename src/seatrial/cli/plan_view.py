"""A plan on one screen of 80 columns: where, for how much, how sure, and what would change it."""

from __future__ import annotations

import math
import textwrap
from decimal import Decimal

from msgspec.structs import replace
from rich.markup import escape
from rich.padding import Padding

from seatrial.cli.common import out
from seatrial.cli.render import table
from seatrial.kernel.advice import Flip
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
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
    out.print(Padding(escape(shape(best.design)), (0, 0, 0, 2)))
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
        low = f" (at least {_percent(one.low)})" if one.low is not None else ""
        return f"{_percent(one.value)}{low}"
    around = f" ({one.low:.0f} to {one.high:.0f})" if one.low and one.high else ""
    return f"{one.value:.0f} {unit}{around}"


def _percent(value: float) -> str:
    """Cut, not rounded: what is below 100 % never reads as 100 %."""
    return f"{math.floor(value * 1000) / 1000:g} %"


def _name(made: Plan, one: Assessment) -> str:
    return next((v.name for v in made.platforms if v.platform == one.design.platform), "")


def _platforms(made: Plan) -> None:
    """What would do on one line each, then the others by what speaks against them."""
    found = sorted((v for v in made.platforms if v.best is not None), key=_standing)
    if found:
        shown = table("The best of each platform", "platform", "design", "a month", "peak p95",
                      right=("a month", "peak p95"))  # fmt: skip
        for verdict in found:
            shown.add_row(*_verdict(made, verdict))
        out.print(shown)
        out.print()
    refused: dict[str, list[str]] = {}
    for verdict in made.platforms:
        if verdict.best is None:
            refused.setdefault(_against(verdict), []).append(verdict.name)
    if refused:
        out.print("[bold]Not possible[/]")
    for why, names in sorted(refused.items(), key=lambda one: (-len(one[1]), one)):
        text = f"{', '.join(names)}: {why}"
        told = textwrap.fill(text, out.width, initial_indent="  ", subsequent_indent="    ")
        out.print(told, markup=False, soft_wrap=True)


def _against(verdict: PlatformVerdict) -> str:
    """The first reason against a platform, the one that can be helped least."""
    if not verdict.reasons:
        return "nothing to choose from there"
    first = verdict.reasons[0]
    if first.rule == "platform.wanted":
        return "left out by the settings, [plan]"
    return first.sentence.removeprefix(f"{verdict.name} ")


def _standing(verdict: PlatformVerdict) -> tuple[Decimal, str]:
    cost = verdict.best.bill.monthly_usd if verdict.best else None
    return (NEVER if cost is None else cost, verdict.name)


def _verdict(made: Plan, verdict: PlatformVerdict) -> tuple[str, str, str, str]:
    best = verdict.best
    assert best is not None, "only what would do has a row"
    chosen = made.chosen is not None and best.design == made.chosen.design
    name = f"[bold green]{escape(verdict.name)}[/]" if chosen else escape(verdict.name)
    p95 = _ms(best.promise.latency_ms_p95)
    return (name, escape(_short(best.design)), usd(best.bill.monthly_usd), p95)


def _short(design: Design) -> str:
    """The replicas of a design without what is beside them."""
    return shape(replace(design, database=None)).partition(" (")[0]


def _flips(made: Plan) -> None:
    found: dict[tuple[str, str], Flip] = {}
    for flip in made.flips:
        if flip.value is not None:
            # Traffic is asked about in several ways, which often come to the same.
            about = "requests" if "requests a day" in flip.assumption else flip.assumption
            found.setdefault((about, flip.to), flip)
    if not found:
        return
    shown = table("What would change it", "if", "from", "then", "a month",
                  right=("a month",))  # fmt: skip
    for flip in list(found.values())[:FLIPS]:
        cost = usd(flip.monthly_usd) if flip.monthly_usd is not None else ""
        what = flip.assumption.partition(",")[0]
        for verdict in made.platforms:
            what = what.replace(f"prices of {verdict.platform}", f"prices of {verdict.name}")
        shown.add_row(escape(what), escape(flip.value or ""), escape(_then(made, flip.to)), cost)
    out.print()
    out.print(shown)


def _then(made: Plan, design_id: str) -> str:
    """A design by its platform; by its size and replicas where the platform stays."""
    platform, _, rest = design_id.partition("/")
    if made.chosen is not None and platform == made.chosen.design.platform:
        return rest.partition("/")[2].partition("+")[0].partition("/")[0]
    return next((v.name for v in made.platforms if v.platform == platform), design_id)


def _relaxations(made: Plan) -> None:
    if not made.relaxations:
        return
    shown = table("The smallest change that makes one feasible", "setting", "asked", "needed",
                  "design", "a month", right=("a month",))  # fmt: skip
    for one in made.relaxations[:RELAXATIONS]:
        cost = usd(one.monthly_usd)
        asked, needed = escape(one.asked), escape(one.needed)
        shown.add_row(escape(one.key), asked, needed, escape(_then(made, one.design)), cost)
    out.print()
    out.print(shown)
