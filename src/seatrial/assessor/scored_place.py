"""Dimensions that answer to the place: setting up, paying, running, leaving."""

from __future__ import annotations

from decimal import Decimal

from seatrial.assessor.places import resides
from seatrial.assessor.scored import (
    FULL,
    Scored,
    View,
    clock,
    declared,
    offers,
    replica_rps,
    replicas_limit,
    said,
    worst_peak_rps,
)
from seatrial.kernel.platform import EVERYWHERE, Sourced
from seatrial.kernel.units import usd
from seatrial.kernel.workload import Proof

ATTESTED = {"soc2": "SOC 2", "hipaa": "HIPAA", "pci-dss": "PCI DSS"}
"""Standards that a provider can show a programme for, and its name in the catalogue."""

FUTURE_YEARS = 3

HALF_STEPS = 5
"""So many things to set up halve the score."""

CHANGES = ("state.", "limit.")


def deployment(view: View) -> Scored:
    """How much has to be set up beside the app.

    10 x 5 / (5 + n), where n counts the platform's other parts on the bill (load balancer,
    network, registry, ...), the managed services, servers of one's own twice, and the findings
    that ask for a change of the code. Hours are told where a source gives them; they do not count,
    because most platforms have no source for them.
    """
    bill = view.assessed.bill
    billed = {line.component for line in view.platform.bill} - {"compute", "disk"}
    parts = billed & ({one.component for one in bill.lines} | {u.component for u in bill.unpriced})
    services = len(view.design.attached)
    servers = bool(view.design.servers) or view.platform.kind == "machine"
    changes = sum(
        f.severity != "note" and f.rule.startswith(CHANGES) for f in view.assessed.findings
    )
    told = f"{len(parts)} parts beside the app ({', '.join(sorted(parts)) or 'none'})"
    told += f", {services} managed services" if services else ""
    told += ", servers of one's own" if servers else ""
    told += f", {changes} findings that change the code" if changes else ""
    told += _hours(view.platform.operations.setup_hours, "to set up")
    proof = declared(view, "dimension.deployment", "[[bill]] of the platform, and its services")
    steps = len(parts) + services + 2 * servers + changes
    return Scored(FULL * HALF_STEPS / (HALF_STEPS + steps), told, proof)


def cost(view: View) -> Scored:
    """The bill against that of the cheapest feasible design: 10 x cheapest / this, 10 at most.

    None where a price is missing, or where nothing is feasible to compare with.
    """
    rule, paid = "dimension.cost", view.assessed.bill.monthly_usd
    line = next(iter(view.assessed.bill.lines), None)
    note = f"{line.source}, as of {line.as_of}" if line else "no line on the bill"
    proof = Proof(kind="declared", rule=rule, file="catalog/prices", note=note)
    if paid is None:
        return Scored(None, "a price is missing", proof)
    if view.cheapest_usd is None:
        return Scored(None, f"{usd(paid)} a month; nothing feasible to compare with", proof)
    share = Decimal(1) if paid <= view.cheapest_usd else view.cheapest_usd / paid
    told = f"{usd(paid)} a month, the cheapest feasible design costs {usd(view.cheapest_usd)}"
    return Scored(FULL * float(share), told, proof)


def operations(view: View) -> Scored:
    """What somebody has to do each month.

    10, less 3 where the owner patches the machines or nodes, less 2 where replicas are set by
    hand, less 2 where a lost zone has to be dealt with by hand, less 2 where the app's database is
    not managed. Hours are told where a source gives them; they do not count, because most
    platforms have no source for them.
    """
    can, duties = view.platform.capabilities, list[tuple[str, int]]()
    if can.patching == "owner":
        duties.append(("machines to patch", 3))
    if not can.autoscaling:
        duties.append(("replicas set by hand", 2))
    if view.platform.failure.zone_loss == "down":
        duties.append(("a lost zone to deal with", 2))
    stored = any(s.kind in ("postgresql", "sqlite") for s in view.asked.component.services)
    if stored and not can.managed_database:
        duties.append(("a database to run", 2))
    told = ", ".join(f"{what} (-{points})" for what, points in duties) or "no duty of these"
    told += _hours(view.platform.operations.month_hours, "a month")
    proof = said(view, "patching", "dimension.operations")
    return Scored(FULL - sum(points for _, points in duties), told, proof)


def debugging(view: View) -> Scored:
    """How one sees what goes wrong: 5 for a shell in a running replica, 3 where the same image
    runs on the developer's machine, 2 where Seatrial writes the alarms and logs with the rest.
    """
    can = view.platform.capabilities
    same = can.portability != "code"
    told = ", ".join((
        "a shell in a replica (5)" if can.shell else "no shell (0)",
        "the same image runs anywhere (3)" if same else "runs inside the platform only (0)",
        "infrastructure is written (2)" if view.platform.bundled else "not written yet (0)",
    ))  # fmt: skip
    proof = said(view, "shell", "dimension.debugging")
    return Scored(5 * can.shell + 3 * same + 2 * view.platform.bundled, told, proof)


