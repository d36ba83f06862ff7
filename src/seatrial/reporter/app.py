"""What the app is: components, services, routes with service times, facts with file and line."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.kernel.workload import Component, Route, Workload
from seatrial.reporter.model import Block, Cell, Column, Facts, Figure, Ref, Section, Table
from seatrial.reporter.refs import References, profile_proof, proof_refs
from seatrial.reporter.words import DASH, count, joined, memory, ms, place, quantile, seconds, size

FACTS_SHOWN = 200
ROUTES_SHOWN = 200


def app(workload: Workload, refs: References, charts: Iterable[str]) -> Section:
    """What was found in the source and measured by booting it."""
    blocks: list[Block] = [_summary(workload)]
    blocks.append(_components(workload, refs))
    routed = [component for component in workload.components if component.routes]
    if "service-time" in charts:
        caption = "Service time by route, one request at a time, without queueing"
        blocks.append(Figure(chart="service-time", caption=caption))
    blocks += [_routes(component, refs) for component in routed]
    if any(component.services for component in workload.components):
        blocks.append(_services(workload))
    if any(component.facts for component in workload.components):
        blocks.append(_facts(workload))
    return Section(id="app", title="What the app is", blocks=tuple(blocks))


def _summary(workload: Workload) -> Facts:
    names = [f"{dep.name}{dep.specifier}" for dep in workload.dependencies]
    shown = joined(names[:8]) if names else ""
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    where = f", from {workload.requirements_file}" if workload.requirements_file else ""
    build = " && ".join(" ".join(step) for step in workload.build)
    pairs = [
        ("App", Cell(text=workload.app, tone="strong")),
        ("Source", Cell(text=workload.source_digest, code=True)),
        ("Python", Cell(text=workload.python_requires or "not declared")),
        (
            "Dependencies",
            Cell(
                text=f"{len(names):,}{where}",
                detail=(", ".join(names[:8]) + more) if more else shown,
            ),
        ),
    ]
    if build:
        pairs.append(("Build", Cell(text=build, code=True)))
    return Facts(pairs=tuple(pairs))


def _components(workload: Workload, refs: References) -> Table:
    rows = []
    for component in workload.components:
        proof = profile_proof(component)
        measured = component.measured
        cited = proof_refs(refs, (proof,)) if proof else ()
        rows.append(
            (
                Cell(text=component.name, tone="strong", detail=component.kind),
                Cell(
                    text=component.framework,
                    detail=component.entry + (" (factory)" if component.factory else ""),
                ),
                Cell(text=" ".join(component.command), code=True),
                Cell(text=str(component.port) if component.port else DASH),
                Cell(
                    text=memory(measured.memory_mib_worker) if measured else "not measured",
                    detail=f"{memory(measured.memory_mib_idle)} idle" if measured else "",
                    tone="" if measured else "muted",
                    refs=cited if measured else (),
                ),
                Cell(
                    text=seconds(measured.boot_s) if measured else "not measured",
                    tone="" if measured else "muted",
                    refs=cited if measured else (),
                ),
            )
        )
    return Table(
        caption=f"Its {count(len(rows), 'component')} and how each starts",
        columns=(
            Column(label="Component"),
            Column(label="Framework, entry", wide=True),
            Column(label="Command", wide=True),
            Column(label="Port", numeric=True),
            Column(label="Memory a worker", numeric=True),
            Column(label="Boot", numeric=True),
        ),
        rows=tuple(rows),
    )


def _routes(component: Component, refs: References) -> Table:
    proof = profile_proof(component)
    cited = proof_refs(refs, (proof,)) if proof else ()
    shown = component.routes[:ROUTES_SHOWN]
    more = len(component.routes) - len(shown)
    return Table(
        caption=f"Routes of {component.name}"
        + (f": the first {len(shown)}, {more:,} more are not shown" if more else ""),
        columns=(
            Column(label="Route", wide=True),
            Column(label="p50", numeric=True),
            Column(label="p95", numeric=True),
            Column(label="Processor, mean", numeric=True),
            Column(label="Answer, mean", numeric=True),
            Column(label="Proof", wide=True),
        ),
        rows=tuple(_route(route, cited) for route in shown),
    )


def _route(route: Route, cited: tuple[Ref, ...]) -> tuple[Cell, ...]:
    time = route.service_time
    measured = time is not None and bool(time.quantiles_ms)
    why = route.unmeasured or "no reason given"
    detail = route.endpoint if measured else f"not measured: {why}"
    name = Cell(text=f"{'/'.join(route.methods)} {route.path}", detail=detail)
    proof = Cell(text=place(route.proof), code=True, refs=cited if time else ())
    if time is None or not time.quantiles_ms:
        blank = Cell(text=DASH, tone="muted")
        return name, blank, blank, blank, blank, proof
    return (
        name,
        Cell(text=ms(quantile(time.quantiles_ms, 0.5))),
        Cell(text=ms(quantile(time.quantiles_ms, 0.95))),
        Cell(text=ms(time.cpu_ms_mean)),
        Cell(text=size(round(time.response_bytes_mean))),
        proof,
    )


def _services(workload: Workload) -> Table:
    return Table(
        caption="Services it uses",
        columns=(
            Column(label="Service"),
            Column(label="Used by"),
            Column(label="Address in"),
            Column(label="Needed"),
            Column(label="Proof", wide=True),
        ),
        rows=tuple(
            (
                Cell(text=service.kind, tone="strong"),
                Cell(text=component.name),
                Cell(text=service.env or DASH, code=bool(service.env)),
                Cell(text="required" if service.required else "optional"),
                Cell(text=place(service.proof), code=True, detail=service.proof.note),
            )
            for component in workload.components
            for service in component.services
        ),
    )


def _facts(workload: Workload) -> Table:
    found = [(part, fact) for part in workload.components for fact in part.facts]
    more = len(found) - FACTS_SHOWN
    return Table(
        caption="Facts and where each was found"
        + (f": the first {FACTS_SHOWN}, {more:,} more are not shown" if more > 0 else ""),
        columns=(
            Column(label="Fact", wide=True),
            Column(label="Component"),
            Column(label="Confidence", numeric=True),
            Column(label="Proof", wide=True),
        ),
        rows=tuple(
            (
                Cell(
                    text=": ".join(word for word in (fact.subject, fact.value) if word),
                    detail=fact.rule,
                ),
                Cell(text=part.name),
                Cell(text=f"{fact.confidence * 100:.0f} %"),
                Cell(text=place(fact.proof), code=True, detail=fact.proof.note),
            )
            for part, fact in found[:FACTS_SHOWN]
        ),
    )
