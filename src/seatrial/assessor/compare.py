"""What the same capacity costs everywhere: the cheapest size of every platform and region."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from seatrial.assessor.columns import UNPRICED_MICRO_USD
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.search import prices
from seatrial.assessor.space import (
    ANYWHERE,
    Arch,
    Commitments,
    Shape,
    Space,
    counts_of,
    regions_of,
    shapes_of,
)
from seatrial.assessor.tables import UsageOf
from seatrial.kernel.design import Attached, Database, Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import ON_DEMAND, Catalog, Platform, Size, Status
from seatrial.kernel.units import MIB_PER_GIB
from seatrial.kernel.values import Value


class Offer(Value):
    """The cheapest size of a platform in a region under a commitment, or why there is none.

    `monthly_usd` is none when nothing that fits is priced; `reason` then says what is missing and
    `design` is the smallest that fits, none when nothing does. `sizes_unpriced` sizes that fit
    too could not be compared.
    """

    platform: str
    region: str
    commitment: str
    status: Status = "available"
    design: Design | None = None
    monthly_usd: Decimal | None = None
    sizes_fitting: int = 0
    sizes_unpriced: int = 0
    reason: str = ""


def compare(
    catalog: Catalog,
    vcpu: float,
    memory_mib: int,
    replicas: int,
    usage: UsageOf,
    *,
    arch: Arch | None = None,
    commitments: tuple[str, ...] = (ON_DEMAND,),
    database: Database | None = None,
    services: tuple[Attached, ...] = (),
    regions: tuple[str, ...] = (),
    machine: Size | None = None,
) -> tuple[Offer, ...]:
    """One offer per platform, region and commitment, the cheapest first and unpriced ones last.

    Each replica gets at least `vcpu` and `memory_mib`; where servers are bought it has one of its
    own. `regions` and `arch` narrow the search; `machine` is what a replica gets on the owner's
    machine. A platform without committable prices is listed on demand only. Raises `InputError`
    when less than one replica, or nothing of a size, is asked for.
    """
    if vcpu <= 0 or memory_mib <= 0 or replicas < 1:
        raise InputError(
            f"{replicas} replicas of {vcpu} vCPU and {memory_mib} MiB were asked for",
            fix="ask for at least one replica, and for more than nothing",
        )
    book, sold = PriceBook(catalog), Commitments(catalog)
    offers: list[Offer] = []
    for platform in catalog.platforms:
        for region in regions_of(catalog, platform):
            if regions and region not in (*regions, *ANYWHERE):
                continue
            terms = [c for c in commitments if c == ON_DEMAND or c in sold.of(platform, region)]
            fitting = [
                shape for shape in shapes_of(_with(machine, platform), arch)
                if shape.vcpu >= vcpu and shape.memory_mib >= memory_mib
                and (not shape.replicas_max or replicas <= shape.replicas_max)
            ]  # fmt: skip
            reason = _refusal(platform, fitting, vcpu, memory_mib, replicas)
            if reason or not terms:
                absent = f"nothing is sold under {' or '.join(commitments)} there"
                offers.append(Offer(
                    platform=platform.id, region=region, status=platform.status,
                    commitment=commitments[0], reason=reason or absent,
                ))  # fmt: skip
                continue
            space = Space(
                platform=platform, region=region, shapes=tuple(fitting), commitments=tuple(terms),
                counts=counts_of(platform, (replicas,)), databases=(database,),
                slots=tuple((service,) for service in services),
            )  # fmt: skip
            offers.extend(_offers(space, book, usage))
    return tuple(sorted(offers, key=order))


def _with(machine: Size | None, platform: Platform) -> Platform:
    if machine is None or platform.kind != "machine":
        return platform
    return replace(platform, sizes=(machine,))


def _refusal(
    platform: Platform, fitting: list[Shape], vcpu: float, memory_mib: int, replicas: int
) -> str:
    """Why a platform cannot run this many replicas of this size; empty when it can."""
    most = platform.limits.replicas_max
    if most is not None and replicas > most.value:
        return f"at most {most.value:g} replicas"
    if fitting:
        return ""
    asked = f"{vcpu:g} vCPU and {memory_mib / MIB_PER_GIB:g} GiB"
    return f"no size has {asked}" if platform.sizes else "its size is not known"


def _offers(space: Space, book: PriceBook, usage: UsageOf) -> Iterator[Offer]:
    totals = prices(space, book, usage).micro_usd.reshape(len(space.shapes), -1)
    rest = (0,) * (1 + len(space.slots))
    for number, commitment in enumerate(space.commitments):
        # One shape after another: few, and equal totals keep the order of sizes.
        micros = totals[:, number].tolist()
        known = [m for m in micros if m != UNPRICED_MICRO_USD]
        cheapest = micros.index(min(micros)) if known else _smallest(space)
        design = space.design((cheapest, 0, number, *rest))
        reason = ""
        if not known:
            missing = price(design, space.platform, book, usage(design)).unpriced
            reason = missing[0].reason
            if len(missing) > 1:
                reason += f" (and {len(missing) - 1} more lines)"
        yield Offer(
            platform=space.platform.id, region=space.region, commitment=commitment,
            status=space.platform.status, design=design,
            monthly_usd=Decimal(min(known)).scaleb(-6) if known else None,
            sizes_fitting=len(micros), sizes_unpriced=len(micros) - len(known), reason=reason,
        )  # fmt: skip


def _smallest(space: Space) -> int:
    sizes = [(shape.vcpu, shape.memory_mib) for shape in space.shapes]
    return sizes.index(min(sizes))


def order(offer: Offer) -> tuple[bool, Decimal, str, str, str]:
    """Cheapest first, what has no price last; then by name."""
    total = offer.monthly_usd
    return (total is None, total or Decimal(0), offer.platform, offer.region, offer.commitment)
