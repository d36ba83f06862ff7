"""Bills and worked examples that others published, priced again by `seatrial price`.

Each file of bills/ is one: who published it and when, what was used, the verb's arguments, and what
it says each line and the whole cost. What cannot be matched stays, with `differs` saying why, and
is tested to still differ.
"""

from __future__ import annotations

import fnmatch
import json
import shlex
import tomllib
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from seatrial import pricing
from seatrial.catalog.load import load
from seatrial.cli.price import app

BILLS = sorted(Path(__file__).with_name("bills").glob("*.toml"))
ONE_PERCENT = Decimal("0.01")


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """What the bill says a part costs; `pick` are "component/service/sku" with wildcards."""

    says: str
    usd: str
    pick: tuple[str, ...]
    times: Decimal = Decimal(1)
    differs: str = ""


class Bill(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A published bill. `total` is of the lines, or of all that we bill when `whole`.

    `own_source` says that price rows of ours cite the same source: then the bill checks the
    arithmetic, tiers and units, and not the price. `left_out` is what of it is not compared.
    """

    source: str
    author: str
    published: str
    region: str
    used: str
    arguments: tuple[str, ...]
    line: tuple[Line, ...]
    total: str = ""
    whole: bool = False
    differs: str = ""
    own_source: bool = False
    left_out: str = ""


def read(path: Path) -> Bill:
    return msgspec.convert(tomllib.loads(path.read_text()), Bill)


Answers = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def ask() -> Iterator[Answers]:
    """`seatrial price ARGUMENTS --json` in this process, with the packaged prices only."""
    known = load()

    def answer(arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*shlex.split(arguments), "--json"])
        assert done.exit_code in (0, 1), f"{arguments}: {done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout, parse_float=Decimal, parse_int=Decimal)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricing, "catalog", lambda own_file, stated=None: known)
        yield answer


def named(line: dict[str, Any], pick: tuple[str, ...]) -> bool:
    name = "/".join((line["component"], line["service"], line["sku"]))
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in pick)


def ours(line: Line, answers: list[dict[str, Any]]) -> Decimal | None:
    """Our amount, or none when no price is known."""
    if any(named(gap, line.pick) for answer in answers for gap in answer["unpriced"]):
        return None
    found = [one for answer in answers for one in answer["lines"] if named(one, line.pick)]
    assert found, f"{line.says}: nothing is named {line.pick}"
    return sum((Decimal(one["monthly_usd"]) for one in found), Decimal(0)) * line.times


def near(found: Decimal, stated: str) -> bool:
    """Within one per cent."""
    return abs(found - Decimal(stated)) <= ONE_PERCENT * Decimal(stated)


def near_or_rounded(found: Decimal, stated: str) -> bool:
    """Within one per cent, or within half of the last digit that was published."""
    half = Decimal(5).scaleb(-len(stated.partition(".")[2]) - 1)
    return near(found, stated) or abs(found - Decimal(stated)) <= half


@pytest.mark.parametrize("path", BILLS, ids=lambda path: path.stem)
def test_bill(path: Path, ask: Answers) -> None:
    bill = read(path)
    answers = [ask(arguments) for arguments in bill.arguments]
    amounts = [ours(line, answers) for line in bill.line]
    for line, found in zip(bill.line, amounts, strict=True):
        agrees = found is not None and near_or_rounded(found, line.usd)
        assert agrees == (not line.differs), f"{line.says}: ours is {found}, {line.differs or '?'}"
    if not bill.total:
        return
    parts: list[Any] = [one["monthly_usd"] for one in answers] if bill.whole else list(amounts)
    total = None if None in parts else sum(parts, Decimal(0))
    agrees = total is not None and near(total, bill.total)
    assert agrees == (not bill.differs), f"total: ours is {total}, {bill.differs or '?'}"


def test_there_are_enough_of_them() -> None:
    bills = [read(path) for path in BILLS]
    assert len(bills) >= 25
    independent = [bill for bill in bills if not bill.own_source]
    assert len({bill.author for bill in independent}) >= 8
    assert len({bill.arguments[0].split()[0] for bill in bills}) >= 6, "platforms"
    for bill in bills:
        assert bill.source and bill.published and bill.used


def test_what_is_far_off_is_found() -> None:
    assert near(Decimal("59.1008"), "59.10")
    assert not near(Decimal("59.70"), "59.10")
    rounded = partial(near_or_rounded, Decimal("9.0127"))
    assert rounded("9") and rounded("9.01")
    assert not rounded("8.90")
