"""Nouns as tables for a person, made for 80 columns. Colour goes away when piped."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from seatrial.cli.common import out
from seatrial.engines.engine import StopReport
from seatrial.kernel.assessment import CostLine
from seatrial.kernel.bundle import Bundle
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.evidence import LATE_SENDS, LoadEvidence
from seatrial.kernel.shipped import Shipped
from seatrial.kernel.units import plain, usd
from seatrial.planner.explain import shape

STATES = {"ready": "green", "starting": "yellow", "not-ready": "yellow", "dead": "red"}
VERDICTS = {"passed": "green", "failed": "red", "skipped": "yellow"}


def table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def bill_table(title: str, lines: Sequence[CostLine], total: Decimal | None) -> Table:
    """The lines of a bill and their total."""
    shown = table(
        title,
        "component",
        "what",
        "quantity",
        "price",
        "USD",
        right=("quantity", "price", "USD"),
    )
    for line in lines:
        shown.add_row(
            line.component,
            escape(f"{line.service} {line.sku}"),
            f"{plain(round(line.quantity, 3))} {line.unit}",
            plain(round(line.unit_price_usd, 12)),
            usd(line.monthly_usd),
        )
    shown.add_row("[bold]total[/]", "", "", "", f"[bold]{usd(total)}[/]")
    return shown


def bundle(made: Bundle) -> None:
    """The files and what the tools said of them."""
    shown = table(escape(f"Bundle of {made.design.id}"), "file", "bytes", "what", right=("bytes",))
    for file in made.files:
        shown.add_row(file.path, f"{file.size_bytes:,}", file.purpose)
    out.print(shown)
    out.print()
    for check in made.checks:
        colour = VERDICTS[check.status]
        out.print(f"[{colour}]{check.status}[/] {check.name}")
        if check.detail:
            out.print(escape(textwrap.indent(check.detail, "  ")), style="dim")
    out.print(f"\nin {_near(made.directory)}", soft_wrap=True, markup=False)


def deployment(found: Deployment | None) -> None:
    """What runs where."""
    if found is None:
        out.print("nothing is deployed")
        return
    healthy = "[green]healthy[/]" if found.healthy else "[red]not healthy[/]"
    serving = "serving" if found.serving else "not serving"
    shown = table(
        f"{escape(found.app)}: {healthy}, {serving} at {found.url}",
        "process",
        "pid",
        "state",
        "address",
        "restarts",
        right=("pid", "restarts"),
    )
    for process in found.processes:
        state = f"[{STATES[process.state]}]{process.state}[/]"
        detail = f" {escape(process.detail)}" if process.detail else ""
        shown.add_row(
            process.name,
            str(process.pid or "-"),
            state + detail,
            process.address,
            str(process.restarts),
        )
    out.print(shown)
    out.print(f"\nlogs in {_near(found.log_dir)}", soft_wrap=True, markup=False)


def evidence(found: LoadEvidence) -> None:
    """Promised beside measured."""
    out.print(
        f"{found.requests} requests in {found.duration_s:g} s at {found.rate_rps:.1f}/s "
        f"({100 * found.peak_share:.0f} % of the peak), {found.errors} errors"
    )
    out.print(_comparisons(found))


def _comparisons(found: LoadEvidence) -> Table:
    shown = table(
        "Promised and measured",
        "figure",
        "promised",
        "measured",
        "asked",
        "",
        right=("promised", "measured", "asked"),
    )

    def figure(value: float | None, unit: str) -> str:
        return "-" if value is None else f"{value:.2f} {unit}"

    for row in found.comparisons:
        met = "[green]kept[/]" if row.met else "[red]missed[/]"
        if row.figure == LATE_SENDS and not row.met:
            met = "[yellow]noisy[/]"  # The client's own delay, which only makes latency look worse.
        shown.add_row(
            row.figure,
            figure(row.promised, row.unit),
            figure(row.measured, row.unit),
            figure(row.required, row.unit),
            "" if row.required is None else met,
        )
    return shown


def stopped(report: StopReport) -> None:
    """What was found and ended."""
    if not report.ended:
        out.print("nothing was running")
        return
    for process in report.ended:
        how = "[yellow]killed[/]" if process.killed else "stopped"
        out.print(f"{how} {process.role} {process.pid}")
    for note in report.notes:
        out.print(escape(note), style="yellow")


def logs(found: dict[str, tuple[str, ...]]) -> None:
    """The last lines, log by log."""
    for name, lines in found.items():
        out.print(f"[bold]== {escape(name)} ==[/]")
        for line in lines:
            out.print(line, markup=False, soft_wrap=True)


def shipped(done: Shipped) -> None:
    """The summary of the whole loop."""
    web, chosen = done.workload.web, done.chosen
    shown = table(escape(f"{done.workload.app} is proved"), "", "")
    measured = web.measured
    shown.add_row(
        "the app",
        f"{web.framework}, {len(web.routes)} routes, boots in {measured.boot_s:.1f} s, "
        f"{measured.memory_mib_worker:.0f} MiB a worker"
        if measured
        else web.framework,
    )
    if chosen is None:
        shown.add_row("the design", f"[red]none of {done.considered} keeps every rule[/]")
    else:
        shown.add_row(
            "the design",
            escape(f"{chosen.design.platform} {chosen.design.region}, {shape(chosen.design)}"),
        )
        shown.add_row(
            "costs",
            f"[bold]{usd(chosen.bill.monthly_usd)} a month[/] "
            f"(of {done.considered:,} designs considered)",
        )
    shown.add_row("ran here", escape(f"{shape(done.rehearsal.design)}, behind Envoy"))
    out.print(shown)
    if done.evidence is not None:
        out.print()
        evidence(done.evidence)
    out.print("\n[bold]Look at[/]")
    for path in done.report:
        out.print(f"report  {_near(path)}", soft_wrap=True, markup=False)
    if done.bundle is not None:
        out.print(f"bundle  {_near(done.bundle.directory)}", soft_wrap=True, markup=False)
        for check in done.bundle.checks:
            out.print(f"        [{VERDICTS[check.status]}]{check.status}[/] {check.name}")
    if done.url:
        out.print(f"running {done.url}  (end it with `seatrial stop`)", soft_wrap=True)


def _near(path: str) -> str:
    """A path as it is shortest from here."""
    here = Path(path)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else path
