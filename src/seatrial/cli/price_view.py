"""Quotes and comparisons as tables for a person, made for 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich.markup import escape
from rich.table import Table

from seatrial.cli.common import out
from seatrial.cli.render import bill_table, table
from seatrial.kernel.platform import ON_DEMAND
from seatrial.kernel.quote import BreakEven, Forgotten, Quote, UserCost, Year
from seatrial.kernel.units import plain, usd
from seatrial.pricing import Comparison

OFFERS_SHOWN = 40
CURVE_ROWS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def priced(made: Quote | Comparison) -> bool:
    """Whether the answer is a figure: exit code 1 when it is not."""
    if isinstance(made, Comparison):
        return any(offer.monthly_usd is not None for offer in made.offers)
    return made.monthly_usd is not None


def show(made: Quote | Comparison) -> None:
    """What was asked for: one bill, or every platform."""
    if isinstance(made, Comparison):
        _comparison(made)
    else:
        _quote(made)


def _quote(made: Quote) -> None:
    design = made.design
    what = f"{design.replicas_min} x {design.size}"
    title = escape(f"{made.platform_name} in {design.region}, {what}: the bill a month")
    out.print(bill_table(title, made.lines, made.monthly_usd))
    for missing in made.unpriced:
        out.print(f"[red]unpriced[/] {escape(missing.component)}: {escape(missing.reason)}")
    dates = sorted(line.as_of for line in made.lines)
    if dates:
        out.print(
            f"prices of {dates[0]} to {dates[-1]}; --json has the source of each", style="dim"
        )
    for note in made.notes:
        out.print(escape(note))
    if made.upfront_usd:
        out.print(f"paid upfront: {usd(made.upfront_usd)}, its share of a month is in the lines")
    _forgotten(made.forgotten, made.monthly_usd)
    if made.years:
        _years(made.years)
    if made.break_even is not None:
        _break_even(made.break_even)


def _forgotten(found: Sequence[Forgotten], total: Decimal | None) -> None:
    on_bill = [line for line in found if line.monthly_usd]
    if on_bill:
        costs = sum((line.monthly_usd for line in on_bill if line.monthly_usd), Decimal(0))
        share = f", {100 * costs / total:.0f} % of the bill" if total else ""
        out.print(f"\n[bold]Often forgotten, and counted[/]: {usd(costs)} a month{share}")
        _lines((usd(line.monthly_usd), line) for line in on_bill)
    absent = [line for line in found if line.monthly_usd is None]
    if absent:
        out.print("\n[bold]Not stated, so not on the bill[/]")
        _lines(
            (
                "no price"
                if line.unit_price_usd is None
                else f"${plain(line.unit_price_usd)} per {line.unit}",
                line,
            )
            for line in absent
        )


def _lines(rows: Iterable[tuple[str, Forgotten]]) -> None:
    """A price, a component and why it is forgotten, each in its column."""
    shown = Table.grid(padding=(0, 2))
    shown.add_column(justify="right", no_wrap=True)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for price, line in rows:
        shown.add_row(price, escape(line.component), escape(line.why))
    out.print(shown)


def _years(years: Sequence[Year]) -> None:
    out.print()
    shown = table(
        "Over the years",
        "year", "growth", "replicas", "cloud", "paid", "work", "total",
        right=("growth", "replicas", "cloud", "paid", "work", "total"),
    )  # fmt: skip
    for year in years:
        work = "-" if year.ops_hours is None else f"{plain(year.ops_hours)} h"
        if year.ops_usd is not None:
            work = usd(year.ops_usd)
        shown.add_row(
            str(year.year), f"{year.growth:.2f}x", str(year.replicas), usd(year.cloud_usd),
            usd(year.cash_usd), work, usd(year.total_usd),
        )  # fmt: skip
    totals = [year.total_usd for year in years]
    known = [total for total in totals if total is not None]
    whole = sum(known, Decimal(0)) if len(known) == len(totals) else None
    shown.add_row("[bold]all[/]", "", "", "", "", "", f"[bold]{usd(whole)}[/]")
    out.print(shown)
    if any(year.ops_usd is None for year in years):
        out.print("work is not in the total: state --ops-usd-hour and hours", style="dim")


def _break_even(curve: BreakEven) -> None:
    one, other = curve.platforms
    out.print()
    shown = table(
        f"By daily users: {escape(one)} and {escape(other)}",
        "users", one, "replicas", other, "replicas ", "cheaper",
        right=("users", one, "replicas", other, "replicas "),
    )  # fmt: skip
    for point in _some(curve):
        costs = point.monthly_usd
        cheaper = ""
        if costs[0] is not None and costs[1] is not None:
            cheaper = one if costs[0] <= costs[1] else other
        shown.add_row(
            f"{point.daily_users:,}", usd(costs[0]), str(point.replicas[0] or "-"),
            usd(costs[1]), str(point.replicas[1] or "-"), escape(cheaper),
        )  # fmt: skip
    out.print(shown)
    if not curve.crossings and curve.cheaper_at_first:
        out.print(f"[bold]{escape(curve.cheaper_at_first)}[/] is cheaper throughout")
    for crossing in curve.crossings:
        out.print(
            f"from [bold]{crossing.daily_users:,}[/] daily users on "
            f"[bold]{escape(crossing.cheaper)}[/] is cheaper"
        )
    for said in curve.assumptions:
        out.print(escape(said), style="dim")


def _some(curve: BreakEven) -> list[UserCost]:
    """About a dozen points of the curve, the ones nearest to round numbers."""
    points = curve.points
    wanted = [n for n in CURVE_ROWS if points[0].daily_users <= n <= points[-1].daily_users]
    near = [min(points, key=lambda p: abs(p.daily_users - n)) for n in wanted]
    return list(dict.fromkeys([points[0], *near, points[-1]]))


def _comparison(made: Comparison) -> None:
    shown = table(
        "What one design costs a month, cheapest first",
        "platform", "region", "replicas", "a month", right=("a month",),
    )  # fmt: skip
    known = [offer for offer in made.offers if offer.monthly_usd is not None]
    for offer in known[:OFFERS_SHOWN]:
        design = offer.design
        size = f"{design.replicas_min} x {design.size}" if design else ""
        if design and design.arch != "x86_64":
            size += f" {design.arch}"
        if offer.commitment != ON_DEMAND:
            size += f" {offer.commitment}"
        name = offer.platform if offer.status == "available" else f"{offer.platform} (closed)"
        shown.add_row(name, offer.region, escape(size), usd(offer.monthly_usd))
    out.print(shown)
    if len(known) > OFFERS_SHOWN:
        out.print(f"and {len(known) - OFFERS_SHOWN} more: --json has all", style="dim")
    missing = [offer for offer in made.offers if offer.monthly_usd is None]
    if missing:
        out.print("\n[bold]Without a price[/]")
        grid = Table.grid(padding=(0, 2))
        for offer in missing:
            grid.add_row(offer.platform, offer.region, escape(offer.reason))
        out.print(grid)
