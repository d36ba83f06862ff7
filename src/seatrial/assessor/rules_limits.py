"""Rules about the platform's limits: memory, time of a request, size of an answer, replicas."""

from __future__ import annotations

from seatrial.assessor.case import (
    Case,
    Found,
    catalogue_proof,
    limit_proof,
)
from seatrial.assessor.waits import spoken, waits

RUNTIME_MIB = 48
"""The supervisor and the server's parent process beside the workers (proportional set size)."""


MEMORY_HEADROOM = 1.25
"""Share kept free for growth between the measurement and the worst day."""


def memory_needed_mib(workers: int, memory_mib_worker: float) -> float:
    """Memory a replica needs: its workers, the runtime, and headroom, in MiB."""
    return (workers * memory_mib_worker + RUNTIME_MIB) * MEMORY_HEADROOM


def memory_fits(case: Case) -> Found | None:
    """All workers of a replica, the runtime and a quarter of headroom fit into its memory."""
    design, worker = case.design, case.profile.memory_mib_worker
    needed = memory_needed_mib(design.workers, worker)
    if needed <= design.memory_mib:
        return None
    sentence = (
        f"{design.workers} workers of {worker:.0f} MiB need {needed:.0f} MiB with headroom, "
        f"the replica has {design.memory_mib} MiB"
    )
    return Found(
        "violated",
        sentence,
        case.profile.proofs[0],
        "fewer workers per replica, or a larger size",
    )


def request_time(case: Case) -> Found | None:
    """No request takes longer than the platform allows, measured or by the limits in the source."""
    limit = case.platform.limits.request_s
    if limit is None:
        return None
    slowest = max(case.profile.routes, key=lambda r: r.quantiles_ms[-1])
    seconds = slowest.quantiles_ms[-1] / 1000
    longest = next(iter(waits(case.component)), None)
    if longest is not None and longest.seconds > max(seconds, limit.value):
        return Found(
            "violated",
            f"{longest.sentence}, limit {spoken(limit.value)}",
            longest.proof,
            "set shorter time limits, or answer at once and do the work in a worker",
        )
    if seconds <= limit.value:
        return None
    sentence = f"{slowest.path} takes up to {seconds:.1f} s, the limit is {limit.value:g} s"
    return Found(
        "violated",
        sentence,
        limit_proof(case, limit, "limit.request-time"),
        "answer at once and do the work in a worker",
    )


def payload_fits(case: Case) -> Found | None:
    """No response is larger than the platform passes on."""
    limit = case.platform.limits.payload_mib
    if limit is None:
        return None
    largest = max(case.profile.routes, key=lambda r: r.response_bytes)
    mib = largest.response_bytes / 1024**2
    if mib <= limit.value:
        return None
    sentence = f"{largest.path} answers {mib:.1f} MiB, the limit is {limit.value:g} MiB"
    return Found(
        "violated",
        sentence,
        limit_proof(case, limit, "limit.payload"),
        "serve large bodies from object storage",
    )


def replicas_allowed(case: Case) -> Found | None:
    """The platform, and the size, run as many replicas as the design asks for."""
    design, limit = case.design, case.platform.limits.replicas_max
    size = next((s for s in case.platform.sizes if s.name == design.size), None)
    own = size.replicas_max if size is not None else 0
    if own and design.replicas_max > own:
        sentence = f"{design.replicas_max} replicas, {design.size} runs at most {own}"
        return Found("violated", sentence, catalogue_proof(case, "limit.replicas"), "a larger size")
    if limit is None or design.replicas_max <= limit.value:
        return None
    sentence = f"{design.replicas_max} replicas, the platform runs at most {limit.value:g}"
    return Found("violated", sentence, limit_proof(case, limit, "limit.replicas"))
