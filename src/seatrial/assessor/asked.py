"""What a person asks to be priced, made a design: region, size and services, or a refusal."""

from __future__ import annotations

import difflib
import re
from decimal import Decimal

from msgspec.structs import replace

from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.space import Arch, Shape, counts_of, shaped, shapes_of
from seatrial.assessor.usage import (
    BYTES_PER_GIB,
    Usage,
    load_balancer_units_hours,
    surplus_vcpu_hours,
)
from seatrial.kernel.design import Attached, Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import (
    HERE,
    ON_DEMAND,
    Catalog,
    ManagedService,
    Platform,
    Size,
)
from seatrial.kernel.units import COMMITMENT, HOURS_PER_MONTH, MIB_PER_GIB, taken
from seatrial.kernel.values import Value

HOME = "us-east-1"
"""Where a design is priced when nobody says where."""

ARCH: dict[str, Arch | None] = {"x86_64": "x86_64", "arm64": "arm64", "any": None}
"""Processors by what people say; none for whichever is cheaper."""

AMOUNT_MAX = Decimal("1e15")


class Asked(Value):
    """What is to be priced: a platform, a size or what it has to hold, and what goes with it.

    `stated` names what was said of the usage, so that a 0 that was said stays one.
    """

    platform: str
    region: str = ""
    vcpu: float = 1.0
    memory_gib: float = 2.0
    size: str = ""
    arch: str = "x86_64"
    replicas: int = 1
    services: tuple[Attached, ...] = ()
    commitment: str = ON_DEMAND
    usage: Usage = Usage()
    stated: tuple[str, ...] = ()


def known_platform(platform_id: str, catalog: Catalog) -> Platform:
    """The platform of that id; raises `InputError` with the nearest one."""
    known = [platform.id for platform in catalog.platforms]
    if platform_id in known:
        return catalog.platform(platform_id)
    nearest = difflib.get_close_matches(platform_id, known, n=1)
    fix = f"did you mean `{nearest[0]}`?" if nearest else f"platforms are: {', '.join(known)}"
    raise InputError(f"there is no platform {platform_id!r}", fix=fix)


def used(asked: Asked, design: Design, platform: Platform) -> Usage:
    """The stated usage; what follows from it is added where it is not stated itself."""
    usage = asked.usage
    follows: dict[str, Decimal] = {
        "replica_hours_month": design.replicas_min * HOURS_PER_MONTH,
        "load_balancer_units_hours": _units(usage),
        "surplus_vcpu_hours": surplus_vcpu_hours(design, platform, float(usage.cpu_utilisation)),
    }
    return replace(
        usage,
        **{
            name: amount
            for name, amount in follows.items()
            if name not in asked.stated and not getattr(usage, name)
        },
    )


def _units(usage: Usage) -> Decimal:
    """Load balancer units of so many requests, evenly spread."""
    if not usage.requests_month:
        return Decimal(0)
    body = usage.egress_gib_month * BYTES_PER_GIB / usage.requests_month
    return load_balancer_units_hours(
        float(usage.requests_month / HOURS_PER_MONTH / 3600), float(body)
    )


def check_terms(asked: Asked) -> None:
    """Raise `InputError` when the commitment or the processor is not understood."""
    if not all(COMMITMENT.fullmatch(terms) for terms in asked.commitment.split("+")):
        raise InputError(
            f"unknown commitment {asked.commitment!r}",
            fix="use on-demand, spot, reserved-1y-none, savings-plan-3y-all, committed-use-1y ...; "
            "join several with +",
        )
    if asked.arch not in ARCH:
        raise InputError(f"unknown processor {asked.arch!r}", fix="use x86_64, arm64 or any")


