"""What the last trial measured corrects the next plan.

The model knows the service times, which were taken at the app itself. What the path to it adds
(the proxy, the network stack, neighbours on the machine) shows in a trial: the measured median
minus the modelled one, at the trial's rate, for the trial's design. It is added to every promise.
"""

from __future__ import annotations

from msgspec.structs import replace

from seatrial.assessor.profile import Profile
from seatrial.kernel.assessment import Promise
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.workload import Proof


def calibrated(profile: Profile, evidence: LoadEvidence, modelled: Promise) -> Profile:
    """The profile with the path's overhead in milliseconds, never below 0.

    `modelled` is what the model says for the trial's design and rate without calibration.
    """
    if modelled.latency_ms_p50 is None:
        return profile
    overhead_ms = max(0.0, round(evidence.latency_ms.p50 - modelled.latency_ms_p50, 3))
    proof = Proof(
        kind="measured",
        rule="calibrate.overhead",
        note=f"trial {evidence.trial} of {evidence.started_at}, {evidence.requests} requests at "
        f"{evidence.rate_rps:.1f}/s: median {evidence.latency_ms.p50:.2f} ms, "
        f"{modelled.latency_ms_p50:.2f} ms modelled, so {overhead_ms:.2f} ms are added",
    )
    return replace(profile, overhead_ms=overhead_ms, proofs=(*profile.proofs, proof))
