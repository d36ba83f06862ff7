"""The exact replay beside SimPy and Ciw, fed with the same requests.

The SimPy fleet is written on its own, with a process for each request, replica and start, and an
autoscaler of its own; it shares no code with the replay. The same requests must take the same
times, so the agreement asked for is far closer than a comparison of means could be.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from typing import Any

import ciw
import numpy as np
import pytest
import simpy

from seatrial.assessor.simulate.exact import Floats, Requests, replay
from seatrial.assessor.simulate.replay_policy import Reading
from seatrial.kernel.simulation import Balancer, Fleet

Process = Generator[simpy.Event, Any, None]


class Worker:
    """One worker process: slots, and computations that share its one processor."""

    def __init__(self) -> None:
        self.held = 0
        self.left: dict[simpy.Event, float] = {}


class Server:
    """A replica in SimPy: a queue, workers, and processors shared among busy workers."""

    def __init__(self, env: simpy.Environment, fleet: Fleet) -> None:
        self.env, self.fleet = env, fleet
        self.workers = [Worker() for _ in range(fleet.workers)]
        self.queue: deque[simpy.Event] = deque()
        self.inside = 0
        self.computed_s = 0.0
        self.since = 0.0
        self.plan = 0

    def rates(self) -> list[tuple[Worker, float]]:
        """What each computation of each busy worker gets of a processor."""
        busy = [worker for worker in self.workers if worker.left]
        share = min(1.0, self.fleet.vcpu / len(busy)) if busy else 0.0
        return [(worker, share / len(worker.left)) for worker in busy]

    def catch_up(self) -> None:
        """Let computations have had what they got since the last change."""
        passed = self.env.now - self.since
        for worker, rate in self.rates():
            for event in worker.left:
                worker.left[event] -= passed * rate
                self.computed_s += passed * rate
        self.since = self.env.now

    def replan(self) -> None:
        """Wake up when the next computation ends, unless something changes before."""
        self.plan += 1
        times = [min(worker.left.values()) / rate for worker, rate in self.rates()]
        if times:
            self.env.process(self.wake(max(0.0, min(times)), self.plan))

    def wake(self, delay_s: float, plan: int) -> Process:
        yield self.env.timeout(delay_s)
        if plan != self.plan:
            return
        self.catch_up()
        for worker in self.workers:
            for event, left in list(worker.left.items()):
                if left < 1e-12:
                    del worker.left[event]
                    event.succeed()
        self.replan()

    def serve(self, cpu_s: float, wait_s: float) -> Process:
        """One request from its arrival at the replica to its answer."""
        self.inside += 1
        free = [worker for worker in self.workers if worker.held < self.fleet.slots]
        if free:
            worker = min(free, key=lambda candidate: candidate.held)
            worker.held += 1
        else:
            turn = self.env.event()
            self.queue.append(turn)
            worker = yield turn
        if cpu_s > 0:
            self.catch_up()
            done = self.env.event()
            worker.left[done] = cpu_s
            self.replan()
            yield done
        yield self.env.timeout(wait_s)
        if self.queue:
            self.queue.popleft().succeed(worker)
        else:
            worker.held -= 1
        self.inside -= 1


class SimpyFleet:
    """Replicas behind a balancer, scaled every minute by the busy share of their processors."""

    def __init__(self, fleet: Fleet, requests: Requests, target: float | None) -> None:
        self.env, self.fleet, self.requests = simpy.Environment(), fleet, requests
        self.up = [Server(self.env, fleet) for _ in range(fleet.replicas_min)]
        self.leaving: list[Server] = []
        self.starting: list[int] = []
        self.turn = 0
        self.bill: list[tuple[float, int]] = [(0.0, fleet.replicas_min)]
        self.computed_before = 0.0
        self.gone_computed = 0.0
        self.latency_s = np.zeros(len(requests.arrival_s))
        self.env.process(self.arrive())
        if target is not None:
            self.env.process(self.autoscale(target))

    def run(self) -> Floats:
        self.env.run(until=float(self.requests.arrival_s[-1]) + 600.0)
        return self.latency_s

    def choose(self) -> Server:
        self.turn %= len(self.up)
        order = self.up[self.turn :] + self.up[: self.turn]
        self.turn += 1
        if self.fleet.balancer == "round-robin":
            return order[0]
        return min(order, key=lambda server: server.inside)

    def arrive(self) -> Process:
        for n, at in enumerate(self.requests.arrival_s):
            yield self.env.timeout(float(at) - self.env.now)
            self.env.process(self.one(n, self.choose()))

    def one(self, n: int, server: Server) -> Process:
        cpu_s, wait_s = float(self.requests.cpu_s[n]), float(self.requests.wait_s[n])
        yield self.env.process(server.serve(cpu_s, wait_s))
        self.latency_s[n] = self.env.now - float(self.requests.arrival_s[n])
        if server in self.leaving and server.inside == 0:
            self.leaving.remove(server)
            self.gone_computed += server.computed_s
            self.note()

    def note(self) -> None:
        """Write down how many replicas are paid from now on."""
        self.bill.append((self.env.now, len(self.up) + len(self.leaving) + len(self.starting)))

    def billed_s(self, until: float) -> float:
        """Replica-seconds until then."""
        edges = [min(at, until) for at, _ in self.bill] + [until]
        spans = np.diff(edges)
        return float(sum(span * count for span, (_, count) in zip(spans, self.bill, strict=True)))

    def autoscale(self, target: float) -> Process:
        """One replica more or less a minute, towards the target share of busy processors."""
        while True:
            yield self.env.timeout(60.0)
            for server in [*self.up, *self.leaving]:
                server.catch_up()
                server.replan()
            computed = self.gone_computed + sum(s.computed_s for s in [*self.up, *self.leaving])
            needed = math.ceil((computed - self.computed_before) / 60.0 / self.fleet.vcpu / target)
            self.computed_before = computed
            now = len(self.up) + len(self.starting)
            wanted = max(now - 1, min(now + 1, needed))
            self.go_to(max(self.fleet.replicas_min, min(self.fleet.replicas_max, wanted)))

    def go_to(self, wanted: int) -> None:
        while len(self.up) + len(self.starting) < wanted:
            ticket = len(self.starting) + int(self.env.now) * 1000
            self.starting.append(ticket)
            self.env.process(self.start(ticket))
        while len(self.up) + len(self.starting) > wanted:
            if self.starting:
                self.starting.pop()
                continue
            server = self.up.pop()
            if server.inside:
                self.leaving.append(server)
            else:
                self.gone_computed += server.computed_s
        self.note()

    def start(self, ticket: int) -> Process:
        yield self.env.timeout(self.fleet.start_s)
        if ticket in self.starting:
            self.starting.remove(ticket)
            self.up.append(Server(self.env, self.fleet))


def requests(rates: list[tuple[float, float]], cpu_s: float, wait_s: float, seed: int) -> Requests:
    """Poisson arrivals at each of the (rate, seconds) in turn, exponential work."""
    rng = np.random.default_rng(seed)
    arrivals, begin = [], 0.0
    for rate, span in rates:
        arrivals.append(begin + np.sort(rng.random(rng.poisson(rate * span))) * span)
        begin += span
    times = np.concatenate(arrivals)
    count = times.size
    cpu, wait = rng.exponential(cpu_s, count), rng.exponential(wait_s, count)
    return Requests(times, np.zeros(count, np.int64), cpu, wait)


@pytest.mark.parametrize("balancer", ["round-robin", "least-outstanding"])
def test_a_static_fleet_takes_the_times_it_takes_in_simpy(balancer: Balancer) -> None:
    fleet = Fleet(
        replicas_min=3, replicas_max=3, workers=2, slots=4, vcpu=1.5, balancer=balancer,
        timeout_s=1e9,
    )  # fmt: skip
    asked = requests([(38.0, 120.0)], cpu_s=0.08, wait_s=0.1, seed=1)
    ours, theirs = replay(fleet, asked), SimpyFleet(fleet, asked, None).run()
    assert np.percentile(theirs, 95) > 0.5, "the fleet is to be busy enough to queue"
    if balancer == "round-robin":
        assert np.abs(ours.latency_s - theirs).max() < 1e-6
    for share in (50, 95, 99):
        assert np.percentile(ours.latency_s, share) == pytest.approx(
            np.percentile(theirs, share), rel=0.01
        )


def test_an_autoscaled_fleet_takes_the_times_it_takes_in_simpy() -> None:
    fleet = Fleet(
        replicas_min=1, replicas_max=5, workers=2, slots=8, vcpu=1.0, timeout_s=1e9, start_s=45.0,
    )  # fmt: skip
    rates = [(6.0, 300.0), (22.0, 600.0), (10.0, 300.0), (3.0, 600.0)]
    asked = requests(rates, cpu_s=0.08, wait_s=0.05, seed=2)

    def step(reading: Reading) -> float:
        needed = math.ceil(reading.busy / fleet.vcpu / 0.6)
        return max(reading.desired - 1, min(reading.desired + 1, needed))

    ours = replay(fleet, asked, step=step, period_s=60.0)
    peer = SimpyFleet(fleet, asked, 0.6)
    theirs = peer.run()
    assert ours.ready.max() >= 3 and ours.counts.drained >= 2, "it is to scale out and in"
    assert np.abs(ours.latency_s - theirs).max() < 1e-6
    assert ours.replicas.sum() == pytest.approx(peer.billed_s(ours.replicas.size), rel=0.01)


def test_one_queue_takes_the_times_it_takes_in_ciw() -> None:
    asked = requests([(2.4, 4000.0)], cpu_s=0.0, wait_s=1.0, seed=3)
    gaps = np.diff(asked.arrival_s, prepend=0.0)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, 1e9])],
        service_distributions=[ciw.dists.Sequential(list(asked.wait_s))],
        number_of_servers=[3],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(float(asked.arrival_s[-1]) + 1e3)
    records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
    theirs = np.array([record.exit_date - record.arrival_date for record in records])
    fleet = Fleet(replicas_min=1, replicas_max=1, workers=3, slots=1, vcpu=1.0, timeout_s=1e9)
    assert np.abs(replay(fleet, asked).latency_s - theirs).max() < 1e-6
