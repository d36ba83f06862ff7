"""Weeks of many designs: the same on any threads, in any company, and by either exact tier."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from seatrial.assessor.simulate import weeks
from seatrial.assessor.simulate.fluid import YearOutlook, year
from seatrial.kernel.simulation import Arrivals, Estimate, Fleet, Policy, RouteLaw

DAY = tuple(1 + 0.6 * np.cos(2 * np.pi * (np.arange(24) - 14) / 24))
ARRIVALS = Arrivals(
    requests_day=10 * 86_400, weekly_weights=tuple(float(w) for w in DAY * 7),
    dispersion_1s=2.0, dispersion_60s=3.0,
)  # fmt: skip
LAW = RouteLaw(path="/", weight=1.0, wall_s=(0.05, 0.1, 0.15, 0.3), cpu_share=0.5)
STILL = Fleet(replicas_min=2, replicas_max=2, workers=2, slots=1, vcpu=2.0, queue="worker")
SCALED = replace(
    STILL, replicas_min=1, replicas_max=6, start_s=20.0, policy=Policy(kind="hpa", target=0.3)
)
SHARED = replace(STILL, slots=4)
FLEETS = [STILL, SCALED, SHARED, replace(SCALED, policy=Policy(kind="knative", target=2.0))]
FEW = 20_000


def outlooks(fleets: list[Fleet]) -> list[YearOutlook]:
    return year(ARRIVALS, [LAW], fleets, 1)


def weeks_of(fleets: list[Fleet], *, threads: int = 2, requests: int = FEW) -> list[weeks.Week]:
    return weeks.weeks(
        ARRIVALS, [LAW], fleets, outlooks(fleets), 1, requests=requests, threads=threads
    )


def test_threads_and_company_change_nothing() -> None:
    once = weeks_of(FLEETS, threads=1)
    assert [week.tier for week in once] == ["T2", "T2", "T3", "T2"]
    assert weeks_of(FLEETS, threads=3) == once
    assert weeks_of(FLEETS[::-1]) == once[::-1]
    assert [weeks_of([fleet])[0] for fleet in FLEETS] == once


def test_windows_are_the_same_requests_whatever_the_lead_in() -> None:
    short, long = (weeks.drawn(ARRIVALS, [LAW], 1, FEW, scaled=scaled) for scaled in (False, True))
    assert short[0].lead_s < long[0].lead_s
    for one, other in zip(short, long, strict=True):
        assert one.window == other.window
        first, second = (
            stretch.requests.wait_s[stretch.requests.arrival_s >= stretch.lead_s]
            for stretch in (one, other)
        )
        assert first.size > 0 and (first == second).all()


def near(one: Estimate, other: Estimate, factor: float = 1.0) -> bool:
    """Whether two estimates of one thing differ by less than their intervals."""
    ends = (one.low, one.value, one.high, other.low, other.value, other.high)
    low, value, high, its_low, its, its_high = (0.0 if end is None else end for end in ends)
    return abs(value - its) <= factor * ((high - low) + (its_high - its_low)) / 2


@pytest.mark.parametrize("fleet", [STILL, SCALED], ids=["still", "scaled"])
def test_lanes_and_replay_agree(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    (lanes,) = weeks_of([fleet], requests=100_000)
    monkeypatch.setattr(weeks, "covered", lambda *_: False)
    (replayed,) = weeks_of([fleet], requests=100_000)
    assert (lanes.tier, replayed.tier) == ("T2", "T3")
    for one, other in zip(lanes.latency_ms, replayed.latency_ms, strict=True):
        # The same requests: chance is in who serves them only.
        assert near(one, other, 0.5)
    assert near(lanes.replicas, replayed.replicas) or lanes.replicas.value == pytest.approx(
        replayed.replicas.value, rel=0.01
    )


def test_who_gives_up_is_replayed() -> None:
    small = replace(STILL, replicas_min=1, replicas_max=1, workers=1, timeout_s=2.0)
    (week,) = weeks_of([small])
    assert week.tier == "T3"
    assert week.error_percent.value is not None and week.error_percent.value > 10


def test_more_requests_make_intervals_narrower() -> None:
    few, many = (weeks_of([STILL], requests=n)[0].latency_ms[1] for n in (20_000, 400_000))
    widths = []
    for one in (few, many):
        assert one.low is not None and one.high is not None
        widths.append(one.high - one.low)
    assert widths[1] < widths[0]


def test_what_the_lanes_leave_to_the_replay() -> None:
    assert weeks.covered(STILL, [LAW])
    waits = replace(LAW, cpu_share=0.0)
    assert weeks.covered(SHARED, [waits]) and not weeks.covered(SHARED, [LAW])
    for changed in (
        {"balancer": "least-outstanding"}, {"queue_max": 5}, {"connection_requests": 3.0},
        {"recycle_requests": 100}, {"policy": Policy(kind="per-request")}, {"vcpu": 1.0},
        {"replicas_max": 100_000},
    ):  # fmt: skip
        assert not weeks.covered(replace(STILL, **changed), [LAW])  # type: ignore[arg-type]
