"""Quotes: one stated design, its size, its bill, what was forgotten, and refusals that help."""

from __future__ import annotations

from decimal import Decimal

import pytest

from seatrial.assessor.asked import Asked
from seatrial.assessor.outlook import Term
from seatrial.assessor.price import PriceBook
from seatrial.assessor.quote import quote
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load
from seatrial.kernel.design import Attached
from seatrial.kernel.errors import InputError
from seatrial.kernel.quote import Quote

CATALOG = load()
BOOK = PriceBook(CATALOG)


def asked(platform: str = "aws-fargate", **fields: object) -> Asked:
    given: dict[str, object] = {"region": "us-east-1", "replicas": 2, **fields}
    return Asked(platform=platform, **given)  # type: ignore[arg-type]


def quoted(of: Asked, term: Term | None = None) -> Quote:
    return quote(of, CATALOG, BOOK, term or Term())


def line(of: Quote, service: str, sku: str) -> Decimal:
    return sum(
        (one.monthly_usd for one in of.lines if (one.service, one.sku) == (service, sku)),
        Decimal(0),
    )


def test_two_tasks_with_what_always_comes_with_them() -> None:
    made = quoted(asked())
    assert line(made, "fargate", "vcpu-hour-x86_64") == Decimal("59.100800")
    assert line(made, "fargate", "memory-gb-hour-x86_64") == Decimal("12.979400")
    # load balancer $16.425, its two addresses and the tasks' two at $3.65 each
    assert made.monthly_usd == Decimal("103.105200")
    counted = {f.component: f.monthly_usd for f in made.forgotten if f.monthly_usd}
    assert set(counted) == {"network", "load balancer"}
    absent = {f.component for f in made.forgotten if f.monthly_usd is None}
    assert {"logs", "registry", "secrets", "monitoring"} <= absent


def test_what_is_not_stated_is_told_with_its_price() -> None:
    made = quoted(asked())
    (logs,) = (f for f in made.forgotten if f.sku == "log-ingestion")
    assert (logs.monthly_usd, logs.unit_price_usd, logs.unit) == (None, Decimal("0.5"), "GB")
    stated = quoted(asked(usage=Usage(log_gib_month=Decimal(10))))
    (logs,) = (f for f in stated.forgotten if f.sku == "log-ingestion")
    assert logs.monthly_usd == Decimal(5)


def test_a_live_stack_costs_five_times_what_its_document_said() -> None:
    """Containers, database, load balancer, NAT and 6 private endpoints in two zones.

    Documented at about $37 a month, the live stack idled at about $185:
    aws-samples/anthropic-on-aws pull request 268.
    """
    usage = Usage(nat_gateways=1, endpoints=12)
    naive = quoted(asked(replicas=1, vcpu=1, memory_gib=2))
    compute = line(naive, "fargate", "vcpu-hour-x86_64") + line(
        naive, "fargate", "memory-gb-hour-x86_64"
    )
    database = (Attached(kind="postgresql", size="db.t4g.micro"),)
    whole = quoted(asked(replicas=1, usage=usage, services=database))
    assert compute < 40
    assert whole.monthly_usd is not None and 165 < whole.monthly_usd < 205
    hidden = sum((f.monthly_usd for f in whole.forgotten if f.monthly_usd), Decimal(0))
    assert hidden > 3 * compute


def test_load_balancer_units_follow_from_the_requests() -> None:
    # 25 requests a second all month are one unit by new connections
    requests = Decimal(25 * 3600 * 730)
    made = quoted(asked(usage=Usage(requests_month=requests)))
    assert line(made, "alb", "lcu-hour") == Decimal("5.840000")


def test_a_stated_zero_stays_zero() -> None:
    usage = Usage(requests_month=Decimal(25 * 3600 * 730))
    made = quoted(asked(usage=usage, stated=("load_balancer_units_hours", "replica_hours_month")))
    assert line(made, "alb", "lcu-hour") == 0
    assert line(made, "fargate", "vcpu-hour-x86_64") == 0


def test_sizes_are_rounded_up_and_told() -> None:
    made = quoted(asked(vcpu=0.6, memory_gib=1.5))
    assert (made.design.vcpu, made.design.memory_mib) == (1.0, 2048)
    assert made.notes == ("0.6 vCPU and 1.5 GiB are sold as 1vcpu-2gb: 1 vCPU, 2 GiB",)
    assert quoted(asked(vcpu=1, memory_gib=2)).notes == ()


def test_options_that_keep_their_default_are_told() -> None:
    made = quoted(asked(services=(Attached(kind="postgresql", size="db.t4g.small"),)))
    assert any("deployment=single-az" in note and "storage_gib=20" in note for note in made.notes)


