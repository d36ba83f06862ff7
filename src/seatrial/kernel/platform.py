"""Platform and Price: one catalogue entry, and what things cost. Data, not classes of behaviour."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from seatrial.kernel.values import Value

PlatformKind = Literal["containers", "servers", "functions", "machine"]

Meter = Literal[
    "hours",
    "replica_hours",
    "replica_months",
    "replica_vcpu_hours",
    "replica_gib_hours",
    "server_hours",
    "requests",
    "request_gib_seconds",
    "load_balancer_units_hours",
    "public_address_hours",
    "nat_hours",
    "nat_gib",
    "egress_gib",
    "cross_zone_gib",
    "log_gib",
    "log_gib_months",
    "image_gib_months",
    "secrets",
    "secret_requests",
    "alarms",
    "database_hours",
    "database_gib_months",
    "disk_gib_months",
    "months",
]


EVERYWHERE = "*"
"""Region of a price that holds wherever the design runs, such as the owner's machine."""


class Sourced(Value):
    """A number with where it is from and when it was true."""

    value: float
    source: str
    as_of: str


class BillLine(Value):
    """One line of the bill: `sku` times what `meter` reads for the design.

    `free` is taken off the metered quantity first; `sku` may hold `{size}`, `{database}`,
    `{deployment}` (single-az or multi-az) and `{commitment}`, filled from the design.
    """

    component: str
    service: str
    sku: str
    meter: Meter
    free: Decimal = Decimal(0)


class Size(Value):
    """One size that can be bought."""

    name: str
    vcpu: float
    memory_mib: int


class Limits(Value):
    """Hard limits of the platform; 0 or none means the platform sets no such limit."""

    request_s: Sourced | None = None
    payload_mib: Sourced | None = None
    replicas_max: Sourced | None = None
    image_gib: Sourced | None = None
    replicas_min: int = 1


class Capabilities(Value):
    """What the platform can do, as far as rules ask for it."""

    autoscaling: bool
    shared_memory: bool
    persistent_disk: bool
    websockets: bool
    zones: int
    managed_database: bool


class Platform(Value):
    """One place where an app can run."""

    id: str
    name: str
    kind: PlatformKind
    provider: str
    source: str
    as_of: str
    sizes: tuple[Size, ...]
    limits: Limits = Limits()
    capabilities: Capabilities
    availability_percent: tuple[Sourced, ...] = ()
    database_single_az_percent: Sourced | None = None
    database_multi_az_percent: Sourced | None = None
    bill: tuple[BillLine, ...] = ()


class Price(Value):
    """One price row: USD per `unit` of `sku` in `region`, between two quantities a month."""

    provider: str
    service: str
    sku: str
    region: str
    unit: str
    tier_from: Decimal = Decimal(0)
    tier_to: Decimal | None = None
    commitment: str = "on-demand"
    price_usd: Decimal
    source: str
    as_of: str


class Catalog(Value):
    """All platforms and all prices; `digest` identifies the data the plan was made from."""

    platforms: tuple[Platform, ...]
    prices: tuple[Price, ...]
    digest: str

    def platform(self, platform_id: str) -> Platform:
        """The platform of that id; `KeyError` when there is none."""
        for platform in self.platforms:
            if platform.id == platform_id:
                return platform
        raise KeyError(platform_id)
