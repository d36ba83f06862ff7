"""Azure: bills computed by hand for each platform in two regions, and what has no price."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load
from seatrial.kernel.assessment import Bill
from seatrial.kernel.design import Attached, Design

CATALOG = load()
BOOK = PriceBook(CATALOG)

# Two replicas all month; 3 million requests of 0.2 s, so 600,000 s of work.
MONTH = Usage(
    requests_month=Decimal(3_000_000),
    request_duration_s_mean=Decimal("0.2"),
    replica_hours_month=Decimal(1460),
    ingress_gib_month=Decimal(3),
    egress_gib_month=Decimal(120),
    log_gib_month=Decimal(1),
    images_gib=Decimal(3),
    secrets=2,
    secret_requests_month=80,
    alarms=5,
)
CONTAINER_APPS = "azure-container-apps"

# Registry for 730 h = 30.41667 days at 0.1666; 80 reads of secrets; 5 alert rules.
BASE = Decimal("5.067417") + 80 * Decimal("0.000003") + 5 * Decimal("0.10")
# 120 GB out of Azure, the free 100 not taken off.
TRANSFER = 120 * Decimal("0.087")
# A load balancer, 123 GB through it, two addresses.
BALANCER = 730 * Decimal("0.025") + 123 * Decimal("0.005") + 2 * 730 * Decimal("0.005")
# Front Door: base, 300 times 10,000 requests, 120 GB.
FRONT_DOOR = 35 + 300 * Decimal("0.009") + 120 * Decimal("0.0825")


def bill(platform: str, region: str, usage: Usage = MONTH, **fields: object) -> Bill:
    given: dict[str, object] = {
        "size": "1vcpu-2gb", "vcpu": 1.0, "memory_mib": 2048, "replicas_min": 2,
        "replicas_max": 2, "workers": 1, "threads": 8,
    }  # fmt: skip
    design = Design(platform=platform, region=region, **{**given, **fields})  # type: ignore[arg-type]
    return price(design, CATALOG.platform(platform), BOOK, usage)


def lines(of: Bill, service: str) -> Decimal:
    return sum((line.monthly_usd for line in of.lines if line.service == service), Decimal(0))


@pytest.mark.parametrize(
    ("region", "vcpu", "idle", "logs"),
    [
        ("eastus", "0.000024", "0.000003", "2.30"),
        ("northeurope", "0.000024", "0.000003", "2.76"),
        ("westus2", "0.000034", "0.000004", "2.30"),
    ],
)
def test_container_apps(region: str, vcpu: str, idle: str, logs: str) -> None:
    of = bill(CONTAINER_APPS, region)
    # Of 2 x 730 h x 3,600 s = 5,256,000 s, 600,000 are active; 1 vCPU and 2 GiB each. Memory has
    # one rate for both.
    active = 600_000 * Decimal(vcpu) + 2 * 600_000 * Decimal(idle)
    waiting = 4_656_000 * Decimal(idle) + 2 * 4_656_000 * Decimal(idle)
    requests = 3 * Decimal("0.40")
    assert of.unpriced == ()
    assert lines(of, "container-apps") == active + waiting + requests
    assert of.monthly_usd == active + waiting + requests + BALANCER + TRANSFER + Decimal(
        logs
    ) + BASE  # fmt: skip


def test_container_apps_free_grant() -> None:
    of = bill(CONTAINER_APPS, "eastus", replace(MONTH, free_tier=True))
    active = 420_000 * Decimal("0.000024") + 840_000 * Decimal("0.000003")
    waiting = 3 * 4_656_000 * Decimal("0.000003")
    assert lines(of, "container-apps") == active + waiting + Decimal("0.40")
    assert lines(of, "bandwidth") == 20 * Decimal("0.087")
    assert lines(of, "log-analytics") == 0


def test_container_apps_that_scale_to_zero_pay_for_work_only() -> None:
    usage = replace(MONTH, replica_hours_month=Decimal(0))
    of = bill(CONTAINER_APPS, "eastus", usage, replicas_min=0)
    # 600,000 s x (0.000024 + 2 x 0.000003) and 3 million requests
    assert lines(of, "container-apps") == Decimal("18") + Decimal("1.20")


def test_container_instances() -> None:
    of = bill("azure-container-instances", "eastus")
    groups = 1460 * Decimal("0.0405") + 2920 * Decimal("0.00445")
    assert of.monthly_usd == groups + FRONT_DOOR + Decimal("2.30") + BASE
    # In Sweden everything but the logs has a price.
    of = bill("azure-container-instances", "swedencentral")
    groups = 1460 * Decimal("0.0466") + 2920 * Decimal("0.00511")
    assert [(u.service, u.sku) for u in of.unpriced] == [("log-analytics", "ingestion-gb")]
    assert of.monthly_usd is None
    assert sum(line.monthly_usd for line in of.lines) == groups + FRONT_DOOR + BASE


def test_container_instances_on_spot_capacity() -> None:
    of = bill("azure-container-instances", "eastus", commitment="spot")
    assert lines(of, "container-instances") == (
        1460 * Decimal("0.01215") + 2920 * Decimal("0.001335")
    )


@pytest.mark.parametrize(
    ("region", "size", "hour", "logs"),
    [
        ("eastus", "P1v3", "0.155", "2.30"),
        ("eastus", "B1", "0.017", "2.30"),
        ("westus2", "P0v3", "0.0775", "2.30"),
        ("northeurope", "P1v3", "0.168", "2.76"),
        ("westeurope", "P2mv3", "0.4272", "2.99"),
    ],
)
def test_app_service(region: str, size: str, hour: str, logs: str) -> None:
    plan = "azure-app-service-basic" if size == "B1" else "azure-app-service"
    of = bill(plan, region, size=size)
    assert of.monthly_usd == 1460 * Decimal(hour) + TRANSFER + Decimal(logs) + BASE


@pytest.mark.parametrize(
    ("region", "machine", "hour", "disk", "logs"),
    [
        ("eastus", "Standard_D2s_v5", "0.096", "19.71", "2.30"),
        ("eastus", "Standard_D4ps_v6", "0.14", "19.71", "2.30"),
        ("westus2", "Standard_D2s_v5", "0.096", "17.92", "2.30"),
        ("northeurope", "Standard_D2as_v6", "0.101", "19.71", "2.76"),
        ("westeurope", "Standard_E4s_v5", "0.304", "21.68", "2.99"),
        ("germanywestcentral", "Standard_D2s_v5", "0.115", "21.68", "2.99"),
    ],
)
def test_kubernetes(region: str, machine: str, hour: str, disk: str, logs: str) -> None:
    of = bill("azure-aks", region, size=machine, servers=2)
    cluster = 730 * Decimal("0.1") + 1460 * Decimal(hour) + 2 * Decimal(disk)
    assert of.monthly_usd == cluster + BALANCER + TRANSFER + Decimal(logs) + BASE


def test_savings_plans_lower_machines_and_active_seconds() -> None:
    of = bill(
        "azure-aks", "northeurope", size="Standard_D2s_v5", servers=2,
        commitment="savings-plan-3y-none",
    )  # fmt: skip
    assert lines(of, "vm") == 1460 * Decimal("0.0554474")
    of = bill(CONTAINER_APPS, "eastus", commitment="savings-plan-1y-none")
    active = 600_000 * Decimal("0.0000204") + 1_200_000 * Decimal("0.00000255")
    waiting = 3 * 4_656_000 * Decimal("0.000003")
    assert lines(of, "container-apps") == active + waiting + Decimal("1.20")


def test_transfer_in_tiers() -> None:
    usage = replace(MONTH, egress_gib_month=Decimal(20_100), free_tier=True)
    of = bill("azure-app-service", "eastus", usage, size="P1v3")
    # After the 100 free GB: 10,235 GB to the end of the first tier, then the rest of 20,000.
    assert lines(of, "bandwidth") == 10_235 * Decimal("0.087") + 9_765 * Decimal("0.083")


def test_database_with_standby() -> None:
    standby = Attached(
        kind="postgresql", size="GP_Standard_D2ds_v5",
        options={"deployment": "multi-az", "storage_gib": "64"},
    )  # fmt: skip
    of = bill("azure-app-service", "eastus", size="P1v3", services=(standby,))
    # both servers and both disks
    assert lines(of, "postgresql") == 2 * 730 * Decimal("0.178") + 2 * 64 * Decimal("0.115")
    of = bill("azure-app-service", "northeurope", size="P1v3", services=(standby,))
    assert lines(of, "postgresql") == 2 * 730 * Decimal("0.198") + 2 * 64 * Decimal("0.1265")


def test_reserved_database() -> None:
    single = Attached(kind="postgresql", size="GP_Standard_D2ds_v5")
    of = bill(
        "azure-app-service", "northeurope", size="P1v3", services=(single,),
        commitment="reserved-1y-all",
    )  # fmt: skip
    server = next(line for line in of.lines if line.sku.startswith("GP_"))
    # 1,038 USD for the year, paid at once
    assert server.upfront_usd == 1038
    assert server.monthly_usd == Decimal("86.5")


def test_services() -> None:
    with_all = (
        Attached(kind="redis", size="Balanced_B1", options={"deployment": "multi-az"}),
        Attached(
            kind="object-storage",
            options={"storage_gib": "100", "writes_month": "10000", "reads_month": "1000000"},
        ),
        Attached(kind="queue", options={"requests_month": "14000000"}),
        Attached(kind="dns", options={"zones": "30", "requests_month": "2000000"}),
        Attached(kind="waf", options={"capacity_units": "3"}),
        Attached(kind="kms", options={"keys": "2"}),
        Attached(kind="search"),
    )
    of = bill("azure-app-service", "northeurope", size="P1v3", services=with_all)
    assert of.unpriced == ()
    assert lines(of, "managed-redis") == 2 * 730 * Decimal("0.035")
    assert lines(of, "blob-storage") == 100 * Decimal("0.022") + Decimal("0.05") + Decimal("0.40")
    # 13 million operations come with the base charge
    assert lines(of, "service-bus") == 730 * Decimal("0.013441") + Decimal("0.80")
    assert lines(of, "dns") == 25 * Decimal("0.50") + 5 * Decimal("0.10") + 2 * Decimal("0.40")
    assert lines(of, "application-gateway") == 730 * (Decimal("0.432") + 3 * Decimal("0.0144"))
    assert lines(of, "ai-search") == 730 * Decimal("0.101")
    keys = [line.monthly_usd for line in of.lines if line.sku == "hsm-key"]
    assert keys == [2]


def test_what_has_no_price_is_told() -> None:
    of = bill(CONTAINER_APPS, "germanywestcentral")
    assert [(u.service, u.sku) for u in of.unpriced] == [("container-apps", "request")]
    of = bill("azure-app-service-basic", "westeurope", size="B1")
    assert [(u.service, u.sku) for u in of.unpriced] == [("app-service", "linux-B1")]


def test_sizes_and_limits() -> None:
    apps = CATALOG.platform(CONTAINER_APPS)
    assert len(apps.sizes) == 16
    assert all(size.memory_mib == 2048 * size.vcpu for size in apps.sizes)
    assert apps.limits.request_s is not None and apps.limits.request_s.value == 240
    assert apps.limits.replicas_min == 0 and apps.scaling.to_zero
    nodes = {size.name: size for size in CATALOG.platform("azure-aks").sizes}
    # 8 GiB less 30 pods x 20 MB + 50 MB, less 100 MiB of eviction threshold
    assert nodes["Standard_D2s_v5"].memory_mib == 8192 - 650 - 100
    assert nodes["Standard_D2ps_v5"].arch == "arm64"
    assert nodes["Standard_NC64as_T4_v3"].gpus == 4


@pytest.mark.parametrize("region", ["eastus", "northeurope", "westeurope"])
def test_machines_are_not_priced_with_windows(region: str) -> None:
    """Within a family the price is proportional to the processors; a Windows licence breaks it."""
    hours = {p.sku: p.price_usd for p in CATALOG.prices
             if (p.service, p.region, p.commitment) == ("vm", region, "on-demand")}  # fmt: skip
    for size in CATALOG.platform("azure-aks").sizes:
        if size.vcpu <= 16 and not size.gpus and not size.name.startswith("Standard_B"):
            smallest = size.name.replace(f"{size.vcpu:.0f}", "2", 1)
            assert abs(hours[size.name] * 2 / int(size.vcpu) / hours[smallest] - 1) < Decimal(
                "0.015"
            )  # fmt: skip
