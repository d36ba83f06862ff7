"""What it costs: the bill of the chosen design, three years of every platform, break-even."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from seatrial.kernel.assessment import Assessment, Bill, CostLine, Unpriced
from seatrial.kernel.plan import Plan
from seatrial.kernel.quote import BreakEven
from seatrial.reporter.charts.every import CURVES_SHOWN
from seatrial.reporter.model import Block, Cell, Column, Figure, Notice, Section, Table, Text
from seatrial.reporter.naming import platform_labels, platform_name
from seatrial.reporter.refs import (
    References,
    bill_refs,
    design_refs,
    price_of,
    simulation_refs,
)
from seatrial.reporter.words import (
    DASH,
    bare,
    count,
    estimate,
    link,
    money,
    quantity,
    sentence_case,
    stop,
    unit_price,
    whole_money,
)


def priced_between(bill: Bill) -> str:
    """How old the prices of a bill with lines are."""
    dates = sorted(line.as_of for line in bill.lines)
    if dates[0] == dates[-1]:
        return f"every price is of {dates[0]}"
    return f"the oldest price is of {dates[0]}, the newest of {dates[-1]}"


def bill(plan: Plan, refs: References, charts: Iterable[str]) -> Section:
    """The bill line by line with sources, the platforms beside it, years, and break-even."""
    chosen = plan.chosen
    blocks: list[Block] = []
    if "cost" in charts:
        caption = "Cost a month by part of the bill: the best design of each platform"
        note = "Faded bars are of rejected platforms, with the design that came nearest."
        pale = any(verdict.best is None and verdict.nearest for verdict in plan.platforms)
        blocks.append(Figure(chart="cost", caption=caption, note=note if pale else ""))
    if chosen is None:
        text = "No design was chosen, so there is no bill. The appendix lists every price used."
        blocks.append(Text(sentences=(Cell(text=text),)))
    else:
        blocks += _of_chosen(chosen, refs)
    if plan.years:
        blocks.append(_years(plan, refs))
    for at, curve in enumerate(plan.break_even, 1):
        blocks += _break_even(plan, curve, at, charts)
    return Section(id="bill", title="What it costs", blocks=tuple(blocks))


def _of_chosen(chosen: Assessment, refs: References) -> list[Block]:
    blocks: list[Block] = []
    if chosen.bill.unpriced:
        caption = "What could not be priced"
        blocks += [_unpriced_notice(chosen), _without(caption, chosen.bill.unpriced)]
    if chosen.bill.lines:
        text = f"{sentence_case(priced_between(chosen.bill))}. A month is 730 hours. "
        text += "Prices are list prices in USD without tax."
        said = [Cell(text=text, refs=bill_refs(refs, chosen.bill))]
        made = chosen.simulation
        if made is not None and made.cost_usd_month.value is not None:
            ran = "Simulated with its scaling it costs "
            ran += f"{estimate(made.cost_usd_month, whole_money)} a month, with the replicas that "
            ran += "the load of the week asks for."
            said.append(Cell(text=ran, refs=simulation_refs(refs, chosen)))
        blocks.append(Text(sentences=tuple(said)))
    blocks.append(_lines(chosen, refs))
    if chosen.bill.unstated:
        caption = "On top of this bill, as nobody said how much of it is used"
        blocks.append(_without(caption, chosen.bill.unstated))
    forgotten = [line for line in chosen.bill.lines if line.forgotten]
    if forgotten:
        blocks.append(_forgotten(forgotten, refs))
    return blocks


def _forgotten(lines: list[CostLine], refs: References) -> Table:
    return Table(
        caption="On this bill, and left out of most estimates by hand",
        columns=(
            Column(label="Line", wide=True),
            Column(label="A month", numeric=True),
            Column(label="Why it is forgotten", wide=True),
        ),
        rows=tuple(
            (
                Cell(text=f"{line.component}: {line.sku}"),
                Cell(text=money(line.monthly_usd), refs=(refs.prices[price_of(line)],)),
                Cell(text=line.forgotten),
            )
            for line in lines
        ),
    )


def _years(plan: Plan, refs: References) -> Table:
    """Every platform's years beside one another, the cheapest first."""
    most = max(len(row.years) for row in plan.years)
    ordered = sorted(plan.years, key=lambda r: (r.total_usd is None, r.total_usd, r.platform))
    chosen = plan.chosen.design.platform if plan.chosen else ""
    marked = next((at for at, row in enumerate(ordered) if row.platform == chosen), -1)
    rows = []
    for row in ordered:
        cited = design_refs(refs, plan, row.design)
        paid = [year.total_usd if year.total_usd is not None else year.cloud_usd
                for year in row.years]  # fmt: skip
        cells = [Cell(text=whole_money(amount)) for amount in paid]
        cells += [Cell(text=DASH)] * (most - len(cells))
        per_user = DASH if row.usd_user_month is None else unit_price(_rounded(row.usd_user_month))
        per = row.usd_1000_requests
        rows.append(
            (
                Cell(
                    text=platform_name(plan, row.platform),
                    tone="strong",
                    detail=row.design.removeprefix(f"{row.platform}/"),
                    refs=cited,
                ),
                *cells,
                Cell(text=whole_money(row.total_usd), tone="strong"),
                Cell(text=DASH if per is None else unit_price(_rounded(per))),
                Cell(text=per_user),
            )
        )
    worked = any(year.ops_usd is not None for row in plan.years for year in row.years)
    what = "cloud and work" if worked else "cloud"
    growth = plan.demand.traffic.growth_year
    said = f", with traffic growing {growth:g} times a year" if growth != 1 else ""
    return Table(
        caption=f"Total cost of ownership over {count(most, 'year')}: {what}{said}",
        columns=(
            Column(label="Platform", wide=True),
            *(Column(label=f"Year {at}", numeric=True) for at in range(1, most + 1)),
            Column(label="Total", numeric=True),
            Column(label="1,000 requests", numeric=True),
            Column(label="A user a month", numeric=True),
        ),
        rows=tuple(rows),
        marked=marked,
    )


def _break_even(plan: Plan, curve: BreakEven, at: int, charts: Iterable[str]) -> list[Block]:
    labels = platform_labels(plan)
    first, second = (labels.get(one, one) for one in curve.platforms)
    blocks: list[Block] = []
    said = [f"{labels.get(curve.cheaper_at_first, curve.cheaper_at_first)} is cheaper at first"]
    said += [
        f"from {one.daily_users:,} daily users on {labels.get(one.cheaper, one.cheaper)} is"
        for one in curve.crossings
    ]
    if len(said) == 1:
        said = [f"{said[0].removesuffix(' at first')} throughout"]
    told = f"{', '.join(said)}."
    if curve.assumptions:
        told += f" Assumed: {stop('; '.join(curve.assumptions))}"
    if at <= CURVES_SHOWN and f"break-even-{at}" in charts:
        caption = f"Break-even: {first} and {second}"
        blocks.append(Figure(chart=f"break-even-{at}", caption=caption, note=told))
    else:
        blocks.append(
            Text(heading=f"Break-even: {first} and {second}", sentences=(Cell(text=told),))
        )
    return blocks


def _rounded(amount: Decimal) -> Decimal:
    """Four digits that count, for prices of small things."""
    if not amount.is_finite() or not amount:
        return amount
    return Decimal(f"{amount:.4g}") if abs(amount) < 10 else amount.quantize(Decimal("0.01"))


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
            Column(label="Source", wide=True),
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


def _without(caption: str, lines: Iterable[Unpriced]) -> Table:
    return Table(
        caption=caption,
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
            for line in lines
        ),
    )
