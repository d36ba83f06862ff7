"""A standby in a second region: when a design may have one, and what it is billed.

One replica waits there behind its own load balancer, beside a copy of each database that follows
the first region's. When that region is lost, its name's health checks send the visitors over, the
copies are made databases of their own, and the other replicas and the workers are started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from seatrial.assessor.meters import METERS
from seatrial.assessor.places import region_of, resides
from seatrial.assessor.usage import ALARMS, IMAGE_GIB, IMAGES_KEPT, Usage
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Attached, Design, Standby
from seatrial.kernel.platform import ON_DEMAND, Catalog, ManagedService, Platform
from seatrial.kernel.units import HOURS_PER_MONTH

NAMES = Attached(kind="dns", options={"zones": "1", "health_checks": "2"})
"""A zone whose name points to the region that answers, and the check of each of the two."""

COPIED = frozenset({"storage_gib", "writes_month"})
"""What a copy of files in object storage is billed: it is written and kept. A cache and a queue
begin empty in the other region."""

TRANSFER = "cross_region_gib"


class Piece(NamedTuple):
    """What of a standby is billed together: those lines of the platform that read `meters` of a
    design and its usage, or the lines of the managed service that is `attached`.
    """

    region: str
    view: Design
    usage: Usage
    attached: Attached | None = None
    meters: frozenset[str] = frozenset()


def standby_of(
    catalog: Catalog, demand: Demand, platform: Platform, region: str, kinds: frozenset[str]
) -> Standby | None:
    """The standby that a design in a region may have, none where there can be none.

    It is looked at when `[recovery]` says how long the loss of a region may last. The provider has
    to sell names with health checks, and a copy in another region of each of the `kinds` of
    databases that the app uses, with a price for what they are sent; and data has to be allowed to
    lie there. A region on the same continent comes first.
    """
    wanted = demand.recovery.region_rto_s, demand.recovery.region_rpo_s
    if wanted == (None, None) or platform.capabilities.multi_region == "none":
        return None
    if platform.failure.region_loss == "survives" or platform.kind == "machine":
        return None
    names = catalog.service(platform.provider, NAMES.kind)
    if names is None or "health_checks" not in names.options:
        return None
    sold = [catalog.service(platform.provider, kind) for kind in sorted(kinds)]
    stores = [store for store in sold if store is not None]
    priced = any(line.meter == TRANSFER for line in platform.bill)
    if any(store.replica_lag_s is None for store in stores) or (kinds and not priced):
        return None
    allowed, here = demand.compliance.residency, region_of(catalog, platform.provider, region)
    area = here.area if here else ""
    others = [
        one for one in catalog.provider(platform.provider).regions
        if one.id != region and (not allowed or resides(one, allowed))
    ]  # fmt: skip
    order = sorted(others, key=lambda one: _far(one.area, area))
    return Standby(region=order[0].id, lag_s=lag_s(stores)) if order else None


def lag_s(stores: Iterable[ManagedService]) -> float | None:
    """How far the slowest copy of some databases is behind; none where none is copied."""
    lags = (store.replica_lag_s for store in stores)
    return max((lag.value for lag in lags if lag is not None), default=None)


def _far(area: str, here: str) -> int:
    """0 on the same continent, 1 elsewhere."""
    return int(area.partition("-")[0] != here.partition("-")[0])


def compute(design: Design, platform: Platform) -> Piece:
    """The replica that waits, with everything that a region of the platform costs by itself."""
    assert design.standby is not None, "only a design with a standby is asked"
    functions = platform.kind == "functions"
    view = replace(
        design, region=design.standby.region, replicas_min=1, replicas_max=1,
        servers=min(1, design.servers), commitment=ON_DEMAND, database=None, services=(),
        beside=(), standby=None,
    )  # fmt: skip
    usage = Usage(
        replica_hours_month=Decimal(0) if functions else HOURS_PER_MONTH,
        images_gib=Decimal(IMAGE_GIB * IMAGES_KEPT), alarms=ALARMS, seats=0,
    )  # fmt: skip
    return Piece(view.region, view, usage, meters=frozenset(METERS))


def copied(design: Design, attached: Attached, service: ManagedService, usage: Usage) -> Piece:
    """A managed service in the other region, in one zone there; what it holds is copied."""
    assert design.standby is not None, "only a design with a standby is asked"
    options = attached.options
    if "single-az" in service.choices.get("deployment", ()):
        options = {**options, "deployment": "single-az"}
    one = replace(attached, options=options)
    amounts = usage.services.get(attached.kind, {})
    kept = {m: a for m, a in amounts.items() if m in COPIED}
    return Piece(
        design.standby.region, design, Usage(services={attached.kind: kept}), attached=one
    )  # fmt: skip


def sent(design: Design, usage: Usage) -> Piece:
    """What the databases send to their copies, at most what they send between zones."""
    month = Usage(cross_region_gib_month=usage.cross_zone_gib_month)
    return Piece(design.region, design, month, meters=frozenset({TRANSFER}))


def names(design: Design) -> Piece:
    """The name that points to the region that answers."""
    return Piece(design.region, design, Usage(), attached=NAMES)


def pieces(
    design: Design, platform: Platform, services: dict[str, ManagedService], usage: Usage
) -> Iterator[Piece]:
    """Everything that a standby is billed; `services` are those of the provider by kind."""
    if design.standby is None:
        return
    yield compute(design, platform)
    for attached in design.attached:
        if attached.kind != "llm" and attached.kind in services:
            yield copied(design, attached, services[attached.kind], usage)
    yield sent(design, usage)
    yield names(design)
