"""What a month of the demand uses of what is billed, and what each meter reads of it.

Measured are response bodies and service times; counted are replicas, servers and secrets. What
nobody can measure before the first deployment is assumed below, each constant with its reason.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from seatrial.assessor.profile import Profile
from seatrial.assessor.promise import load_of
from seatrial.assessor.scaling import scaled_hours, wanted_hours
from seatrial.assessor.week import requests_per_day
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.units import DAYS_PER_MONTH, HOURS_PER_MONTH
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Workload

Choice = Literal["size", "load", "replicas", "database"]
"""A choice of a design that meters can depend on; `load` is the size where replicas follow the
load, since a larger one needs fewer of them, and nothing where their number is fixed."""

BYTES_PER_GIB = 1024**3

RESPONSE_OVERHEAD_BYTES = 500
"""Status line, headers and TLS around a body: the profile measures bodies only."""

REQUEST_BYTES = 1_000
"""A browser's request with cookies; it is billed at the load balancer, not as transfer out."""

LOG_BYTES_PER_REQUEST = 400
"""One access-log line of the runtime as JSON, with the 26 bytes CloudWatch adds to an event."""

LOG_RETENTION_MONTHS = 1
"""How long the bundle keeps logs. Stored uncompressed here, which is the dear side of true."""

IMAGE_GIB = 1
"""A slim Python base with scientific wheels. Larger with PyTorch: 10 cents per GiB and month."""

IMAGES_KEPT = 3
"""Ten images are kept, but the registry bills a layer once, and releases share all but the app."""

ALARMS = 4
"""Unhealthy replicas, server errors, latency and processor load."""

DATABASE_ALARMS = 1
"""The database's free storage."""

DEPLOYS_PER_MONTH = 20
"""One each working day; every deploy starts every replica, which reads every secret once."""

LOAD_BALANCER_ZONES = 2
"""The fewest zones an Application Load Balancer accepts; each holds one public address."""

LCU_CONNECTIONS_PER_S = 25
LCU_ACTIVE_CONNECTIONS = 3_000
LCU_GIB_PER_H = 1
"""What one load balancer unit holds; the largest of the three is billed, hour by hour. The
fourth, 1,000 rule evaluations a second, is not reached: the bundle's one rule is among the ten
free ones. Source: aws.amazon.com/elasticloadbalancing/pricing, read 2026-09-20 in
api-evangelist/amazon-elastic-load-balancing."""

KEEP_ALIVE_S = 60
"""Idle timeout of the load balancer; a client opens one connection per request at worst."""

SERVER_DISK_GIB = 30
"""The volume ECS-optimised images come with: 8 GB for the system, 22 GB for images."""

OUTBOUND_SERVICES = frozenset({"llm", "s3", "mongodb", "elasticsearch"})
OUTBOUND_BYTES_PER_REQUEST = 8_192
"""A prompt or document sent to, and an answer from, one of those over a NAT gateway."""

CROSS_ZONE_SHARE = Decimal("0.5")
CROSS_ZONE_ENDS = 2
"""Replicas are spread over two zones and the database answers from one, so half of its traffic
crosses, and each crossing is billed at both ends. The database is taken to send what the app
answers."""


