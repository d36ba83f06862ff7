"""What the rules found of the chosen design, and what became of every design that was rejected."""

from __future__ import annotations

from seatrial.kernel.assessment import Finding
from seatrial.kernel.plan import Plan, Rejected
from seatrial.reporter.model import Block, Cell, Column, Notice, Section, Table, Text, Tone
from seatrial.reporter.naming import platform_name
from seatrial.reporter.refs import References, rule_refs
from seatrial.reporter.words import DASH, count, place

NO_REASON = "(no reason recorded)"
GROUPS_SHOWN = 120
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


def rejected(plan: Plan, refs: References) -> Section:
    """Every rejected design, counted once, under its platform and the rules that it breaks."""
    blocks: list[Block] = []
    dropped = sum(group.count for group in plan.rejected)
    if plan.considered != plan.feasible + dropped:
        text = f"The count does not add up: {plan.considered:,} considered, {plan.feasible:,} "
        text += f"feasible, {dropped:,} rejected."
        blocks.append(Notice(tone="bad", sentence=Cell(text=text)))
    blocks.append(_accounts(plan, dropped))
    if plan.rejected:
        blocks.append(_table(plan, dropped, refs))
    return Section(id="rejected", title="What was rejected, and why", blocks=tuple(blocks))


def _accounts(plan: Plan, dropped: int) -> Table:
    rejected: dict[str, int] = {}
    for group in plan.rejected:
        rejected[group.platform] = rejected.get(group.platform, 0) + group.count
    rows = {row.platform: (row.considered, row.feasible) for row in plan.platforms}
    for name, many in rejected.items():
        rows.setdefault(name, (many, 0))
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
                Cell(text=f"{considered:,}"),
                Cell(text=f"{kept:,}"),
                Cell(text=f"{rejected.get(name, 0):,}"),
            )
            for name, (considered, kept) in rows.items()
        ),
        total=tuple(
            Cell(text=text, tone="strong")
            for text in (
                "All platforms", f"{plan.considered:,}", f"{plan.feasible:,}", f"{dropped:,}",
            )
        ),
    )  # fmt: skip


def _table(plan: Plan, dropped: int, refs: References) -> Table:
    order = {row.platform: at for at, row in enumerate(plan.platforms)}
    groups = sorted(
        plan.rejected, key=lambda g: (order.get(g.platform, len(order)), -g.count, g.rules)
    )
    more = groups[GROUPS_SHOWN:]
    rows = [_group(plan, group, refs) for group in groups[:GROUPS_SHOWN]]
    if more:
        left = sum(group.count for group in more)
        told = f"{count(len(more), 'group')} more, the smallest of their platforms"
        rows.append(
            (Cell(text="others"), Cell(text=DASH), Cell(text=f"{left:,}"), Cell(text=told),
             Cell(text=DASH))
        )  # fmt: skip
    blank = Cell(text="")
    return Table(
        caption=f"{dropped:,} {'design' if dropped == 1 else 'designs'} rejected, by the rules "
        "that each breaks",
        columns=(
            Column(label="Platform"),
            Column(label="Rules"),
            Column(label="Designs", numeric=True),
            Column(label="Why, of the nearest", wide=True),
            Column(label="Proof", wide=True),
        ),
        rows=tuple(rows),
        total=(
            Cell(text="All", tone="strong"),
            blank,
            Cell(text=f"{dropped:,}", tone="strong"),
            blank,
            blank,
        ),
    )


def _group(plan: Plan, group: Rejected, refs: References) -> tuple[Cell, ...]:
    proofs = [
        " ".join(part for part in (place(found.proof), found.proof.note) if part)
        for found in group.reasons
    ]
    where = (
        f"{count(len(group.regions), 'region')}"
        if len(group.regions) > 1
        else "".join(group.regions)
    )
    nearest = ", ".join(part for part in (group.nearest, group.monthly_usd) if part)
    return (
        Cell(text=platform_name(plan, group.platform), tone="strong", detail=where),
        Cell(
            text=", ".join(group.rules) or NO_REASON,
            refs=tuple(refs.rules[rule] for rule in dict.fromkeys(group.rules)),
        ),
        Cell(text=f"{group.count:,}"),
        Cell(
            text="; ".join(found.sentence for found in group.reasons) or NO_REASON,
            detail=f"nearest: {nearest}" if nearest else "",
        ),
        Cell(text="; ".join(dict.fromkeys(proofs)) or DASH),
    )
