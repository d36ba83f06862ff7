"""`seatrial stop`: stop what runs."""

from __future__ import annotations

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def stop(app_dir: AppDir = HERE, as_json: Json = False, state_dir: StateDir = None) -> None:
    """Stop the deployment: let requests finish, end every process, clean up what was left.

    Also finds processes of a deployment whose engine or state file was lost.
    """
    run(app_dir, state_dir, as_json, lambda p: p.stop(), render.stopped)
