"""One stated design, priced: its size, its bill, what was forgotten, and its years."""

from __future__ import annotations

import difflib
import re
from decimal import Decimal

from msgspec.structs import replace

from seatrial.assessor.forgotten import forgotten
from seatrial.assessor.outlook import Term, years
from seatrial.assessor.price import PriceBook, price
from seatrial.assessor.usage import BYTES_PER_GIB, Usage, load_balancer_units_hours
from seatrial.kernel.assessment import CostLine
from seatrial.kernel.design import Attached, Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import (
    HERE,
    ON_DEMAND,
    SPOT,
    Catalog,
    ManagedService,
    Platform,
    Size,
)
from seatrial.kernel.quote import Quote
from seatrial.kernel.units import COMMITMENT, HOURS_PER_MONTH, plain, term_years
from seatrial.kernel.values import Value

HOME = "us-east-1"
"""Where a design is priced when nobody says where."""


class Asked(Value):
    """What is to be priced: a platform, a size or what it has to hold, and what goes with it."""

    platform: str
    region: str
    vcpu: float = 1.0
    memory_gib: float = 2.0
    size: str = ""
    arch: str = "x86_64"
    replicas: int = 1
    services: tuple[Attached, ...] = ()
    commitment: str = ON_DEMAND
    usage: Usage = Usage()


def quote(asked: Asked, catalog: Catalog, book: PriceBook, term: Term) -> Quote:
    """Price what was asked for, to the line; raises `InputError` for what cannot be bought."""
    platform = known_platform(asked.platform, catalog)
    notes: list[str] = []
    design = design_of(asked, platform, catalog, notes)
    usage = used(asked, design)
    bill = price(design, platform, book, usage)
    _tell_terms(design, bill.lines, notes)
    return Quote(
        design=design,
        platform_name=platform.name,
        lines=bill.lines,
        unpriced=bill.unpriced,
        monthly_usd=bill.monthly_usd,
        upfront_usd=sum((line.upfront_usd for line in bill.lines), Decimal(0)),
        forgotten=forgotten(design, platform, book, bill),
        notes=tuple(notes),
        years=years(design, platform, book, usage, term),
    )


def known_platform(platform_id: str, catalog: Catalog) -> Platform:
    """The platform of that id; raises `InputError` with the nearest one."""
    known = [platform.id for platform in catalog.platforms]
    if platform_id in known:
        return catalog.platform(platform_id)
    nearest = difflib.get_close_matches(platform_id, known, n=1)
    fix = f"did you mean `{nearest[0]}`?" if nearest else f"platforms are: {', '.join(known)}"
    raise InputError(f"there is no platform {platform_id!r}", fix=fix)


def used(asked: Asked, design: Design) -> Usage:
    """The stated usage; replicas' hours and load balancer units follow unless they are stated."""
    stated = asked.usage
    hours = stated.replica_hours_month or design.replicas_min * HOURS_PER_MONTH
    units = stated.load_balancer_units_hours
    if not units and stated.requests_month:
        body = stated.egress_gib_month * BYTES_PER_GIB / stated.requests_month
        rate = stated.requests_month / HOURS_PER_MONTH / 3600
        units = load_balancer_units_hours(float(rate), float(body))
    return replace(stated, replica_hours_month=hours, load_balancer_units_hours=units)


def design_of(asked: Asked, platform: Platform, catalog: Catalog, notes: list[str]) -> Design:
    """The design that was asked for, at the smallest size that holds it."""
    size = size_of(asked, platform)
    if not asked.size and (size.vcpu, size.memory_mib) != (asked.vcpu, asked.memory_gib * 1024):
        notes.append(
            f"{asked.vcpu:g} vCPU and {asked.memory_gib:g} GiB are sold as {size.name}: "
            f"{size.vcpu:g} vCPU, {size.memory_mib / 1024:g} GiB"
        )
    region = region_of(asked, platform, catalog)
    if asked.replicas < platform.limits.replicas_min:
        raise InputError(
            f"{platform.id} runs {platform.limits.replicas_min} replica at least",
            fix=f"say --replicas {platform.limits.replicas_min}",
        )
    check_terms(asked)
    functions = platform.kind == "functions"
    return Design(
        platform=platform.id,
        region=region,
        size=size.name,
        vcpu=size.vcpu,
        memory_mib=size.memory_mib,
        replicas_min=asked.replicas,
        replicas_max=asked.replicas,
        workers=1 if functions else max(1, int(size.vcpu)),
        threads=1,
        servers=asked.replicas if platform.kind == "servers" else 0,
        arch=size.arch or ("arm64" if asked.arch == "arm64" else "x86_64"),
        services=tuple(checked(a, catalog.service(platform.provider, a.kind), notes)
                       for a in asked.services),
        commitment=asked.commitment,
    )  # fmt: skip


