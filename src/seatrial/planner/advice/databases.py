"""How many connections the design asks its database for, and how many that takes."""

from __future__ import annotations

from typing import NamedTuple

from seatrial.planner.advice.ground import Ground

RDS_BYTES_PER_CONNECTION = 9_531_392
RDS_CONNECTIONS_MAX = 5_000
RDS_SOURCE = (
    "Amazon RDS User Guide, quotas: max_connections of PostgreSQL is "
    "LEAST(DBInstanceClassMemory/9531392, 5000) by default; the memory of the class is taken, "
    "of which the system keeps a part"
)


class Connections(NamedTuple):
    """Connections asked for at most and taken at most (none: not known), and where that stands."""

    needed: int
    limit: int | None
    file: str
    told: str


def connections(ground: Ground) -> Connections | None:
    """The connections of the chosen design; none without PostgreSQL."""
    store = next((s for s in ground.stores if s.kind == "postgresql"), None)
    if store is None:
        return None
    design = ground.design
    each = 1 if ground.platform.kind == "functions" else design.workers * design.threads
    needed = design.replicas_max * each
    service = ground.asked.catalog.service(ground.platform.provider, "postgresql")
    file = f"catalog/services/{service.id}.toml" if service else ground.file
    size = next((s for s in service.sizes if s.name == store.size), None) if service else None
    if ground.platform.provider != "aws" or size is None:
        return Connections(needed, None, file, "the default of this database is not known here")
    limit = min(RDS_CONNECTIONS_MAX, size.memory_mib * 1024**2 // RDS_BYTES_PER_CONNECTION)
    return Connections(needed, limit, file, RDS_SOURCE)
