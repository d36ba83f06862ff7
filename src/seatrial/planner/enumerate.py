"""Every design that is considered, platform by platform."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.assessor.rules import memory_needed_mib
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


def _useful(platform: Platform, memory_mib_worker: float) -> Iterator[Size]:
    """The sizes worth a look: of each vCPU count up to the first whose memory fits.

    A size with more memory and the same processors costs more and does nothing better. Instance
    types are all kept, because their processors and prices differ.
    """
    fitted: set[float] = set()
    for size in sorted(platform.sizes, key=lambda s: (s.vcpu, s.memory_mib)):
        if platform.kind != "servers" and size.vcpu in fitted:
            continue
        if memory_needed_mib(_workers(size), memory_mib_worker) <= size.memory_mib:
            fitted.add(size.vcpu)
        yield size


def designs(
    catalog: Catalog, demand: Demand, machine: Size, memory_mib_worker: float
) -> Iterator[Design]:
    """All designs of all platforms in the demand's region.

    `machine` is what one replica gets on this machine; its designs run there, in no region.
    """
    for platform in catalog.platforms:
        if platform.kind == "machine":
            for count in REPLICAS[:3]:
                yield _design(platform, "here", machine, count, None)
            continue
        counts = CONCURRENCY if platform.kind == "functions" else REPLICAS
        for size in _useful(platform, memory_mib_worker):
            for count in counts:
                for database in _databases():
                    yield _design(platform, demand.region, size, count, database)
