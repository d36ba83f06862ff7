"""A standby in a second region: planned when the loss of a region may not last, and billed."""

from __future__ import annotations

import random
from decimal import Decimal
from functools import cache

import pytest
from msgspec.structs import replace
from planner_cases import CATALOG, HERE, SOURCE, demand, workload

from seatrial.assessor.assess import Question, assess, question
from seatrial.assessor.columns import UNPRICED_MICRO_USD, ColumnsOf
from seatrial.assessor.price import price
from seatrial.assessor.recovery import recoveries
from seatrial.assessor.search import blocks
from seatrial.assessor.simulate.failure_events import FailureCase
from seatrial.assessor.simulate.failures import conditions, failures
from seatrial.assessor.tables import tables
from seatrial.assessor.usage import usage_of
from seatrial.bundler.limits import check_design
from seatrial.kernel.demand import Compliance, Demand, RecoveryTargets, Uploads, Work
from seatrial.kernel.design import Design, Standby
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet, Policy
from seatrial.kernel.workload import Component, Service, Workload
from seatrial.planner.search import Found, search
from seatrial.planner.spaces import spaces

HOUR = RecoveryTargets(region_rto_s=3600.0, region_rpo_s=900.0)
"""The dating app's document asks for an hour and a quarter of one, in a second region."""


def wanting(recovery: RecoveryTargets, **more: Compliance) -> Demand:
    return replace(demand(200_000), recovery=recovery, **more)  # type: ignore[arg-type]


@cache
def found(targets: bool) -> Found:
    recovery = HOUR if targets else RecoveryTargets()
    return search(question(workload(), wanting(recovery), CATALOG), HERE)


def fargate(of: Found) -> Design:
    (best,) = [v.best for v in of.platforms if v.platform == "aws-fargate"]
    assert best is not None
    return best.design


def test_a_region_that_may_not_be_gone_gets_a_standby() -> None:
    alone, both = fargate(found(False)), fargate(found(True))
    assert alone.standby is None
    assert both.standby == Standby(region="eu-west-1", lag_s=300.0)
    assert replace(both, standby=None) == alone
    platform = CATALOG.platform("aws-fargate")
    waits, goes_on = (recoveries(one, platform, 1.0)[1] for one in (alone, both))
    assert waits.rto_s > 3600 >= goes_on.rto_s
    assert goes_on.rpo_s == 300.0
    told = assess(found(True).asked, both)
    assert "bundle.parts" in {finding.rule for finding in told.findings}


def test_the_bill_holds_both_regions() -> None:
    asked = found(True).asked
    both = fargate(found(True))
    one, two = (assess(asked, design).bill for design in (replace(both, standby=None), both))
    lines = [line for line in two.lines if line.component == "standby"]
    assert [line for line in two.lines if line.component != "standby"] == list(one.lines)
    assert {line.service for line in lines} >= {
        "fargate", "alb", "rds-postgresql", "rds-storage", "route53"
    }  # fmt: skip
    assert both.database is not None
    database = next(line for line in lines if line.service == "rds-postgresql")
    assert database.sku == f"{both.database.instance}/single-az"
    (sent,) = [line for line in lines if line.sku == "cross-region"]
    assert sent.monthly_usd == pytest.approx(sent.quantity * Decimal("0.02"))
    # The balancer's price of eu-west-1, not of us-east-1.
    (balancer,) = [line for line in lines if line.sku == "load-balancer-hour"]
    assert balancer.unit_price_usd == Decimal("0.0252")
    assert one.monthly_usd is not None and two.monthly_usd is not None
    assert two.monthly_usd - one.monthly_usd == sum(line.monthly_usd for line in lines)


