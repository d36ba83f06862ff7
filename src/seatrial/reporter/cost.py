"""The platforms beside one another, the next best designs, and the bill of the chosen one."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.kernel.assessment import Assessment, CostLine
from seatrial.kernel.plan import Plan, PlatformVerdict
from seatrial.reporter.model import Block, Cell, Column, Figure, Notice, Section, Table, Text, Tone
from seatrial.reporter.naming import describe, feasible, in_order, platform_name, short, shown
from seatrial.reporter.outlook import priced_between
from seatrial.reporter.refs import (
    RANKED_SHOWN,
    References,
    bill_refs,
    price_of,
    promise_refs,
    rule_refs,
)
from seatrial.reporter.words import (
    DASH,
    bare,
    count,
    link,
    money,
    ms,
    number,
    percent,
    quantity,
    sentence_case,
    unit_price,
)

REASONS_SHOWN = 2


def comparison(plan: Plan, refs: References, charts: Iterable[str]) -> Section:
    """All platforms with their verdict, and the designs that ranked next."""
    chosen = plan.chosen.design.platform if plan.chosen else ""
    rows = tuple(_platform_row(plan, verdict, refs) for verdict in in_order(plan))
    marked = next((at for at, row in enumerate(in_order(plan)) if row.platform == chosen), -1)
    table = Table(
        caption="Every platform: its best design, or the one that came nearest",
        columns=(
            Column(label="Platform"),
            Column(label="Verdict"),
            Column(label="Design", wide=True),
            Column(label="Cost a month", numeric=True),
            Column(label="p95 promised", numeric=True),
            Column(label="Availability", numeric=True),
        ),
        rows=rows,
        marked=marked,
    )
    blocks: list[Block] = []
    if "cost" in charts:
        caption = "Cost a month by component, best or nearest design of each platform"
        blocks.append(Figure(chart="cost", caption=caption))
    blocks.append(table)
    if plan.ranked:
        blocks.append(_ranked(plan, refs))
    return Section(id="platforms", title="Where it could run", blocks=tuple(blocks))


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
        Cell(text=ms(best.promise.latency_ms_p95), tone=quiet, refs=promise_refs(refs, best)),
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


def _ranked(plan: Plan, refs: References) -> Table:
    rows = []
    for place, item in enumerate(plan.ranked[:RANKED_SHOWN], 1):
        computed = promise_refs(refs, item)
        rows.append(
            (
                Cell(text=str(place)),
                Cell(
                    text=platform_name(plan, item.design.platform),
                    detail=f"{short(item.design)}: {describe(item.design)}",
                ),
                Cell(text=money(item.bill.monthly_usd), refs=bill_refs(refs, item.bill)),
                Cell(text=ms(item.promise.latency_ms_p95), refs=computed),
                Cell(text=ms(item.promise.latency_ms_p99), refs=computed),
                Cell(text=f"{number(item.promise.capacity_rps)} /s", refs=computed),
            )
        )
    listed = f"all {len(rows)} feasible designs" if len(rows) > 1 else "the only feasible design"
    if feasible(plan) > len(rows):
        listed = f"the first {len(rows)} of {feasible(plan):,} feasible designs"
    return Table(
        caption=f"The ranking: {listed}",
        columns=(
            Column(label="Rank", numeric=True),
            Column(label="Design", wide=True),
            Column(label="Cost a month", numeric=True),
            Column(label="p95", numeric=True),
            Column(label="p99", numeric=True),
            Column(label="Holds", numeric=True),
        ),
        rows=tuple(rows),
        marked=0,
    )


def bill(plan: Plan, refs: References) -> Section:
    """The bill of the chosen design line by line, each with the source and date of its price."""
    chosen = plan.chosen
    if chosen is None:
        text = "No design was chosen, so there is no bill. The appendix lists every price used."
        return Section(
            id="bill", title="What it costs", blocks=(Text(sentences=(Cell(text=text),)),)
        )
    blocks: list[Block] = []
    if chosen.bill.unpriced:
        blocks += [_unpriced_notice(chosen), _unpriced(chosen)]
    if chosen.bill.lines:
        text = f"{sentence_case(priced_between(chosen.bill))}. A month is 730 hours. "
        text += "Prices are list prices in USD without tax."
        blocks.append(Text(sentences=(Cell(text=text, refs=bill_refs(refs, chosen.bill)),)))
    blocks.append(_lines(chosen, refs))
    return Section(id="bill", title="What it costs", blocks=tuple(blocks))


def _lines(chosen: Assessment, refs: References) -> Table:
    by_component: dict[str, list[CostLine]] = {}
    for line in chosen.bill.lines:
        by_component.setdefault(line.component, []).append(line)
    rows = tuple(_line(line, refs) for lines in by_component.values() for line in lines)
    blank = Cell(text="")
    return Table(
        caption=f"The bill of {chosen.design.id}, a month",
        columns=(
            Column(label="Component"),
            Column(label="Service and SKU", wide=True),
            Column(label="Quantity", numeric=True),
            Column(label="Unit price", numeric=True),
            Column(label="A month", numeric=True),
            Column(label="Source"),
        ),
        rows=rows,
        total=(
            Cell(text="Total", tone="strong"),
            blank,
            blank,
            blank,
            Cell(
                text=money(chosen.bill.monthly_usd),
                tone="strong",
                refs=bill_refs(refs, chosen.bill),
            ),
            blank,
        ),
    )


def _line(line: CostLine, refs: References) -> tuple[Cell, ...]:
    return (
        Cell(text=line.component),
        Cell(text=line.service, detail=line.sku),
        Cell(text=quantity(line.quantity), detail=line.unit),
        Cell(text=unit_price(line.unit_price_usd), refs=(refs.prices[price_of(line)],)),
        Cell(text=money(line.monthly_usd)),
        Cell(text=line.as_of, detail=bare(line.source), href=link(line.source)),
    )


def _unpriced_notice(chosen: Assessment) -> Notice:
    lines = sentence_case(count(len(chosen.bill.unpriced), "line"))
    text = f"{lines} of this bill could not be priced. The total is therefore not known, and not 0."
    return Notice(tone="warn", sentence=Cell(text=text))


def _unpriced(chosen: Assessment) -> Table:
    return Table(
        caption="What could not be priced",
        columns=(
            Column(label="Component"),
            Column(label="Service and SKU", wide=True),
            Column(label="Region"),
            Column(label="Why", wide=True),
        ),
        rows=tuple(
            (
                Cell(text=line.component),
                Cell(text=line.service, detail=line.sku),
                Cell(text=line.region),
                Cell(text=line.reason),
            )
            for line in chosen.bill.unpriced
        ),
    )
