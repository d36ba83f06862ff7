"""The units a price may have, and which of them each meter reads.

A gigabyte here is 2^30 bytes: AWS bills storage and transfer in them and writes GB. Units are
single ones (a request, a token, a second), never "per million": prices are converted when their
row is written, and the row's source says from what.
"""

from __future__ import annotations

METER_UNITS: dict[str, frozenset[str]] = {
    "hours": frozenset({"hour", "address-hour"}),
    "months": frozenset({"month"}),
    "replica_hours": frozenset({"hour", "address-hour"}),
    "address_hours": frozenset({"address-hour"}),
    "replica_months": frozenset({"node-month"}),
    "replica_vcpu_hours": frozenset({"vCPU-hour"}),
    "replica_gib_hours": frozenset({"GB-hour"}),
    "replica_vcpu_seconds": frozenset({"vCPU-second"}),
    "replica_gib_seconds": frozenset({"GB-second"}),
    "active_vcpu_seconds": frozenset({"vCPU-second"}),
    "active_gib_seconds": frozenset({"GB-second"}),
    "active_vcpu_hours": frozenset({"vCPU-hour"}),
    "idle_vcpu_seconds": frozenset({"vCPU-second"}),
    "idle_gib_seconds": frozenset({"GB-second"}),
    "provisioned_gib_seconds": frozenset({"GB-second"}),
    "extra_disk_gib_hours": frozenset({"GB-hour"}),
    "server_hours": frozenset({"hour", "address-hour"}),
    "server_months": frozenset({"node-month"}),
    "surplus_vcpu_hours": frozenset({"vCPU-hour"}),
    "requests": frozenset({"request"}),
    "request_gib_seconds": frozenset({"GB-second"}),
    "load_balancer_units_hours": frozenset({"LCU-hour"}),
    "public_address_hours": frozenset({"address-hour"}),
    "nat_hours": frozenset({"hour", "address-hour"}),
    "nat_gib": frozenset({"GB"}),
    "endpoint_hours": frozenset({"hour"}),
    "endpoint_gib": frozenset({"GB"}),
    "ingress_gib": frozenset({"GB"}),
    "egress_gib": frozenset({"GB"}),
    "cross_zone_gib": frozenset({"GB"}),
    "cross_zone_sent_gib": frozenset({"GB"}),
    "cross_region_gib": frozenset({"GB"}),
    "log_gib": frozenset({"GB"}),
    "log_gib_months": frozenset({"GB-month"}),
    "extra_log_gib_months": frozenset({"GB-month"}),
    "metrics": frozenset({"metric-month"}),
    "dashboards": frozenset({"dashboard-month"}),
    "alarms": frozenset({"alarm-month"}),
    "image_gib_months": frozenset({"GB-month"}),
    "secrets": frozenset({"secret-month"}),
    "secret_requests": frozenset({"request"}),
    "disk_gib_months": frozenset({"GB-month"}),
    "build_minutes": frozenset({"build-minute"}),
    "seats": frozenset({"seat-month"}),
}
"""What a meter of a platform's bill reads, and in which units a price may answer it."""

UNITS: frozenset[str] = frozenset().union(*METER_UNITS.values()) | {
    "token",
    "rule-month",
    "acl-month",
    "zone-month",
    "key-month",
    "check-month",
    "unit-month",
    "unit-hour",
    "user-month",
    "minute",
    "second",
    "image",
}
"""All units; the ones added here are metered by the options of managed services only."""