class Usage(Value):
    """A month's usage, as far as bills ask for it; GiB are 2^30 bytes.

    `replica_hours_month` counts all replicas, `scaled_server_hours` those of servers that are only
    there while the load needs them, `concurrency` the requests one replica works on at
    once where a platform bills the time in which it works, `provisioned` the instances a functions
    platform keeps warm, `endpoints` private endpoints times zones, `extra_disk_gib` what a replica
    asks for beyond the disk that comes with it. `cpu_utilisation` is the mean busy share of the
    processors, `surplus_vcpu_hours` what burstable servers work above their baseline. `free_tier`
    takes off what an account gets free. `services` are amounts by the kind of a managed service
    and its meter; `unstated` names the setting that would tell one that nobody knows.
    """

    requests_month: Decimal = Decimal(0)
    request_duration_s_mean: Decimal = Decimal(0)
    replica_hours_month: Decimal = Decimal(0)
    scaled_server_hours: Decimal = Decimal(0)
    concurrency: Decimal = Decimal(1)
    provisioned: Decimal = Decimal(0)
    load_balancer_units_hours: Decimal = Decimal(0)
    load_balancer_zones: int = LOAD_BALANCER_ZONES
    nat_gateways: int = 0
    nat_gib_month: Decimal = Decimal(0)
    endpoints: int = 0
    endpoint_gib_month: Decimal = Decimal(0)
    ingress_gib_month: Decimal = Decimal(0)
    egress_gib_month: Decimal = Decimal(0)
    cross_zone_gib_month: Decimal = Decimal(0)
    cross_region_gib_month: Decimal = Decimal(0)
    log_gib_month: Decimal = Decimal(0)
    log_retention_months: Decimal = Decimal(LOG_RETENTION_MONTHS)
    images_gib: Decimal = Decimal(0)
    cpu_utilisation: Decimal = Decimal(0)
    surplus_vcpu_hours: Decimal = Decimal(0)
    extra_disk_gib: Decimal = Decimal(0)
    server_disk_gib: Decimal = Decimal(SERVER_DISK_GIB)
    secrets: int = 0
    secret_requests_month: int = 0
    alarms: int = 0
    metrics: int = 0
    dashboards: int = 0
    build_minutes_month: Decimal = Decimal(0)
    seats: int = 1
    free_tier: bool = False
    services: dict[str, dict[str, Decimal]] = {}
    unstated: dict[str, dict[str, str]] = {}


def usage_of(
    workload: Workload, demand: Demand, profile: Profile, design: Design, platform: Platform
) -> Usage:
    """A month of `demand` on `design`, from the profile's bodies and service times.

    The week repeats through the month, growth is not counted. Where replicas follow the load, each
    hour bills those that it needs. A request computes longer on a replica with less than one vCPU,
    by that share. Functions reach a database and the world from private subnets.
    """
    day = requests_per_day(demand.traffic)
    month = _served(day, profile.response_bytes)
    services = [service for component in workload.components for service in component.services]
    # One secret for the database's address, one for all others.
    addressed = any(s.env and s.kind != "postgresql" for s in services)
    secrets = int(design.database is not None) + int(addressed)
    private = platform.kind == "functions" and design.database is not None
    outward = private and any(service.kind in OUTBOUND_SERVICES for service in services)
    hours = replica_hours_month(demand, profile, design, platform)
    busy = utilisation(demand, profile, design, hours)
    servers = hours if design.servers else None
    scaled = hours - design.replicas_min * HOURS_PER_MONTH if design.servers else Decimal(0)
    consumed = _consumed(profile, day)
    return Usage(
        requests_month=month.requests,
        request_duration_s_mean=duration_s(profile, design.vcpu),
        replica_hours_month=hours,
        scaled_server_hours=scaled,
        load_balancer_units_hours=month.load_balancer_units_hours,
        nat_gateways=1 + design.database.multi_az if private and design.database else 0,
        nat_gib_month=month.outbound_gib if outward else Decimal(0),
        cpu_utilisation=exact(round(busy, 9)),
        surplus_vcpu_hours=surplus_vcpu_hours(design, platform, busy, servers),
        egress_gib_month=month.egress_gib,
        cross_zone_gib_month=Decimal(0) if design.database is None else month.cross_zone_gib,
        log_gib_month=month.log_gib,
        images_gib=Decimal(IMAGE_GIB * IMAGES_KEPT),
        secrets=secrets,
        secret_requests_month=secrets * design.replicas_max * DEPLOYS_PER_MONTH,
        alarms=ALARMS + DATABASE_ALARMS * (design.database is not None),
        services=consumed.amounts,
        unstated=consumed.missing,
    )


class _Served(NamedTuple):  # what a month's requests come to, whatever answers them
    requests: Decimal
    load_balancer_units_hours: Decimal
    outbound_gib: Decimal
    egress_gib: Decimal
    cross_zone_gib: Decimal
    log_gib: Decimal


