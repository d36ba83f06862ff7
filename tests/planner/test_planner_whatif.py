"""What if: answers around a decision are exact on the designs they are asked of."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from planner_cases import CATALOG, HERE, SOURCE
from planner_cases import workload as small_app

from seatrial.assessor.assess import assess, question
from seatrial.assessor.outlook import Term, years
from seatrial.assessor.price import price
from seatrial.assessor.usage import usage_of
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Budget, Demand, Preferences, Slo, Traffic
from seatrial.kernel.design import Database, Design
from seatrial.kernel.values import to_json
from seatrial.kernel.workload import (
    Fact,
    Proof,
    Service,
    Workload,
)
from seatrial.planner.search import Found, key_of
from seatrial.planner.whatif import WhatIf, whatif
from seatrial.planner.whatif.bench import Bench
from seatrial.planner.whatif.changed import asking, scaled, with_traffic
from seatrial.planner.whatif.changes import changes, migration
from seatrial.planner.whatif.curves import users_of
from seatrial.planner.whatif.figures import first_true, round_numbers
from seatrial.planner.whatif.phases import month_of

LATENCY = "[slo] latency_ms_p95"


def workload(mean_ms: float = 40.0, facts: tuple[Fact, ...] = ()) -> Workload:
    """An app with one route and PostgreSQL only."""
    made = small_app(mean_ms, facts=facts)
    web = replace(made.web, routes=made.web.routes[:1], services=made.web.services[1:])
    return replace(made, components=(web,))


def design(platform: str, size: str, replicas: int, multi_az: bool = False) -> Design:
    bought = next(s for s in CATALOG.platform(platform).sizes if s.name == size)
    return Design(
        platform=platform, region="us-east-1", size=size, vcpu=bought.vcpu,
        memory_mib=bought.memory_mib, replicas_min=replicas, replicas_max=replicas,
        workers=max(1, int(bought.vcpu)), threads=8,
        servers=replicas if platform == "aws-ecs-ec2" else 0,
        database=Database(instance="db.t4g.small", multi_az=multi_az),
    )  # fmt: skip


DESIGNS = tuple(
    design(platform, size, replicas, multi_az)
    for platform, size in (
        ("aws-fargate", "0.25vcpu-1gb"), ("aws-fargate", "1vcpu-2gb"), ("aws-fargate", "4vcpu-8gb"),
        ("aws-ecs-ec2", "t3.micro"), ("aws-ecs-ec2", "t3.medium"), ("aws-ecs-ec2", "m6a.xlarge"),
    )
    for replicas in (1, 2, 4)
    for multi_az in (False, True)
)  # fmt: skip


def found(
    demand: Demand, app: Workload | None = None, designs: tuple[Design, ...] = DESIGNS
) -> Found:
    asked = question(app or workload(), demand, CATALOG)
    made = [assess(asked, one) for one in designs]
    good = sorted((a for a in made if not a.violations), key=key_of(asked))
    return Found(
        asked=asked, considered=len(made), feasible=len(good), best=tuple(good[:40]),
        buildable=None, platforms=(), rejected=(), front=(), envelope=designs,
    )  # fmt: skip


def demand(requests: float = 200_000, **slo: float) -> Demand:
    return Demand(traffic=Traffic(requests_per_day=requests, growth_year=3.0), slo=Slo(**slo))


def winner(made: Found, under: Demand) -> Assessment | None:
    asked = asking(made.asked, under)
    good = [a for one in made.envelope if not (a := assess(asked, one)).violations]
    return min(good, key=key_of(asked), default=None)


@cache
def usual_found() -> Found:
    return found(demand(availability_percent=99.0))


@cache
def usual() -> WhatIf:
    return whatif(usual_found(), usual_found().best[0], HERE)


@settings(max_examples=12, deadline=None)
@given(requests=st.floats(10, 3e7), p95=st.floats(20, 2000), rate=st.none() | st.integers(1, 300))
def test_the_bench_finds_what_assessing_everything_finds(
    requests: float, p95: float, rate: int | None
) -> None:
    base = replace(
        demand(requests, latency_ms_p95=p95, availability_percent=99.0),
        budget=Budget(ops_usd_hour=None if rate is None else Decimal(rate)),
    )
    made = found(base)
    bench = Bench(made.asked, DESIGNS)
    for times in (1.0, 5.0, 0.2):
        under = with_traffic(base, requests * times)
        told, exact = bench.best(requests * times), winner(made, under)
        assert told == exact
        for one in DESIGNS[::7]:
            assert bench.assessed(one, requests * times) == assess(asking(made.asked, under), one)


@settings(max_examples=8, deadline=None)
@given(requests=st.floats(1e4, 5e6), p95=st.integers(2, 60), budget=st.integers(1, 120))
def test_a_relaxed_value_is_enough_and_one_unit_less_is_not(
    requests: float, p95: int, budget: int
) -> None:
    asked = replace(
        demand(requests, latency_ms_p95=float(p95), latency_ms_p99=5000.0,
               availability_percent=99.0),
        budget=Budget(cost_usd_month=Decimal(budget)),
    )  # fmt: skip
    made = found(asked)
    if made.best:
        return
    told = {r.key: r for r in whatif(made, None, HERE).relaxations}
    if LATENCY in told:
        value = float(told[LATENCY].needed)
        for less, feasible in ((0.0, True), (1.0, False)):
            slo = replace(asked.slo, latency_ms_p95=value - less)
            assert (winner(made, replace(asked, slo=slo)) is not None) is feasible
    free = winner(made, replace(asked, budget=Budget()))
    key = "[budget] cost_usd_month"
    assert (key in told) is (free is not None)
    if free is not None:
        assert told[key].design == free.design.id
        for less, feasible in ((Decimal(0), True), (Decimal("0.01"), False)):
            limit = Budget(cost_usd_month=Decimal(told[key].needed) - less)
            assert (winner(made, replace(asked, budget=limit)) is not None) is feasible


def test_a_lower_availability_is_told_to_the_fourth_digit() -> None:
    asked = demand(availability_percent=99.999)
    made = found(asked)
    told = {r.key: r for r in whatif(made, None, HERE).relaxations}["[slo] availability_percent"]
    for more, feasible in ((0.0, True), (0.0001, False)):
        slo = replace(asked.slo, availability_percent=round(float(told.needed) + more, 4))
        assert (winner(made, replace(asked, slo=slo)) is not None) is feasible


def test_a_fact_of_the_app_that_blocks_is_a_relaxation_with_its_fix() -> None:
    bare = tuple(replace(one, database=None) for one in DESIGNS)
    app = workload()
    web = replace(app.web, services=(Service(kind="sqlite", proof=SOURCE),))
    made = found(demand(availability_percent=99.0), replace(app, components=(web,)), bare)
    assert not made.best
    told = {r.key: r for r in whatif(made, None, HERE).relaxations}
    assert "app/db.py:12" in told["state.local-database"].asked
    assert told["state.local-database"].needed


@settings(max_examples=4, deadline=None)
@given(requests=st.floats(5e4, 2e6), mean_ms=st.floats(5, 80))
def test_on_one_side_of_a_flip_the_old_choice_on_the_other_the_new(
    requests: float, mean_ms: float
) -> None:
    asked = demand(round(requests), latency_ms_p95=400.0, availability_percent=99.0)
    made = found(asked, workload(mean_ms))
    if not made.best:
        return
    chosen = made.best[0]
    flips = {f.assumption: f for f in whatif(made, chosen, HERE).flips}
    for side in ("looser", "tighter"):
        flip = flips[f"a {side} p95 target"]
        value = Decimal("400") if flip.value is None else Decimal(flip.value.split()[0])
        reach = round_numbers(Decimal(40), Decimal(4000))
        ahead = [n for n in reach if n >= 400] if side == "looser" else [
            n for n in reversed(reach) if n <= 400
        ]  # fmt: skip
        before = ahead if flip.value is None else ahead[: ahead.index(value)]
        for target in {before[-1]} if before else ():
            told = winner(
                made, replace(asked, slo=replace(asked.slo, latency_ms_p95=float(target)))
            )
            assert told is not None
            assert told.design.id == chosen.design.id
        if flip.value is not None:
            slo = replace(asked.slo, latency_ms_p95=float(value))
            told = winner(made, replace(asked, slo=slo))
            assert (told.design.id if told else "no design") == flip.to != chosen.design.id
    price_flip = flips[f"prices of {chosen.design.platform}"]
    other = next((a for a in made.best if a.design.platform != chosen.design.platform), None)
    if price_flip.value is not None and price_flip.monthly_usd is not None:
        assert other is not None
        factor = 1 + Decimal(price_flip.value.strip("+ %")) / 100
        assert chosen.bill.monthly_usd is not None
        assert chosen.bill.monthly_usd * factor >= price_flip.monthly_usd


def test_traffic_flips_where_the_best_design_changes() -> None:
    asked, made, chosen = usual_found().asked.demand, usual_found(), usual_found().best[0]
    flip = next(
        f for f in usual().flips
        if f.assumption == "more requests a day, another design"
    )  # fmt: skip
    assert flip.value is not None
    value = Decimal(flip.value.split()[0].replace(",", ""))
    steps = round_numbers(Decimal(200_000), Decimal(2_000_000))
    before = steps[steps.index(value) - 1]
    old, new = (winner(made, with_traffic(asked, float(n))) for n in (before, value))
    assert old is not None
    assert old.design.id == chosen.design.id
    assert new is not None
    assert new.design.id == flip.to
    assert new.bill.monthly_usd == flip.monthly_usd


def test_savings_are_differences_of_two_bills() -> None:
    made, told = usual_found(), usual().savings
    chosen = made.best[0]
    assert {"commitment", "logs"} & {saving.kind for saving in told}
    assert [s.saving_usd_month for s in told] == sorted(
        (s.saving_usd_month for s in told), reverse=True
    )
    platform = CATALOG.platform(chosen.design.platform)
    for saving in told:
        assert saving.against
        assert saving.proof.note
        if saving.kind not in ("commitment", "spot"):
            continue
        terms = saving.design.rpartition("/")[2]
        changed = replace(chosen.design, commitment=terms)
        assert changed.id == saving.design
        usage = usage_of(
            made.asked.workload, made.asked.demand, made.asked.profile, changed, platform
        )
        bill = price(changed, platform, made.asked.book, usage)
        assert bill.monthly_usd is not None
        assert chosen.bill.monthly_usd is not None
        assert saving.saving_usd_month == chosen.bill.monthly_usd - bill.monthly_usd > 0


def test_three_years_are_the_sum_of_their_years() -> None:
    traffic = Traffic(requests_per_day=200_000, daily_users=1000.0, growth_year=2.0)
    made = found(Demand(traffic=traffic, slo=Slo(availability_percent=99.0)))
    chosen = made.best[0]
    (told,) = [
        y for y in whatif(made, chosen, HERE).years if y.design == chosen.design.id
    ]  # fmt: skip
    platform = CATALOG.platform(chosen.design.platform)
    usage = usage_of(
        made.asked.workload, made.asked.demand, made.asked.profile, chosen.design, platform
    )
    term = Term(years=3, growth=Decimal("2.0"))
    assert told.years == years(chosen.design, platform, made.asked.book, usage, term)
    assert told.total_usd == sum(y.total_usd for y in told.years if y.total_usd is not None)
    assert told.total_usd is not None
    assert told.usd_user_month == pytest.approx(told.total_usd / 12 / 7 / 1000, abs=Decimal("1e-6"))


def test_phases_ascend_and_each_design_carries_its_phase() -> None:
    asked, made, told = usual_found().asked.demand, usual_found(), usual().phases
    assert [p.name for p in told] == ["start", "growth", "scale"][: len(told)]
    assert len(told) >= 2
    assert told[0].design == made.best[0].design.id
    assert (told[0].month, told[0].when, told[-1].until_rps) == (0, "now", None)
    for phase, following in pairwise(told):
        assert phase.month < following.month
        assert phase.until_rps == following.peak_rps > phase.peak_rps
        assert following.migration
        assert month_of(made.asked, asked.traffic.requests_per_day) == 0


def test_without_growth_phases_are_told_by_traffic() -> None:
    asked = demand(availability_percent=99.0)
    made = found(replace(asked, traffic=replace(asked.traffic, growth_year=1.0)))
    told = whatif(made, made.best[0], HERE).phases
    assert all(phase.month == 0 for phase in told)
    assert all(phase.when.startswith("when traffic reaches") for phase in told[1:])


def test_code_changes_carry_their_place_and_come_once() -> None:
    facts = (
        Fact(rule="state.session-memory", subject="session", proof=Proof(
            kind="source", rule="state.session-memory", file="app/login.py", line=7)),
        Fact(rule="state.upload-folder", subject="uploads", proof=Proof(
            kind="source", rule="state.upload-folder", file="app/files.py", line=9)),
    )  # fmt: skip
    made = found(demand(availability_percent=99.0), workload(facts=facts))
    one, two = design("aws-fargate", "1vcpu-2gb", 1), design("aws-fargate", "1vcpu-2gb", 2)
    told = changes(made.asked, two)
    assert [str(c.proof) for c in told] == ["app/login.py:7", "app/files.py:9"]
    assert "Redis" in told[0].what
    assert "object storage" in told[1].what
    steps = migration(made.asked, one, replace(two, platform="aws-ecs-ec2", size="t3.medium"))
    assert any("shift traffic" in step for step in steps)


def test_every_situation_is_answered_and_says_why() -> None:
    told = usual().scenarios
    names = ["prototype", "small", "growing", "large", "variable", "dev/test"]
    assert [s.name for s in told] == names
    assert all(s.demand and s.why for s in told)
    costs = {s.name: s.monthly_usd for s in told}
    assert costs["dev/test"] is not None
    assert costs["prototype"] is not None
    assert costs["small"] is not None
    assert costs["growing"] is not None
    assert costs["dev/test"] <= costs["prototype"] <= costs["small"] <= costs["growing"]


def test_curves_cross_where_they_say() -> None:
    told = usual()
    assert told.break_even
    for curve in told.break_even:
        signs = [
            one <= other for one, other in (p.monthly_usd for p in curve.points)
            if one is not None and other is not None
        ]  # fmt: skip
        swaps = sum(a != b for a, b in pairwise(signs))
        if all(None not in p.monthly_usd for p in curve.points):
            assert len(curve.crossings) == swaps
    assert told.cheapest[0].platform
    begins = [c.requests_per_day for c in told.cheapest]
    assert begins == sorted(begins)
    for this, following in pairwise(told.cheapest):
        assert this.platform != following.platform
    assert users_of(Traffic(requests_per_day=100.0, daily_users=10.0), 200.0) == 20


def test_commitments_that_are_not_allowed_are_a_flip() -> None:
    base = demand(1_000_000, availability_percent=99.0)
    bare = tuple(replace(d, database=None) for d in DESIGNS)
    made = found(base, designs=bare)
    flip = next(
        f for f in whatif(made, made.best[0], HERE).flips if f.assumption == "any commitment"
    )
    assert flip.value
    allowed = replace(base, preferences=Preferences(commitments=(flip.value,)))
    one = next(d for d in bare if replace(d, commitment=flip.value).id == flip.to)
    made_with = assess(asking(made.asked, allowed), replace(one, commitment=flip.value))
    assert made_with.bill.monthly_usd == flip.monthly_usd
    assert not made_with.violations


def test_reserved_servers_beside_containers_are_a_figure() -> None:
    bare = tuple(replace(d, database=None) for d in DESIGNS)
    made = found(demand(availability_percent=99.0), designs=bare)
    told = whatif(made, made.best[0], HERE).break_even
    beside = next(curve for curve in told if "-1y-" in curve.platforms[1])
    assert beside.platforms[0] == "aws-fargate"
    assert beside.crossings[-1].cheaper == beside.platforms[1]
    costs = {p.daily_users: p.monthly_usd for p in beside.points}
    last = costs[max(costs)]
    assert None not in last
    assert last[1] < last[0]


def test_same_arguments_same_bytes() -> None:
    base = demand(availability_percent=99.0)
    made = found(base)
    first, second = usual(), whatif(made, made.best[0], HERE)
    assert [to_json(part) for part in first] == [to_json(part) for part in second]


def test_designs_before_the_chosen_one_are_not_offered_again() -> None:
    made = found(demand(availability_percent=99.0))
    chosen = made.best[1]
    told = whatif(made, chosen, HERE)
    assert told.phases[0].design == chosen.design.id
    assert made.best[0].design.id not in {flip.to for flip in told.flips}


@given(low=st.decimals("0.1", "1e6", places=2), more=st.decimals("1", "100", places=1))
def test_round_numbers_have_two_digits_and_ascend(low: Decimal, more: Decimal) -> None:
    steps = round_numbers(low, low * more)
    assert steps == sorted(set(steps))
    assert all(low <= step <= low * more for step in steps)
    assert all(len(step.normalize().as_tuple().digits) <= 2 for step in steps)


@given(st.integers(0, 50), st.integers(1, 50))
def test_the_first_of_those_that_hold_is_found(at: int, length: int) -> None:
    values = [Decimal(n) for n in range(length)]
    assert first_true(values, lambda v: v >= at) == (at if at < length else None)


def test_scaling_out_keeps_headroom_and_servers_in_step() -> None:
    wide = scaled(replace(design("aws-ecs-ec2", "t3.medium", 2), replicas_max=6), 5)
    assert (wide.replicas_min, wide.replicas_max, wide.servers) == (5, 15, 5)
