"""Rules about what the app keeps: in files, and in the memory of its processes."""

from __future__ import annotations

from seatrial.assessor.case import Case, Found, Severity, fact_of, service_of, stated
from seatrial.assessor.recovery import STORES
from seatrial.assessor.services import BOUGHT, keeps_instead
from seatrial.kernel.workload import Fact


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


_OF_A_USER = (
    "state.chat-memory", "state.session-memory", "state.websocket", "state.sticky-sessions",
)  # fmt: skip
"""What one user needs again: it is there as long as the same replica is asked."""

_IN_PROCESS = ("state.module-mutable", *_OF_A_USER, "state.memory-queue")


def process_state(case: Case) -> Found | None:
    """State kept in a process's memory is seen by every request."""
    design, can = case.design, case.platform.capabilities
    if design.replicas_max * design.workers <= 1 and can.shared_memory:
        return None
    facts = [fact for fact in _kept(case) if not _moved(case, fact)]
    elsewhere = design.replicas_max > 1 and not can.sticky_sessions
    lost = next((fact for fact in facts if elsewhere and fact.rule in _OF_A_USER), None)
    fact = lost or next(iter(facts), None)
    if fact is None:
        return None
    severity: Severity = "violated" if lost or not can.shared_memory else "risk"
    sentence = f"{fact.subject} is kept in memory ({fact.proof}) and not shared between processes"
    if fact.rule == "state.sticky-sessions":
        sentence = f"{fact.subject} keeps sessions in memory ({fact.proof}), each in one process"
    if lost:
        said = stated(case.platform, "sticky_sessions")
        sentence += f"; {case.platform.name} does not send a user to the same replica again"
        sentence += f" ({said})" if said else ""
    return Found(severity, sentence, fact.proof, fact.fix or "keep it in Redis or a database")


def _kept(case: Case) -> list[Fact]:
    """The first fact of each rule, in the order of the rules."""
    return [fact for rule in _IN_PROCESS if (fact := fact_of(case, rule)) is not None]


def _moved(case: Case, fact: Fact) -> bool:
    """Whether the design has the service in which the app keeps it when it is given one.

    On the owner's machine services run beside the app.
    """
    bought = {attached.kind for attached in case.design.attached}
    return any(
        keeps_instead(service, fact)
        and (case.platform.kind == "machine" or BOUGHT.get(service.kind) in bought)
        for service in case.component.services
    )


def websockets_pass(case: Case) -> Found | None:
    """The platform passes websockets on to an app whose visitors need one."""
    fact = fact_of(case, "time.websocket")
    if fact is None or case.platform.capabilities.websockets:
        return None
    said = stated(case.platform, "websockets")
    sentence = f"{fact.subject} talks over a websocket ({fact.proof}), which "
    sentence += f"{case.platform.name} does not pass on{f' ({said})' if said else ''}"
    return Found("violated", sentence, fact.proof, "a platform that passes websockets on")
