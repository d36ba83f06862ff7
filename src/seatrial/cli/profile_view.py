"""A workload on one screen: components, what they need, and the dangers by severity."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from seatrial.cli.common import out
from seatrial.kernel.workload import Component, Fact, Service, Workload
from seatrial.profiler.rules import rules

SEVERITIES = {"high": "bold red", "medium": "yellow", "low": "cyan"}
SHOWN_DANGERS = 6
SHOWN_TEXT = 110
SHOWN_NAMES = 6
NEEDS = {
    "size.installed": "installed", "size.image": "image", "memory.worker-estimate": "memory",
    "gpu.wanted": "GPU", "gpu.optional": "GPU",
}  # fmt: skip


def workload(found: Workload, everything: bool = False) -> None:
    """What the app is and how it starts, what it needs, what is dangerous, how fast it is."""
    titles = " + ".join(dict.fromkeys(f"{c.framework} {c.kind}" for c in found.components))
    out.print(f"[bold]{escape(found.app)}[/]: {escape(titles)}")
    _components(found)
    _needs(found)
    _dangers(_facts(found), everything)
    for component in found.components:
        if component.measured is not None or everything:
            _measured(component)
    if everything:
        _all(_facts(found))


def _facts(found: Workload) -> list[Fact]:
    """All facts, each once: components share files."""
    unique = {
        (f.rule, f.subject, f.value, f.proof.file, f.proof.line): f
        for component in found.components
        for f in component.facts
    }
    return list(unique.values())


def _grid() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _components(found: Workload) -> None:
    table = _grid()
    for component in found.components:
        table.add_row(f"[bold]{escape(component.name)}[/]", escape(" ".join(component.command)))
        why = next((f for f in component.facts if f.rule.startswith("entry.")), None)
        if why is not None:
            place = _place(why)
            how = f"{why.value}, {place}" if why.rule == "entry.guessed" else f"as in {place}"
            sure = f", {why.confidence:.0%} sure" if why.confidence < 1 else ""
            table.add_row("", f"[dim]{escape(how + sure)}[/]")
        others = [f.subject for f in component.facts if f.rule == "entry.candidates"]
        if others:
            table.add_row("", f"[dim]also there: {escape(_listed(others))}[/]")
    out.print(table)


def _needs(found: Workload) -> None:
    table = _grid()
    facts = _facts(found)
    if found.python_requires:
        table.add_row("Python", escape(found.python_requires))
    source = f" from {found.requirements_file}" if found.requirements_file else ""
    table.add_row("packages", escape(f"{len(found.dependencies)}{source}"))
    for fact in facts:
        if fact.rule in NEEDS:
            value = fact.subject if fact.rule.startswith("gpu.") else fact.value
            table.add_row(NEEDS[fact.rule], escape(_cut(value)))
    system = [f.subject for f in facts if f.rule == "system.package"]
    if system:
        table.add_row("system", escape(_listed(system)))
    for kind, text in _services(found).items():
        table.add_row(kind, escape(text))
    wanted = [f.subject for f in facts if f.rule == "env.read" and f.value == "required"]
    if wanted:
        table.add_row("must be set", escape(_listed(wanted)))
    if found.build:
        table.add_row("built by", escape("; ".join(" ".join(argv) for argv in found.build)))
    routes = sum(len(component.routes) for component in found.components)
    if routes:
        table.add_row("routes", f"{routes}")
    out.print()
    out.print(table)


def _services(found: Workload) -> dict[str, str]:
    """The services by their kind: whose, by which variable, where in the source."""
    unique: dict[str, dict[str, Service]] = {}
    for component in found.components:
        for service in component.services:
            unique.setdefault(service.kind, {}).setdefault(service.provider, service)
    told: dict[str, str] = {}
    for kind, services in unique.items():
        first, names = next(iter(services.values())), [name for name in services if name]
        by = f" by {first.env}" if first.env else ""
        optional = "" if any(one.required for one in services.values()) else ", optional"
        whose = _listed(names) + " " if names != [kind] else ""
        place = _place(first)
        told[kind] = f"{whose}{by.strip()}{optional} ({place})".strip(", ")
    return told


def _place(told: Fact | Service) -> str:
    return f"{told.proof.file}:{told.proof.line}" if told.proof.line else told.proof.file


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 1].rstrip(" ,") + "…"


def _listed(names: list[str]) -> str:
    shown = ", ".join(dict.fromkeys(names[:SHOWN_NAMES]))
    return f"{shown} and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else shown


def _dangers(facts: Iterable[Fact], everything: bool) -> None:
    """The dangers, one a rule, the worst first; every place of a rule counts."""
    order = list(SEVERITIES)
    bad = [fact for fact in facts if fact.severity in SEVERITIES]
    bad.sort(key=lambda f: (order.index(f.severity), f.rule, f.proof.file, f.proof.line))
    if not bad:
        out.print("\nno dangers found", style="green")
        return
    groups = [(rule, list(inside)) for rule, inside in groupby(bad, key=lambda f: f.rule)]
    counts = ", ".join(
        f"{sum(f.severity == one for f in bad)} {one}"
        for one in order
        if any(f.severity == one for f in bad)
    )
    out.print(f"\n[bold]Dangers[/] ({counts})")
    shown = groups if everything else groups[:SHOWN_DANGERS]
    table = _grid()
    for rule, inside in shown:
        first = inside[0]
        style = SEVERITIES[first.severity]
        more = f" and {len(inside) - 1} more" if len(inside) > 1 else ""
        table.add_row(f"[{style}]{first.severity}[/]", escape(rules()[rule].title))
        detail = f"{first.subject} {first.value}".strip()
        table.add_row("", f"[dim]{escape(f'{_place(first)}  {_cut(detail)}{more}')}[/]")
        table.add_row("", escape(f"fix: {first.fix}"))
    out.print(table)
    if len(shown) < len(groups):
        out.print(f"{len(groups) - len(shown)} more kinds of danger: --all", style="dim")


def _measured(component: Component) -> None:
    measured = component.measured
    if measured is not None:
        out.print(
            f"\n[bold]Measured[/] {escape(component.name)}: first answer after "
            f"{measured.boot_s:.2f} s, {measured.memory_mib_worker:.0f} MiB a worker"
        )
    table = Table(box=None, pad_edge=False)
    for column in ("route", "median", "p95", "processor", "answered"):
        table.add_column(column, justify="left" if column == "route" else "right", overflow="fold")
    for route in component.routes:
        time, name = route.service_time, escape(f"{','.join(route.methods)} {route.path}")
        if time is None:
            table.add_row(name, "", "", "", escape(route.unmeasured or "not measured"))
            continue
        middle, high = len(time.quantiles_ms) // 2, int(0.95 * len(time.quantiles_ms))
        table.add_row(
            name, *(_ms(one) for one in (time.quantiles_ms[middle], time.quantiles_ms[high])),
            _ms(time.cpu_ms_mean), f"{time.requests}x",
        )  # fmt: skip
    out.print(table)
    if measured is not None and measured.concurrency:
        steps = ", ".join(f"{c.requests}: {_ms(c.latency_ms_p50)}" for c in measured.concurrency)
        out.print(escape(f"in flight on {measured.concurrency_route}: {steps} at the median"))


def _ms(value: float) -> str:
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def _all(facts: Iterable[Fact]) -> None:
    table = Table(box=None, pad_edge=False, title="\nFacts", title_justify="left")
    for column in ("rule", "what", "where"):
        table.add_column(column, overflow="fold")
    for fact in facts:
        if fact.severity == "info":
            what = f"{fact.subject} {fact.value}".strip()
            table.add_row(fact.rule, escape(what), escape(str(fact.proof)))
    out.print(table)
