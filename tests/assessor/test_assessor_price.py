"""Bills: known figures to the cent, and what must hold for all quantities and tiers."""

from __future__ import annotations

import itertools
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from seatrial.assessor.meters import METERS, read_meter
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load
from seatrial.catalog.own import Own, machine
from seatrial.catalog.units import METER_UNITS
from seatrial.kernel.assessment import Bill
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.design import Attached, Database, Design
from seatrial.kernel.platform import (
    BillLine,
    Capabilities,
    Catalog,
    Failure,
    Platform,
    Price,
    Scaling,
)
from seatrial.kernel.units import CENT, micro_usd

CATALOG = load()
BOOK = PriceBook(CATALOG)
IDLE = Usage(requests_month=Decimal(0), replica_hours_month=Decimal(0))


def design(platform: str = "aws-fargate", **fields: object) -> Design:
    given: dict[str, object] = {
        "region": "us-east-1", "size": "1vcpu-2gb", "vcpu": 1.0, "memory_mib": 2048,
        "replicas_min": 2, "replicas_max": 2, "workers": 1, "threads": 8,
    }  # fmt: skip
    return Design(platform=platform, **{**given, **fields})  # type: ignore[arg-type]


def used(**fields: object) -> Usage:
    given: dict[str, object] = {
        "requests_month": Decimal(600_000), "request_duration_s_mean": Decimal("0.2"),
        "replica_hours_month": Decimal(1460), "load_balancer_units_hours": Decimal(7),
        "egress_gib_month": Decimal(12), "log_gib_month": Decimal("0.25"),
        "images_gib": Decimal(3), "secrets": 2, "secret_requests_month": 80, "alarms": 4,
    }  # fmt: skip
    return Usage(**{**given, **fields})  # type: ignore[arg-type]


def bill(asked: Design, usage: Usage) -> Bill:
    return price(asked, CATALOG.platform(asked.platform), BOOK, usage)


def monthly(of: Bill, service: str, sku: str) -> Decimal:
    return sum(
        (line.monthly_usd for line in of.lines if (line.service, line.sku) == (service, sku)),
        Decimal(0),
    )


def test_two_fargate_tasks() -> None:
    of = bill(design(), used())
    assert monthly(of, "fargate", "vcpu-hour-x86_64") == Decimal("59.100800")
    assert monthly(of, "fargate", "memory-gb-hour-x86_64") == Decimal("12.979400")
    assert monthly(of, "alb", "load-balancer-hour") == Decimal("16.425000")
    # two addresses of the load balancer and one per task, $3.65 each
    assert monthly(of, "vpc", "public-ipv4") == Decimal("14.600000")
    assert of.unpriced == ()


def test_ten_thousand_function_calls() -> None:
    usage = used(requests_month=Decimal(10_000), request_duration_s_mean=Decimal(2))
    of = bill(design("aws-lambda", memory_mib=1024), usage)
    assert monthly(of, "lambda", "compute-gb-second-x86_64") == Decimal("0.333334")
    assert monthly(of, "lambda", "request") == Decimal("0.002000")
    assert monthly(of, "api-gateway", "http-api-request") == Decimal("0.010000")


@pytest.mark.parametrize(("size", "cents"), [("t3.medium", "30.37"), ("t3.large", "60.74")])
def test_instances(size: str, cents: str) -> None:
    of = bill(design("aws-ecs-ec2", size=size, servers=1, replicas_min=1, replicas_max=1), used())
    assert monthly(of, "ec2", size).quantize(CENT) == Decimal(cents)


def test_two_volumes() -> None:
    of = bill(design("aws-ecs-ec2", size="t3.medium", servers=2), used(server_disk_gib=Decimal(20)))
    assert monthly(of, "ebs", "gp3-storage") == Decimal("3.2")


def test_database_by_deployment() -> None:
    single = design(database=Database(instance="db.t4g.small", storage_gib=20))
    double = design(database=Database(instance="db.t4g.small", storage_gib=20, multi_az=True))
    assert monthly(bill(single, used()), "rds-postgresql", "db.t4g.small/single-az") == Decimal(
        "23.360000"
    )
    assert monthly(bill(single, used()), "rds-storage", "gp3/single-az") == Decimal("2.300000")
    assert monthly(bill(double, used()), "rds-postgresql", "db.t4g.small/multi-az") == Decimal(
        "47.450000"
    )
    assert monthly(bill(double, used()), "rds-storage", "gp3/multi-az") == Decimal("4.600000")


