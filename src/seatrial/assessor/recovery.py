"""What a loss costs: how long until a design answers again, and how much of its data is gone.

The times are those of the simulator's rare events, each with its source in `failures.toml`.
"""

from __future__ import annotations

from seatrial.assessor.simulate.failure_rates import Rates, packaged_rates
from seatrial.assessor.simulate.fleet import START_S
from seatrial.kernel.design import Design
from seatrial.kernel.platform import Platform
from seatrial.kernel.simulation import Recovery

ZONE, REGION = "zone loss", "region loss"

STORES = frozenset({"postgresql", "aurora-postgresql", "mysql"})
"""Kinds of managed services that hold what must not be lost."""


def recoveries(design: Design, platform: Platform, boot_s: float | None) -> tuple[Recovery, ...]:
    """Recovery from the loss of a zone, and from that of the region.

    `boot_s` is how long the app takes to start, none where it was not measured.
    """
    known = packaged_rates()
    return _zone(design, platform, boot_s or 0.0, known), _region(platform, known)


def _stores(design: Design) -> list[bool]:
    """For each database of the design, whether it has a standby in another zone."""
    return [
        attached.options.get("deployment") == "multi-az"
        for attached in design.attached
        if attached.kind in STORES
    ]


def _zone(design: Design, platform: Platform, boot_s: float, known: Rates) -> Recovery:
    lost = platform.failure.zone_loss
    zones = min(platform.capabilities.zones, max(1, design.replicas_min))
    if platform.kind == "functions":
        zones = platform.capabilities.zones
    start = platform.scaling.start_s
    if lost == "survives" and zones > 1:
        app, how = known.amount("detect-s"), "the replicas of the other zones go on"
    elif lost == "moves":
        app = known.amount("detect-s") + known.amount("zone-replace-s") + boot_s
        app += start.value if start is not None else START_S
        how = "the replicas are started in another zone"
    else:
        app, how = known.amount("zone-s"), "the replicas are in one zone and wait for it"
    stores, rpo, data = _stores(design), 0.0, 0.0
    if stores and all(stores):
        data = known.amount("database-failover-s")
        how += "; the database's standby takes over with all that was written"
    elif stores:
        restore = known.amount("decide-s") + known.amount("database-restore-s")
        restored = restore < known.amount("zone-s")
        rpo = known.amount("backup-lag-s") if restored else 0.0
        data = min(known.amount("zone-s"), restore)
        how += "; the database " + ("is restored elsewhere" if restored else "waits for its zone")
    return Recovery(name=ZONE, rto_s=max(app, data), rpo_s=rpo, how=how)


def _region(platform: Platform, known: Rates) -> Recovery:
    """Designs are in one region; only a platform that spans several goes on."""
    if platform.failure.region_loss == "survives":
        return Recovery(
            name=REGION, rto_s=known.amount("region-failover-s"), rpo_s=0.0,
            how="another region takes over",
        )  # fmt: skip
    return Recovery(
        name=REGION, rto_s=known.amount("region-s"), rpo_s=0.0,
        how="the design waits for its region; data that does not come back with it is lost",
    )  # fmt: skip
