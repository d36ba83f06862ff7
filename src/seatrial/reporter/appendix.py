"""The bundle's files and checks, and the appendix: where every number comes from."""

from __future__ import annotations

from seatrial.kernel.bundle import Bundle
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Proof
from seatrial.reporter.model import Block, Cell, Column, Notice, Ref, Section, Table, Text, Tone
from seatrial.reporter.refs import LETTERS, References, proof_refs
from seatrial.reporter.words import (
    DASH,
    bare,
    count,
    joined,
    link,
    money,
    ms,
    number,
    percent,
    place,
    size,
    unit_price,
)

STATUS: dict[str, Tone] = {"passed": "good", "failed": "bad", "skipped": "warn"}


def files(plan: Plan, bundle: Bundle | None) -> Section:
    """What was generated for the chosen design, and what the tools said of it."""
    title = "What was generated"
    if bundle is None:
        text = "No bundle has been generated. seatrial bundle writes the infrastructure of the "
        text += "chosen design."
        return Section(id="bundle", title=title, blocks=(Text(sentences=(Cell(text=text),)),))
    blocks: list[Block] = []
    if plan.chosen is None or bundle.design != plan.chosen.design:
        text = f"This bundle was generated for {bundle.design.id}, which is not the chosen design."
        blocks.append(Notice(tone="warn", sentence=Cell(text=text)))
    text = f"{count(len(bundle.files), 'file')} in {bundle.directory}, digest {bundle.digest}."
    blocks.append(Text(sentences=(Cell(text=text[:1].upper() + text[1:]),)))
    if bundle.checks:
        blocks.append(
            Table(
                caption="Checks",
                columns=(
                    Column(label="Check"),
                    Column(label="Result"),
                    Column(label="Detail", wide=True),
                ),
                rows=tuple(
                    (
                        Cell(text=check.name),
                        Cell(text=check.status, tone=STATUS[check.status], pill=True),
                        Cell(text=check.detail or DASH),
                    )
                    for check in bundle.checks
                ),
            )
        )
    blocks.append(
        Table(
            caption="Files",
            columns=(
                Column(label="File"),
                Column(label="What for", wide=True),
                Column(label="Size", numeric=True),
                Column(label="SHA-256"),
            ),
            rows=tuple(
                (
                    Cell(text=file.path, code=True),
                    Cell(text=file.purpose),
                    Cell(text=size(file.size_bytes)),
                    Cell(text=file.sha256[:16], code=True),
                )
                for file in bundle.files
            ),
        )
    )
    return Section(id="bundle", title=title, blocks=tuple(blocks))


def sources(
    plan: Plan, evidence: LoadEvidence | None, refs: References, missing: tuple[str, ...]
) -> Section:
    """Where every number comes from, and which sections there is nothing for."""
    text = "Figures carry references in brackets. P is a price, M a measurement, A an assumption, "
    text += "D what the settings declare, F what was read from a file, C a calculation, S a "
    text += "simulation, W what others publish, R a rule."
    slo, budget = plan.demand.slo, plan.demand.budget.cost_usd_month
    asked = "What is asked comes from seatrial.toml, or its documented default: "
    asked += f"{number(plan.demand.traffic.requests_per_day)} requests a day, "
    asked += f"p95 {ms(slo.latency_ms_p95)}, p99 {ms(slo.latency_ms_p99)}, "
    asked += f"{percent(slo.availability_percent)} availability, "
    asked += "no budget, " if budget is None else f"{money(budget)} a month, "
    asked += f"{plan.demand.region}."
    others = "Phases, savings, scenarios and what would change the answer are computed by the "
    others += f"same rules from the prices of catalogue {plan.catalog_digest}, for the designs "
    others += "that they name."
    blocks: list[Block] = [
        Text(sentences=(Cell(text=text), Cell(text=asked), Cell(text=others))),
        _prices(refs),
        _calculations(refs),
    ]
    if refs.simulations:
        blocks.append(_simulations(refs))
    measured = _proofs(refs, "measured", _trial_rows(evidence, refs))
    blocks.append(_table("Measurements", "Trial or measurement", measured))
    for kind, caption in (
        ("assumed", "Assumptions"),
        ("declared", "Declared"),
        ("source", "Read from files"),
    ):
        rows = _proofs(refs, kind, ())
        if rows:
            blocks.append(_table(caption, "What it says", rows))
    if refs.published:
        blocks.append(_published(refs))
    blocks.append(_rules(refs))
    if missing:
        text = f"Not in this report, because the plan does not have it: {joined(missing)}."
        blocks.append(Text(sentences=(Cell(text=text),)))
    return Section(id="sources", title="Where every number comes from", blocks=tuple(blocks))


