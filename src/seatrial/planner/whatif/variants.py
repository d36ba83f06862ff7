"""A design bought or built another way: other terms, another processor, fewer replicas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.beside import beside_of
from seatrial.assessor.space import Commitments, shapes_of
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.design import Design
from seatrial.kernel.platform import ON_DEMAND
from seatrial.planner.whatif.changed import scaled


def terms_of(asked: Question, sold: Commitments, design: Design) -> tuple[str, ...]:
    """Terms that the design's platform is sold under in its region, beside its own."""
    platform = asked.catalog.platform(design.platform)
    return tuple(t for t in sold.of(platform, design.region) if t != design.commitment)


def committed(asked: Question, sold: Commitments, designs: Iterable[Design]) -> Iterator[Design]:
    """Each design as it is, and under every other term that is sold for it."""
    for design in designs:
        yield design
        for terms in terms_of(asked, sold, design):
            yield replace(design, commitment=terms)


def few_of_each(ranked: Iterable[Assessment], most: int) -> tuple[Design, ...]:
    """The first designs of each platform, in their order."""
    kept: dict[str, list[Design]] = {}
    for made in ranked:
        mine = kept.setdefault(made.design.platform, [])
        if len(mine) < most:
            mine.append(made.design)
    return tuple(design for mine in kept.values() for design in mine)


def single(designs: Iterable[Design]) -> tuple[Design, ...]:
    """Each design with one replica and its database, if any, in one zone; no two alike."""
    found: dict[str, Design] = {}
    for design in designs:
        alone = scaled(replace(design, replicas_max=design.replicas_min), 1)
        if alone.database is not None:
            alone = replace(alone, database=replace(alone.database, multi_az=False))
        found[alone.id] = replace(alone, servers=min(alone.servers, 1))
    return tuple(found.values())


def on_arm(asked: Question, design: Design) -> Iterator[Design]:
    """The design on the platform's ARM sizes that have at least as much of everything."""
    platform = asked.catalog.platform(design.platform)
    if design.arch == "arm64":
        return
    beside = beside_of(asked, platform, design.region, "arm64")
    if len(beside) < len(design.beside):
        return
    for shape in shapes_of(platform, "arm64"):
        if shape.gpus or shape.vcpu < design.vcpu or shape.memory_mib < design.memory_mib:
            continue
        if shape.vcpu > 2 * design.vcpu or shape.memory_mib > 2 * design.memory_mib:
            continue
        yield replace(
            design, arch="arm64", size=shape.size, vcpu=shape.vcpu, memory_mib=shape.memory_mib,
            beside=beside,
        )  # fmt: skip


def on_demand(design: Design) -> bool:
    """Whether nothing of the design is committed."""
    return design.commitment == ON_DEMAND
