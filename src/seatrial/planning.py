"""A decision from what is known of an app: the planner with its catalogue and its simulator."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import pricing, traits
from seatrial.assessor.assess import Question
from seatrial.files import write_atomic
from seatrial.kernel.demand import Settings
from seatrial.kernel.design import Design
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.workload import Workload
from seatrial.planner.plan import plan
from seatrial.trials.machine import describe, share

if TYPE_CHECKING:
    from seatrial.assessor.simulate.run import Served

SEED = 1

REQUESTS = 100_000
"""Simulated of each of the best designs; of those that are close to a target the full number."""


def decided(
    workload: Workload,
    settings: Settings,
    own_prices: Path | None,
    evidence: LoadEvidence | None,
    tell: Callable[[str], None],
) -> Plan:
    """Where the app should run; the best designs are simulated. Same arguments, same bytes."""

    # Later rounds have designs of the same fleets.
    served: Served = {}
    longer: Served = {}

    def simulate(asked: Question, designs: Sequence[Design]) -> tuple[Simulation, ...]:
        # The simulator's machine code: only who simulates waits for it.
        from seatrial.assessor.simulate import machine
        from seatrial.assessor.simulate.run import finalists

        machine.prepare(tell)
        tell("simulating the best")
        told = list(finalists(asked, designs, SEED, requests=REQUESTS, served=served))
        close = [at for at, one in enumerate(told) if undecided(asked, one)]
        if close:
            tell("simulating longer what is close to its targets")
            some = [designs[at] for at in close]
            again = finalists(asked, some, SEED, served=longer)
            for at, one in zip(close, again, strict=True):
                told[at] = one
        return tuple(told)

    tell("pricing and judging every design")
    replicas = settings.deploy.replicas
    with _uncollected():
        return plan(
            workload,
            settings.demand,
            pricing.catalog(own_prices, settings.machine),
            share(describe(), replicas),
            replicas,
            evidence,
            simulate,
        )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cyclic garbage, which is a tenth of the work among so many values.

    What is not used any more goes when its last reference does; hardly anything here is a cycle.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def undecided(asked: Question, one: Simulation) -> bool:
    """Whether a target lies within the interval of what was simulated."""
    slo = asked.demand.slo
    pairs = (
        (one.latency_ms_p95, slo.latency_ms_p95),
        (one.latency_ms_p99, slo.latency_ms_p99),
    )
    return any(
        told.low is not None and told.high is not None and told.low <= target <= told.high
        for told, target in pairs
    )


def planned_for(file: Path, folder: Path | None, tell: Callable[[str], None]) -> Plan:
    """The plan for an app that is only described, and its report when there is a folder for it."""
    workload, wanted = traits.read(file)
    made = decided(workload, wanted, None, None, tell)
    if folder is not None:
        # The reporter with its templates.
        from seatrial.reporter.report import report

        tell("writing the report")
        for name, data in report(workload, made, None, None).items():
            write_atomic(folder / name, data)
    return made
