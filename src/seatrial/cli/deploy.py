"""`seatrial deploy`: run the app on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, help="Public port on loopback.", show_default="8080"),
]


@app.command()
def deploy(
    app_dir: AppDir = HERE, port: Port = None, as_json: Json = False, state_dir: StateDir = None
) -> None:
    """Run the app on this machine: replicas under the runtime, behind a proxy on loopback.

    Comes back when every replica is ready and a request went through. Dead replicas are started
    again until `seatrial stop`.
    """
    run(app_dir, state_dir, as_json, lambda p: p.deploy(port), render.deployment)
