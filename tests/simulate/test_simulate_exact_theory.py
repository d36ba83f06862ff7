"""The exact replay against closed forms, within 0.5 %.

Service times and gaps are scaled to their exact means, which takes most of the chance out of a
sample's load; 600,000 requests then leave about 0.2 % at the loads used here. Seeds are fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.assessor.queueing import erlang_c
from seatrial.assessor.simulate.exact import Floats, Habits, Replay, Requests, replay
from seatrial.kernel.simulation import Balancer, Fleet

COUNT = 600_000
WITHIN = 0.005


def fleet(
    replicas: int = 1, workers: int = 1, slots: int = 1, vcpu: float = 1.0,
    balancer: Balancer = "round-robin", queue_max: int = 0,
) -> Fleet:  # fmt: skip
    return Fleet(
        replicas_min=replicas, replicas_max=replicas, workers=workers, slots=slots, vcpu=vcpu,
        balancer=balancer, queue_max=queue_max, timeout_s=1e9,
    )  # fmt: skip


def scaled(values: Floats, mean: float) -> Floats:
    return values * (mean / values.mean())


def exponential(rng: np.random.Generator, count: int) -> Floats:
    return scaled(rng.exponential(1.0, count), 1.0)


def requests(rate: float, cpu: Floats | None, wait: Floats | None, seed: int) -> Requests:
    """Poisson arrivals with the given work."""
    rng = np.random.default_rng(seed)
    work = cpu if cpu is not None else wait
    assert work is not None
    count = work.size
    arrivals = np.cumsum(scaled(rng.exponential(1.0, count), 1 / rate))
    nothing = np.zeros(count)
    return Requests(
        arrivals, np.zeros(count, np.int64),
        nothing if cpu is None else cpu, nothing if wait is None else wait,
    )  # fmt: skip


def mean_of(result: Replay) -> float:
    """Mean latency after the first tenth, when the empty start is forgotten."""
    return float(result.latency_s[result.latency_s.size // 10 :].mean())


@pytest.mark.parametrize("work", ["cpu", "wait"])
def test_one_server_is_mm1(work: str) -> None:
    service = exponential(np.random.default_rng(1), COUNT)
    asked = requests(0.5, *((service, None) if work == "cpu" else (None, service)), seed=2)
    assert mean_of(replay(fleet(), asked)) == pytest.approx(2.0, rel=WITHIN)


@pytest.mark.parametrize(
    ("workers", "slots", "on_cpu"), [(1, 8, False), (8, 1, True)], ids=["slots", "processors"]
)
def test_one_queue_to_many_servers_is_erlang_c(workers: int, slots: int, on_cpu: bool) -> None:
    service = exponential(np.random.default_rng(3), COUNT)
    asked = requests(6.0, service if on_cpu else None, None if on_cpu else service, seed=4)
    result = replay(fleet(workers=workers, slots=slots, vcpu=8.0), asked)
    waits = erlang_c(8, 6.0)
    assert mean_of(result) == pytest.approx(1.0 + waits / 2.0, rel=WITHIN)
    waited = result.latency_s > asked.cpu_s + asked.wait_s + 1e-6
    assert waited.mean() == pytest.approx(waits, abs=WITHIN)


def lognormal(rng: np.random.Generator, count: int) -> tuple[Floats, float]:
    """Service times of mean one and a squared coefficient of variation of 1.25."""
    scv = 1.25
    sigma = math.sqrt(math.log(1 + scv))
    return scaled(rng.lognormal(-sigma * sigma / 2, sigma, count), 1.0), scv


def constant(rng: np.random.Generator, count: int) -> tuple[Floats, float]:
    return np.ones(count), 0.0


def two_kinds(rng: np.random.Generator, count: int) -> tuple[Floats, float]:
    """A tenth of the requests takes 4 s, the others 2/3 s."""
    return scaled(np.where(rng.random(count) < 0.1, 4.0, 2 / 3), 1.0), 1.0


Law = Callable[[np.random.Generator, int], tuple[Floats, float]]


@pytest.mark.parametrize("law", [lognormal, constant, two_kinds])
def test_one_server_is_pollaczek_khinchine(law: Law) -> None:
    service, scv = law(np.random.default_rng(5), COUNT)
    result = replay(fleet(), requests(0.5, None, service, seed=6))
    assert mean_of(result) == pytest.approx(1.0 + (1 + scv) / 2, rel=WITHIN)


@pytest.mark.parametrize(("servers", "places"), [(1, 1), (4, 2)])
def test_a_bounded_queue_blocks_as_mmck(servers: int, places: int) -> None:
    load = 0.9 * servers
    rejected, latencies = 0, []
    for seed in range(3):
        service = exponential(np.random.default_rng(7 + seed), COUNT)
        asked = requests(load, None, service, seed=80 + seed)
        result = replay(fleet(slots=servers, queue_max=places), asked)
        rejected += result.counts.rejected
        latencies.append(result.latency_s[result.outcome == 0])
    weights = [load**n / math.factorial(n) for n in range(servers + 1)]
    weights += [weights[servers] * (load / servers) ** n for n in range(1, places + 1)]
    blocked = weights[-1] / sum(weights)
    assert rejected / (3 * COUNT) == pytest.approx(blocked, rel=WITHIN)
    inside = sum(n * weight for n, weight in enumerate(weights)) / sum(weights)
    mean_s = inside / (load * (1 - blocked))
    assert np.concatenate(latencies).mean() == pytest.approx(mean_s, rel=WITHIN)


@pytest.mark.parametrize("law", [constant, two_kinds])
def test_shared_processor_slows_all_in_proportion(law: Law) -> None:
    """M/G/1-PS: a request of x seconds takes x / (1 - load), whatever the law (Kleinrock)."""
    service, _ = law(np.random.default_rng(9), COUNT)
    # One process computes on one processor at most, so the other three stay idle.
    result = replay(fleet(slots=400, vcpu=4.0), requests(0.5, service, None, seed=10))
    assert mean_of(result) == pytest.approx(2.0, rel=WITHIN)
    for size in np.unique(service):
        of_size = result.latency_s[service == size]
        assert of_size.mean() == pytest.approx(2.0 * size, rel=2 * WITHIN)
    assert result.busy_s == pytest.approx(service.sum(), rel=1e-9)


def test_slots_without_a_lock_share_all_processors() -> None:
    """As many in the system as in M/M/2, since exponential work forgets who shares."""
    service = exponential(np.random.default_rng(11), COUNT)
    asked = requests(1.0, service, None, seed=12)
    result = replay(fleet(slots=400, vcpu=2.0), asked, habits=Habits(gil=False))
    assert mean_of(result) == pytest.approx(1.0 + erlang_c(2, 1.0), rel=WITHIN)


def root(transform: Callable[[float], float]) -> float:
    """The root below one of s = transform(1 - s), for GI/M/1 with service rate one."""
    guess = 0.5
    for _ in range(200):
        guess = transform(1 - guess)
    return guess


def test_even_gaps_are_dm1() -> None:
    service = exponential(np.random.default_rng(13), COUNT)
    gaps = np.full(COUNT, 1 / 0.6)
    asked = Requests(np.cumsum(gaps), np.zeros(COUNT, np.int64), np.zeros(COUNT), service)
    sigma = root(lambda s: math.exp(-s / 0.6))
    assert mean_of(replay(fleet(), asked)) == pytest.approx(1 / (1 - sigma), rel=WITHIN)


def test_round_robin_gives_each_replica_erlang_gaps() -> None:
    """Every fourth of a Poisson stream: E4/M/1 at each replica."""
    service = exponential(np.random.default_rng(14), COUNT)
    asked = requests(4 * 0.6, None, service, seed=15)
    sigma = root(lambda s: (2.4 / (2.4 + s)) ** 4)
    assert mean_of(replay(fleet(4), asked)) == pytest.approx(1 / (1 - sigma), rel=WITHIN)


def test_a_random_balancer_leaves_each_replica_poisson() -> None:
    means = []
    for seed in range(3):
        service = exponential(np.random.default_rng(16 + seed), COUNT)
        asked = requests(4 * 0.5, None, service, seed=170 + seed)
        means.append(mean_of(replay(fleet(4, balancer="random"), asked, seed=seed)))
    assert np.mean(means) == pytest.approx(2.0, rel=WITHIN)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=60),
)
def test_one_server_follows_lindley_to_the_bit(steps: list[tuple[float, float]]) -> None:
    gaps, service = (np.array(column) for column in zip(*steps, strict=True))
    arrivals = np.cumsum(gaps)
    asked = Requests(arrivals, np.zeros(len(steps), np.int64), np.zeros(len(steps)), service)
    result = replay(fleet(), asked)
    free = 0.0
    for n, arrival in enumerate(arrivals):
        free = max(float(arrival), free) + float(service[n])
        assert result.latency_s[n] == free - arrival