@lru_cache(maxsize=256)
def _served(requests_day: float, response_bytes: float) -> _Served:
    requests = exact(requests_day) * DAYS_PER_MONTH
    body = exact(response_bytes)
    return _Served(
        requests, load_balancer_units_hours(requests_day / 86_400, response_bytes),
        requests * OUTBOUND_BYTES_PER_REQUEST / BYTES_PER_GIB,
        requests * (body + RESPONSE_OVERHEAD_BYTES) / BYTES_PER_GIB,
        requests * body / BYTES_PER_GIB * CROSS_ZONE_SHARE * CROSS_ZONE_ENDS,
        requests * LOG_BYTES_PER_REQUEST / BYTES_PER_GIB,
    )  # fmt: skip


class _Consumed(NamedTuple):  # of managed services, by kind and meter
    amounts: dict[str, dict[str, Decimal]]
    missing: dict[str, dict[str, str]]


@lru_cache(maxsize=1024)
def _consumed(profile: Profile, requests_day: float) -> _Consumed:
    found = _Consumed({}, {})
    requests = exact(requests_day) * DAYS_PER_MONTH
    for one in profile.metered:
        if one.missing:
            found.missing.setdefault(one.kind, {})[one.meter] = one.missing
        else:
            amount = exact(one.per_request) * requests + exact(one.per_month)
            found.amounts.setdefault(one.kind, {})[one.meter] = amount
    return found


@lru_cache(maxsize=1024)
def duration_s(profile: Profile, vcpu: float) -> Decimal:
    """Mean seconds of a request on a replica of so many processors."""
    speed = min(1.0, vcpu)
    mean_ms: Decimal = exact(profile.mean_ms - profile.cpu_ms + profile.cpu_ms / speed)
    return mean_ms / 1000


def replica_hours_month(
    demand: Demand, profile: Profile, design: Design, platform: Platform
) -> Decimal:
    """Hours of all replicas in a month, to the thousandth."""
    if design.replicas_min == design.replicas_max or platform.kind == "functions":
        return design.replicas_min * HOURS_PER_MONTH
    wanted = wanted_hours(demand, profile, load_of(design, platform, 1), platform)
    return scaled_hours(wanted, design.replicas_min, design.replicas_max)


def utilisation(demand: Demand, profile: Profile, design: Design, hours: Decimal) -> float:
    """Mean busy share of the processors that are there, with so many replica-hours a month."""
    replicas = max(1.0, float(hours / HOURS_PER_MONTH))
    return (
        requests_per_day(demand.traffic) * profile.cpu_ms / 1000 / 86_400 / (design.vcpu * replicas)
    )


def exact(number: Any) -> Any:
    """A float as the decimal it is written as; columns of decimals are that already."""
    return number if isinstance(number, np.ndarray) else Decimal(str(number))


def above_zero(amount: Any) -> Any:
    """An amount, or each of a column, at least 0."""
    zero = np.array([Decimal(0)], dtype=object)
    return np.maximum(amount, zero) if isinstance(amount, np.ndarray) else max(Decimal(0), amount)


def load_balancer_units_hours(rate_rps: float, response_bytes: float) -> Decimal:
    """Unit-hours a month at a mean rate; each hour bills its largest dimension.

    Every dimension grows with the rate alone, so the largest one is the same in every hour, and
    the shape of the day does not matter.
    """
    per_request = max(
        1 / LCU_CONNECTIONS_PER_S,
        KEEP_ALIVE_S / LCU_ACTIVE_CONNECTIONS,
        3600
        * (response_bytes + RESPONSE_OVERHEAD_BYTES + REQUEST_BYTES)
        / BYTES_PER_GIB
        / LCU_GIB_PER_H,
    )
    a_day: Decimal = exact(round(per_request * rate_rps * 24, 9))
    return a_day * DAYS_PER_MONTH


def surplus_vcpu_hours(
    design: Design, platform: Platform, utilisation: float, hours: Decimal | None = None
) -> Decimal:
    """Hours in which burstable servers work above their baseline, over a whole month.

    What is saved in quiet hours pays for busy ones, so the mean decides. `hours` are those of the
    servers, all month of each when none are given.
    """
    size = next((s for s in platform.sizes if s.name == design.size), None)
    if size is None or utilisation <= size.baseline:
        return Decimal(0)
    above = min(1.0, utilisation) - size.baseline
    if hours is None:
        hours = design.servers * HOURS_PER_MONTH
    surplus: Decimal = exact(round(above * design.vcpu, 9)) * hours
    return surplus
