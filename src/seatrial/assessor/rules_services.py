"""Rules about databases and other services, what they are bought under, and what a loss costs."""

from __future__ import annotations

from seatrial.assessor.case import Case, Found, catalogue_proof, service_of, settings_proof
from seatrial.assessor.recovery import recoveries
from seatrial.assessor.services import BOUGHT, PRIVATE, needed
from seatrial.assessor.waits import spoken
from seatrial.kernel.platform import ON_DEMAND
from seatrial.kernel.simulation import Recovery
from seatrial.kernel.workload import Proof


def service_offered(case: Case) -> Found | None:
    """The provider runs what the app needs, if any provider of the catalogue does.

    On the owner's machine services run beside the app.
    """
    if case.platform.kind == "machine":
        return None
    provider = case.platform.provider
    for kind in needed(case.component):
        sellers = {s.provider for s in case.catalog.services if s.kind == BOUGHT[kind]}
        if sellers and provider not in sellers:
            service = service_of(case, kind)
            assert service is not None, "it is needed because the app names it"
            sentence = f"{provider} offers no {kind}, which the app needs ({service.proof})"
            return Found("violated", sentence, service.proof)
    return None


def database_offered(case: Case) -> Found | None:
    """The platform has a private way to what has no public address."""
    if case.platform.capabilities.managed_database:
        return None
    private = [a.kind for a in case.design.attached if a.kind in PRIVATE]
    if not private:
        return None
    sentence = f"{case.platform.name} has no private way to a managed {' or '.join(private)}"
    return Found("violated", sentence, catalogue_proof(case, "database.offered"))


def database_given(case: Case) -> Found | None:
    """An app that cannot run without PostgreSQL gets one."""
    postgresql = service_of(case, "postgresql")
    if postgresql is None or not postgresql.required or case.design.database is not None:
        return None
    if case.platform.kind == "machine":
        return None
    sentence = f"the app cannot run without PostgreSQL ({postgresql.proof})"
    return Found("violated", sentence, postgresql.proof, "a design with a database")


def database_wanted(case: Case) -> Found | None:
    """A database is only bought for an app that can use it."""
    if case.design.database is None or service_of(case, "postgresql") is not None:
        return None
    proof = Proof(kind="source", rule="service.postgresql", note="no PostgreSQL driver or address")
    return Found("violated", "the app does not use PostgreSQL", proof)


def commitment_allowed(case: Case) -> Found | None:
    """Only terms that the owner allows are bought."""
    allowed = case.demand.preferences.commitments
    others = [
        terms for terms in case.design.commitment.split("+")
        if terms != ON_DEMAND and terms not in allowed
    ]  # fmt: skip
    if not others:
        return None
    sentence = f"{' and '.join(others)} may not be bought: " + (
        f"allowed are {', '.join(allowed)}" if allowed else "everything is to be on demand"
    )
    proof = settings_proof("[preferences] commitments", "commitment.allowed")
    return Found("violated", sentence, proof, "allow it, or pay on demand")


def other_services(case: Case) -> Found | None:
    """Services that no design holds are told, since the bill does not count them."""
    held = {*BOUGHT, "sqlite"}
    others = [s for s in case.component.services if s.required and s.kind not in held]
    if not others:
        return None
    names = ", ".join(f"{s.kind} ({s.proof})" for s in others)
    sentence = f"the app also needs {names}, which the design does not hold and the bill not count"
    return Found("risk", sentence, others[0].proof, "add what it costs to the bill")


def _recoveries(case: Case) -> list[tuple[Recovery, float | None, float | None, str]]:
    """Each loss with the targets for time and data, and the start of their settings' names."""
    asked = case.demand.recovery
    zone, region = recoveries(case.design, case.platform, case.profile.boot_s)
    return [
        (zone, asked.rto_s, asked.rpo_s, ""),
        (region, asked.region_rto_s, asked.region_rpo_s, "region_"),
    ]


def rto(case: Case) -> Found | None:
    """After a loss the app answers again within the time that is asked for."""
    if case.demand.recovery.rto_s is None and case.demand.recovery.region_rto_s is None:
        return None
    for recovery, asked_s, _, name in _recoveries(case):
        if asked_s is not None and recovery.rto_s > asked_s:
            sentence = (
                f"after a {recovery.name} it is back in {spoken(recovery.rto_s)}, "
                f"{spoken(asked_s)} was asked for: {recovery.how}"
            )
            proof = settings_proof(f"[recovery] {name}rto_s", "recovery.rto")
            return Found("violated", sentence, proof, "two zones, and a database with a standby")
    return None


def rpo(case: Case) -> Found | None:
    """After a loss no more data is gone than is allowed."""
    if case.demand.recovery.rpo_s is None and case.demand.recovery.region_rpo_s is None:
        return None
    for recovery, _, asked_s, name in _recoveries(case):
        if asked_s is None or (recovery.rpo_s is not None and recovery.rpo_s <= asked_s):
            continue
        lost = "everything" if recovery.rpo_s is None else spoken(recovery.rpo_s)
        sentence = (
            f"after a {recovery.name} {lost} of data is lost, "
            f"{spoken(asked_s)} was asked for: {recovery.how}"
        )
        proof = settings_proof(f"[recovery] {name}rpo_s", "recovery.rpo")
        return Found("violated", sentence, proof, "a database with a standby in another zone")
    return None
