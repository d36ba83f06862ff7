"""`seatrial bundle`: the files of the chosen design."""

from __future__ import annotations

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def bundle(app_dir: AppDir = HERE, as_json: Json = False, state_dir: StateDir = None) -> None:
    """Write the Dockerfile and the infrastructure of the chosen design, and check them.

    Nothing is applied. Exit code 1 when a check fails; a tool that is missing is only told.
    """
    run(
        app_dir,
        state_dir,
        as_json,
        lambda p: p.bundle(),
        render.bundle,
        lambda made: all(check.status != "failed" for check in made.checks),
    )
