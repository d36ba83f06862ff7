"""What shows that something is done: the profile's facts, the design, the files written for it."""

from __future__ import annotations

from collections.abc import Callable

from seatrial.assessor.places import EUROPEAN_UNION, region_of, resides
from seatrial.assessor.scored import clock
from seatrial.assessor.scored_place import ATTESTED
from seatrial.kernel.units import usd
from seatrial.planner.advice.ground import App, Ground, has_standby
from seatrial.planner.advice.shown_app import APP_SHOWS, Shown

__all__ = ["SHOWS", "Shown", "shown"]

Shows = Callable[[Ground], Shown]


def by_file(name: str, otherwise: str) -> Shows:
    """Shown by a file that Seatrial writes; where it writes none, its owner has to say."""

    def shows(ground: Ground) -> Shown:
        found = ground.written(name)
        if found is not None:
            return Shown("yes", f"{found.file}: {found.says}")
        if not ground.platform.bundled:
            told = f"Seatrial does not write the infrastructure of {ground.platform.name} yet"
            return Shown("owner", f"{told}: check it there")
        return Shown("no", otherwise)

    return shows


def with_database(shows: Shows) -> Shows:
    """Needed only where the design has a database."""

    def judged(ground: Ground) -> Shown:
        if not ground.stores:
            return Shown("yes", "the design has no database")
        if ground.design.database is None:
            kinds = ", ".join(store.kind for store in ground.stores)
            return Shown("owner", f"Seatrial does not write {kinds}: check it there")
        return shows(ground)

    return judged


def tls(ground: Ground) -> Shown:
    """Users reach the app by HTTPS."""
    waiting = ground.written("tls-with-certificate")
    if waiting is not None:
        return Shown("owner", f"{waiting.file}: {waiting.says}")
    return by_file("tls-always", "nothing written for this design serves HTTPS")(ground)


def encrypted_at_rest(ground: Ground) -> Shown:
    """What the design stores is encrypted."""
    others = [s.kind for s in ground.design.services if s.kind != "llm"]
    if others:
        told = f"check the encryption of {', '.join(others)}: Seatrial does not write them"
        return Shown("owner", told)
    stores = ground.app.service("sqlite") is not None and ground.design.database is None
    if stores:
        return Shown("owner", "the app's file lies on a disk that Seatrial does not write")
    disk = ground.written("server-disk-encrypted")
    if ground.design.database is None:
        return Shown("yes", disk.says if disk else "nothing outlives a replica")
    return by_file("database-encrypted", "the database's storage is not encrypted")(ground)


def several_zones(ground: Ground) -> Shown:
    """The loss of a zone leaves replicas."""
    can, loss = ground.platform.capabilities, ground.platform.failure.zone_loss
    if loss == "survives" and can.zones > 1:
        lone = ground.platform.kind != "functions" and ground.design.replicas_min < 2
        if lone:
            return Shown("no", "one replica runs all day, in one zone")
        return Shown("yes", f"replicas are spread over {can.zones} zones ({ground.file})")
    return Shown("no", f"the loss of a zone: {loss} ({ground.file})")


def standby(ground: Ground) -> Shown:
    """The database has a standby in another zone."""
    lone = [store for store in ground.stores if not has_standby(store)]
    if lone:
        return Shown("no", f"{lone[0].kind} {lone[0].size} runs in one zone")
    names = ", ".join(f"{store.kind} {store.size}" for store in ground.stores)
    return Shown("yes", f"{names} with a standby in another zone")


def backups(ground: Ground) -> Shown:
    """What the app stores is backed up."""
    if not ground.stores and ground.app.service("sqlite") is not None:
        return Shown("no", "the app writes a SQLite file, and nothing written here backs it up")
    return with_database(by_file("backups", "nothing written here backs the database up"))(ground)


def recovery_kept(ground: Ground) -> Shown:
    """The recovery times that were asked for are kept."""
    asked = ground.asked.demand.recovery
    wanted = (
        ("zone loss", asked.rto_s, asked.rpo_s),
        ("region loss", asked.region_rto_s, asked.region_rpo_s),
    )
    told, kept, known = [], True, False
    for name, rto_s, rpo_s in wanted:
        found = ground.recovery(name)
        if found is None:
            continue
        known = True
        data = "data is lost" if found.rpo_s is None else f"RPO {clock(found.rpo_s)}"
        told.append(f"{name}: RTO {clock(found.rto_s)}, {data}")
        kept = kept and (rto_s is None or found.rto_s <= rto_s)
        kept = kept and (rpo_s is None or (found.rpo_s is not None and found.rpo_s <= rpo_s))
    if not known:
        return Shown("owner", "recovery times were not computed")
    return Shown("yes" if kept else "no", "; ".join(told))


