"""The catalogue: providers, platforms, managed services and prices. Data, not behaviour."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from seatrial.kernel.values import Value

PlatformKind = Literal["containers", "servers", "functions", "machine"]

Family = Literal["spot", "reserved", "savings-plan", "committed-use"]
"""What can be bought beside on demand: `reserved` of `reserved-3y-all`."""

Status = Literal["available", "existing-customers", "ended"]

EVERYWHERE = "*"
"""Region of a price that holds wherever the design runs, such as the owner's machine."""

HERE = "here"
"""Region of a design on what the user owns."""

ON_DEMAND = "on-demand"
SPOT = "spot"


class Sourced(Value):
    """A number with where it is from and when it was true."""

    value: float
    source: str
    as_of: str


class BillLine(Value):
    """One line of the bill: `sku` times what `meter` reads, for the design or the service.

    `sku` may hold `{size}` and `{arch}` of the design; in a service its `{size}` and its options.
    Of the quantity `included` is taken off first, being part of what is paid elsewhere on the
    bill; `free` only when the account's free tier is asked for. What is left is raised to
    `minimum` when it is above zero, and to a whole multiple of `increment`. `per` "hour" turns a
    count into hours of a month. `commitments` are the families of terms that this is sold under
    beside on demand; a design's commitment of another family leaves the line on demand.
    `forgotten` says why estimates by hand leave this line out; empty when they do not.
    """

    component: str
    service: str
    sku: str
    meter: str
    provider: str = ""
    per: Literal["month", "hour"] = "month"
    included: Decimal = Decimal(0)
    free: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    increment: Decimal = Decimal(0)
    commitments: tuple[Family, ...] = ()
    forgotten: str = ""


class Size(Value):
    """One size that can be bought; `arch` none where the buyer chooses the processor.

    `baseline` is the share of its processors that may be busy all day; above it, burstable types
    bill CPU credits. `replicas_max` limits replicas of this size, 0 does not.
    """

    name: str
    vcpu: float
    memory_mib: int
    arch: Literal["x86_64", "arm64"] | None = None
    baseline: float = 1.0
    replicas_max: int = 0
    gpus: int = 0
    gpu: str = ""


class Limits(Value):
    """Hard limits of the platform; 0 or none means the platform sets no such limit."""

    request_s: Sourced | None = None
    payload_mib: Sourced | None = None
    replicas_max: Sourced | None = None
    image_gib: Sourced | None = None
    disk_gib: Sourced | None = None
    concurrency: Sourced | None = None
    replicas_min: int = 1


class Scaling(Value):
    """How the platform changes the number of replicas.

    `start_s` is what the platform needs to start one more replica, without the app's own boot.
    """

    mechanism: Literal[
        "none", "target-tracking", "step", "hpa", "keda", "knative", "per-request", "rules"
    ]
    metrics: tuple[str, ...] = ()
    to_zero: bool = False
    period_s: Sourced | None = None
    cooldown_out_s: Sourced | None = None
    cooldown_in_s: Sourced | None = None
    start_s: Sourced | None = None


class Capabilities(Value):
    """What the platform can do, as far as rules and the comparison ask for it.

    `background` is a process that runs without requests; `shell` a way into a running replica;
    `portability` what has to change to leave; `compliance` programmes the provider attests.
    """

    autoscaling: bool
    shared_memory: bool
    persistent_disk: bool
    websockets: bool
    zones: int
    managed_database: bool
    background: bool = True
    sticky_sessions: bool = False
    scheduled_jobs: bool = False
    shell: bool = False
    gpu: bool = False
    arm: bool = False
    private_network: bool = False
    multi_region: Literal["none", "dns", "built-in"] = "none"
    patching: Literal["owner", "provider"] = "provider"
    portability: Literal["image", "kubernetes", "code"] = "image"
    compliance: tuple[str, ...] = ()


class Failure(Value):
    """What happens when something breaks: `restart_s` until a crashed replica is replaced."""

    zone_loss: Literal["survives", "moves", "down"]
    region_loss: Literal["survives", "down"] = "down"
    restart_s: Sourced | None = None


class Reference(Value):
    """Where statements about the platform stand: keys of its file, the source, and of when."""

    says: tuple[str, ...]
    source: str
    as_of: str


