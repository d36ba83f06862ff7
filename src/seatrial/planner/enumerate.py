"""Every design that is considered, platform by platform."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.assessor.rules import memory_needed_mib
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Database, Design
from seatrial.kernel.platform import HERE, Catalog, Platform, Size

REPLICAS = (1, 2, 3, 4, 6, 8, 12, 16)
CONCURRENCY = (1, 2, 5, 10, 20, 50, 100)
DATABASE_MIB = 2048
"""Memory of the database that is planned: the smallest that keeps a working set beside its own
needs; a larger one is a decision for people who know their data."""

THREADS = 8
"""Threads per worker, the runtime's default."""


def _databases(catalog: Catalog, provider: str) -> Iterator[Database | None]:
    """No database; and the smallest that will do, alone and with a standby."""
    yield None
    service = catalog.service(provider, "postgresql")
    sizes = [size for size in service.sizes if size.memory_mib >= DATABASE_MIB] if service else []
    if not sizes:
        return
    # ARM first: where both are sold it is the cheaper one.
    smallest = min(sizes, key=lambda s: (s.memory_mib, s.vcpu, s.arch != "arm64", s.name))
    yield Database(instance=smallest.name, multi_az=False)
    if service and "multi-az" in service.choices.get("deployment", ()):
        yield Database(instance=smallest.name, multi_az=True)


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
        arch=size.arch or "x86_64",
        database=db,
    )


def _useful(platform: Platform, memory_mib_worker: float) -> Iterator[Size]:
    """The sizes worth a look: of each vCPU count up to the first whose memory fits.

    A size with more memory and the same processors costs more and does nothing better. Of
    instance types the first of each family is looked at, because their processors and prices
    differ. Sizes with GPUs are for models, which say so themselves.
    """
    fitted: set[tuple[float, str]] = set()
    for size in sorted(platform.sizes, key=lambda s: (s.vcpu, s.memory_mib)):
        family = size.name.partition(".")[0] if platform.kind == "servers" else ""
        if (size.vcpu, family) in fitted or size.gpus:
            continue
        if memory_needed_mib(_workers(size), memory_mib_worker) <= size.memory_mib:
            fitted.add((size.vcpu, family))
        yield size


def designs(
    catalog: Catalog, demand: Demand, machine: Size, memory_mib_worker: float
) -> Iterator[Design]:
    """All designs of all platforms in the demand's region, or the one nearest to it.

    `machine` is what one replica gets on this machine; a platform that has no sizes of its own is
    what the user owns, and is looked at with replicas of that size, in no region.
    """
    for platform in catalog.platforms:
        if not platform.sizes:
            for count in REPLICAS[:3]:
                yield _design(platform, HERE, machine, count, None)
            continue
        region = catalog.near(platform.provider, demand.region)
        if region is None:
            continue
        counts = CONCURRENCY if platform.kind == "functions" else REPLICAS
        databases = tuple(_databases(catalog, platform.provider))
        for size in _useful(platform, memory_mib_worker):
            for count in counts:
                for database in databases:
                    yield _design(platform, region, size, count, database)
