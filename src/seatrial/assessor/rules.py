"""Hard rules and risks: one function a rule, one value a finding.

A rule reads the case and returns a finding or none. `RULES` is the order in which they are
asked and told; adding a rule is adding a function and its heading in docs/rules.md.
"""

from __future__ import annotations

from seatrial.assessor.case import (
    Case,
    Found,
    Rule,
    Severity,
    catalogue_proof,
    fact_of,
    limit_proof,
    service_of,
    settings_proof,
)
from seatrial.kernel.assessment import Finding
from seatrial.kernel.units import usd
from seatrial.kernel.workload import Proof

RUNTIME_MIB = 48
"""The supervisor and the server's parent process beside the workers (proportional set size)."""

PLANNED_SERVICES = frozenset({"sqlite", "postgresql"})
"""What designs hold and bills count; other services are told as a risk."""

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
    """No request takes longer than the platform allows."""
    limit = case.platform.limits.request_s
    if limit is None:
        return None
    slowest = max(case.profile.routes, key=lambda r: r.quantiles_ms[-1])
    seconds = slowest.quantiles_ms[-1] / 1000
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
    """The platform runs as many replicas as the design asks for."""
    limit = case.platform.limits.replicas_max
    if limit is None or case.design.replicas_max <= limit.value:
        return None
    sentence = f"{case.design.replicas_max} replicas, the platform runs at most {limit.value:g}"
    return Found("violated", sentence, limit_proof(case, limit, "limit.replicas"))


def local_state(case: Case) -> Found | None:
    """Data written to a local SQLite file survives and is seen by every replica."""
    sqlite = service_of(case, "sqlite")
    if sqlite is None or case.design.database is not None:
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


def process_state(case: Case) -> Found | None:
    """State kept in a process's memory is seen by every request."""
    fact = next(filter(None, (fact_of(case, rule) for rule in _IN_PROCESS)), None)
    if fact is None:
        return None
    design = case.design
    if design.replicas_max * design.workers <= 1 and case.platform.capabilities.shared_memory:
        return None
    severity: Severity = "risk" if case.platform.capabilities.shared_memory else "violated"
    sentence = f"{fact.subject} is kept in memory ({fact.proof}) and not shared between processes"
    return Found(severity, sentence, fact.proof, fact.fix or "keep it in Redis or a database")


def service_level(case: Case) -> Found | None:
    """The parts' service level agreements carry the availability that was asked for."""
    asked, given = case.demand.slo.availability_percent, case.promise.availability_percent
    if given is not None and given >= asked:
        return None
    sentence = (
        f"no service level agreement stands behind it, {asked:g} % was asked for"
        if given is None
        else f"the parts' agreements multiply to {given:.3f} %, {asked:g} % was asked for"
    )
    return Found(
        "violated",
        sentence,
        catalogue_proof(case, "slo.availability"),
        "ask for less in [slo] availability_percent, or add redundancy",
    )


def survives_a_replica(case: Case) -> Found | None:
    """From three nines up, losing one replica at the peak leaves enough capacity."""
    if case.demand.slo.availability_percent < 99.9 or case.platform.kind == "functions":
        return None
    replicas = case.design.replicas_min
    left = case.promise.capacity_rps * (replicas - 1) / replicas
    if left > case.promise.rate_rps:
        return None
    sentence = (
        f"with one of {replicas} replicas lost, {left:.1f} requests/s are left "
        f"of {case.promise.rate_rps:.1f} at the peak"
    )
    return Found(
        "violated",
        sentence,
        settings_proof("[slo] availability_percent", "capacity.n-minus-1"),
        "one more replica",
    )


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


def database_given(case: Case) -> Found | None:
    """An app that cannot run without PostgreSQL gets one."""
    postgresql = service_of(case, "postgresql")
    if postgresql is None or not postgresql.required or case.design.database is not None:
        return None
    if case.platform.kind == "machine":
        return None
    sentence = f"the app cannot run without PostgreSQL ({postgresql.proof})"
    return Found("violated", sentence, postgresql.proof, "a design with a database")


def other_services(case: Case) -> Found | None:
    """Services that no design holds yet are told, since the bill does not count them."""
    others = [s for s in case.component.services if s.required and s.kind not in PLANNED_SERVICES]
    if not others:
        return None
    names = ", ".join(f"{s.kind} ({s.proof})" for s in others)
    sentence = f"the app also needs {names}, which the design does not hold and the bill not count"
    return Found("risk", sentence, others[0].proof, "add what it costs to the bill")


def database_offered(case: Case) -> Found | None:
    """The platform has a private way to a managed database."""
    if case.design.database is None or case.platform.capabilities.managed_database:
        return None
    sentence = f"{case.platform.name} has no private way to a managed PostgreSQL"
    return Found("violated", sentence, catalogue_proof(case, "database.offered"))


def database_wanted(case: Case) -> Found | None:
    """A database is only bought for an app that can use it."""
    if case.design.database is None or service_of(case, "postgresql") is not None:
        return None
    proof = Proof(kind="source", rule="service.postgresql", note="no PostgreSQL driver or address")
    return Found("violated", "the app does not use PostgreSQL", proof)


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


def platform_open(case: Case) -> Found | None:
    """The platform takes new customers."""
    platform = case.platform
    if platform.status == "available":
        return None
    sentence = (
        f"{platform.name} has ended"
        if platform.status == "ended"
        else f"{platform.name} takes no new customers"
    )
    return Found("violated", sentence, catalogue_proof(case, "platform.open"))


def bundle_offered(case: Case) -> Found | None:
    """Seatrial can write the platform's infrastructure."""
    if case.platform.bundled:
        return None
    return Found(
        "violated",
        f"{case.platform.name} is compared only: its infrastructure cannot be written yet",
        catalogue_proof(case, "bundle.offered"),
    )


RULES: dict[str, Rule] = {
    "platform.open": platform_open,
    "bundle.offered": bundle_offered,
    "memory.fits": memory_fits,
    "limit.request-time": request_time,
    "limit.payload": payload_fits,
    "limit.replicas": replicas_allowed,
    "state.local-database": local_state,
    "state.in-process": process_state,
    "database.offered": database_offered,
    "database.missing": database_given,
    "database.unused": database_wanted,
    "slo.latency-p95": latency_p95,
    "slo.latency-p99": latency_p99,
    "capacity.n-minus-1": survives_a_replica,
    "slo.availability": service_level,
    "price.known": priced,
    "budget.monthly": within_budget,
    "service.not-planned": other_services,
    "evidence.assumed": measured,
    "start.cold": cold_start,
}
"""The rules in the order in which they are told: what cannot be helped first, money last."""


def check(case: Case) -> tuple[Finding, ...]:
    """All findings of all rules, in the order of the rules."""
    return tuple(
        Finding(
            severity=found.severity,
            rule=name,
            subject=case.design.id,
            sentence=found.sentence,
            proof=found.proof,
            fix=found.fix,
        )
        for name, rule in RULES.items()
        if (found := rule(case)) is not None
    )
