"""Units and tiers convert exactly; changes are told; files are whole whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from seatrial.catalog.refresh import write
from seatrial.catalog.refresh.convert import (
    Entry,
    Tier,
    UnusableError,
    checked,
    exactly,
    prices,
    without_free,
)
from seatrial.catalog.refresh.difference import compare
from seatrial.catalog.refresh.sources import Ask, Part, Want
from seatrial.catalog.rows import DIGITS_MAX, key, merge, parse_rows
from seatrial.kernel.errors import CatalogError, TransientError
from seatrial.kernel.platform import Price

AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=9, allow_nan=False)
UNITS = st.sampled_from([Decimal(n) for n in (1, 2, 10, 100, 1000, 10_000, 1_000_000)])


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    """Tiers from 0 without a gap."""
    starts = sorted(draw(st.sets(st.integers(1, 10**9), max_size=5)))
    edges = [Decimal(0), *map(Decimal, starts)]
    return tuple(
        Tier(start=start, end=end, price_usd=draw(AMOUNTS))
        for start, end in zip(edges, [*edges[1:], None], strict=True)
    )


def entry(made: tuple[Tier, ...], units: Decimal = Decimal(1)) -> Entry:
    return Entry(id="X", unit="Thing", units=units, tiers=made, source="a list", as_of="2026-11-20")


def want(drop_free: bool = False, per: Decimal = Decimal(1)) -> Want:
    part = Part(where={"x": ("y",)}, list_unit=("thing",), per=per)
    ask = Ask(list="L", service="s", sku="k", unit="request", drop_free=drop_free, part=(part,))
    return Want(ask=ask, sku="k", parts=ask.part)


def cost(made: tuple[Tier, ...], quantity: Fraction) -> Fraction:
    """What a quantity costs, by tiers."""
    total = Fraction(0)
    for tier in made:
        end = quantity if tier.end is None else min(quantity, Fraction(tier.end))
        if end > tier.start:
            total += (end - Fraction(tier.start)) * Fraction(tier.price_usd)
    return total


@given(tiers(), UNITS, UNITS, st.integers(0, 10**12))
def test_a_quantity_costs_the_same_in_either_unit(
    made: tuple[Tier, ...], units: Decimal, per: Decimal, quantity: int
) -> None:
    rows, reasons = prices("aws", want(per=per), "r", [[entry(made, units)]])
    if reasons:
        assert any(text in reasons[0] for text in ("not exact", "says 0"))
        return
    ours = tuple(Tier(start=r.tier_from, end=r.tier_to, price_usd=r.price_usd) for r in rows)
    in_theirs = Fraction(quantity) / Fraction(units * per)
    assert cost(ours, Fraction(quantity)) == cost(made, in_theirs)


@given(tiers(), UNITS)
def test_rows_are_read_back_as_they_were(made: tuple[Tier, ...], units: Decimal) -> None:
    rows, _ = prices("aws", want(), "r", [[entry(made, units)]])
    read = [row for _, row in parse_rows("x.csv", write.to_csv(rows))]
    assert merge([("x", row) for row in read], ()) == merge([("x", row) for row in rows], ())


@given(tiers(), st.integers(0, 10**12))
def test_without_its_free_tier_the_rest_costs_the_same(
    made: tuple[Tier, ...], quantity: int
) -> None:
    free = (replace(made[0], price_usd=Decimal(0)), *made[1:])
    left = checked(without_free(free))
    size = free[1].start if len(free) > 1 else Decimal(0)
    assert cost(left, Fraction(quantity)) == cost(free, quantity + Fraction(size))


@given(st.fractions(min_value=0, max_value=10**9))
def test_exactly_is_exact_or_refused(value: Fraction) -> None:
    try:
        made = exactly(value)
    except UnusableError:
        return
    assert Fraction(made) == value
    assert len(f"{made:f}") <= DIGITS_MAX


@pytest.mark.parametrize("value", [Fraction(1, 3), Fraction(1, 3600), Fraction(10**25)])
def test_what_has_no_end_is_refused(value: Fraction) -> None:
    with pytest.raises(UnusableError, match="not exact"):
        exactly(value)


@pytest.mark.parametrize(
    "edges",
    [(), ((1, None),), ((0, 5),), ((0, 5), (6, None)), ((0, 5), (4, None)), ((0, 0), (0, None)),
     ((0, None), (5, None))],
)  # fmt: skip
def test_tiers_that_do_not_join(edges: tuple[tuple[int, int | None], ...]) -> None:
    made = tuple(
        Tier(start=Decimal(a), end=None if b is None else Decimal(b), price_usd=Decimal(1))
        for a, b in edges
    )
    with pytest.raises(UnusableError):
        checked(made)


# ----------------------------------------------------------------------------------- difference


def price(usd: str, sku: str = "k", **more: object) -> Price:
    made = Price(
        provider="aws", service="s", sku=sku, region="us-east-1", unit="hour",
        price_usd=Decimal(usd), source="a list (free)", as_of="2026-11-20",
    )  # fmt: skip
    return replace(made, **more)


@pytest.mark.parametrize(
    ("old", "new", "percent", "refused"),
    [
        ("1", "1.3", "30.0", False), ("1", "1.300001", "30.0", True), ("1", "0.7", "-30.0", False),
        ("1", "0.69", "-31.0", True), ("1", "100", "9900.0", True), ("1", "0", "-100.0", True),
        ("0", "1", None, True),
    ],
)  # fmt: skip
def test_a_jump_is_refused(old: str, new: str, percent: str | None, refused: bool) -> None:
    (change,) = compare([price(old)], [price(new)], ())
    assert (change.kind, change.refused) == ("changed", refused)
    assert change.percent == (None if percent is None else Decimal(percent))


def test_tiers_are_compared_where_they_hold() -> None:
    old = [price("1", tier_to=Decimal(10)), price("0.9", tier_from=Decimal(10))]
    new = [price("1", tier_to=Decimal(5)), price("0.5", tier_from=Decimal(5))]
    (change,) = compare(old, new, ())
    assert (change.percent, change.refused) == (Decimal("-50.0"), True)


def test_upfront_counts_by_the_hour_of_its_term() -> None:
    term = {"commitment": "reserved-1y-all"}
    old, new = (price("0", upfront_usd=Decimal(n), **term) for n in (876, 1314))
    (change,) = compare([old], [new], ())
    assert (change.percent, change.old_usd, change.refused) == (Decimal("50.0"), 876, True)
    moved = price("0.1", **term)
    assert compare([old], [moved], ())[0].percent == Decimal("0.0")


def test_added_gone_and_the_same() -> None:
    old = [price("1"), price("2", "packaged only"), price("3", "left the list")]
    new = [price("1", source="another", as_of="2026-11-21"), price("9", "new")]
    found = compare(old, new, [key(old[2])])
    assert [(c.kind, c.sku, c.refused) for c in found] == [
        ("added", "new", False), ("gone", "left the list", True),
    ]  # fmt: skip


def test_another_unit_cannot_be_compared() -> None:
    (change,) = compare([price("1")], [price("1", unit="month")], ())
    assert change.refused and change.percent is None


# ---------------------------------------------------------------------------------------- files


@pytest.fixture
def rows() -> list[Price]:
    return [price("0.1"), price("0.2", "other, with a comma")]


def test_written_files_are_whole_and_read_back(tmp_path: Path, rows: list[Price]) -> None:
    write.write(tmp_path, "aws", rows)
    assert write.read(tmp_path, "aws") == tuple(rows)
    first = (tmp_path / "aws.csv").read_bytes()
    write.write(tmp_path, "aws", rows[::-1])
    assert (tmp_path / "aws.csv").read_bytes() == first


def test_what_the_loader_refuses_is_not_written(tmp_path: Path, rows: list[Price]) -> None:
    write.write(tmp_path, "aws", rows)
    before = (tmp_path / "aws.csv").read_bytes()
    for bad in (price("1", as_of="soon"), price("1", tier_from=Decimal(5)), price("-1")):
        with pytest.raises(CatalogError):
            write.write(tmp_path, "aws", [bad])
    assert (tmp_path / "aws.csv").read_bytes() == before


KILLED = """
import os, signal, sys
from pathlib import Path
from decimal import Decimal
from seatrial import files
from seatrial.catalog.refresh import write
from msgspec.structs import replace
folder = Path(sys.argv[1])
rows = [replace(row, price_usd=Decimal(9)) for row in write.read(folder, "aws")]
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write.write(folder, "aws", rows)
"""


def test_killed_before_the_rename_the_old_file_is_there(tmp_path: Path, rows: list[Price]) -> None:
    write.write(tmp_path, "aws", rows)
    before = (tmp_path / "aws.csv").read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    left = [path for path in tmp_path.iterdir() if path.name.startswith(".aws.csv.")]
    assert len(left) == 1 and left[0].read_bytes() != before, "it was killed too early"
    assert (tmp_path / "aws.csv").read_bytes() == before
    write.write(tmp_path, "aws", rows)
    assert [path.name for path in tmp_path.iterdir()] == ["aws.csv"]


def test_one_refresh_at_a_time(tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(TransientError, match="another refresh"),
        write.locked(tmp_path),
    ):
        pass


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "aws.csv").write_text("half of a")
    with pytest.raises(CatalogError, match="unknown column") as caught:
        write.read(tmp_path, "aws")
    assert str(tmp_path / "aws.csv") in caught.value.where
