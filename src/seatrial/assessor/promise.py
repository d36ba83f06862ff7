"""What a design promises at a request rate, from the measured service times.

Two stations can make a request wait: the processors its worker computes on, and the threads
that hold it while it computes or waits for something else. Each is a pool of servers; the one
with the longer mean wait is counted. Where the platform scales, as many replicas run as the rate
needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from seatrial.assessor.profile import Profile
from seatrial.assessor.queueing import Ladder, erlang_c, ladder, quantiles_on, wait_decay_per_ms
from seatrial.kernel.assessment import Promise
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform

POISSON_SCV = 1.0
"""Arrivals are Poisson within the peak hour, and random splitting keeps them Poisson."""

SCALING_TARGET = 0.6
"""Busy share that scaling aims at, which leaves room for the time that a new replica takes."""

QUANTILES = (0.50, 0.95, 0.99)

QUEUES_KEPT = 200_000
"""Figures of queues that are remembered, some 40 MB."""

METHOD = "Erlang C with Allen-Cunneen, Poisson arrivals at the peak's mean rate"


class Load(NamedTuple):
    """What a design is to the queues.

    `pools` identical groups of `servers` processors, each group with one queue; `slots` requests
    are in a group at once, and a processor works at `speed`.
    """

    servers: int
    pools: int
    speed: float
    slots: int


class Figures(NamedTuple):
    """What the queues say: utilisation, and quantiles that are none when they never empty."""

    utilisation: float
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    latency_ms_p99: float | None


def load_of(design: Design, platform: Platform, replicas: int) -> Load:
    """The queues of a design while so many replicas run.

    A Python worker uses one processor at a time. A replica with less than one vCPU has one
    server that is slower by that share. Functions are given to any idle instance, so all of
    them form one pool; replicas behind a load balancer each have a queue of their own.
    """
    if platform.kind == "functions":
        return Load(design.replicas_max, 1, min(1.0, design.vcpu), design.replicas_max)
    servers = max(1, min(design.workers, int(design.vcpu)))
    speed = min(1.0, design.vcpu / servers)
    return Load(servers, replicas, speed, design.workers * design.threads)


class Queue(NamedTuple):
    """One group of processors with the requests that come to it at its busiest."""

    servers: int
    speed: float
    slots: int
    rate_rps: float


def queue_of(profile: Profile, design: Design, platform: Platform, rate_rps: float) -> Queue:
    """What comes to one queue of a design, at the worst on the way up to a rate.

    Where replicas follow the load, one is busiest just before the next is started, or once all
    are there: so more load never looks better than less.
    """
    one = load_of(design, platform, 1)
    share = rate_rps
    if platform.kind != "functions":
        most = max(1, design.replicas_max)
        share = rate_rps / most
        if design.replicas_min != design.replicas_max:
            full = rate_of(profile, one, platform, 1)
            if share <= full:
                share = min(rate_rps / max(1, design.replicas_min), full)
    return Queue(one.servers, one.speed, one.slots, share)


def _busy(profile: Profile, one: Load, at_once: bool, rate_rps: float) -> float:
    """Replicas' worth of work at a rate: processors, and `at_once` requests, the slots too."""
    wall_ms, cpu_ms = _times(profile, one.speed)
    busy = rate_rps * cpu_ms / 1000 / one.servers
    if at_once:
        busy = max(busy, rate_rps * wall_ms / 1000 / one.slots)
    return busy


def replicas_wanted(profile: Profile, one: Load, platform: Platform, rate_rps: float) -> int:
    """Replicas that keep the target of scaling at a rate, `one` being what a replica is.

    Something runs as long as anything is asked.
    """
    return wanted_at(profile, one, counts_requests(platform), rate_rps)


def wanted_at(profile: Profile, one: Load, at_once: bool, rate_rps: float) -> int:
    """The same for a platform that scales by requests `at_once`, or by its processors alone."""
    busy = _busy(profile, one, at_once, rate_rps)
    return max(1 if rate_rps > 0 else 0, math.ceil(min(busy / SCALING_TARGET, 1e9)))


def rate_of(profile: Profile, one: Load, platform: Platform, replicas: int) -> float:
    """The rate up to which so many replicas keep the target."""
    return replicas * SCALING_TARGET / _busy(profile, one, counts_requests(platform), 1.0)


def counts_requests(platform: Platform) -> bool:
    """Whether the platform scales by requests at once, and not by its processors alone."""
    return platform.scaling.mechanism in ("per-request", "knative")


def within(wanted: int, least: int, most: int) -> int:
    """What runs of what is wanted."""
    return max(least, min(wanted, most))


