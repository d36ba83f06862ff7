"""The paged lists, of Azure and of Google Cloud, played back; and the packaged mappings."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seatrial.catalog.load import load
from seatrial.catalog.refresh import azure, google
from seatrial.catalog.refresh.azure import measure
from seatrial.catalog.refresh.convert import prices
from seatrial.catalog.refresh.fetch import Limits, Web
from seatrial.catalog.refresh.run import refresh
from seatrial.catalog.refresh.sources import PROVIDERS, Want, asks, known, parse, wants
from seatrial.catalog.rows import merge
from seatrial.kernel.errors import CatalogError, InputError
from seatrial.kernel.platform import Price

if (lists := sys.modules.get("price_lists")) is None:
    spec = importlib.util.spec_from_file_location(
        "price_lists", Path(__file__).with_name("price_lists.py")
    )
    assert spec is not None and spec.loader is not None
    sys.modules["price_lists"] = lists = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lists)

QUICK = Limits(connect_s=2, silence_s=2, wait_s=0.01, wait_max_s=0.02, pages_max=5)
RUN = "152E-C115-5142"
ENGINE = "6F81-5844-456A"


@pytest.fixture
def server() -> Iterator[Any]:
    with lists.served() as running:
        yield running


def taken(
    module: Any, provider: str, server: Any, known_skus: dict[str, set[str]], region: str,
    headers: dict[str, str] | None = None,
) -> tuple[list[Price], list[str]]:  # fmt: skip
    """Rows and reasons for the packaged mapping against what the server plays."""
    wanted = wants(asks(provider), known_skus)
    assert wanted
    with Web(server.url, lambda _: None, QUICK, headers) as web:
        found = module.fetch(wanted, [region], web)
    rows: list[Price] = []
    reasons: list[str] = []
    for i, want in enumerate(wanted):
        for place in want.places([region]):
            entries = [found.get((place, i, j), []) for j in range(len(want.parts))]
            made, why = prices(provider, want, place, entries)
            rows.extend(made)
            reasons.extend(why)
    merge([("fetched", row) for row in rows], ())
    return rows, reasons


# ---------------------------------------------------------------------------------------- Azure

VM = {
    "serviceName": "Virtual Machines", "productName": "Virtual Machines Dsv5 Series",
    "armSkuName": "Standard_D2s_v5", "skuName": "D2s v5",
}  # fmt: skip
APPS = {"container-apps": {"vcpu-second-active", "memory-gb-second-active", "request"}}


def test_azure_machines_on_demand_and_reserved(server: Any) -> None:
    lists.azure(server, [
        lists.meter("D2s v5", 0.096, "1 Hour", **VM),
        lists.meter("D2s v5", 0.096, "1 Hour", **VM, location="another label"),
        lists.meter("D2s v5", 0.188, "1 Hour", **{
            **VM, "productName": "Virtual Machines Dsv5 Series Windows", "meterId": "w"}),
        lists.meter("D2s v5 Spot", 0.0182, "1 Hour", **{**VM, "skuName": "D2s v5 Spot"}),
        lists.meter("D2s v5 Low Priority", 0.0192, "1 Hour", **{
            **VM, "skuName": "D2s v5 Low Priority"}),
        lists.meter("D2s v5", 0.05, "1 Hour", **VM, type="DevTestConsumption"),
        lists.meter("D2s v5", 496.0, "1 Hour", **VM, type="Reservation", reservationTerm="1 Year"),
        lists.meter("D2s v5", 960.0, "1 Hour", **VM, type="Reservation", reservationTerm="3 Years"),
        lists.meter("D2s v5", 0.09, "1 Hour", **{**VM, "armRegionName": "westus2"}),
    ])  # fmt: skip
    rows, reasons = taken(azure, "azure", server, {"vm": {"Standard_D2s_v5"}}, "eastus")
    assert not reasons
    assert {r.commitment: (r.price_usd, r.upfront_usd) for r in rows} == {
        "on-demand": (Decimal("0.096"), 0),
        "reserved-1y-all": (0, Decimal(496)), "reserved-3y-all": (0, Decimal(960)),
    }  # fmt: skip
    assert all("in force since 2022-06-01" in r.source for r in rows)
    assert "and armRegionName eq 'eastus'" in server.queries[0]["$filter"][0]
    assert server.queries[0]["currencyCode"] == ["USD"]


def test_azure_units_tiers_and_free_grant(server: Any) -> None:
    lists.azure(server, [
        lists.meter("Standard vCPU Active Usage", 0.0, "1 Second"),
        lists.meter("Standard vCPU Active Usage", 2.4e-05, "1 Second", tierMinimumUnits=180000.0),
        lists.meter("Standard Memory Active Usage", 3e-06, "1 GiB Second"),
        lists.meter("Standard Requests", 0.4, "1M"),
    ])  # fmt: skip
    rows, reasons = taken(azure, "azure", server, APPS, "eastus")
    assert not reasons
    assert {r.sku: (r.unit, f"{r.price_usd:f}", r.tier_from) for r in rows} == {
        "vcpu-second-active": ("vCPU-second", "0.000024", 0),
        "memory-gb-second-active": ("GB-second", "0.000003", 0),
        "request": ("request", "0.0000004", 0),
    }  # fmt: skip


def test_azure_many_sizes_are_one_question(server: Any) -> None:
    names = [f"Standard_D{n}s_v5" for n in range(2, 22, 2)]
    lists.azure(server, [
        lists.meter("Ds v5", n / 100, "1 Hour", **{**VM, "armSkuName": name}, meterId=name)
        for n, name in enumerate(names, 1)
    ], page=4)  # fmt: skip
    rows, _ = taken(azure, "azure", server, {"vm": set(names)}, "eastus")
    assert sorted(r.price_usd for r in rows) == [Decimal(n) / 100 for n in range(1, 11)]
    assert server.asked["/api/retail/prices"] == 3


def test_azure_savings_plans(server: Any) -> None:
    plans = [
        {"unitPrice": 2.04e-05, "retailPrice": 2.04e-05, "term": "1 Year"},
        {"unitPrice": 1.992e-05, "retailPrice": 1.992e-05, "term": "3 Years"},
    ]
    lists.azure(server, [
        lists.meter("Standard vCPU Active Usage", 2.4e-05, "1 Second", savingsPlan=plans),
    ])  # fmt: skip
    rows, reasons = taken(azure, "azure", server, APPS, "eastus")
    assert not reasons
    assert {r.commitment: (f"{r.price_usd:f}", r.upfront_usd) for r in rows} == {
        "on-demand": ("0.000024", 0), "savings-plan-1y-none": ("0.0000204", 0),
        "savings-plan-3y-none": ("0.00001992", 0),
    }  # fmt: skip


def test_azure_tiers_count_in_the_unit_of_measure(server: Any) -> None:
    text = """
    [[ask]]
    list = "Functions"
    service = "functions"
    sku = "execution"
    unit = "request"
    list_unit = ""
    where = { meterName = "Standard Total Executions" }
    """
    (want,) = wants(parse(text, "test.toml"), {"functions": {"execution"}})
    name, kind = "Standard Total Executions", {"serviceName": "Functions"}
    lists.azure(server, [
        lists.meter(name, 0.0, "10", **kind),
        lists.meter(name, 0.000002, "10", tierMinimumUnits=100000.0, **kind),
    ])  # fmt: skip
    with Web(server.url, lambda _: None, QUICK) as web:
        found = azure.fetch([want], ["eastus"], web)
    rows, _ = prices("azure", want, "eastus", [found["eastus", 0, 0]])
    assert [(r.tier_from, r.tier_to, f"{r.price_usd:f}") for r in rows] == [
        (0, 1_000_000, "0"), (1_000_000, None, "0.0000002"),
    ]  # fmt: skip
    assert "free" in rows[0].source


def test_azure_prices_of_the_past_and_the_future_are_not_taken(server: Any) -> None:
    name = "Standard Requests"
    lists.azure(server, [
        lists.meter(name, 0.3, "1M", effectiveEndDate="2024-01-01T00:00:00Z", meterId="old"),
        lists.meter(name, 0.4, "1M"),
        lists.meter(name, 0.9, "1M", effectiveStartDate="2999-01-01T00:00:00Z", meterId="new"),
        lists.meter(name, 0.8, "1M", isPrimaryMeterRegion=False, meterId="elsewhere"),
    ])  # fmt: skip
    rows, reasons = taken(azure, "azure", server, APPS, "eastus")
    assert [f"{r.price_usd:f}" for r in rows] == ["0.0000004"] and not reasons


@pytest.mark.parametrize(
    ("unit", "units", "word"),
    [("1 Hour", 1, "Hour"), ("100 GB/Month", 100, "GB/Month"), ("1M", 10**6, ""),
     ("10K", 10**4, ""), ("10", 10, ""), ("1/Month", 1, "Month"), ("1 GiB Second", 1, "GiB Second"),
     ("1 MB", 1, "MB"), ("1.5 Hours", Decimal("1.5"), "Hours"), ("1K Transactions", 1000,
     "Transactions")],
)  # fmt: skip
def test_azure_units_of_measure(unit: str, units: Any, word: str) -> None:
    assert measure(unit, "x") == (units, word)


@pytest.mark.parametrize("unit", ["", "Hour", "0 Hours", "-1 Hour", "many"])
def test_azure_units_that_are_none(unit: str) -> None:
    with pytest.raises(CatalogError, match="unit of measure"):
        measure(unit, "x")


def test_azure_another_unit_is_refused(server: Any) -> None:
    lists.azure(server, [lists.meter("Standard Requests", 0.4, "1 Hour")])
    rows, reasons = taken(azure, "azure", server, APPS, "eastus")
    assert not rows and "priced per 'Hour'" in reasons[0]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"{", "not a page of prices"),
        (b"[]", "not a page of prices"),
        (b'{"Items": [{"meterName": "x"}]}', "not a page of prices"),
        (b'{"Items": [], "NextPageLink": "http://192.0.2.1/more"}', "another host"),
        (b'{"Items": [], "NextPageLink": "/api/retail/prices?again"}', "in a circle"),
    ],
)
def test_azure_malformed_pages(server: Any, body: bytes, what: str) -> None:
    server.routes.append(lambda *_: lists.Answer(body))
    with pytest.raises(CatalogError, match=what):
        taken(azure, "azure", server, APPS, "eastus")


def test_azure_pages_without_end(server: Any) -> None:
    def route(_: str, query: dict[str, list[str]], __: Any) -> Any:
        at = int(query.get("n", ["0"])[0]) + 1
        link = f'"/api/retail/prices?n={at}"'
        return lists.Answer(b'{"Items": [], "NextPageLink": %s}' % link.encode())

    server.routes.append(route)
    with pytest.raises(CatalogError, match="never end"):
        taken(azure, "azure", server, APPS, "eastus")


def test_azure_amounts_in_another_currency(server: Any) -> None:
    lists.azure(server, [lists.meter("Standard Requests", 0.4, "1M", currencyCode="EUR")])
    with pytest.raises(CatalogError, match="not in USD"):
        taken(azure, "azure", server, APPS, "eastus")


# --------------------------------------------------------------------------------------- Google


def test_google_cloud_run(server: Any) -> None:
    tiered = [
        {"startUsageAmount": start,
         "unitPrice": {"currencyCode": "USD", "units": "0", "nanos": nanos}}
        for start, nanos in ((0, 0), (2_000_000, 400))
    ]  # fmt: skip
    lists.google(server, {RUN: [
        lists.sku("Services CPU (Request-based billing)", 24000, "s",
                  regions=["us-central1", "europe-west1"]),
        lists.sku("Services CPU Tier 2  (Request-based billing)", 33600, "s",
                  regions=["europe-west3"]),
        lists.sku("Services Memory (Request-based billing)", 2500, "GiBy.s"),
        lists.sku("Services CPU (Instance-based billing) in us-central1", 18000, "s"),
        lists.sku("Requests", 0, "count", regions=["global"], rates=tiered),
    ]})  # fmt: skip
    skus = {"cloud-run": {"vcpu-second", "memory-gib-second", "request"}}
    key = {"X-Goog-Api-Key": "secret"}
    rows, reasons = taken(google, "google", server, skus, "us-central1", key)
    assert not reasons
    assert {(r.sku, r.region): f"{r.price_usd:f}" for r in rows} == {
        ("vcpu-second", "us-central1"): "0.000024",
        ("memory-gib-second", "us-central1"): "0.0000025",
        ("request", "*"): "0.0000004",
    }
    assert {row.as_of for row in rows} == {"2026-11-20"}
    assert server.headers[0]["X-Goog-Api-Key"] == "secret"
    assert not any("key" in query for query in server.queries)
    rows, _ = taken(google, "google", server, skus, "europe-west3")
    assert ("vcpu-second", "0.0000336") in [(r.sku, f"{r.price_usd:f}") for r in rows]


def test_google_machines_are_processors_and_memory(server: Any) -> None:
    lists.google(server, {ENGINE: [
        lists.sku("E2 Instance Core running in Americas", 21811590, "h"),
        lists.sku("E2 Instance Ram running in Americas", 2923530, "GiBy.h"),
        lists.sku("E2 Custom Instance Core running in Americas", 22900000, "h"),
        lists.sku("Spot Preemptible E2 Instance Core running in Americas", 8940000, "h",
                  usageType="Preemptible"),
        lists.sku("Spot Preemptible E2 Instance Ram running in Americas", 1198000, "GiBy.h",
                  usageType="Preemptible"),
        lists.sku("Commitment v1: E2 Cpu in Americas for 1 Year", 13741000, "h",
                  usageType="Commit1Yr"),
    ]})  # fmt: skip
    skus = {"compute-engine": {"e2-standard-2", "n2-standard-2"}}
    rows, reasons = taken(google, "google", server, skus, "us-central1")
    assert {r.commitment: f"{r.price_usd:f}" for r in rows} == {
        "on-demand": "0.06701142", "spot": "0.027464",
    }  # fmt: skip
    assert reasons == ["on-demand: one of its parts is not in the list"]
    assert "; " in rows[0].source


def test_google_whole_dollars_and_billionths(server: Any) -> None:
    lists.google(server, {"9662-B51E-5089": [
        lists.sku("Cloud SQL for PostgreSQL: Zonal - Micro instance in Americas", 5, "h",
                  units="12345678901"),
    ]})  # fmt: skip
    skus = {"cloud-sql-postgresql": {"db-f1-micro/single-az"}}
    rows, _ = taken(google, "google", server, skus, "us-central1")
    assert [f"{r.price_usd:f}" for r in rows] == ["12345678901.000000005"]


def test_google_another_unit_is_refused(server: Any) -> None:
    lists.google(server, {RUN: [lists.sku("Services CPU (Request-based billing)", 24000, "h")]})
    _, reasons = taken(google, "google", server, {"cloud-run": {"vcpu-second"}}, "us-central1")
    assert "priced per 'h', not per s" in reasons[0]


@pytest.mark.parametrize(
    ("body", "what"),
    [(b"{", "not a page of SKUs"), (b'{"skus": {}}', "not a page of SKUs"),
     (b'{"skus": [], "nextPageToken": "again"}', "in a circle")],
)  # fmt: skip
def test_google_malformed_pages(server: Any, body: bytes, what: str) -> None:
    server.routes.append(lambda *_: lists.Answer(body))
    with pytest.raises(CatalogError, match=what):
        taken(google, "google", server, {"cloud-run": {"vcpu-second"}}, "us-central1")


def test_google_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs an API key"):
        refresh(("google",), tmp_path, {}, lambda _: None)


def test_google_refuses_the_key(server: Any) -> None:
    server.routes.append(lambda *_: lists.Answer(b"{}", 403))
    with pytest.raises(InputError, match="refuses: 403") as caught:
        taken(google, "google", server, {"cloud-run": {"vcpu-second"}}, "us-central1")
    assert "secret" not in str(caught.value)


# ------------------------------------------------------------------------------------- mappings


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_packaged_mapping_fits_the_catalogue(provider: str) -> None:
    catalog = load()
    skus = known(catalog, provider)
    if not skus:
        pytest.skip(f"the catalogue has no prices of {provider}")
    wanted = wants(asks(provider), skus)
    units = {(p.service, p.sku): p.unit for p in catalog.prices if p.provider == provider}
    assert all(units.get((w.ask.service, w.sku), w.ask.unit) == w.ask.unit for w in wanted)
    unused = {a.sku for a in asks(provider)} - {w.ask.sku for w in wanted}
    assert not unused, "the mapping asks for what no design can use"


def sizes(wanted: tuple[Want, ...], service: str) -> set[str]:
    return {want.sku for want in wanted if want.ask.service == service}


def test_every_size_of_servers_is_asked_for() -> None:
    catalog = load()
    wanted = wants(asks("aws"), known(catalog, "aws"))
    servers = {size.name for size in catalog.platform("aws-ecs-ec2").sizes}
    assert servers <= sizes(wanted, "ec2")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[[ask]", "not TOML"),
        ("[[ask]]\nlist = 3", "Expected `str`"),
        ('[[ask]]\nlist="a"\nservice="s"\nsku="k"\nunit="parsec"\nlist_unit="h"\nusage="u"',
         "unknown unit"),
        ('[[ask]]\nlist="a"\nservice="s"\nsku="k"\nunit="hour"\nlist_unit="h"', "neither usage"),
        ('[[ask]]\nlist="a"\nservice="s"\nsku="k"\nunit="hour"\nlist_unit="h"\nusage="u"\nper="0"',
         "per is not above 0"),
        ('[[ask]]\nlist="a"\nservice="s"\nsku="k"\nunit="hour"\nlist_unit="h"\nusage="u"\nx=1',
         "unknown field `x`"),
    ],
)  # fmt: skip
def test_wrong_mappings_are_refused(text: str, what: str) -> None:
    with pytest.raises(CatalogError, match=what) as caught:
        parse(text, "aws.toml")
    assert caught.value.where.startswith("aws.toml")