def test_where_nobody_sells_a_copy_or_data_may_not_lie_there_is_none() -> None:
    rejected = {r.platform for r in found(True).rejected if "recovery.rto" in r.rules}
    verdicts = {v.platform: v for v in found(True).platforms}
    for name in ("azure-container-apps", "gcp-cloud-run", "do-app-platform"):
        assert name in rejected and verdicts[name].best is None
    here = question(
        workload(), wanting(HOUR, compliance=Compliance(residency=("US",))), CATALOG
    )  # fmt: skip
    assert {s.region for s in spaces(here, HERE) if has_standby(s.slots)} == {"eu-west-1"}
    assert search(here, HERE).feasible == 0


def has_standby(slots: tuple[tuple[object, ...], ...]) -> bool:
    return any(isinstance(one, Standby) for slot in slots for one in slot)


def test_without_a_target_no_design_has_one() -> None:
    asked = question(workload(), wanting(RecoveryTargets(rto_s=900.0)), CATALOG)
    assert not [s for s in spaces(asked, HERE) if has_standby(s.slots)]


def test_a_bundle_refuses_a_standby() -> None:
    check_design(fargate(found(False)))
    with pytest.raises(InputError, match="standby in eu-west-1") as refused:
        check_design(fargate(found(True)))
    assert "[recovery]" in (refused.value.fix or "")


def everything() -> Workload:
    """An app with every service that a second region repeats, and a worker."""
    made = workload()
    kinds = ("redis", "s3", "llm", "sqs")
    more = tuple(Service(kind=kind, proof=SOURCE) for kind in kinds)  # type: ignore[arg-type]
    worker = Component(
        name="jobs", kind="worker", framework="celery", entry="a", command=("c",), port=0
    )
    web = replace(made.web, services=(*made.web.services, *more))
    return replace(made, components=(web, worker))


def test_the_search_bills_a_standby_as_the_bill_does() -> None:
    chance = random.Random(20261121)
    asked = question(
        everything(),
        replace(
            wanting(HOUR), work=Work(tasks_per_day=5000, task_s=2.0),
            uploads=Uploads(per_day=300, mib=2, kept_days=90),
        ),
        CATALOG,
    )  # fmt: skip
    seen = priced = 0
    for space in spaces(asked, HERE):
        if space.platform.id not in ("aws-fargate", "aws-ecs-ec2", "aws-lambda"):
            continue
        assert has_standby(space.slots)
        made = tables(space, asked.book, lambda d, s=space: month(asked, d), ColumnsOf(  # type: ignore[misc]
            space, asked.workload, asked.demand, asked.profile))  # fmt: skip
        for whole in blocks(made, 3_000_000):
            for _ in range(60):
                index = tuple(chance.randrange(length) for length in whole.micro_usd.shape)
                design = whole.design(index)
                bill = price(design, space.platform, asked.book, month(asked, design))
                total = int(whole.micro_usd[index])
                known = None if total == UNPRICED_MICRO_USD else Decimal(total).scaleb(-6)
                assert known == bill.monthly_usd, design.id
                seen += design.standby is not None
                priced += design.standby is not None and known is not None
            break
    assert seen > 60 and priced > 10


def month(asked: Question, design: Design):  # type: ignore[no-untyped-def]
    platform = asked.catalog.platform(design.platform)
    return usage_of(asked.workload, asked.demand, asked.profile, design, platform)


def test_the_simulation_counts_the_standby() -> None:
    fleet = Fleet(
        replicas_min=2, replicas_max=2, workers=1, slots=8, vcpu=1.0, queue="worker",
        timeout_s=60.0, start_s=41.0, zones=2, policy=Policy(kind="fixed"),
    )  # fmt: skip
    case = FailureCase(
        fleet=fleet, replica_rps=50.0, conditions=conditions([5.0], [2.0]), database="standby"
    )
    alone = failures(case)
    both = failures(replace(case, standby=True, standby_lag_s=300.0))
    design = fargate(found(True))
    expected = recoveries(design, CATALOG.platform("aws-fargate"), 1.0)[1]
    assert both.recoveries[1] == expected
    assert both.recoveries[1].rto_s < alone.recoveries[1].rto_s
    held, better = alone.availability_percent.value, both.availability_percent.value
    assert held is not None and better is not None and better > held
