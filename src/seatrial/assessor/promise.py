"""What a design promises at a request rate, from the measured service times.

Two stations can make a request wait: the processors its worker computes on, and the threads
that hold it while it computes or waits for something else. Each is a pool of servers; the one
with the longer mean wait is counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from seatrial.assessor.queueing import erlang_c, response_quantiles, wait_decay_per_ms
from seatrial.kernel.assessment import Promise
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Component, Proof

ASSUMED_SERVICE_MS = 100.0
ASSUMED_MEMORY_MIB = 256.0
"""Stand-ins for an app that was not measured; every plan that uses them says so."""

POISSON_SCV = 1.0
"""Arrivals are Poisson within the peak hour, and random splitting keeps them Poisson."""

METHOD = "Erlang C with Allen-Cunneen, Poisson arrivals at the peak hour's mean rate"


class RouteLoad(Value):
    """One route's share of the requests and its service time: wall quantiles and mean CPU."""

    path: str
    weight: float
    mean_ms: float
    cpu_ms: float
    scv: float
    quantiles_ms: tuple[float, ...]
    response_bytes: float


class Profile(Value):
    """What the model needs of a workload: route loads, worker memory, boot time, and proofs.

    `overhead_ms` is what the path to the app adds to each request, once a trial measured it.
    """

    routes: tuple[RouteLoad, ...]
    memory_mib_worker: float
    boot_s: float | None
    measured: bool
    proofs: tuple[Proof, ...]
    overhead_ms: float = 0.0

    @property
    def mean_ms(self) -> float:
        """Mean wall service time of a request, weighted by route."""
        return sum(route.weight * route.mean_ms for route in self.routes)

    @property
    def cpu_ms(self) -> float:
        """Mean processor time of a request, weighted by route."""
        return sum(route.weight * route.cpu_ms for route in self.routes)

    @property
    def response_bytes(self) -> float:
        """Mean body size of a response, weighted by route."""
        return sum(route.weight * route.response_bytes for route in self.routes)


def profile_of(component: Component, demand: Demand) -> Profile:
    """Route loads of a component under a demand: measured where there are measurements.

    Routes without a weight in the demand share the traffic equally when no route has one, and
    get none otherwise.
    """
    weights = demand.traffic.route_weights
    timed = [(r, r.service_time) for r in component.routes if r.service_time is not None]
    chosen = [(r, t) for r, t in timed if not weights or weights.get(r.path, 0) > 0]
    if component.measured is None or not chosen:
        note = f"not measured: {ASSUMED_SERVICE_MS:g} ms of processor time a request"
        proof = Proof(kind="assumed", rule="assume.service-time", note=note)
        mean = ASSUMED_SERVICE_MS
        route = RouteLoad(
            path="*",
            weight=1.0,
            mean_ms=mean,
            cpu_ms=mean,
            scv=1.0,
            quantiles_ms=tuple(_exponential_quantiles(mean)),
            response_bytes=16384.0,
        )
        return Profile(
            routes=(route,),
            memory_mib_worker=ASSUMED_MEMORY_MIB,
            boot_s=None,
            measured=False,
            proofs=(proof,),
        )
    total = sum(weights.get(r.path, 0.0) if weights else 1.0 for r, _ in chosen)
    routes = tuple(
        RouteLoad(
            path=r.path,
            weight=(weights[r.path] if weights else 1.0) / total,
            mean_ms=t.mean_ms,
            cpu_ms=min(t.cpu_ms_mean, t.mean_ms),
            scv=t.scv,
            quantiles_ms=t.quantiles_ms,
            response_bytes=t.response_bytes_mean,
        )
        for r, t in chosen
    )
    return Profile(
        routes=routes,
        memory_mib_worker=component.measured.memory_mib_worker,
        boot_s=component.measured.boot_s,
        measured=True,
        proofs=(component.measured.proof,),
    )


def _exponential_quantiles(mean: float) -> list[float]:
    return [-mean * math.log(1 - (i + 0.5) / 40) for i in range(40)]


class Pool(NamedTuple):
    """Identical servers with one queue: how many, how many such pools, and how fast."""

    servers: int
    pools: int
    speed: float


