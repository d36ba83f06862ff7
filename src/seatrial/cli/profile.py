"""`seatrial profile`: what is this app?"""

from __future__ import annotations

from typing import Annotated

import typer

from seatrial.cli.common import HERE, AppDir, Json, StateDir, run
from seatrial.cli.profile_view import workload
from seatrial.engines.local.sandbox import Limits

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def profile(
    app_dir: AppDir = HERE,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Also boot the app and take boot time, memory and service times. This runs the "
            "app's code and installs what it asks for, in an environment of its own, with the "
            "network cut where this system can.",
        ),
    ] = False,
    measure_memory_mib: Annotated[
        int | None,
        typer.Option(
            help="End the measured app when it uses more memory.",
            min=64,
            show_default="80 % of what is free",
        ),
    ] = None,
    measure_time_s: Annotated[
        float, typer.Option(help="How long to measure at most, after installing.", min=10)
    ] = 900.0,
    allow_network: Annotated[
        bool,
        typer.Option("--allow-network", help="Let the measured app reach the network."),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every danger, route and fact.")
    ] = False,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """What is this app: how it starts, what it needs, each fact with file and line.

    The source is read, never imported or run, unless --measure is given.
    """
    limits = Limits(
        memory_mib=measure_memory_mib or 0, time_s=measure_time_s, allow_network=allow_network
    )
    run(
        app_dir,
        state_dir,
        as_json,
        lambda p: p.profile(measured=measure, limits=limits),
        lambda found: workload(found, everything),
    )
