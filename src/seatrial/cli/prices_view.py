"""Prices as tables for a person."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from seatrial.cli.common import err, out
from seatrial.kernel.platform import ON_DEMAND
from seatrial.kernel.units import plain
from seatrial.pricelists import InForce, PriceList, PriceStatus

if TYPE_CHECKING:
    from seatrial.catalog.refresh.difference import Change
    from seatrial.catalog.refresh.run import ProviderRefresh, Refresh

KINDS = {"added": "green", "changed": "yellow", "gone": "red"}
NAMED_MAX = 20
"""So many missing prices are named; --json names all."""


def _table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def listed(found: PriceList) -> None:
    """The prices with age and layer, and their sources below, each once."""
    sources = {row.price.source: 0 for row in found.prices}
    sources = {source: number for number, source in enumerate(sources, 1)}
    table = _table(
        f"{len(found.prices)} prices", "service", "sku", "region", "USD", "a", "age", "from",
        "source", right=("USD", "age", "source"),
    )  # fmt: skip
    for row in found.prices:
        price = row.price
        upfront = f" + {plain(price.upfront_usd)} upfront" if price.upfront_usd else ""
        over = f" over {plain(price.tier_from)}" if price.tier_from else ""
        terms = "" if price.commitment == ON_DEMAND else f" {price.commitment}"
        table.add_row(
            f"{price.provider} {escape(price.service)}",
            escape(price.sku + terms + over),
            price.region,
            plain(price.price_usd) + upfront,
            price.unit,
            _age(row),
            row.layer,
            str(sources[price.source]),
        )
    out.print(table)
    out.print()
    for source, number in sources.items():
        out.print(f"{number}  {source}", style="dim", markup=False, soft_wrap=True)


def _age(row: InForce) -> str:
    return "undated" if row.age_days is None else f"{row.age_days} d"


def status(found: PriceStatus) -> None:
    """Folder, counts and dates."""
    counts = ("packaged", "fetched", "own", "undated")
    table = _table(
        "Prices in force", "provider", *counts, "oldest", "newest", "last fetch", right=counts
    )
    for row in found.providers:
        numbers = (row.packaged, row.fetched, row.own, row.undated)
        table.add_row(
            row.provider, *map(str, numbers), row.oldest, row.newest, row.fetched_at or "never"
        )
    out.print(table)
    out.print(f"\nfetched prices are kept in {found.folder}", markup=False, soft_wrap=True)
    if found.own_file:
        out.print(f"your own prices are in {found.own_file}", markup=False, soft_wrap=True)


def refreshed(done: Refresh) -> None:
    """What changed, provider by provider, and what came of it."""
    for one in done.providers:
        if one.failure is not None:
            place = f"{one.failure.where}: " if one.failure.where else ""
            text = f"error: {one.provider}: {place}{one.failure.what}"
            err.print(text, style="bold red", markup=False, soft_wrap=True)
            err.print(f"  fix: {one.failure.fix}", markup=False, soft_wrap=True)
        elif one.skipped:
            out.print(f"{one.provider} is left out: {one.skipped}", markup=False, soft_wrap=True)
        else:
            _provider(one, done)


def _provider(one: ProviderRefresh, done: Refresh) -> None:
    if one.changes:
        out.print(_changes(one.provider, one.changes))
    for left in one.unusable:
        out.print(
            f"not taken: {left.service} {left.sku} {left.region}: {left.reason}",
            style="yellow", markup=False, soft_wrap=True,
        )  # fmt: skip
    for name in one.missing[:NAMED_MAX]:
        out.print(f"not in the list: {name}", style="dim", markup=False, soft_wrap=True)
    if len(one.missing) > NAMED_MAX:
        out.print(f"not in the list: {len(one.missing) - NAMED_MAX} more", style="dim")
    counts = f"{one.provider}: {one.rows} rows fetched, {one.unchanged} as before"
    if one.refused:
        named = [c for c in one.changes if c.refused]
        out.print(f"{counts}; nothing written", markup=False)
        for change in named:
            err.print(f"refused: {_why(change)}", style="bold red", markup=False, soft_wrap=True)
        err.print("  fix: check them, then run again with --accept", markup=False)
    elif one.written:
        out.print(f"{counts}, written to {one.written}", markup=False, soft_wrap=True)
    elif done.dry_run:
        out.print(f"{counts}; nothing written (--dry-run)", markup=False)


def _changes(provider: str, changes: Sequence[Change]) -> Table:
    table = _table(
        f"{provider}: {len(changes)} changes", "", "price", "region", "was", "is", "change",
        right=("was", "is", "change"),
    )  # fmt: skip
    for change in changes:
        colour = "bold red" if change.refused else KINDS[change.kind]
        terms = "" if change.commitment == ON_DEMAND else f" {change.commitment}"
        table.add_row(
            f"[{colour}]{change.kind}[/]",
            escape(f"{change.service} {change.sku}{terms}, {change.unit}"),
            change.region,
            _usd(change.old_usd),
            _usd(change.new_usd),
            _percent(change.percent),
        )
    return table


def _usd(amount: Decimal | None) -> str:
    return "-" if amount is None else plain(amount)


def _percent(percent: Decimal | None) -> str:
    return "" if percent is None else f"{percent:+} %"


def _why(change: Change) -> str:
    name = f"{change.service} {change.sku} {change.region} {change.commitment}"
    if change.kind == "gone":
        return f"{name} is in no list now, and an older price would come back"
    how = f"{change.percent:+} %" if change.percent is not None else "cannot be compared"
    return f"{name}: {_usd(change.old_usd)} to {_usd(change.new_usd)} ({how})"