def test_the_cheapest_of_the_sizes_that_hold_it_is_taken() -> None:
    made = quoted(asked("aws-ecs-ec2", vcpu=2, memory_gib=6, replicas=1))
    others = [
        quoted(asked("aws-ecs-ec2", size=size.name, replicas=1)).monthly_usd
        for size in CATALOG.platform("aws-ecs-ec2").sizes
        if size.vcpu >= 2 and size.memory_mib >= 6144 and size.arch != "arm64" and not size.gpus
    ]
    assert made.monthly_usd == min(cost for cost in others if cost is not None)


def test_burstable_servers_bill_what_they_work_above_their_baseline() -> None:
    calm = quoted(asked("aws-ecs-ec2", size="t3.large", replicas=2))
    busy = quoted(
        asked("aws-ecs-ec2", size="t3.large", replicas=2,
              usage=Usage(cpu_utilisation=Decimal("0.5")))
    )  # fmt: skip
    assert line(calm, "ec2", "cpu-credits-t3") == 0
    # 2 servers of 2 vCPUs, 50 % busy with a baseline of 30 %: 0.8 x 730 h at $0.05
    assert line(busy, "ec2", "cpu-credits-t3") == Decimal("29.200000")


def test_each_kind_of_service_is_bought_under_its_own_terms() -> None:
    both = "savings-plan-1y-none+reserved-1y-none"
    redis = (Attached(kind="redis", size="cache.m6g.12xlarge"),)
    made = quoted(asked(commitment=both, services=redis))
    terms = {one.service: one.commitment for one in made.lines}
    assert terms["fargate"] == "savings-plan-1y-none"
    assert terms["elasticache"] == "reserved-1y-none"
    assert terms["alb"] == "on-demand"
    assert any(note.startswith("reserved-1y-none: 2 replicas") for note in made.notes)


def test_another_providers_region_becomes_the_nearest_one() -> None:
    made = quoted(asked("gcp-cloud-run", region="eu-west-1"))
    assert made.design.region == "europe-west1"
    assert (
        "gcp-cloud-run has no region eu-west-1: priced in europe-west1, the nearest" in made.notes
    )


def test_memory_or_nothing_names_a_size_at_any_provider() -> None:
    for platform, region in (("aws-fargate", "us-east-1"), ("gcp-cloud-run", "us-central1")):
        for word in ("", "4gib"):
            services = (Attached(kind="postgresql", size=word),)
            made = quoted(asked(platform, region=region, services=services))
            (database,) = made.design.services
            assert database.size and any(database.size in note for note in made.notes)


def test_the_region_nearest_to_home_is_taken_when_none_is_named() -> None:
    assert quoted(asked(region="")).design.region == "us-east-1"
    for platform in CATALOG.platforms:
        if platform.provider != "own" and platform.sizes:
            made = quoted(asked(platform.id, region="", vcpu=0.01, memory_gib=0.05))
            country = {
                r.id: r.country for r in CATALOG.provider(platform.provider).regions
            }[made.design.region]  # fmt: skip
            assert country == "US"


@pytest.mark.parametrize(
    ("fields", "what", "fix"),
    [
        ({"platform": "aws-fargat"}, "no platform 'aws-fargat'", "did you mean `aws-fargate`"),
        ({"platform": "zzz"}, "no platform", "platforms are: "),
        ({"region": "us-east-11"}, "no prices in a region", "did you mean `us-east-1`"),
        ({"commitment": "reserved-1y-none"}, "not sold under reserved-1y-none", "savings-plan"),
        ({"platform": "aws-lightsail", "replicas": 21}, "20 replicas at most", "--replicas 20"),
        ({"vcpu": 99.0}, "no size with 99 vCPU", "the largest is 16vcpu-120gb"),
        ({"size": "1vcpu-3g"}, "no size '1vcpu-3g'", "1vcpu-3gb"),
        ({"replicas": 0}, "runs 1 replica at least", "--replicas 1"),
        (
            {"services": (Attached(kind="postgresql", size="db.t4g.smal"),)},
            "no size 'db.t4g.smal'", "db.t4g.small",
        ),
        (
            {"services": (Attached(kind="postgresql", size="db.t4g.small", options={"gib": "5"}),)},
            "no option 'gib'", "storage_gib",
        ),
        (
            {"services": (Attached(kind="postgresql", size="db.t4g.small",
                                   options={"deployment": "moon"}),)},
            "deployment=moon is not known", "single-az, multi-az",
        ),
        (
            {"services": (Attached(kind="postgresql", size="db.t4g.small",
                                   options={"storage_gib": "-1"}),)},
            "storage_gib=-1 is not an amount", "from 0 up",
        ),
    ],
)  # fmt: skip
def test_refusals_help(fields: dict[str, object], what: str, fix: str) -> None:
    with pytest.raises(InputError) as refused:
        quoted(asked(**fields))  # type: ignore[arg-type]
    assert what in refused.value.what
    assert fix in refused.value.fix


def test_a_missing_service_leaves_the_total_unknown() -> None:
    made = quoted(asked(services=(Attached(kind="astrology"),)))
    assert made.monthly_usd is None
    assert made.lines, "the lines that are known stay"