def processors(design: Design, platform: Platform) -> Pool:
    """The processors a design computes on.

    A Python worker uses one processor at a time. A replica with less than one vCPU has one
    server that is slower by that share. Functions are given to any idle instance, so all of
    them form one pool; replicas behind a load balancer each have a queue of their own.
    """
    if platform.kind == "functions":
        return Pool(design.replicas_max, 1, min(1.0, design.vcpu))
    servers = max(1, min(design.workers, int(design.vcpu)))
    return Pool(servers, design.replicas_min, min(1.0, design.vcpu / servers))


class Wait(NamedTuple):
    """Waiting at one station: its utilisation, P(wait > 0) and the tail's decay per ms."""

    utilisation: float
    waits: float
    decay: float

    @property
    def mean_ms(self) -> float:
        return self.waits / self.decay if self.decay > 0 else float("inf")


def _wait(servers: int, rate_rps: float, mean_ms: float, scv: float) -> Wait:
    rate = rate_rps / 1000
    load = rate * mean_ms
    if load >= servers:
        return Wait(load / servers, 1.0, 0.0)
    decay = wait_decay_per_ms(servers, rate, mean_ms, POISSON_SCV, scv)
    return Wait(load / servers, erlang_c(servers, load), decay)


def _mixture_scv(loads: Sequence[tuple[float, float, float]]) -> float:
    """Squared coefficient of variation of a mixture of (weight, mean, scv)."""
    mean = sum(weight * m for weight, m, _ in loads)
    second = sum(weight * m * m * (1 + scv) for weight, m, scv in loads)
    return second / (mean * mean) - 1


@lru_cache(maxsize=4096)
def _latencies(
    profile: Profile, speed: float, wait: Wait
) -> tuple[float | None, float | None, float | None]:
    """p50, p95 and p99 in milliseconds; none when the queue never empties."""
    if wait.decay <= 0:
        return None, None, None
    stretched = [
        (r.weight / len(r.quantiles_ms), q * (1 + (1 / speed - 1) * r.cpu_ms / r.mean_ms))
        for r in profile.routes
        for q in r.quantiles_ms
    ]
    weights, services = np.array(stretched).T
    found = response_quantiles((0.50, 0.95, 0.99), weights, services, wait.waits, wait.decay)
    p50, p95, p99 = (round(value + profile.overhead_ms, 3) for value in found)
    return p50, p95, p99


def promise(
    profile: Profile,
    design: Design,
    platform: Platform,
    rate_rps: float,
    availability_percent: float | None,
) -> Promise:
    """Latency and utilisation of a design at `rate_rps`, by the method named in the result."""
    pool = processors(design, platform)
    share = rate_rps / pool.pools
    slow = [(r, (r.mean_ms - r.cpu_ms) + r.cpu_ms / pool.speed) for r in profile.routes]
    cpu = [(r.weight, max(r.cpu_ms, 1e-6) / pool.speed, r.scv) for r in profile.routes]
    wall = [(r.weight, mean, r.scv) for r, mean in slow]
    cpu_ms = sum(weight * mean for weight, mean, _ in cpu)
    wall_ms = sum(weight * mean for weight, mean, _ in wall)
    on_cpu = _wait(pool.servers, share, cpu_ms, _mixture_scv(cpu))
    slots = pool.servers if platform.kind == "functions" else design.workers * design.threads
    on_threads = _wait(slots, share, wall_ms, _mixture_scv(wall))
    wait = max(on_cpu, on_threads, key=lambda w: (w.mean_ms, w.utilisation))
    capacity = 1000 * pool.pools * min(pool.servers / cpu_ms, slots / wall_ms)
    p50, p95, p99 = _latencies(profile, pool.speed, wait)
    return Promise(
        method=METHOD,
        rate_rps=round(rate_rps, 3),
        utilisation=round(max(on_cpu.utilisation, on_threads.utilisation), 4),
        latency_ms_p50=p50,
        latency_ms_p95=p95,
        latency_ms_p99=p99,
        capacity_rps=round(capacity, 2),
        availability_percent=availability_percent,
        inputs=profile.proofs,
    )
