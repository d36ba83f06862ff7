"""The load trial: what the plan promised for this machine, asked of the app."""

from __future__ import annotations

from datetime import UTC, datetime

from seatrial.assessor.profile import profile_of
from seatrial.engines.engine import Progress
from seatrial.kernel.demand import Demand
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Workload
from seatrial.trials.evidence import evidence
from seatrial.trials.generator import Target, schedule
from seatrial.trials.load import run_load
from seatrial.trials.machine import describe


def load(
    url: str, plan: Plan, workload: Workload, seed: int, duration_s: float, tell: Progress
) -> LoadEvidence:
    """Load `url` at the plan's rehearsal rate and hold what happened against the promise."""
    promised, demand = plan.rehearsal.promise, plan.demand
    asked = schedule(seed, promised.rate_rps, duration_s, targets(workload, demand))
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    result = run_load(
        url,
        asked,
        progress=lambda now: tell(
            f"load at {promised.rate_rps:.1f} requests/s: {max(now.elapsed_s, 0):.0f} of "
            f"{duration_s:g} s, {now.answered} answered, {now.errors} errors"
        ),
    )
    return evidence(
        result,
        app=plan.app,
        design=plan.rehearsal.design.id,
        workload_digest=plan.workload_digest,
        started_at=started_at,
        machine=describe(),
        seed=seed,
        peak_share=promised.rate_rps / demand.traffic.peak_rps,
        slo=demand.slo,
        promise=promised,
    )


def targets(workload: Workload, demand: Demand) -> tuple[Target, ...]:
    """What a load trial asks for: the measured paths, weighted like the model's routes."""
    weights = {r.path: r.weight for r in profile_of(workload.web, demand).routes}
    return tuple(
        Target(route=route.path, path=path, weight=weights[route.path] / len(route.examples))
        for route in workload.web.routes
        if route.path in weights
        for path in route.examples
    )
