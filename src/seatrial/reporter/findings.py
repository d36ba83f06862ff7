"""What the rules found of the chosen design, and what became of every design that was rejected."""

from __future__ import annotations

from seatrial.kernel.assessment import Finding
from seatrial.kernel.plan import Plan, Rejected
from seatrial.kernel.values import Value
from seatrial.reporter.model import Block, Cell, Column, Notice, Section, Table, Text, Tone
from seatrial.reporter.naming import feasible, platform_name
from seatrial.reporter.refs import References, rule_refs
from seatrial.reporter.words import DASH, count, place

NO_REASON = "(no reason recorded)"
SEVERITIES: dict[str, tuple[str, Tone]] = {
    "violated": ("violated", "bad"),
    "risk": ("risk", "warn"),
    "note": ("note", ""),
}


def findings(plan: Plan, refs: References) -> Section:
    """Violations, risks and notes of the chosen design, or of the rehearsal without one."""
    subject = plan.chosen or plan.rehearsal
    found = sorted(subject.findings, key=lambda item: list(SEVERITIES).index(item.severity))
    if not found:
        text = f"The rules found nothing to say against {subject.design.id}."
        block: Block = Text(sentences=(Cell(text=text),))
    else:
        block = Table(
            caption=f"What the rules say of {subject.design.id}",
            columns=(
                Column(label="Severity"),
                Column(label="Finding", wide=True),
                Column(label="What to do", wide=True),
                Column(label="Proof", wide=True),
            ),
            rows=tuple(_finding(item, refs) for item in found),
        )
    return Section(id="findings", title="What speaks against it", blocks=(block,))


def _finding(item: Finding, refs: References) -> tuple[Cell, ...]:
    word, tone = SEVERITIES[item.severity]
    return (
        Cell(text=word, tone=tone, pill=True),
        Cell(text=item.sentence, detail=item.subject, refs=rule_refs(refs, (item,))),
        Cell(text=item.fix or DASH),
        Cell(text=place(item.proof), code=bool(item.proof.file), detail=item.proof.note),
    )


class _Group(Value):
    """The designs of one platform that one rule rejected first."""

    platform: str
    rule: str
    designs: int
    alone: int
    example: Rejected


def rejected(plan: Plan, refs: References) -> Section:
    """Every rejected design, counted once, under the platform and the rule that came first."""
    blocks: list[Block] = []
    if plan.considered != feasible(plan) + len(plan.rejected):
        text = f"The count does not add up: {plan.considered:,} considered, {feasible(plan):,} "
        text += f"feasible, {len(plan.rejected):,} rejected."
        blocks.append(Notice(tone="bad", sentence=Cell(text=text)))
    blocks.append(_accounts(plan))
    groups = _grouped(plan.rejected)
    if groups:
        blocks.append(_table(plan, groups, refs))
    return Section(id="rejected", title="What was rejected, and why", blocks=tuple(blocks))


def _accounts(plan: Plan) -> Table:
    ranked: dict[str, int] = {}
    dropped: dict[str, int] = {}
    for name in (
        *(item.design.platform for item in plan.ranked),
        *(item.platform for item in plan.outranked),
    ):
        ranked[name] = ranked.get(name, 0) + 1
    for design in plan.rejected:
        dropped[design.platform] = dropped.get(design.platform, 0) + 1
    platforms = dict.fromkeys([*(row.platform for row in plan.platforms), *ranked, *dropped])
    return Table(
        caption="Nothing disappears: considered = feasible + rejected",
        columns=(
            Column(label="Platform", wide=True),
            Column(label="Considered", numeric=True),
            Column(label="Feasible", numeric=True),
            Column(label="Rejected", numeric=True),
        ),
        rows=tuple(
            (
                Cell(text=platform_name(plan, name)),
                Cell(text=f"{ranked.get(name, 0) + dropped.get(name, 0):,}"),
                Cell(text=f"{ranked.get(name, 0):,}"),
                Cell(text=f"{dropped.get(name, 0):,}"),
            )
            for name in platforms
        ),
        total=tuple(
            Cell(text=text, tone="strong")
            for text in (
                "All platforms",
                f"{plan.considered:,}",
                f"{feasible(plan):,}",
                f"{len(plan.rejected):,}",
            )
        ),
    )


def _grouped(designs: tuple[Rejected, ...]) -> list[_Group]:
    counts: dict[tuple[str, str], list[int]] = {}
    examples: dict[tuple[str, str], Rejected] = {}
    for design in designs:
        rule = design.reasons[0].rule if design.reasons else NO_REASON
        key = (design.platform, rule)
        examples.setdefault(key, design)
        tally = counts.setdefault(key, [0, 0])
        tally[0] += 1
        tally[1] += len({finding.rule for finding in design.reasons}) == 1
    order = {platform: at for at, (platform, _) in enumerate(counts)}
    keys = sorted(counts, key=lambda key: (order[key[0]], -counts[key][0], key[1]))
    return [
        _Group(
            platform=key[0],
            rule=key[1],
            designs=counts[key][0],
            alone=counts[key][1],
            example=examples[key],
        )
        for key in keys
    ]


def _table(plan: Plan, groups: list[_Group], refs: References) -> Table:
    rows = []
    for group in groups:
        reason = group.example.reasons[0] if group.example.reasons else None
        cost = group.example.monthly_usd
        rows.append(
            (
                Cell(text=platform_name(plan, group.platform), tone="strong"),
                Cell(text=group.rule, refs=rule_refs(refs, (reason,)) if reason else ()),
                Cell(text=f"{group.designs:,}", detail=f"{group.alone:,} for it alone"),
                Cell(
                    text=reason.sentence if reason else NO_REASON,
                    detail=f"{group.example.design}{f', {cost}' if cost else ''}",
                ),
                Cell(
                    text=place(reason.proof) if reason else DASH,
                    code=bool(reason and reason.proof.file),
                    detail=reason.proof.note if reason else "",
                ),
            )
        )
    blank = Cell(text="")
    return Table(
        caption=f"{count(len(plan.rejected), 'design')} rejected, by the first rule each breaks",
        columns=(
            Column(label="Platform"),
            Column(label="Rule"),
            Column(label="Designs", numeric=True),
            Column(label="One of them, and why", wide=True),
            Column(label="Proof", wide=True),
        ),
        rows=tuple(rows),
        total=(
            Cell(text="All", tone="strong"),
            blank,
            Cell(text=f"{sum(group.designs for group in groups):,}", tone="strong"),
            blank,
            blank,
        ),
    )
