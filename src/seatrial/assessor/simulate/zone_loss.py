"""The loss of a zone, or of a region with a standby: how long until a design answers again, and
how much of its data is gone."""

from __future__ import annotations

from typing import Literal

from seatrial.assessor.simulate.failure_rates import Rates
from seatrial.kernel.simulation import Recovery

ZONE, REGION = "zone loss", "region loss"
"""What a recovery is from."""

ZoneLoss = Literal["survives", "moves", "down"]
"""What becomes of replicas in a lost zone, as the platform's data says it."""

Database = Literal["none", "single", "standby"]
"""A standby is in another zone."""


def restore_s(known: Rates) -> float:
    """Deciding to restore the database elsewhere, and doing it."""
    return known.amount("decide-s") + known.amount("database-restore-s")


def zone_database_s(known: Rates, database: Database) -> float:
    """How long the database is gone when its zone is."""
    if database == "standby":
        return known.amount("database-failover-s")
    return min(known.amount("zone-s"), restore_s(known))


def zone_recovery(
    known: Rates, lost: ZoneLoss, zones: int, start_s: float, database: Database
) -> Recovery:
    """For replicas in `zones` zones that take `start_s` to start, and their database."""
    if lost == "survives" and zones > 1:
        app, how = known.amount("detect-s"), "the replicas of the other zones go on"
    elif lost == "moves":
        app = known.amount("detect-s") + known.amount("zone-replace-s") + start_s
        how = "the replicas are started in another zone"
    else:
        app, how = known.amount("zone-s"), "the replicas are in one zone and wait for it"
    data, rpo = 0.0, 0.0
    if database != "none":
        data = zone_database_s(known, database)
    if database == "standby":
        how += "; the database's standby takes over with all that was written"
    elif database == "single":
        restored = data < known.amount("zone-s")
        rpo = known.amount("backup-lag-s") if restored else 0.0
        how += "; the database " + ("is restored elsewhere" if restored else "waits for its zone")
    return Recovery(name=ZONE, rto_s=max(app, data), rpo_s=rpo, how=how)


def standby_recovery(known: Rates, start_s: float, lag_s: float | None) -> Recovery:
    """For a standby in another region whose replicas take `start_s` to start.

    `lag_s` is how far the copies of its databases are behind, none where there are none.
    """
    takes = known.amount("region-failover-s") + start_s
    how = "the standby in the other region takes over, and starts the other replicas"
    if lag_s is not None:
        takes += known.amount("database-promote-s")
        how += " once the copies of the databases are promoted"
    return Recovery(name=REGION, rto_s=takes, rpo_s=lag_s or 0.0, how=how)
