"""Shipped: what one trip through the whole loop came to."""

from __future__ import annotations

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.bundle import Bundle
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Workload


class Shipped(Value):
    """What one trip through the loop came to; the nouns themselves are under .seatrial/."""

    workload: Workload
    chosen: Assessment | None
    considered: int
    rehearsal: Assessment
    bundle: Bundle | None
    evidence: LoadEvidence | None
    report: tuple[str, ...]
    url: str

    @property
    def passed(self) -> bool:
        """Whether there is a design, its bundle's checks passed and the trial kept the SLO."""
        checked = self.bundle is not None and all(c.status != "failed" for c in self.bundle.checks)
        return checked and self.evidence is not None and self.evidence.passed
