"""The fluid year against closed forms, a plain step-by-step year, and its own balances."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seatrial.assessor.queueing import erlang_c
from seatrial.assessor.simulate import fluid, layout, lookup, mixing, waits
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
    """Each cell is a replay of about 20,000 requests: chance leaves p95 some percent,
    p99 twice as many.

    Lines between utilisations add to that where the wait grows fast.
    """
    laws = exponential(0.1)
    mean = sum(laws[0].wall_s) / 400
    for rho, near in ((0.3, 0.05), (0.7, 0.06), (0.85, 0.12)):
        rate = rho * servers / mean
        arrivals = Arrivals(requests_day=rate * 86400, weekly_weights=FLAT)
        place = fleet(1, workers=servers, vcpu=float(servers))
        found = fluid.year(arrivals, laws, [place], 1)[0]
        for share, got in ((0.5, found.latency_ms_p50), (0.95, found.latency_ms_p95),
                           (0.99, found.latency_ms_p99)):  # fmt: skip
            wanted = 1000 * response_quantile(servers, mean, rho, share)
            close = 2 * near if share > 0.95 else near
            assert got == pytest.approx(wanted, rel=close), (rho, share)


def test_workers_share_processors() -> None:
    """Four workers on half a processor each compute at its full speed while alone."""
    laws = exponential(0.1)
    arrivals = Arrivals(requests_day=0.2 * 86400, weekly_weights=FLAT)
    place = fleet(1, workers=4, vcpu=1.0, queue="worker")
    found = fluid.year(arrivals, laws, [place], 1)[0]
    assert found.latency_ms_p50 == pytest.approx(1000 * 0.1 * math.log(2), rel=0.05)


def curves(found: waits.Table, level: int, ticks: int) -> tuple[np.ndarray, ...]:
    """Of a replica by spot: requests at once, and those of a step and before that it serves."""
    mixed = mixing.ACROSS[level] @ found.stay_s.reshape(len(mixing.CLASSES), mixing.ROWS)
    inside = np.maximum.accumulate(mixing.along(mixed) * mixing.LOAD * found.capacity_rps)
    return inside, inside + mixing.LOAD * found.capacity_rps * 60.0 / ticks


def plain_year(arrivals: Arrivals, place: Fleet, found: waits.Table, seed: int) -> float:
    """Replica-hours, step by step in Python, by the same policies and the same chance."""
    rates, _ = fluid.rates_of(arrivals, seed)
    rule, state = place.policy, [0.0] * (66 if place.policy.kind == "hpa" else 80)
    ticks = 4 if rule.kind == "hpa" else 1
    span, capacity, chances = 60.0 / ticks, found.capacity_rps, lookup.chances()
    desired, ready, within, held = float(place.replicas_min), float(place.replicas_min), 0.0, 0.0
    known = [curves(found, level, ticks) for level in range(len(mixing.LEVELS))]
    starting: list[list[float]] = []
    for minute, rate in enumerate(rates.tolist()):
        for tick in range(ticks):
            now = minute * 60.0 + tick * span
            able = ready
            for start in [s for s in starting if s[0] < now + span]:
                able += start[1] * min(1.0, (now + span - start[0]) / span)
                ready += start[1]
                starting.remove(start)
            inside, reached = known[mixing.level_of(math.floor(able + 0.5))]
            total = rate * span + within
            assert total < able * (reached[-1] + 0.02 * capacity * span)
            within = able * float(np.interp(total / able, reached, inside))
            draw = chances[minute % layout.CHANCES * layout.DRAWS + 1 + tick]
            some = math.sqrt(found.noise("cpu") / (rate * span)) / 3
            shot = max(0.0, 1 - some * some + draw * some) ** 3
            metric = shot * (total - within) / span * found.cpu_s / (able * place.vcpu)
            metric = min(1.0, metric)
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
    return held / 3600 * fluid.MINUTES / rates.size


@pytest.mark.parametrize("policy", [tracking(), Policy(kind="hpa", period_s=15.0)])
def test_replica_hours_of_a_plain_year(policy: Policy) -> None:
    """The compiled minutes round what they look up; else they do the same."""
    arrivals = Arrivals(
        requests_day=60 * 86400.0, weekly_weights=DAY, dispersion_1s=2.0, dispersion_60s=20.0
    )
    place = fleet(4, 30, policy, start_s=75.0)
    laws = exponential(0.1)
    found = fluid.year(arrivals, laws, [place], 3)[0]
    _, burst = fluid.rates_of(arrivals, 3)
    wanted = plain_year(arrivals, place, waits.table(laws, waits.shape_of(place), burst), 3)
    assert found.replica_hours == pytest.approx(wanted, rel=2e-3)
    assert found.replicas_peak > 6


def test_weeks_stand_for_the_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four or more weeks say what all 52 say, with growth too."""
    places = [fleet(6), fleet(2, 20, tracking())]
    few = fluid.year(BURSTY, exponential(0.1), places, 5)
    monkeypatch.setattr(fluid, "WEEKS", 52)
    fluid.rates_of.cache_clear()
    every = fluid.year(BURSTY, exponential(0.1), places, 5)
    fluid.rates_of.cache_clear()
    for some, all_ in zip(few, every, strict=True):
        assert some.replica_hours == pytest.approx(all_.replica_hours, rel=0.01)
        assert some.latency_ms_p95 == pytest.approx(all_.latency_ms_p95, rel=0.03)


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


@pytest.mark.parametrize("slots", [8, 4_000, 20_000])
def test_a_replica_that_only_waits_carries_what_its_places_hold(slots: int) -> None:
    """All requests alike end in waves of all places, at half of the capacity."""
    laws = (RouteLaw(path="/", weight=1.0, wall_s=(0.5, 0.5), cpu_share=0.0),)
    place = fleet(1, workers=1, slots=slots)
    arrivals = Arrivals(requests_day=slots * 86400.0, weekly_weights=FLAT)
    found = fluid.year(arrivals, laws, [place], 1)[0]
    assert found.error_percent < 0.1
    assert found.latency_ms_p95 == pytest.approx(500.0, rel=0.05)


def test_the_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for threads in (1, 3):
        monkeypatch.setattr(fluid, "threads", lambda threads=threads: threads)
        waits.table.cache_clear()
        found = fluid.year(BURSTY, exponential(0.1), some_fleets(), 5)
        seen.append([(f[:-1], f.hours.tobytes()) for f in found])
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
