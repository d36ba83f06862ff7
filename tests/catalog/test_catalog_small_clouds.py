"""DigitalOcean, Vercel with Railway, a cluster and a machine of one's own: bills by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load
from seatrial.catalog.own import Own, machine, read_own
from seatrial.kernel.assessment import Bill
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.design import Attached, Database, Design
from seatrial.kernel.platform import Catalog

CATALOG = load()
BOOK = PriceBook(CATALOG)
US, EU = "us-east4-eqdc4a", "europe-west4-drams3a"


def design(platform: str, size: str, replicas: int = 1, **fields: object) -> Design:
    known = {s.name: s for s in CATALOG.platform(platform).sizes}
    vcpu, memory_mib = (known[size].vcpu, known[size].memory_mib) if size in known else (1.0, 1024)
    filled: dict[str, object] = {
        "region": "fra", "vcpu": vcpu, "memory_mib": memory_mib, "workers": 1, "threads": 8,
        **fields,
    }  # fmt: skip
    return Design(
        platform=platform, size=size, replicas_min=replicas, replicas_max=replicas, **filled
    )  # type: ignore[arg-type]


def bill(asked: Design, catalog: Catalog | None = None, **used: object) -> Bill:
    usage = Usage(replica_hours_month=Decimal(730 * asked.replicas_min), **used)  # type: ignore[arg-type]
    platform = (catalog or CATALOG).platform(asked.platform)
    return price(asked, platform, catalog or BOOK, usage)


def amounts(of: Bill) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in of.lines:
        key = f"{line.service} {line.sku}"
        found[key] = found.get(key, Decimal(0)) + line.monthly_usd
    return found


@pytest.mark.parametrize(
    ("size", "usd"),
    [
        ("apps-s-1vcpu-0.5gb", 5), ("apps-s-1vcpu-1gb-fixed", 10), ("apps-s-1vcpu-1gb", 12),
        ("apps-s-1vcpu-2gb", 25), ("apps-s-2vcpu-4gb", 50), ("apps-d-1vcpu-0.5gb", 29),
        ("apps-d-1vcpu-1gb", 34), ("apps-d-1vcpu-2gb", 39), ("apps-d-1vcpu-4gb", 49),
        ("apps-d-2vcpu-4gb", 78), ("apps-d-2vcpu-8gb", 98), ("apps-d-4vcpu-8gb", 156),
        ("apps-d-4vcpu-16gb", 196), ("apps-d-8vcpu-32gb", 392),
    ],
)  # fmt: skip
def test_app_platform_sizes_cost_the_same_in_every_region(size: str, usd: int) -> None:
    for region in CATALOG.provider("digitalocean").regions:
        of = bill(design("do-app-platform", size, 2, region=region.id))
        assert of.monthly_usd == 2 * usd + 5  # and the registry's subscription


def test_app_platform_transfer_above_the_allowance_and_images_above_the_plan() -> None:
    asked = design("do-app-platform", "apps-s-1vcpu-1gb", 2)
    of = bill(asked, egress_gib_month=Decimal(200), images_gib=Decimal(8))
    # 2 x 12; 200 - 150 GiB at 0.02; the registry's 5, and 8 - 5 GiB at 0.02
    assert of.monthly_usd == Decimal("24") + 1 + 5 + Decimal("0.06")
    within = bill(asked, egress_gib_month=Decimal(150))
    assert amounts(within)["app-platform transfer-out/apps-s-1vcpu-1gb"] == 0


@pytest.mark.parametrize(
    ("instance", "storage", "standby", "usd"),
    [
        ("db-s-1vcpu-1gb", 10, False, "15.15"),
        ("db-s-1vcpu-1gb", 11, False, "17.30"),  # billed as 20 GiB: 10 more at 0.215
        ("db-s-1vcpu-2gb", 30, False, "30.45"),
        ("db-s-1vcpu-2gb", 20, True, "60.90"),
        ("db-s-1vcpu-2gb", 50, False, "34.75"),
        ("db-s-4vcpu-8gb", 140, False, "122.10"),
    ],
)
def test_managed_postgresql(instance: str, storage: int, standby: bool, usd: str) -> None:
    database = Database(instance=instance, storage_gib=storage, multi_az=standby)
    of = bill(design("do-app-platform", "apps-s-1vcpu-1gb", database=database))
    assert of.unpriced == ()
    assert of.monthly_usd == 12 + 5 + Decimal(usd)


def test_standby_of_the_smallest_node_and_more_disk_beside_a_standby_are_unpriced() -> None:
    small = Database(instance="db-s-1vcpu-1gb", storage_gib=10, multi_az=True)
    of = bill(design("do-app-platform", "apps-s-1vcpu-1gb", database=small))
    assert of.monthly_usd is None and of.unpriced[0].sku == "db-s-1vcpu-1gb/multi-az"
    large = Database(instance="db-s-1vcpu-2gb", storage_gib=40, multi_az=True)
    of = bill(design("do-app-platform", "apps-s-1vcpu-1gb", database=large))
    assert of.monthly_usd is None and "above 30 GB-month" in of.unpriced[0].reason


def test_a_public_bill_on_app_platform() -> None:
    """A deployment plan of 2026-09-14: web 12, worker 12, beat 5, PostgreSQL 15.15, Valkey 15,
    Spaces 5; $64.15 without a registry, which it does without. Its three components are one
    size each; here the two at 12 are replicas, and the third is asked for alone."""
    services = (
        Attached(kind="postgresql", size="db-s-1vcpu-1gb", options={"storage_gib": "10"}),
        Attached(kind="redis", size="db-s-1vcpu-1gb"),
        Attached(kind="object-storage", options={"storage_gib": "250", "egress_gib": "1024"}),
    )
    two = bill(design("do-app-platform", "apps-s-1vcpu-1gb", 2, services=services))
    beat = bill(design("do-app-platform", "apps-s-1vcpu-0.5gb"))
    assert two.monthly_usd is not None and beat.monthly_usd is not None
    registry = amounts(two)["container-registry basic"] + amounts(beat)["container-registry basic"]
    assert two.monthly_usd + beat.monthly_usd - registry == Decimal("64.15")


def test_spaces_above_the_subscription() -> None:
    stored = Attached(kind="object-storage", options={"storage_gib": "300", "egress_gib": "1100"})
    of = bill(design("do-app-platform", "apps-s-1vcpu-1gb", services=(stored,)))
    # 5, 50 GiB at 0.02, 76 GiB at 0.01
    assert of.monthly_usd == 12 + 5 + 5 + 1 + Decimal("0.76")


def test_vercel_and_railway_are_both_on_the_bill() -> None:
    """Two replicas of 1 vCPU and 2 GB, a request computing 0.1 s, half a million of them."""
    asked = design("vercel-railway", "1vcpu-2gb", 2, region=EU, database=Database(instance="1gb"))
    of = bill(
        asked, requests_month=Decimal(500_000), request_duration_s_mean=Decimal("0.1"),
        egress_gib_month=Decimal(40), seats=3, build_minutes_month=Decimal(100),
    )  # fmt: skip
    assert of.unpriced == ()
    by_hand = {
        "plan pro": Decimal(20),
        # 50,000 s of one vCPU are 13.888889 h at 0.02778; the database computes 182.5 h
        "compute vcpu-hour": Decimal("0.385833") + Decimal("5.06985"),
        # 2 x 2 GB x 730 h less the 1,443 GB-hours in the plan, at 0.01386
        "compute memory-gb-hour": Decimal("20.47122"),
        "network egress-gb": Decimal("2.00"),
        "pro seat": Decimal(60),
        "cdn request": Decimal(0),
        "cdn transfer-out": Decimal(0),
        "build cpu-minute": Decimal("0.35"),
        "database memory-1gb/single-az": Decimal("10.1178"),
        "volume storage-gb": Decimal("3.00"),
    }
    assert amounts(of) == by_hand
    assert of.monthly_usd == sum(by_hand.values())


def test_the_network_s_capacity_is_a_step() -> None:
    def network(requests: int) -> Decimal | None:
        of = bill(
            design("vercel-railway", "1vcpu-1gb", region=US), requests_month=Decimal(requests)
        )
        return None if of.unpriced else amounts(of)["cdn request"]

    assert network(1_000_000) == 0
    assert network(1_000_001) == 20
    assert network(10_000_000) == 20
    assert network(10_000_001) is None


@pytest.mark.parametrize(("region", "usd"), [(US, "1.28"), (EU, "1.84")])
def test_rendered_pages_cost_what_their_region_does(region: str, usd: str) -> None:
    rendered = Attached(
        kind="frontend",
        options={"invocations_month": "1000000", "active_cpu_hours": "10"},
    )
    of = bill(design("vercel-railway", "1vcpu-1gb", region=region, services=(rendered,)))
    assert amounts(of)["functions active-cpu-hour"] == Decimal(usd)
    assert amounts(of)["functions invocation"] == Decimal("0.60")


def test_a_railway_cluster_and_its_bucket() -> None:
    ha = Attached(kind="postgresql", size="1gb", options={"deployment": "multi-az"})
    of = bill(design("vercel-railway", "1vcpu-1gb", region=US, services=(ha,)))
    assert of.monthly_usd is None and of.unpriced[0].sku == "memory-1gb/multi-az"
    bucket = Attached(kind="object-storage", options={"storage_gib": "5.1", "upload_gib": "2"})
    of = bill(design("vercel-railway", "1vcpu-1gb", region=US, services=(bucket,)))
    # 6 whole gigabytes at 0.015; uploads are egress at 0.05
    assert amounts(of)["bucket storage-gb"] == Decimal("0.09")
    assert amounts(of)["network egress-gb"] == Decimal("0.10")


def test_a_cluster_costs_what_its_nodes_do(tmp_path: Path) -> None:
    asked = design("kubernetes", "node", 6, region="here", servers=3)
    of = bill(asked)
    assert of.monthly_usd is None
    assert "seatrial.prices.toml" in of.unpriced[0].reason
    file = tmp_path / "seatrial.prices.toml"
    file.write_text(
        '[[price]]\nprovider = "own"\nservice = "kubernetes"\nsku = "node"\nregion = "*"\n'
        'unit = "node-month"\nprice_usd = 24.35\nsource = "invoice"\nas_of = "2026-11-01"\n'
        '[[price]]\nprovider = "own"\nservice = "postgresql"\nsku = "server/single-az"\n'
        'region = "*"\nunit = "month"\nprice_usd = 9\nsource = "invoice"\nas_of = "2026-11-01"\n',
        encoding="utf-8",
    )
    mine = load(read_own(file))
    assert bill(asked, mine).monthly_usd == Decimal("73.05")
    served = design(
        "kubernetes", "node", region="here", servers=3, services=(Attached(kind="postgresql"),)
    )
    assert bill(served, mine).monthly_usd == Decimal("82.05")


def test_a_rented_server_costs_its_rent() -> None:
    asked = design("this-machine", "measured", 2, region="here")
    assert bill(asked).monthly_usd is None
    rent = machine(MachineSettings(cost_usd_month=Decimal("44.90"), cost_as_of="2026-10-31"))
    assert bill(asked, load(Own(prices=rent))).monthly_usd == Decimal("44.90")


@pytest.mark.parametrize("platform", ["do-app-platform", "vercel-railway"])
def test_every_size_is_priced_in_every_region(platform: str) -> None:
    of = CATALOG.platform(platform)
    for region in CATALOG.provider(of.provider).regions:
        for size in of.sizes:
            found = bill(
                design(platform, size.name, region=region.id), egress_gib_month=Decimal(10),
                requests_month=Decimal(600_000), images_gib=Decimal(3),
            )  # fmt: skip
            assert found.unpriced == ()
            assert found.monthly_usd is not None and found.monthly_usd > 0


def test_limits_and_what_they_can_do() -> None:
    app = CATALOG.platform("do-app-platform")
    assert app.limits.replicas_max is not None and app.limits.replicas_max.value == 250
    assert app.limits.request_s is None  # none is published but for uploads
    assert app.scaling.metrics == ("cpu", "requests", "latency")
    assert [level.value for level in app.availability_percent] == [99.95]
    hybrid = CATALOG.platform("vercel-railway")
    assert hybrid.limits.request_s is not None and hybrid.limits.request_s.value == 300
    assert not hybrid.capabilities.autoscaling and hybrid.capabilities.multi_region == "built-in"
    assert hybrid.availability_percent == ()
    cluster = CATALOG.platform("kubernetes")
    assert cluster.scaling.mechanism == "hpa"
    assert cluster.scaling.period_s is not None and cluster.scaling.period_s.value == 15
    assert cluster.scaling.cooldown_in_s is not None and cluster.scaling.cooldown_in_s.value == 300