def residency(ground: Ground) -> Shown:
    """Data lies in a region where it may, by the demand or in the European Union."""
    region = region_of(ground.asked.catalog, ground.platform.provider, ground.design.region)
    if region is None:
        return Shown("owner", f"{ground.design.region} is no provider's region")
    wanted = ground.asked.demand.compliance.residency
    told = f"{region.id} is in {region.country} ({region.name})"
    if wanted:
        fits = resides(region, wanted)
        return Shown("yes" if fits else "no", f"{told}; allowed: {', '.join(sorted(wanted))}")
    if region.country in EUROPEAN_UNION:
        return Shown("yes", f"{told}, inside the European Union")
    return Shown("owner", f"{told}: name where data may lie in [compliance] residency")


def programme(standard: str) -> Shows:
    """The provider shows a programme for the standard."""

    def shows(ground: Ground) -> Shown:
        name, listed = ATTESTED[standard], ground.platform.capabilities.compliance
        if name in listed:
            return Shown("yes", f"{name} is among the provider's programmes ({ground.file})")
        if not listed:
            return Shown("owner", f"the catalogue lists no programme of {ground.platform.name}")
        return Shown("no", f"{name} is not among the programmes: {', '.join(listed)}")

    return shows


def patched(ground: Ground) -> Shown:
    """Machines under the app get their fixes."""
    if ground.platform.capabilities.patching == "provider":
        return Shown("yes", f"the provider patches the machines ({ground.file})")
    return Shown("owner", f"the owner patches the machines ({ground.file})")


def capacity(ground: Ground) -> Shown:
    """The design carries the peak within the latency that was promised."""
    told, slo = ground.chosen.promise, ground.asked.demand.slo
    if told.latency_ms_p95 is None:
        return Shown("no", "the queue never empties at the peak")
    kept = told.latency_ms_p95 <= slo.latency_ms_p95
    text = f"p95 {told.latency_ms_p95:.0f} ms at {told.rate_rps:.3g}/s, the SLO is "
    return Shown("yes" if kept else "no", f"{text}{slo.latency_ms_p95:g} ms (model)")


def budget(ground: Ground) -> Shown:
    """The bill is known and within the budget."""
    paid, limit = ground.chosen.bill.monthly_usd, ground.asked.demand.budget.cost_usd_month
    if paid is None:
        return Shown("no", f"{len(ground.chosen.bill.unpriced)} lines have no price")
    if limit is None:
        return Shown("yes", f"{usd(paid)} a month, every line priced; no budget is set")
    told = f"{usd(paid)} a month, the budget is {usd(limit)}"
    return Shown("yes" if paid <= limit else "no", told)


def firewall(ground: Ground) -> Shown:
    """An application firewall stands before the app."""
    bought = any(service.kind == "waf" for service in ground.design.services)
    if bought:
        return Shown("yes", "the design has a web application firewall")
    return Shown("no", "the design has no web application firewall")


def lacking(told: str) -> Shows:
    """What no design that Seatrial writes has; elsewhere the owner has to say."""
    return by_file("", told)


SHOWS: dict[str, Shows] = {
    "tls": tls,
    "encrypted-at-rest": encrypted_at_rest,
    "database-tls": with_database(by_file("database-tls", "the database takes plain text")),
    "database-private": with_database(by_file("database-private", "the database may be reached")),
    "deletion-protection": with_database(
        by_file("deletion-protection", "one command deletes the database")
    ),
    "several-zones": several_zones,
    "standby": standby,
    "backups": backups,
    "recovery-kept": recovery_kept,
    "residency": residency,
    "programme-soc2": programme("soc2"),
    "programme-hipaa": programme("hipaa"),
    "programme-pci-dss": programme("pci-dss"),
    "patched": patched,
    "capacity": capacity,
    "budget": budget,
    "firewall": firewall,
    "least-privilege": by_file("least-privilege", "no role limits what the app may do"),
    "network-closed": by_file("network-closed", "replicas can be reached past the front"),
    "secrets-store": by_file(
        "secrets-store", "secrets are settings of the deployment, not in a store of secrets"
    ),
    "logs-kept": by_file("logs-kept", "how long logs are kept is not set"),
    "logs-a-year": lacking("logs are kept for 30 days or as the platform keeps them, not a year"),
    "audit-trail": lacking("no trail of what is done in the account is written"),
    "alarms": by_file("alarms", "no alarm is written for this platform"),
    "image-scan": by_file("image-scan", "images are not scanned"),
    "rollback": by_file("rollback", "nothing rolls a bad deployment back by itself"),
    "images-kept": by_file("images-kept", "no earlier image is kept"),
    "not-root": by_file("not-root", "the app's user is not known"),
    "infrastructure-as-code": by_file("infrastructure-as-code", "set up by hand"),
}
"""What can be shown of a design, by the name that checklists and controls use."""


def shown(name: str, app: App, ground: Ground | None) -> Shown:
    """Whether something is done, and by what; only the app is asked where there is no design."""
    if name in APP_SHOWS:
        return APP_SHOWS[name](app)
    if ground is None:
        return Shown("owner", "no design is chosen")
    return SHOWS[name](ground)