def multi_region(view: View) -> Scored:
    """Whether a second region is possible.

    0 where it is not, 5 where traffic is moved by DNS, 8 where the platform does it. Where it is
    possible 1 more for each region beyond the first that the catalogue has and where data may lie,
    2 at most; with one such region 0.
    """
    rule, how = "dimension.multi-region", view.platform.capabilities.multi_region
    allowed = _regions(view)
    told = f"several regions: {how}; data may lie in {len(allowed)} of the regions known here"
    base = {"none": 0.0, "dns": 5.0, "built-in": 8.0}[how]
    if len(allowed) < 2:
        base = 0.0
    more = min(2, len(allowed) - 1) if base else 0
    return Scored(base + more, told, said(view, "multi_region", rule))


def compliance(view: View) -> Scored:
    """What the provider can show to an auditor.

    8 x the share of attestable standards (SOC 2, HIPAA, PCI DSS; of those that were asked for, or
    of all three) whose programme the catalogue lists. 2 when the data lies where it may. GDPR and
    CCPA have no such programme: their controls are listed with the plan. None where the catalogue
    lists no programme.
    """
    rule, programmes = "dimension.compliance", view.platform.capabilities.compliance
    proof = said(view, "compliance", rule)
    if not programmes:
        return Scored(None, "the catalogue lists no programme", proof)
    asked = view.asked.demand.compliance
    wanted: list[str] = [s for s in asked.standards if s in ATTESTED] or list(ATTESTED)
    has = [ATTESTED[s] for s in wanted if ATTESTED[s] in programmes]
    lies = view.design.region in _regions(view) or not asked.residency
    told = f"{len(has)} of {len(wanted)} programmes ({', '.join(has) or 'none'})"
    told += ", data lies where it may (2)" if lies else ", data may not lie there (0)"
    return Scored(8 * len(has) / len(wanted) + 2 * lies, told, proof)


def portability(view: View) -> Scored:
    """What has to change to leave.

    10 where Kubernetes manifests move, 8 where the image moves, 3 where code has to change. Less 1
    for each service of the design that the catalogue knows of one provider only.
    """
    how = view.platform.capabilities.portability
    sold: dict[str, set[str]] = {}
    for service in view.asked.catalog.services:
        sold.setdefault(service.kind, set()).add(service.provider)
    kinds = sorted({service.kind for service in view.design.attached})
    alone = [kind for kind in kinds if len(sold.get(kind, ())) < 2 and kind in sold]
    alone = [kind for kind in alone if EVERYWHERE not in sold[kind]]
    told = {"kubernetes": "manifests move", "image": "the image moves", "code": "code changes"}[how]
    told += f"; sold here only: {', '.join(alone)}" if alone else "; no service is sold here only"
    base = {"kubernetes": 10.0, "image": 8.0, "code": 3.0}[how]
    return Scored(base - len(alone), told, said(view, "portability", "dimension.portability"))


def future(view: View) -> Scored:
    """Whether one can stay.

    0 where the platform has ended, 1 where it takes no new customers. Else 4, and 3 when all
    replicas of this size that it allows carry the peak after three years of the stated growth, 1
    for ARM, 1 for GPUs, 1 where the provider also runs a queue for work in the background.
    """
    platform = view.platform
    proof = said(view, "status", "dimension.future")
    if platform.status != "available":
        told = "the platform has ended"
        ended = platform.status == "ended"
        return Scored(0.0 if ended else 1.0, told if ended else "no new customers", proof)
    limit = replicas_limit(view)
    growth = view.asked.demand.traffic.growth_year**FUTURE_YEARS
    peak = worst_peak_rps(view) * max(growth, 1.0)
    room = limit is None or limit * replica_rps(view) >= peak
    can, queue = platform.capabilities, offers(view, "queue")
    told = f"open to new customers (4), {'room' if room else 'no room'} for {peak:.3g}/s "
    told += f"in {FUTURE_YEARS} years ({3 * room}), ARM ({int(can.arm)}), GPU ({int(can.gpu)}), "
    told += f"queue ({int(queue)})"
    return Scored(4.0 + 3 * room + can.arm + can.gpu + queue, told, proof)


def _hours(hours: Sourced | None, what: str) -> str:
    if hours is None:
        return f"; hours {what}: no source gives them"
    return f"; {clock(hours.value * 3600)} {what} ({hours.source}, as of {hours.as_of})"


def _regions(view: View) -> set[str]:
    """The provider's regions in the catalogue in which data may lie."""
    allowed = view.asked.demand.compliance.residency
    regions = view.asked.catalog.provider(view.platform.provider).regions
    return {region.id for region in regions if not allowed or resides(region, allowed)}
