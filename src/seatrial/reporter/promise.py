"""What is promised, how that was computed, and what a trial measured beside it."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.plan import Plan
from seatrial.reporter.model import Block, Cell, Column, Figure, Section, Table, Text
from seatrial.reporter.refs import References, promise_refs, proof_refs
from seatrial.reporter.words import (
    DASH,
    ms,
    number,
    percent,
    place,
    share,
    stop,
)


def promise(plan: Plan, refs: References, charts: Iterable[str]) -> Section:
    """The promise of the chosen design and of the rehearsal, with method, inputs, assumptions."""
    blocks: list[Block] = []
    subject = plan.chosen or plan.rehearsal
    method = f"Computed with {stop(subject.promise.method)}"
    text = "Latency is counted at the load balancer. The rehearsal is the design that this machine "
    text += "runs in the trial; its promise comes from the same model, at the share of the peak it "
    text += "can carry."
    blocks.append(
        Text(sentences=(Cell(text=method, refs=promise_refs(refs, subject)), Cell(text=text)))
    )
    columns = [("Asked", None), ("Chosen design", plan.chosen), ("Rehearsal", plan.rehearsal)]
    blocks.append(_table(plan, [item for item in columns if item[0] == "Asked" or item[1]], refs))
    if "utilisation" in charts and plan.chosen is not None:
        design = plan.chosen.design
        fixed = design.replicas_min == design.replicas_max
        kept = "all replicas" if fixed else "the replicas of the peak kept running"
        caption = f"Busy share of the processors over a day, with {kept}"
        blocks.append(Figure(chart="utilisation", caption=caption))
    if subject.promise.inputs:
        blocks.append(_inputs(subject, refs))
    return Section(id="promise", title="What is promised", blocks=tuple(blocks))


def _table(plan: Plan, columns: list[tuple[str, Assessment | None]], refs: References) -> Table:
    slo = plan.demand.slo
    asked = {
        "Request rate": f"{number(plan.demand.traffic.peak_rps)} /s",
        "Latency p95": ms(slo.latency_ms_p95),
        "Latency p99": ms(slo.latency_ms_p99),
        "Availability": percent(slo.availability_percent),
    }
    figures = []
    for _, item in columns[1:]:
        assert item is not None
        told = item.promise
        cited = promise_refs(refs, item)
        figures.append(
            {
                "Request rate": Cell(text=f"{number(told.rate_rps)} /s", refs=cited),
                "Holds at most": Cell(text=f"{number(told.capacity_rps)} /s", refs=cited),
                "Processors busy": Cell(text=share(told.utilisation), refs=cited),
                "Latency p50": Cell(text=ms(told.latency_ms_p50), refs=cited),
                "Latency p95": Cell(text=ms(told.latency_ms_p95), refs=cited),
                "Latency p99": Cell(text=ms(told.latency_ms_p99), refs=cited),
                "Availability": Cell(text=percent(told.availability_percent), refs=cited),
            }
        )
    return Table(
        caption="Asked and promised",
        columns=(
            Column(label="Figure"),
            *(Column(label=label, numeric=True) for label, _ in columns),
        ),
        rows=tuple(
            (Cell(text=name), Cell(text=asked.get(name, DASH)), *(told[name] for told in figures))
            for name in figures[0]
        ),
    )


def _inputs(subject: Assessment, refs: References) -> Table:
    words = {"source": "read", "declared": "declared", "measured": "measured", "assumed": "assumed"}
    return Table(
        caption="What the promise was computed from",
        columns=(
            Column(label="Input"),
            Column(label="Kind"),
            Column(label="What it says", wide=True),
            Column(label="Where"),
        ),
        rows=tuple(
            (
                Cell(text=proof.rule, refs=proof_refs(refs, (proof,))),
                Cell(
                    text=words[proof.kind],
                    pill=True,
                    tone="warn" if proof.kind == "assumed" else "",
                ),
                Cell(text=proof.note or DASH),
                Cell(text=place(proof) if proof.file else DASH, code=bool(proof.file)),
            )
            for proof in subject.promise.inputs
        ),
    )