def test_functions_with_a_database_need_a_nat_gateway() -> None:
    alone = bill(design("aws-lambda", memory_mib=1024), used())
    with_database = bill(
        design("aws-lambda", memory_mib=1024, database=Database(instance="db.t4g.small")),
        used(nat_gateways=1),
    )
    assert monthly(alone, "nat", "nat-gateway-hour") == 0
    assert monthly(with_database, "nat", "nat-gateway-hour") == Decimal("32.850000")
    assert monthly(with_database, "vpc", "public-ipv4") == Decimal("3.650000")


def test_lightsail_transfer_within_the_allowance_is_a_line_at_zero() -> None:
    small = design("aws-lightsail", size="small", vcpu=0.5, memory_mib=1024)
    within = bill(small, used(egress_gib_month=Decimal(499)))
    beyond = bill(small, used(egress_gib_month=Decimal(600)))
    assert within.monthly_usd == Decimal(30)
    assert [(line.sku, line.quantity) for line in within.lines][1] == (
        "transfer-over-allowance", Decimal(0),
    )  # fmt: skip
    assert beyond.monthly_usd == Decimal(39)


@pytest.mark.parametrize("platform", CATALOG.platforms, ids=lambda p: p.id)
def test_every_size_has_a_bill_or_says_what_is_missing(platform: Platform) -> None:
    regions = [r.id for r in CATALOG.provider(platform.provider).regions] or ["here"]
    for size, region in itertools.product(platform.sizes, regions):
        asked = design(
            platform.id, region=region, size=size.name, vcpu=size.vcpu, memory_mib=size.memory_mib,
            arch=size.arch or "x86_64", servers=2 if platform.kind == "servers" else 0,
        )  # fmt: skip
        of = bill(asked, used(nat_gib_month=Decimal(1), cross_zone_gib_month=Decimal(3)))
        assert (of.monthly_usd is None) == bool(of.unpriced)
        assert all(missing.reason for missing in of.unpriced)
        assert of.monthly_usd is None or of.monthly_usd > 0


def test_missing_price_is_told_and_the_total_is_not_known() -> None:
    rows = tuple(
        row for row in CATALOG.prices if (row.sku, row.region) != ("gp3-storage", "us-east-1")
    )
    whole = replace(CATALOG, prices=rows)
    asked = design("aws-ecs-ec2", size="t3.large", servers=2)
    of = price(asked, whole.platform("aws-ecs-ec2"), whole, used())
    assert of.monthly_usd is None
    (missing,) = of.unpriced
    assert (missing.service, missing.sku, missing.region) == ("ebs", "gp3-storage", "us-east-1")
    assert "gp3-storage in us-east-1" in missing.reason
    assert "catalog/prices/aws" in missing.reason
    assert monthly(of, "ec2", "t3.large") == Decimal("121.472000")


def test_quantity_above_the_known_tiers_is_not_known() -> None:
    row = Price(
        provider="p", service="s", sku="k", region="us-east-1", unit="GB", source="s",
        as_of="2026-01-01", price_usd=Decimal(1), tier_to=Decimal(10240),
    )  # fmt: skip
    whole, platform = catalogue((row,))
    of = price(design("test"), platform, whole, used(egress_gib_month=Decimal(20_000)))
    assert of.monthly_usd is None
    assert "above 10240 GB" in of.unpriced[0].reason


def test_own_machine_is_unpriced_until_its_owner_says_what_it_costs() -> None:
    asked = design("this-machine", region="here")
    assert bill(asked, used()).monthly_usd is None
    stated = MachineSettings(cost_usd_month=Decimal("19.90"), cost_as_of="2026-11-21")
    told = load(Own(prices=machine(stated)))
    of = price(asked, told.platform("this-machine"), told, used())
    assert of.monthly_usd == Decimal("19.90")
    assert "cost_usd_month" in of.lines[0].source


