"""Fetching from a server that plays the AWS price list back: what is taken, and what is refused."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seatrial.catalog.load import load
from seatrial.catalog.refresh import write
from seatrial.catalog.refresh.aws import fetch as fetch_lists
from seatrial.catalog.refresh.fetch import Limits, Web
from seatrial.catalog.refresh.run import Refresh, refresh
from seatrial.catalog.refresh.sources import parse, wants
from seatrial.catalog.rows import COLUMNS
from seatrial.kernel.errors import CatalogError, InputError, TransientError
from seatrial.kernel.platform import Price

if (lists := sys.modules.get("price_lists")) is None:
    spec = importlib.util.spec_from_file_location(
        "price_lists", Path(__file__).with_name("price_lists.py")
    )
    assert spec is not None and spec.loader is not None
    sys.modules["price_lists"] = lists = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lists)

QUICK = Limits(connect_s=2, silence_s=2, wait_s=0.01, wait_max_s=0.02)
ECS = f"/offers/v1.0/aws/AmazonECS/{lists.VERSION}/us-east-1/index.csv"


@pytest.fixture
def server() -> Iterator[Any]:
    with lists.served() as running:
        yield running


@pytest.fixture
def aws(server: Any) -> Any:
    made = lists.Aws(server)
    made.put("AmazonECS", *lists.fargate())
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "prices"


FARGATE = """
[[ask]]
list = "AmazonECS"
service = "fargate"
sku = "vcpu-hour-x86_64"
unit = "vCPU-hour"
usage = "Fargate-vCPU-Hours:perCPU"
list_unit = "hours"
"""


def read(server: Any, limits: Limits = QUICK) -> list[str]:
    """Read one list only; the prices found."""
    wanted = wants(parse(FARGATE, "test.toml"), {"fargate": {"vcpu-hour-x86_64"}})
    with Web(server.url, lambda _: None, limits) as web:
        found = fetch_lists(wanted, ["us-east-1"], web)
    return [str(tier.price_usd) for entries in found.values() for e in entries for tier in e.tiers]


def run(server: Any, folder: Path, limits: Limits = QUICK, **more: Any) -> Refresh:
    environ = {"SEATRIAL_PRICES_AWS_URL": server.url}
    return refresh(("aws",), folder, environ, lambda _: None, limits=limits, **more)


def rows(folder: Path, sku: str = "vcpu-hour-x86_64") -> list[Price]:
    return [price for price in write.read(folder, "aws") if price.sku == sku]


def test_rows_are_ours_with_source_and_the_list_s_date(server: Any, aws: Any, folder: Path) -> None:
    done = run(server, folder)
    (row,) = rows(folder)
    assert (row.service, row.region, row.unit) == ("fargate", "us-east-1", "vCPU-hour")
    assert row.price_usd == Decimal("0.04048")
    assert row.as_of == "2026-11-11"
    assert f"AmazonECS/{lists.VERSION}/us-east-1, SKU " in row.source
    (one,) = done.providers
    assert one.rows == 2 and one.written == str(folder / "aws.csv")
    assert done.exit_code == 0


def test_the_loader_lays_them_over_the_packaged(server: Any, aws: Any, folder: Path) -> None:
    aws.rows.clear()
    aws.put("AmazonECS", *lists.fargate("0.0440000000"))
    done = run(server, folder)
    assert [c.percent for c in done.providers[0].changes if c.kind == "changed"] == [Decimal("8.7")]
    found = [
        p for p in load(refreshed=folder).prices
        if (p.sku, p.region, p.commitment) == ("vcpu-hour-x86_64", "us-east-1", "on-demand")
    ]  # fmt: skip
    assert [p.price_usd for p in found] == [Decimal("0.044")]


def test_what_a_later_release_knows_better_is_left_out(folder: Path) -> None:
    head = ",".join(COLUMNS)
    row = "aws,fargate,vcpu-hour-x86_64,us-east-1,{unit},0,,on-demand,{usd},,,an older list,{date}"

    def loaded(unit: str, date: str) -> set[Decimal]:
        folder.mkdir(exist_ok=True)
        (folder / "aws.csv").write_text(f"{head}\n{row.format(unit=unit, usd='9', date=date)}\n")
        return {
            p.price_usd for p in load(refreshed=folder).prices
            if (p.sku, p.region, p.commitment) == ("vcpu-hour-x86_64", "us-east-1", "on-demand")
        }  # fmt: skip

    assert loaded("vCPU-hour", "2030-01-01") == {Decimal(9)}
    assert loaded("vCPU-hour", "2020-01-01") == {Decimal("0.04048")}
    assert loaded("hour", "2030-01-01") == {Decimal("0.04048")}


def test_other_regions_have_a_prefix_in_their_usage_types(
    server: Any, aws: Any, folder: Path
) -> None:
    aws.put("AmazonECS", *lists.fargate("0.0404800000", "EU-"), region="eu-west-1")
    run(server, folder)
    assert {row.region for row in rows(folder)} == {"us-east-1", "eu-west-1"}


def test_tiers(server: Any, aws: Any, folder: Path) -> None:
    steps = (("0", "10240", "0.09"), ("10240", "51200", "0.085"), ("51200", "Inf", "0.07"))
    aws.put("AWSDataTransfer", *(
        lists.row("DataTransfer-Out-Bytes", price, "GB", "JQ22T8XSMVFN7Y6J", **{
            "StartingRange": low, "EndingRange": high, "Transfer Type": "AWS Outbound",
        })
        for low, high, price in steps
    ))  # fmt: skip
    run(server, folder, accept=True)
    assert [(str(r.tier_from), r.tier_to and str(r.tier_to), str(r.price_usd))
            for r in rows(folder, "internet-out")] == [
        ("0", "10240", "0.09"), ("10240", "51200", "0.085"), ("51200", None, "0.07"),
    ]  # fmt: skip


def test_instances_by_type_on_demand_and_reserved(server: Any, aws: Any, folder: Path) -> None:
    usage = "BoxUsage:t3.medium"
    aws.put("AmazonEC2", lists.row(usage, "0.0416000000", "Hrs", **lists.LINUX))
    aws.put("AmazonEC2", lists.row(usage, "0.0600000000", "Hrs", "W", **{
        **lists.LINUX, "Operating System": "Windows"}))  # fmt: skip
    aws.put("AmazonEC2", lists.row("BoxUsage:u-24tb1.metal", "218.4", "Hrs", **lists.LINUX))
    for years, payment, hour, fee in (
        (1, "No Upfront", "0.0261000000", ""), (1, "Partial Upfront", "0.0124000000", "109"),
        (3, "All Upfront", "0.0000000000", "412"),
    ):  # fmt: skip
        aws.put("AmazonEC2", *lists.reserved(usage, years, payment, hour, fee, **lists.LINUX))
    convertible = {**lists.LINUX, "OfferingClass": "convertible"}
    aws.put("AmazonEC2", *lists.reserved(usage, 1, "No Upfront", "0.03", "", **convertible))
    run(server, folder, accept=True)
    found = {
        r.commitment: (str(r.price_usd), str(r.upfront_usd)) for r in rows(folder, "t3.medium")
    }
    assert found == {
        "on-demand": ("0.0416", "0"), "reserved-1y-none": ("0.0261", "0"),
        "reserved-1y-partial": ("0.0124", "109"), "reserved-3y-all": ("0", "412"),
    }  # fmt: skip
    assert not rows(folder, "u-24tb1.metal")
    load(refreshed=folder)


def test_local_zones_and_other_kinds_of_balancer_are_not_taken(
    server: Any, aws: Any, folder: Path
) -> None:
    kind = {"Product Family": "Load Balancer-Application"}
    aws.put("AWSELB", lists.row("LoadBalancerUsage", "0.0225", "Hrs", "A", **kind))
    aws.put("AWSELB", lists.row("LoadBalancerUsage", "0.0225", "Hrs", "N", **{
        "Product Family": "Load Balancer-Network"}))  # fmt: skip
    aws.put("AWSELB", lists.row("TS-LoadBalancerUsage", "0.0056", "Hrs", "T", **kind))
    aws.put("AWSELB", lists.row("LoadBalancerUsage", "0.027", "Hrs", "L", **{
        **kind, "Location Type": "AWS Local Zone"}))  # fmt: skip
    run(server, folder)
    assert [str(r.price_usd) for r in rows(folder, "load-balancer-hour")] == ["0.0225"]


def test_gzip(server: Any, aws: Any) -> None:
    aws.faults[ECS] = [lists.zipped]
    assert read(server) == ["0.0404800000"]
    aws.put("AmazonECS", *(lists.row(f"x{n}", "1", "hours") for n in range(9000)))
    assert read(server) == ["0.0404800000"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_host_is_asked_again(server: Any, aws: Any, status: int) -> None:
    busy = lists.Answer(b"slow down", status, {"Retry-After": "0"})
    aws.faults[ECS] = [busy, busy, lists.Answer]
    assert read(server) and server.asked[ECS] == 3


def cut(body: bytes) -> Any:
    return lists.Answer(body, cut_after=len(body) // 2)


def broken_chunk(body: bytes) -> Any:
    return lists.Answer(body, chunked=True)


def cut_gzip(body: bytes) -> Any:
    return lists.zipped(body, len(body) // 8)


def slow(body: bytes) -> Any:
    return lists.Answer(body, wait_s=3.0)


@pytest.mark.parametrize("fault", [cut, broken_chunk, cut_gzip])
def test_a_cut_answer_is_fetched_again(server: Any, aws: Any, fault: Any) -> None:
    aws.faults[ECS] = [fault, lists.Answer]
    assert read(server) and server.asked[ECS] == 2


SHORT = Limits(connect_s=2, silence_s=0.3, wait_s=0.01, wait_max_s=0.02, attempts=2)


@pytest.mark.parametrize("fault", [cut, broken_chunk, cut_gzip, slow])
def test_a_host_that_stays_bad_is_told(server: Any, aws: Any, fault: Any) -> None:
    aws.faults[ECS] = [fault]
    with pytest.raises(TransientError) as caught:
        read(server, SHORT)
    assert caught.value.exit_code == 75
    assert "AmazonECS us-east-1" in caught.value.what and caught.value.fix
    assert caught.value.where.startswith(server.url)
    assert server.asked[ECS] == 2


def test_a_failure_leaves_the_old_file(server: Any, aws: Any, folder: Path) -> None:
    run(server, folder)
    before = (folder / "aws.csv").read_bytes()
    aws.faults[ECS] = [cut]
    with pytest.raises(TransientError):
        run(server, folder, SHORT)
    aws.faults[ECS] = [lists.Answer(b"<html>")]
    with pytest.raises(CatalogError):
        run(server, folder)
    assert (folder / "aws.csv").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "aws.csv"]


def test_the_network_is_away(folder: Path) -> None:
    with lists.served() as gone:
        url = gone.url
    with pytest.raises(TransientError) as caught:
        refresh(
            ("aws",), folder, {"SEATRIAL_PRICES_AWS_URL": url}, lambda _: None, limits=QUICK
        )  # fmt: skip
    assert url in caught.value.where and "check the network" in caught.value.fix


def test_a_slow_list_has_an_end(server: Any, aws: Any) -> None:
    aws.faults[ECS] = [lambda body: lists.Answer(body, wait_s=0.02)]
    with pytest.raises(TransientError, match="took longer than"):
        read(server, Limits(silence_s=2, total_s=0.3))


def test_a_huge_body_is_not_read(server: Any, aws: Any) -> None:
    aws.put("AmazonECS", *(lists.row(f"x{n}", "1", "hours") for n in range(5000)))
    with pytest.raises(CatalogError, match="larger than 100000 bytes"):
        read(server, Limits(bytes_max=100_000))
    aws.faults[ECS] = [lambda _: lists.zipped(b"\0" * 50_000_000)]
    with pytest.raises(CatalogError, match="larger than"):
        read(server, Limits(bytes_max=500_000))


def without(column: str) -> Any:
    kept = tuple(name for name in lists.COLUMNS if name != column)
    return lambda _: lists.Answer(lists.aws_csv("AmazonECS", "us-east-1", lists.fargate(), kept))


def swapped(old: bytes, new: bytes) -> Any:
    return lambda body: lists.Answer(body.replace(old, new))


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (without("PricePerUnit"), "no column priceperunit"),
        (without("usageType"), "no column usagetype"),
        (swapped(b"v1.0", b"v2.0"), "in format v1.0"),
        (swapped(b'"AmazonECS"', b'"AmazonEC2"'), "is not the list of AmazonECS"),
        (swapped(b"2026-11-11T12:44:25Z", b"yesterday"), "is not a date"),
        (swapped(b"0.0404800000", b"-0.04"), "is not an amount"),
        (swapped(b"0.0404800000", b"NaN"), "is not an amount"),
        (swapped(b"0.0404800000", b"free"), "is not an amount"),
        (swapped(b'"USD"', b'"CNY"'), "not in USD"),
        (swapped(b'"SKU",', b'"sku",'), "does not start with"),
        (lambda body: lists.Answer(body[: body.rindex(b'","AmazonECS"')]), "not CSV"),
        (lambda body: lists.Answer(body[: body.rindex(b',"AmazonECS"')]), "cells instead of"),
        (lambda body: lists.Answer(body + b"\xff\xfe\n"), "not CSV"),
        (lambda body: lists.Answer(b"<html>maintenance</html>"), "does not start with"),
        (lambda body: lists.Answer(b""), "no row of column names"),
        (lambda body: lists.Answer(b"x" * 3_000_000), "longer than"),
        (lambda body: lists.Answer(b"not gzip", headers={"Content-Encoding": "gzip"}), "not gzip"),
        (lambda body: lists.Answer(body, headers={"Content-Encoding": "br"}), "encoded as"),
        (lambda body: lists.Answer(b"gone", 410), "no list there: 410"),
        (lambda body: lists.Answer(b"", 302, {"Location": "http://192.0.2.1/"}), "no list there"),
    ],
)
def test_a_malformed_list_is_refused(server: Any, aws: Any, fault: Any, what: str) -> None:
    aws.faults[ECS] = [fault]
    with pytest.raises(CatalogError) as caught:
        read(server)
    assert what in caught.value.what
    assert caught.value.exit_code == 2 and caught.value.where and caught.value.fix


def test_an_index_that_points_elsewhere_is_refused(server: Any, aws: Any) -> None:
    index = "/offers/v1.0/aws/AmazonECS/current/region_index.json"
    aws.faults[index] = [swapped(b'"/offers', b'"http://192.0.2.1/offers')]
    with pytest.raises(CatalogError, match="another host"):
        read(server)
    aws.faults[index] = [lists.Answer(b'{"regions": []}')]
    with pytest.raises(CatalogError, match="not a region index"):
        read(server)


def test_another_unit_is_refused_and_the_old_price_stays(
    server: Any, aws: Any, folder: Path
) -> None:
    run(server, folder)
    aws.rows.clear()
    aws.put("AmazonECS", *lists.fargate("0.05"))
    aws.rows["AmazonECS", "us-east-1"][0]["Unit"] = "minutes"
    done = run(server, folder)
    (left,) = done.providers[0].unusable
    assert (left.sku, left.region) == ("vcpu-hour-x86_64", "us-east-1")
    assert "priced per 'minutes', not per hours" in left.reason
    assert done.exit_code == 1
    assert [str(r.price_usd) for r in rows(folder)] == ["0.04048"]


def test_two_prices_for_one_thing_are_refused(server: Any, aws: Any, folder: Path) -> None:
    aws.put("AmazonECS", lists.row("USE1-Fargate-vCPU-Hours:perCPU", "0.06", "hours", "OTHER"))
    done = run(server, folder)
    assert "2 entries with different prices" in done.providers[0].unusable[0].reason
    assert not rows(folder) and rows(folder, "memory-gb-hour-x86_64")


def test_a_price_of_nothing_is_refused(server: Any, aws: Any, folder: Path) -> None:
    aws.rows.clear()
    aws.put("AmazonECS", *lists.fargate("0.0000000000"))
    assert "the list says 0" in run(server, folder).providers[0].unusable[0].reason


def test_tiers_with_a_gap_are_refused(server: Any, aws: Any, folder: Path) -> None:
    aws.rows["AmazonECS", "us-east-1"][0]["EndingRange"] = "100"
    assert "last tier has an end" in run(server, folder).providers[0].unusable[0].reason


def test_nothing_found_is_no_refresh(server: Any, aws: Any, folder: Path) -> None:
    aws.rows.clear()
    with pytest.raises(CatalogError, match="nothing that was asked for"):
        run(server, folder)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1",
        "ftp://127.0.0.1",
        "https://user:pw@example.org",
        "x",
        "http://[",
        "file:///",
    ],
)
def test_only_https_or_this_machine(url: str, folder: Path) -> None:
    with pytest.raises(InputError, match="is not an https address"):
        refresh(("aws",), folder, {"SEATRIAL_PRICES_AWS_URL": url}, lambda _: None)


def test_an_unknown_provider_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="'oracle'"):
        refresh(("oracle",), folder, {}, lambda _: None)
