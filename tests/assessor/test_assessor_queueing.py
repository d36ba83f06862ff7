"""Erlang C against its tables and against an independent simulation of the same queue."""

from __future__ import annotations

import heapq
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.assessor.queueing import Floats, erlang_c, ladder, quantiles_on, wait_decay_per_ms


@pytest.mark.parametrize(
    ("servers", "load", "expected"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (5, 4.0, 0.554113), (10, 8.0, 0.409180), (3, 3.0, 1.0)],
)
def test_known_values(servers: int, load: float, expected: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(expected, abs=1e-6)


@given(st.integers(1, 200), st.floats(0.0, 0.999))
def test_erlang_c_is_the_direct_sum(servers: int, utilisation: float) -> None:
    load = servers * utilisation
    logs = [k * math.log(load) - math.lgamma(k + 1) if load else -math.inf for k in range(servers)]
    if not load:
        assert erlang_c(servers, load) == 0
        return
    last = servers * math.log(load) - math.lgamma(servers + 1) - math.log1p(-utilisation)
    top = max([*logs, last])
    total = sum(math.exp(value - top) for value in [*logs, last])
    assert erlang_c(servers, load) == pytest.approx(math.exp(last - top) / total, rel=1e-9)


@given(st.integers(1, 50), st.floats(0.01, 0.98))
def test_more_servers_wait_less_and_more_load_waits_more(servers: int, utilisation: float) -> None:
    load = servers * utilisation
    assert erlang_c(servers + 1, load) <= erlang_c(servers, load)
    assert erlang_c(servers, load * 0.9) <= erlang_c(servers, load)


def simulated_waits(servers: int, rate: float, service: float, count: int) -> list[float]:
    """Waiting times of M/M/c, first come first served, one event at a time."""
    chance = random.Random(7)
    free = [0.0] * servers
    now, waits = 0.0, []
    for _ in range(count):
        now += chance.expovariate(rate)
        start = max(now, heapq.heappop(free))
        heapq.heappush(free, start + chance.expovariate(1 / service))
        waits.append(start - now)
    return sorted(waits)


def quantile(
    probability: float, weights: Floats, times: Floats, waits: float, decay: float
) -> float:
    served = ladder(weights, times)
    return float(quantiles_on(served, [probability], np.array([waits]), np.array([decay]))[0, 0])


@pytest.mark.parametrize(("servers", "utilisation"), [(1, 0.6), (2, 0.7), (8, 0.8)])
def test_waiting_times_agree_with_simulation(servers: int, utilisation: float) -> None:
    service = 10.0
    rate = servers * utilisation / service
    waits = simulated_waits(servers, rate, service, 400_000)
    chance = erlang_c(servers, rate * service)
    decay = wait_decay_per_ms(servers, rate, service, 1.0, 1.0)
    assert sum(w > 0 for w in waits) / len(waits) == pytest.approx(chance, rel=0.03)
    assert sum(waits) / len(waits) == pytest.approx(chance / decay, rel=0.06)
    p99 = quantile(0.99, np.ones(1), np.zeros(1), chance, decay)
    assert waits[int(0.99 * len(waits))] == pytest.approx(p99, rel=0.08)


@given(
    st.lists(st.floats(0.1, 1e4), min_size=1, max_size=20),
    st.floats(0, 0.99),
    st.floats(1e-4, 10),
    st.floats(0.01, 0.99),
)
def test_quantile_inverts_the_distribution(
    services: list[float], waits: float, decay: float, probability: float
) -> None:
    points = [(1 / len(services), s) for s in services]
    weights, times = np.array(points).T
    found = quantile(probability, weights, times, waits, decay)

    def reached(t: float) -> float:
        return sum(w * (1 - waits * math.exp(-decay * (t - s))) for w, s in points if s <= t)

    assert reached(found) >= probability - 1e-9
    assert reached(found * (1 - 1e-6) - 1e-9) <= probability + 1e-4
