"""Rules about databases and other services, what they are bought under, and what a loss costs."""

from __future__ import annotations

from seatrial.assessor.case import (
    Case,
    Found,
    catalogue_proof,
    service_of,
    settings_proof,
    stated,
)
from seatrial.assessor.recovery import recoveries
from seatrial.assessor.services import (
    BOUGHT,
    NAMED,
    PRIVATE,
    background,
    needed,
    runs_beside,
    used,
)
from seatrial.assessor.waits import spoken
from seatrial.kernel.platform import EVERYWHERE, ON_DEMAND
from seatrial.kernel.simulation import Recovery
from seatrial.kernel.workload import Proof


def service_offered(case: Case) -> Found | None:
    """The provider runs what the app needs, if any provider of the catalogue does.

    On the owner's machine services run beside the app.
    """
    if case.platform.kind == "machine":
        return None
    provider = case.platform.provider
    for kind in needed(case.workload):
        sellers = {s.provider for s in case.catalog.services if s.kind == BOUGHT[kind]}
        if sellers and sellers.isdisjoint((provider, EVERYWHERE)):
            service = used(case.workload, kind)
            if kind in NAMED and not service.required:
                continue
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


def component_placed(case: Case) -> Found | None:
    """What runs beside the web component has a place on the platform.

    On the owner's machine it runs beside the app.
    """
    if case.platform.kind == "machine":
        return None
    placed = {part.component for part in case.design.beside}
    missing = [part for part in background(case.workload) if part.name not in placed]
    if not missing:
        return None
    names = " and ".join(f"{part.name} ({part.framework or part.kind})" for part in missing)
    if not runs_beside(case.platform):
        said = stated(case.platform, "background")
        sentence = f"{names} runs without requests, which {case.platform.name} does not let it"
        sentence += f" ({said})" if said else ""
    else:
        sentence = f"no size of {case.platform.name} holds {names} with its tasks"
    proof = catalogue_proof(case, "component.placed")
    return Found("violated", sentence, proof, "a platform that runs workers all day")


def component_unwritten(case: Case) -> Found | None:
    """What the design holds and no bundle writes is told."""
    if not case.platform.bundled or case.platform.kind == "machine":
        return None
    kinds = [a.kind for a in case.design.services if a.kind != "llm"]
    if case.design.standby is not None:
        where = case.design.standby.region
        sentence = f"the bundle does not hold the standby in {where}: it is refused"
        proof = catalogue_proof(case, "bundle.parts")
        return Found("risk", sentence, proof, "set it up by hand, or ask for less in [recovery]")
    names = [*(f"the {part.kind} {part.component}" for part in case.design.beside), *kinds]
    if not names:
        return None
    sentence = f"the bundle does not hold {', '.join(names)}, though the bill does"
    proof = catalogue_proof(case, "bundle.parts")
    return Found("risk", sentence, proof, "set it up by hand, and give the app its address")


def other_services(case: Case) -> Found | None:
    """Services that no design holds are told, since the bill does not count them."""
    held = {*BOUGHT, "sqlite"}
    others = [s for s in case.component.services if s.required and s.kind not in held]
    if not others:
        return None
    names = ", ".join(f"{s.kind} ({s.proof})" for s in others)
    sentence = f"the app also needs {names}, which the design does not hold and the bill not count"
    return Found("risk", sentence, others[0].proof, "add what it costs to the bill")


FIXES = {
    "": "two zones, and a database with a standby in another zone",
    "region_": "a standby in another region, where the provider sells one",
}


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
            return Found("violated", sentence, proof, FIXES[name])
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
        return Found("violated", sentence, proof, FIXES[name])
    return None
