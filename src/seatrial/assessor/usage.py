"""What a month of the demand uses of what is billed, and what each meter reads of it.

Measured are response bodies and service times; counted are replicas, servers and secrets. What
nobody can measure before the first deployment is assumed below, each constant with its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from seatrial.assessor.promise import Profile
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Meter
from seatrial.kernel.units import DAYS_PER_MONTH, HOURS_PER_MONTH, MIB_PER_GIB
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Workload

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
    """A month's usage, as far as bills ask for it; GiB are 2^30 bytes."""

    requests_month: Decimal
    request_duration_s_mean: Decimal = Decimal(0)
    replica_hours_month: Decimal
    load_balancer_units_hours: Decimal = Decimal(0)
    load_balancer_zones: int = LOAD_BALANCER_ZONES
    nat_gateways: int = 0
    nat_gib_month: Decimal = Decimal(0)
    egress_gib_month: Decimal = Decimal(0)
    cross_zone_gib_month: Decimal = Decimal(0)
    log_gib_month: Decimal = Decimal(0)
    log_retention_months: int = LOG_RETENTION_MONTHS
    images_gib: Decimal = Decimal(0)
    secrets: int = 0
    secret_requests_month: int = 0
    alarms: int = 0
    server_disk_gib: int = SERVER_DISK_GIB


def usage_of(workload: Workload, demand: Demand, profile: Profile, design: Design) -> Usage:
    """A month of `demand` on `design`, from the profile's bodies and service times.

    Replicas: `replicas_min` run all month; autoscaling is not counted. A request computes longer
    on a replica with less than one vCPU, by that share.
    """
    requests = _exact(demand.traffic.requests_per_day) * DAYS_PER_MONTH
    body = _exact(profile.response_bytes)
    speed = min(1.0, design.vcpu)
    duration_ms = profile.mean_ms - profile.cpu_ms + profile.cpu_ms / speed
    services = [service for component in workload.components for service in component.services]
    # One secret holds the database's address, another all other addresses.
    addressed = any(s.env and s.kind != "postgresql" for s in services)
    secrets = int(design.database is not None) + int(addressed)
    outward = any(service.kind in OUTBOUND_SERVICES for service in services)
    answered = requests * body / BYTES_PER_GIB
    return Usage(
        requests_month=requests,
        request_duration_s_mean=_exact(duration_ms) / 1000,
        replica_hours_month=design.replicas_min * HOURS_PER_MONTH,
        load_balancer_units_hours=_load_balancer_units(demand, profile.response_bytes),
        nat_gateways=0 if design.database is None else 1 + design.database.multi_az,
        nat_gib_month=requests * OUTBOUND_BYTES_PER_REQUEST / BYTES_PER_GIB
        if outward and design.database is not None
        else Decimal(0),
        egress_gib_month=requests * (body + RESPONSE_OVERHEAD_BYTES) / BYTES_PER_GIB,
        cross_zone_gib_month=Decimal(0)
        if design.database is None
        else answered * CROSS_ZONE_SHARE * CROSS_ZONE_ENDS,
        log_gib_month=requests * LOG_BYTES_PER_REQUEST / BYTES_PER_GIB,
        images_gib=Decimal(IMAGE_GIB * IMAGES_KEPT),
        secrets=secrets,
        secret_requests_month=secrets * design.replicas_max * DEPLOYS_PER_MONTH,
        alarms=ALARMS + DATABASE_ALARMS * (design.database is not None),
    )


def _exact(number: float) -> Decimal:
    """A float as the decimal it is written as."""
    return Decimal(str(number))


def _load_balancer_units(demand: Demand, response_bytes: float) -> Decimal:
    """Unit-hours a month: each hour of the day bills its largest dimension."""
    weights = demand.traffic.hourly_weights
    per_request = max(
        1 / LCU_CONNECTIONS_PER_S,
        KEEP_ALIVE_S / LCU_ACTIVE_CONNECTIONS,
        3600
        * (response_bytes + RESPONSE_OVERHEAD_BYTES + REQUEST_BYTES)
        / BYTES_PER_GIB
        / LCU_GIB_PER_H,
    )
    # Every dimension grows with the rate alone, so the largest one is the same in every hour.
    rates = [demand.traffic.requests_per_day * w / sum(weights) / 3600 for w in weights]
    return _exact(round(per_request * sum(rates), 9)) * DAYS_PER_MONTH


_READ: dict[Meter, Callable[[Design, Usage], Decimal]] = {
    "hours": lambda d, u: HOURS_PER_MONTH,
    "replica_hours": lambda d, u: u.replica_hours_month,
    "replica_months": lambda d, u: u.replica_hours_month / HOURS_PER_MONTH,
    "replica_vcpu_hours": lambda d, u: _exact(d.vcpu) * u.replica_hours_month,
    "replica_gib_hours": lambda d, u: Decimal(d.memory_mib) / MIB_PER_GIB * u.replica_hours_month,
    "server_hours": lambda d, u: d.servers * HOURS_PER_MONTH,
    "requests": lambda d, u: u.requests_month,
    "request_gib_seconds": lambda d, u: (
        u.requests_month * u.request_duration_s_mean * d.memory_mib / MIB_PER_GIB
    ),
    "load_balancer_units_hours": lambda d, u: u.load_balancer_units_hours,
    "public_address_hours": lambda d, u: u.load_balancer_zones * HOURS_PER_MONTH,
    "nat_hours": lambda d, u: u.nat_gateways * HOURS_PER_MONTH,
    "nat_gib": lambda d, u: u.nat_gib_month,
    "egress_gib": lambda d, u: u.egress_gib_month,
    "cross_zone_gib": lambda d, u: u.cross_zone_gib_month,
    "log_gib": lambda d, u: u.log_gib_month,
    "log_gib_months": lambda d, u: u.log_gib_month * u.log_retention_months,
    "image_gib_months": lambda d, u: u.images_gib,
    "secrets": lambda d, u: Decimal(u.secrets),
    "secret_requests": lambda d, u: Decimal(u.secret_requests_month),
    "alarms": lambda d, u: Decimal(u.alarms),
    "database_hours": lambda d, u: Decimal(0) if d.database is None else HOURS_PER_MONTH,
    "database_gib_months": lambda d, u: (
        Decimal(0) if d.database is None else Decimal(d.database.storage_gib)
    ),
    "disk_gib_months": lambda d, u: Decimal(d.servers * u.server_disk_gib),
    "months": lambda d, u: Decimal(1),
}


def read_meter(meter: Meter, design: Design, usage: Usage) -> Decimal:
    """What a meter reads for a design in a month; `public_address_hours` are those of the load
    balancer, replicas' and servers' addresses are read by their own hours."""
    return _READ[meter](design, usage)
