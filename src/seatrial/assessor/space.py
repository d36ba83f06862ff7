"""Spaces of designs: what can be chosen on one platform in one region, each choice an axis."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from math import prod
from typing import Literal, NamedTuple

from seatrial.kernel.design import THREADS, Attached, Beside, Database, Design, Standby
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import (
    EVERYWHERE,
    ON_DEMAND,
    BillLine,
    Catalog,
    ManagedService,
    Platform,
    PlatformKind,
    Size,
)
from seatrial.kernel.units import taken
from seatrial.kernel.values import Value

Arch = Literal["x86_64", "arm64"]
Index = tuple[int, ...]

SIZE, REPLICAS, COMMITMENT, DATABASE, SLOTS = range(5)
"""The axes of a space in their order; the slots of managed services start at the last."""

DESIGNS_KEPT = 10_000
"""Of a space, some 10 MB: a search asks for a few thousand of its millions again and again."""

ANYWHERE = ("here",)
"""Region of what runs in no provider's region, such as the owner's machine."""


class Shape(NamedTuple):
    """What one replica is: under which size it is bought, on which processor, and what it gets.

    `replicas_max` limits the replicas of this size, 0 does not.
    """

    size: str
    vcpu: float
    memory_mib: int
    arch: Arch = "x86_64"
    workers: int = 1
    threads: int = THREADS
    replicas_max: int = 0
    gpus: int = 0


class Count(NamedTuple):
    """Replicas that run all day and at most, and the servers bought for them, 0 where none are."""

    replicas_min: int
    replicas_max: int
    servers: int = 0


class Space(Value, dict=True):
    """All designs of one platform in one region: every combination of these choices.

    A slot holds the alternatives of one managed service, or of a standby in another region, none
    among them where the app can do without. An index into a space has one number per axis: shape,
    count, commitment, database, then one per slot. `beside` are the other components, by the
    processor of the shape.
    """

    platform: Platform
    region: str
    shapes: tuple[Shape, ...]
    counts: tuple[Count, ...]
    commitments: tuple[str, ...] = (ON_DEMAND,)
    databases: tuple[Database | None, ...] = (None,)
    slots: tuple[tuple[Attached | Standby | None, ...], ...] = ()
    beside: dict[Arch, tuple[Beside, ...]] = {}

    def __post_init__(self) -> None:
        choices = (self.shapes, self.counts, self.commitments, self.databases, *self.slots)
        for number, axis in enumerate(choices):
            if not axis:
                raise InputError(
                    f"axis {number} of the space has nothing to choose from",
                    where=f"{self.platform.id} in {self.region}",
                    fix="give every axis a choice; no service is the choice none",
                )

    @cached_property
    def axes(self) -> tuple[int, ...]:
        """How many choices each axis has."""
        fixed = (self.shapes, self.counts, self.commitments, self.databases)
        return tuple(len(axis) for axis in (*fixed, *self.slots))

    @property
    def cells(self) -> int:
        """How many designs the space holds."""
        return prod(self.axes)

    def design(self, index: Index) -> Design:
        """The design at an index, complete, so that `price` can be asked for it."""
        made = self._designs.get(index)
        if made is None:
            made = self._design(index)
            if len(self._designs) < DESIGNS_KEPT:
                self._designs[index] = made
        return made

    @cached_property
    def _designs(self) -> dict[Index, Design]:
        """Those that were asked for: each rule asks for many that another asked for before."""
        return {}

    def _design(self, index: Index) -> Design:
        shape, count = self.shapes[index[SIZE]], self.counts[index[REPLICAS]]
        services, standby = self._chosen(index[SLOTS:])
        return shaped(
            self.platform,
            self.region,
            shape,
            count,
            commitment=self.commitments[index[COMMITMENT]],
            database=self.databases[index[DATABASE]],
            services=services,
            standby=standby,
            beside=self.beside.get(shape.arch, ()),
        )

    def _chosen(self, index: Index) -> tuple[tuple[Attached, ...], Standby | None]:
        """What the slots hold at the end of an index."""
        made = self._slots.get(index)
        if made is None:
            held = [slot[at] for slot, at in zip(self.slots, index, strict=True)]
            made = self._slots[index] = (
                tuple(one for one in held if isinstance(one, Attached)),
                next((one for one in held if isinstance(one, Standby)), None),
            )
        return made

    @cached_property
    def _slots(self) -> dict[Index, tuple[tuple[Attached, ...], Standby | None]]:
        """What `_chosen` found."""
        return {}


def shaped(
    platform: Platform,
    region: str,
    shape: Shape,
    count: Count,
    *,
    commitment: str = ON_DEMAND,
    database: Database | None = None,
    services: tuple[Attached, ...] = (),
    beside: tuple[Beside, ...] = (),
    standby: Standby | None = None,
) -> Design:
    """The design of so many replicas of a shape."""
    return Design(
        platform=platform.id,
        region=region,
        size=shape.size,
        vcpu=shape.vcpu,
        memory_mib=shape.memory_mib,
        arch=shape.arch,
        workers=shape.workers,
        threads=shape.threads,
        replicas_min=count.replicas_min,
        replicas_max=count.replicas_max,
        servers=count.servers,
        commitment=commitment,
        database=database,
        services=services,
        beside=beside,
        standby=standby,
    )


def shapes_of(platform: Platform, arch: Arch | None = None) -> tuple[Shape, ...]:
    """Every size of a platform on every processor it is sold with, or on `arch` only.

    One worker per whole vCPU, as a Python worker computes on one at a time; an instance of a
    functions platform works on one request at a time.
    """
    return tuple(
        Shape(
            size.name,
            size.vcpu,
            size.memory_mib,
            processor,
            *_processes(platform.kind, size),
            size.replicas_max,
            size.gpus,
        )
        for size in platform.sizes
        for processor in _archs(platform, size)
        if arch in (None, processor)
    )


def _archs(platform: Platform, size: Size) -> tuple[Arch, ...]:
    if size.arch is not None:
        return (size.arch,)
    return ("x86_64", "arm64") if platform.capabilities.arm else ("x86_64",)


def _processes(kind: PlatformKind, size: Size) -> tuple[int, int]:
    return (1, 1) if kind == "functions" else (max(1, int(size.vcpu)), THREADS)


def counts_of(platform: Platform, replicas: tuple[int, ...]) -> tuple[Count, ...]:
    """Fixed numbers of replicas; each has a server of its own where servers are bought."""
    servers = platform.kind == "servers"
    return tuple(Count(number, number, number if servers else 0) for number in replicas)


def regions_of(catalog: Catalog, platform: Platform) -> tuple[str, ...]:
    """The regions a platform's provider has."""
    return tuple(r.id for r in catalog.provider(platform.provider).regions) or ANYWHERE


