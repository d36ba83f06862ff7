"""Everything that could be bought for an app: one space of designs per platform and region."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.beside import beside_of
from seatrial.assessor.language import model_of
from seatrial.assessor.price import PriceBook, bill_amount, service_amounts
from seatrial.assessor.recovery import STORES
from seatrial.assessor.rules_limits import MEMORY_HEADROOM, RUNTIME_MIB, memory_needed_mib
from seatrial.assessor.services import BOUGHT, needed, used
from seatrial.assessor.space import (
    Arch,
    Commitments,
    Count,
    Shape,
    Space,
    counts_of,
    regions_of,
    shapes_of,
)
from seatrial.assessor.standby import standby_of
from seatrial.assessor.usage import Usage
from seatrial.kernel.design import THREADS, Attached, Beside, Database
from seatrial.kernel.platform import ON_DEMAND, ManagedService, Platform, Size
from seatrial.kernel.units import taken
from seatrial.kernel.workload import ServiceKind

FIXED = (*range(1, 17), 20, 24, 32, 48, 64)
RANGES = (
    (0, 4), (0, 16), (1, 2), (1, 4), (1, 8), (2, 4), (2, 6), (2, 12), (2, 24), (3, 6), (3, 12),
    (4, 16), (4, 48), (8, 32),
)  # fmt: skip
"""Replicas that always run and at most; a range is for platforms that follow the load."""

CONCURRENCY = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)
HERE_MAX = 3
"""Replicas that are looked at on the owner's own machine."""

WAITING_THREADS = 4 * THREADS
WAITING = 0.5
"""An app whose processors are busy less than this share of a request can use more threads."""

DATABASE_MIB = (2048, 4096, 8192)
"""Memory of the databases that are looked at: the smallest that keeps a working set beside its
own needs, and the next ones."""

SERVICE_MIB = {"redis": (512, 2048), "mysql": (2048, 4096)}
"""Memory of other services: the smallest that is planned, and a larger one."""


def spaces(asked: Question, machine: Size) -> Iterator[Space]:
    """One space per platform and region of its provider; together, all designs considered.

    `machine` is what one replica gets on this machine; a platform that has no sizes of its own is
    what the user owns, and is looked at with replicas of that size.
    """
    sold = Commitments(asked.catalog)
    offers: dict[tuple[str, str], _Offer] = {}
    for platform in asked.catalog.platforms:
        if not platform.sizes:
            yield _own(asked, platform, machine)
            continue
        for region in regions_of(asked.catalog, platform):
            key = (platform.provider, region)
            if key not in offers:
                offers[key] = _Offer(asked, platform.provider, region)
            yield _space(asked, platform, region, offers[key], sold)


class _Offer:
    """What a provider sells beside computers in a region, found once for its platforms."""

    def __init__(self, asked: Question, provider: str, region: str) -> None:
        self.book, self.provider, self.region = asked.book, provider, region
        self.databases = self._databases(asked)
        wanted = needed(asked.workload)
        kinds: list[ServiceKind] = [kind for kind in wanted if kind != "postgresql"]
        self.slots = tuple(self._alternatives(asked, kind) for kind in kinds)
        # Databases beside PostgreSQL, which a second region has to have copies of.
        self.stores = frozenset(kind for kind in kinds if kind in STORES)
        if any(self.databases):
            kinds.append("postgresql")
        self.services = [
            service for kind in kinds
            if (service := asked.book.service(provider, BOUGHT[kind])) is not None
        ]  # fmt: skip

    def _databases(self, asked: Question) -> tuple[Database | None, ...]:
        """None where the app can do without; then the cheapest sizes, alone and with a standby."""
        wanted = next((s for s in asked.component.services if s.kind == "postgresql"), None)
        if wanted is None:
            return (None,)
        service = self.book.service(self.provider, "postgresql")
        found = [] if service is None else [
            Database(instance=a.size, multi_az=a.options["deployment"] == "multi-az")
            for a in self._sized(service, DATABASE_MIB)
        ]  # fmt: skip
        return (*(() if wanted.required and found else (None,)), *found)

    def _alternatives(self, asked: Question, kind: ServiceKind) -> tuple[Attached | None, ...]:
        """The choices of one service that the app cannot do without; none where none is sold."""
        if kind == "llm":
            return (_language_model(asked),)
        service = self.book.service(self.provider, BOUGHT[kind])
        if service is None:
            return (None,)
        if not service.sizes:
            spare = not used(asked.workload, kind).required
            return (Attached(kind=service.kind, spare=spare),)
        found = self._sized(service, SERVICE_MIB.get(service.kind, (2048,)))
        return tuple(found) or (None,)

    def _sized(self, service: ManagedService, wanted_mib: tuple[int, ...]) -> list[Attached]:
        """For each memory the smallest size with a price, in one zone and in two."""
        deployments = [
            d for d in ("single-az", "multi-az")
            if d in service.choices.get("deployment", ("single-az",))
        ]  # fmt: skip
        # ARM first: where both are sold it is the cheaper one.
        sizes = sorted(
            service.sizes, key=lambda s: (s.memory_mib, s.vcpu, s.arch != "arm64", s.name)
        )
        found: list[Attached] = []
        for least, deployment in itertools.product(wanted_mib, deployments):
            large = [
                Attached(kind=service.kind, size=s.name, options={"deployment": deployment})
                for s in sizes if s.memory_mib >= least
            ]  # fmt: skip
            priced = (o for o in large if _priced(o, service, self.region, self.book))
            # Where nothing has a price, the first stands for all that are missing.
            found += list(itertools.islice(priced, 1)) or large[:1]
        return list({(a.size, *a.options.values()): a for a in found}.values())


