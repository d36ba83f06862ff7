"""The fluid year against closed forms, a plain step-by-step year, and its own balances."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from seatrial.assessor.queueing import erlang_c
from seatrial.assessor.simulate import fluid, staffing
from seatrial.kernel import policies
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Arrivals, Fleet, Policy, RouteLaw

FLAT = (1.0,) * 168
DAY = tuple(1 + 0.8 * math.sin(2 * math.pi * (hour - 9) / 24) for hour in range(168))


def exponential(mean: float, cpu: float = 1.0) -> tuple[RouteLaw, ...]:
    times = tuple(-mean * math.log(1 - (i + 0.5) / 400) for i in range(400))
    return (RouteLaw(path="/", weight=1.0, wall_s=times, cpu_share=cpu),)


def fleet(least: int, most: int = 0, policy: Policy | None = None, **over: object) -> Fleet:
    fields = {"workers": 2, "slots": 1, "vcpu": 2.0, "balancer": "random", **over}
    return Fleet(
        replicas_min=least, replicas_max=max(least, most), policy=policy or Policy(), **fields
    )  # type: ignore[arg-type]


def tracking(**over: object) -> Policy:
    return Policy(kind="target-tracking", cooldown_out_s=60.0, **over)  # type: ignore[arg-type]


def response_quantile(servers: int, mean: float, rho: float, share: float) -> float:
    """Quantile of M/M/c's response time, by bisection of its distribution function."""
    waits = erlang_c(servers, rho * servers)
    slow, fast = servers / mean * (1 - rho), 1 / mean
    low, high = 0.0, 1000 * mean
    for _ in range(80):
        t = (low + high) / 2
        if abs(slow - fast) < 1e-9:
            late = math.exp(-fast * t) * (1 + waits * fast * t)
        else:
            late = (1 - waits) * math.exp(-fast * t)
            late += (
                waits * (slow * math.exp(-fast * t) - fast * math.exp(-slow * t)) / (slow - fast)
            )
        low, high = (t, high) if late > 1 - share else (low, t)
    return low


@pytest.mark.parametrize("servers", [1, 4, 16])
def test_erlang_c_at_a_constant_rate(servers: int) -> None:
    """Within 2 %; the law's 400 strata and the time bins are well inside that."""
    laws = exponential(0.1)
    mean = sum(laws[0].wall_s) / 400
    for rho in (0.3, 0.7, 0.85, 0.95):
        rate = rho * servers / mean
        arrivals = Arrivals(requests_day=rate * 86400, weekly_weights=FLAT)
        place = fleet(1, workers=servers, vcpu=float(servers))
        found = fluid.year(arrivals, laws, [place], 1)[0]
        for share, got in ((0.5, found.latency_ms_p50), (0.95, found.latency_ms_p95),
                           (0.99, found.latency_ms_p99)):  # fmt: skip
            wanted = 1000 * response_quantile(servers, mean, rho, share)
            assert got == pytest.approx(wanted, rel=0.02), (rho, share)


def plain_year(arrivals: Arrivals, place: Fleet, capacity: float, cpu: float, seed: int) -> float:
    """Replica-hours, tick by tick in Python, by the same policies: nothing left out."""
    rates, _ = fluid.rates_of(arrivals, seed)
    rule, state = place.policy, [0.0] * 80
    ticks = 4 if rule.kind == "hpa" else 1
    span = 60.0 / ticks
    desired, ready, backlog, held = float(place.replicas_min), float(place.replicas_min), 0.0, 0.0
    starting: list[list[float]] = []
    for minute, rate in enumerate(rates.tolist()):
        for tick in range(ticks):
            now = minute * 60.0 + tick * span
            able = ready
            for start in [s for s in starting if s[0] < now + span]:
                able += start[1] * min(1.0, (now + span - start[0]) / span)
                ready += start[1]
                starting.remove(start)
            served = min(rate, able * capacity)
            backlog = max(0.0, backlog + (rate - able * capacity) * span)
            backlog = min(backlog, able * capacity * place.timeout_s)
            metric = min(1.0, served * cpu / (able * place.vcpu))
            low, high = float(place.replicas_min), float(place.replicas_max)
            end = now + span
            if rule.kind == "hpa":
                wanted = policies.hpa(state, end, metric, desired, able, low, high, rule.target)
            else:
                wanted = policies.target_tracking(
                    state, end, metric, desired, low, high, rule.target,
                    rule.cooldown_out_s, rule.cooldown_in_s,
                )  # fmt: skip
            held += desired * span
            if wanted > desired:
                starting.append([end + place.start_s, wanted - desired])
            gone = desired - wanted
            while gone > 0 and starting:
                taken = min(gone, starting[-1][1])
                starting[-1][1] -= taken
                gone -= taken
                if starting[-1][1] <= 0:
                    starting.pop()
            ready -= max(0.0, gone)
            desired = wanted
    return held / 3600