def check_terms(asked: Asked) -> None:
    """Raise `InputError` when the commitment or the processor is not understood."""
    if not COMMITMENT.fullmatch(asked.commitment):
        raise InputError(
            f"unknown commitment {asked.commitment!r}",
            fix="use on-demand, spot, reserved-1y-none, savings-plan-3y-all, committed-use-1y ...",
        )
    if asked.arch not in ("any", "x86_64", "arm64"):
        raise InputError(f"unknown processor {asked.arch!r}", fix="use x86_64, arm64 or any")


def size_of(asked: Asked, platform: Platform) -> Size:
    """The size of that name, or the smallest that holds what was asked for."""
    if not platform.sizes:
        memory_mib = int(asked.memory_gib * 1024)
        return Size(name=asked.size or "own", vcpu=asked.vcpu, memory_mib=memory_mib)
    if asked.size:
        by_name = {size.name: size for size in platform.sizes}
        if asked.size not in by_name:
            nearest = difflib.get_close_matches(asked.size, by_name, n=3, cutoff=0.4)
            fix = f"near it: {', '.join(nearest)}" if nearest else f"sizes: {', '.join(by_name)}"
            raise InputError(f"{platform.id} has no size {asked.size!r}", fix=fix)
        return by_name[asked.size]
    holds = [
        size for size in platform.sizes
        if size.memory_mib >= asked.memory_gib * 1024
        and (platform.kind == "functions" or size.vcpu >= asked.vcpu)
        and (asked.arch == "any" or size.arch in (None, asked.arch))
        and not size.gpus
    ]  # fmt: skip
    if not holds:
        largest = max(platform.sizes, key=lambda s: (s.memory_mib, s.vcpu))
        raise InputError(
            f"{platform.id} has no size with {asked.vcpu:g} vCPU and {asked.memory_gib:g} GiB",
            fix=f"the largest is {largest.name}: {largest.vcpu:g} vCPU, "
            f"{largest.memory_mib / 1024:g} GiB; use more replicas or another platform",
        )
    return min(holds, key=lambda s: (s.vcpu, s.memory_mib, s.name))


def region_of(asked: Asked, platform: Platform, catalog: Catalog) -> str:
    """The region that was asked for, or without one the provider's nearest to `HOME`."""
    regions = [region.id for region in catalog.provider(platform.provider).regions]
    if not asked.region or not regions:
        return catalog.near(platform.provider, asked.region or HOME) or asked.region or HERE
    if asked.region in regions:
        return asked.region
    nearest = difflib.get_close_matches(asked.region, regions, n=1)
    known = f"known are: {', '.join(regions)}"
    raise InputError(
        f"{platform.id} has no prices in a region {asked.region!r}",
        fix=f"did you mean `{nearest[0]}`? {known}" if nearest else known,
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
    said = [word] if word != attached.size else []
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
        needed_mib = float(memory.group(1)) * 1024 if memory else 0
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
    if name in service.choices and value not in service.choices[name]:
        raise InputError(
            f"{kind}: {name}={value} is not known",
            fix=f"use one of {', '.join(service.choices[name])}",
        )
    amounts = {line.meter for line in service.bill}
    if name in amounts and not _amount(value):
        raise InputError(f"{kind}: {name}={value} is not an amount", fix="give a number from 0 up")


def _amount(value: str) -> bool:
    try:
        number = Decimal(value)
    except ArithmeticError:
        return False
    return number.is_finite() and 0 <= number <= Decimal("1e15")


def _tell_terms(design: Design, lines: tuple[CostLine, ...], notes: list[str]) -> None:
    """What a commitment or spot capacity means for this design."""
    if design.commitment == SPOT:
        percents = {line.interruption_percent for line in lines if line.commitment == SPOT}
        known = sorted(percent for percent in percents if percent is not None)
        said = " to ".join(f"{plain(p)} %" for p in known) if known else "an unknown share"
        notes.append(f"spot: {said} of this capacity is taken back in a month")
    elif bound := term_years(design.commitment):
        notes.append(
            f"{design.commitment}: {design.replicas_min} replicas are paid for {bound} "
            f"year{'s' if bound > 1 else ''}, used or not; replicas above them are on demand"
        )
