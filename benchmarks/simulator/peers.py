"""The same queues in SimPy and Ciw, as their documentation has one write them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias

import ciw
import simpy

from seatrial.kernel import policies
from seatrial.kernel.simulation import Fleet

PERIOD_S = 15.0
Steps: TypeAlias = Generator[simpy.Event, Any, None]


def simpy_pool(times: list[float], services: list[float], servers: int) -> list[float]:
    """One queue in SimPy; how long each customer stayed."""
    env = simpy.Environment()
    pool = simpy.Resource(env, servers)
    stayed = []

    def customer(service: float) -> Steps:
        came = env.now
        with pool.request() as turn:
            yield turn
            yield env.timeout(service)
        stayed.append(env.now - came)

    def source() -> Steps:
        for time, service in zip(times, services, strict=True):
            yield env.timeout(time - env.now)
            env.process(customer(service))

    env.process(source())
    env.run()
    return stayed


def ciw_pool(rate: float, mean_s: float, servers: int, seconds: float, seed: int) -> list[float]:
    """One queue in Ciw, which draws arrivals and services itself."""
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)],
        service_distributions=[ciw.dists.Exponential(1 / mean_s)],
        number_of_servers=[servers],
    )
    return _ciw_run(network, seconds, seed)


def ciw_fleet(
    rate: float, mean_s: float, servers: int, replicas: int, seconds: float, seed: int
) -> list[float]:
    """A fleet in Ciw, by turns; it has no autoscaler, so there are always as many replicas."""
    door = ciw.routing.Cycle(list(range(2, replicas + 2)))
    leave = [ciw.routing.Leave() for _ in range(replicas)]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate)] + [None] * replicas,
        service_distributions=[ciw.dists.Deterministic(0.0)]
        + [ciw.dists.Exponential(1 / mean_s)] * replicas,
        number_of_servers=[float("inf")] + [servers] * replicas,
        routing=ciw.routing.NetworkRouting(routers=[door, *leave]),
    )
    return _ciw_run(network, seconds, seed, first=2)


def _ciw_run(network: Any, seconds: float, seed: int, first: int = 1) -> list[float]:
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(seconds)
    return [
        record.exit_date - record.arrival_date
        for record in simulation.get_all_records()
        if record.node >= first
    ]


class SimpyFleet:
    """A fleet behind round robin in SimPy, with the HPA every 15 s and replicas that start late."""

    def __init__(self, fleet: Fleet, initial: int) -> None:
        self.fleet, self.env = fleet, simpy.Environment()
        self.replicas = [self._replica() for _ in range(initial)]
        self.starting = 0
        self.busy, self.busy_s, self.since = 0, 0.0, 0.0
        self.turn = 0
        self.stayed: list[float] = []
        self.peak = initial

    def _replica(self) -> simpy.Resource:
        return simpy.Resource(self.env, self.fleet.workers * self.fleet.slots)

    def run(self, times: list[float], services: list[float], until_s: float) -> list[float]:
        self.env.process(self._source(times, services))
        self.env.process(self._autoscaler())
        self.env.run(until=until_s)
        return self.stayed

    def _source(self, times: list[float], services: list[float]) -> Steps:
        for time, service in zip(times, services, strict=True):
            yield self.env.timeout(time - self.env.now)
            replica = self.replicas[self.turn % len(self.replicas)]
            self.turn = (self.turn + 1) % len(self.replicas)
            self.env.process(self._request(replica, service))

    def _request(self, replica: simpy.Resource, service: float) -> Steps:
        came = self.env.now
        with replica.request() as turn:
            yield turn
            self._count(1)
            yield self.env.timeout(service)
            self._count(-1)
        self.stayed.append(self.env.now - came)

    def _count(self, change: int) -> None:
        now = self.env.now
        self.busy_s += self.busy * (now - self.since)
        self.since = now
        self.busy += change

    def _autoscaler(self) -> Steps:
        fleet, state = self.fleet, [0.0] * policies.HPA_STATE
        while True:
            yield self.env.timeout(PERIOD_S)
            self._count(0)
            ready = len(self.replicas)
            metric = self.busy_s / (PERIOD_S * ready * fleet.vcpu)
            self.busy_s = 0.0
            desired = ready + self.starting
            wanted = int(policies.hpa(
                state, self.env.now, metric, desired, ready, fleet.replicas_min,
                fleet.replicas_max, fleet.policy.target,
            ))  # fmt: skip
            for _ in range(wanted - desired):
                self.starting += 1
                self.env.process(self._start())
            if wanted < ready:
                del self.replicas[wanted:]
            self.peak = max(self.peak, len(self.replicas) + self.starting)

    def _start(self) -> Steps:
        yield self.env.timeout(self.fleet.start_s)
        self.starting -= 1
        self.replicas.append(self._replica())