def design_of(
    asked: Asked, platform: Platform, catalog: Catalog, book: PriceBook, notes: list[str]
) -> Design:
    """The design that was asked for, at the cheapest size that holds it.

    `notes` gets a sentence for everything that was rounded or chosen. Raises `InputError`, with
    what there is, for what cannot be bought.
    """
    check_terms(asked)
    region = region_of(asked.region, platform, catalog, notes)
    services = tuple(
        checked(service, catalog.service(platform.provider, service.kind), notes)
        for service in asked.services
    )
    shapes = [s for s in shapes_for(asked, platform) if _runs(s, asked.replicas)]
    _check_replicas(asked, platform, shapes)
    (count,) = counts_of(platform, (asked.replicas,))
    designs = [
        shaped(platform, region, shape, count, commitment=asked.commitment, services=services)
        for shape in shapes
    ]
    _check_commitment(asked, platform, designs[0], catalog)
    chosen = designs[0] if len(designs) == 1 else _cheapest(designs, asked, platform, book)
    memory_gib = chosen.memory_mib / MIB_PER_GIB
    if not asked.size and (chosen.vcpu, memory_gib) != (asked.vcpu, asked.memory_gib):
        notes.append(
            f"{asked.vcpu:g} vCPU and {asked.memory_gib:g} GiB are sold as {chosen.size}: "
            f"{chosen.vcpu:g} vCPU, {memory_gib:g} GiB"
        )
    return chosen


def _cheapest(designs: list[Design], asked: Asked, platform: Platform, book: PriceBook) -> Design:
    def cost(design: Design) -> tuple[Decimal, float, int, str]:
        total = price(design, platform, book, used(asked, design, platform)).monthly_usd
        unknown = Decimal("Infinity")
        return (unknown if total is None else total, design.vcpu, design.memory_mib, design.size)

    return min(designs, key=cost)


def shapes_for(asked: Asked, platform: Platform) -> list[Shape]:
    """The size of that name, or all that hold what was asked for."""
    if not platform.sizes:
        memory_mib = int(asked.memory_gib * MIB_PER_GIB)
        own = Size(name=asked.size or "own", vcpu=asked.vcpu, memory_mib=memory_mib)
        return list(shapes_of(replace(platform, sizes=(own,))))[:1]
    if asked.size:
        named = [shape for shape in shapes_of(platform) if shape.size == asked.size]
        if named:
            return [shape for shape in named if shape.arch == asked.arch] or named
        names = [size.name for size in platform.sizes]
        nearest = difflib.get_close_matches(asked.size, names, n=3, cutoff=0.4)
        fix = f"near it: {', '.join(nearest)}" if nearest else f"sizes: {', '.join(names)}"
        raise InputError(f"{platform.id} has no size {asked.size!r}", fix=fix)
    holds = [
        shape for shape in shapes_of(platform, ARCH[asked.arch])
        if shape.memory_mib >= asked.memory_gib * MIB_PER_GIB
        and (platform.kind == "functions" or shape.vcpu >= asked.vcpu)
        and not shape.gpus
    ]  # fmt: skip
    if holds:
        return holds
    largest = max(platform.sizes, key=lambda s: (s.memory_mib, s.vcpu))
    raise InputError(
        f"{platform.id} has no size with {asked.vcpu:g} vCPU and {asked.memory_gib:g} GiB",
        fix=f"the largest is {largest.name}: {largest.vcpu:g} vCPU, "
        f"{largest.memory_mib / MIB_PER_GIB:g} GiB; use more replicas or another platform",
    )


def _runs(shape: Shape, replicas: int) -> bool:
    return not shape.replicas_max or replicas <= shape.replicas_max


def _check_replicas(asked: Asked, platform: Platform, shapes: list[Shape]) -> None:
    fewest, most = platform.limits.replicas_min, platform.limits.replicas_max
    if asked.replicas < fewest:
        raise InputError(
            f"{platform.id} runs {fewest} replica at least", fix=f"say --replicas {fewest}"
        )
    if most is not None and asked.replicas > most.value:
        raise InputError(
            f"{platform.id} runs {most.value:g} replicas at most",
            fix=f"say --replicas {most.value:g}, or take a larger size",
        )
    if not shapes:
        raise InputError(
            f"{asked.size or 'this size'} does not run {asked.replicas} replicas",
            fix="take a larger size, or fewer replicas",
        )


