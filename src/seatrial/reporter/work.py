"""The work that follows: roadmap, checklists, risks, monitoring, recovery, compliance."""

from __future__ import annotations

from seatrial.kernel.advice import Advice, Control, Procedure, Task
from seatrial.kernel.plan import Plan
from seatrial.reporter.model import Block, Cell, Checks, Column, Section, Table, Text, Tone
from seatrial.reporter.refs import References, proof_refs, published_refs, simulation_refs
from seatrial.reporter.words import DASH, bare, count, lasting, link, number, place, sentence_case

SEVERITIES: dict[str, Tone] = {"high": "bad", "medium": "warn", "low": ""}
STANDARDS = {
    "gdpr": "GDPR", "ccpa": "CCPA", "soc2": "SOC 2", "hipaa": "HIPAA", "pci-dss": "PCI DSS",
}  # fmt: skip
MET: dict[str, tuple[str, Tone]] = {
    "met": ("met", "good"), "missing": ("missing", "bad"), "owner": ("yours to do", "warn"),
}  # fmt: skip


def work(plan: Plan, refs: References) -> tuple[Section | None, ...]:
    """All sections of the work, in the order of the report; none where there is nothing."""
    advice = plan.advice or Advice()
    return (
        _roadmap(advice),
        _checklists(advice),
        _risks(advice, refs),
        _targets(advice),
        _recovery(plan, advice, refs),
        _compliance(advice, refs),
    )


def _roadmap(advice: Advice) -> Section | None:
    if not advice.roadmap:
        return None
    weeks: dict[int, list[Task]] = {}
    for task in sorted(advice.roadmap, key=lambda one: one.week):
        weeks.setdefault(task.week, []).append(task)
    hours = [task.hours for task in advice.roadmap if task.hours is not None]
    rows = tuple(
        (
            Cell(text=f"Week {week}" if not at else "", tone="strong"),
            Cell(text=task.task),
            Cell(text=DASH if task.hours is None else number(task.hours)),
            Cell(text=task.because or DASH),
        )
        for week, tasks in weeks.items()
        for at, task in enumerate(tasks)
    )
    unknown = len(advice.roadmap) - len(hours)
    more = f"; {count(unknown, 'task')} without an estimate" if unknown else ""
    table = Table(
        caption=f"{sentence_case(count(len(advice.roadmap), 'task'))} in "
        f"{count(max(weeks), 'week')}{more}",
        columns=(
            Column(label="Week"),
            Column(label="Task", wide=True),
            Column(label="Hours", numeric=True),
            Column(label="Because", wide=True),
        ),
        rows=rows,
        total=(
            Cell(text="All", tone="strong"),
            Cell(text=""),
            Cell(text=number(sum(hours)) if hours else DASH, tone="strong"),
            Cell(text=""),
        ),
    )
    return Section(id="roadmap", title="Roadmap by week", blocks=(table,))


def _checklists(advice: Advice) -> Section | None:
    if not advice.checklist:
        return None
    done = sum(one.done for one in advice.checklist)
    text = f"{done} of {len(advice.checklist)} items are already verified; what showed it stands "
    text += "beside each. The rest is open."
    blocks: list[Block] = [Text(sentences=(Cell(text=text),))]
    for phase in dict.fromkeys(one.phase for one in advice.checklist):
        items = tuple(
            (one.done, Cell(text=one.item, detail=one.evidence))
            for one in advice.checklist
            if one.phase == phase
        )
        blocks.append(Checks(heading=sentence_case(phase), items=items))
    return Section(id="checklists", title="Checklists", blocks=tuple(blocks))


def _risks(advice: Advice, refs: References) -> Section | None:
    if not advice.risks:
        return None
    ordered = sorted(advice.risks, key=lambda one: list(SEVERITIES).index(one.severity))
    table = Table(
        caption=f"{sentence_case(count(len(ordered), 'risk'))}, the gravest first",
        columns=(
            Column(label="Risk", wide=True),
            Column(label="Severity"),
            Column(label="What keeps it from doing harm", wide=True),
            Column(label="Proof"),
        ),
        rows=tuple(
            (
                Cell(text=one.risk),
                Cell(text=one.severity, tone=SEVERITIES[one.severity], pill=True),
                Cell(text=one.mitigation or DASH),
                Cell(
                    text=place(one.proof),
                    code=bool(one.proof.file),
                    refs=proof_refs(refs, (one.proof,)),
                ),
            )
            for one in ordered
        ),
    )
    return Section(id="risks", title="Risks", blocks=(table,))


