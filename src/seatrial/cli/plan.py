"""`seatrial plan`: where should it run?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from seatrial.cli import plan_view
from seatrial.cli.common import HERE, AppDir, Json, StateDir, out, perform
from seatrial.kernel.plan import Plan
from seatrial.pipeline import Pipeline

app = typer.Typer(add_completion=False, rich_markup_mode=None)

WorkloadFile = Annotated[
    Path | None,
    typer.Option(
        "--workload",
        metavar="FILE",
        help="Plan for a described app instead: its traits and demand as TOML (see "
        "examples/plans), or a workload that `seatrial profile --json` printed.",
        show_default=False,
    ),
]
ReportDir = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="DIR",
        help="Also write report.md, report.html, report.pdf and the charts there.",
        show_default=False,
    ),
]


@app.command()
def plan(
    app_dir: AppDir = HERE,
    workload: WorkloadFile = None,
    report: ReportDir = None,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Where should the app run, what does that cost, and will it hold?

    Prices every design of every platform and region, judges each by every rule, ranks what is left
    by cost (or by your weights in [plan]), and simulates the best. Says what speaks against
    every other platform, and what would change the answer. Nothing is bought or changed.
    Exit code 1 when no design keeps every rule.
    """

    def work(tell: Callable[[str], None]) -> Plan:
        if workload is not None:
            # The planner: what is wrong with an app's folder is told without it.
            from seatrial.planning import planned_for

            return planned_for(workload, report, tell)
        pipeline = Pipeline(app_dir, state_dir, tell)
        made = pipeline.plan()
        if report is not None:
            pipeline.write_report(report)
        return made

    def show(made: Plan) -> None:
        plan_view.plan(made)
        if report is not None:
            out.print(f"\nreport in {report}", soft_wrap=True, markup=False)

    perform(as_json, work, show, lambda made: made.chosen is not None)
