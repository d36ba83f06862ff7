"""Whether it holds: what is promised, simulated and asked, hour by hour and over a year."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.plan import Plan
from seatrial.kernel.simulation import Estimate, Simulation
from seatrial.reporter.model import Block, Cell, Column, Figure, Section, Table, Text
from seatrial.reporter.refs import (
    References,
    promise_refs,
    proof_refs,
    published_refs,
    simulation_refs,
)
from seatrial.reporter.words import (
    DASH,
    availability,
    interval,
    lasting,
    ms,
    number,
    percent,
    place,
    share,
    stop,
)

FIGURES = (
    ("latency", "Latency against what is asked",
     "Bars and the heavy line are the simulation with its 95 % interval, the diamond the queueing "
     "model, the red mark what is asked."),
    ("availability", "Availability budget",
     "Expected minutes a month by kind of failure, and what the SLO allows."),
    ("day", "The worst day of the simulated week", ""),
    ("week", "The simulated week", "The band is the day of the worst hour."),
)  # fmt: skip


def reliability(plan: Plan, refs: References, charts: Iterable[str]) -> Section:
    """The promise of the chosen design and of the rehearsal, with method, inputs, assumptions."""
    subject = plan.chosen or plan.rehearsal
    made = subject.simulation
    method = f"Computed with {stop(subject.promise.method)}"
    text = "Latency is counted at the load balancer. The rehearsal is the design that this machine "
    text += "runs in the trial; its promise comes from the same model, at the share of the peak it "
    text += "can carry."
    said = [Cell(text=method, refs=promise_refs(refs, subject)), Cell(text=text)]
    if made is not None:
        ran = f"Simulated by {stop(made.method)} Seed {made.seed}: the same input gives the same "
        ran += "figures. Intervals are of 95 %."
        said.insert(1, Cell(text=ran, refs=simulation_refs(refs, subject)))
    blocks: list[Block] = [Text(sentences=tuple(said)), _table(plan, refs)]
    for name, caption, note in FIGURES:
        if name in charts:
            blocks.append(Figure(chart=name, caption=caption, note=note))
        if name == "availability" and made is not None and made.failures:
            blocks.append(_failures(made, refs))
    if subject.promise.inputs:
        blocks.append(_inputs(subject, refs))
    return Section(id="promise", title="Whether it holds", blocks=tuple(blocks))


def _table(plan: Plan, refs: References) -> Table:
    columns = [("Chosen design", plan.chosen), ("Rehearsal here", plan.rehearsal)]
    shown = [(name, item) for name, item in columns if item is not None]
    made = plan.chosen.simulation if plan.chosen else None
    asked = _asked(plan)
    computed = [_promised(item, refs) for _, item in shown]
    simulated = _simulated(plan.chosen, made, refs) if plan.chosen and made else {}
    names = dict.fromkeys((*computed[0], *simulated))
    blank = Cell(text=DASH, tone="muted")
    rows = []
    for name in names:
        row = [Cell(text=name), Cell(text=asked.get(name, DASH))]
        if made is not None:
            row.append(simulated.get(name, blank))
        row += [told.get(name, blank) for told in computed]
        rows.append(tuple(row))
    return Table(
        caption="Asked, simulated and computed",
        columns=(
            Column(label="Figure", wide=True),
            Column(label="Asked", numeric=True),
            *((Column(label="Simulated", numeric=True),) if made is not None else ()),
            *(Column(label=name, numeric=True) for name, _ in shown),
        ),
        rows=tuple(rows),
    )


def _asked(plan: Plan) -> dict[str, str]:
    slo = plan.demand.slo
    return {
        "Request rate": f"{number(plan.demand.traffic.peak_rps)} /s",
        "Latency p95": ms(slo.latency_ms_p95),
        "Latency p99": ms(slo.latency_ms_p99),
        "Availability": percent(slo.availability_percent),
    }


def _promised(item: Assessment, refs: References) -> dict[str, Cell]:
    told, cited = item.promise, promise_refs(refs, item)
    figures = {
        "Request rate": f"{number(told.rate_rps)} /s",
        "Holds at most": f"{number(told.capacity_rps)} /s",
        "Processors busy": share(told.utilisation),
        "Latency p50": ms(told.latency_ms_p50),
        "Latency p95": ms(told.latency_ms_p95),
        "Latency p99": ms(told.latency_ms_p99),
        "Availability": percent(told.availability_percent),
    }
    return {name: Cell(text=text, refs=cited) for name, text in figures.items()}


def _simulated(item: Assessment, made: Simulation, refs: References) -> dict[str, Cell]:
    cited = simulation_refs(refs, item)

    def cell(found: Estimate, write: Callable[[float | None], str]) -> Cell:
        return Cell(text=write(found.value), detail=interval(found, write), refs=cited)

    return {
        "Request rate": Cell(text=f"{number(made.worst.rate_rps)} /s", refs=cited),
        "Latency p50": cell(made.latency_ms_p50, ms),
        "Latency p95": cell(made.latency_ms_p95, ms),
        "Latency p99": cell(made.latency_ms_p99, ms),
        "Availability": cell(made.availability_percent, availability),
        "Failed requests": cell(made.error_percent, _errors),
        "Replicas at the peak": Cell(text=number(made.replicas_peak), refs=cited),
        "Replica-hours a month": cell(made.replica_hours_month, _hours),
    }


def _errors(value: float | None) -> str:
    return DASH if value is None else f"{value:.3g} %"


def _hours(value: float | None) -> str:
    return DASH if value is None else number(round(value))


def _failures(made: Simulation, refs: References) -> Table:
    total = sum(one.unavailability_percent for one in made.failures)
    return Table(
        caption="What is expected to break in a year",
        columns=(
            Column(label="Failure", wide=True),
            Column(label="A year", numeric=True),
            Column(label="Hurts for", numeric=True),
            Column(label="Requests failing then", numeric=True),
            Column(label="Unavailable", numeric=True),
        ),
        rows=tuple(
            (
                Cell(text=one.name, refs=published_refs(refs, one.source)),
                Cell(text=number(one.per_year)),
                Cell(text=lasting(one.degraded_s)),
                Cell(text=_errors(one.error_percent)),
                Cell(text=f"{one.unavailability_percent:.3g} %"),
            )
            for one in sorted(made.failures, key=lambda f: (-f.unavailability_percent, f.name))
        ),
        total=(
            Cell(text="All together", tone="strong"),
            *(Cell(text="") for _ in range(3)),
            Cell(text=f"{total:.3g} %", tone="strong"),
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
