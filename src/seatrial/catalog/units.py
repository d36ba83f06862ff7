"""The units a price may have, and which of them each meter reads.

A gigabyte here is 2^30 bytes: AWS bills storage and transfer in them and writes GB.
"""

from __future__ import annotations

from seatrial.kernel.platform import Meter

METER_UNITS: dict[Meter, frozenset[str]] = {
    "hours": frozenset({"hour"}),
    "replica_hours": frozenset({"hour", "address-hour"}),
    "replica_months": frozenset({"node-month"}),
    "replica_vcpu_hours": frozenset({"vCPU-hour"}),
    "replica_gib_hours": frozenset({"GB-hour"}),
    "server_hours": frozenset({"hour", "address-hour"}),
    "requests": frozenset({"request"}),
    "request_gib_seconds": frozenset({"GB-second"}),
    "load_balancer_units_hours": frozenset({"LCU-hour"}),
    "public_address_hours": frozenset({"address-hour"}),
    "nat_hours": frozenset({"hour", "address-hour"}),
    "nat_gib": frozenset({"GB"}),
    "egress_gib": frozenset({"GB"}),
    "cross_zone_gib": frozenset({"GB"}),
    "log_gib": frozenset({"GB"}),
    "log_gib_months": frozenset({"GB-month"}),
    "image_gib_months": frozenset({"GB-month"}),
    "secrets": frozenset({"secret-month"}),
    "secret_requests": frozenset({"request"}),
    "alarms": frozenset({"alarm-month"}),
    "database_hours": frozenset({"hour"}),
    "database_gib_months": frozenset({"GB-month"}),
    "disk_gib_months": frozenset({"GB-month"}),
    "months": frozenset({"month"}),
}

UNITS: frozenset[str] = frozenset().union(*METER_UNITS.values())
