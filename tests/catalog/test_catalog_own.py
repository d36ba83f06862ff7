"""`seatrial.prices.toml`: exact, refused with file and line, over packaged and fetched rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.catalog.load import load, load_from
from seatrial.catalog.own import NOTHING_OWN, Discount, Own, discounted, machine, read_own
from seatrial.catalog.rows import COLUMNS
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.errors import CatalogError, StorageError
from seatrial.kernel.platform import Catalog, Price

NODE = """[[price]]
provider = "own"
service = "kubernetes"
sku = "node"
region = "*"
unit = "node-month"
price_usd = 48.10
source = "invoice"
as_of = "2026-11-01"
"""

OFF = """[[discount]]
provider = "digitalocean"
service = "app-platform"
percent = 12.5
source = "contract 17"
as_of = "2026-01-01"
"""


def own(tmp_path: Path, text: str) -> Own:
    path = tmp_path / "seatrial.prices.toml"
    path.write_text(text, encoding="utf-8")
    return read_own(path)


def rows(catalog: Catalog, provider: str, sku: str) -> list[Price]:
    return [p for p in catalog.prices if (p.provider, p.sku) == (provider, sku)]


def test_prices_and_discounts_are_read_exactly(tmp_path: Path) -> None:
    made = own(tmp_path, NODE + OFF)
    assert [p.price_usd for p in made.prices] == [Decimal("48.10")]
    assert str(made.prices[0].price_usd) == "48.10"
    assert made.discounts[0].percent == Decimal("12.5")
    assert own(tmp_path, "") == NOTHING_OWN


@pytest.mark.parametrize("text", ["0.1", '"0.1"', "0.0000004", "48"])
def test_a_number_stays_what_was_written(tmp_path: Path, text: str) -> None:
    made = own(tmp_path, NODE.replace("48.10", text))
    assert made.prices[0].price_usd == Decimal(text.strip('"'))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("price_usd = 48.10", "price_usd = -1", "price_usd -1 is negative"),
        ("price_usd = 48.10", "price_usd = nan", "is not a number"),
        ("price_usd = 48.10", "price_usd = inf", "is not a number"),
        ("price_usd = 48.10", "price_usd = 0", "does not say free"),
        ("price_usd = 48.10", f"price_usd = 0.{'1' * 40}", "is not a number"),
        ("price_usd = 48.10", 'price_usd = "a lot"', "Invalid decimal"),
        ("price_usd = 48.10", "price_usd = 48.10\ntier_from = nan", "is not a number"),
        ("price_usd = 48.10", "price_usd = 48.10\ntier_from = 1", "starts at 1"),
        ("price_usd = 48.10", "price_usd = 48.10\nupfront_usd = 5", "without a term of years"),
        ("price_usd = 48.10", "price_usd = 48.10\nprice_eur = 5", "unknown field `price_eur`"),
        ("price_usd = 48.10\n", "", "missing required field `price_usd`"),
        ('unit = "node-month"', 'unit = "node"', "unknown unit 'node'"),
        ('source = "invoice"', 'source = ""', "no source"),
        ('as_of = "2026-11-01"', 'as_of = "November"', "not a date"),
        ('as_of = "2026-11-01"', "as_of = 2026-11-01", "Expected `str`"),
        ("[[price]]", "[[prices]]", "unknown field `prices`"),
        ("[[price]]", "[[price]", "not TOML"),
        ("percent = 12.5", "percent = 100", "not above 0 and below 100"),
        ("percent = 12.5", "percent = 0", "not above 0 and below 100"),
        ("percent = 12.5", "percent = nan", "is not a number"),
        ('source = "contract 17"', 'source = " "', "no source"),
        ('as_of = "2026-01-01"', 'as_of = "undated"', "the source does not say so"),
    ],
)
def test_refused_with_file_and_line(tmp_path: Path, old: str, new: str, what: str) -> None:
    text = NODE + OFF
    assert text.count(old) == 1
    with pytest.raises(CatalogError) as refused:
        own(tmp_path, text.replace(old, new))
    assert what in refused.value.what and refused.value.fix
    name, _, line = refused.value.where.rpartition(":")
    assert name == str(tmp_path / "seatrial.prices.toml")
    changed = text[: text.index(old)].count("\n") + 1
    first = 1 if changed <= NODE.count("\n") else NODE.count("\n") + 1
    assert first <= int(line) <= changed + 1  # the value's line, or that of its table


def test_the_same_price_twice_is_refused_at_the_second(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="the same key as") as refused:
        own(tmp_path, NODE + NODE)
    assert refused.value.where.endswith(":10")


def test_not_utf_8_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "seatrial.prices.toml"
    with pytest.raises(StorageError, match="cannot be read"):
        read_own(path)
    path.write_bytes(NODE.encode().replace(b"invoice", b"invo\xefce"))
    with pytest.raises(CatalogError, match="not UTF-8"):
        read_own(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(NODE + OFF) - 1), st.integers(0, 6), st.text(max_size=4))
def test_any_edit_is_read_or_refused(tmp_path: Path, at: int, cut: int, put: str) -> None:
    text = NODE + OFF
    path = tmp_path / "seatrial.prices.toml"
    path.write_text(text[:at] + put + text[at + cut :], "utf-8", "surrogatepass")
    try:
        made = read_own(path)
    except CatalogError as refused:
        assert refused.where.startswith(str(path))
    else:
        assert all(p.price_usd >= 0 for p in made.prices)


def test_own_prices_win_over_fetched_rows_and_these_over_packaged_ones(tmp_path: Path) -> None:
    def row(sku: str, usd: str) -> str:
        return f"digitalocean,app-platform,{sku},*,node-month,0,,on-demand,{usd},,,list,2026-11-20"

    fetched = tmp_path / "fetched"
    fetched.mkdir()
    lines = [",".join(COLUMNS), row("apps-s-1vcpu-1gb", "13"), row("apps-s-1vcpu-2gb", "26")]
    (fetched / "digitalocean.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mine = (
        NODE.replace("own", "digitalocean")
        .replace("kubernetes", "app-platform")
        .replace('"node"', '"apps-s-1vcpu-2gb"')
    )
    catalog = load(own(tmp_path, mine), fetched)
    usd = {p.sku: p.price_usd for p in catalog.prices if p.service == "app-platform"}
    assert usd["apps-s-1vcpu-0.5gb"] == 5
    assert usd["apps-s-1vcpu-1gb"] == 13
    assert usd["apps-s-1vcpu-2gb"] == Decimal("48.10")
    assert len({load().digest, load(NOTHING_OWN, fetched).digest, catalog.digest}) == 3


def test_an_own_price_replaces_all_tiers_of_its_key(tmp_path: Path) -> None:
    mine = (
        NODE.replace("own", "digitalocean")
        .replace("kubernetes", "app-platform")
        .replace('"node"', '"transfer-out/apps-s-1vcpu-1gb"')
        .replace("node-month", "GB")
    )
    kept = rows(load(own(tmp_path, mine)), "digitalocean", "transfer-out/apps-s-1vcpu-1gb")
    assert [(p.tier_from, p.tier_to, p.price_usd) for p in kept] == [(0, None, Decimal("48.10"))]


def test_an_own_price_nobody_had_is_added(tmp_path: Path) -> None:
    (node,) = rows(load(own(tmp_path, NODE)), "own", "node")
    assert node.price_usd == Decimal("48.10")


def test_a_discount_is_exact_and_named(tmp_path: Path) -> None:
    catalog = load(own(tmp_path, OFF))
    (size,) = rows(catalog, "digitalocean", "apps-d-1vcpu-2gb")
    assert size.price_usd == Decimal("39") * Decimal("0.875") == Decimal("34.125")
    assert size.source.endswith("; less 12.5 % (contract 17, 2026-01-01)")
    (registry,) = [
        p for p in rows(catalog, "digitalocean", "basic") if p.service == "container-registry"
    ]
    assert registry.price_usd == 5


def test_discounts_multiply_and_take_the_upfront_payment_too() -> None:
    price = Price(
        provider="p", service="s", sku="k", region="*", unit="hour", price_usd=Decimal("0.10"),
        upfront_usd=Decimal(200), commitment="reserved-1y-partial", source="list",
        as_of="2026-01-01",
    )  # fmt: skip
    terms = {"source": "deal", "as_of": "2026-01-01"}
    half = Discount(provider="p", percent=Decimal(50), **terms)
    tenth = Discount(provider="p", service="s", sku="k", percent=Decimal(10), **terms)
    (less,) = discounted((price,), (half, tenth))
    assert (less.price_usd, less.upfront_usd) == (Decimal("0.045"), 90)
    assert less.source == "list; less 50 % (deal, 2026-01-01); less 10 % (deal, 2026-01-01)"


def test_a_discount_that_holds_for_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="holds for no price") as refused:
        load(own(tmp_path, OFF.replace("app-platform", "app-plattform")))
    assert refused.value.where == "seatrial.prices.toml"


def test_own_prices_hold_for_any_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="there is no folder prices/"):
        load_from(tmp_path, own(tmp_path, NODE))


def test_the_machine_costs_what_its_owner_states() -> None:
    assert machine(MachineSettings()) == ()
    (stated,) = machine(MachineSettings(cost_usd_month=Decimal("44.90"), cost_as_of="2026-11-21"))
    (row,) = rows(load(Own(prices=(stated,))), "own", "own-machine")
    assert (row.price_usd, row.unit) == (Decimal("44.90"), "month")
    with pytest.raises(CatalogError, match="negative"):
        load(
            Own(
                prices=machine(MachineSettings(cost_usd_month=Decimal(-1), cost_as_of="2026-11-21"))
            )
        )