def _language_model(asked: Question) -> Attached:
    """The model that the app calls, from any provider: it costs the same wherever the app runs."""
    model = model_of(asked.workload.components, asked.demand.llm, asked.catalog)
    return Attached(kind="llm", options={"model": model})


def _priced(one: Attached, service: ManagedService, region: str, book: PriceBook) -> bool:
    return not any(
        bill_amount(amount, line.provider or service.provider, region, book)[1]
        for line in service.bill
        for amount in service_amounts(line, one, service, ON_DEMAND, Usage())
    )


def _own(asked: Question, platform: Platform, machine: Size) -> Space:
    """What the user owns: replicas of what this machine gives one, with its own services."""
    own = replace(platform, sizes=(machine,))
    (region,) = regions_of(asked.catalog, platform)
    models = "llm" in needed(asked.workload)
    return Space(
        platform=own,
        region=region,
        shapes=shapes_of(own, "x86_64"),
        counts=counts_of(own, tuple(range(1, HERE_MAX + 1))),
        slots=((_language_model(asked),),) if models else (),
        beside={} if own.kind == "machine" else _beside(asked, own, region, {"x86_64"}),
    )


def _beside(
    asked: Question, platform: Platform, region: str, archs: set[Arch]
) -> dict[Arch, tuple[Beside, ...]]:
    return {arch: beside_of(asked, platform, region, arch) for arch in sorted(archs)}


def _space(
    asked: Question, platform: Platform, region: str, offer: _Offer, sold: Commitments
) -> Space:
    shapes = _shapes(asked, platform)
    kinds = frozenset({"postgresql"} if any(offer.databases) else ())
    standby = standby_of(asked.catalog, asked.demand, platform, region, kinds | offer.stores)
    return Space(
        platform=platform,
        region=region,
        shapes=shapes,
        counts=_counts(platform),
        commitments=_commitments(asked, platform, region, offer, sold),
        databases=offer.databases,
        slots=offer.slots if standby is None else (*offer.slots, (None, standby)),
        beside=_beside(asked, platform, region, {shape.arch for shape in shapes}),
    )


def _shapes(asked: Question, platform: Platform) -> tuple[Shape, ...]:
    """All sizes on all processors, without GPUs, each with the processes that make sense.

    Two workers a processor where memory allows, fewer than one where it does not; more threads for
    an app that mostly waits.
    """
    profile = asked.profile
    threads = [THREADS]
    if profile.cpu_ms < WAITING * profile.mean_ms:
        threads.append(WAITING_THREADS)
    found: list[Shape] = []
    for shape in shapes_of(platform):
        if shape.gpus:
            continue
        if platform.kind == "functions":
            found.append(shape)
            continue
        workers = [shape.workers]
        if memory_needed_mib(2 * shape.workers, profile.memory_mib_worker) <= shape.memory_mib:
            workers.append(2 * shape.workers)
        elif memory_needed_mib(shape.workers, profile.memory_mib_worker) > shape.memory_mib:
            free = shape.memory_mib / MEMORY_HEADROOM - RUNTIME_MIB
            workers = [max(1, int(free / profile.memory_mib_worker))]
        found += [
            shape._replace(workers=number, threads=many) for number in workers for many in threads
        ]
    return tuple(found)


def _counts(platform: Platform) -> tuple[Count, ...]:
    """Fixed numbers and, where the platform follows the load, ranges; within its limits."""
    limit = platform.limits.replicas_max
    most = limit.value if limit is not None else 1e9
    if platform.kind == "functions":
        return counts_of(platform, tuple(n for n in CONCURRENCY if n <= most)) or counts_of(
            platform, (1,)
        )
    fixed = counts_of(platform, tuple(n for n in FIXED if n <= most) or (1,))
    if not platform.capabilities.autoscaling:
        return fixed
    servers = platform.kind == "servers"
    return fixed + tuple(
        Count(least, upper, least if servers else 0)
        for least, upper in RANGES
        if upper <= most and least >= platform.limits.replicas_min
        and (least > 0 or (platform.scaling.to_zero and not servers))
    )  # fmt: skip


def _commitments(
    asked: Question, platform: Platform, region: str, offer: _Offer, sold: Commitments
) -> tuple[str, ...]:
    """What the platform and its services are sold under, and pairs of what may be bought."""
    own = sold.of(platform, region)
    beside = sorted({
        terms for service in offer.services for terms in sold.sold(
            service.bill, service.provider, region)
    })  # fmt: skip
    allowed = asked.demand.preferences.commitments
    lines = platform.bill
    pairs = [
        f"{one}+{other}"
        for one in own
        for other in beside
        if one in allowed and other in allowed
        and not any(taken(other, line.commitments) for line in lines)
    ]  # fmt: skip
    return tuple(dict.fromkeys((*own, *beside, *pairs)))
