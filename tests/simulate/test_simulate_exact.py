"""The exact replay: every request ends once, and each part of a fleet does what it is for."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.assessor.simulate.exact import (
    FAILED,
    OK,
    REJECTED,
    TIMED_OUT,
    Habits,
    Outage,
    Replay,
    Requests,
    replay,
)
from seatrial.assessor.simulate.replay_policy import Reading
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet, Policy

ONE = Fleet(replicas_min=1, replicas_max=1, workers=1, slots=1, vcpu=1.0, timeout_s=1e6)


def but(fleet: Fleet, **changes: Any) -> Fleet:
    return msgspec.structs.replace(fleet, **changes)


def asked(arrivals: Any, cpu: Any = 0.0, wait: Any = 0.0) -> Requests:
    times = np.asarray(arrivals, np.float64)
    nothing = np.zeros(times.size)
    return Requests(times, np.zeros(times.size, np.int64), nothing + cpu, nothing + wait)


def steady(rate: float, span_s: float, seed: int, cpu: float, wait: float) -> Requests:
    """Poisson arrivals, exponential work."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.random(rng.poisson(rate * span_s))) * span_s
    return asked(times, rng.exponential(1, times.size) * cpu, rng.exponential(1, times.size) * wait)


def follow(*wanted: int) -> Any:
    """A policy that wants these numbers in turn, then the last for ever."""
    left = list(wanted)
    return lambda reading: left.pop(0) if len(left) > 1 else left[0]


# Every request ends exactly once.

POLICIES = st.builds(
    Policy, kind=st.sampled_from(
        ["fixed", "target-tracking", "step", "hpa", "knative", "per-request", "cloud-run"]),
    metric=st.sampled_from(["cpu", "requests", "concurrency"]), target=st.floats(0.2, 3),
    period_s=st.sampled_from([5.0, 60.0]), cooldown_out_s=st.just(10.0),
    cooldown_in_s=st.just(10.0), steps=st.just(((0.7, 2.0), (0.3, -1.0))),
)  # fmt: skip


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    least = draw(st.integers(0, 3))
    return Fleet(
        replicas_min=least, replicas_max=max(1, least + draw(st.integers(0, 4))),
        workers=draw(st.integers(1, 3)), slots=draw(st.integers(1, 4)),
        vcpu=draw(st.sampled_from([0.25, 1.0, 1.5, 4.0])),
        queue=draw(st.sampled_from(["replica", "worker"])),
        balancer=draw(st.sampled_from(["round-robin", "least-outstanding", "random"])),
        connection_requests=draw(st.sampled_from([1.0, 5.0, 1000.0])),
        queue_max=draw(st.sampled_from([0, 1, 5])),
        timeout_s=draw(st.sampled_from([0.2, 3.0, 60.0])),
        retries=draw(st.integers(0, 2)), start_s=draw(st.sampled_from([0.0, 2.0, 40.0])),
        warmup_requests=draw(st.integers(0, 3)), warmup_factor=draw(st.sampled_from([1.0, 4.0])),
        recycle_requests=draw(st.sampled_from([0, 1, 7])), zones=draw(st.integers(1, 3)),
        policy=draw(POLICIES),
    )  # fmt: skip


def check_conservation(fleet: Fleet, requests: Requests, result: Replay) -> None:
    counts, count = result.counts, len(requests.arrival_s)
    assert set(np.unique(result.outcome)) <= {OK, REJECTED, TIMED_OUT, FAILED}
    assert counts.ok + counts.rejected + counts.timed_out + counts.failed == count
    assert count <= counts.attempts <= count * (1 + fleet.retries)
    assert np.isfinite(result.latency_s).all() and (result.latency_s >= 0).all()
    work = requests.cpu_s + requests.wait_s
    good = result.outcome == OK
    assert (result.latency_s[good] >= work[good] * (1 - 1e-9) - 1e-9).all()
    assert result.busy_s >= requests.cpu_s[good].sum() * (1 - 1e-9) - 1e-9
    late = result.latency_s[result.outcome == TIMED_OUT]
    assert (late >= fleet.timeout_s - 1e-9).all()
    for series in (result.replicas, result.ready, result.busy, result.in_flight):
        assert np.isfinite(series).all() and (series >= -1e-9).all()


