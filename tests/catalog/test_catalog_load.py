"""The packaged catalogue is read strictly and whole: files, digest, overrides, wrong files."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.assessor.meters import METERS
from seatrial.catalog import load as load_module
from seatrial.catalog.load import load, load_from
from seatrial.catalog.own import Own, machine
from seatrial.catalog.rows import COLUMNS, merge, parse_rows
from seatrial.catalog.units import METER_UNITS, UNITS
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import Catalog, Price

HEADER = ",".join(COLUMNS)
GOOD = "aws,ec2,t3.medium,us-east-1,hour,0,,on-demand,0.0416,,,somewhere,2026-07-20"
PACKAGED: Catalog = load()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    with as_file(files("seatrial.catalog")) as packaged:
        for folder in ("providers", "platforms", "services", "prices"):
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
    assert load_from(copy) == PACKAGED


@pytest.mark.parametrize(
    "edit",
    [
        lambda root: change(root / "prices" / "railway.csv", ",0.05,", ",0.06,"),
        lambda root: change(root / "platforms" / "kubernetes.toml", "value = 15", "value = 16"),
        lambda root: change(root / "services" / "own-redis.toml", "Your own", "Your"),
        lambda root: change(root / "providers" / "own.toml", "Your own", "Yours"),
    ],
)
def test_digest_changes_with_any_byte_of_the_data(copy: Path, edit: Callable[[Path], int]) -> None:
    edit(copy)
    assert load_from(copy).digest != PACKAGED.digest


def test_digest_changes_with_what_the_user_states() -> None:
    stated = machine(MachineSettings(cost_usd_month=Decimal(20), cost_as_of="2026-11-21"))
    assert load(Own(prices=stated)).digest != PACKAGED.digest == load().digest


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
        (GOOD.replace("0.0416", "1e-2"), "not a number"),
        (GOOD.replace("0.0416", "NaN"), "not a number"),
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


def test_one_wrong_row_refuses_the_packaged_catalogue(copy: Path) -> None:
    line = change(copy / "prices" / "railway.csv", "on-demand,0.05,", "on-demand,-0.05,")
    refused = refusal(copy)
    assert "negative" in refused.what
    assert refused.where == f"prices/railway.csv:{line}"


def test_size_that_nobody_sells_is_told_at_the_line_that_bills_it(copy: Path) -> None:
    platform = copy / "platforms" / "do-app-platform.toml"
    change(platform, 'name = "apps-d-1vcpu-2gb"', 'name = "apps-d-9vcpu"')
    billed = change(platform, 'sku = "{size}"', 'sku = "{size}"')
    refused = refusal(copy)
    assert "apps-d-9vcpu" in refused.what
    assert refused.where == f"platforms/do-app-platform.toml:{billed}"


@pytest.mark.parametrize("folder", ["prices", "providers", "platforms", "services"])
def test_missing_and_empty_folders(copy: Path, folder: str) -> None:
    for file in (copy / folder).iterdir():
        file.unlink()
    assert f"no .{'csv' if folder == 'prices' else 'toml'} file in it" in refusal(copy).what
    (copy / folder).rmdir()
    assert f"no folder {folder}/" in refusal(copy).what


def test_too_large_file_and_one_that_is_not_text(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "platforms" / "aaa.toml").write_bytes(b"name = '\xff'")
    refused = refusal(copy)
    assert "not UTF-8" in refused.what and refused.where == "platforms/aaa.toml"
    monkeypatch.setattr(load_module, "FILE_BYTES_MAX", 100)
    assert "larger than 100 bytes" in refusal(copy).what


def test_overrides_replace_their_whole_key() -> None:
    contract = Price(
        provider="digitalocean", service="app-platform", sku="transfer-out/apps-s-1vcpu-1gb",
        region="*", unit="GB", price_usd=Decimal("0.015"), source="my contract",
        as_of="2026-01-01",
    )  # fmt: skip
    rows = [p for p in load(Own(prices=(contract,))).prices if p.sku == contract.sku]
    assert rows == [contract]


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_does_not_matter(seed: int) -> None:
    placed = []
    for file in files("seatrial.catalog").joinpath("prices").iterdir():
        placed.extend(parse_rows(file.name, file.read_bytes()))
    random.Random(seed).shuffle(placed)
    assert merge(placed, ()) == PACKAGED.prices


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_rows("prices/x.csv", HEADER.encode() + b"\n" + data)
    except CatalogError as refused:
        assert refused.where.startswith("prices/x.csv")


def test_every_meter_has_its_units() -> None:
    assert set(METER_UNITS) == set(METERS)
    assert {price.unit for price in PACKAGED.prices} <= UNITS
