"""Hard rules and risks: one function a rule, one value a finding.

A rule reads the case and returns a finding or none. `RULES` is the order in which they are
asked and told; adding a rule is adding a function and its heading in docs/rules.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.assessor.case import (
    Case,
    Found,
    Rule,
    settings_proof,
)
from seatrial.assessor.rules_limits import memory_fits, payload_fits, replicas_allowed, request_time
from seatrial.assessor.rules_places import (
    bundle_offered,
    platform_open,
    platform_wanted,
    region_near,
    residency,
    standards,
    work_known,
)
from seatrial.assessor.rules_services import (
    commitment_allowed,
    component_placed,
    component_unwritten,
    database_given,
    database_offered,
    database_wanted,
    other_services,
    rpo,
    rto,
    service_offered,
)
from seatrial.assessor.rules_slo import (
    latency_p95,
    latency_p99,
    service_level,
    simulated,
    survives_a_replica,
)
from seatrial.assessor.rules_state import local_state, process_state, websockets_pass
from seatrial.kernel.assessment import Finding
from seatrial.kernel.units import usd
from seatrial.kernel.workload import Proof


def priced(case: Case) -> Found | None:
    """Every line of the bill has a price."""
    if not case.bill.unpriced:
        return None
    names = ", ".join(sorted({f"{u.service} {u.sku} in {u.region}" for u in case.bill.unpriced}))
    proof = Proof(kind="declared", rule="price.known", file="catalog/prices")
    fix = (
        "state what the machine costs in [machine] cost_usd_month"
        if case.platform.kind == "machine"
        else "add a price row with its source and date"
    )
    return Found("violated", f"no price is known for {names}", proof, fix)


def amounts_stated(case: Case) -> Found | None:
    """Lines of which nobody knows the amount are told: they come on top of the bill."""
    if not case.bill.unstated:
        return None
    names = ", ".join(dict.fromkeys(f"{u.component} ({u.sku})" for u in case.bill.unstated))
    sentence = f"not on the bill, because nobody said how much: {names}"
    proof = Proof(kind="declared", rule="price.unstated", file="seatrial.toml")
    return Found("risk", sentence, proof, case.bill.unstated[0].reason)


def within_budget(case: Case) -> Found | None:
    """The monthly bill keeps the budget."""
    budget, cost = case.demand.budget.cost_usd_month, case.bill.monthly_usd
    if budget is None or cost is None or cost <= budget:
        return None
    sentence = f"it costs {usd(cost)} a month, the budget is {usd(budget)}"
    return Found(
        "violated",
        sentence,
        settings_proof("[budget] cost_usd_month", "budget.monthly"),
    )


def measured(case: Case) -> Found | None:
    """The promise rests on measurements."""
    if case.profile.measured:
        return None
    return Found(
        "risk",
        "service times and memory are assumed, not measured",
        case.profile.proofs[0],
        "run `seatrial profile --measure`",
    )


def cold_start(case: Case) -> Found | None:
    """Cold starts of functions are told, because the model does not hold them."""
    if case.platform.kind != "functions":
        return None
    boot = f"{case.profile.boot_s:.1f} s" if case.profile.boot_s else "an unknown time"
    sentence = f"a cold start adds at least {boot} to a request; the model does not count it"
    return Found("risk", sentence, case.profile.proofs[0])


RULES: dict[str, Rule] = {
    "platform.open": Rule(platform_open, gate=True),
    "platform.wanted": Rule(platform_wanted, gate=True),
    "region.near": Rule(region_near, ("region",), gate=True),
    "compliance.residency": Rule(residency, ("region",), gate=True),
    "compliance.standards": Rule(standards),
    "service.offered": Rule(service_offered),
    "memory.fits": Rule(memory_fits, ("size",)),
    "limit.request-time": Rule(request_time),
    "limit.payload": Rule(payload_fits),
    "limit.replicas": Rule(replicas_allowed, ("most", "replicas")),
    "limit.websockets": Rule(websockets_pass),
    "component.placed": Rule(component_placed, ("size",)),
    "state.local-database": Rule(local_state, ("database", "services")),
    "state.in-process": Rule(process_state, ("workers", "replicas", "services")),
    "database.offered": Rule(database_offered, ("database", "services")),
    "database.missing": Rule(database_given, ("database",)),
    "database.unused": Rule(database_wanted, ("database",)),
    "commitment.allowed": Rule(commitment_allowed, ("commitment",)),
    "slo.latency-p95": Rule(latency_p95, ("load", "replicas")),
    "slo.latency-p99": Rule(latency_p99, ("load", "replicas")),
    "capacity.n-minus-1": Rule(survives_a_replica, ("load", "replicas")),
    "slo.availability": Rule(service_level, ("database", "services")),
    "recovery.rto": Rule(rto, ("replicas", "database", "services")),
    "recovery.rpo": Rule(rpo, ("replicas", "database", "services")),
    "slo.simulated": Rule(simulated),
    "price.known": Rule(priced, ("bill",)),
    "budget.monthly": Rule(within_budget, ("bill",)),
    "price.unstated": Rule(amounts_stated),
    "operations.unsourced": Rule(work_known),
    "service.not-planned": Rule(other_services),
    "evidence.assumed": Rule(measured),
    "start.cold": Rule(cold_start),
    "bundle.offered": Rule(bundle_offered),
    "bundle.parts": Rule(component_unwritten),
}
"""The rules in the order in which they are told: what cannot be helped first, money last."""


FOLLOWS_LOAD = frozenset(
    name for name, rule in RULES.items() if "load" in rule.depends or "bill" in rule.depends
)
"""What the rules say that may change with the number of requests alone."""


def check(case: Case, steady: dict[str, Finding | None] | None = None) -> tuple[Finding, ...]:
    """All findings of all rules, in the order of the rules; only those of gates if one is shut.

    `steady` keeps what was found of one design by rules that do not follow the load: it is filled
    here, and given again for the same design under the same demand at other numbers of requests.
    """
    known: dict[str, Finding | None] = {} if steady is None else steady
    name = case.design.id

    def ask(rule: str) -> Finding | None:
        if rule in FOLLOWS_LOAD or case.simulation is not None:
            return _found(rule, case, name)
        if rule not in known:
            known[rule] = _found(rule, case, name)
        return known[rule]

    found = [ask(rule) for rule in GATES]
    if not any(one is not None and one.severity == "violated" for one in found):
        found += [ask(rule) for rule in RULES if rule not in GATES]
    return tuple(one for one in found if one is not None)


def found_by(case: Case, rules: Iterable[str]) -> tuple[Finding, ...]:
    """The findings of some rules."""
    found = (_found(rule, case, case.design.id) for rule in rules)
    return tuple(one for one in found if one is not None)


def broken(case: Case, rules: Iterable[str]) -> bool:
    """Whether any of some rules is violated."""
    found = (RULES[rule].read(case) for rule in rules)
    return any(one is not None and one.severity == "violated" for one in found)


GATES = tuple(name for name, rule in RULES.items() if rule.gate)


def _found(rule: str, case: Case, name: str) -> Finding | None:
    one = RULES[rule].read(case)
    if one is None:
        return None
    return Finding(
        severity=one.severity, rule=rule, subject=name, sentence=one.sentence, proof=one.proof,
        fix=one.fix,
    )  # fmt: skip
