"""`seatrial trial`: measure the promises."""

from __future__ import annotations

from typing import Annotated

import typer

from seatrial.cli import render
from seatrial.cli.common import HERE, AppDir, Json, StateDir, run

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def trial() -> None:
    """Measure what the plan promised on what is deployed."""


@app.command()
def load(
    app_dir: AppDir = HERE,
    seed: Annotated[int, typer.Option(help="Seed of arrival times and routes.", min=0)] = 1,
    duration_s: Annotated[
        float, typer.Option("--duration", help="Seconds to measure.", min=1, max=3600)
    ] = 15.0,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Open-loop load at the demand's peak rate, as far as this machine carries it.

    Latency counts from when a request was meant to be sent. Exit code 1 when the SLO is missed.
    """
    run(
        app_dir,
        state_dir,
        as_json,
        lambda p: p.trial_load(seed=seed, duration_s=duration_s),
        render.evidence,
        lambda found: found.passed,
    )
