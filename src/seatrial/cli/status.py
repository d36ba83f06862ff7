"""`seatrial status`: what runs?"""

from __future__ import annotations

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def status(app_dir: AppDir = HERE, as_json: Json = False, state_dir: StateDir = None) -> None:
    """What runs, found by looking at the processes and asking them, not by remembering.

    Exit code 1 when something runs and is not healthy.
    """
    run(
        app_dir,
        state_dir,
        as_json,
        lambda p: p.status(),
        render.deployment,
        lambda found: found is None or found.healthy,
    )