def _check_commitment(asked: Asked, platform: Platform, design: Design, catalog: Catalog) -> None:
    """Each of the terms is one that something of the design can be bought under."""
    services = [catalog.service(platform.provider, a.kind) for a in design.services]
    lines = [*platform.bill, *(line for service in services if service for line in service.bill)]
    families = sorted({family for line in lines for family in line.commitments})
    for terms in asked.commitment.split("+"):
        if terms != ON_DEMAND and not taken(terms, tuple(families)):
            sold = f"sold are: on-demand, {', '.join(families)}" if families else "leave it out"
            raise InputError(f"{platform.id} is not sold under {terms}", fix=sold)


def region_of(wanted: str, platform: Platform, catalog: Catalog, notes: list[str]) -> str:
    """The region that was asked for; another provider's becomes the nearest one here."""
    regions = [region.id for region in catalog.provider(platform.provider).regions]
    if not regions:
        return wanted or HERE
    if wanted in regions:
        return wanted
    near = catalog.near(platform.provider, wanted or HOME)
    if near is not None:
        if wanted:
            notes.append(f"{platform.id} has no region {wanted}: priced in {near}, the nearest")
        return near
    similar = difflib.get_close_matches(wanted, regions, n=1)
    known = f"known are: {', '.join(regions)}"
    raise InputError(
        f"{platform.id} has no prices in a region {wanted!r}",
        fix=f"did you mean `{similar[0]}`? {known}" if similar else known,
    )


def checked(attached: Attached, service: ManagedService | None, notes: list[str]) -> Attached:
    """The service with its size found and its options checked.

    Its word may be a size by name, memory such as `4gib` for the smallest size with so much, or
    nothing for the smallest; a service without sizes takes it as its first option.
    """
    if service is None:
        return attached
    options, word = dict(attached.options), attached.size
    if word and not service.sizes and service.options:
        options = {next(iter(service.options)): word, **options}
        word = ""
    if service.sizes:
        word = _service_size(word, service, attached.kind)
    for name, value in options.items():
        _check_option(attached.kind, service, name, value)
    left = {k: v for k, v in service.options.items() if k not in options}
    said = [word] if word != attached.size and service.sizes else []
    said += [f"{key}={value}" for key, value in left.items() if value not in ("0", "")]
    if said:
        notes.append(f"{attached.kind} ({service.name}) with {', '.join(said)}")
    return Attached(kind=attached.kind, size=word, options=options)


def _service_size(word: str, service: ManagedService, kind: str) -> str:
    names = [size.name for size in service.sizes]
    if word in names:
        return word
    memory = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)gib", word.lower())
    if memory or not word:
        needed_mib = float(memory.group(1)) * MIB_PER_GIB if memory else 0
        holds = [size for size in service.sizes if size.memory_mib >= needed_mib]
        if holds:
            # ARM first: where both are sold it is the cheaper one.
            order = min(holds, key=lambda s: (s.memory_mib, s.vcpu, s.arch != "arm64", s.name))
            return order.name
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.3)
    raise InputError(
        f"{kind}: {service.name} has no size {word!r}",
        fix=f"use one of {', '.join(near or names)}, or memory such as 4gib",
    )


def _check_option(kind: str, service: ManagedService, name: str, value: str) -> None:
    if name not in service.options:
        raise InputError(
            f"{kind}: {service.name} has no option {name!r}",
            fix=f"options are: {', '.join(service.options)}",
        )
    choices = service.choices.get(name, ())
    if choices and value not in choices:
        near = difflib.get_close_matches(value, choices, n=5, cutoff=0.3)
        raise InputError(
            f"{kind}: {name}={value} is not known",
            fix=f"use one of {', '.join(near or choices[:20])}",
        )
    amounts = {line.meter for line in service.bill}
    if name in amounts and not _amount(value):
        raise InputError(f"{kind}: {name}={value} is not an amount", fix="give a number from 0 up")


def _amount(value: str) -> bool:
    try:
        number = Decimal(value)
    except ArithmeticError:
        return False
    return number.is_finite() and 0 <= number <= AMOUNT_MAX
