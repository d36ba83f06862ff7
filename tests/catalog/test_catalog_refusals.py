"""What the catalogue refuses, each with file and line: rows, platforms, providers, services."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.catalog.load import load_from
from seatrial.catalog.places import line_of
from seatrial.catalog.rows import COLUMNS, parse_rows
from seatrial.kernel.errors import CatalogError

CSV = f"""{",".join(COLUMNS)}
toy,box,small,*,hour,0,,on-demand,0.02,,,page,2026-11-01
toy,box,small,*,hour,0,,reserved-1y-all,0,100,,page,2026-11-01
toy,box,small,*,hour,0,,spot,0.008,,5,page,2026-11-01
toy,out,gb,*,GB,0,100,on-demand,0,,,page (free),2026-11-01
toy,out,gb,*,GB,100,,on-demand,0.05,,,page,2026-11-01
toy,balancer,balancer,*,month,0,,on-demand,10,,,page,2026-11-01
toy,db,one/single-az,*,hour,0,,on-demand,0.03,,,page,2026-11-01
toy,db,storage-gb,*,GB-month,0,,on-demand,0.1,,,page,2026-11-01
"""

PROVIDER = """id = "toy"
name = "Toy"
regions = [
  { id = "here", name = "Here", country = "US", area = "us-east" },
]
[bills]
shared = [
  { component = "edge", service = "balancer", sku = "balancer", meter = "months" },
]
"""

PLATFORM = """id = "toy-box"
name = "Toy boxes"
kind = "containers"
provider = "toy"
source = "page"
as_of = "2026-11-01"
bills = ["shared"]
bill = [
  { component = "compute", service = "box", sku = "{size}", meter = "replica_hours" },
  { component = "network", service = "out", sku = "gb", meter = "egress_gib", included = "1" },
]
sizes = [
  { name = "small", vcpu = 1.0, memory_mib = 1024 },
]
[limits.request_s]
value = 60
source = "page"
as_of = "2026-11-01"
[scaling]
mechanism = "hpa"
metrics = ["cpu"]
[failure]
zone_loss = "down"
[capabilities]
autoscaling = true
shared_memory = false
persistent_disk = false
websockets = true
zones = 1
managed_database = true
[[availability_percent]]
value = 99.9
source = "page"
as_of = "2026-11-01"
[[references]]
says = ["mechanism", "metrics", "autoscaling", "websockets", "zones", "managed_database"]
source = "page"
as_of = "2026-11-01"
[[references]]
says = ["background", "patching", "portability"]
source = "page"
as_of = "2026-11-01"
"""

SERVICE = """id = "toy-postgresql"
kind = "postgresql"
name = "Toy PostgreSQL"
provider = "toy"
source = "page"
as_of = "2026-11-01"
sizes = [
  { name = "one", vcpu = 1.0, memory_mib = 2048 },
]
bill = [
  { component = "database", service = "db", sku = "{size}/{deployment}", meter = "hours" },
  { component = "database", service = "db", sku = "storage-gb", meter = "storage_gib" },
]
[options]
deployment = "single-az"
storage_gib = "20"
[choices]
deployment = ["single-az"]
[availability_percent.single-az]
value = 99.5
source = "page"
as_of = "2026-11-01"
"""

TEXTS = {
    "providers/toy.toml": PROVIDER,
    "platforms/toy-box.toml": PLATFORM,
    "services/toy-postgresql.toml": SERVICE,
    "prices/toy.csv": CSV,
}


def written(directory: Path) -> Path:
    for name, text in TEXTS.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def refusal(directory: Path, name: str, old: str, new: str) -> tuple[CatalogError, int]:
    """What is said after the change, and the line that was changed."""
    written(directory)
    text = TEXTS[name]
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    (directory / name).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogError) as refused:
        load_from(directory)
    assert refused.value.fix
    return refused.value, text[: text.index(old)].count("\n") + 1


def test_unchanged_it_loads(tmp_path: Path) -> None:
    catalog = load_from(written(tmp_path))
    assert len(catalog.prices) == 8
    assert [line.service for line in catalog.platform("toy-box").bill] == ["box", "out", "balancer"]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("on-demand,0.02,", "on-demand,-0.02,", "price_usd -0.02 is negative"),
        ("on-demand,0.02,", "on-demand,,", "price_usd '' is not a number"),
        ("on-demand,0.02,", "on-demand,0.02 USD,", "is not a number"),
        ("on-demand,0.02,", "on-demand,Infinity,", "is not a number"),
        ("on-demand,0.02,", f"on-demand,0.{'0' * 30}2,", "is not a number"),
        ("on-demand,0.02,", "on-demand,0,", "does not say free"),
        ("small,*,hour,0,,on-demand", "small,*,hours,0,,on-demand", "unknown unit 'hours'"),
        ("small,*,hour,0,,on-demand", "small,,hour,0,,on-demand", "region '' is empty"),
        ("small,*,hour,0,,on-demand", "small,*,hour,1,,on-demand", "starts at 1"),
        ("small,*,hour,0,,on-demand", "small,*,hour,-1,,on-demand", "empty or negative"),
        ("reserved-1y-all,0,100", "reserved-2y-all,0,100", "unknown commitment 'reserved-2y-all'"),
        ("reserved-1y-all,0,100", "reserved-1y,0,100", "unknown commitment 'reserved-1y'"),
        ("reserved-1y-all,0,100", "reserved-1y-all,0,-100", "upfront_usd -100 is negative"),
        ("spot,0.008,,5", "spot,0.008,100,", "upfront payment without a term"),
        ("spot,0.008,,5", "spot,0.008,,101", "interruption_percent outside 0 to 100"),
        ("on-demand,10,,,", "on-demand,10,,5,", "or not of a spot price"),
        ("on-demand,10,,,page,", "on-demand,10,,, ,", "no source"),
        ("on-demand,10,,,page,2026-11-01", "on-demand,10,,,page,", "not a date"),
        ("on-demand,10,,,page,2026-11-01", "on-demand,10,,,page,2026-11-31", "not a date"),
        ("on-demand,10,,,page,2026-11-01", "on-demand,10,,,page,undated", "does not say so"),
        ("GB,0,100,on-demand", "GB,0,0,on-demand", "empty or negative"),
        ("GB,100,,on-demand,0.05", "GB,100,,on-demand,0.05,", "14 cells instead of 13"),
        ("GB,100,,on-demand", "GB,0,,on-demand", "the same key as prices/toy.csv:5"),
        ("GB,100,,on-demand", "GB,99,,on-demand", "overlaps the tier at prices/toy.csv:5"),
        ("GB,100,,on-demand", "GB,101,,on-demand", "leaves a gap above 100"),
        ("GB,100,,on-demand", "GB-month,100,,on-demand", "and per GB at prices/toy.csv:5"),
    ],
)
def test_row(tmp_path: Path, old: str, new: str, what: str) -> None:
    refused, line = refusal(tmp_path, "prices/toy.csv", old, new)
    assert what in refused.what
    assert refused.where == f"prices/toy.csv:{line}"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('meter = "replica_hours"', 'meter = "replica_days"', "unknown meter 'replica_days'"),
        ('meter = "egress_gib"', 'meter = "requests"', "priced per GB, the meter requests reads"),
        ('meter = "replica_hours"', 'meter = "months"', "priced per hour"),
        ('sku = "{size}"', 'sku = "{colour}"', "{colour} is neither {size}, {family} nor {arch}"),
        ('sku = "gb"', 'sku = "tb"', "no region has a price of out tb"),
        ('service = "out"', 'service = "in"', "no region has a price of in gb"),
        ('included = "1"', 'included = "-1"', "included is not a number from zero up"),
        ('included = "1"', 'free = "NaN"', "free is not a number from zero up"),
        ('included = "1"', 'discount = "1"', "unknown field `discount`"),
        ('name = "small"', 'name = "big"', "no region has a price of box big"),
        ("vcpu = 1.0", "vcpu = 0.0", "twice, or not above zero"),
        ("vcpu = 1.0", "vcpu = inf", "twice, or not above zero"),
        ("value = 60", "value = -60", "out of range"),
        ("value = 60", "value = inf", "out of range"),
        ("value = 60", 'value = "60"', "Expected `float`"),
        ("value = 99.9", "value = 100.1", "out of range"),
        ('mechanism = "hpa"', 'mechanism = "magic"', "Invalid enum value"),
        ('metrics = ["cpu"]', "metrics = [1]", "Expected `str`"),
        ("zones = 1", "zones = 0", "less than one zone"),
        ("zones = 1", "zones = 1\nmoons = 2", "unknown field `moons`"),
        ('provider = "toy"', 'provider = "try"', "provider 'try' is unknown"),
        ('bills = ["shared"]', 'bills = ["share"]', "no group of bill lines 'share'"),
        ('id = "toy-box"', 'id = "box"', "does not match the file's name"),
        ('name = "Toy boxes"', "name = ", "not TOML"),
    ],
)
def test_platform(tmp_path: Path, old: str, new: str, what: str) -> None:
    refused, line = refusal(tmp_path, "platforms/toy-box.toml", old, new)
    assert what in refused.what
    name, _, said = refused.where.partition(":")
    assert name == "platforms/toy-box.toml"
    # A size that nobody sells is told at the line that bills it; the first line of a table will do.
    billed = 9 if "box big" in what else line
    assert billed - 2 <= int(said) <= billed + 1


@pytest.mark.parametrize(
    "key", ["mechanism", "metrics", "autoscaling", "websockets", "zones", "managed_database"]
)
def test_statement_without_a_reference(tmp_path: Path, key: str) -> None:
    refused, _ = refusal(tmp_path, "platforms/toy-box.toml", f'"{key}"', '"other"')
    assert refused.what.endswith(f".{key}")
    said = int(refused.where.partition(":")[2])
    assert PLATFORM.split("\n")[said - 1].startswith(f"{key} =")


def test_what_a_platform_cannot_do_needs_no_reference(tmp_path: Path) -> None:
    path = written(tmp_path) / "platforms" / "toy-box.toml"
    text = PLATFORM.replace("websockets = true", "websockets = false").replace('"websockets", ', "")
    path.write_text(text, encoding="utf-8")
    assert not load_from(tmp_path).platform("toy-box").capabilities.websockets


def test_no_bill_would_cost_nothing_in_silence(tmp_path: Path) -> None:
    lines = "\n".join(PLATFORM.split("\n")[6:11]) + "\n"
    refused, _ = refusal(tmp_path, "platforms/toy-box.toml", lines, "")
    assert "no bill line" in refused.what


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('country = "US"', 'country = "usa"', "twice, or no country code"),
        ("regions = [", 'regions = [\n  { id = "here", name = "", country = "US", area = "" },',
         "twice, or no country code"),
        ('meter = "months"', 'meter = "moons"', "unknown meter 'moons'"),
        ('meter = "months"', 'meter = "months", minimum = "-1"', "minimum is not a number"),
        ('sku = "balancer"', 'sku = "{shape}"', "{shape} is neither"),
        ('id = "toy"', 'id = "tay"', "does not match the file's name"),
    ],
)  # fmt: skip
def test_provider(tmp_path: Path, old: str, new: str, what: str) -> None:
    refused, line = refusal(tmp_path, "providers/toy.toml", old, new)
    assert what in refused.what
    assert refused.where in {f"providers/toy.toml:{line + more}" for more in range(3)}


def test_price_of_a_group_that_is_missing_is_told_where_the_group_is_asked_for(
    tmp_path: Path,
) -> None:
    refused, _ = refusal(tmp_path, "providers/toy.toml", 'sku = "balancer"', 'sku = "scales"')
    assert "no region has a price of balancer scales" in refused.what
    assert refused.where == "platforms/toy-box.toml:7"


@pytest.mark.parametrize(
    ("old", "new", "what", "at"),
    [
        ('meter = "storage_gib"', 'meter = "storage"', "no option of the service", 0),
        ('meter = "storage_gib"', 'meter = "deployment"', "deployment is metered", 4),
        ('storage_gib = "20"', 'storage_gib = "much"', "storage_gib is metered", 0),
        ('storage_gib = "20"', 'storage_gib = "NaN"', "storage_gib is metered", 0),
        ('storage_gib = "20"', 'storage_gib = "-1"', "storage_gib is metered", 0),
        ("{deployment}", "{zone}", "{zone} is no option of the service", 0),
        ('deployment = ["single-az"]', 'deployment = ["multi-az"]', "without an option", 0),
        ('deployment = ["single-az"]', 'class = ["single-az"]', "choices of 'class'", 0),
        ('name = "one"', 'name = "two"', "no region has a price of db two", 3),
        ('meter = "hours"', 'meter = "months"', "priced per hour, the meter months reads month", 0),
        ('meter = "storage_gib"', 'meter = "storage_gib", per = "hour"', "priced per GB-month", 0),
        ("value = 99.5", "value = 0", "out of range", 0),
        ('provider = "toy"', 'provider = "try"', "no region has a price of db", 7),
    ],
)
def test_service(tmp_path: Path, old: str, new: str, what: str, at: int) -> None:
    refused, line = refusal(tmp_path, "services/toy-postgresql.toml", old, new)
    assert what in refused.what
    name, _, said = refused.where.partition(":")
    assert name == "services/toy-postgresql.toml"
    assert line + at - 1 <= int(said) <= line + at


def test_a_provider_offers_a_kind_once(tmp_path: Path) -> None:
    second = written(tmp_path) / "services" / "toy-zweite.toml"
    second.write_text(SERVICE.replace('id = "toy-postgresql"', 'id = "toy-zweite"'), "utf-8")
    with pytest.raises(
        CatalogError, match=r"is in services/toy-postgresql\.toml already"
    ) as refused:
        load_from(tmp_path)
    assert refused.value.where == "services/toy-zweite.toml:2"


@pytest.mark.parametrize(
    ("path", "what", "line"),
    [
        ("$.bill[1].meter", "", 10),
        ("$.scaling.metrics[0]", "", 21),
        ("$.limits.request_s.value", "", 16),
        ("$.references[1]", "", 39),
        ("$.references[0].says[3]", "", 36),
        ("$.availability_percent[0].value", "", 32),
        ("$.capabilities", "Object contains unknown field `zones`", 29),
        ("$.nowhere", "", 1),
    ],
)
def test_places(path: str, what: str, line: int) -> None:
    assert line_of(PLATFORM, path, what) == line


def test_places_in_dashed_tables() -> None:
    assert line_of(SERVICE, "$.availability_percent.single-az.value") == 20
    text = "[bills]\nload-balancer = [\n  { sku = 1 },\n  # a note\n  { sku = 2 },\n]\n"
    assert line_of(text, "$.bills.load-balancer[1].sku") == 5


EDITS = st.lists(
    st.tuples(
        st.integers(0, len(CSV.encode()) - 1), st.integers(0, 3), st.binary(max_size=4)
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS)
def test_any_edit_of_a_price_file_loads_or_is_refused(
    tmp_path: Path, edits: list[tuple[int, int, bytes]]
) -> None:
    data = CSV.encode()
    for at, cut, put in edits:
        data = data[:at] + put + data[at + cut :]
    (written(tmp_path) / "prices" / "toy.csv").write_bytes(data)
    try:
        catalog = load_from(tmp_path)
    except CatalogError as refused:
        assert refused.where
        return
    assert all(p.price_usd.is_finite() and p.price_usd >= 0 and p.source for p in catalog.prices)


@given(st.decimals(allow_nan=True, allow_infinity=True), st.decimals())
def test_any_number_in_a_row_is_read_or_refused(price: Decimal, tier: Decimal) -> None:
    row = f"toy,box,small,*,hour,0,{tier},on-demand,{price},,,page (free),2026-11-01"
    try:
        ((_, made),) = parse_rows("prices/x.csv", f"{','.join(COLUMNS)}\n{row}\n".encode())
    except CatalogError as refused:
        assert refused.where == "prices/x.csv:2"
    else:
        assert made.price_usd == price >= 0
