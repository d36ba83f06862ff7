"""`seatrial profile`: what is this app?"""

from __future__ import annotations

from typing import Annotated

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def profile(
    app_dir: AppDir = HERE,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Also boot the app in an environment of its own and take boot time, memory and "
            "service times. This runs the app's code.",
        ),
    ] = False,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """What is this app: how it starts, what it needs, each fact with file and line.

    The source is read, never imported or run, unless --measure is given.
    """
    run(app_dir, state_dir, as_json, lambda p: p.profile(measured=measure), render.workload)