def test_nothing_used_is_no_line() -> None:
    of = bill(design("aws-lambda"), IDLE)
    assert of.lines == () and of.monthly_usd == 0


def test_committed_replicas_and_those_above_them() -> None:
    hour = Price(
        provider="p", service="s", sku="k", region="us-east-1", unit="hour", source="s",
        as_of="2026-01-01", price_usd=Decimal("0.10"),
    )  # fmt: skip
    reserved = replace(
        hour, commitment="reserved-1y-partial", price_usd=Decimal("0.03"), upfront_usd=Decimal(219)
    )
    line = replace(EGRESS, meter="replica_hours", commitments=("reserved", "spot"))
    whole, platform = catalogue((hour, reserved), line)
    asked = design("test", commitment="reserved-1y-partial")
    of = price(asked, platform, whole, used(replica_hours_month=Decimal(2190)))
    committed, above = of.lines
    # $219 for a year is $18.25 a month and 2.5 cents an hour; two replicas are committed
    assert committed.upfront_usd == 438
    assert committed.unit_price_usd == Decimal("0.055")
    assert committed.monthly_usd == Decimal("80.300000")
    assert (above.commitment, above.quantity) == ("on-demand", Decimal(730))
    assert above.monthly_usd == Decimal("73.000000")
    missing = price(replace(asked, commitment="spot"), platform, whole, used())
    assert missing.monthly_usd is None and "under spot" in missing.unpriced[0].reason


@pytest.mark.parametrize(
    ("fields", "free_tier", "billed"),
    [
        ({}, False, "7.5"),
        ({"free": Decimal(5)}, False, "7.5"),
        ({"free": Decimal(5)}, True, "2.5"),
        ({"free": Decimal(50)}, True, "0"),
        ({"included": Decimal(5)}, False, "2.5"),
        ({"minimum": Decimal(10)}, False, "10"),
        ({"minimum": Decimal(10), "included": Decimal(8)}, False, "0"),
        ({"increment": Decimal(2)}, False, "8"),
    ],
)
def test_what_is_billed_of_what_is_metered(
    fields: dict[str, Decimal], free_tier: bool, billed: str
) -> None:
    rows = (
        Price(
            provider="p", service="s", sku="k", region="us-east-1", unit="GB", source="s",
            as_of="2026-01-01", price_usd=Decimal(1),
        ),
    )  # fmt: skip
    line = BillLine(component="c", service="s", sku="k", meter="egress_gib", **fields)  # type: ignore[arg-type]
    whole, platform = catalogue(rows, line)
    usage = used(egress_gib_month=Decimal("7.5"), free_tier=free_tier)
    assert price(design("test"), platform, whole, usage).monthly_usd == Decimal(billed)


def test_a_service_nobody_offers_is_told() -> None:
    asked = design(services=(Attached(kind="astrology"),))
    of = bill(asked, used())
    assert of.monthly_usd is None
    assert "knows no astrology of aws" in of.unpriced[-1].reason


def test_behind_nat_replicas_have_no_addresses() -> None:
    assert monthly(bill(design(), used()), "vpc", "public-ipv4") == Decimal("14.600000")
    behind = monthly(bill(design(), used(nat_gateways=1)), "vpc", "public-ipv4")
    assert behind == Decimal("10.950000")  # the load balancer's two and the gateway's one


# --- properties ------------------------------------------------------------------------------


EGRESS = BillLine(component="c", service="s", sku="k", meter="egress_gib")


def catalogue(rows: tuple[Price, ...], line: BillLine = EGRESS) -> tuple[Catalog, Platform]:
    platform = Platform(
        id="test", name="Test", kind="functions", provider="p", source="s", as_of="2026-01-01",
        sizes=(), bill=(line,), scaling=Scaling(mechanism="none"),
        failure=Failure(zone_loss="down"),
        capabilities=Capabilities(
            autoscaling=False, shared_memory=False, persistent_disk=False, websockets=False,
            zones=1, managed_database=False,
        ),
    )  # fmt: skip
    return Catalog(platforms=(platform,), prices=rows, digest=""), platform


