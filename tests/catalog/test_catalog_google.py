"""Google Cloud: bills worked out by hand from the listed prices, and what has no price."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load
from seatrial.kernel.assessment import Bill
from seatrial.kernel.design import Attached, Design
from seatrial.kernel.units import HOURS_PER_MONTH

CATALOG = load()
BOOK = PriceBook(CATALOG)
RUN = CATALOG.platform("gcp-cloud-run")
GKE = CATALOG.platform("gcp-gke")


def run(region: str, replicas_min: int = 0, commitment: str = "on-demand") -> Design:
    return Design(
        platform=RUN.id, region=region, size="1vcpu-512mib", vcpu=1.0, memory_mib=512,
        replicas_min=replicas_min, replicas_max=10, workers=1, threads=80, commitment=commitment,
    )  # fmt: skip


def gke(region: str, commitment: str = "on-demand", size: str = "e2-standard-2") -> Design:
    return Design(
        platform=GKE.id, region=region, size=size, vcpu=2.0, memory_mib=6248,
        replicas_min=2, replicas_max=2, servers=2, workers=2, threads=1, commitment=commitment,
    )  # fmt: skip


def busy(replicas_min: int = 0, free_tier: bool = False) -> Usage:
    """Five million requests of 0.2 s, one at a time: a million seconds of work."""
    return Usage(
        requests_month=Decimal(5_000_000), request_duration_s_mean=Decimal("0.2"),
        replica_hours_month=replicas_min * HOURS_PER_MONTH, free_tier=free_tier,
    )  # fmt: skip


def nodes(free_tier: bool = False, ingress: int = 0, egress: int = 0) -> Usage:
    return Usage(
        replica_hours_month=2 * HOURS_PER_MONTH, free_tier=free_tier,
        ingress_gib_month=Decimal(ingress), egress_gib_month=Decimal(egress),
    )  # fmt: skip


def with_service(kind: str, size: str = "", region: str = "us-central1", **options: str) -> Bill:
    attached = Attached(kind=kind, size=size, options=options)
    return price(replace(run(region), services=(attached,)), RUN, BOOK, Usage())


def by_sku(bill: Bill) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in bill.lines:
        found[line.sku] = found.get(line.sku, Decimal(0)) + line.monthly_usd
    return found


# Cloud Run ---------------------------------------------------------------------------------------

TIER_1 = {
    "vcpu-second": Decimal("24.00"),  # 1,000,000 s x 1 vCPU x 0.000024
    "memory-gib-second": Decimal("1.25"),  # 1,000,000 s x 0.5 GiB x 0.0000025
    "request": Decimal("2.00"),  # 5,000,000 x 0.0000004
}
TIER_2 = {
    "vcpu-second": Decimal("33.60"),  # 1,000,000 s x 1 vCPU x 0.0000336
    "memory-gib-second": Decimal("1.75"),  # 1,000,000 s x 0.5 GiB x 0.0000035
    "request": Decimal("2.00"),
}


@pytest.mark.parametrize(
    ("region", "lines", "total"),
    [
        ("us-central1", TIER_1, "27.25"),
        ("europe-west1", TIER_1, "27.25"),
        ("europe-west3", TIER_2, "37.35"),
    ],
)
def test_cloud_run_without_minimum_instances(
    region: str, lines: dict[str, Decimal], total: str
) -> None:
    bill = price(run(region), RUN, BOOK, busy())
    assert by_sku(bill) == lines
    assert bill.monthly_usd == Decimal(total)


@pytest.mark.parametrize(
    ("region", "idle", "total"),
    [
        # Two instances all month: 2 x 730 h x 3,600 s = 5,256,000 s; a million of them work, so
        # 4,256,000 s idle: x 1 vCPU x 0.0000025 = 10.64, x 0.5 GiB x 0.0000025 = 5.32.
        ("us-central1", ("10.64", "5.32"), "43.21"),
        ("europe-west1", ("10.64", "5.32"), "43.21"),
        # Tier 2: 4,256,000 x 0.0000035 = 14.896, half of it for half a GiB.
        ("europe-west3", ("14.896", "7.448"), "59.694"),
    ],
)
def test_cloud_run_with_minimum_instances(region: str, idle: tuple[str, str], total: str) -> None:
    bill = price(run(region, 2), RUN, BOOK, busy(2))
    skus = by_sku(bill)
    assert (skus["idle-vcpu-second"], skus["idle-memory-gib-second"]) == tuple(map(Decimal, idle))
    assert bill.monthly_usd == Decimal(total)


@pytest.mark.parametrize("region", ["us-central1", "europe-west1"])
def test_cloud_run_with_the_free_tier(region: str) -> None:
    bill = price(run(region), RUN, BOOK, busy(free_tier=True))
    assert by_sku(bill) == {
        "vcpu-second": Decimal("19.68"),  # (1,000,000 - 180,000) x 0.000024
        "memory-gib-second": Decimal("0.35"),  # (500,000 - 360,000) x 0.0000025
        "request": Decimal("1.20"),  # (5,000,000 - 2,000,000) x 0.0000004
    }
    small = Usage(
        requests_month=Decimal(100_000), request_duration_s_mean=Decimal("0.2"), free_tier=True
    )
    assert price(run(region), RUN, BOOK, small).monthly_usd == 0


def test_several_requests_at_once_share_an_instance() -> None:
    shared = Usage(
        requests_month=Decimal(5_000_000),
        request_duration_s_mean=Decimal("0.2"),
        concurrency=Decimal(10),
    )
    # 24.00 / 10 + 1.25 / 10 + 2.00
    assert price(run("us-central1"), RUN, BOOK, shared).monthly_usd == Decimal("4.525")


@pytest.mark.parametrize("years", ["1y", "3y"])
def test_cloud_run_committed_use_is_17_percent_off_all_of_it(years: str) -> None:
    bill = price(run("europe-west1", 2, f"committed-use-{years}"), RUN, BOOK, busy(2))
    assert bill.monthly_usd == Decimal("43.21") * Decimal("0.83") == Decimal("35.8643")


def test_cloud_run_is_not_sold_as_spot() -> None:
    asked, usage = run("us-central1", commitment="spot"), busy()
    bill = price(asked, RUN, BOOK, usage)
    assert bill == price(replace(asked, commitment="on-demand"), RUN, BOOK, usage)


def test_cloud_run_beside_compute() -> None:
    usage = Usage(
        egress_gib_month=Decimal(2000), log_gib_month=Decimal(60), images_gib=Decimal(3), secrets=8,
        secret_requests_month=30_000, free_tier=True,
    )  # fmt: skip
    assert by_sku(price(run("europe-west1"), RUN, BOOK, usage)) == {
        # 2,000 - 1 free = 1,999 GiB: 1,024 x 0.12 = 122.88, 975 x 0.11 = 107.25
        "internet-out": Decimal("230.13"),
        "log-ingestion": Decimal("5.00"),  # (60 - 50) x 0.50
        "image-storage": Decimal("0.25"),  # (3 - 0.5) x 0.10
        "secret-version": Decimal("0.12"),  # (8 - 6) x 0.06
        "access": Decimal("0.06"),  # (30,000 - 10,000) x 0.000003
    }


def test_cloud_run_sizes_follow_the_rules() -> None:
    assert len(RUN.sizes) == 90
    least = {4.0: 2048, 6.0: 4096, 8.0: 4096}
    for size in RUN.sizes:
        assert size.arch == "x86_64"
        assert size.memory_mib >= least.get(size.vcpu, 128)
        for memory_mib, vcpu in ((512, 0.5), (1024, 1), (4096, 2), (8192, 4), (16384, 6)):
            assert size.memory_mib <= memory_mib or size.vcpu >= vcpu
        assert size.memory_mib <= 24576 or size.vcpu == 8.0
    assert RUN.limits.replicas_min == 0 and RUN.scaling.to_zero
    assert RUN.limits.request_s and RUN.limits.request_s.value == 3600
    assert not RUN.capabilities.background


# GKE ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "machines", "total"),
    [
        # Two nodes: 1,460 h x 0.06701142. Beside them for a month: cluster 73.00, forwarding rule
        # 0.025 x 730 = 18.25, disks 60 x 0.10 = 6.00, addresses 1,460 x 0.005 = 7.30.
        ("us-central1", "97.836673", "202.386673"),
        ("europe-west1", "107.624572", "212.174572"),  # 1,460 x 0.07371546
    ],
)
def test_gke_nodes(region: str, machines: str, total: str) -> None:
    bill = price(gke(region), GKE, BOOK, nodes())
    assert by_sku(bill) == {
        "e2-standard-2": Decimal(machines),
        "cluster-hour": Decimal("73"),
        "pd-balanced": Decimal("6"),
        "address-in-use-hour": Decimal("7.3"),
        "forwarding-rule-hour": Decimal("18.25"),
    }
    assert bill.monthly_usd == Decimal(total)
    # The credit of a billing account pays 744 h of one zonal cluster: more than a month has.
    credited = price(gke(region), GKE, BOOK, nodes(free_tier=True))
    assert credited.monthly_usd == Decimal(total) - 73


@pytest.mark.parametrize("region", ["us-central1", "europe-west1"])
def test_gke_traffic_is_billed_at_the_load_balancer_and_on_the_way_out(region: str) -> None:
    skus = by_sku(price(gke(region), GKE, BOOK, nodes(ingress=10, egress=100)))
    assert skus["data-processed"] == Decimal("0.88")  # 110 x 0.008
    assert skus["internet-out"] == Decimal("12.00")  # 100 x 0.12


def test_gke_traffic_has_no_sourced_price_in_frankfurt() -> None:
    bill = price(gke("europe-west3"), GKE, BOOK, nodes(egress=100))
    assert bill.monthly_usd is None
    assert [line.sku for line in bill.unpriced] == ["data-processed"]


@pytest.mark.parametrize(
    ("region", "commitment", "machines"),
    [
        ("us-central1", "spot", "58.70952"),  # 1,460 x 0.040212
        ("europe-west1", "spot", "60.34472"),  # 1,460 x 0.041332
        ("us-central1", "committed-use-1y", "61.63709156"),  # 2 months of 30.81854578
        ("us-central1", "committed-use-3y", "44.02649564"),  # 2 months of 22.01324782
        ("europe-west1", "committed-use-1y", "67.80347164"),
        ("europe-west1", "committed-use-3y", "48.43104992"),
    ],
)
def test_gke_spot_and_committed_nodes(region: str, commitment: str, machines: str) -> None:
    skus = by_sku(price(gke(region, commitment), GKE, BOOK, nodes()))
    assert abs(skus["e2-standard-2"] - Decimal(machines)) < Decimal("0.00001")
    assert skus["cluster-hour"] == 73


def test_e2_is_priced_per_vcpu_and_gb() -> None:
    for region in (region.id for region in CATALOG.provider("google").regions):
        for commitment in ("on-demand", "spot", "committed-use-1y", "committed-use-3y"):
            rates = [
                BOOK.tiers("google", "compute-engine", size, region, commitment)[0].price_usd
                for size in ("e2-standard-2", "e2-standard-4", "e2-standard-16", "e2-standard-32")
            ]
            for times, rate in zip((1, 2, 8, 16), rates, strict=True):
                assert abs(rate / times - rates[0]) < Decimal("0.000000002")


def test_gke_nodes_with_a_gpu() -> None:
    size = next(size for size in GKE.sizes if size.name == "g2-standard-4")
    assert (size.gpus, size.gpu) == (1, "NVIDIA L4")
    skus = by_sku(price(gke("europe-west1", size="g2-standard-4"), GKE, BOOK, nodes()))
    assert skus["g2-standard-4"] == Decimal(
        "1136.307786"
    )  # 1,460 x 0.778293004, to the micro-dollar


# Managed services --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
@pytest.mark.parametrize("region", ["us-central1", "europe-west1"])
def test_cloud_sql(kind: str, region: str) -> None:
    # 2 vCPU x 0.0413 + 7.5 GB x 0.007 = 0.1351 an hour, 98.623 a month; 50 GB x 0.17 = 8.50.
    single = with_service(kind, "db-custom-2-7680", region, storage_gib="50")
    assert single.monthly_usd == Decimal("107.123")
    both = with_service(kind, "db-custom-2-7680", region, storage_gib="50", deployment="multi-az")
    assert both.monthly_usd == Decimal("214.246")


def test_cloud_sql_commitments_leave_storage_and_shared_cores_out() -> None:
    def committed(size: str) -> Decimal | None:
        design = replace(
            run("europe-west1", 1, "committed-use-1y"),
            services=(Attached(kind="postgresql", size=size),),
        )
        return price(design, RUN, BOOK, Usage()).monthly_usd

    assert committed("db-custom-2-7680") == Decimal("98.623") * Decimal("0.75") + Decimal(
        "3.40"
    )  # 20 GB x 0.17
    assert committed("db-f1-micro") == Decimal("0.0105") * 730 + Decimal("3.40")


def test_cloud_sql_backups_are_priced_in_iowa_only() -> None:
    here = with_service("postgresql", "db-custom-1-3840", backup_gib="10")
    assert by_sku(here)["backup"] == Decimal("0.80")  # 10 x 0.08
    there = with_service("postgresql", "db-custom-1-3840", "europe-west1", backup_gib="10")
    assert there.monthly_usd is None and [u.sku for u in there.unpriced] == ["backup"]


def test_redis_falls_into_capacity_tiers() -> None:
    assert with_service("redis", "m1-4gb").monthly_usd == Decimal("143.08")  # 4 x 35.77
    assert with_service("redis", "m2-5gb").monthly_usd == Decimal(
        "98.55"
    )  # 5 x 19.71: cheaper than 4
    standard = with_service("redis", "m2-5gb", deployment="multi-az")
    assert standard.monthly_usd == Decimal("197.10")  # 5 x 39.42
    assert with_service("redis", "m2-5gb", "europe-west1").monthly_usd is None


def test_object_storage_and_queue() -> None:
    stored = with_service(
        "object-storage", region="europe-west1", storage_gib="500",
        writes_month="100000", reads_month="1000000", egress_gib="10",
    )  # fmt: skip
    assert by_sku(stored) == {
        "storage/standard": Decimal("10.00"),  # 500 x 0.02
        "class-a/standard": Decimal("0.50"),  # 10 x 0.05 per 10,000
        "class-b/standard": Decimal("0.40"),  # 100 x 0.004 per 10,000
        "internet-out": Decimal("1.20"),  # 10 x 0.12
    }
    assert with_service("queue", throughput_gib="1024").monthly_usd == 40  # one TiB
    # A billion requests of 1,000 bytes: 10^12 bytes of a TiB's 2^40, at 40: 36.379788.
    assert with_service("queue", requests_month="1000000000").monthly_usd == Decimal("36.379788")


def test_dns_keys_firewall_and_cdn() -> None:
    dns = with_service("dns", zones="2", requests_month="5000000")
    assert dns.monthly_usd == Decimal("2.40")  # 2 x 0.20 + 5 x 0.40
    assert with_service("dns", zones="26").monthly_usd is None  # cheaper above 25, unsourced
    kms = with_service("kms", keys="3", requests_month="100000")
    assert kms.monthly_usd == Decimal("0.48")  # 3 x 0.06 + 10 x 0.03
    waf = with_service("waf", rules="4", requests_month="2000000", load_balancers="1")
    assert waf.monthly_usd == Decimal("28.75")  # 5 + 4 x 1 + 2 x 0.75 + 18.25
    cdn = with_service("cdn", egress_gib="12288", requests_month="1000000")
    # 10,240 x 0.08 = 819.20; 2,048 x 0.055 = 112.64; 1,000,000 x 0.00000075 = 0.75
    assert cdn.monthly_usd == Decimal("932.59")
    assert with_service("cdn", egress_gib="600000").monthly_usd is None  # by contract


def test_levels_that_are_promised() -> None:
    assert [level.value for level in RUN.availability_percent] == [99.95]
    assert [level.value for level in GKE.availability_percent] == [99.99, 99.99]
    postgresql = CATALOG.service("google", "postgresql")
    assert postgresql is not None
    assert {k: v.value for k, v in postgresql.availability_percent.items()} == {"multi-az": 99.95}
