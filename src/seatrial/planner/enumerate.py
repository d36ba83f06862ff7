"""Every design that is considered, platform by platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import groupby

from msgspec.structs import replace

from seatrial.assessor.price import PriceBook, bill_amount, price, service_amounts
from seatrial.assessor.rules import memory_needed_mib
from seatrial.assessor.space import Shape, counts_of, shaped, shapes_of
from seatrial.assessor.usage import Usage
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Database, Design
from seatrial.kernel.platform import HERE, ON_DEMAND, Catalog, ManagedService, Platform, Size

REPLICAS = (1, 2, 3, 4, 6, 8, 12, 16)
CONCURRENCY = (1, 2, 5, 10, 20, 50, 100)
TYPES = 3
"""Instance types that are looked at of each vCPU count."""

DATABASE_MIB = 2048
"""Memory of the database that is planned: the smallest that keeps a working set beside its own
needs; a larger one is a decision for people who know their data."""


def _databases(
    catalog: Catalog, provider: str, region: str, book: PriceBook
) -> Iterator[Database | None]:
    """No database; and the smallest that will do and has a price, alone and with a standby."""
    yield None
    service = catalog.service(provider, "postgresql")
    if service is None:
        return
    deployments = service.choices.get("deployment", ("single-az",))
    for deployment in (d for d in ("single-az", "multi-az") if d in deployments):
        # ARM first: where both are sold it is the cheaper one.
        for size in sorted(
            (size for size in service.sizes if size.memory_mib >= DATABASE_MIB),
            key=lambda s: (s.memory_mib, s.vcpu, s.arch != "arm64", s.name),
        ):
            database = Database(instance=size.name, multi_az=deployment == "multi-az")
            if _priced(database, service, region, book):
                yield database
                break


def _priced(database: Database, service: ManagedService, region: str, book: PriceBook) -> bool:
    attached = database.attached
    return not any(
        bill_amount(amount, line.provider or service.provider, region, book)[1]
        for line in service.bill
        for amount in service_amounts(line, attached, service, ON_DEMAND, Usage())
    )


def _useful(
    platform: Platform, region: str, memory_mib_worker: float, book: PriceBook
) -> Iterator[Shape]:
    """The sizes worth a look: of each vCPU count up to the first whose memory fits.

    A size with more memory and the same processors costs more and does nothing better. Of
    instance types the cheapest few are looked at, because their processors differ. Sizes with
    GPUs are for models, and images are built for x86.
    """
    shapes = [shape for shape in shapes_of(platform, "x86_64") if not shape.gpus]
    for _, group in groupby(sorted(shapes, key=lambda s: (s.vcpu, s.memory_mib)), _vcpu):
        same = list(group)
        fits = [
            shape for shape in same
            if memory_needed_mib(shape.workers, memory_mib_worker) <= shape.memory_mib
        ]  # fmt: skip
        if platform.kind == "servers":
            yield from sorted(fits or same, key=_cost(platform, region, book))[:TYPES]
        else:
            yield from same[: same.index(fits[0]) + 1] if fits else same


def _vcpu(shape: Shape) -> float:
    return shape.vcpu


def _cost(
    platform: Platform, region: str, book: PriceBook
) -> Callable[[Shape], tuple[Decimal, str]]:
    """What one server of a shape costs; what has no price comes last."""
    (one,) = counts_of(platform, (1,))

    def cost(shape: Shape) -> tuple[Decimal, str]:
        total = price(shaped(platform, region, shape, one), platform, book, Usage())
        unknown = Decimal("Infinity")
        return (unknown if total.monthly_usd is None else total.monthly_usd, shape.size)

    return cost


def designs(
    catalog: Catalog, demand: Demand, machine: Size, memory_mib_worker: float, book: PriceBook
) -> Iterator[Design]:
    """All designs of all platforms in the demand's region, or the one nearest to it.

    `machine` is what one replica gets on this machine; a platform that has no sizes of its own is
    what the user owns, and is looked at with replicas of that size, in no region.
    """
    for platform in catalog.platforms:
        if not platform.sizes:
            (own,) = shapes_of(replace(platform, sizes=(machine,)), "x86_64")
            for count in counts_of(platform, REPLICAS[:3]):
                yield shaped(platform, HERE, own, count)
            continue
        region = catalog.near(platform.provider, demand.region)
        if region is None:
            continue
        counts = CONCURRENCY if platform.kind == "functions" else REPLICAS
        databases = tuple(_databases(catalog, platform.provider, region, book))
        for shape in _useful(platform, region, memory_mib_worker, book):
            for count in counts_of(platform, counts):
                if shape.replicas_max and count.replicas_max > shape.replicas_max:
                    continue
                for database in databases:
                    yield shaped(platform, region, shape, count, database=database)
