"""`seatrial ship`: the whole loop."""

from __future__ import annotations

from typing import Annotated

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run
from seatrial.cli.deploy import Port

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def ship(
    app_dir: AppDir = HERE,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the deployment up and print its URL.")
    ] = False,
    port: Port = None,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Profile, plan, bundle, deploy on this machine, measure under load, report.

    Runs the app's code on this machine; buys and changes nothing outside it. Exit code 1 when
    no design keeps every rule or the measured latency misses the SLO.
    """
    run(
        app_dir,
        state_dir,
        as_json,
        lambda p: p.ship(keep=keep, port=port),
        render.shipped,
        lambda done: done.passed,
    )