@settings(max_examples=150, deadline=None)
@given(
    fleets(), st.integers(0, 2**32), st.integers(0, 120), st.sampled_from([0.5, 5.0, 60.0]),
    st.lists(st.tuples(st.floats(0, 60), st.floats(0, 30), st.integers(0, 2)), max_size=2),
    st.booleans(),
)  # fmt: skip
def test_every_request_ends_exactly_once(
    fleet: Fleet, seed: int, count: int, span_s: float,
    losses: list[tuple[float, float, int]], lock: bool,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    times = np.sort(rng.random(count) * span_s)
    requests = asked(
        times, rng.exponential(0.1, count) * (rng.random(count) < 0.7),
        rng.exponential(0.2, count) * (rng.random(count) < 0.7),
    )  # fmt: skip
    outages = [Outage(at, at + span, zone % fleet.zones) for at, span, zone in losses]
    habits = Habits(cpu_first=float(rng.random()), gil=lock, clients=8)
    first = replay(fleet, requests, seed=seed, outages=outages, habits=habits)
    check_conservation(fleet, requests, first)
    again = replay(fleet, requests, seed=seed, outages=outages, habits=habits)
    assert first.latency_s.tobytes() == again.latency_s.tobytes()
    assert first.outcome.tobytes() == again.outcome.tobytes() and first.counts == again.counts


# Work.


def test_computing_comes_before_waiting_unless_it_is_split() -> None:
    """The second comes while the first waits, or computes its other half."""
    requests, fleet = asked([0.0, 1.5], cpu=1.0, wait=1.0), but(ONE, slots=2)
    np.testing.assert_allclose(replay(fleet, requests).latency_s, [2.0, 2.0])
    half = replay(fleet, requests, habits=Habits(cpu_first=0.5))
    np.testing.assert_allclose(half.latency_s, [2.5, 2.5])
    assert half.busy_s == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("workers", "vcpu", "lock", "seconds"),
    [(1, 4.0, True, 4.0), (4, 4.0, True, 1.0), (4, 2.0, True, 2.0), (1, 0.5, True, 8.0),
     (1, 4.0, False, 1.0), (1, 2.0, False, 2.0), (2, 4.0, True, 2.0)],
)  # fmt: skip
def test_processors_are_shared(workers: int, vcpu: float, lock: bool, seconds: float) -> None:
    """Four requests of one processor second each at once."""
    fleet = but(ONE, workers=workers, slots=4 // workers, vcpu=vcpu)
    result = replay(fleet, asked([0.0] * 4, cpu=1.0), habits=Habits(gil=lock))
    np.testing.assert_allclose(result.latency_s, seconds)
    assert result.busy_s == pytest.approx(4.0)


def test_a_worker_of_a_crowded_replica_slows_down_and_recovers() -> None:
    """Two workers on one processor: half speed while both compute."""
    fleet = but(ONE, workers=2)
    result = replay(fleet, asked([0.0, 1.0], cpu=[2.0, 0.5]))
    np.testing.assert_allclose(result.latency_s, [2.5, 1.0])


# Balancing and queues.


def test_one_queue_of_a_replica_beats_one_of_each_worker() -> None:
    requests = steady(30.0, 300.0, 1, cpu=0.0, wait=0.1)
    means = {
        queue: replay(but(ONE, workers=4, queue=queue), requests).latency_s.mean()
        for queue in ("replica", "worker")
    }
    assert means["replica"] < 0.7 * means["worker"]


def test_least_outstanding_beats_round_robin_beats_random() -> None:
    requests = steady(32.0, 300.0, 2, cpu=0.0, wait=0.1)
    fleet = but(ONE, replicas_min=4, replicas_max=4)
    mean = {
        balancer: replay(but(fleet, balancer=balancer), requests).latency_s.mean()
        for balancer in ("random", "round-robin", "least-outstanding")
    }
    assert mean["least-outstanding"] < 0.8 * mean["round-robin"] < 0.8 * mean["random"]


def test_connections_that_are_kept_load_replicas_unevenly() -> None:
    requests = steady(32.0, 300.0, 3, cpu=0.0, wait=0.1)
    fleet = but(ONE, replicas_min=4, replicas_max=4)
    few = Habits(clients=10)
    kept = replay(but(fleet, connection_requests=1000.0), requests, habits=few)
    assert kept.latency_s.mean() > 1.5 * replay(fleet, requests).latency_s.mean()


def test_proxies_count_apart() -> None:
    """Three proxies do not know of each other's requests."""
    requests = steady(32.0, 1000.0, 4, cpu=0.0, wait=0.1)
    fleet = but(ONE, replicas_min=4, replicas_max=4, balancer="least-outstanding")
    alone = replay(fleet, requests).latency_s.mean()
    assert replay(but(fleet, zones=3), requests).latency_s.mean() > 1.1 * alone


def test_a_full_queue_rejects() -> None:
    result = replay(but(ONE, queue_max=1), asked([0.0, 0.1, 0.2, 1.5], wait=1.0))
    assert result.outcome.tolist() == [OK, OK, REJECTED, OK]
    np.testing.assert_allclose(result.latency_s, [1.0, 1.9, 0.0, 1.5])


# Clients.


def test_who_gives_up_leaves_the_work_behind() -> None:
    result = replay(but(ONE, timeout_s=1.0), asked([0.0, 0.5], wait=[3.0, 0.1]))
    assert result.outcome.tolist() == [TIMED_OUT, TIMED_OUT]
    np.testing.assert_allclose(result.latency_s, 1.0)
    assert result.counts.wasted == 2


def test_a_retry_comes_after_a_pause_and_its_latency_counts_from_the_first() -> None:
    result = replay(but(ONE, timeout_s=1.0, retries=1), asked([0.0, 0.0], wait=[1.5, 0.2]))
    assert result.counts.attempts == 4
    assert result.outcome[1] == OK
    # One second until it gave up, half a second to one and a half of pause, the work.
    assert 1.7 <= result.latency_s[1] <= 2.9


def test_retries_keep_an_overloaded_fleet_busy_with_nothing() -> None:
    requests = steady(12.0, 120.0, 5, cpu=0.0, wait=0.1)
    fleet = but(ONE, timeout_s=2.0)
    calm, storm = replay(fleet, requests), replay(but(fleet, retries=3), requests)
    assert storm.counts.wasted > 2 * calm.counts.wasted
    assert storm.counts.attempts > 2 * len(requests.arrival_s)


# Starts, warm-up, recycling, drains.


def test_a_new_replica_is_cold_for_its_first_requests() -> None:
    fleet = but(ONE, replicas_min=0, policy=Policy(kind="knative"), start_s=3.0,
                warmup_requests=1, warmup_factor=4.0)  # fmt: skip
    result = replay(fleet, asked([1.0, 10.0, 12.0], wait=0.5))
    np.testing.assert_allclose(result.latency_s, [5.0, 0.5, 0.5])
    assert result.counts.cold_starts == 1


def test_without_a_replica_a_load_balancer_has_no_answer() -> None:
    assert replay(but(ONE, replicas_min=0), asked([1.0])).outcome.tolist() == [REJECTED]


def test_recycled_workers_come_back() -> None:
    fleet = but(ONE, recycle_requests=1)
    result = replay(fleet, asked([0.0, 0.0, 0.0], wait=1.0), habits=Habits(recycle_s=0.5))
    np.testing.assert_allclose(result.latency_s, [1.0, 2.5, 4.0])
    assert result.counts.recycles == 3


def test_a_drain_loses_nothing_and_gets_nothing_new() -> None:
    requests = steady(20.0, 200.0, 6, cpu=0.0, wait=0.5)
    fleet = but(ONE, replicas_min=1, replicas_max=6, slots=4, start_s=0.0)
    result = replay(fleet, requests, step=follow(6, 6, 2, 6, 1, 5), period_s=20.0)
    assert result.counts.ok == len(requests.arrival_s)
    assert result.counts.drained == 4 + 5
    assert result.ready[45] == 6 and result.ready[65] == 2 and result.ready[105] == 1


def test_starts_that_are_no_longer_wanted_are_given_up_first() -> None:
    fleet = but(ONE, replicas_max=4, start_s=30.0)
    result = replay(fleet, asked([100.0]), step=follow(4, 1), period_s=10.0)
    assert result.counts.cold_starts == 3 and result.counts.drained == 0
    assert result.replicas[15] == 4 and result.replicas[25] == 1 and result.ready.max() == 1


def test_a_reading_tells_the_load_since_the_one_before() -> None:
    readings: list[Reading] = []

    def step(reading: Reading) -> float:
        readings.append(reading)
        return 2

    fleet = but(ONE, replicas_min=2, replicas_max=2, workers=2, vcpu=2.0)
    replay(fleet, asked(np.arange(0, 120, 0.5), cpu=0.2, wait=0.1), step=step, period_s=60.0)
    first = readings[0]
    assert (first.now_s, first.span_s, first.ready, first.desired) == (60.0, 60.0, 2, 2)
    assert first.cpu == pytest.approx(0.1, rel=0.01)
    assert first.busy == pytest.approx(0.4, rel=0.01)
    assert first.requests_minute == pytest.approx(60.0, rel=0.02)
    assert first.in_flight == pytest.approx(0.6, rel=0.02)


@pytest.mark.parametrize(
    ("policy", "start_s"),
    [(Policy(kind="target-tracking", target=0.6, cooldown_out_s=60.0), 40.0),
     (Policy(kind="hpa", target=0.6), 20.0), (Policy(kind="cloud-run", target=0.6), 5.0),
     (Policy(kind="knative", metric="concurrency", target=1.5), 5.0),
     (Policy(kind="step", steps=((0.7, 2.0), (0.3, -1.0)), cooldown_out_s=60.0), 40.0)],
    ids=lambda value: value.kind if isinstance(value, Policy) else "",
)  # fmt: skip
def test_policies_follow_the_load(policy: Policy, start_s: float) -> None:
    fleet = but(ONE, replicas_max=8, workers=2, slots=4, start_s=start_s, policy=policy)
    requests = steady(30.0, 1200.0, 7, cpu=0.1, wait=0.0)
    result = replay(fleet, requests)
    assert result.counts.ok == len(requests.arrival_s)
    assert 3.5 <= result.ready[900:].mean() <= 8.0
    assert np.percentile(result.latency_s[-6000:], 95) < 2.0


# Functions and zones.


def test_functions_start_an_instance_for_each_request_at_once() -> None:
    fleet = but(ONE, replicas_min=0, replicas_max=2, start_s=2.0, policy=Policy(kind="per-request"))
    result = replay(fleet, asked([0.0, 0.5, 0.6, 10.0, 10.5, 700.0], wait=1.0))
    assert result.outcome.tolist() == [OK, OK, REJECTED, OK, OK, OK]
    np.testing.assert_allclose(result.latency_s, [3.0, 3.0, 0.0, 1.0, 1.0, 3.0])
    assert result.counts.cold_starts == 3
    assert result.replicas[500] == 2 and result.replicas[690] == 0


def test_provisioned_instances_stay() -> None:
    fleet = but(ONE, replicas_min=1, replicas_max=3, policy=Policy(kind="per-request"))
    result = replay(fleet, asked([0.0, 5000.0], wait=1.0), habits=Habits(idle_s=10.0))
    np.testing.assert_allclose(result.latency_s, 1.0)
    assert result.counts.cold_starts == 0 and result.replicas[3000] == 1


def test_a_lost_zone_fails_what_it_has_and_is_made_good_elsewhere() -> None:
    fleet = but(ONE, replicas_min=2, replicas_max=2, zones=2, start_s=10.0)
    requests = asked(np.arange(0.0, 60.0, 0.25), wait=0.2)
    result = replay(fleet, requests, outages=[Outage(20.05, 40.0, zone=1)], seed=3)
    assert 1 <= result.counts.failed <= 2
    assert result.ready[25] == 1 and result.ready[35] == 2
    retried = replay(but(fleet, retries=1), requests, outages=[Outage(20.05, 40.0, zone=1)], seed=3)
    assert retried.counts.ok == len(requests.arrival_s)


def test_a_fleet_that_loses_all_zones_comes_back() -> None:
    fleet = but(ONE, start_s=10.0, retries=2)
    requests = asked(np.arange(0.0, 60.0, 0.25), wait=0.2)
    result = replay(fleet, requests, outages=[Outage(20.0, 30.0)])
    assert result.outcome[requests.arrival_s > 41].tolist() == [OK] * 75
    assert result.counts.rejected + result.counts.failed > 30


# Time without end, and inputs that cannot be.


def test_a_queue_that_grows_has_its_answer() -> None:
    result = replay(ONE, asked(np.arange(0.0, 100.0, 0.1), wait=1.0))
    assert result.counts.ok == 1000
    assert result.latency_s[-1] == pytest.approx(1000 - 99.9)


def test_no_requests_are_an_answer_too() -> None:
    result = replay(ONE, asked([]), duration_s=10.0)
    assert result.counts.attempts == 0 and result.latency_s.size == 0


@pytest.mark.parametrize(
    ("change", "where"),
    [({"workers": 0}, "fleet.workers"), ({"vcpu": 0.0}, "fleet.vcpu"),
     ({"replicas_min": -1}, "fleet.replicas_min"), ({"replicas_min": 3}, "fleet.replicas_max"),
     ({"timeout_s": float("inf")}, "fleet.timeout_s"), ({"start_s": -1.0}, "fleet.start_s"),
     ({"connection_requests": 0.5}, "fleet.connection_requests"),
     ({"policy": Policy(kind="hpa", target=0.0)}, "policy.target"),
     ({"policy": Policy(kind="target-tracking", period_s=0.0)}, "policy.period_s")],
)  # fmt: skip
def test_a_fleet_that_cannot_be_is_refused(change: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        replay(but(ONE, **change), asked([0.0]))
    assert caught.value.where == where and caught.value.fix


@pytest.mark.parametrize(
    ("requests", "where"),
    [(asked([1.0, 0.5]), "requests.arrival_s"), (asked([-1.0]), "requests.arrival_s"),
     (asked([0.0], cpu=float("nan")), "requests.cpu_s"), (asked([0.0], wait=-1), "requests.wait_s"),
     (asked([0.0])._replace(cpu_s=np.zeros(2)), "requests.cpu_s")],
)  # fmt: skip
def test_requests_that_cannot_be_are_refused(requests: Requests, where: str) -> None:
    with pytest.raises(InputError) as caught:
        replay(ONE, requests)
    assert caught.value.where == where and caught.value.fix
