"""The search over designs: equal to `price` to the micro-dollar, bounded, and in order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from seatrial.assessor import search
from seatrial.assessor.columns import UNPRICED_MICRO_USD
from seatrial.assessor.compare import compare
from seatrial.assessor.meters import METERS
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.profile import Profile, RouteLoad
from seatrial.assessor.search import CELLS_MAX, blocks, cheapest, prices
from seatrial.assessor.space import (
    ANYWHERE,
    Commitments,
    Count,
    Shape,
    Space,
    alternatives,
    counts_of,
    regions_of,
    shapes_of,
)
from seatrial.assessor.tables import Tables, UsageOf, tables
from seatrial.assessor.usage import Usage, usage_of
from seatrial.catalog.load import load
from seatrial.kernel.demand import SHAPES, Demand, Traffic
from seatrial.kernel.design import Attached, Database, Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import (
    ON_DEMAND,
    BillLine,
    Capabilities,
    Catalog,
    Failure,
    ManagedService,
    Platform,
    Price,
    Provider,
    Region,
    Scaling,
    Size,
)
from seatrial.kernel.units import HOURS_PER_MONTH
from seatrial.kernel.workload import Component, Proof, Service, Workload

SEED = 20261121
CATALOG = load()
BOOK = PriceBook(CATALOG)
PROOF = Proof(kind="measured", rule="test")


def exact(design: Design, platform: Platform, book: PriceBook, usage: UsageOf) -> int | None:
    """What the bill says, in micro-dollars."""
    monthly = price(design, platform, book, usage(design)).monthly_usd
    return None if monthly is None else int(monthly * 10**6)


def searched(of: search.Totals, index: tuple[int, ...]) -> int | None:
    total = int(of.micro_usd[index])
    assert bool(of.unpriced[index]) == (total == UNPRICED_MICRO_USD)
    return None if total == UNPRICED_MICRO_USD else total


def some_usage(chance: random.Random) -> UsageOf:
    """A usage that follows size, replicas and database where meters say they do."""

    def amount(most: int) -> Decimal:
        return Decimal(chance.randrange(most * 10**6)) / Decimal(10**6)

    requests, duration_s, above = amount(10**9), amount(3), amount(2)
    fixed: dict[str, Any] = {
        "requests_month": requests, "concurrency": 1 + amount(80), "provisioned": amount(20),
        "load_balancer_units_hours": amount(10_000), "load_balancer_zones": chance.randint(1, 3),
        "endpoints": chance.randint(0, 6), "endpoint_gib_month": amount(500),
        "ingress_gib_month": amount(500), "egress_gib_month": amount(200_000),
        "cross_region_gib_month": amount(500), "log_gib_month": amount(3_000),
        "log_retention_months": amount(12), "images_gib": amount(40),
        "extra_disk_gib": amount(100), "server_disk_gib": amount(200),
        "metrics": chance.randint(0, 20_000), "dashboards": chance.randint(0, 9),
        "build_minutes_month": amount(9_000), "seats": chance.randint(0, 30),
        "free_tier": chance.random() < 0.5,
    }  # fmt: skip
    # A month rarely uses everything, and what is not used needs no price.
    fixed = {name: value for name, value in fixed.items() if chance.random() < 0.4}
    bursts = chance.random() < 0.5

    def usage(design: Design) -> Usage:
        running = design.replicas_min + (above if bursts else 0)
        database = design.database is not None
        return Usage(
            request_duration_s_mean=duration_s / Decimal(str(min(1.0, design.vcpu))),
            replica_hours_month=running * HOURS_PER_MONTH,
            nat_gateways=int(database), nat_gib_month=Decimal(7) * database,
            cross_zone_gib_month=Decimal("3.25") * database,
            secrets=1 + database, alarms=4 + database,
            secret_requests_month=(1 + database) * design.replicas_max * 20,
            **fixed,
        )  # fmt: skip

    return usage


def some_space(catalog: Catalog, platform: Platform, region: str, chance: random.Random) -> Space:
    """Some sizes, replicas, databases and services, every commitment its provider sells."""

    def some(of: list[Any], most: int) -> list[Any]:
        return chance.sample(of, min(len(of), most))

    book = PriceBook(catalog)
    offered = {kind: s for kind in sorted({s.kind for s in catalog.services})
               if (s := book.service(platform.provider, kind)) is not None}  # fmt: skip
    slots = []
    for kind in some(sorted(offered), 5):
        service = offered[kind]
        amounts = [name for name in service.options if name not in service.choices]
        choices = [
            replace(a, options=a.options | {
                name: str(chance.choice((0, 1, 20, 777, 10**6))) for name in some(amounts, 2)
                if service.options[name].isdigit()})
            for a in some(list(alternatives(service)), 3)
        ]  # fmt: skip
        slots.append((None, *choices))
    classes = offered["postgresql"].sizes if "postgresql" in offered else ()
    databases = [
        Database(instance=size.name, storage_gib=chance.randint(0, 9_000), multi_az=double)
        for size in classes for double in (False, True)
    ] or [Database(instance="none")]  # fmt: skip
    counts = [Count(low, low + chance.choice((0, 0, 5)), low if platform.kind == "servers" else 0)
              for low in chance.sample(range(0, 40), 4)]  # fmt: skip
    sold = {row.commitment for row in catalog.prices if row.provider == platform.provider}
    shapes = list(shapes_of(platform)) or [Shape("machine", 4.0, 8192)]
    return Space(
        platform=platform, region=region, shapes=tuple(some(shapes, 6)), counts=tuple(counts),
        commitments=tuple(sorted(sold | {ON_DEMAND})), databases=(None, *some(databases, 3)),
        slots=tuple(slots),
    )  # fmt: skip


PLACES = [(p, region) for p in CATALOG.platforms for region in regions_of(CATALOG, p)]


def some_indexes(of: Tables, number: int, chance: random.Random) -> list[tuple[int, ...]]:
    """Random designs; three of four are priced ones where such are found."""
    pick = np.random.default_rng(chance.randrange(2**32))
    drawn = pick.integers(0, of.space.axes, size=(200 * number, len(of.space.axes)))
    unpriced = np.zeros(len(drawn), dtype=bool)
    for part in of.parts.values():
        unpriced |= part[tuple(np.minimum(drawn, np.subtract(part.shape, 1)).T)] == (
            UNPRICED_MICRO_USD
        )
    known, any_of = drawn[~unpriced][: number - number // 4], drawn[:number]
    return [tuple(index) for index in np.concatenate((known, any_of)).tolist()][:number]


def test_ten_thousand_designs_of_the_packaged_catalogue() -> None:
    chance = random.Random(SEED)
    sample = 10_000
    each = -(-sample // len(PLACES))
    seen = priced = 0
    for platform, region in PLACES:
        space, usage = some_space(CATALOG, platform, region, chance), some_usage(chance)
        made = tables(space, BOOK, usage)
        for index in some_indexes(made, each, chance):
            design = space.design(index)
            total = exact(design, platform, BOOK, usage)
            assert made.total(index) == total, design.id
            seen, priced = seen + 1, priced + (total is not None)
    assert seen >= sample and priced > sample / 3


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.integers(min_value=0, max_value=2**32))
def test_every_cell_says_what_its_bill_says(place: tuple[Platform, str], seed: int) -> None:
    chance = random.Random(seed)
    space, usage = some_space(CATALOG, *place, chance), some_usage(chance)
    for whole in blocks(tables(space, BOOK, usage), 2_000_000):
        for _ in range(20):
            index = tuple(chance.randrange(length) for length in whole.micro_usd.shape)
            design = whole.design(index)
            assert searched(whole, index) == exact(design, place[0], BOOK, usage), design.id
        break


# A small catalogue, where every kind of line is known to occur.

US, EU = "us-1", "eu-1"


def row(service: str, sku: str, usd: str, region: str = US, **fields: Any) -> Price:
    fields = {"unit": "hour", "source": "test", "as_of": "2026-11-01", **fields}
    return Price(provider="p", service=service, sku=sku, region=region, price_usd=Decimal(usd),
                 **fields)  # fmt: skip


def small(*more: Price) -> Catalog:
    """One platform with tiers, allowances, commitments and steps; nothing is sold in the EU."""
    bill = (
        BillLine(component="c", service="vm", sku="{size}-{arch}", meter="replica_hours",
                 commitments=("reserved", "spot")),
        BillLine(component="c", service="net", sku="out", meter="egress_gib",
                 included=Decimal(10), increment=Decimal(7)),
        BillLine(component="c", service="sm", sku="read", meter="secret_requests"),
        BillLine(component="c", service="lb", sku="lb", meter="hours"),
    )  # fmt: skip
    platform = Platform(
        id="small", name="Small", kind="containers", provider="p", source="test",
        as_of="2026-11-01", bill=bill, scaling=Scaling(mechanism="none"),
        sizes=(Size(name="s", vcpu=1.0, memory_mib=1024), Size(name="m", vcpu=2.0, memory_mib=2048),
               Size(name="l", vcpu=4.0, memory_mib=4096)),
        failure=Failure(zone_loss="survives"),
        capabilities=Capabilities(autoscaling=True, shared_memory=True, persistent_disk=False,
                                  websockets=True, zones=2, managed_database=True, arm=True),
    )  # fmt: skip
    cache = ManagedService(
        id="p-redis", kind="redis", name="Redis", provider="p", source="test", as_of="2026-11-01",
        sizes=(Size(name="s", vcpu=1.0, memory_mib=512), Size(name="l", vcpu=2.0, memory_mib=4096)),
        options={"deployment": "one", "gib": "3"}, choices={"deployment": ("one", "two")},
        bill=(BillLine(component="r", service="redis", sku="{size}/{deployment}", meter="hours",
                       commitments=("reserved", "spot")),
              BillLine(component="r", service="redis", sku="gib", meter="gib")),
    )  # fmt: skip
    rows = [
        row("vm", f"{size}-{arch}", usd, commitment=commitment, upfront_usd=Decimal(upfront))
        for size, usd in (("s", "0.0213"), ("m", "0.0426"), ("l", "0.0851"))
        for arch in ("x86_64", "arm64")
        for commitment, upfront in ((ON_DEMAND, "0"), ("reserved-1y-partial", "101.37"))
        if (size, arch) != ("l", "arm64")
    ]
    rows += [
        row("net", "out", "0.09", unit="GB", tier_to=Decimal(100)),
        row("net", "out", "0.0777777", unit="GB", tier_from=Decimal(100)),
        row("sm", "read", "0.0000049", unit="request"), row("lb", "lb", "0.0225"),
        row("redis", "s/one", "0.017"), row("redis", "s/two", "0.034"),
        row("redis", "l/one", "0.1"), row("redis", "gib", "0.085", unit="GB-month"),
        row("redis", "s/one", "0.011", commitment="reserved-1y-partial"),
    ]  # fmt: skip
    regions = tuple(Region(id=r, name=r, country="US", area="us") for r in (US, EU))
    return Catalog(
        platforms=(platform,), services=(cache,), prices=(*rows, *more), digest="d",
        providers=(Provider(id="p", name="P", regions=regions),),
    )  # fmt: skip


SMALL = small()
SMALL_BOOK = PriceBook(SMALL)


def small_space(region: str = US, catalog: Catalog = SMALL, slots: int = 2) -> Space:
    platform = catalog.platforms[0]
    redis = (None, *alternatives(catalog.services[0]))
    return Space(
        platform=platform, region=region, shapes=shapes_of(platform),
        counts=counts_of(platform, (1, 2, 3, 5)), commitments=Commitments(catalog).of(platform, US),
        slots=(redis,) * slots,
    )  # fmt: skip


def everything(space: Space, book: PriceBook, usage: UsageOf) -> list[tuple[int, tuple[int, ...]]]:
    """Every priced design by its bill, cheapest first."""
    ranges = [range(length) for length in space.axes]
    totals = [(exact(space.design(index), space.platform, book, usage), index)
              for index in itertools.product(*ranges)]  # fmt: skip
    return sorted((total, index) for total, index in totals if total is not None)


@given(st.integers(min_value=0, max_value=2**32))
@settings(max_examples=5, deadline=None)
def test_all_cells_of_the_small_catalogue(seed: int) -> None:
    space, usage = small_space(), some_usage(random.Random(seed))
    of = prices(space, SMALL_BOOK, usage)
    assert of.micro_usd.shape == space.axes == (6, 4, 2, 1, 5, 5)
    assert of.micro_usd.dtype == np.int64
    expected = {index: total for total, index in everything(space, SMALL_BOOK, usage)}
    assert 0 < len(expected) < space.cells
    for index in itertools.product(*(range(length) for length in space.axes)):
        assert searched(of, index) == expected.get(index)


@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=1, max_value=900))
@settings(max_examples=5, deadline=None)
def test_the_cheapest_are_the_first_of_all(seed: int, n: int) -> None:
    space, usage = small_space(), some_usage(random.Random(seed))
    expected = [(space.design(index), total)
                for total, index in everything(space, SMALL_BOOK, usage)]  # fmt: skip
    for asked in (1, n, 10_000):
        assert cheapest([space], SMALL_BOOK, usage, asked) == expected[:asked]


def test_the_cheapest_of_several_spaces() -> None:
    usage = some_usage(random.Random(1))
    one, other = small_space(slots=1), small_space(slots=0)
    nowhere = small_space(region=EU)
    merged = sorted(
        [(total, number, index) for number, space in enumerate((one, nowhere, other))
         for total, index in everything(space, SMALL_BOOK, usage)]
    )  # fmt: skip
    found = cheapest([one, nowhere, other], SMALL_BOOK, usage, 40)
    assert [f.micro_usd for f in found] == [total for total, _, _ in merged[:40]]
    assert {f.design.region for f in found} == {US}


def test_what_has_no_price_is_no_answer() -> None:
    space, usage = small_space(region=EU), some_usage(random.Random(2))
    assert prices(space, SMALL_BOOK, usage).unpriced.all()
    assert cheapest([space], SMALL_BOOK, usage, 3) == []


def test_a_service_nobody_offers_is_unpriced() -> None:
    space, usage = small_space(slots=0), some_usage(random.Random(2))
    space = replace(space, slots=((None, Attached(kind="graph-database")),))
    of = prices(space, SMALL_BOOK, usage)
    assert of.unpriced[..., 1].all() and not of.unpriced[..., 0].all()


@pytest.mark.parametrize("cells_max", [1, 7, 25, 100, 1_199, 1_200])
def test_blocks_are_the_whole_in_parts(cells_max: int) -> None:
    space, usage = small_space(), some_usage(random.Random(3))
    whole = prices(space, SMALL_BOOK, usage)
    flat = []
    for block in blocks(tables(space, SMALL_BOOK, usage), cells_max):
        assert block.micro_usd.size <= cells_max
        last = tuple(length - 1 for length in block.micro_usd.shape)
        at = tuple(a + b for a, b in zip(block.begin, last, strict=True))
        assert block.design(last) == space.design(at)
        flat.append(block.micro_usd.reshape(-1))
    assert (np.concatenate(flat) == whole.micro_usd.reshape(-1)).all()


def test_a_space_too_large_to_hold_is_refused_and_still_searched() -> None:
    usage = some_usage(random.Random(4))
    huge, tiny = small_space(slots=24), small_space(slots=0)
    assert huge.cells > 2**60 > CELLS_MAX
    with pytest.raises(InputError, match="more than the 50,000,000"):
        prices(huge, SMALL_BOOK, usage)
    first = cheapest([huge], SMALL_BOOK, usage, 5)
    assert first[0] == cheapest([tiny], SMALL_BOOK, usage, 1)[0]
    for found in first:
        assert found.micro_usd == exact(found.design, huge.platform, SMALL_BOOK, usage)


@pytest.mark.parametrize("usd", ["3e12", "99999999999999999999"])
def test_amounts_that_could_overflow_are_refused(usd: str) -> None:
    for at in range(1, 5):  # a line, the database or a service: wherever it stands
        dear = [row("lb", "lb", usd, unit="hour", tier_from=Decimal(700))]
        catalog = small(*dear) if at == 1 else SMALL
        usage = some_usage(random.Random(at))
        if at > 1:
            rows = [replace(p, price_usd=Decimal(usd)) if (p.service, p.sku) == (
                ("vm", "m-arm64"), ("redis", "s/one"), ("redis", "gib"))[at - 2] else p
                for p in SMALL.prices]  # fmt: skip
            catalog = replace(SMALL, prices=tuple(rows))
        with pytest.raises(InputError, match="too large"):
            tables(small_space(catalog=catalog), PriceBook(catalog), usage)


def test_the_largest_amounts_that_are_taken_are_exact() -> None:
    rows = [replace(p, price_usd=Decimal("1e6")) for p in SMALL.prices]
    book = PriceBook(replace(SMALL, prices=tuple(rows)))
    usage: UsageOf = lambda design: Usage(replica_hours_month=Decimal(1000))  # noqa: E731
    space = small_space(slots=2)
    of = prices(space, book, usage)
    last = tuple(length - 1 for length in space.axes)
    for index in ((0,) * 6, (1, 2, 0, 0, 1, 1), last):
        assert searched(of, index) == exact(space.design(index), space.platform, book, usage)


def test_usage_that_follows_what_it_must_not_is_found_out() -> None:
    def usage(design: Design) -> Usage:
        return Usage(egress_gib_month=Decimal(500 * design.replicas_min))

    with pytest.raises(AssertionError, match="depends on more choices"):
        tables(small_space(), SMALL_BOOK, usage)


def test_an_axis_without_choices_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to choose from"):
        replace(small_space(), shapes=())


@pytest.mark.parametrize("n", [0, -1, 100_001])
def test_how_many_can_be_asked_for(n: int) -> None:
    with pytest.raises(InputError):
        cheapest([small_space()], SMALL_BOOK, some_usage(random.Random(5)), n)


# What a meter declares to depend on is all it depends on.

VCPU = st.sampled_from([0.0724, 0.25, 0.5, 1.0, 2.0, 16.0])
DESIGNS = st.builds(
    Design, platform=st.just("p"), region=st.just("r"), size=st.sampled_from(["a", "b"]),
    vcpu=VCPU, memory_mib=st.integers(128, 65_536), replicas_min=st.integers(0, 40),
    replicas_max=st.integers(40, 60), workers=st.integers(1, 8), threads=st.integers(1, 16),
    servers=st.integers(0, 9), arch=st.sampled_from(["x86_64", "arm64"]),
    database=st.none() | st.builds(Database, instance=st.sampled_from(["x", "y"]),
                                   storage_gib=st.integers(1, 500), multi_az=st.booleans()),
    services=st.just(()) | st.just((Attached(kind="redis", size="s"),)),
    commitment=st.sampled_from([ON_DEMAND, "reserved-1y-none", "spot"]),
)  # fmt: skip
CHOICES = {
    "size": ("size", "vcpu", "memory_mib", "arch", "workers", "threads"),
    "replicas": ("replicas_min", "replicas_max", "servers"),
    "database": ("database",),
    "": ("services", "commitment"),
}


def usage_by_demand(kind: Any) -> Callable[[Design], Usage]:
    """The usage the planner works with, of an app that uses everything."""
    route = RouteLoad(path="/", weight=1.0, mean_ms=100.0, cpu_ms=60.0, scv=1.0,
                      quantiles_ms=(100.0,), response_bytes=20_000.0)  # fmt: skip
    profile = Profile(routes=(route,), memory_mib_worker=100.0, boot_s=1.0, measured=True,
                      proofs=(PROOF,))  # fmt: skip
    services = tuple(
        Service(kind=k, env=f"{k}_URL", proof=PROOF) for k in ("postgresql", "redis", "llm", "s3")
    )
    web = Component(name="web", kind="web", framework="flask", interface="wsgi", entry="a:a",
                    command=("a",), port=8000, services=services)  # fmt: skip
    workload = Workload(app="a", source_digest="d", components=(web,))
    demand = Demand(traffic=Traffic(requests_per_day=90_000, hourly_weights=SHAPES["flat"]))
    sizes = (Size(name="a", vcpu=2.0, memory_mib=1024, baseline=0.01),
             Size(name="b", vcpu=4.0, memory_mib=8192))  # fmt: skip
    platform = replace(SMALL.platforms[0], kind=kind, sizes=sizes)
    return lambda design: usage_of(workload, demand, profile, design, platform)


@pytest.mark.parametrize("kind", ["containers", "servers", "functions", "machine", ""])
@settings(max_examples=40, deadline=None)
@given(one=DESIGNS, other=DESIGNS, seed=st.integers(min_value=0, max_value=2**32))
def test_a_meter_reads_only_what_it_declares(
    kind: str, one: Design, other: Design, seed: int
) -> None:
    usage = usage_by_demand(kind) if kind else some_usage(random.Random(seed))
    for choice, fields in CHOICES.items():
        changed = replace(one, **{name: getattr(other, name) for name in fields})
        before, after = usage(one), usage(changed)
        for name, meter in METERS.items():
            # Replicas that follow the load depend on the size, too; these are of a fixed number.
            if choice not in meter.depends and not (choice == "size" and "load" in meter.depends):
                assert meter.read(one, before) == meter.read(changed, after), (name, choice)


def test_every_platform_has_a_place() -> None:
    assert {platform.id for platform, _ in PLACES} == {p.id for p in CATALOG.platforms}
    for platform, region in PLACES:
        assert region in ANYWHERE or region in {
            r.id for r in CATALOG.provider(platform.provider).regions
        }


# The same capacity everywhere.


def two_replicas(design: Design) -> Usage:
    return Usage(replica_hours_month=design.replicas_min * HOURS_PER_MONTH, secrets=1)


def test_the_cheapest_size_of_every_platform_and_region() -> None:
    offers = compare(CATALOG, 1.0, 2048, 2, two_replicas, machine=Size(
        name="mine", vcpu=4.0, memory_mib=8192))  # fmt: skip
    assert {(o.platform, o.region) for o in offers} == {(p.id, region) for p, region in PLACES}
    totals = [offer.monthly_usd for offer in offers if offer.monthly_usd is not None]
    assert totals == sorted(totals) and len(totals) > 2
    assert all(offer.monthly_usd is None for offer in offers[len(totals) :])
    for offer in offers:
        platform = CATALOG.platform(offer.platform)
        if offer.design is None:
            assert offer.reason and offer.monthly_usd is None
            continue
        assert offer.design.vcpu >= 1.0 and offer.design.memory_mib >= 2048
        bill = price(offer.design, platform, BOOK, two_replicas(offer.design))
        assert offer.monthly_usd == bill.monthly_usd
        assert (offer.reason == "") == (bill.monthly_usd is not None)
        for size in platform.sizes:
            if size.vcpu < 1.0 or size.memory_mib < 2048 or offer.monthly_usd is None:
                continue
            other = replace(offer.design, size=size.name, vcpu=size.vcpu,
                            memory_mib=size.memory_mib)  # fmt: skip
            rival = price(other, platform, BOOK, two_replicas(other)).monthly_usd
            assert rival is None or offer.monthly_usd <= rival


def test_commitments_processors_and_what_does_not_fit() -> None:
    reserved = "reserved-1y-partial"
    both = compare(SMALL, 2.0, 2048, 2, two_replicas, commitments=(ON_DEMAND, reserved),
                   services=(Attached(kind="redis", size="s"),))  # fmt: skip
    by = {(o.region, o.commitment): o for o in both}
    assert by[US, reserved].monthly_usd > by[US, ON_DEMAND].monthly_usd > 0
    assert by[EU, ON_DEMAND].monthly_usd is None
    assert "no price of m-x86_64 in eu-1" in by[EU, ON_DEMAND].reason
    large = compare(SMALL, 4.0, 1, 1, two_replicas, regions=(US,))
    assert [(o.design.size, o.sizes_fitting, o.sizes_unpriced) for o in large if o.design] == [
        ("l", 2, 1)
    ]
    (arm,) = compare(SMALL, 4.0, 1, 1, two_replicas, regions=(US,), arch="arm64")
    assert arm.design is not None and arm.monthly_usd is None and "l-arm64" in arm.reason
    (none,) = compare(SMALL, 64.0, 1, 1, two_replicas, regions=(US,))
    assert none.design is None and "64 vCPU" in none.reason
    (absent,) = compare(SMALL, 1, 1, 1, two_replicas, regions=(EU,), commitments=("spot",))
    assert absent.design is None and "spot" in absent.reason
    with pytest.raises(InputError):
        compare(SMALL, 1, 1, 0, two_replicas)
