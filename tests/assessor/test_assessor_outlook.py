"""Years and break-even: growth, commitments, work, and where the cheaper one changes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from seatrial.assessor.breakeven import Side, Users, break_even
from seatrial.assessor.outlook import Term, Work, years
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import Usage
from seatrial.kernel.design import Design
from seatrial.kernel.platform import (
    BillLine,
    Capabilities,
    Catalog,
    Failure,
    Operations,
    Platform,
    Price,
    Scaling,
    Sourced,
)


def platform(name: str, *lines: BillLine, hours: float = 0) -> Platform:
    said = Sourced(value=hours, source="s", as_of="2026-01-01") if hours else None
    return Platform(
        id=name, name=name, kind="containers", provider="p", source="s", as_of="2026-01-01",
        sizes=(), bill=lines, scaling=Scaling(mechanism="none"),
        failure=Failure(zone_loss="down"), operations=Operations(month_hours=said),
        capabilities=Capabilities(
            autoscaling=False, shared_memory=False, persistent_disk=False, websockets=False,
            zones=1, managed_database=False,
        ),
    )  # fmt: skip


def row(sku: str, unit: str, usd: str, commitment: str = "on-demand", upfront: str = "0") -> Price:
    return Price(
        provider="p", service="s", sku=sku, region="r", unit=unit, price_usd=Decimal(usd),
        upfront_usd=Decimal(upfront), commitment=commitment, source="s", as_of="2026-01-01",
    )  # fmt: skip


BY_HOUR = BillLine(
    component="c", service="s", sku="hour", meter="replica_hours", commitments=("reserved", "spot")
)
BY_REQUEST = BillLine(component="c", service="s", sku="request", meter="requests")
PRICES = (
    row("hour", "hour", "0.10"),
    row("hour", "hour", "0.04", "reserved-1y-partial", "262.8"),
    row("hour", "hour", "0.02", "reserved-3y-all", "525.6"),
    row("request", "request", "0.001"),
)
SERVERS, CALLS = platform("servers", BY_HOUR, hours=2), platform("calls", BY_REQUEST)
BOOK = PriceBook(Catalog(platforms=(SERVERS, CALLS), prices=PRICES, digest=""))


def design(name: str = "servers", replicas: int = 2, commitment: str = "on-demand") -> Design:
    return Design(
        platform=name, region="r", size="one", vcpu=1.0, memory_mib=1024, replicas_min=replicas,
        replicas_max=replicas, workers=1, threads=1, commitment=commitment,
    )  # fmt: skip


def used(replicas: int = 2, requests: int = 0) -> Usage:
    return Usage(replica_hours_month=Decimal(730 * replicas), requests_month=Decimal(requests))


def test_growth_adds_whole_replicas() -> None:
    told = years(design(), SERVERS, BOOK, used(), Term(years=3, growth=Decimal("1.5")))
    assert [year.replicas for year in told] == [2, 3, 5]  # 2, 3 and 4.5
    assert [year.cloud_usd for year in told] == [1752, 2628, 4380]  # $876 a replica and year
    assert [year.growth for year in told] == [1, Decimal("1.5"), Decimal("2.25")]


def test_requests_grow_by_the_factor() -> None:
    term = Term(years=2, growth=Decimal("1.5"))
    told = years(design("calls"), CALLS, BOOK, used(requests=1000), term)
    assert [year.cloud_usd for year in told] == [12, 18]


def test_a_commitment_covers_the_first_replicas_only() -> None:
    term = Term(years=2, growth=Decimal(2))
    asked = design(commitment="reserved-1y-partial")
    first, second = years(asked, SERVERS, BOOK, used(), term)
    # $0.04 and $262.8 a year make $0.07 an hour: $613.20 a year, beside $876 on demand
    assert first.cloud_usd == Decimal("1226.4")
    assert second.cloud_usd == Decimal("1226.4") + 2 * 876
    # the upfront part is bought again when its year is over, so each year's cash is its cost
    assert first.cash_usd == first.cloud_usd


def test_three_years_paid_at_once() -> None:
    asked = design(commitment="reserved-3y-all", replicas=1)
    told = years(asked, SERVERS, BOOK, used(1), Term(years=4))
    # $0.02 an hour and $525.6 for 3 years
    assert [year.cloud_usd for year in told] == [Decimal("350.4")] * 4
    assert [year.cash_usd for year in told] == [
        Decimal("700.8"), Decimal("175.2"), Decimal("175.2"), Decimal("700.8"),
    ]  # fmt: skip


def test_work_is_counted_when_its_rate_is_known() -> None:
    told = years(design(), SERVERS, BOOK, used(), Term(years=1))
    assert (told[0].ops_hours, told[0].ops_usd) == (24, None)
    assert told[0].total_usd == told[0].cloud_usd
    work = Work(usd_hour=Decimal(80), setup_hours=Decimal(10))
    first, second = years(design(), SERVERS, BOOK, used(), Term(years=2, work=work))
    assert (first.ops_usd, second.ops_usd) == (34 * 80, 24 * 80)
    assert first.total_usd == Decimal(1752) + 34 * 80
    (alone,) = years(design("calls"), CALLS, BOOK, used(), Term(years=1, work=Work()))
    assert (alone.ops_hours, alone.ops_usd) == (None, None)


def test_a_year_with_a_missing_price_has_no_total() -> None:
    asked = design(commitment="reserved-1y-none")
    (year,) = years(asked, SERVERS, BOOK, used(), Term(years=1))
    assert (year.cloud_usd, year.cash_usd, year.total_usd) == (None, None, None)


USERS = Users(requests_day=Decimal(10), duration_ms=Decimal(100), fewest=1, most=100_000)


def sides(requests_usd: str = "0.001") -> tuple[Side, Side, PriceBook]:
    prices = (*PRICES[:3], row("request", "request", requests_usd))
    book = PriceBook(Catalog(platforms=(SERVERS, CALLS), prices=prices, digest=""))
    one = Side(design=design(replicas=1), platform=SERVERS, usage=used(1))
    return one, Side(design=design("calls", 1), platform=CALLS, usage=used(1)), book


def test_where_the_cheaper_one_changes_is_exact_to_the_user() -> None:
    curve = break_even(*sides(), USERS)
    # a user costs 10 x 730 / 24 requests at $0.001, a server $73
    assert curve.cheaper_at_first == "calls"
    (crossing,) = curve.crossings
    assert crossing.cheaper == "servers"
    assert crossing.daily_users == 240  # $73 / ($0.304166 a user) is exactly 240: servers at a tie
    assert curve.points[0].daily_users == 1
    assert curve.points[-1].daily_users == 100_000


def test_one_can_be_cheaper_throughout() -> None:
    curve = break_even(*sides("0.000000001"), USERS)
    assert (curve.cheaper_at_first, curve.crossings) == ("calls", ())


def test_replicas_follow_the_peak_hour() -> None:
    curve = break_even(*sides(), USERS)
    counts = [point.replicas[0] for point in curve.points]
    assert counts == sorted(counts) and counts[0] == 1 and counts[-1] > 3
    last = curve.points[-1]
    # 100,000 x 10 requests, 16 of 150 weights in the busiest hour, 0.1 s each, 70 % busy
    peak = 1_000_000 * 16 / sum((4, 2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 7, 7, 7, 8, 9, 11, 13, 15,
                                 16, 14, 11, 7)) / 3600  # fmt: skip
    assert last.replicas[0] == -(-peak * 0.1 // 0.7)


def test_a_missing_price_leaves_a_gap_and_no_crossing() -> None:
    one, other, book = sides()
    unknown = replace(one, design=replace(one.design, commitment="spot"))
    curve = break_even(unknown, other, book, USERS)
    assert curve.crossings == () and curve.cheaper_at_first == ""
    assert all(point.monthly_usd[0] is None for point in curve.points)


@pytest.mark.parametrize("low", [1, 7])
def test_a_narrow_range(low: int) -> None:
    curve = break_even(*sides(), replace(USERS, fewest=low, most=low + 1))
    assert [point.daily_users for point in curve.points] == [low, low + 1]


@given(st.decimals("0.0000001", "0.01", places=7), st.integers(1, 4))
def test_each_crossing_is_where_the_order_changes(usd: Decimal, replicas: int) -> None:
    one, other, book = sides(str(usd))
    one = replace(one, design=design(replicas=replicas), usage=used(replicas))
    users = replace(USERS, most=5_000)
    curve = break_even(one, other, book, users)
    known = {point.daily_users: point.monthly_usd for point in curve.points}
    cheaper = curve.cheaper_at_first
    for crossing in curve.crossings:
        assert crossing.cheaper != cheaper
        cheaper = crossing.cheaper
    last = known[5_000]
    assert last[0] is not None and last[1] is not None
    assert cheaper == ("servers" if last[0] <= last[1] else "calls")


def test_year_one_is_twelve_bills() -> None:
    told = years(design(), SERVERS, BOOK, used(), Term(years=1, growth=Decimal(3)))
    monthly = price(design(), SERVERS, BOOK, used()).monthly_usd
    assert monthly is not None
    assert told[0].cloud_usd == 12 * monthly
