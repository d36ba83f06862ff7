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
    catalogue_proof,
    limit_proof,
    settings_proof,
)
from seatrial.assessor.promise import capacity_rps, load_of, rate_of, replicas_wanted, within
from seatrial.assessor.rules_places import (
    bundle_offered,
    platform_open,
    platform_wanted,
    region_near,
    residency,
    standards,
)
from seatrial.assessor.rules_services import (
    commitment_allowed,
    database_given,
    database_offered,
    database_wanted,
    other_services,
    rpo,
    rto,
    service_offered,
)
from seatrial.assessor.rules_state import local_state, process_state
from seatrial.assessor.waits import spoken, waits
from seatrial.assessor.week import busiest_rps
from seatrial.kernel.assessment import Finding
from seatrial.kernel.units import usd
from seatrial.kernel.workload import Proof

RUNTIME_MIB = 48
"""The supervisor and the server's parent process beside the workers (proportional set size)."""

MEMORY_HEADROOM = 1.25
"""Share kept free for growth between the measurement and the worst day."""


FREE_PERCENT = 99.0
"""Availability, seven hours a month, up to which nobody has to promise it."""


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


def service_level(case: Case) -> Found | None:
    """The parts' service level agreements carry the availability that was asked for.

    Up to 99 % none has to stand behind a design: the simulation alone says what to expect.
    """
    asked, given = case.demand.slo.availability_percent, case.promise.availability_percent
    if given is not None and given >= asked:
        return None
    sentence = (
        f"no service level agreement stands behind it, {asked:g} % was asked for"
        if given is None
        else f"the parts' agreements multiply to {given:.3f} %, {asked:g} % was asked for"
    )
    return Found(
        "risk" if given is None and asked <= FREE_PERCENT else "violated",
        sentence,
        catalogue_proof(case, "slo.availability"),
        "ask for less in [slo] availability_percent, or add redundancy",
    )


def survives_a_replica(case: Case) -> Found | None:
    """From three nines up, losing one replica leaves enough capacity at every rate of the week.

    Where replicas follow the load, each number of them is judged at the highest rate it serves.
    """
    design, platform, profile = case.design, case.platform, case.profile
    if case.demand.slo.availability_percent < 99.9 or platform.kind == "functions":
        return None
    alone, peak = load_of(design, platform, 1), busiest_rps(case.demand.traffic)
    one = capacity_rps(profile, alone)
    most = within(
        replicas_wanted(profile, alone, platform, peak), design.replicas_min, design.replicas_max
    )
    for replicas in range(max(1, design.replicas_min), most + 1):
        last = replicas == most
        rate = peak if last else min(peak, rate_of(profile, alone, platform, replicas))
        if rate > 0 and one * (replicas - 1) <= rate:
            sentence = (
                f"with one of {replicas} replicas lost, {one * (replicas - 1):.1f} requests/s are "
                f"left of {rate:.1f}"
            )
            proof = settings_proof("[slo] availability_percent", "capacity.n-minus-1")
            return Found("violated", sentence, proof, "one more replica")
    return None


def _latency(case: Case, name: str, promised: float | None, asked: float) -> Found | None:
    if promised is not None and promised <= asked:
        return None
    sentence = (
        f"the queue never empties at {case.promise.rate_rps:.1f} requests/s: it carries "
        f"{case.promise.capacity_rps:.1f}"
        if promised is None
        else f"{name} would be {promised:.0f} ms at the peak, {asked:g} ms was asked for"
    )
    return Found(
        "violated",
        sentence,
        settings_proof(f"[slo] latency_ms_{name}", f"slo.latency-{name}"),
        "more or larger replicas",
    )


def latency_p95(case: Case) -> Found | None:
    """The 95th percentile at the peak hour keeps the SLO."""
    return _latency(case, "p95", case.promise.latency_ms_p95, case.demand.slo.latency_ms_p95)


def latency_p99(case: Case) -> Found | None:
    """The 99th percentile at the peak hour keeps the SLO."""
    return _latency(case, "p99", case.promise.latency_ms_p99, case.demand.slo.latency_ms_p99)


def simulated(case: Case) -> Found | None:
    """The latencies of the simulated week and the availability keep the SLO, where simulated."""
    if case.simulation is None:
        return None
    slo, held = case.demand.slo, case.simulation.availability_percent
    if held.value is not None and held.value < slo.availability_percent:
        lowest = "" if held.low is None else f" (at least {held.low:.4g} %)"
        return Found(
            "violated",
            f"simulated, {held.value:.4g} % of requests are answered{lowest}, "
            f"{slo.availability_percent:g} % was asked for",
            settings_proof("[slo] availability_percent", "slo.simulated"),
            "more replicas, fewer cold starts, or a fallback for language models",
        )
    for name, told, asked in (
        ("p95", case.simulation.latency_ms_p95, slo.latency_ms_p95),
        ("p99", case.simulation.latency_ms_p99, slo.latency_ms_p99),
    ):
        if told.value is None or told.value > asked:
            shown = "without bound" if told.value is None else f"{told.value:.0f} ms"
            within = (
                "" if told.low is None or told.high is None
                else f" (95 % interval {told.low:.0f} to {told.high:.0f})"
            )  # fmt: skip
            return Found(
                "violated",
                f"simulated over a week, {name} is {shown}{within}, {asked:g} ms was asked for",
                settings_proof(f"[slo] latency_ms_{name}", "slo.simulated"),
                "more or larger replicas",
            )
    return None


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
    "state.local-database": Rule(local_state, ("database", "services")),
    "state.in-process": Rule(process_state, ("workers", "replicas")),
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
    "service.not-planned": Rule(other_services),
    "evidence.assumed": Rule(measured),
    "start.cold": Rule(cold_start),
    "bundle.offered": Rule(bundle_offered),
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
