"""Rules about what the app keeps: in files, and in the memory of its processes."""

from __future__ import annotations

from seatrial.assessor.case import Case, Found, Severity, fact_of, service_of
from seatrial.assessor.recovery import STORES


def local_state(case: Case) -> Found | None:
    """Data written to a local SQLite file survives and is seen by every replica."""
    sqlite = service_of(case, "sqlite")
    stores = any(attached.kind in STORES for attached in case.design.attached)
    if sqlite is None or stores:
        return None
    can = case.platform.capabilities
    if can.persistent_disk and case.platform.kind == "machine":
        return None
    postgresql = service_of(case, "postgresql")
    fix = (
        f"give it PostgreSQL by {postgresql.env} ({postgresql.proof})"
        if postgresql is not None
        else "let the app take a database address from its environment"
    )
    trouble = (
        "each of several replicas would have its own copy"
        if can.persistent_disk
        else "the disk is lost with every replica"
    )
    sentence = f"the app writes SQLite ({sqlite.proof}) and {trouble}"
    return Found("violated", sentence, sqlite.proof, fix)


_IN_PROCESS = (
    "state.module-mutable", "state.chat-memory", "state.session-memory", "state.websocket",
    "state.memory-queue",
)  # fmt: skip

_OF_A_USER = ("state.chat-memory", "state.session-memory", "state.websocket")
"""What one user needs again: it is there as long as the same replica is asked."""


def process_state(case: Case) -> Found | None:
    """State kept in a process's memory is seen by every request."""
    fact = next(filter(None, (fact_of(case, rule) for rule in _IN_PROCESS)), None)
    if fact is None:
        return None
    design = case.design
    if design.replicas_max * design.workers <= 1 and case.platform.capabilities.shared_memory:
        return None
    can = case.platform.capabilities
    lost = fact.rule in _OF_A_USER and design.replicas_max > 1 and not can.sticky_sessions
    severity: Severity = "violated" if lost or not can.shared_memory else "risk"
    sentence = f"{fact.subject} is kept in memory ({fact.proof}) and not shared between processes"
    if lost and can.shared_memory:
        sentence += f"; {case.platform.name} does not send a user to the same replica again"
    return Found(severity, sentence, fact.proof, fact.fix or "keep it in Redis or a database")
