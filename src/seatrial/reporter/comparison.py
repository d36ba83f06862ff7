"""The platforms beside one another: verdicts, fifteen dimensions, scenarios, the ranking."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.kernel.assessment import Dimension
from seatrial.kernel.plan import Plan, PlatformVerdict
from seatrial.reporter.model import Block, Cell, Column, Figure, Section, Table, Text, Tone
from seatrial.reporter.naming import (
    called,
    describe,
    in_order,
    platform_labels,
    platform_name,
    short,
    shown,
)
from seatrial.reporter.refs import (
    RANKED_SHOWN,
    References,
    bill_refs,
    figure_refs,
    promise_refs,
    proof_refs,
    rule_refs,
)
from seatrial.reporter.words import (
    DASH,
    TIMES,
    availability,
    count,
    interval,
    joined,
    money,
    ms,
    number,
    percent,
    sentence_case,
    stop,
)

REASONS_SHOWN = 2


def comparison(plan: Plan, refs: References, charts: Iterable[str]) -> Section:
    """All platforms with their verdict, their dimensions, and the designs that ranked next."""
    blocks: list[Block] = []
    if plan.order:
        text = f"Designs are ordered by {stop(plan.order)} What has to be kept comes first: a "
        text += "design that breaks a rule is rejected, however cheap it is."
        blocks.append(Text(sentences=(Cell(text=text),)))
    if "architecture" in charts:
        caption = "The chosen design"
        blocks.append(Figure(chart="architecture", caption=caption, note=_replica_note(plan)))
    blocks.append(_platforms(plan, refs))
    if "matrix" in charts:
        note = "Scores from 0 to 10 by stated rules from facts of the catalogue; dark is better, "
        note += f"? is not known. {TIMES} marks platforms none of whose designs does what is asked."
        blocks.append(
            Figure(chart="matrix", caption="Fifteen dimensions, best first by cost", note=note)
        )
        blocks.append(_winners(plan, refs))
    if plan.scenarios:
        blocks.append(_scenarios(plan))
    if plan.ranked:
        blocks.append(_ranked(plan, refs))
    if "front" in charts:
        note = "Nothing considered is better than one of these in cost, latency, availability, "
        note += "recovery or work, and as good in the others."
        caption = f"Pareto front: {count(len(plan.front), 'design')}"
        blocks.append(Figure(chart="front", caption=caption, note=note))
    return Section(id="platforms", title="Where it could run", blocks=tuple(blocks))


def _replica_note(plan: Plan) -> str:
    if plan.chosen is None:
        return ""
    return f"{sentence_case(describe(plan.chosen.design))}."


def _platforms(plan: Plan, refs: References) -> Table:
    chosen = plan.chosen.design.platform if plan.chosen else ""
    rows = tuple(_platform_row(plan, verdict, refs) for verdict in in_order(plan))
    marked = next((at for at, row in enumerate(in_order(plan)) if row.platform == chosen), -1)
    return Table(
        caption="Every platform: its best design, or the one that came nearest",
        columns=(
            Column(label="Platform"),
            Column(label="Verdict"),
            Column(label="Design", wide=True),
            Column(label="Cost a month", numeric=True),
            Column(label="p95", numeric=True),
            Column(label="Availability", numeric=True),
        ),
        rows=rows,
        marked=marked,
    )


def _platform_row(plan: Plan, verdict: PlatformVerdict, refs: References) -> tuple[Cell, ...]:
    best = shown(verdict)
    counted = f"{verdict.feasible:,} of {verdict.considered:,} feasible"
    word, tone = _verdict(plan, verdict)
    platform = Cell(text=verdict.name, tone="strong", detail=counted)
    pill = Cell(text=word, tone=tone, pill=True)
    if best is None:
        why = _reasons(verdict)
        blank = Cell(text=DASH, tone="muted")
        design = Cell(text="none", tone="muted", detail=why, refs=rule_refs(refs, verdict.reasons))
        return platform, pill, design, blank, blank, blank
    rejected = verdict.best is None
    quiet: Tone = "muted" if rejected else ""
    detail = f"nearest: {_reasons(verdict)}" if rejected else describe(best.design)
    latency = best.simulation.latency_ms_p95.value if best.simulation else None
    return (
        platform,
        pill,
        Cell(
            text=short(best.design),
            tone=quiet,
            detail=detail,
            refs=rule_refs(refs, verdict.reasons) if rejected else (),
        ),
        Cell(text=money(best.bill.monthly_usd), tone=quiet, refs=bill_refs(refs, best.bill)),
        Cell(
            text=ms(latency if best.simulation else best.promise.latency_ms_p95),
            tone=quiet,
            refs=figure_refs(refs, best),
        ),
        Cell(
            text=percent(best.promise.availability_percent),
            tone=quiet,
            refs=promise_refs(refs, best),
        ),
    )


def _verdict(plan: Plan, verdict: PlatformVerdict) -> tuple[str, Tone]:
    if not verdict.considered:
        return "not considered", "muted"
    if verdict.best is None:
        return "rejected", "bad"
    if plan.chosen is not None and plan.chosen.design.platform == verdict.platform:
        return "chosen", "good"
    return ("feasible", "") if verdict.best.bill.monthly_usd is not None else ("unpriced", "warn")


def _reasons(verdict: PlatformVerdict) -> str:
    if not verdict.reasons:
        return "no design was considered" if not verdict.considered else "no reason was recorded"
    said = [finding.sentence for finding in verdict.reasons[:REASONS_SHOWN]]
    more = len(verdict.reasons) - REASONS_SHOWN
    return "; ".join(said) + (f"; and {count(more, 'more reason')}" if more > 0 else "")


def _winners(plan: Plan, refs: References) -> Table:
    """Who is best in each dimension, and how the chosen one does; the rule with its facts."""
    labels = platform_labels(plan)
    scored: dict[str, list[tuple[str, bool, Dimension]]] = {}
    for verdict in in_order(plan):
        item = shown(verdict)
        for one in item.dimensions if item is not None else ():
            scored.setdefault(one.name, []).append(
                (labels[verdict.platform], verdict.best is not None, one)
            )
    chosen: dict[str, Dimension] = {}
    if plan.chosen is not None:
        chosen = {one.name: one for one in plan.chosen.dimensions}
    rows = []
    for name, entries in scored.items():
        # Platforms that cannot do what is asked win nothing.
        able = [one for one in entries if one[1]] or entries
        known = [entry[2].score for entry in able if entry[2].score is not None]
        best = max(known, default=None)
        first = [entry for entry in able if best is not None and entry[2].score == best]
        own = chosen.get(name)
        told = own or (first[0][2] if first else entries[0][2])
        rows.append(
            (
                Cell(text=name, tone="strong"),
                Cell(
                    text=_names([entry[0] for entry in first]),
                    refs=proof_refs(refs, [entry[2].proof for entry in first[:3]]),
                ),
                Cell(text=DASH if best is None else f"{best:.3g}"),
                Cell(
                    text=DASH if own is None or own.score is None else f"{own.score:.3g}",
                    tone="strong",
                ),
                Cell(text=told.because or DASH, refs=proof_refs(refs, (told.proof,))),
            )
        )
    return Table(
        caption="The winner of each dimension",
        columns=(
            Column(label="Dimension"),
            Column(label="Winner", wide=True),
            Column(label="Its score", numeric=True),
            Column(label="Chosen", numeric=True),
            Column(label="Why the chosen one has its score", wide=True),
        ),
        rows=tuple(rows),
    )


def _names(names: list[str]) -> str:
    if not names:
        return "not known"
    if len(names) > 3:
        return f"{joined(names[:2])} and {count(len(names) - 2, 'other')}"
    return joined(names)


def _scenarios(plan: Plan) -> Table:
    rows = []
    for one in plan.scenarios:
        nothing = one.design is None
        rows.append(
            (
                Cell(text=one.name, tone="strong", detail=one.demand),
                Cell(
                    text="nothing does" if nothing else platform_name(plan, one.platform),
                    tone="bad" if nothing else "",
                    detail=one.design or "",
                ),
                Cell(text=DASH if nothing else money(one.monthly_usd)),
                Cell(text=one.why or DASH),
            )
        )
    return Table(
        caption="What would be chosen in another situation",
        columns=(
            Column(label="Situation", wide=True),
            Column(label="Choice", wide=True),
            Column(label="Cost a month", numeric=True),
            Column(label="Why", wide=True),
        ),
        rows=tuple(rows),
    )


def _ranked(plan: Plan, refs: References) -> Table:
    rows = []
    for place, item in enumerate(plan.ranked[:RANKED_SHOWN], 1):
        made, told = item.simulation, item.promise
        cited = figure_refs(refs, item)
        p95, p99 = told.latency_ms_p95, told.latency_ms_p99
        between95 = between99 = ""
        if made is not None:
            p95, p99 = made.latency_ms_p95.value, made.latency_ms_p99.value
            between95 = interval(made.latency_ms_p95, ms)
            between99 = interval(made.latency_ms_p99, ms)
        up = percent(told.availability_percent)
        if made is not None:
            up = availability(made.availability_percent.value)
        rows.append(
            (
                Cell(text=str(place)),
                Cell(
                    text=called(plan, item.design.id),
                    detail=f"{short(item.design)}: {describe(item.design)}",
                ),
                Cell(text=money(item.bill.monthly_usd), refs=bill_refs(refs, item.bill)),
                Cell(text=ms(p95), refs=cited, detail=between95),
                Cell(text=ms(p99), refs=cited, detail=between99),
                Cell(text=up, refs=cited),
                Cell(text=f"{number(told.capacity_rps)} /s", refs=promise_refs(refs, item)),
            )
        )
    listed = f"all {len(rows)} feasible designs" if len(rows) > 1 else "the only feasible design"
    if plan.feasible > len(rows):
        listed = f"the first {len(rows)} of {plan.feasible:,} feasible designs"
    return Table(
        caption=f"The ranking: {listed}",
        columns=(
            Column(label="Rank", numeric=True),
            Column(label="Design", wide=True),
            Column(label="Cost a month", numeric=True),
            Column(label="p95", numeric=True),
            Column(label="p99", numeric=True),
            Column(label="Available", numeric=True),
            Column(label="Holds", numeric=True),
        ),
        rows=tuple(rows),
        marked=0,
    )