def alternatives(service: ManagedService) -> Iterator[Attached]:
    """A service in every size and with every choice of its options; amounts at their defaults."""
    named = list(service.choices)
    for size in [size.name for size in service.sizes] or [""]:
        for values in itertools.product(*service.choices.values()):
            options = dict(zip(named, values, strict=True))
            yield Attached(kind=service.kind, size=size, options=options)


class Commitments:
    """Which commitments are sold where, found once for all spaces of a catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._sold: dict[tuple[str, str, str], set[str]] = {}
        for row in catalog.prices:
            if row.commitment != ON_DEMAND:
                key = (row.provider, row.service, row.region)
                self._sold.setdefault(key, set()).add(row.commitment)

    def of(self, platform: Platform, region: str) -> tuple[str, ...]:
        """On demand, then what any line of the platform is sold under there."""
        return (ON_DEMAND, *sorted(self.sold(platform.bill, platform.provider, region)))

    def sold(self, bill: tuple[BillLine, ...], provider: str, region: str) -> set[str]:
        """The terms beside on demand that any line of a bill is sold under there."""
        found: set[str] = set()
        for line in bill:
            for place in (region, EVERYWHERE):
                sold = self._sold.get((line.provider or provider, line.service, place), set())
                found |= {terms for terms in sold if taken(terms, line.commitments)}
        return found
