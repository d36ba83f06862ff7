"""What follows from the decision over time: phases, savings, and what would change the answer."""

from __future__ import annotations

from decimal import Decimal

from seatrial.kernel.advice import Phase
from seatrial.kernel.plan import Plan
from seatrial.reporter.model import Block, Cell, Column, Section, Table, Text
from seatrial.reporter.naming import called, platform_name
from seatrial.reporter.refs import References, design_refs, proof_refs
from seatrial.reporter.words import (
    DASH,
    TIMES,
    count,
    money,
    number,
    place,
    sentence_case,
    whole_money,
)


def phases(plan: Plan, refs: References) -> Section | None:
    """Start, growth and scale: when each begins, what it runs on, and the way there."""
    found = plan.advice.phases if plan.advice is not None else ()
    if not found:
        return None
    blocks: list[Block] = [_phases(plan, found, refs)]
    for one in found:
        if one.changes:
            blocks.append(_changes(one, refs))
        if one.migration:
            heading = f"The way to {one.name}"
            steps = tuple(Cell(text=step) for step in one.migration)
            blocks.append(Text(heading=heading, sentences=steps, numbered=True))
    return Section(id="phases", title="Phases", blocks=tuple(blocks))


def _phases(plan: Plan, found: tuple[Phase, ...], refs: References) -> Table:
    growth = plan.demand.traffic.growth_year
    return Table(
        caption=f"{sentence_case(count(len(found), 'phase'))}, with traffic growing "
        f"{growth:g} {TIMES} a year",
        columns=(
            Column(label="Phase"),
            Column(label="Begins"),
            Column(label="Design", wide=True),
            Column(label="Peak", numeric=True),
            Column(label="Until", numeric=True),
            Column(label="Cost a month", numeric=True),
        ),
        rows=tuple(
            (
                Cell(text=one.name, tone="strong"),
                Cell(text="now" if not one.month else f"month {one.month}"),
                Cell(
                    text=platform_name(plan, one.platform),
                    detail=one.design,
                    refs=design_refs(refs, plan, one.design),
                ),
                Cell(text=f"{number(one.peak_rps)} /s"),
                Cell(text=DASH if one.until_rps is None else f"{number(one.until_rps)} /s"),
                Cell(text=money(one.monthly_usd)),
            )
            for one in found
        ),
    )


def _changes(one: Phase, refs: References) -> Table:
    return Table(
        caption=f"What has to change in the code before {one.name}",
        columns=(
            Column(label="Change", wide=True),
            Column(label="Why", wide=True),
            Column(label="Where", wide=True),
        ),
        rows=tuple(
            (
                Cell(text=change.what),
                Cell(text=change.why or DASH),
                Cell(
                    text=place(change.proof),
                    code=bool(change.proof.file),
                    detail=change.proof.note,
                    refs=proof_refs(refs, (change.proof,)),
                ),
            )
            for change in one.changes
        ),
    )


def savings(plan: Plan, refs: References) -> Section | None:
    """Ways to pay less, the largest first, with what stands against each."""
    if not plan.savings:
        return None
    ordered = sorted(plan.savings, key=lambda one: (-one.saving_usd_month, one.move))
    bill = plan.chosen.bill.monthly_usd if plan.chosen else None
    table = Table(
        caption="Each move alone, beside the chosen design",
        columns=(
            Column(label="Move", wide=True),
            Column(label="Saves a month", numeric=True),
            Column(label="Of the bill", numeric=True),
            Column(label="What stands against it", wide=True),
        ),
        rows=tuple(
            (
                Cell(
                    text=one.move,
                    detail=f"{one.kind}: {called(plan, one.design)}",
                    refs=proof_refs(refs, (one.proof,)),
                ),
                Cell(text=money(one.saving_usd_month), tone="strong"),
                Cell(text=f"{one.saving_usd_month / bill * 100:.0f} %" if bill else DASH),
                Cell(text=one.against or DASH),
            )
            for one in ordered
        ),
    )
    note = "Moves overlap: their sum is not what all of them together would save."
    blocks = (Text(sentences=(Cell(text=note),)), table)
    return Section(id="savings", title="How to pay less", blocks=blocks)


def sensitivity(plan: Plan, refs: References) -> Section | None:
    """What makes another design win; where nothing is feasible, what would have to give."""
    blocks: list[Block] = []
    if plan.relaxations:
        blocks.append(_relaxations(plan, refs))
    if plan.flips:
        blocks.append(_flips(plan, refs))
    if not blocks:
        return None
    return Section(id="sensitivity", title="What would change the answer", blocks=tuple(blocks))


def _flips(plan: Plan, refs: References) -> Table:
    def row_of(value: str | None, to: str, dollars: Decimal | None) -> tuple[Cell, ...]:
        if value is None:
            return Cell(text="nothing", tone="good", pill=True), Cell(text=DASH), Cell(text=DASH)
        name = called(plan, to)
        cited = design_refs(refs, plan, to)
        return (
            Cell(text=value, tone="strong"),
            Cell(text=name, detail=to if to != name else "", refs=cited),
            Cell(text=whole_money(dollars)),
        )

    return Table(
        caption="Each assumption alone: from which value on another design is chosen",
        columns=(
            Column(label="Assumption"),
            Column(label="Now"),
            Column(label="Tried", wide=True),
            Column(label="Changes it"),
            Column(label="Then", wide=True),
            Column(label="Cost a month", numeric=True),
        ),
        rows=tuple(
            (
                Cell(text=one.assumption, tone="strong"),
                Cell(text=one.now),
                Cell(text=one.tried),
                *row_of(one.value, one.to, one.monthly_usd),
            )
            for one in plan.flips
        ),
    )


def _relaxations(plan: Plan, refs: References) -> Table:
    return Table(
        caption="The smallest change of each constraint that makes some design feasible",
        columns=(
            Column(label="Setting"),
            Column(label="Asked", numeric=True),
            Column(label="Needed", numeric=True),
            Column(label="Then", wide=True),
            Column(label="Cost a month", numeric=True),
        ),
        rows=tuple(
            (
                Cell(text=one.key, code=True),
                Cell(text=one.asked),
                Cell(text=one.needed, tone="strong"),
                Cell(
                    text=called(plan, one.design),
                    detail=one.design,
                    refs=design_refs(refs, plan, one.design),
                ),
                Cell(text=money(one.monthly_usd)),
            )
            for one in plan.relaxations
        ),
    )