@st.composite
def tiered(draw: st.DrawFn) -> tuple[Price, ...]:
    bounds = sorted(draw(st.sets(st.integers(1, 10_000), max_size=4)))
    edges: list[int | None] = [0, *bounds, None]
    rates = draw(
        st.lists(
            st.decimals("0.000001", "9", places=7), min_size=len(edges) - 1, max_size=len(edges) - 1
        )
    )
    return tuple(
        Price(
            provider="p", service="s", sku="k", region="us-east-1", unit="GB",
            tier_from=Decimal(low or 0), tier_to=None if high is None else Decimal(high),
            price_usd=rate, source="s", as_of="2026-01-01",
        )
        for (low, high), rate in zip(itertools.pairwise(edges), rates, strict=True)
    )  # fmt: skip


def cost(rows: tuple[Price, ...], quantity: Decimal) -> Decimal:
    whole, platform = catalogue(rows)
    total = price(design("test"), platform, whole, used(egress_gib_month=quantity)).monthly_usd
    assert total is not None
    return total


def by_hand(rows: tuple[Price, ...], quantity: Decimal) -> Decimal:
    """The definition: each unit costs the rate of the tier it falls into."""
    total = Decimal(0)
    for row in rows:
        top = quantity if row.tier_to is None else min(quantity, row.tier_to)
        total += micro_usd(max(Decimal(0), top - row.tier_from) * row.price_usd)
    return total


QUANTITY = st.decimals("0.000001", "20000", places=6)


@given(tiered(), QUANTITY)
def test_tiers_sum(rows: tuple[Price, ...], quantity: Decimal) -> None:
    assert cost(rows, quantity) == by_hand(rows, quantity)


@given(tiered(), QUANTITY, QUANTITY)
def test_more_never_costs_less(rows: tuple[Price, ...], one: Decimal, other: Decimal) -> None:
    assert cost(rows, min(one, other)) <= cost(rows, max(one, other))


@given(tiered(), QUANTITY, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows: tuple[Price, ...], quantity: Decimal, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert cost(tuple(shuffled), quantity) == cost(rows, quantity)


@given(
    st.sampled_from(["aws-fargate", "aws-ecs-ec2", "aws-lambda", "aws-lightsail"]),
    st.integers(1, 20),
    QUANTITY,
    QUANTITY,
    st.booleans(),
)
def test_lines_sum_to_the_total(
    platform: str, replicas: int, requests: Decimal, egress: Decimal, database: bool
) -> None:
    sizes = CATALOG.platform(platform).sizes
    size = sizes[replicas % len(sizes)]
    asked = design(
        platform, size=size.name, vcpu=size.vcpu, memory_mib=size.memory_mib,
        replicas_min=replicas, replicas_max=replicas, servers=replicas,
        database=Database(instance="db.t4g.small") if database else None,
    )  # fmt: skip
    usage = used(
        requests_month=requests, egress_gib_month=egress, replica_hours_month=replicas * 730
    )
    of = bill(asked, usage)
    assert of.monthly_usd == sum((line.monthly_usd for line in of.lines), Decimal(0))
    for line in of.lines:
        # the shown quantity is rounded to the sixth digit, the amount is not computed from it
        assert abs(line.quantity * line.unit_price_usd - line.monthly_usd) <= Decimal("0.000002")
        assert line.source and line.as_of


@given(st.integers(1, 50), st.integers(1, 50))
def test_more_replicas_cost_more(one: int, other: int) -> None:
    def total(replicas: int) -> Decimal:
        asked = design(replicas_min=replicas, replicas_max=replicas)
        found = bill(asked, used(replica_hours_month=Decimal(730 * replicas))).monthly_usd
        assert found is not None
        return found

    assert (total(one) < total(other)) == (one < other)


def test_every_meter_can_be_read_and_has_units() -> None:
    asked = design(servers=2, database=Database(instance="db.t4g.small"))
    some = {
        field.name: Decimal(1) for field in msgspec.structs.fields(Usage)
        if field.name != "free_tier"
    }  # fmt: skip
    some |= {"replica_hours_month": Decimal(1460), "log_retention_months": Decimal(2)}
    busy = Usage(**some)  # type: ignore[arg-type]
    assert set(METERS) == set(METER_UNITS)
    for meter in METERS:
        read = read_meter(meter, asked, busy)
        assert read > 0 or meter == "address_hours"
