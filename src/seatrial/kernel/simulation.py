"""What is simulated of a design, and what a simulation says, with its intervals.

Times are seconds where the name ends in `_s`, milliseconds in `_ms`; rates are per second.
"""

from __future__ import annotations

from typing import Literal

from seatrial.kernel.demand import Event
from seatrial.kernel.values import Value

__all__ = ["Event"]

PolicyKind = Literal[
    "fixed", "target-tracking", "step", "hpa", "knative", "per-request", "cloud-run"
]
Balancer = Literal["round-robin", "least-outstanding", "random"]


class Arrivals(Value):
    """When requests come.

    `weekly_weights` are 168 hours from Monday midnight, their mean is one. `dispersion_1s` and
    `dispersion_60s` are variance over mean of the counts in seconds and in minutes, 1 for Poisson:
    bursts, which decide the tail. `trace_s` replays recorded arrival times instead, in order.
    """

    requests_day: float
    weekly_weights: tuple[float, ...]
    dispersion_1s: float = 1.0
    dispersion_60s: float = 1.0
    growth_year: float = 1.0
    events: tuple[Event, ...] = ()
    trace_s: tuple[float, ...] = ()


class RouteLaw(Value):
    """How long one route takes, unloaded: equally likely wall times, and the share on processor.

    `calls` are requests to a provider outside (a language model) in each request; its latency is
    in the wall times as measured, its failures are in `Provider`.
    """

    path: str
    weight: float
    wall_s: tuple[float, ...]
    cpu_share: float
    calls: float = 0.0


class Provider(Value):
    """A dependency outside: share of calls it throttles or fails, and what is done about it."""

    failure_share: float = 0.0
    timeout_s: float = 30.0
    retries: int = 0
    fallback: bool = False


class Policy(Value):
    """How the number of replicas follows the load.

    `target` is the metric's aim: busy share of the processors, requests a minute and replica, or
    requests at once in a replica. Cooldowns and periods as the platform's documentation has them.
    """

    kind: PolicyKind = "fixed"
    metric: Literal["cpu", "requests", "concurrency"] = "cpu"
    target: float = 0.6
    period_s: float = 60.0
    cooldown_out_s: float = 300.0
    cooldown_in_s: float = 300.0
    steps: tuple[tuple[float, float], ...] = ()


class Fleet(Value):
    """The replicas of a design and how requests reach them.

    A replica has `workers` processes with `slots` requests at once each, on `vcpu` processors.
    `queue` is where a request waits: one queue a replica (one accepting socket, as gunicorn
    sync) or one a worker (granian, gthread). `connection_requests` is the mean number of requests
    a client sends on one connection, all to the same replica and worker. `queue_max` requests wait
    in a queue at most (0: no limit), and nobody waits longer than `timeout_s`; a client asks again
    `retries` times. A new replica answers `start_s` after it was asked for (platform and boot),
    and its first `warmup_requests` take `warmup_factor` times as long. `recycle_requests` restarts
    a worker after so many (0: never).
    """

    replicas_min: int
    replicas_max: int
    workers: int
    slots: int
    vcpu: float
    queue: Literal["replica", "worker"] = "replica"
    balancer: Balancer = "round-robin"
    connection_requests: float = 1.0
    queue_max: int = 0
    timeout_s: float = 60.0
    retries: int = 0
    start_s: float = 60.0
    warmup_requests: int = 0
    warmup_factor: float = 1.0
    recycle_requests: int = 0
    zones: int = 1
    policy: Policy = Policy()


class Estimate(Value):
    """A figure with its 95 % interval; none when it is not finite, as of a queue that grows."""

    value: float | None
    low: float | None = None
    high: float | None = None


class HourOutlook(Value):
    """One hour of the week: its rate, its replicas, its latency and its errors."""

    hour: int
    rate_rps: float
    replicas: float
    latency_ms_p95: float | None
    error_percent: float


class FailureOutlook(Value):
    """One kind of rare event: how often, how long it hurts, and what it costs in availability."""

    name: str
    per_year: float
    degraded_s: float
    error_percent: float
    unavailability_percent: float
    source: str


class Recovery(Value):
    """After a loss: how long until it answers again, and how much of the data is gone.

    `rpo_s` is none when nothing can be restored.
    """

    name: str
    rto_s: float
    rpo_s: float | None
    how: str


class Simulation(Value):
    """What a design would do under a demand, by the tiers named in `method`.

    Latency, errors and replica-hours are those of the first week, without rare events;
    `availability_percent` is that of a year with them.
    """

    design: str
    method: str
    seed: int
    latency_ms_p50: Estimate
    latency_ms_p95: Estimate
    latency_ms_p99: Estimate
    error_percent: Estimate
    availability_percent: Estimate
    replica_hours_month: Estimate
    cost_usd_month: Estimate
    replicas_peak: float
    worst: HourOutlook
    week: tuple[HourOutlook, ...]
    failures: tuple[FailureOutlook, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    assumptions: tuple[str, ...] = ()
