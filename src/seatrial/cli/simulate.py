"""`seatrial simulate`: would a design hold?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seatrial import pricing, simulating
from seatrial.cli import simulate_view
from seatrial.cli.common import HERE, Json, StateDir, run
from seatrial.kernel.simulation import Simulation
from seatrial.pipeline import Pipeline
from seatrial.trials.machine import describe, share

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def simulate(
    design: Annotated[
        str,
        typer.Argument(
            metavar="DESIGN",
            help="A design's name, as in a plan: aws-fargate/us-east-1/1vcpu-2gbx2-6.",
            show_default="the plan's choice",
        ),
    ] = "",
    app_dir: Annotated[
        Path, typer.Option("--app", metavar="APP", help="Folder of the app.")
    ] = HERE,
    demand: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Another demand than APP/seatrial.toml, in its form."),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Recorded traffic instead: an access log, CSV or JSONL."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.", min=0)] = 1,
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Would it hold: latency, errors, replicas, cost and availability, each with its interval.

    Replays stretches of a week exactly, request by request, runs through a year by the minute, and
    adds what rare failures cost. Service times are those of `seatrial profile --measure`.
    """

    def work(pipeline: Pipeline) -> Simulation:
        workload = pipeline.profile(measured=False)
        wanted = pipeline.settings
        return simulating.simulated(
            workload,
            simulating.demand_of(demand) if demand is not None else wanted.demand,
            pricing.catalog(pipeline.app_dir / pricing.FILE, wanted.machine),
            share(describe(), wanted.deploy.replicas),
            design or _chosen(pipeline),
            seed,
            trace,
            pipeline.tell,
        )

    run(app_dir, state_dir, as_json, work, simulate_view.show)


def _chosen(pipeline: Pipeline) -> str:
    """The name of the plan's choice, which is made if it is not there; of its nearest otherwise."""
    made = pipeline.decided()
    best = made.chosen or made.rehearsal
    return best.design.id
