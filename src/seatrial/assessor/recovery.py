"""What a loss costs: how long until a design answers again, and how much of its data is gone.

The times are those of the simulator's rare events, each with its source in `failures.toml`.
"""

from __future__ import annotations

from functools import lru_cache

from seatrial.assessor.simulate.failure_rates import packaged_rates
from seatrial.assessor.simulate.fleet import START_S
from seatrial.assessor.simulate.zone_loss import (
    REGION,
    Database,
    ZoneLoss,
    standby_recovery,
    zone_recovery,
)
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.simulation import Recovery

STORES = frozenset({"postgresql", "aurora-postgresql", "mysql"})
"""Kinds of managed services that hold what must not be lost."""


def recoveries(design: Design, platform: Platform, boot_s: float | None) -> tuple[Recovery, ...]:
    """Recovery from the loss of a zone, and from that of the region.

    `boot_s` is how long the app takes to start, none where it was not measured.
    """
    start = platform.scaling.start_s
    start_s = (start.value if start is not None else START_S) + (boot_s or 0.0)
    return _zone(design, platform, start_s), _region(design, platform, start_s)


def _database(design: Design) -> Database:
    """The least safe of the design's databases decides; a standby is in another zone."""
    standby = [
        attached.options.get("deployment") == "multi-az"
        for attached in design.attached
        if attached.kind in STORES
    ]
    if not standby:
        return "none"
    return "standby" if all(standby) else "single"


def _zone(design: Design, platform: Platform, start_s: float) -> Recovery:
    zones = min(platform.capabilities.zones, max(1, design.replicas_min))
    if platform.kind == "functions":
        zones = platform.capabilities.zones
    return _zone_of(platform.failure.zone_loss, zones, start_s, _database(design))


@lru_cache(maxsize=1024)
def _zone_of(lost: ZoneLoss, zones: int, start_s: float, database: Database) -> Recovery:
    return zone_recovery(packaged_rates(), lost, zones, start_s, database)


def _region(design: Design, platform: Platform, start_s: float) -> Recovery:
    """A standby takes over, or the platform spans several regions; all others wait."""
    known = packaged_rates()
    if design.standby is not None:
        return standby_recovery(known, start_s, design.standby.lag_s)
    if platform.failure.region_loss == "survives":
        return Recovery(
            name=REGION, rto_s=known.amount("region-failover-s"), rpo_s=0.0,
            how="another region takes over",
        )  # fmt: skip
    return Recovery(
        name=REGION, rto_s=known.amount("region-s"), rpo_s=0.0,
        how="the design waits for its region; data that does not come back with it is lost",
    )  # fmt: skip
