"""The search: equal to judging every design by itself, complete, and monotone."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from planner_cases import (
    CATALOG,
    HERE,
    demand,
    small_catalog,
    some_demand,
    some_workload,
    workload,
)

from seatrial.assessor.assess import Question, assess, case_of, question
from seatrial.assessor.columns import ColumnsOf
from seatrial.assessor.rules import GATES, found_by
from seatrial.assessor.search import blocks
from seatrial.assessor.space import Space
from seatrial.assessor.tables import tables
from seatrial.assessor.usage import usage_of
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Event, Preferences, Slo
from seatrial.kernel.platform import Catalog
from seatrial.planner.masks import NO_BILL, NO_PROMISE, codes, gates, loads, masks, named
from seatrial.planner.search import Found, key_of, search
from seatrial.planner.spaces import spaces

SMALL = settings(max_examples=200, deadline=None)


def every(asked: Question) -> list[Assessment]:
    """All designs of the catalogue, each judged by itself.

    Those behind a shut gate, which are most, have no bill: nobody asks for it.
    """
    found = []
    for space in spaces(asked, HERE):
        for index in itertools.product(*map(range, space.axes)):
            design = space.design(index)
            shut = found_by(case_of(asked, design, space.platform, NO_BILL, NO_PROMISE), GATES)
            told = Assessment(design=design, bill=NO_BILL, promise=NO_PROMISE, findings=shut)
            found.append(told if told.violations else assess(asked, design))
    return found


def violated(told: Assessment) -> tuple[str, ...]:
    return tuple(finding.rule for finding in told.violations)


def best_usd(found: Found) -> Decimal | None:
    return found.best[0].bill.monthly_usd if found.best else None


@SMALL
@given(seed=st.integers(0, 2**32))
def test_the_best_is_the_best_of_all_judged_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    asked = question(some_workload(chance), some_demand(chance), small_catalog(chance))
    found, told = search(asked, HERE), every(asked)
    good = sorted((one for one in told if not one.violations), key=key_of(asked))
    assert found.considered == len(told)
    assert found.feasible == len(good)
    assert found.best[:1] == tuple(good[:1])
    groups: dict[tuple[str, tuple[str, ...]], list[Assessment]] = {}
    for one in told:
        if one.violations:
            groups.setdefault((one.design.platform, violated(one)), []).append(one)
    assert {(r.platform, r.rules): r.count for r in found.rejected} == {
        key: len(some) for key, some in groups.items()
    }
    for line in found.rejected:
        some = groups[line.platform, line.rules]
        assert set(line.regions) == {one.design.region for one in some}
        assert line.nearest in {one.design.id for one in some}
    assert_front(asked, found, good)


def assert_front(asked: Question, found: Found, good: list[Assessment]) -> None:
    """Nothing beats a point of the front, and every design is beaten by one or equals one."""
    points = [
        (p.monthly_usd, p.latency_ms_p95, -(p.availability_percent or 0), p.rto_s, hours_or(
            p.ops_hours_month)) for p in found.front
    ]  # fmt: skip
    for one in points:
        assert sum(all(a <= b for a, b in zip(other, one, strict=True)) for other in points) == 1
    for told in good:
        values = (
            told.bill.monthly_usd, told.promise.latency_ms_p95,
            -(told.promise.availability_percent or 0),
        )  # fmt: skip
        assert any(
            all(a <= b for a, b in zip(point, values, strict=False))
            for point in points  # type: ignore[operator]
        )


def hours_or(hours: float | None) -> float:
    return float("inf") if hours is None else hours


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_masks_and_totals_say_what_one_design_is_told(seed: int) -> None:
    chance = random.Random(seed)
    asked = question(some_workload(chance), some_demand(chance), CATALOG)
    space = chance.choice(list(spaces(asked, HERE)))
    for index in [tuple(chance.randrange(n) for n in space.axes) for _ in range(20)]:
        told = assess(asked, space.design(index))
        shut = gates(space, asked)
        if shut:
            assert violated(told) == shut
            continue
        totals, rules = judged(space, asked)
        monthly = told.bill.monthly_usd
        assert violated(told) == rules(index)
        assert monthly is None or int(totals[index]) == int(monthly.scaleb(6))


def judged(space: Space, asked: Question):  # type: ignore[no-untyped-def]
    if getattr(judged, "at", None) != (space, id(asked)):
        made = tables(
            space, asked.book,
            lambda d: usage_of(asked.workload, asked.demand, asked.profile, d, space.platform),
            ColumnsOf(space, asked.workload, asked.demand, asked.profile),
        )  # fmt: skip
        totals = next(blocks(made)).micro_usd
        found = masks(space, asked, loads(space, asked), totals)
        bits = codes(found, space.axes)
        judged.at = (space, id(asked))  # type: ignore[attr-defined]
        judged.told = totals, lambda index: named(int(bits[index]), found)  # type: ignore[attr-defined]
    return judged.told  # type: ignore[attr-defined]


@SMALL
@given(seed=st.integers(0, 2**32))
def test_a_constraint_never_lowers_and_traffic_never_lowers_the_best_cost(seed: int) -> None:
    chance = random.Random(seed)
    w, d, catalog = some_workload(chance), some_demand(chance), small_catalog(chance)
    found = search(question(w, d, catalog), HERE)
    base = best_usd(found)
    stricter = chance.choice([
        replace(d, slo=replace(d.slo, latency_ms_p95=d.slo.latency_ms_p95 * 0.7)),
        replace(d, slo=replace(d.slo, availability_percent=99.99)),
        replace(d, budget=replace(d.budget, cost_usd_month=min(
            Decimal(chance.randrange(10, 300)), d.budget.cost_usd_month or Decimal(300)
        ))),
        replace(d, recovery=replace(d.recovery, rto_s=200.0)),
        replace(d, recovery=replace(d.recovery, rpo_s=0.0)),
        replace(d, compliance=replace(
            d.compliance, standards=(*d.compliance.standards, "hipaa")
        )),
        # Ireland is within what the others allow, but not in the United States.
        replace(d, compliance=replace(
            d.compliance, residency=("us",) if d.compliance.residency == ("us",) else ("IE",)
        )),
        replace(d, preferences=replace(
            d.preferences, without=(*d.preferences.without, "p0")
        )),
    ])  # fmt: skip
    more = chance.uniform(1.01, 5)
    busier = replace(
        d, traffic=replace(d.traffic, requests_per_day=d.traffic.requests_per_day * more)
    )
    for asked_more in (stricter, busier):
        worse = best_usd(search(question(w, asked_more, catalog), HERE))
        assert worse is None or (base is not None and worse >= base)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_cheaper_price_never_ranks_a_design_lower(seed: int) -> None:
    chance = random.Random(seed)
    w, d, catalog = some_workload(chance), some_demand(chance), small_catalog(chance)
    asked = question(w, d, catalog)
    good = sorted((one for one in every(asked) if not one.violations), key=key_of(asked))
    if not good:
        return
    lucky = chance.choice(good)
    ours = {line.sku for line in lucky.bill.lines if f"{lucky.design.size}" in line.sku}
    rows = tuple(
        replace(row, price_usd=row.price_usd / 2) if row.sku in ours else row
        for row in catalog.prices
    )
    cheaper = question(w, d, replace(catalog, prices=rows))
    again = sorted((one for one in every(cheaper) if not one.violations), key=key_of(cheaper))
    names = [one.design.id for one in good]
    alike = {
        one.design.id for one in good if any(line.sku in ours for line in one.bill.lines)
    }  # the price is theirs too
    before = [n for n in names[: names.index(lucky.design.id)] if n not in alike]
    after = [one.design.id for one in again]
    place = after.index(lucky.design.id)
    assert len([n for n in after[:place] if n not in alike]) <= len(before)


@cache
def usual() -> Found:
    """What is found for the usual app in the whole catalogue."""
    return search(question(workload(), demand(), CATALOG), HERE)


def test_nothing_of_the_catalogue_disappears() -> None:
    found = usual()
    assert found.considered >= 100_000
    assert found.considered == found.feasible + sum(r.count for r in found.rejected)
    assert {v.platform for v in found.platforms} == {p.id for p in CATALOG.platforms}
    for verdict in found.platforms:
        rejected = sum(r.count for r in found.rejected if r.platform == verdict.platform)
        assert verdict.considered == verdict.feasible + rejected > 0
        assert (verdict.best is None) == (verdict.feasible == 0)
        if verdict.best is None:
            assert verdict.nearest is not None and verdict.reasons
            assert all(r.proof.file or r.proof.note for r in verdict.reasons)
    assert {region.id for p in CATALOG.providers for region in p.regions if p.id == "aws"} <= {
        region for r in found.rejected for region in r.regions
    }
    assert len({d.id for d in found.envelope}) == len(found.envelope) <= 150


def test_ids_are_unique_in_every_space() -> None:
    w = workload()
    slow = replace(w, components=(replace(w.web, routes=tuple(
        replace(r, service_time=replace(r.service_time, cpu_ms_mean=0.5))  # type: ignore[type-var]
        for r in w.web.routes)),))  # fmt: skip
    for space in spaces(question(slow, demand(), CATALOG), HERE):
        if space.region in ("us-east-1", "eastus", "nyc"):
            every_index = itertools.product(*map(range, space.axes))
            names = {space.design(index).id for index in every_index}
            assert len(names) == space.cells


def test_weights_change_the_order() -> None:
    d = replace(demand(), preferences=Preferences(weights={"operations": 1.0}))
    asked = question(workload(), d, CATALOG)
    found = search(asked, HERE)
    assert found.best[0].design.id != usual().best[0].design.id


def test_an_event_decides_the_peak() -> None:
    d = demand()
    races = replace(
        d, traffic=replace(d.traffic, events=(Event(hour=138, duration_h=2, factor=20),))
    )
    calm = usual().best[0]
    found = search(question(workload(), races, CATALOG), HERE).best[0]
    assert found.promise.rate_rps > 5 * calm.promise.rate_rps
    assert found.promise.capacity_rps > found.promise.rate_rps
    assert (found.bill.monthly_usd or 0) > (calm.bill.monthly_usd or 0)


@pytest.mark.parametrize("slo", [Slo(latency_ms_p95=1e-3), Slo(availability_percent=100.0)])
def test_nothing_feasible_is_told_for_every_platform(slo: Slo) -> None:
    found = search(question(workload(), replace(demand(), slo=slo), CATALOG), HERE)
    assert found.feasible == 0 and not found.best and not found.front
    assert all(v.nearest is not None and v.reasons for v in found.platforms)


def test_without_a_price_a_design_is_rejected_and_not_free() -> None:
    rows = tuple(row for row in CATALOG.prices if row.provider != "digitalocean")
    catalog: Catalog = replace(CATALOG, prices=rows)
    found = search(question(workload(), demand(), catalog), HERE)
    verdict = next(v for v in found.platforms if v.platform == "do-app-platform")
    assert verdict.feasible == 0 and "price.known" in {r.rule for r in verdict.reasons}
