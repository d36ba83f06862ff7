"""Every design that is considered, platform by platform."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Database, Design
from seatrial.kernel.platform import Catalog, Platform, Size

REPLICAS = (1, 2, 3, 4, 6, 8, 12, 16)
CONCURRENCY = (1, 2, 5, 10, 20, 50, 100)
DATABASES = ("db.t4g.small",)
THREADS = 8
"""Threads per worker, the runtime's default."""


def _databases() -> Iterator[Database | None]:
    yield None
    for instance in DATABASES:
        yield Database(instance=instance, multi_az=False)
        yield Database(instance=instance, multi_az=True)


def _workers(size: Size) -> int:
    """One worker per whole vCPU: a Python worker computes on one at a time."""
    return max(1, int(size.vcpu))


def _design(platform: Platform, region: str, size: Size, count: int, db: Database | None) -> Design:
    functions = platform.kind == "functions"
    return Design(
        platform=platform.id,
        region=region,
        size=size.name,
        vcpu=size.vcpu,
        memory_mib=size.memory_mib,
        replicas_min=count,
        replicas_max=count,
        workers=1 if functions else _workers(size),
        threads=1 if functions else THREADS,
        servers=count if platform.kind == "servers" else 0,
        database=db,
    )


def designs(catalog: Catalog, demand: Demand, machine: Size) -> Iterator[Design]:
    """All designs of all platforms in the demand's region.

    `machine` is what one replica gets on this machine; its designs run there, in no region.
    """
    for platform in catalog.platforms:
        if platform.kind == "machine":
            for count in REPLICAS[:3]:
                yield _design(platform, "here", machine, count, None)
            continue
        counts = CONCURRENCY if platform.kind == "functions" else REPLICAS
        for size in platform.sizes:
            for count in counts:
                for database in _databases():
                    yield _design(platform, demand.region, size, count, database)
