"""What each meter of a bill reads of a design and its month's usage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from seatrial.assessor.usage import (
    CROSS_ZONE_ENDS,
    Choice,
    Usage,
    above_zero,
    exact,
)
from seatrial.kernel.design import Design
from seatrial.kernel.platform import BillLine
from seatrial.kernel.units import HOURS_PER_MONTH, MIB_PER_GIB

SECONDS_PER_HOUR = 3600


class Meter(NamedTuple):
    """What is read for a design in a month, and which choices of the design it depends on."""

    read: Callable[[Any, Any], Any]
    depends: tuple[Choice, ...] = ()


def _active_s(usage: Any) -> Any:
    """Seconds in which replicas work on requests, several at once counted once."""
    return usage.requests_month * usage.request_duration_s_mean / usage.concurrency


def _idle_s(design: Any, usage: Any) -> Any:
    """Seconds in which replicas that always run do not work; what follows the load is not idle."""
    always = design.replicas_min * HOURS_PER_MONTH
    both = isinstance(always, np.ndarray)
    hours = usage.replica_hours_month
    kept = np.minimum(hours, always) if both else min(hours, always)
    return above_zero(kept * SECONDS_PER_HOUR - _active_s(usage))


def _server_hours(design: Any, usage: Any) -> Any:
    return design.servers * HOURS_PER_MONTH + usage.scaled_server_hours


def _address_hours(design: Any, usage: Any) -> Any:
    """Public addresses of replicas or of the servers they run on; behind NAT they have none."""
    if usage.nat_gateways:
        return Decimal(0)
    return _server_hours(design, usage) if np.any(design.servers) else usage.replica_hours_month


def _gib(design: Any) -> Any:
    memory = design.memory_mib
    return (memory if isinstance(memory, np.ndarray) else Decimal(memory)) / MIB_PER_GIB


METERS: dict[str, Meter] = {
    "hours": Meter(lambda d, u: HOURS_PER_MONTH),
    "months": Meter(lambda d, u: Decimal(1)),
    "replica_hours": Meter(lambda d, u: u.replica_hours_month, ("load", "replicas")),
    "address_hours": Meter(_address_hours, ("load", "replicas", "database")),
    "replica_months": Meter(
        lambda d, u: u.replica_hours_month / HOURS_PER_MONTH, ("load", "replicas")
    ),
    "replica_vcpu_hours": Meter(
        lambda d, u: exact(d.vcpu) * u.replica_hours_month, ("size", "replicas")
    ),
    "replica_gib_hours": Meter(lambda d, u: _gib(d) * u.replica_hours_month, ("size", "replicas")),
    "replica_vcpu_seconds": Meter(
        lambda d, u: exact(d.vcpu) * u.replica_hours_month * SECONDS_PER_HOUR,
        ("size", "replicas"),
    ),
    "replica_gib_seconds": Meter(
        lambda d, u: _gib(d) * u.replica_hours_month * SECONDS_PER_HOUR, ("size", "replicas")
    ),
    "active_vcpu_seconds": Meter(lambda d, u: exact(d.vcpu) * _active_s(u), ("size",)),
    "active_gib_seconds": Meter(lambda d, u: _gib(d) * _active_s(u), ("size",)),
    "active_vcpu_hours": Meter(
        lambda d, u: exact(d.vcpu) * _active_s(u) / SECONDS_PER_HOUR, ("size",)
    ),
    "idle_vcpu_seconds": Meter(lambda d, u: exact(d.vcpu) * _idle_s(d, u), ("size", "replicas")),
    "idle_gib_seconds": Meter(lambda d, u: _gib(d) * _idle_s(d, u), ("size", "replicas")),
    "provisioned_gib_seconds": Meter(
        lambda d, u: _gib(d) * u.provisioned * HOURS_PER_MONTH * SECONDS_PER_HOUR, ("size",)
    ),
    "extra_disk_gib_hours": Meter(
        lambda d, u: u.extra_disk_gib * u.replica_hours_month, ("load", "replicas")
    ),
    "server_hours": Meter(_server_hours, ("load", "replicas")),
    "server_months": Meter(
        lambda d, u: _server_hours(d, u) / HOURS_PER_MONTH, ("load", "replicas")
    ),
    "surplus_vcpu_hours": Meter(lambda d, u: u.surplus_vcpu_hours, ("size", "replicas")),
    "requests": Meter(lambda d, u: u.requests_month),
    "request_gib_seconds": Meter(
        lambda d, u: u.requests_month * u.request_duration_s_mean * _gib(d), ("size",)
    ),
    "load_balancer_units_hours": Meter(lambda d, u: u.load_balancer_units_hours),
    "public_address_hours": Meter(lambda d, u: u.load_balancer_zones * HOURS_PER_MONTH),
    "nat_hours": Meter(lambda d, u: u.nat_gateways * HOURS_PER_MONTH, ("database",)),
    "nat_gib": Meter(lambda d, u: u.nat_gib_month, ("database",)),
    "endpoint_hours": Meter(lambda d, u: u.endpoints * HOURS_PER_MONTH),
    "endpoint_gib": Meter(lambda d, u: u.endpoint_gib_month),
    "ingress_gib": Meter(lambda d, u: u.ingress_gib_month),
    "egress_gib": Meter(lambda d, u: u.egress_gib_month),
    "cross_zone_gib": Meter(lambda d, u: u.cross_zone_gib_month, ("database",)),
    "cross_zone_sent_gib": Meter(
        lambda d, u: u.cross_zone_gib_month / CROSS_ZONE_ENDS, ("database",)
    ),
    "cross_region_gib": Meter(lambda d, u: u.cross_region_gib_month),
    "log_gib": Meter(lambda d, u: u.log_gib_month),
    "log_gib_months": Meter(lambda d, u: u.log_gib_month * u.log_retention_months),
    "extra_log_gib_months": Meter(
        lambda d, u: u.log_gib_month * max(Decimal(0), u.log_retention_months - 1)
    ),
    "metrics": Meter(lambda d, u: Decimal(u.metrics)),
    "dashboards": Meter(lambda d, u: Decimal(u.dashboards)),
    "alarms": Meter(lambda d, u: Decimal(u.alarms), ("database",)),
    "image_gib_months": Meter(lambda d, u: u.images_gib),
    "secrets": Meter(lambda d, u: Decimal(u.secrets), ("database",)),
    "secret_requests": Meter(
        lambda d, u: u.secret_requests_month * Decimal(1), ("replicas", "database")
    ),
    "disk_gib_months": Meter(
        lambda d, u: _server_hours(d, u) / HOURS_PER_MONTH * u.server_disk_gib,
        ("load", "replicas"),
    ),
    "build_minutes": Meter(lambda d, u: u.build_minutes_month),
    "seats": Meter(lambda d, u: Decimal(u.seats)),
}
"""What each meter of a platform's bill reads. `public_address_hours` are those of the load
balancer, `address_hours` those of replicas or servers. `cross_zone_sent_gib` is for providers that
bill only who sends, `extra_log_gib_months` for those whose ingestion includes the first month."""


def read_meter(meter: str, design: Design, usage: Usage) -> Decimal:
    """What a meter reads for a design in a month."""
    read: Decimal = METERS[meter].read(design, usage)
    return read


def read_option(line: BillLine, options: Mapping[str, str | Decimal]) -> Decimal:
    """What a line of a managed service meters: an amount among its options, hours or months."""
    if line.meter == "hours":
        return HOURS_PER_MONTH
    if line.meter == "months":
        return Decimal(1)
    amount = Decimal(options[line.meter])
    return amount * HOURS_PER_MONTH if line.per == "hour" else amount
