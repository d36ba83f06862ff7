"""Assessment: what a design would cost, whether it would hold, and what speaks against it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from seatrial.kernel.design import Design
from seatrial.kernel.platform import ON_DEMAND
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Proof


class CostLine(Value):
    """One line of the monthly bill, with the source and date of its price.

    With an upfront payment `upfront_usd` is what is paid once for the term; its share of a month
    is in `unit_price_usd` and `monthly_usd`. `forgotten` says why estimates leave the line out.
    """

    component: str
    service: str
    sku: str
    quantity: Decimal
    unit: str
    unit_price_usd: Decimal
    monthly_usd: Decimal
    source: str
    as_of: str
    commitment: str = ON_DEMAND
    upfront_usd: Decimal = Decimal(0)
    interruption_percent: Decimal | None = None
    forgotten: str = ""


class Unpriced(Value):
    """A line that has no amount in USD, and why: its price is not known, or how much is used."""

    component: str
    service: str
    sku: str
    region: str
    reason: str


class Bill(Value):
    """The priced lines of a design, and those that could not be priced.

    `monthly_usd` is none as long as anything is unpriced. `unstated` are lines of which nobody
    said how much is used: whatever they come to is on top of `monthly_usd`.
    """

    lines: tuple[CostLine, ...]
    unpriced: tuple[Unpriced, ...] = ()
    unstated: tuple[Unpriced, ...] = ()
    monthly_usd: Decimal | None


class Finding(Value):
    """What a rule found: `violated` rejects the design, `risk` and `note` are told."""

    severity: Literal["violated", "risk", "note"]
    rule: str
    subject: str
    sentence: str
    proof: Proof
    fix: str = ""


class Promise(Value):
    """What the queueing model says of a design at one request rate.

    Latencies are counted at the load balancer, in milliseconds; `utilisation` is the busy share
    of the processors the app's workers can use. Infinite latency is none: the queue never
    empties. `availability_percent` is the product of the parts' SLAs, none when one has no SLA.
    """

    method: str
    rate_rps: float
    utilisation: float
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    latency_ms_p99: float | None
    capacity_rps: float
    availability_percent: float | None
    inputs: tuple[Proof, ...] = ()


DimensionName = Literal[
    "deployment", "cost", "scalability", "long-requests", "uploads", "sessions", "cold-start",
    "stability", "operations", "debugging", "multi-region", "disaster-recovery", "compliance",
    "portability", "future",
]  # fmt: skip
"""The fifteen dimensions that designs are compared in."""


class Dimension(Value):
    """A design's score in one dimension, 0 to 10, by a stated rule from facts of the catalogue.

    `because` is the rule with the facts in it; `score` is none where a fact is not known.
    """

    name: DimensionName
    score: float | None
    because: str
    proof: Proof


class Assessment(Value):
    """A design with its bill, its promise and its findings.

    The best designs also have a simulation, and their scores in the fifteen dimensions.
    """

    design: Design
    bill: Bill
    promise: Promise
    findings: tuple[Finding, ...] = ()
    simulation: Simulation | None = None
    dimensions: tuple[Dimension, ...] = ()

    @property
    def violations(self) -> tuple[Finding, ...]:
        """The findings that reject the design."""
        return tuple(finding for finding in self.findings if finding.severity == "violated")
