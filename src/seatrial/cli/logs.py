"""`seatrial logs`: what the processes wrote."""

from __future__ import annotations

from typing import Annotated

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def logs(
    app_dir: AppDir = HERE,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000)] = 20,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """The last lines of each replica's, the proxy's and the engine's log."""
    run(app_dir, state_dir, as_json, lambda p: p.logs(lines), render.logs)