class Operations(Value):
    """Hours of work: to set it up once, and each month."""

    setup_hours: Sourced | None = None
    month_hours: Sourced | None = None


class Platform(Value):
    """One place where an app can run.

    `bills` names groups of lines of its provider that are on this platform's bill too; once
    loaded, `bill` holds them all. `bundled` says that Seatrial writes its infrastructure.
    """

    id: str
    name: str
    kind: PlatformKind
    provider: str
    source: str
    as_of: str
    status: Status = "available"
    bundled: bool = False
    sizes: tuple[Size, ...]
    limits: Limits = Limits()
    scaling: Scaling
    failure: Failure
    capabilities: Capabilities
    operations: Operations = Operations()
    availability_percent: tuple[Sourced, ...] = ()
    bills: tuple[str, ...] = ()
    bill: tuple[BillLine, ...] = ()
    references: tuple[Reference, ...] = ()


class ManagedService(Value):
    """Something a provider runs for the app: a database, a cache, a bucket, a language model.

    `options` are what a design can say about it, each with its default; an option whose default
    is a number is an amount that lines can meter, the others fill skus and may be limited to
    `choices`. `availability_percent` is by the option `deployment`, or "*". `replica_lag_s` is how
    far a copy of a database in another region is behind; none where no source says that there can
    be one.
    """

    id: str
    kind: str
    name: str
    provider: str
    source: str
    as_of: str
    sizes: tuple[Size, ...] = ()
    options: dict[str, str] = {}
    choices: dict[str, tuple[str, ...]] = {}
    availability_percent: dict[str, Sourced] = {}
    replica_lag_s: Sourced | None = None
    bill: tuple[BillLine, ...] = ()


class Region(Value):
    """A place of a provider: `country` as ISO 3166 code, `area` such as us-east or eu-west."""

    id: str
    name: str
    country: str
    area: str


class Provider(Value):
    """Who sells: its regions, and groups of bill lines that several platforms share."""

    id: str
    name: str
    regions: tuple[Region, ...] = ()
    bills: dict[str, tuple[BillLine, ...]] = {}


class Price(Value):
    """One price row: USD per `unit` of `sku` in `region`, between two quantities a month.

    With an upfront payment `price_usd` is the recurring part and `upfront_usd` what is paid once
    for the whole term, per unit held all term. `interruption_percent` is the share of spot
    capacity that is taken back in a month.
    """

    provider: str
    service: str
    sku: str
    region: str
    unit: str
    tier_from: Decimal = Decimal(0)
    tier_to: Decimal | None = None
    commitment: str = ON_DEMAND
    price_usd: Decimal
    upfront_usd: Decimal = Decimal(0)
    interruption_percent: Decimal | None = None
    source: str
    as_of: str


class Catalog(Value):
    """All platforms, services and prices; `digest` identifies the data a plan was made from."""

    platforms: tuple[Platform, ...]
    services: tuple[ManagedService, ...] = ()
    providers: tuple[Provider, ...] = ()
    prices: tuple[Price, ...]
    digest: str

    def platform(self, platform_id: str) -> Platform:
        """The platform of that id; `KeyError` when there is none."""
        for platform in self.platforms:
            if platform.id == platform_id:
                return platform
        raise KeyError(platform_id)

    def provider(self, provider_id: str) -> Provider:
        """The provider of that id; `KeyError` when there is none."""
        for provider in self.providers:
            if provider.id == provider_id:
                return provider
        raise KeyError(provider_id)

    def service(self, provider_id: str, kind: str) -> ManagedService | None:
        """What the provider offers of that kind, or what anybody can use from anywhere."""
        offered = [s for s in self.services if s.kind == kind]
        own = [s for s in offered if s.provider == provider_id]
        everywhere = [s for s in offered if s.provider == EVERYWHERE]
        return next(iter(own + everywhere), None)

    def near(self, provider_id: str, wanted: str) -> str | None:
        """The provider's region of that name, or in the same area, or on the same continent."""
        here = self.provider(provider_id).regions
        if wanted in {region.id for region in here}:
            return wanted
        areas = {region.id: region.area for p in self.providers for region in p.regions}
        area = areas.get(wanted, "")
        continent = area.partition("-")[0]
        near = [region for region in here if region.area == area] or [
            region for region in here if area and region.area.partition("-")[0] == continent
        ]
        return near[0].id if near else None
