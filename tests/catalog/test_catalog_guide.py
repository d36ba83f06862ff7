"""docs/guides/add-a-platform.md followed literally: files, figures and refusals hold."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from seatrial.assessor.price import price
from seatrial.catalog.load import load_from
from seatrial.kernel.assessment import Bill
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import Catalog
from seatrial.kernel.units import CENT

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "add-a-platform.md"
FOLDERS = ("providers", "platforms", "services", "prices")


class Block(NamedTuple):
    """A fenced block, with the file's path that stands before it, if one does."""

    path: str
    language: str
    body: str


def blocks() -> list[Block]:
    text = GUIDE.read_text(encoding="utf-8")
    found = re.findall(r"(?:^`([\w./-]+)`\n\n)?^```(\w+)\n(.*?)^```$", text, re.M | re.S)
    return [Block(*parts) for parts in found]


FILES = [block for block in blocks() if block.path and block.language != "diff"]
REFUSALS = [
    (block, answer.body.rstrip("\n"))
    for block, answer in zip(blocks(), blocks()[1:], strict=False)
    if block.language == "diff"
]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the catalogue with the guide's files in it."""
    directory = tmp_path_factory.mktemp("catalogue")
    with as_file(files("seatrial.catalog")) as packaged:
        for folder in FOLDERS:
            shutil.copytree(packaged / folder, directory / folder)
    for block in FILES:
        target = directory / block.path
        assert not target.exists(), f"{block.path} is packaged already"
        target.write_text(block.body, encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's files without the rest, in which to break one."""
    directory = tmp_path_factory.mktemp("alone")
    for block in FILES:
        target = directory / block.path
        target.parent.mkdir(exist_ok=True)
        target.write_text(block.body, encoding="utf-8")
    return directory


def test_the_guide_has_every_kind_of_file() -> None:
    assert [block.path.split("/")[0] for block in FILES] == [
        "providers", "prices", "platforms", "services",
    ]  # fmt: skip
    assert len(REFUSALS) >= 8
    assert all(answer for _, answer in REFUSALS)


def run_check(directory: Path, commitment: str = "on-demand") -> tuple[Catalog, Bill]:
    """The guide's own Python, and what it leaves."""
    (check,) = [block for block in blocks() if block.language == "python"]
    names: dict[str, object] = {"directory": directory}
    exec(compile(check.body, str(GUIDE), "exec"), names)
    catalog, bill = names["catalog"], names["bill"]
    assert isinstance(catalog, Catalog) and isinstance(bill, Bill)
    if commitment != "on-demand":
        design = replace(names["design"], commitment=commitment)  # type: ignore[type-var]
        bill = price(design, catalog.platform(design.platform), catalog, names["usage"])  # type: ignore[attr-defined, arg-type]
    return catalog, bill


def stated(number: int) -> Decimal:
    """The guide's figures in bold, in their order."""
    return Decimal(re.findall(r"\*\*([\d.]+)\*\*", GUIDE.read_text(encoding="utf-8"))[number])


def test_it_loads_beside_the_packaged_platforms_and_costs_what_is_said(followed: Path) -> None:
    catalog, bill = run_check(followed)
    packaged = {path.stem for path in (followed / "platforms").glob("*.toml")}
    assert {platform.id for platform in catalog.platforms} == packaged
    assert bill.unpriced == ()
    assert bill.monthly_usd == stated(0) == Decimal("64.10")
    assert [(line.component, line.monthly_usd.quantize(CENT)) for line in bill.lines] == [
        ("compute", Decimal("29.20")), ("network", Decimal(0)), ("network", Decimal("1.00")),
        ("load balancer", Decimal("10.00")), ("database", Decimal("21.90")),
        ("database", Decimal("2.00")),
    ]  # fmt: skip


def test_reserved_costs_what_is_said(alone: Path) -> None:
    _, bill = run_check(alone, "reserved-1y-none")
    assert bill.monthly_usd == stated(1) == Decimal("56.80")


@pytest.mark.parametrize(
    ("change", "answer"), REFUSALS, ids=[answer.split("\n")[0] for _, answer in REFUSALS]
)
def test_breaking_a_row_is_refused_as_shown(
    alone: Path, tmp_path: Path, change: Block, answer: str
) -> None:
    directory = tmp_path / "catalogue"
    shutil.copytree(alone, directory)
    old, new = (line[1:] for line in change.body.splitlines())
    text = (directory / change.path).read_text(encoding="utf-8")
    assert text.count(old) == 1
    (directory / change.path).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogError) as refused:
        load_from(directory)
    assert str(refused.value) == answer
