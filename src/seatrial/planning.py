"""A decision from what is known of an app: the planner with its catalogue and its simulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from seatrial import pricing, rehearsal
from seatrial.assessor.assess import Question
from seatrial.kernel.demand import Settings
from seatrial.kernel.design import Design
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.workload import Workload
from seatrial.planner.plan import plan
from seatrial.trials.machine import describe

SEED = 1


def decided(
    workload: Workload,
    settings: Settings,
    own_prices: Path | None,
    evidence: LoadEvidence | None,
    tell: Callable[[str], None],
) -> Plan:
    """Where the app should run; the best designs are simulated. Same arguments, same bytes."""

    def simulate(asked: Question, designs: Sequence[Design]) -> tuple[Simulation, ...]:
        tell("simulating the best; the first time the simulator is compiled")
        # The compiler of the simulator's kernels: only who simulates waits for it.
        from seatrial.assessor.simulate.run import finalists

        return finalists(asked, designs, SEED)

    tell("pricing and judging every design")
    replicas = settings.deploy.replicas
    return plan(
        workload,
        settings.demand,
        pricing.catalog(own_prices, settings.machine),
        rehearsal.share(describe(), replicas),
        replicas,
        evidence,
        simulate,
    )
