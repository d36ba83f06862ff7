"""The fifteen dimensions: none disappears, every score follows its facts in the right direction."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import seatrial
from seatrial.assessor.assess import Question, assess, question
from seatrial.assessor.dimensions import DIMENSIONS, dimensions, winners
from seatrial.assessor.recovery import recoveries
from seatrial.assessor.scored import span_s
from seatrial.catalog.load import load
from seatrial.kernel.assessment import Assessment, Bill, Dimension, DimensionName, Promise
from seatrial.kernel.demand import Compliance, Demand, Event, Traffic
from seatrial.kernel.design import Attached, Design
from seatrial.kernel.platform import HERE, Capabilities, Platform, Sourced
from seatrial.kernel.simulation import Recovery
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

CATALOG = load()
PLATFORMS = [platform.id for platform in CATALOG.platforms]
PACKAGE = Path(seatrial.__file__).parent
DOCS = Path(__file__).parents[2] / "docs"
HERE_PROOF = Proof(kind="source", rule="r", file="app/main.py", line=3)
FACTS = {
    rule: Fact(rule=rule, subject="it", value=value, proof=HERE_PROOF)
    for rule, value in (
        ("upload.accepted", ""), ("state.session-memory", ""), ("time.llm-call", "up to 40 min"),
    )
}  # fmt: skip


def workload(*rules: str, measured: bool = True, mean_ms: float = 20.0) -> Workload:
    time = ServiceTime(
        requests=200, mean_ms=mean_ms, cpu_ms_mean=mean_ms / 2, scv=0.1,
        quantiles_ms=tuple(mean_ms * (i + 10) / 30 for i in range(40)), response_bytes_mean=9e3,
    )  # fmt: skip
    route = Route(path="/", methods=("GET",), endpoint="/", proof=HERE_PROOF, service_time=time)
    taken = Measured(
        boot_s=2.0, memory_mib_worker=90.0, memory_mib_idle=80.0, machine="test",
        proof=Proof(kind="measured", rule="measure", note="200 requests a route"),
    )  # fmt: skip
    web = Component(
        name="web", kind="web", framework="flask", interface="wsgi", entry="wsgi:app",
        command=("run",), port=8000, routes=(route,), measured=taken if measured else None,
        facts=tuple(FACTS[rule] for rule in rules),
        services=(Service(kind="postgresql", required=False, proof=HERE_PROOF),),
    )  # fmt: skip
    return Workload(app="small", source_digest="0", components=(web,))


def design(platform: Platform, replicas_max: int = 4) -> Design:
    region = next((r.id for r in CATALOG.provider(platform.provider).regions), HERE)
    size = next((s for s in platform.sizes if s.memory_mib >= 1024), None)
    scales = platform.capabilities.autoscaling
    return Design(
        platform=platform.id, region=region, size=size.name if size else "own",
        vcpu=size.vcpu if size else 1.0, memory_mib=size.memory_mib if size else 1024,
        replicas_min=0 if platform.kind == "functions" else 2,
        replicas_max=replicas_max if scales else 2, workers=1, threads=8,
        servers=2 if platform.kind == "servers" else 0,
    )  # fmt: skip


def asked_for(w: Workload, demand: Demand | None = None) -> Question:
    return question(w, demand or Demand(traffic=Traffic(requests_per_day=50_000)), CATALOG)


def scored(
    asked: Question,
    assessed: Assessment,
    found: tuple[Recovery, ...] | None = None,
    cheapest: Decimal | None = Decimal(20),
) -> dict[DimensionName, Dimension]:
    if found is None:
        platform = asked.catalog.platform(assessed.design.platform)
        found = recoveries(assessed.design, platform, asked.profile.boot_s)
    return {one.name: one for one in dimensions(asked, assessed, found, cheapest)}


def changed(asked: Question, platform: Platform) -> Question:
    """The question over the same catalogue with one platform replaced."""
    kept = tuple(platform if p.id == platform.id else p for p in asked.catalog.platforms)
    return asked._replace(catalog=replace(asked.catalog, platforms=kept))


@cache
def busy(*rules: str) -> Question:
    return asked_for(workload(*rules), Demand(traffic=Traffic(requests_per_day=20_000_000)))


@cache
def judged(platform_id: str, *rules: str) -> Assessment:
    return assess(busy(*rules), design(CATALOG.platform(platform_id)))


def of_platform(platform: Platform, name: DimensionName, *rules: str) -> float | None:
    asked, base = busy(*rules), judged(platform.id, *rules)
    return scored(changed(asked, platform), base)[name].score


def with_can(platform: Platform, **what: Any) -> Platform:
    can: Capabilities = replace(platform.capabilities, **what)
    return replace(platform, capabilities=can)


@pytest.mark.parametrize("platform_id", PLATFORMS)
@pytest.mark.parametrize("rules", [(), tuple(FACTS)], ids=["plain", "demanding"])
@pytest.mark.parametrize("measured", [True, False], ids=["measured", "unmeasured"])
def test_no_dimension_disappears_and_every_proof_is_there(
    platform_id: str, rules: tuple[str, ...], measured: bool
) -> None:
    asked = asked_for(workload(*rules, measured=measured))
    assessed = assess(asked, design(CATALOG.platform(platform_id)))
    found = scored(asked, assessed)
    assert tuple(found) == tuple(name for name, _ in DIMENSIONS)
    assert set(found) == set(DimensionName.__args__)  # type: ignore[attr-defined]
    for one in found.values():
        assert one.score is None or 0 <= one.score <= 10
        assert one.because
        proof = one.proof
        assert proof.rule == f"dimension.{one.name}"
        if proof.file:
            assert (PACKAGE / proof.file).exists(), proof
        assert proof.note


def test_what_is_not_known_has_no_score() -> None:
    asked = asked_for(workload(measured=False))
    lambda_ = scored(asked, assess(asked, design(CATALOG.platform("aws-lambda"))))
    assert lambda_["long-requests"].score is None
    fargate = assess(asked, design(CATALOG.platform("aws-fargate")))
    assert scored(asked, fargate, ())["disaster-recovery"].score is None
    assert scored(asked, fargate, None, None)["cost"].score is None
    bare = replace(fargate, bill=replace(fargate.bill, monthly_usd=None))
    assert scored(asked, bare)["cost"].score is None
    own = assess(asked, design(CATALOG.platform("this-machine")))
    assert scored(asked, own)["compliance"].score is None


def test_a_request_longer_than_the_limit_scores_nothing() -> None:
    assert of_platform(CATALOG.platform("aws-lambda"), "long-requests", "time.llm-call") == 0
    assert of_platform(CATALOG.platform("aws-fargate"), "long-requests", "time.llm-call") > 5
    assert of_platform(CATALOG.platform("aws-lightsail"), "long-requests", "time.llm-call") == 10


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("up to 40 min", 2400), ("600 s a try", 600), ("4 attempts, at most 12 s between", 12),
     ("250 ms", 0.25), ("in a loop", None), ("", None), ("2 h", 7200)],
)  # fmt: skip
def test_spans_are_read(text: str, seconds: float | None) -> None:
    assert span_s(text) == seconds


class Turn(msgspec.Struct, frozen=True):
    """A dimension, and a change of a platform that must not lower its score."""

    name: DimensionName
    better: Callable[[Platform], Platform]
    rules: tuple[str, ...] = ()


def limit(value: float) -> Sourced:
    return Sourced(value=value, source="test", as_of="2026-11-21")


BETTER = [
    Turn("scalability", lambda p: with_can(p, autoscaling=True)),
    Turn("scalability", lambda p: replace(p, limits=replace(p.limits, replicas_max=None))),
    Turn(
        "long-requests", lambda p: replace(p, limits=replace(p.limits, request_s=None)),
        ("time.llm-call",),
    ),
    Turn(
        "uploads", lambda p: replace(p, limits=replace(p.limits, payload_mib=None)),
        ("upload.accepted",),
    ),
    Turn("uploads", lambda p: with_can(p, persistent_disk=True), ("upload.accepted",)),
    Turn("sessions", lambda p: with_can(p, sticky_sessions=True), ("state.session-memory",)),
    Turn("stability", lambda p: replace(
        with_can(p, zones=3), failure=replace(p.failure, zone_loss="survives"))),
    Turn("operations", lambda p: with_can(p, patching="provider")),
    Turn("operations", lambda p: with_can(p, managed_database=True)),
    Turn("operations", lambda p: with_can(p, autoscaling=True)),
    Turn("debugging", lambda p: with_can(p, shell=True)),
    Turn("debugging", lambda p: replace(p, bundled=True)),
    Turn("multi-region", lambda p: with_can(p, multi_region="built-in")),
    Turn("portability", lambda p: with_can(p, portability="kubernetes")),
    Turn("future", lambda p: replace(p, status="available")),
    Turn("future", lambda p: with_can(p, arm=True)),
    Turn("future", lambda p: with_can(p, gpu=True)),
]  # fmt: skip


@pytest.mark.parametrize("platform_id", PLATFORMS)
def test_a_better_fact_never_lowers_its_score(platform_id: str) -> None:
    before = CATALOG.platform(platform_id)
    for turn in BETTER:
        was = of_platform(before, turn.name, *turn.rules)
        now = of_platform(turn.better(before), turn.name, *turn.rules)
        assert now is not None
        assert was is None or now >= was, turn.name


def test_each_of_these_facts_counts_somewhere() -> None:
    for turn in BETTER:
        moved = [
            p.id for p in CATALOG.platforms
            if of_platform(turn.better(p), turn.name, *turn.rules)
            != of_platform(p, turn.name, *turn.rules)
        ]  # fmt: skip
        assert moved, turn.name


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 1e5), st.floats(1, 1e5), st.sampled_from(PLATFORMS))
def test_limits_and_starts_are_monotonic(one: float, other: float, platform_id: str) -> None:
    low, high = sorted((one, other))
    platform = CATALOG.platform(platform_id)

    def with_limits(value: float) -> Platform:
        limits = replace(
            platform.limits, request_s=limit(value), payload_mib=limit(value),
            replicas_max=limit(round(value)),
        )  # fmt: skip
        return replace(platform, limits=limits)

    for name in ("long-requests", "uploads", "scalability"):
        less = of_platform(with_limits(low), name, *FACTS)
        more = of_platform(with_limits(high), name, *FACTS)
        assert less is not None and more is not None and less <= more
    scaling = [
        replace(platform, scaling=replace(platform.scaling, start_s=limit(t))) for t in (low, high)
    ]
    fast, slow = (of_platform(p, "cold-start") for p in scaling)
    assert fast is not None and slow is not None and fast >= slow


@settings(max_examples=40, deadline=None)
@given(st.floats(90, 99.999), st.floats(90, 99.999))
def test_stability_follows_the_agreement(one: float, other: float) -> None:
    asked = asked_for(workload())
    base = assess(asked, design(CATALOG.platform("aws-fargate")))

    def at(level: float) -> float:
        promise: Promise = replace(base.promise, availability_percent=level)
        score = scored(asked, replace(base, promise=promise))["stability"].score
        assert score is not None
        return score

    low, high = sorted((one, other))
    assert at(low) <= at(high)


@settings(max_examples=40, deadline=None)
@given(st.decimals(1, 10_000, places=2), st.decimals(1, 10_000, places=2))
def test_a_higher_bill_never_scores_better(one: Decimal, other: Decimal) -> None:
    asked = asked_for(workload())
    base = assess(asked, design(CATALOG.platform("aws-fargate")))

    def at(paid: Decimal) -> float:
        bill: Bill = replace(base.bill, monthly_usd=paid)
        score = scored(asked, replace(base, bill=bill))["cost"].score
        assert score is not None
        return score

    cheap, dear = sorted((one, other))
    assert at(cheap) >= at(dear)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1e6), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_disaster_recovery_follows_its_times(one: float, other: float, rpo: float | None) -> None:
    asked = asked_for(workload())
    base = assess(asked, design(CATALOG.platform("aws-fargate")))
    region = Recovery(name="region loss", rto_s=3600.0, rpo_s=0.0, how="")

    def at(rto: float, rpo: float | None) -> float:
        zone = Recovery(name="zone loss", rto_s=rto, rpo_s=rpo, how="")
        score = scored(asked, base, (zone, region))["disaster-recovery"].score
        assert score is not None
        return score

    low, high = sorted((one, other))
    assert at(low, rpo) >= at(high, rpo)
    assert at(low, 0.0) >= at(low, rpo) >= at(low, None)


def test_traffic_services_parts_and_programmes_count() -> None:
    fargate = CATALOG.platform("aws-fargate")
    lightsail = CATALOG.platform("aws-lightsail")
    quiet = asked_for(workload())
    event = Event(hour=10, duration_h=2, factor=500)
    stormy = asked_for(
        workload(), Demand(traffic=Traffic(requests_per_day=500_000, events=(event,)))
    )
    small = design(lightsail)
    now = scored(quiet, assess(quiet, small))["scalability"].score
    then = scored(stormy, assess(stormy, small))["scalability"].score
    assert now is not None and then is not None and now > then

    plain = design(fargate)
    table = replace(plain, services=(Attached(kind="key-value"),))
    for name in ("deployment", "portability"):
        before = scored(quiet, assess(quiet, plain))[name].score
        after = scored(quiet, assess(quiet, table))[name].score
        assert before is not None and after is not None and before > after
    assert of_platform(with_can(fargate, compliance=("SOC 2",)), "compliance") < of_platform(
        fargate, "compliance"
    )  # type: ignore[operator]
    assert of_platform(fargate, "sessions", "state.session-memory") < of_platform(
        fargate, "sessions"
    )  # type: ignore[operator]


def test_compliance_asks_for_what_was_asked() -> None:
    wanted = Demand(compliance=Compliance(standards=("hipaa",), residency=("eu",)))
    asked = asked_for(workload(), wanted)
    ocean = scored(asked, assess(asked, design(CATALOG.platform("do-app-platform"))))
    assert ocean["compliance"].score is not None and ocean["compliance"].score < 8
    here = design(CATALOG.platform("aws-fargate"))
    away = scored(asked, assess(asked, replace(here, region="us-east-1")))["compliance"]
    kept = scored(asked, assess(asked, replace(here, region="eu-west-1")))["compliance"]
    assert (away.score, kept.score) == (8, 10)


def test_winners_are_the_best_and_nobody_where_nothing_is_known() -> None:
    asked = asked_for(workload())
    all_of_it = {
        p.id: tuple(scored(asked, assess(asked, design(p)), (), None).values())
        for p in CATALOG.platforms
    }
    best = winners(all_of_it)
    assert tuple(best) == tuple(name for name, _ in DIMENSIONS)
    assert best["cost"] == () and best["disaster-recovery"] == ()
    for name, ids in best.items():
        scores = {key: one.score for key, many in all_of_it.items() for one in many
                  if one.name == name and one.score is not None}  # fmt: skip
        assert {key for key, score in scores.items() if score == max(scores.values())} == set(ids)


def test_the_rules_are_written_down(golden: Callable[[Path, str], None]) -> None:
    text = (
        "# The fifteen dimensions\n\nEvery design is scored from 0 to 10 in each, by a rule from "
        "facts of the catalogue, of the app and\nof the bill; scores are rounded to one decimal "
        "and kept within 0 and 10. A score is missing where\na fact is. Written from the code by "
        "`make golden`.\n"
    )
    for name, rule in DIMENSIONS:
        text += f"\n## {name}\n\n{inspect.cleandoc(rule.__doc__ or '')}\n"
    golden(DOCS / "dimensions.md", text)


def test_scores_are_those_of_the_rules() -> None:
    """Worked by hand from docs/dimensions.md."""
    asked = asked_for(workload())
    fargate = CATALOG.platform("aws-fargate")
    base = assess(asked, design(fargate))
    half = replace(base, bill=replace(base.bill, monthly_usd=Decimal(40)))
    assert scored(asked, half)["cost"].score == 5.0  # 20 of 40

    slow = ("time.llm-call",)  # 40 min
    for seconds, score in ((1200, 0.0), (2400, 5.0), (2400 * 10**0.5, 7.5), (24_000, 10.0)):
        limits = replace(fargate.limits, request_s=limit(seconds))
        assert of_platform(replace(fargate, limits=limits), "long-requests", *slow) == score

    # 1 s and 2 s of boot before the first answer; 40 s and 2 s for one more replica
    lambda_ = CATALOG.platform("aws-lambda")
    assert scored(asked, assess(asked, design(lambda_)))["cold-start"].score == 2.5
    assert scored(asked, base)["cold-start"].score == round(5 + 5 / 1.7, 1)
    fixed = assess(asked, replace(design(fargate), replicas_max=2))
    assert scored(asked, fixed)["cold-start"].score == 10

    hour = Recovery(name="zone loss", rto_s=3600.0, rpo_s=300.0, how="")
    region = replace(hour, name="region loss")
    assert scored(asked, base, (hour, region))["disaster-recovery"].score == 5.0
    gone = replace(hour, rpo_s=None)
    assert scored(asked, base, (gone, region))["disaster-recovery"].score == 4.0

    agreed = replace(base, promise=replace(base.promise, availability_percent=99.9))
    assert scored(asked, agreed)["stability"].score == 7.6  # 3 nines, two zones, one to spare
    lone = replace(agreed, design=replace(base.design, replicas_min=1))
    assert scored(asked, lone)["stability"].score == 6.6

    kept = asked_for(workload("state.session-memory"))
    bare = kept._replace(catalog=replace(kept.catalog, services=()))
    rigid = with_can(fargate, sticky_sessions=False)
    assert scored(changed(bare, rigid), base)["sessions"].score == 0
    assert scored(changed(kept, rigid), base)["sessions"].score == 4
    assert scored(kept, base)["sessions"].score == 6
    single = replace(base, design=replace(base.design, replicas_min=1, replicas_max=1))
    assert scored(kept, single)["sessions"].score == 8

    lightsail = assess(asked, design(CATALOG.platform("aws-lightsail")))
    growing = asked._replace(demand=Demand(traffic=Traffic(growth_year=100.0)))
    now, later = (scored(a, lightsail)["future"].score for a in (asked, growing))
    assert now is not None and later is not None and now - later == 3
