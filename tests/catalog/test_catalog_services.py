"""Managed services of AWS, and language models: each attaches to a design and prices as by hand."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

import pytest

from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import Usage
from seatrial.catalog.load import load
from seatrial.kernel.assessment import CostLine, Unpriced
from seatrial.kernel.design import Attached, Design
from seatrial.kernel.platform import ManagedService
from seatrial.kernel.units import micro_usd

CATALOG = load()
BOOK = PriceBook(CATALOG)
FARGATE = CATALOG.platform("aws-fargate")
OURS = [s for s in CATALOG.services if s.provider == "aws" or s.kind == "llm"]
IRELAND = "eu-west-1"


def attached(asked: str) -> Attached:
    """`kind=size,option=value,...`, as it is asked for; the size may be missing."""
    head, *options = asked.split(",")
    kind, _, size = head.partition("=")
    return Attached(kind=kind, size=size, options=dict(o.split("=", 1) for o in options))


def attach(
    asked: str, region: str = "us-east-1", commitment: str = "on-demand", free_tier: bool = False
) -> tuple[list[CostLine], list[Unpriced]]:
    """What the service adds to the bill of one Fargate task, and what of it has no price."""
    service = attached(asked)
    design = Design(
        platform="aws-fargate", region=region, size="1vcpu-2gb", vcpu=1.0, memory_mib=2048,
        replicas_min=1, replicas_max=1, workers=1, threads=8, commitment=commitment,
        services=(service,),
    )  # fmt: skip
    # Nothing runs, is logged or transferred: what is left is the service and fixed lines.
    bill = price(design, FARGATE, BOOK, Usage(free_tier=free_tier))
    offered = CATALOG.service("aws", service.kind)
    assert offered is not None and set(service.options) <= set(offered.options)
    own = {line.service for line in offered.bill}
    return (
        [line for line in bill.lines if line.service in own],
        [line for line in bill.unpriced if line.service in own],
    )


def monthly(
    asked: str, region: str = "us-east-1", commitment: str = "on-demand", free_tier: bool = False
) -> Decimal:
    lines, unpriced = attach(asked, region, commitment, free_tier)
    assert not unpriced
    return sum((line.monthly_usd for line in lines), Decimal(0))


def exactly(text: str) -> Decimal:
    return micro_usd(Decimal(text))


def test_asked_for() -> None:
    assert attached("dns") == Attached(kind="dns")
    assert attached("redis=cache.t3.micro") == Attached(kind="redis", size="cache.t3.micro")
    assert attached("dns,zones=2") == Attached(kind="dns", options={"zones": "2"})
    small = Attached(kind="redis", size="a", options={"nodes": "2", "engine": "valkey"})
    assert attached("redis=a,nodes=2,engine=valkey") == small


def test_every_service_of_aws_is_there() -> None:
    assert {s.kind for s in OURS if s.provider == "aws"} >= {
        "postgresql", "mysql", "aurora-postgresql", "redis", "key-value", "object-storage",
        "queue", "cdn", "dns", "waf", "kms", "file-storage", "backup", "email", "notifications",
        "identity", "search",
    }  # fmt: skip
    for provider in ("aws", "digitalocean", "own"):
        models = CATALOG.service(provider, "llm")
        assert models is not None and models.provider == "*"


def test_postgresql() -> None:
    # Two zones: 730 h x 0.065 = 47.45; 50 GB of gp3 x 0.23 = 11.50.
    asked = "postgresql=db.t4g.small,deployment=multi-az,storage_gib=50"
    assert monthly(asked) == exactly("58.95")
    # 730 h x 0.145 = 105.85; 20 GB x 0.115 = 2.30; 3,000 operations x 0.02 = 60.
    assert monthly("postgresql=db.t3.large,iops=3000") == exactly("168.15")
    # Ireland, two zones: 730 h x 0.704 = 513.92; 100 GB of gp2 x 0.253 = 25.30; 10 GB of
    # backups x 0.095 = 0.95.
    asked = "postgresql=db.m6g.xlarge,deployment=multi-az,storage=gp2,storage_gib=100,backup_gib=10"
    assert monthly(asked, IRELAND) == exactly("540.17")


def test_two_zones_cost_what_the_double_size_costs_in_one() -> None:
    """Holds for every list price known directly; derived rows are made so."""
    sizes = ["micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge"]
    compared = 0
    for family in ("t3", "t4g", "m6g", "m7g", "r6g"):
        for (small, large), region in (
            (pair, region) for pair in pairwise(sizes) for region in ("us-east-1", IRELAND)
        ):
            skus = (f"db.{family}.{small}/multi-az", f"db.{family}.{large}/single-az")
            rows = [BOOK.tiers("aws", "rds-postgresql", sku, region, "on-demand") for sku in skus]
            if all(rows):
                compared += 1
                assert rows[0][0].price_usd == rows[1][0].price_usd
    assert compared >= 20


def test_mysql_and_its_reservation() -> None:
    # 730 h x 0.136 = 99.28; for a year without upfront 730 h x 0.0957 = 69.861.
    asked = "mysql=db.t3.large,storage_gib=0"
    assert monthly(asked) == exactly("99.28")
    assert monthly(asked, commitment="reserved-1y-none") == exactly("69.861")


def test_aurora() -> None:
    # Two instances: 1,460 h x 0.26 = 379.60; 100 GB x 0.10 = 10; 50 million operations of the
    # storage x 0.20 a million = 10.
    asked = "aurora-postgresql=db.r6g.large,nodes=2,storage_gib=100,io_requests_month=50000000"
    assert monthly(asked) == exactly("399.60")
    # Serverless with 1.5 units on the mean: 730 h x 1.5 x 0.12 = 131.40.
    assert monthly("aurora-postgresql,nodes=0,acu=1.5,storage_gib=0") == exactly("131.40")
    # Three years paid at once: 2,378 an instance, so 2 x 2,378 / 36 a month.
    (line, *_), unpriced = attach(asked, commitment="reserved-3y-all")
    assert not unpriced and line.upfront_usd == 4756
    assert line.monthly_usd == micro_usd(Decimal(4756) / 36)


def test_redis() -> None:
    # 730 h x 0.017; two nodes of Valkey in Ireland: 2 x 730 h x 0.3664.
    assert monthly("redis=cache.t3.micro") == exactly("12.41")
    asked = "redis=cache.r6g.xlarge,engine=valkey,nodes=2"
    assert monthly(asked, IRELAND) == exactly("534.944")
    # Serverless: 2 GiB x 730 h x 0.084 = 122.64; 10^9 units x 0.0023 a million = 2.30.
    asked = "redis,nodes=0,engine=valkey,serverless_gib=2,ecpus_month=1000000000"
    assert monthly(asked) == exactly("124.94")


def test_reserved_nodes_of_redis() -> None:
    # A year without upfront: 730 h x 0.141. Three years at once: 2,434 / 36.
    large = "redis=cache.r6g.large"
    assert monthly(large, commitment="reserved-1y-none") == exactly("102.93")
    (line,), _ = attach(large, commitment="reserved-3y-all")
    assert (line.upfront_usd, line.monthly_usd) == (Decimal(2434), micro_usd(Decimal(2434) / 36))
    # A year, part upfront: 10,127 / 12 = 843.916667; 730 h x 1.156 = 843.88.
    (line,), _ = attach("redis=cache.m6g.12xlarge", commitment="reserved-1y-partial")
    assert (line.upfront_usd, line.monthly_usd) == (Decimal(10127), exactly("1687.796667"))


def test_key_value_on_demand_costs_what_it_does_since_november_2024() -> None:
    # 10 million reads x 0.125 = 1.25; a million writes x 0.625; 30 GB x 0.25 = 7.50, of which the
    # first 25 are free where the account's free tier is counted.
    asked = "key-value,reads_month=10000000,writes_month=1000000,storage_gib=30"
    assert monthly(asked) == exactly("9.375")
    assert monthly(asked, free_tier=True) == exactly("3.125")
    # Ireland: 10 x 0.1415 = 1.415; 0.705; 30 x 0.283 = 8.49.
    assert monthly(asked, IRELAND) == exactly("10.61")
    # Provisioned: 10 read units x 730 h x 0.00013 = 0.949; 5 write units x 730 x 0.00065 = 2.3725.
    assert monthly("key-value,read_units=10,write_units=5") == exactly("3.3215")


def test_object_storage_and_its_tiers() -> None:
    # 600,000 GB: 51,200 x 0.023 = 1,177.60; 460,800 x 0.022 = 10,137.60; 88,000 x 0.021 = 1,848.
    assert monthly("object-storage,storage_gib=600000") == exactly("13163.20")
    # A million uploads x 5.00 and ten million downloads x 0.40 a million.
    assert monthly("object-storage,writes_month=1000000,reads_month=10000000") == exactly("9")
    # Rarely read: 1,000 GB x 0.0125 = 12.50, and 100 GB read x 0.01 = 1.
    asked = "object-storage,class=standard-ia,storage_gib=1000,retrieval_gib=100"
    assert monthly(asked) == exactly("13.50")


def test_object_storage_in_ireland_goes_through_its_tiers() -> None:
    # 51,200 x 0.023 = 1177.60, and 8,800 x 0.022 = 193.60.
    lines, unpriced = attach("object-storage,storage_gib=60000", IRELAND)
    assert not unpriced
    assert sum(line.monthly_usd for line in lines) == exactly("1371.20")


def test_what_lies_above_the_known_tier_is_unpriced() -> None:
    # 100 thousand million x 0.50 per million are known, the other half is not.
    lines, (missing,) = attach("queue,class=fifo,requests_month=200000000000")
    assert lines[0].monthly_usd == exactly("50000")
    assert "above 100000000000 request" in missing.reason


def test_file_storage_in_ireland() -> None:
    # 100 x 0.025 = 2.50, and 10 x 0.011 = 0.11.
    asked = "file-storage,class=standard-ia,storage_gib=100,access_gib=10"
    lines, unpriced = attach(asked, IRELAND)
    assert not unpriced
    assert sum(line.monthly_usd for line in lines) == exactly("2.61")


def test_queue_and_its_tiers() -> None:
    asked = "queue,requests_month=3000000"
    assert monthly(asked) == exactly("1.20")
    assert monthly(asked, free_tier=True) == exactly("0.80")
    assert monthly(f"{asked},class=fifo") == exactly("1.50")
    # 250 thousand million: 100 x 400 + 100 x 300 + 50 x 240 USD.
    assert monthly("queue,requests_month=250000000000") == exactly("82000")


def test_cdn_by_where_the_viewers_are_and_how_much() -> None:
    # 60,000 GB in Europe: 10,240 x 0.085 = 870.40; 40,960 x 0.08 = 3,276.80; 8,800 x 0.06 = 528.
    # Ten million requests x 1.20 a million = 12.
    asked = "cdn,geography=europe,egress_gib=60000,requests_month=10000000"
    assert monthly(asked) == exactly("4687.20")
    # 1,024 GB and all the requests are free to the account: the last tier holds 7,776.
    assert monthly(asked, free_tier=True) == exactly("4613.76")
    # India: 1,000 GB x 0.109. The first 1,000 invalidations come with it: 500 x 0.005.
    asked = "cdn,geography=india,egress_gib=1000,invalidations_month=1500"
    assert monthly(asked) == exactly("111.50")


def test_edge_and_security() -> None:
    # A zone 0.50; 2,000 million queries: 400 + 200; two health checks 1.00.
    assert monthly("dns,requests_month=2000000000,health_checks=2") == exactly("601.50")
    # 5 + 10 rules + 10 million x 0.60.
    assert monthly("waf,rules=10,requests_month=10000000") == exactly("21")
    # Two keys, 50,000 requests x 0.03 per 10,000.
    assert monthly("kms,keys=2,requests_month=50000") == exactly("2.15")


def test_files_backups_and_messages() -> None:
    # 100 GB x 0.30 + 50 GB read x 0.03; 100 GB x 0.05; 50,000 x 0.0001; 2 million x 0.50.
    assert monthly("file-storage,storage_gib=100,elastic_read_gib=50") == exactly("31.50")
    assert monthly("backup,resource=efs,backup_gib=100") == exactly("5")
    assert monthly("email,messages_month=50000") == exactly("5")
    assert monthly("notifications,requests_month=2000000") == exactly("1")


def test_identity_and_search() -> None:
    # 20,000 users x 0.015, the first 10,000 free to the account.
    assert monthly("identity,users_month=20000") == exactly("300")
    assert monthly("identity,users_month=20000", free_tier=True) == exactly("150")
    # Two nodes: 1,460 h x 0.036 = 52.56; 40 GB x 0.122 = 4.88.
    assert monthly("search=t3.small,nodes=2,storage_gib=40") == exactly("57.44")


def test_language_models() -> None:
    # Claude Opus 4.5 on Bedrock, a million tokens in and a tenth out: 5.50 + 2.75 in the Region,
    # 5.00 + 2.50 from anywhere.
    tokens = "claude-opus-4-5,input_tokens_month=1000000,output_tokens_month=100000"
    assert monthly(f"llm,model=bedrock/{tokens}") == exactly("8.25")
    assert monthly(f"llm,model=bedrock-global/{tokens}", IRELAND) == exactly("7.50")
    # gpt-4o-mini: 0.15 and 0.60 a million, 0.075 for what is read from the cache.
    tokens = "input_tokens_month=1000000,output_tokens_month=1000000,cached_tokens_month=2000000"
    assert monthly(f"llm,model=openai/gpt-4o-mini,{tokens}") == exactly("0.90")


def test_a_model_its_vendor_does_not_sell_is_unpriced() -> None:
    _, (missing,) = attach("llm,model=openai/claude-opus-4-5,input_tokens_month=1")
    assert "openai/claude-opus-4-5/input-token" in missing.reason


def test_models_of_the_fallback_chain() -> None:
    """The Claude models that a document analyser on Bedrock falls back through, 2024 to 2026."""
    sold = {p.sku.removesuffix("/input-token") for p in CATALOG.prices if p.provider == "llm"}
    names = "3-haiku 3-5-haiku 3-5-sonnet 3-7-sonnet sonnet-4 sonnet-4-5 haiku-4-5 opus-4-1"
    assert {f"bedrock/claude-{name}" for name in names.split()} <= sold


def test_every_model_has_both_directions() -> None:
    skus = {p.sku for p in CATALOG.prices if p.provider == "llm"}
    for sku in skus:
        model = sku.rsplit("/", 1)[0]
        assert f"{model}/input-token" in skus
        assert "embed" in model or f"{model}/output-token" in skus
    models = CATALOG.service("aws", "llm")
    assert models is not None
    assert {sku.rsplit("/", 1)[0] for sku in skus} == set(models.choices["model"])


@pytest.mark.parametrize("service", OURS, ids=lambda s: s.id)
def test_every_service_attaches(service: ManagedService) -> None:
    """With a size that has a price, and otherwise as it comes, nothing is without a price."""
    size = f"={service.sizes[0].name}" if service.sizes else ""
    assert attach(f"{service.kind}{size}")[1] == []


@pytest.mark.parametrize("service", OURS, ids=lambda s: s.id)
def test_every_choice_and_size_is_sold_somewhere(service: ManagedService) -> None:
    known: dict[str, set[str]] = {}
    for row in CATALOG.prices:
        known.setdefault(row.service, set()).add(row.sku)
    asked = dict(service.choices)
    if service.sizes:
        asked["size"] = tuple(size.name for size in service.sizes)
    for name, values in asked.items():
        lines = [line for line in service.bill if f"{{{name}}}" in line.sku]
        assert lines or name == "deployment"
        for value in values if lines else ():
            patterns = [
                (line.service, re.sub(r"\\{\w+\\}", "[^/]+", re.escape(filled)))
                for line in lines
                if (filled := line.sku.replace(f"{{{name}}}", value))
            ]
            assert any(re.fullmatch(p, sku) for service, p in patterns for sku in known[service])
