"""What a trial measured, beside what was promised, with the machine, the load and the verdict."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.kernel.evidence import Comparison, LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.reporter.model import Block, Cell, Column, Facts, Figure, Notice, Section, Table, Text
from seatrial.reporter.naming import describe, figure_name
from seatrial.reporter.refs import References
from seatrial.reporter.words import DASH, TIMES, count, memory, ms, number, sentence_case, share

ROUTES_SHOWN = 100


def measured(
    plan: Plan, evidence: LoadEvidence | None, refs: References, charts: Iterable[str]
) -> Section:
    """Promised beside measured, with the machine, the load and the verdict."""
    if evidence is None:
        text = "No trial has run, so nothing here is measured under load. seatrial trial load "
        text += "runs the rehearsal on this machine and puts its figures beside the promise."
        notice = Notice(tone="warn", sentence=Cell(text=text))
        return Section(id="measured", title="What was measured", blocks=(notice,))
    cited = (refs.trial,) if refs.trial else ()
    blocks: list[Block] = list(_verdicts(plan, evidence))
    if "measured" in charts:
        caption = "Latency of the rehearsal: promised, measured and asked"
        blocks.append(Figure(chart="measured", caption=caption))
    if evidence.comparisons:
        blocks.append(_comparisons(plan, evidence, refs))
    blocks.append(_conditions(plan, evidence, refs))
    if evidence.routes:
        blocks.append(_routes(evidence))
    said = Cell(text="All figures of this section are of one trial.", refs=cited)
    blocks.append(Text(sentences=(said,)))
    return Section(id="measured", title="What was measured", blocks=tuple(blocks))


def _verdicts(plan: Plan, evidence: LoadEvidence) -> Iterable[Notice]:
    total = len(evidence.comparisons)
    met = sum(row.met for row in evidence.comparisons)
    if not total:
        said = "The trial compared nothing with the promise."
        yield Notice(tone="warn", sentence=Cell(text=said))
    elif met == total:
        said = "the compared figure keeps" if total == 1 else f"all {total} compared figures keep"
        yield Notice(tone="good", sentence=Cell(text=f"Held: {said} what is asked."))
    else:
        said = f"Missed: {met} of {total} compared figures {'keeps' if met == 1 else 'keep'} "
        yield Notice(tone="bad", sentence=Cell(text=f"{said}what is asked."))
    if evidence.workload_digest != plan.workload_digest:
        text = f"This trial measured source {evidence.workload_digest}; the plan is for "
        yield Notice(tone="warn", sentence=Cell(text=f"{text}{plan.workload_digest}. Repeat it."))
    if evidence.design != plan.rehearsal.design.id:
        text = f"This trial ran {evidence.design}, while the plan rehearses "
        text += f"{plan.rehearsal.design.id}: promised and measured are of different designs."
        yield Notice(tone="warn", sentence=Cell(text=text))
    if evidence.late_sends:
        text = f"{sentence_case(count(evidence.late_sends, 'request'))} left later than intended: "
        text += "the load generator itself was short of processor time. Latency counts from the "
        text += "intended time, so the figures are not flattered."
        yield Notice(tone="", sentence=Cell(text=text))


def _comparisons(plan: Plan, evidence: LoadEvidence, refs: References) -> Table:
    def promised(row: Comparison) -> str:
        # A latency that is promised as none is infinite; any other figure is then not promised.
        if row.promised is None and getattr(plan.rehearsal.promise, row.figure, 0.0) is None:
            return ms(None)
        return figure(row.promised, row.unit)

    def figure(value: float | None, unit: str) -> str:
        if value is None:
            return DASH
        return ms(value) if unit == "ms" else f"{number(value)} {unit}".strip()

    trial = (refs.trial,) if refs.trial else ()
    return Table(
        caption="Promised beside measured",
        columns=(
            Column(label="Figure"),
            Column(label="Promised", numeric=True),
            Column(label="Asked", numeric=True),
            Column(label="Measured", numeric=True),
            Column(label="Verdict"),
        ),
        rows=tuple(
            (
                Cell(text=figure_name(row.figure)),
                Cell(text=promised(row)),
                Cell(text=figure(row.required, row.unit)),
                Cell(text=figure(row.measured, row.unit), tone="strong", refs=trial),
                Cell(
                    text="kept" if row.met else "missed",
                    pill=True,
                    tone="good" if row.met else "bad",
                ),
            )
            for row in evidence.comparisons
        ),
    )


def _conditions(plan: Plan, evidence: LoadEvidence, refs: References) -> Facts:
    machine, latency = evidence.machine, evidence.latency_ms
    kinds = ", ".join(
        f"{many} {TIMES} {kind}" for kind, many in sorted(evidence.error_kinds.items())
    )
    failed = evidence.errors / evidence.requests if evidence.requests else 0.0
    same = evidence.design == plan.rehearsal.design.id
    told = {
        "Trial": Cell(
            text=evidence.trial,
            detail=f"started {evidence.started_at}",
            refs=(refs.trial,) if refs.trial else (),
        ),
        "Design": Cell(
            text=evidence.design, detail=describe(plan.rehearsal.design) if same else ""
        ),
        "Machine": Cell(
            text=f"{machine.cpu}, {count(machine.cores, 'core')}, "
            f"{memory(machine.memory_gib * 1024)}",
            detail=f"{machine.system}, Python {machine.python}",
        ),
        "Load": Cell(
            text=f"{number(evidence.rate_rps)} requests/s for {number(evidence.duration_s)} s, "
            f"{share(evidence.peak_share)} of the peak",
            detail=f"open loop, Poisson, seed {evidence.seed}",
        ),
        "Requests": Cell(
            text=f"{evidence.requests:,}, {number(evidence.throughput_rps)} answered a second"
        ),
        "Errors": Cell(
            text=f"{evidence.errors:,} ({failed * 100:.3g} %)",
            detail=kinds,
            tone="bad" if evidence.errors else "good",
        ),
        "Latency": Cell(
            text=f"mean {ms(latency.mean)}, p50 {ms(latency.p50)}, p90 {ms(latency.p90)}, "
            f"p95 {ms(latency.p95)}, p99 {ms(latency.p99)}, longest {ms(latency.max)}"
        ),
    }
    return Facts(pairs=tuple(told.items()))


def _routes(evidence: LoadEvidence) -> Table:
    more = len(evidence.routes) - ROUTES_SHOWN
    return Table(
        caption="By route, under load"
        + (f": the first {ROUTES_SHOWN}, {more:,} more are not shown" if more > 0 else ""),
        columns=(
            Column(label="Route", wide=True),
            Column(label="Requests", numeric=True),
            Column(label="Errors", numeric=True),
            Column(label="p95", numeric=True),
        ),
        rows=tuple(
            (
                Cell(text=row.path),
                Cell(text=f"{row.requests:,}"),
                Cell(text=f"{row.errors:,}", tone="bad" if row.errors else ""),
                Cell(text=ms(row.latency_ms_p95)),
            )
            for row in evidence.routes[:ROUTES_SHOWN]
        ),
    )
