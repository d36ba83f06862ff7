"""The plan: nothing disappears, the cheapest wins, and it answers to its inputs as it should."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from planner_cases import CATALOG, HERE, SOURCE, demand, simulation, workload

from seatrial.assessor.assess import Question, question
from seatrial.kernel.demand import Budget, Demand
from seatrial.kernel.design import Design
from seatrial.kernel.evidence import Latency, LoadEvidence, Machine
from seatrial.kernel.plan import Plan, Rejected
from seatrial.kernel.platform import Catalog, Reference
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.values import digest, to_json
from seatrial.kernel.workload import Fact, Service, Workload
from seatrial.planner.finals import Simulate
from seatrial.planner.plan import plan
from seatrial.planner.search import search


def decide(w: Workload, d: Demand, catalog: Catalog = CATALOG) -> Plan:
    return plan(w, d, catalog, HERE, 2)


def only(*platforms: str) -> Catalog:
    kept = tuple(p for p in CATALOG.platforms if p.id in (*platforms, "this-machine"))
    return replace(CATALOG, platforms=kept)


def cheapest(w: Workload, d: Demand, catalog: Catalog) -> Decimal | None:
    """What the search would choose costs; the plan around it takes longer and chooses no other."""
    best = search(question(w, d, catalog), HERE).best
    return best[0].bill.monthly_usd if best else None


def rules(found: Rejected) -> set[str]:
    return {finding.rule for finding in found.reasons}


def near(found: Rejected) -> bool:
    """Whether more was asked of it than where it is."""
    return "region.near" not in rules(found)


def of(made: Plan, platform: str) -> list[Rejected]:
    return [found for found in made.rejected if found.platform == platform]


@cache
def usual() -> Plan:
    """The plan of the usual app over the whole catalogue."""
    return decide(workload(), demand())


def test_nothing_disappears_and_the_cheapest_wins() -> None:
    made = usual()
    assert made.considered == made.feasible + sum(r.count for r in made.rejected) >= 100_000
    assert made.considered == sum(v.considered for v in made.platforms)
    assert {f.severity for r in made.rejected for f in r.reasons} == {"violated"}
    costs = [a.bill.monthly_usd for a in made.ranked if a.bill.monthly_usd is not None]
    assert costs == sorted(costs) and len(costs) == 10
    assert made.chosen == made.ranked[0]
    assert made.chosen is not None
    assert made.chosen.bill.monthly_usd == cheapest(workload(), demand(), CATALOG)
    assert all(len(a.dimensions) == 15 for a in made.ranked)
    assert {v.platform for v in made.platforms} == {p.id for p in CATALOG.platforms}
    assert len(made.explanation) >= len(CATALOG.platforms) + 1


def simulator(slow: set[str]) -> Simulate:
    """A simulator that finds what the model says, but for designs on some platforms."""

    def simulate(asked: Question, designs: Sequence[Design]) -> tuple[Simulation, ...]:
        return tuple(simulation(one, 9999.0 if one.platform in slow else 20.0) for one in designs)

    return simulate


def test_what_fails_its_simulation_is_rejected_and_the_next_one_taken() -> None:
    some = only("aws-fargate", "aws-ecs-ec2", "do-app-platform")
    calm = plan(workload(), demand(), some, HERE, 2, simulate=simulator(set()))
    assert calm.chosen is not None and calm.chosen.simulation is not None
    first = calm.chosen.design.platform
    made = plan(workload(), demand(), some, HERE, 2, simulate=simulator({first}))
    dropped = [r for r in made.rejected if "slo.simulated" in r.rules]
    assert sum(r.count for r in dropped) == calm.feasible - made.feasible > 0
    assert made.considered == made.feasible + sum(r.count for r in made.rejected)
    assert made.ranked and all(a.design.platform != first for a in made.ranked)
    assert "9999 ms" in dropped[0].reasons[0].sentence


def test_the_first_that_can_be_built_is_named() -> None:
    made = usual()
    assert made.chosen is not None and made.buildable is not None
    assert CATALOG.platform(made.buildable.design.platform).bundled


def test_every_platform_that_loses_says_why_with_a_proof() -> None:
    for verdict in usual().platforms:
        if verdict.best is None:
            assert verdict.nearest is not None
            assert verdict.reasons
            for reason in verdict.reasons:
                assert reason.proof.file or reason.proof.note


def test_same_input_same_bytes() -> None:
    assert to_json(usual()) == to_json(decide(workload(), demand()))


def test_local_files_need_a_database_in_the_cloud() -> None:
    made = usual()
    assert made.chosen is not None
    assert made.chosen.design.database is not None
    without = decide(workload(postgresql=False), demand())
    assert without.chosen is None
    for found in of(without, "aws-fargate"):
        assert rules(found) & {"state.local-database", "database.unused"} or not near(found)


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
    assert sum(r.count for r in of(made, "this-machine")) == made.considered


def test_memory_that_does_not_fit_is_rejected() -> None:
    made = decide(workload(memory_mib=40_000), demand(), only("aws-lambda", "aws-lightsail"))
    assert made.chosen is None
    assert all("memory.fits" in rules(r) for r in made.rejected if near(r))


def test_a_request_longer_than_the_limit_is_rejected() -> None:
    made = decide(workload(mean_ms=20_000), demand(100), only("aws-lambda"))
    assert made.chosen is None
    assert all("limit.request-time" in rules(r) for r in of(made, "aws-lambda") if near(r))


def test_state_in_memory_has_no_place_in_functions() -> None:
    fact = Fact(rule="state.module-mutable", subject="CACHE", proof=SOURCE)
    made = decide(workload(facts=(fact,)), demand(), only("aws-lambda", "aws-fargate"))
    assert of(made, "aws-lambda")
    assert all("state.in-process" in rules(r) for r in of(made, "aws-lambda") if near(r))


def test_waiting_for_a_model_is_told_with_its_place() -> None:
    def told(rule: str, subject: str, value: str, line: int) -> Fact:
        proof = replace(SOURCE, file="core/analyse.py", line=line)
        return Fact(rule=rule, subject=subject, value=value, proof=proof)

    facts = (
        told("time.llm-call", "boto3 converse", "in analyse(); in a loop, one after another", 88),
        told("time.timeout-configured", "boto3 Config", "read_timeout=240", 12),
        told("llm.fallback", "a", "a -> b", 80),
    )
    made = decide(workload(facts=facts), demand(), only("aws-lambda", "aws-fargate"))
    (reason,) = {
        f.sentence for r in of(made, "aws-lambda") for f in r.reasons
        if f.rule == "limit.request-time"
    }  # fmt: skip
    assert reason.startswith("handler analyse() waits on boto3 converse up to 40 min")
    assert "(core/analyse.py:88)" in reason and "limit 30 s" in reason
    assert made.chosen is not None and made.chosen.design.platform == "aws-fargate"


def test_an_unmeasured_app_is_planned_and_says_so() -> None:
    made = decide(workload(measured=False), demand(20_000))
    assert made.chosen is not None
    assert "evidence.assumed" in {f.rule for f in made.chosen.findings}
    assert made.chosen.promise.inputs[0].kind == "assumed"


def test_the_rehearsal_asks_no_more_than_half_of_this_machine() -> None:
    some = only("aws-fargate")
    made = decide(workload(mean_ms=100), demand(5_000_000), some)
    told = made.rehearsal.promise
    assert told.utilisation == pytest.approx(0.5, abs=0.01)
    assert told.rate_rps < demand(5_000_000).traffic.peak_rps
    calm = decide(workload(), demand(1000), some).rehearsal.promise
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
    found = cheapest(w, base, catalog)
    busier = replace(base, traffic=replace(base.traffic, requests_per_day=requests * more))
    raised = cheapest(w, busier, catalog)
    stricter = replace(base, slo=replace(base.slo, latency_ms_p95=p95 / 2))
    tightened = cheapest(w, stricter, catalog)
    if found is None:
        assert raised is None
        assert tightened is None
        return
    assert raised is None or raised >= found
    assert tightened is None or tightened >= found
    below = replace(base, budget=Budget(cost_usd_month=found - Decimal("0.01")))
    assert cheapest(w, below, catalog) is None
    exact = replace(base, budget=Budget(cost_usd_month=found))
    assert cheapest(w, exact, catalog) == found


def test_a_required_database_is_bought_and_other_services_are_told() -> None:
    w = workload()
    needed = (
        Service(kind="postgresql", env="DATABASE_URL", proof=SOURCE),
        Service(kind="redis", env="REDIS_URL", proof=SOURCE),
    )
    made = decide(replace(w, components=(replace(w.web, services=needed),)), demand())
    assert made.chosen is not None
    assert all(a.design.database and a.design.services[0].kind == "redis" for a in made.ranked)
    assert any(line.component == "redis" or "redis" in line.service.lower() or "cache" in
               line.service for line in made.chosen.bill.lines)  # fmt: skip
    others = (*needed, Service(kind="mongodb", env="MONGO_URL", proof=SOURCE))
    made = decide(
        replace(w, components=(replace(w.web, services=others),)), demand(), only("aws-fargate")
    )
    assert made.chosen is not None
    (told,) = [f for f in made.chosen.findings if f.rule == "service.not-planned"]
    assert "mongodb" in told.sentence and "redis" not in told.sentence


def test_evidence_corrects_the_next_plan_once() -> None:
    w, d, some = workload(), demand(), only("aws-fargate", "aws-ecs-ec2")
    before = decide(w, d, some)
    median = before.rehearsal.promise.latency_ms_p50
    assert median is not None
    measured = evidence_of(w, before, median + 5)
    after = plan(w, d, some, HERE, 2, measured)
    assert after.rehearsal.promise.latency_ms_p50 == pytest.approx(median + 5, abs=0.01)
    assert after.chosen is not None
    assert before.chosen is not None
    assert after.chosen.promise.latency_ms_p95 == pytest.approx(
        (before.chosen.promise.latency_ms_p95 or 0) + 5, abs=0.01
    )
    assert any(p.rule == "calibrate.overhead" for p in after.chosen.promise.inputs)
    # The same evidence again corrects by the same amount: corrections do not add up.
    assert plan(w, d, some, HERE, 2, measured) == after
    # Faster than the model is luck or a better machine; it never shortens a promise.
    assert plan(w, d, some, HERE, 2, evidence_of(w, before, 0.1)).chosen is not None
    other = workload(mean_ms=9)
    assert plan(other, d, some, HERE, 2, measured) == decide(other, d, some)


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


def fact(rule: str, subject: str, value: str = "") -> Fact:
    return Fact(rule=rule, subject=subject, value=value, proof=SOURCE)


def test_websockets_need_a_platform_that_passes_them_on() -> None:
    socket = fact("time.websocket", "streamlit")
    here = only("aws-lambda", "aws-fargate")
    said_by = Reference(
        says=("websockets",), source="https://example.org/limits", as_of="2026-11-21"
    )
    functions = here.platform("aws-lambda")
    told = replace(functions, references=(said_by, *functions.references))
    kept = tuple(told if p.id == "aws-lambda" else p for p in here.platforms)
    made = decide(workload(facts=(socket,)), demand(), replace(here, platforms=kept))
    found = [r for r in of(made, "aws-lambda") if near(r)]
    assert found and all("limit.websockets" in rules(r) for r in found)
    said = next(f for r in found for f in r.reasons if f.rule == "limit.websockets")
    assert "streamlit" in said.sentence
    assert "https://example.org/limits, as of 2026-11-21" in said.sentence
    assert said.proof == SOURCE
    assert made.chosen is not None and made.chosen.design.platform == "aws-fargate"
    assert not any("limit.websockets" in rules(r) for r in of(made, "aws-fargate"))
    streaming = fact("time.streaming", "events")
    made = decide(workload(facts=(streaming,)), demand(), only("aws-lambda", "aws-fargate"))
    assert not any("limit.websockets" in rules(r) for r in made.rejected)


def test_sessions_in_memory_need_sticky_routing_or_one_replica() -> None:
    session = fact("state.sticky-sessions", "streamlit")
    modest = demand(1000, availability_percent=90)
    made = decide(workload(facts=(session,)), modest, only("do-app-platform", "aws-fargate"))
    ranked = {a.design.platform: a.design for a in made.ranked}
    assert ranked["do-app-platform"].replicas_max == 1
    assert any("state.in-process" in rules(r) for r in of(made, "do-app-platform"))
    assert not any("state.in-process" in rules(r) for r in of(made, "aws-fargate"))
    # Two replicas are needed here: only a platform that sends visitors back can have them.
    steady = demand(1000, availability_percent=99.9)
    made = decide(workload(facts=(session,)), steady, only("do-app-platform", "aws-fargate"))
    assert {a.design.platform for a in made.ranked} == {"aws-fargate"}


def test_a_worse_fact_is_not_hidden_by_another() -> None:
    """The first fact would be a risk only; the session of a visitor is lost all the same."""
    both = (fact("state.module-mutable", "CACHE"), fact("state.session-memory", "sessions"))
    made = decide(workload(facts=both), demand(), only("do-app-platform"))
    found = [f for r in of(made, "do-app-platform") for f in r.reasons
             if f.rule == "state.in-process"]  # fmt: skip
    assert found and all("sessions is kept" in f.sentence for f in found)


def test_sessions_that_redis_takes_over_get_redis() -> None:
    session = fact("state.session-memory", "MemoryStore", "in memory, unless REDIS_URL is set")
    redis = Service(kind="redis", env="REDIS_URL", required=False, proof=SOURCE)

    def app(*facts: Fact) -> Workload:
        made = workload(facts=facts)
        services = (*made.web.services, redis)
        return replace(made, components=(replace(made.web, services=services),))

    with_it = decide(app(session), demand(), only("aws-fargate")).chosen
    assert with_it is not None
    assert "redis" in {one.kind for one in with_it.design.attached}
    assert not any(f.rule == "state.in-process" for f in with_it.findings)
    without = decide(app(), demand(), only("aws-fargate")).chosen
    assert without is not None and "redis" not in {a.kind for a in without.design.attached}
    other = fact("state.session-memory", "MemoryStore", "in memory")
    alone = decide(app(other), demand(), only("aws-fargate")).chosen
    assert alone is not None and "redis" not in {a.kind for a in alone.design.attached}
    assert any(f.rule == "state.in-process" for f in alone.findings)
