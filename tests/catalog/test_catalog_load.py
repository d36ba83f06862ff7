"""The catalogue is read strictly: whatever is not understood is refused, with file and line."""

from __future__ import annotations

import shutil
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.catalog import load as load_module
from seatrial.catalog.load import load, load_from, own_prices
from seatrial.catalog.rows import COLUMNS, parse_rows
from seatrial.catalog.units import METER_UNITS, UNITS
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import Catalog, Meter, Price

HEADER = ",".join(COLUMNS)
GOOD = "aws,ec2,t3.medium,us-east-1,hour,0,,on-demand,0.0416,somewhere,2026-07-20"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    with as_file(files("seatrial.catalog")) as packaged:
        for folder in ("platforms", "prices"):
            shutil.copytree(packaged / folder, tmp_path / folder)
    return tmp_path


def change(path: Path, old: str, new: str) -> int:
    """Replace the first `old`; the line number it was on."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def refusal(directory: Path) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        load_from(directory)
    assert caught.value.what and caught.value.where
    return caught.value


def test_load_from_a_copy_is_the_packaged_catalogue(copy: Path) -> None:
    assert load_from(copy) == load()


def test_digest_changes_with_any_byte_of_the_data_and_with_overrides(copy: Path) -> None:
    before = load_from(copy).digest
    change(copy / "prices" / "aws.csv", "0.0416", "0.0417")
    after = load_from(copy).digest
    assert (
        len(
            {
                before,
                after,
                load(
                    own_prices(MachineSettings(cost_usd_month=Decimal(20), cost_as_of="2026-11-21"))
                ).digest,
            }
        )
        == 3
    )


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("hour,0,,on-demand,0.0416,", "hour,0,,on-demand,-0.0416,", "negative"),
        ("hour,0,,on-demand,0.0416,", "hour,0,,on-demand,0,", "does not say free"),
        ("hour,0,,on-demand,0.0416,", "hour,0,,on-demand,NaN,", "not a number"),
        ("hour,0,,on-demand,0.0416,", "hour,0,,on-demand,1e-2,", "not a number"),
        ("hour,0,,on-demand,0.0416,", "Hrs,0,,on-demand,0.0416,", "unknown unit"),
        ("hour,0,,on-demand,0.0416,", "hour,5,,on-demand,0.0416,", "starts at 5"),
        ("hour,0,,on-demand,0.0416,", "hour,0,0,on-demand,0.0416,", "empty or negative"),
        ("hour,0,,on-demand,0.0416,", "hour,0,,on-demand,0.0416,x,", "12 cells"),
    ],
)
def test_wrong_price_row(copy: Path, old: str, new: str, what: str) -> None:
    line = change(copy / "prices" / "aws.csv", old, new)
    refused = refusal(copy)
    assert what in refused.what
    assert refused.where == f"prices/aws.csv:{line}"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (GOOD.replace("somewhere", ""), "no source"),
        (GOOD.replace("2026-07-20", "20.7.2026"), "not a date"),
        (GOOD.replace("2026-07-20", "2026-02-30"), "not a date"),
        (GOOD.replace("2026-07-20", "20260720"), "not a date"),
        (GOOD.replace("2026-07-20", "undated"), "the source does not say so"),
        (GOOD.replace("ec2", ""), "empty or padded"),
        (GOOD.replace("ec2", " ec2"), "empty or padded"),
        (GOOD.replace("somewhere", '"some'), "not CSV"),
    ],
)
def test_wrong_row_alone(row: str, what: str) -> None:
    with pytest.raises(CatalogError, match=what) as caught:
        parse_rows("prices/x.csv", f"{HEADER}\n{row}\n".encode())
    assert caught.value.where == "prices/x.csv:2"


def test_unknown_column_and_missing_header() -> None:
    with pytest.raises(CatalogError, match="unknown column colour"):
        parse_rows("prices/x.csv", f"{HEADER},colour\n{GOOD},red\n".encode())
    with pytest.raises(CatalogError, match="not the columns"):
        parse_rows("prices/x.csv", b"")
    with pytest.raises(CatalogError, match="not UTF-8"):
        parse_rows("prices/x.csv", b"\xff\xfe")


@pytest.mark.parametrize(
    ("tiers", "what"),
    [
        ((("0", ""), ("0", "")), "the same key"),
        ((("0", ""), ("10", "")), "overlaps"),
        ((("0", "20"), ("10", "")), "overlaps"),
        ((("0", "5"), ("10", "")), "gap"),
    ],
)
def test_tiers_neither_overlap_nor_leave_gaps(
    copy: Path, tiers: tuple[tuple[str, str], ...], what: str
) -> None:
    rows = [GOOD.replace("hour,0,,", f"hour,{low},{high},") for low, high in tiers]
    text = "\n".join([HEADER, *rows]).replace("t3.medium", "x9.large") + "\n"
    (copy / "prices" / "more.csv").write_text(text, encoding="utf-8")
    refused = refusal(copy)
    assert what in refused.what
    assert refused.where == "prices/more.csv:3"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('meter = "server_hours"', 'meter = "parsecs"', "Invalid enum value"),
        ('meter = "server_hours"', 'meter = "requests"', "is priced per hour"),
        ('sku = "{size}"', 'sku = "{size}.metal"', "no region has a price"),
        ('name = "t3.large"', 'name = "t3.medium"', "twice"),
        ("zones = 2", 'zones = "two"', "Expected `int`"),
        ("zones = 2", "zones = 0", "less than one zone"),
        ("zones = 2", "zones = 2\nmoons = 1", "unknown field `moons`"),
        ("value = 99.99", "value = 101", "out of range"),
        ('as_of = "2022-07-25"', 'as_of = "July 2022"', "not a date"),
        ('kind = "servers"', 'kind = "barges"', "Invalid enum value"),
        ('id = "aws-ecs-ec2"', 'id = "ec2"', "does not match the file's name"),
        ('name = "AWS ECS on EC2"', "name = ", "not TOML"),
    ],
)
def test_wrong_platform(copy: Path, old: str, new: str, what: str) -> None:
    line = change(copy / "platforms" / "aws-ecs-ec2.toml", old, new)
    refused = refusal(copy)
    assert what in refused.what
    name, _, number = refused.where.partition(":")
    assert name == "platforms/aws-ecs-ec2.toml"
    assert abs(int(number) - line) <= 3, f"said {number}, changed {line}"


def test_size_that_nobody_sells_is_told_at_the_line_that_bills_it(copy: Path) -> None:
    platform = copy / "platforms" / "aws-ecs-ec2.toml"
    change(platform, 'name = "t3.large"', 'name = "t9.large"')
    billed = change(platform, 'sku = "{size}"', 'sku = "{size}"')
    refused = refusal(copy)
    assert "t9" in refused.what
    assert refused.where == f"platforms/aws-ecs-ec2.toml:{billed}"


def test_missing_folder_and_too_large_file(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "no folder prices/" in refusal(tmp_path_factory.mktemp("empty")).what
    monkeypatch.setattr(load_module, "FILE_BYTES_MAX", 100)
    assert "larger than 100 bytes" in refusal(copy).what


def test_overrides_replace_their_whole_key() -> None:
    free_egress = Price(
        provider="aws", service="data-transfer", sku="internet-out", region="us-east-1",
        unit="GB", price_usd=Decimal("0.02"), source="my contract", as_of="2026-01-01",
    )  # fmt: skip
    rows = [
        p for p in load((free_egress,)).prices
        if (p.sku, p.region) == ("internet-out", "us-east-1")
    ]  # fmt: skip
    assert rows == [free_egress]


def test_wrong_override_is_refused() -> None:
    with pytest.raises(CatalogError, match="negative"):
        load(own_prices(MachineSettings(cost_usd_month=Decimal(-1), cost_as_of="2026-11-21")))


@given(st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(tmp_path_factory: pytest.TempPathFactory, random) -> None:  # type: ignore[no-untyped-def]
    directory = tmp_path_factory.mktemp("catalogue")
    with as_file(files("seatrial.catalog")) as packaged:
        shutil.copytree(packaged / "platforms", directory / "platforms")
        header, *rows = (packaged / "prices" / "aws.csv").read_text("utf-8").splitlines()
    random.shuffle(rows)
    (directory / "prices").mkdir()
    (directory / "prices" / "aws.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")
    assert load_from(directory).prices == PACKAGED.prices


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_rows("prices/x.csv", HEADER.encode() + b"\n" + data)
    except CatalogError as refused:
        assert refused.where.startswith("prices/x.csv")


PACKAGED: Catalog = load()


def test_every_meter_has_its_units() -> None:
    assert set(METER_UNITS) == set(get_args(Meter))
    assert {p.unit for p in PACKAGED.prices} <= UNITS
