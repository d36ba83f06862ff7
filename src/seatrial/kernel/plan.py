"""Plan: the ranked designs, the rejected ones with reasons, and the explanation."""

from __future__ import annotations

from decimal import Decimal

from seatrial.kernel.assessment import Assessment, Finding
from seatrial.kernel.demand import Demand
from seatrial.kernel.values import Value


class Rejected(Value):
    """A design that does not do, and every reason why."""

    design: str
    platform: str
    monthly_usd: str
    reasons: tuple[Finding, ...]


class Outranked(Value):
    """A design that keeps every rule and is not among the best few."""

    design: str
    platform: str
    monthly_usd: Decimal
    latency_ms_p95: float | None


class PlatformVerdict(Value):
    """One platform's best design, or why it has none; one row of the comparison table."""

    platform: str
    name: str
    considered: int
    feasible: int
    best: Assessment | None
    nearest: Assessment | None
    reasons: tuple[Finding, ...]


class Plan(Value):
    """The decision for one workload and one demand.

    `ranked` are the best ten designs, `outranked` the others that keep every rule, in order.
    `considered == len(ranked) + len(outranked) + len(rejected)`: nothing disappears. `chosen` is
    the first of `ranked`, or none. `rehearsal` is the design the local engine runs for the trial,
    with what the model promises for it at the share of the peak that this machine carries.
    """

    app: str
    workload_digest: str
    catalog_digest: str
    demand: Demand
    considered: int
    chosen: Assessment | None
    ranked: tuple[Assessment, ...]
    outranked: tuple[Outranked, ...] = ()
    rejected: tuple[Rejected, ...]
    platforms: tuple[PlatformVerdict, ...]
    rehearsal: Assessment
    explanation: tuple[str, ...]
