"""The plan: nothing disappears, the cheapest wins, and it answers to its inputs as it should."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from seatrial.catalog.load import load
from seatrial.kernel.demand import Budget, Demand, Slo, Traffic
from seatrial.kernel.evidence import Latency, LoadEvidence, Machine
from seatrial.kernel.plan import Plan, Rejected
from seatrial.kernel.platform import Catalog, Size
from seatrial.kernel.values import digest, to_json
from seatrial.kernel.workload import (
    Component,
    Fact,
    Measured,
    Proof,
    Route,
    Service,
    ServiceTime,
    Workload,
)
from seatrial.planner.plan import plan

CATALOG = load()
HERE = Size(name="share", vcpu=1.0, memory_mib=4096)
SOURCE = Proof(kind="source", rule="service", file="app/db.py", line=12)


def route(path: str, mean_ms: float, cpu_ms: float) -> Route:
    quantiles = tuple(mean_ms * (0.7 + 0.6 * (i + 0.5) / 40) for i in range(40))
    time = ServiceTime(
        requests=200, mean_ms=mean_ms, cpu_ms_mean=cpu_ms, scv=0.03, quantiles_ms=quantiles,
        response_bytes_mean=9000.0,
    )  # fmt: skip
    return Route(path=path, methods=("GET",), endpoint=path, proof=SOURCE, service_time=time)


def workload(
    mean_ms: float = 8.0,
    memory_mib: float = 70.0,
    *,
    postgresql: bool = True,
    measured: bool = True,
    facts: tuple[Fact, ...] = (),
) -> Workload:  # fmt: skip
    services = [Service(kind="sqlite", required=False, proof=SOURCE)]
    if postgresql:
        services.append(
            Service(kind="postgresql", env="DATABASE_URL", required=False, proof=SOURCE)
        )
    taken = Measured(
        boot_s=1.0, memory_mib_worker=memory_mib, memory_mib_idle=memory_mib, machine="test",
        proof=Proof(kind="measured", rule="measure", note="200 requests a route"),
    )  # fmt: skip
    web = Component(
        name="web", kind="web", framework="flask", interface="wsgi",
        entry="wsgi:app", command=("run",), port=8000,
        routes=(route("/", mean_ms, mean_ms * 0.9), route("/slow", 3 * mean_ms, 2 * mean_ms)),
        services=tuple(services), measured=taken if measured else None, facts=facts,
    )  # fmt: skip
    return Workload(app="small", source_digest="0", components=(web,))


def demand(requests_per_day: float = 500_000, **slo: float) -> Demand:
    return Demand(traffic=Traffic(requests_per_day=requests_per_day), slo=Slo(**slo))


def decide(w: Workload, d: Demand, catalog: Catalog = CATALOG) -> Plan:
    return plan(w, d, catalog, HERE, 2)


def only(*platforms: str) -> Catalog:
    kept = tuple(p for p in CATALOG.platforms if p.id in (*platforms, "this-machine"))
    return replace(CATALOG, platforms=kept)


def cost(made: Plan) -> Decimal | None:
    return None if made.chosen is None else made.chosen.bill.monthly_usd


def rules(found: Rejected) -> set[str]:
    return {finding.rule for finding in found.reasons}


def of(made: Plan, platform: str) -> list[Rejected]:
    return [found for found in made.rejected if found.platform == platform]


def test_nothing_disappears_and_the_cheapest_wins() -> None:
    made = decide(workload(), demand())
    names = [a.design.id for a in made.ranked] + [o.design for o in made.outranked]
    names += [r.design for r in made.rejected]
    assert made.considered == len(names) == len(set(names))
    assert made.considered == sum(v.considered for v in made.platforms)
    assert all(r.reasons for r in made.rejected)
    assert {f.severity for r in made.rejected for f in r.reasons} == {"violated"}
    costs = [a.bill.monthly_usd for a in made.ranked] + [o.monthly_usd for o in made.outranked]
    assert costs == sorted(costs, key=lambda c: c if c is not None else Decimal(-1))
    assert made.chosen == made.ranked[0]
    assert {v.platform for v in made.platforms} == {p.id for p in CATALOG.platforms}
    assert len(made.explanation) == len(CATALOG.platforms) + 1


def test_every_platform_that_loses_says_why_with_a_proof() -> None:
    for verdict in decide(workload(), demand()).platforms:
        if verdict.best is None:
            assert verdict.nearest is not None
            assert verdict.reasons
            for reason in verdict.reasons:
                assert reason.proof.file or reason.proof.note


def test_same_input_same_bytes() -> None:
    first = to_json(decide(workload(), demand()))
    assert first == to_json(decide(workload(), demand()))


def test_local_files_need_a_database_in_the_cloud() -> None:
    made = decide(workload(), demand())
    assert made.chosen is not None
    assert made.chosen.design.database is not None
    without = decide(workload(postgresql=False), demand())
    assert without.chosen is None
    for found in of(without, "aws-fargate"):
        assert rules(found) & {"state.local-database", "database.unused"}


def test_three_nines_survive_a_replica() -> None:
    made = decide(workload(), demand(availability_percent=99.9))
    assert made.chosen is not None
    assert made.chosen.design.replicas_min >= 2
    left = made.chosen.promise.capacity_rps * (1 - 1 / made.chosen.design.replicas_min)
    assert left > demand().traffic.peak_rps


def test_no_single_machine_promises_three_nines() -> None:
    made = decide(workload(), demand(availability_percent=99.9), only("this-machine"))
    assert made.chosen is None
    assert made.explanation[0].startswith("No design")
    assert {"slo.availability", "price.known"} <= {f.rule for f in made.platforms[0].reasons}
    assert len(of(made, "this-machine")) == made.considered


def test_memory_that_does_not_fit_is_rejected() -> None:
    made = decide(workload(memory_mib=40_000), demand(), only("aws-lambda", "aws-lightsail"))
    assert made.chosen is None
    assert all("memory.fits" in rules(r) for r in made.rejected)


def test_a_request_longer_than_the_limit_is_rejected() -> None:
    made = decide(workload(mean_ms=20_000), demand(100), only("aws-lambda"))
    assert made.chosen is None
    assert all("limit.request-time" in rules(r) for r in of(made, "aws-lambda"))


def test_state_in_memory_has_no_place_in_functions() -> None:
    fact = Fact(rule="state.module-mutable", subject="CACHE", proof=SOURCE)
    made = decide(workload(facts=(fact,)), demand(), only("aws-lambda", "aws-fargate"))
    assert of(made, "aws-lambda")
    assert all("state.in-process" in rules(r) for r in of(made, "aws-lambda"))


def test_an_unmeasured_app_is_planned_and_says_so() -> None:
    made = decide(workload(measured=False), demand(20_000))
    assert made.chosen is not None
    assert "evidence.assumed" in {f.rule for f in made.chosen.findings}
    assert made.chosen.promise.inputs[0].kind == "assumed"


def test_the_rehearsal_asks_no_more_than_half_of_this_machine() -> None:
    made = decide(workload(mean_ms=100), demand(5_000_000))
    told = made.rehearsal.promise
    assert told.utilisation == pytest.approx(0.5, abs=0.01)
    assert told.rate_rps < demand(5_000_000).traffic.peak_rps
    calm = decide(workload(), demand(1000)).rehearsal.promise
    assert calm.rate_rps == pytest.approx(demand(1000).traffic.peak_rps, abs=0.001)


@settings(max_examples=8, deadline=None)
@given(
    requests=st.floats(1e3, 3e6), more=st.floats(1.05, 4), mean_ms=st.floats(1, 200),
    p95=st.floats(50, 2000),
)  # fmt: skip
def test_the_answer_moves_the_right_way(
    requests: float, more: float, mean_ms: float, p95: float
) -> None:
    catalog = only("aws-fargate")
    w = workload(mean_ms)
    base = demand(requests, latency_ms_p95=p95, latency_ms_p99=2 * p95)
    found = cost(decide(w, base, catalog))
    busier = replace(base, traffic=replace(base.traffic, requests_per_day=requests * more))
    raised = cost(decide(w, busier, catalog))
    stricter = replace(base, slo=replace(base.slo, latency_ms_p95=p95 / 2))
    tightened = cost(decide(w, stricter, catalog))
    if found is None:
        assert raised is None
        assert tightened is None
        return
    assert raised is None or raised >= found
    assert tightened is None or tightened >= found
    below = replace(base, budget=Budget(cost_usd_month=found - Decimal("0.01")))
    assert decide(w, below, catalog).chosen is None
    exact = replace(base, budget=Budget(cost_usd_month=found))
    assert cost(decide(w, exact, catalog)) == found


def test_a_required_database_is_bought_and_other_services_are_told() -> None:
    w = workload()
    needed = (
        Service(kind="postgresql", env="DATABASE_URL", proof=SOURCE),
        Service(kind="redis", env="REDIS_URL", proof=SOURCE),
    )
    made = decide(replace(w, components=(replace(w.web, services=needed),)), demand())
    assert made.chosen is not None
    assert made.chosen.design.database is not None
    assert all(a.design.database for a in made.ranked)
    told = [f for f in made.chosen.findings if f.rule == "service.not-planned"]
    assert len(told) == 1
    assert "redis" in told[0].sentence


def test_evidence_corrects_the_next_plan_once() -> None:
    w, d = workload(), demand()
    before = decide(w, d)
    median = before.rehearsal.promise.latency_ms_p50
    assert median is not None
    measured = evidence_of(w, before, median + 5)
    after = plan(w, d, CATALOG, HERE, 2, measured)
    assert after.rehearsal.promise.latency_ms_p50 == pytest.approx(median + 5, abs=0.01)
    assert after.chosen is not None
    assert before.chosen is not None
    assert after.chosen.promise.latency_ms_p95 == pytest.approx(
        (before.chosen.promise.latency_ms_p95 or 0) + 5, abs=0.01
    )
    assert any(p.rule == "calibrate.overhead" for p in after.chosen.promise.inputs)
    # The same evidence again corrects by the same amount: corrections do not add up.
    assert plan(w, d, CATALOG, HERE, 2, measured) == after
    # Faster than the model is luck or a better machine; it never shortens a promise.
    assert plan(w, d, CATALOG, HERE, 2, evidence_of(w, before, 0.1)).chosen is not None
    other = workload(mean_ms=9)
    assert plan(other, d, CATALOG, HERE, 2, measured) == decide(other, d)


def evidence_of(w: Workload, made: Plan, p50: float) -> LoadEvidence:
    return LoadEvidence(
        trial="load",
        app=w.app,
        design=made.rehearsal.design.id,
        workload_digest=digest(w),
        started_at="2026-11-21T00:00:00+00:00",
        machine=Machine(cpu="c", cores=2, memory_gib=8, system="Linux", python="3.11"),
        seed=1,
        rate_rps=made.rehearsal.promise.rate_rps,
        peak_share=1.0,
        duration_s=15,
        requests=300,
        errors=0,
        error_kinds={},
        late_sends=0,
        throughput_rps=20,
        latency_ms=Latency(p50=p50, p90=p50, p95=p50, p99=p50, max=p50, mean=p50),
        routes=(),
        histogram="",
        comparisons=(),
    )
