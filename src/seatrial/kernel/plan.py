"""Plan: the ranked designs, the rejected ones with reasons, and what follows from the decision."""

from __future__ import annotations

from decimal import Decimal

from seatrial.kernel.advice import (
    Advice,
    CheapestFrom,
    Flip,
    PlatformYears,
    Relaxation,
    Saving,
    ScenarioChoice,
)
from seatrial.kernel.assessment import Assessment, Finding
from seatrial.kernel.demand import Demand
from seatrial.kernel.quote import BreakEven
from seatrial.kernel.values import Value


class Rejected(Value):
    """All designs of one platform that break the same rules.

    `nearest` is the cheapest of them (of those that cannot be priced, the first), with its monthly
    bill in words; `reasons` are its findings, one for each of `rules`.
    """

    platform: str
    rules: tuple[str, ...]
    count: int
    regions: tuple[str, ...]
    nearest: str
    monthly_usd: str
    reasons: tuple[Finding, ...]


class Point(Value):
    """A design of the Pareto front: nothing is better in one of these and as good in the others.

    `availability_percent` is the product of the agreements, none where there is none; `rto_s` is
    for the loss of a zone; `ops_hours_month` is none where no source gives it.
    """

    design: str
    platform: str
    monthly_usd: Decimal
    latency_ms_p95: float
    availability_percent: float | None
    rto_s: float
    ops_hours_month: float | None


class PlatformVerdict(Value):
    """One platform's best design, or why it has none; one row of the comparison table.

    `considered == feasible + rejected`; `nearest` with its `reasons` is there when none does.
    """

    platform: str
    name: str
    considered: int
    feasible: int
    best: Assessment | None
    nearest: Assessment | None
    reasons: tuple[Finding, ...]


class Plan(Value):
    """The decision for one workload and one demand.

    `considered == feasible + sum(r.count for r in rejected)`: nothing disappears. `ranked` are
    the ten best of the feasible designs, simulated, in the `order` that is said; `chosen` is the
    first of them, or none. `buildable` is the first of the order that Seatrial writes the
    infrastructure of. `rehearsal` is the design the local engine runs for the trial, with what
    the model promises for it at the share of the peak that this machine carries.
    """

    app: str
    workload_digest: str
    catalog_digest: str
    demand: Demand
    order: str
    considered: int
    feasible: int
    chosen: Assessment | None
    buildable: Assessment | None
    ranked: tuple[Assessment, ...]
    front: tuple[Point, ...] = ()
    rejected: tuple[Rejected, ...]
    platforms: tuple[PlatformVerdict, ...]
    rehearsal: Assessment
    explanation: tuple[str, ...]
    relaxations: tuple[Relaxation, ...] = ()
    scenarios: tuple[ScenarioChoice, ...] = ()
    years: tuple[PlatformYears, ...] = ()
    break_even: tuple[BreakEven, ...] = ()
    cheapest: tuple[CheapestFrom, ...] = ()
    savings: tuple[Saving, ...] = ()
    flips: tuple[Flip, ...] = ()
    advice: Advice | None = None
