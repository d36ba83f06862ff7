"""The short replays against a plain one in Python, and each way of replaying against the other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from seatrial.assessor.simulate import station, waits
from seatrial.assessor.simulate.station import LEAST, RANDOM, TURNS, Places

ROOMY = 10**6
"""A queue that is never full, but has to be looked at: so it is replayed event by event."""


def asked(places: Places, share: float, count: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Arrivals, seconds on a processor and beside it, and luck, at about 80 % load."""
    chance = np.random.default_rng(seed)
    wall = chance.exponential(0.06, count)
    fast = min(places.workers, places.vcpu) / max(share, 1e-9)
    able = places.replicas * min(fast, places.workers * places.slots) / 0.06
    arrival = np.cumsum(chance.exponential(1 / (0.8 * able), count))
    return arrival, wall * share, wall * (1 - share), chance.random(count)


def plain(arrival: np.ndarray, cpu: np.ndarray, wait: np.ndarray, luck: np.ndarray,
          places: Places) -> np.ndarray:  # fmt: skip
    """Latencies at one replica: what is left of each computation, at its speed until an event."""
    now, done = 0.0, np.full(arrival.size, math.nan)
    queues: list[list[int]] = [[] for _ in range(places.workers)]
    computing: list[dict[int, float]] = [{} for _ in range(places.workers)]
    waiting: dict[int, tuple[float, int]] = {}

    def held(worker: int) -> int:
        return len(computing[worker]) + sum(at == worker for _, at in waiting.values())

    def begin(job: int, worker: int) -> None:
        if cpu[job] > 0:
            computing[worker][job] = cpu[job]
        else:
            waiting[job] = (now + wait[job], worker)

    def end(job: int, worker: int) -> None:
        done[job] = now - arrival[job]
        queue = queues[0 if places.shared else worker]
        if queue:
            begin(queue.pop(0), worker)

    coming = 0
    while np.isnan(done).any():
        busy = sum(bool(some) for some in computing)
        speed = [min(1.0, places.vcpu / max(busy, 1)) / max(len(some), 1) for some in computing]
        events = [(now + left / speed[k], "computed", job, k)
                  for k, some in enumerate(computing) for job, left in some.items()]  # fmt: skip
        events += [(at, "waited", job, k) for job, (at, k) in waiting.items()]
        if coming < arrival.size:
            events.append((float(arrival[coming]), "came", coming, -1))
        at, what, job, worker = min(events)
        for k, some in enumerate(computing):
            for each in some:
                some[each] -= (at - now) * speed[k]
        now = at
        if what == "came":
            coming += 1
            worker = int(luck[job] * places.workers)
            if places.shared:
                worker = min(range(places.workers), key=held)
            if held(worker) < places.slots:
                begin(job, worker)
            else:
                queues[0 if places.shared else worker].append(job)
        elif what == "computed":
            del computing[worker][job]
            if wait[job] > 0:
                waiting[job] = (now + wait[job], worker)
            else:
                end(job, worker)
        else:
            del waiting[job]
            end(job, worker)
    return done


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("workers", "slots", "vcpu"),
    [(1, 1, 0.5), (1, 4, 1.0), (3, 1, 3.0), (3, 1, 2.0), (3, 4, 2.0), (2, 4, 2.0)],
)
def test_as_a_plain_replay(workers: int, slots: int, vcpu: float, shared: bool) -> None:
    places = Places(1, workers, slots, vcpu, shared, TURNS)
    for share in (0.0, 0.5, 1.0):
        given = asked(places, share, 300)
        np.testing.assert_allclose(
            station.replay(*given, places).latency, plain(*given, places), rtol=1e-7
        )


@pytest.mark.parametrize("balancer", [TURNS, RANDOM])
def test_by_requests_as_by_events(balancer: int) -> None:
    """Replicas, workers and connections in all ways that share nothing but a queue."""
    kinds = itertools.product((1, 3), (1, 4), (1, 4), (False, True), (1, 2), (1.0, 0.3))
    for replicas, workers, slots, shared, zones, fresh in kinds:
        places = Places(replicas, workers, slots, 4.0, shared, balancer, zones, fresh)
        share = 0.0 if slots > 1 else 0.5
        given = asked(places, share, 2000)
        quick = station.replay(*given, places)
        slow = station.replay(*given, places._replace(longest=ROOMY))
        np.testing.assert_allclose(quick.latency, slow.latency, rtol=1e-9)
        np.testing.assert_allclose(quick.begun, slow.begun, rtol=1e-12)


def test_replicas_one_by_one_as_together() -> None:
    """Least outstanding is replayed together: with a replica it is as by turns."""
    places = Places(1, 3, 4, 2.0, False, TURNS)
    given = asked(places, 0.5, 3000)
    together = station.replay(*given, places._replace(balancer=LEAST))
    assert np.array_equal(station.replay(*given, places).latency, together.latency)
    many = places._replace(replicas=4)
    given = asked(many, 0.5, 6000)
    turns, least = (station.replay(*given, many._replace(balancer=kind)).latency.mean()
                    for kind in (TURNS, LEAST))  # fmt: skip
    assert least < 0.97 * turns


def test_a_full_queue_refuses() -> None:
    places = Places(2, 1, 1, 1.0, True, TURNS, longest=1)
    arrival, work = np.array([0.0, 0.0, 0.1, 0.1, 0.2, 0.2]), np.ones(6)
    found = station.replay(arrival, work, 0 * work, np.full(6, 0.5), places).latency
    assert found.tolist() == [1.0, 1.0, 1.9, 1.9, station.REFUSED, station.REFUSED]


@pytest.mark.parametrize("shape", [0.01, 0.3, 1.0, 5.0, 500.0])
def test_gamma_laws_by_equal_chances(shape: float) -> None:
    found = waits.gamma_quantiles(shape, 20_000)
    assert found.mean() == pytest.approx(shape, rel=0.002)
    assert found.var() == pytest.approx(shape, rel=0.02)
    third = ((found - shape) ** 3).mean() / found.std() ** 3
    assert third == pytest.approx(2 / math.sqrt(shape), rel=0.1)


def test_fleets_that_are_alike_have_one_table() -> None:
    """One worker has one queue either way, and uses one processor at most."""
    chance = np.random.default_rng(3)
    for vcpu, queue in ((1.0, "replica"), (4.0, "worker")):
        places = Places(2, 1, 4, vcpu, queue == "replica", TURNS)
        given = asked(Places(2, 1, 4, 1.0, True, TURNS), 0.5, 2000, int(chance.integers(1, 2)))
        found = station.replay(*given, places).latency
        assert found.sum() == pytest.approx(station.replay(
            *given, places._replace(vcpu=1.0, shared=True)).latency.sum(), rel=1e-12)  # fmt: skip
