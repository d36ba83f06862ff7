"""`seatrial plan`: where should it run?"""

from __future__ import annotations

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def plan(app_dir: AppDir = HERE, as_json: Json = False, state_dir: StateDir = None) -> None:
    """Where should the app run, what does that cost, and will it hold?

    Prices every design of every platform, estimates its latency at the demand's peak hour,
    applies the rules, and ranks what is left by cost. Writes report.md and report.html. Nothing
    is bought or changed. Exit code 1 when no design keeps every rule.
    """
    run(
        app_dir,
        state_dir,
        as_json,
        lambda p: p.plan(),
        render.plan,
        lambda made: made.chosen is not None,
    )