def _targets(advice: Advice) -> Section | None:
    if not advice.targets:
        return None
    table = Table(
        caption="What to watch in production, and when to alarm",
        columns=(
            Column(label="Metric", wide=True),
            Column(label="Alarm", wide=True),
            Column(label="Why at that value", wide=True),
        ),
        rows=tuple(
            (
                Cell(text=one.metric, tone="strong"),
                Cell(text=one.alarm),
                Cell(text=one.because or DASH),
            )
            for one in advice.targets
        ),
    )
    return Section(id="monitoring", title="Monitoring targets", blocks=(table,))


def _recovery(plan: Plan, advice: Advice, refs: References) -> Section | None:
    made = plan.chosen.simulation if plan.chosen is not None else None
    recoveries = made.recoveries if made is not None else ()
    if not advice.procedures and not recoveries:
        return None
    blocks: list[Block] = []
    if recoveries and plan.chosen is not None:
        cited = simulation_refs(refs, plan.chosen)
        blocks.append(
            Table(
                caption="After a loss: until it answers again, and what data is gone",
                columns=(
                    Column(label="Loss"),
                    Column(label="Answers again in", numeric=True),
                    Column(label="Data lost", numeric=True),
                    Column(label="How", wide=True),
                ),
                rows=tuple(
                    (
                        Cell(text=one.name, tone="strong"),
                        Cell(text=lasting(one.rto_s), refs=cited),
                        _lost(one.rpo_s),
                        Cell(text=one.how or DASH),
                    )
                    for one in recoveries
                ),
            )
        )
    blocks += [_procedure(one) for one in advice.procedures]
    return Section(id="recovery", title="Recovery", blocks=tuple(blocks))


def _lost(rpo_s: float | None) -> Cell:
    if rpo_s is None:
        return Cell(text="all of it", tone="bad")
    return Cell(text="nothing" if not rpo_s else f"the last {lasting(rpo_s)}")


def _procedure(one: Procedure) -> Text:
    lost = _lost(one.rpo_s).text
    heading = f"{sentence_case(one.loss)}: answers again in {lasting(one.rto_s)}, loses {lost}"
    steps = tuple(Cell(text=step) for step in one.steps)
    return Text(heading=heading, sentences=steps, numbered=True)


def _compliance(advice: Advice, refs: References) -> Section | None:
    if not advice.controls:
        return None
    by_standard: dict[str, list[Control]] = {}
    for one in advice.controls:
        by_standard.setdefault(one.standard, []).append(one)
    text = "Controls that the design meets or misses, with what shows it. What is yours to do "
    text += "cannot be read from source or design. This is readiness, not a certificate."
    blocks: list[Block] = [Text(sentences=(Cell(text=text),)), _readiness(by_standard)]
    blocks += [_controls(name, found, refs) for name, found in by_standard.items()]
    return Section(id="compliance", title="Compliance readiness", blocks=tuple(blocks))


def _readiness(by_standard: dict[str, list[Control]]) -> Table:
    rows = []
    for name, found in by_standard.items():
        tally = [sum(one.met == key for one in found) for key in MET]
        rows.append(
            (Cell(text=STANDARDS.get(name, name), tone="strong"),
             *(Cell(text=str(many)) for many in tally))
        )  # fmt: skip
    return Table(
        caption="Readiness by standard",
        columns=(
            Column(label="Standard", wide=True),
            *(Column(label=sentence_case(word), numeric=True) for word, _ in MET.values()),
        ),
        rows=tuple(rows),
    )


def _controls(name: str, found: list[Control], refs: References) -> Table:
    return Table(
        caption=STANDARDS.get(name, name),
        columns=(
            Column(label="Control", wide=True),
            Column(label="Status"),
            Column(label="What shows it", wide=True),
            Column(label="Text"),
        ),
        rows=tuple(
            (
                Cell(text=one.control),
                Cell(text=MET[one.met][0], tone=MET[one.met][1], pill=True),
                Cell(text=one.evidence or DASH),
                Cell(
                    text=bare(one.source),
                    href=link(one.source),
                    refs=published_refs(refs, one.source),
                ),
            )
            for one in found
        ),
    )