@pytest.mark.parametrize("policy", [tracking(), Policy(kind="hpa", period_s=15.0)])
def test_replica_hours_of_a_plain_year(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving out steps that change nothing changes nothing: the same to the last hour.

    Four weeks, so that the plain year is quick.
    """
    monkeypatch.setattr(fluid, "MINUTES", 4 * 7 * 1440)
    fluid.rates_of.cache_clear()
    arrivals = Arrivals(
        requests_day=60 * 86400.0, weekly_weights=DAY, dispersion_1s=2.0, dispersion_60s=40.0
    )
    place = fleet(2, 30, policy, start_s=75.0)
    laws = exponential(0.1)
    found = fluid.year(arrivals, laws, [place], 3)[0]
    cpu = sum(laws[0].wall_s) / 400
    wanted = plain_year(arrivals, place, 2 / cpu, cpu, 3)
    fluid.rates_of.cache_clear()
    assert found.replica_hours == pytest.approx(wanted, rel=1e-9)
    assert found.replicas_peak > 4


def some_fleets() -> list[Fleet]:
    return [
        fleet(1), fleet(3), fleet(2, 20, tracking()), fleet(1, 6, tracking(), retries=2),
        fleet(1, 8, Policy(kind="hpa", period_s=15.0), timeout_s=5.0, queue_max=20),
        fleet(0, 9, Policy(kind="knative", target=1.4, period_s=6.0), start_s=4.0),
        fleet(0, 50, Policy(kind="per-request"), workers=1, vcpu=1.0),
        fleet(0, 9, Policy(kind="cloud-run", period_s=60.0), start_s=4.0),
        fleet(1, 9, Policy(kind="step", steps=((0.7, 2.0), (0.3, -1.0))), balancer="round-robin"),
        fleet(2, 9, tracking(metric="requests", target=500.0), queue="worker", slots=4),
    ]  # fmt: skip


BURSTY = Arrivals(
    requests_day=30 * 86400.0, weekly_weights=DAY, dispersion_1s=3.0, dispersion_60s=20.0,
    growth_year=1.5,
)  # fmt: skip


def test_every_request_ends_once_and_nothing_is_nan() -> None:
    for found in fluid.year(BURSTY, exponential(0.1), some_fleets(), 5):
        ends = found.served + found.lost + found.left
        assert ends == pytest.approx(found.arrived, rel=1e-9)
        assert min(found.served, found.lost, found.left) >= 0
        assert np.isfinite(found.hours[:, [0, 1, 3]]).all() and not np.isnan(found.hours).any()
        assert 0 <= found.error_percent <= 100
        assert len(found.week) == 168


def test_the_same_bits_on_any_number_of_threads() -> None:
    before = numba.get_num_threads()
    seen = []
    for threads in (1, before):
        numba.set_num_threads(threads)
        found = fluid.year(BURSTY, exponential(0.1), some_fleets(), 5)
        seen.append([(f[:-1], f.hours.tobytes()) for f in found])
    numba.set_num_threads(before)
    assert seen[0] == seen[1]


def test_more_requests_wait_longer_and_hold_more() -> None:
    places = [fleet(2), fleet(1, 30, tracking())]
    before = [0.0, 0.0]
    for rate in (5, 10, 20, 30, 45):
        arrivals = Arrivals(requests_day=rate * 86400.0, weekly_weights=FLAT, dispersion_1s=2.0)
        still, scaled = fluid.year(arrivals, exponential(0.1), places, 1)
        assert still.latency_ms_p95 is not None and still.latency_ms_p95 >= before[0]
        assert scaled.replica_hours >= before[1]
        before = [still.latency_ms_p95, scaled.replica_hours]


def test_bursts_lengthen_the_wait() -> None:
    seen = []
    for dispersion in (1.0, 2.0, 4.0, 8.0):
        arrivals = Arrivals(
            requests_day=28 * 86400.0, weekly_weights=FLAT, dispersion_1s=dispersion
        )
        found = fluid.year(arrivals, exponential(0.1), [fleet(2)], 1)[0]
        seen.append(found.latency_ms_p99 or 0.0)
    assert seen == sorted(seen) and seen[-1] > 1.5 * seen[0]


def test_overload_for_ever_gets_an_answer() -> None:
    arrivals = Arrivals(requests_day=40 * 86400.0, weekly_weights=FLAT)
    found = fluid.year(arrivals, exponential(0.1), [fleet(1, timeout_s=10.0)], 1)[0]
    assert found.error_percent == pytest.approx(50, abs=0.5)
    assert found.latency_ms_p50 == pytest.approx(10_000, rel=0.05)
    nothing = Arrivals(requests_day=0.0, weekly_weights=FLAT)
    found = fluid.year(nothing, exponential(0.1), [fleet(1)], 1)[0]
    assert found.latency_ms_p50 is None and found.error_percent == 0


def test_impossible_fleets_are_refused() -> None:
    arrivals = Arrivals(requests_day=1.0, weekly_weights=FLAT)
    for place in (fleet(1, workers=0), fleet(1, vcpu=-1.0), fleet(1, timeout_s=float("nan"))):
        with pytest.raises(InputError):
            fluid.year(arrivals, exponential(0.1), [place], 1)
    with pytest.raises(InputError):
        fluid.year(arrivals, exponential(0.1), [fleet(1)], -1)


def test_square_root_staffing() -> None:
    """Halfin and Whitt's staffing is that of Erlang C within one server."""
    for load in (5.0, 20.0, 100.0, 400.0):
        for waiting in (0.5, 0.2, 0.05):
            exact = next(c for c in range(int(load) + 1, 2000) if erlang_c(c, load) <= waiting)
            assert abs(staffing.servers_for(load, waiting) - exact) <= 1


def test_replicas_for_a_wait() -> None:
    laws = exponential(0.1)
    place = fleet(1, 100)
    found = staffing.replicas_for(100.0, laws, place, 0.05)
    assert found is not None
    assert staffing.late_share(100.0, laws, place, found, 0.05) <= 0.05
    assert staffing.late_share(100.0, laws, place, found - 1, 0.05) > 0.05
    assert staffing.replicas_for(100.0, laws, fleet(1, 4), 0.05) is None
    burst = staffing.replicas_for(100.0, laws, place, 0.05, dispersion=30.0)
    assert burst is not None and burst >= found
    with pytest.raises(InputError):
        staffing.replicas_for(-1.0, laws, place, 0.05)
