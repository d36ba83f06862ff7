"""The catalogue that was read before is taken again, and only that one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from seatrial.catalog import kept
from seatrial.catalog import load as loading
from seatrial.catalog.load import load
from seatrial.catalog.own import Own
from seatrial.kernel.platform import Price
from seatrial.kernel.values import to_json

MINE = Own(prices=(Price(
    provider="own", service="own-machine", sku="month", region="*", unit="month",
    price_usd=Decimal("44.90"), commitment="on-demand", source="invoice", as_of="2026-11-21",
),))  # fmt: skip


def test_the_same_is_taken_and_anything_else_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last, read = tmp_path / "catalogue", load()
    made = []
    inner = loading._made

    def counted(*args):  # type: ignore[no-untyped-def]
        made.append(args)
        return inner(*args)

    monkeypatch.setattr(loading, "_made", counted)
    first, again = load(last=last), load(last=last)
    assert len(made) == 1
    assert to_json(first) == to_json(again) == to_json(read) and first == again
    mine = load(MINE, last=last)
    assert len(made) == 2 and mine != first
    assert load(last=last) == first and len(made) == 3
    monkeypatch.setattr(kept, "_code", lambda: "a later release")
    assert load(last=last) == first and len(made) == 4


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:1000], lambda data: data[:-1],
    lambda data: data.replace(b"us-east-1", b"us-east-2", 1), lambda data: b"\xff" * 5000,
])  # fmt: skip
def test_a_damaged_one_is_made_again(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    last = tmp_path / "catalogue"
    read = load(last=last)
    whole = last.read_bytes()
    last.write_bytes(damage(whole))
    assert load(last=last) == read
    assert last.read_bytes() == whole


def test_where_nothing_can_be_kept_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert load(last=tmp_path / "file" / "catalogue") == load()


def test_many_that_write_at_once_leave_a_whole_one(tmp_path: Path) -> None:
    last = tmp_path / "catalogue"
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda own: load(own, last=last), [Own(), MINE] * 4))
    assert all(one == told[0] for one in told[::2]) and all(one == told[1] for one in told[1::2])
    assert load(last=last) == told[0]
    assert [file.name for file in tmp_path.iterdir()] == ["catalogue"]