@lru_cache(maxsize=4096)
def _times(profile: Profile, speed: float) -> tuple[float, float]:
    """Mean wall and processor time in milliseconds at a speed."""
    wall_ms = cpu_ms = 0.0
    for route in profile.routes:
        wall_ms += route.weight * (route.mean_ms - route.cpu_ms + route.cpu_ms / speed)
        cpu_ms += route.weight * max(route.cpu_ms, 1e-6) / speed
    return wall_ms, cpu_ms


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


@lru_cache(maxsize=4)
def _known(profile: Profile) -> dict[Queue, Figures]:
    """What queues of a profile were found to come to."""
    return {}


def figures(profile: Profile, queues: Sequence[Queue]) -> list[Figures]:
    """What each queue comes to; each is worked out once, and many at once cost least."""
    known = _known(profile)
    if len(known) > QUEUES_KEPT:
        known.clear()
    told: dict[Queue, Figures] = {}
    by_speed: dict[float, list[Queue]] = {}
    for queue in dict.fromkeys(queues):
        one = known.get(queue)
        if one is None:
            by_speed.setdefault(queue.speed, []).append(queue)
        else:
            told[queue] = one
    for speed, same in by_speed.items():
        told.update(zip(same, _figures(profile, speed, same), strict=True))
    if by_speed:
        known.update(told)
    # Not from the known ones: another thread may have cleared them in the meantime.
    return [told[queue] for queue in queues]


class _Served(NamedTuple):
    """A profile's times at one speed: means, their spread, and the wall times as a ladder."""

    wall_ms: float
    cpu_ms: float
    wall_scv: float
    cpu_scv: float
    walls: Ladder


@lru_cache(maxsize=256)
def _served(profile: Profile, speed: float) -> _Served:
    slow = [(r.mean_ms - r.cpu_ms) + r.cpu_ms / speed for r in profile.routes]
    stretched = [
        (r.weight / len(r.quantiles_ms), q * (1 + (1 / speed - 1) * r.cpu_ms / r.mean_ms))
        for r in profile.routes
        for q in r.quantiles_ms
    ]
    weights, services = np.array(stretched).T
    return _Served(
        *_times(profile, speed),
        _mixture_scv([(r.weight, m, r.scv) for r, m in zip(profile.routes, slow, strict=True)]),
        _mixture_scv([(r.weight, max(r.cpu_ms, 1e-6) / speed, r.scv) for r in profile.routes]),
        ladder(weights, services),
    )


def _figures(profile: Profile, speed: float, queues: list[Queue]) -> list[Figures]:
    wall_ms, cpu_ms, wall_scv, cpu_scv, walls = _served(profile, speed)
    busy: list[float] = []
    waits: list[Wait] = []
    for queue in queues:
        on_cpu = _wait(queue.servers, queue.rate_rps, cpu_ms, cpu_scv)
        on_threads = _wait(queue.slots, queue.rate_rps, wall_ms, wall_scv)
        busy.append(round(max(on_cpu.utilisation, on_threads.utilisation), 4))
        waits.append(max(on_cpu, on_threads, key=lambda w: (w.mean_ms, w.utilisation)))
    steady = [wait for wait in waits if wait.decay > 0]
    found = quantiles_on(
        walls, QUANTILES,
        np.array([wait.waits for wait in steady]), np.array([wait.decay for wait in steady]),
    )  # fmt: skip
    rows = iter(found.tolist())
    return [
        Figures(used, *(round(value + profile.overhead_ms, 3) for value in next(rows)))
        if wait.decay > 0
        else Figures(used, None, None, None)
        for used, wait in zip(busy, waits, strict=True)
    ]


def capacity_rps(profile: Profile, load: Load) -> float:
    """The rate at which a load's processors or slots are all busy."""
    wall_ms, cpu_ms = _times(profile, load.speed)
    return 1000 * load.pools * min(load.servers / cpu_ms, load.slots / wall_ms)


def promise(
    profile: Profile,
    design: Design,
    platform: Platform,
    rate_rps: float,
    availability_percent: float | None,
) -> Promise:
    """Latency and utilisation of a design at `rate_rps`, by the method named in the result.

    The capacity is that of all the replicas the design may have.
    """
    (told,) = figures(profile, (queue_of(profile, design, platform, rate_rps),))
    return promised(profile, design, platform, rate_rps, availability_percent, told)


def promised(
    profile: Profile,
    design: Design,
    platform: Platform,
    rate_rps: float,
    availability_percent: float | None,
    told: Figures,
) -> Promise:
    """The promise of figures that are known."""
    most = load_of(design, platform, max(1, design.replicas_max))
    return Promise(
        method=METHOD,
        rate_rps=round(rate_rps, 3),
        utilisation=told.utilisation,
        latency_ms_p50=told.latency_ms_p50,
        latency_ms_p95=told.latency_ms_p95,
        latency_ms_p99=told.latency_ms_p99,
        capacity_rps=round(capacity_rps(profile, most), 2),
        availability_percent=availability_percent,
        inputs=profile.proofs,
    )