def _ref_cell(ref: Ref) -> Cell:
    return Cell(text=ref.label, anchor=ref.anchor, tone="strong")


def _prices(refs: References) -> Table:
    return Table(
        caption="Prices: USD a unit, with source and date",
        columns=(
            Column(label="Ref"),
            Column(label="Service and SKU", wide=True),
            Column(label="Unit price", numeric=True),
            Column(label="Source", wide=True),
            Column(label="As of"),
        ),
        rows=tuple(
            (
                _ref_cell(ref),
                Cell(text=price.service, detail=price.sku),
                Cell(text=unit_price(price.unit_price_usd), detail=f"per {price.unit}"),
                Cell(text=bare(price.source), href=link(price.source)),
                Cell(text=price.as_of),
            )
            for price, ref in refs.prices.items()
        ),
    )


def _calculations(refs: References) -> Table:
    return Table(
        caption="Calculations: the promise of each design shown",
        columns=(
            Column(label="Ref"),
            Column(label="Design", wide=True),
            Column(label="Method", wide=True),
            Column(label="At", numeric=True),
            Column(label="From"),
        ),
        rows=tuple(
            (
                _ref_cell(ref),
                Cell(text=calculation.design),
                Cell(text=calculation.promise.method),
                Cell(text=f"{number(calculation.promise.rate_rps)} /s"),
                Cell(
                    text="" if calculation.promise.inputs else DASH,
                    refs=proof_refs(refs, calculation.promise.inputs),
                ),
            )
            for calculation, ref in refs.calculations.items()
        ),
    )


def _trial_rows(evidence: LoadEvidence | None, refs: References) -> tuple[tuple[Cell, ...], ...]:
    if evidence is None or refs.trial is None:
        return ()
    machine = evidence.machine
    text = f"Trial {evidence.trial} of {evidence.design}, started {evidence.started_at}: "
    text += (
        f"{evidence.requests:,} requests at {number(evidence.rate_rps)} /s, seed {evidence.seed}"
    )
    where = f"{machine.cpu}, {count(machine.cores, 'core')}, {machine.system}"
    return ((_ref_cell(refs.trial), Cell(text="trial load"), Cell(text=text), Cell(text=where)),)


def _proofs(
    refs: References, kind: str, first: tuple[tuple[Cell, ...], ...]
) -> tuple[tuple[Cell, ...], ...]:
    return first + tuple(
        (
            _ref_cell(ref),
            Cell(text=proof.rule),
            Cell(text=proof.note or DASH),
            Cell(text=place(proof) if proof.file else DASH, code=bool(proof.file)),
        )
        for proof, ref in refs.proofs.items()
        if _letter(proof) == LETTERS[kind]
    )


def _letter(proof: Proof) -> str:
    return LETTERS[proof.kind]


def _table(caption: str, what: str, rows: tuple[tuple[Cell, ...], ...]) -> Table:
    return Table(
        caption=caption,
        columns=(
            Column(label="Ref"),
            Column(label="Rule"),
            Column(label=what, wide=True),
            Column(label="Where"),
        ),
        rows=rows,
    )


def _simulations(refs: References) -> Table:
    return Table(
        caption="Simulations: method, seed and what they assume",
        columns=(
            Column(label="Ref"),
            Column(label="Design", wide=True),
            Column(label="Method", wide=True),
            Column(label="Seed", numeric=True),
            Column(label="Assumes", wide=True),
        ),
        rows=tuple(
            (
                _ref_cell(ref),
                Cell(text=name),
                Cell(text=made.method),
                Cell(text=str(made.seed)),
                Cell(text="; ".join(made.assumptions) or DASH),
            )
            for name, (made, ref) in refs.simulations.items()
        ),
    )


def _published(refs: References) -> Table:
    return Table(
        caption="What others publish",
        columns=(Column(label="Ref"), Column(label="Source", wide=True)),
        rows=tuple(
            (_ref_cell(ref), Cell(text=bare(said) or DASH, href=link(said)))
            for said, ref in refs.published.items()
        ),
    )


def _rules(refs: References) -> Table:
    return Table(
        caption="Rules: how often each rejected a design, and a fact it rests on",
        columns=(
            Column(label="Rule"),
            Column(label="Rejected", numeric=True),
            Column(label="For example", wide=True),
            Column(label="Fact", wide=True),
        ),
        rows=tuple(
            (
                _ref_cell(refs.rules[rule]),
                Cell(text=f"{tally.rejected:,}"),
                Cell(text=tally.example.sentence, detail=tally.example.subject),
                Cell(
                    text=place(tally.example.proof),
                    code=bool(tally.example.proof.file),
                    detail=tally.example.proof.note,
                ),
            )
            for rule, tally in refs.tallies.items()
        ),
    )
