"""Designs by their names: what a plan prints, read again."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from msgspec.structs import replace

from seatrial.assessor.asked import known_platform
from seatrial.assessor.assess import Question
from seatrial.assessor.beside import beside_of
from seatrial.assessor.recovery import STORES
from seatrial.assessor.services import BOUGHT, needed, used
from seatrial.assessor.space import Arch, Count, Shape, shaped, shapes_of
from seatrial.assessor.standby import lag_s
from seatrial.assessor.tables import POSTGRESQL
from seatrial.kernel.design import Attached, Beside, Database, Design, Standby
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import ON_DEMAND, Catalog, ManagedService, Platform, Size
from seatrial.kernel.units import COMMITMENT

REPLICAS = re.compile(
    r"(?P<size>.+?)x(?P<least>\d{1,9})(-(?P<most>\d{1,9}))?(on(?P<servers>\d{1,9}))?"
    r"(w(?P<workers>\d{1,4}))?(t(?P<threads>\d{1,4}))?"
)
PART = re.compile(r"(?P<component>[^:,]+):(?P<size>.+?)x(?P<replicas>\d{1,4})")
STANDBY = "standby:"
REPLICAS_MAX = 10_000
FORM = "write PLATFORM/REGION/SIZExREPLICAS, such as aws-fargate/us-east-1/1vcpu-2gbx2-6"


def design_named(
    name: str, catalog: Catalog, machine: Size, asked: Question | None = None
) -> Design:
    """The design that a name such as `aws-fargate/us-east-1/1vcpu-2gbx2-6` stands for.

    These are the names that a plan gives its designs; those of apps with workers are read with
    what is `asked`. `machine` is what one replica gets where a platform has no sizes of its own.
    Raises `InputError` with what there is.
    """
    body, arch, terms = _ends(name)
    place = body.split("/", 2)
    first, *extras = place[-1].split("+")
    found = REPLICAS.fullmatch(first)
    if len(place) < 3 or not all(place) or found is None:
        raise InputError(f"{name!r} names no design", fix=FORM)
    platform = known_platform(place[0], catalog)
    _check_region(platform, place[1], catalog)
    if not platform.sizes:
        platform = replace(platform, sizes=(replace(machine, name=found["size"]),))
    shape = _processes(_shape(found["size"], arch, platform), platform, found, name)
    database, services, parts, away = None, [], [], ""
    for number, text in enumerate(extras):
        kind = re.split("[:,]", text, maxsplit=1)[0]
        service = catalog.service(platform.provider, kind)
        if text.startswith(STANDBY):
            away = text.removeprefix(STANDBY)
            _check_region(platform, away, catalog)
            continue
        if service is not None or any(one.kind == kind for one in catalog.services):
            services.append(_service(text, kind, service, asked))
        elif number == 0 and not PART.fullmatch(text):
            database = _database(text, platform, catalog)
        else:
            parts.append(_part(text, shape, platform, place[1], asked))
    made = shaped(
        platform, place[1], shape, _count(found, platform, name), commitment=terms,
        database=database, services=tuple(services),
    )  # fmt: skip
    standby = _standby(away, made, platform, catalog, asked) if away else None
    return replace(made, beside=tuple(parts), standby=standby)


def _ends(name: str) -> tuple[str, Arch, str]:
    """The name without its ends, which are the processor and the terms of the purchase."""
    head, _, last = name.rpartition("/")
    sold = all(COMMITMENT.fullmatch(one) for one in last.split("+"))
    body, terms = (head, last) if sold else (name, ON_DEMAND)
    if body.endswith("/arm64"):
        return body.removesuffix("/arm64"), "arm64", terms
    return body, "x86_64", terms


def _shape(size: str, arch: Arch, platform: Platform) -> Shape:
    shapes = [shape for shape in shapes_of(platform) if shape.size == size]
    for shape in shapes:
        if shape.arch == arch:
            return shape
    # What is sold with one processor need not say so.
    if len(shapes) == 1 and arch == "x86_64":
        return shapes[0]
    if shapes:
        raise InputError(
            f"{platform.id} has no {size} with {arch}", fix=f"it is sold with {shapes[0].arch}"
        )
    raise _unknown(f"{platform.id} has no size {size!r}", size, (s.name for s in platform.sizes))


def _processes(shape: Shape, platform: Platform, found: re.Match[str], name: str) -> Shape:
    """The shape with the workers and threads that the name says, its usual ones otherwise."""
    if found["workers"] is None and found["threads"] is None:
        return shape
    if platform.kind == "functions":
        raise InputError(
            f"{platform.id} gives each request an instance", where=name,
            fix="leave workers and threads out",
        )  # fmt: skip
    workers = int(found["workers"] or shape.workers)
    threads = int(found["threads"] or shape.threads)
    if workers < 1 or threads < 1:
        raise InputError(f"{workers} workers with {threads} threads are none", where=name, fix=FORM)
    return shape._replace(workers=workers, threads=threads)


def _count(found: re.Match[str], platform: Platform, name: str) -> Count:
    least = int(found["least"])
    most = int(found["most"] or least)
    if least > most or most < 1:
        raise InputError(f"{least} to {most} replicas are none", where=name, fix=FORM)
    servers = int(found["servers"] or (least if platform.kind == "servers" else 0))
    if max(most, servers) > REPLICAS_MAX:
        raise InputError(
            f"{max(most, servers):,} replicas are too many to simulate", where=name,
            fix=f"give {REPLICAS_MAX:,} at most",
        )  # fmt: skip
    return Count(least, most, servers)


def _database(text: str, platform: Platform, catalog: Catalog) -> Database:
    instance = text.removesuffix("-multi-az")
    service = catalog.service(platform.provider, POSTGRESQL)
    sizes = [size.name for size in service.sizes] if service else []
    if sizes and instance not in sizes:
        raise _unknown(f"{platform.provider} sells no database {instance!r}", instance, sizes)
    return Database(instance=instance, multi_az=instance != text)


def _service(
    text: str, kind: str, service: ManagedService | None, asked: Question | None
) -> Attached:
    what, *pairs = text.split(",")
    size = what.partition(":")[2]
    options = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if service is not None:
        sizes = [one.name for one in service.sizes]
        if size and size not in sizes:
            raise _unknown(f"{service.name} has no size {size!r}", size, sizes)
        for option in options.keys() - service.options.keys():
            raise _unknown(f"{service.name} has no option {option!r}", option, service.options)
    spare = False
    if asked is not None and not size and kind != "llm":
        word = next((one for one in needed(asked.workload) if BOUGHT[one] == kind), None)
        spare = word is not None and not used(asked.workload, word).required
    return Attached(kind=kind, size=size, options=options, spare=spare)


def _part(
    text: str, shape: Shape, platform: Platform, region: str, asked: Question | None
) -> Beside:
    """A component of the app that runs beside the one that answers."""
    found = PART.fullmatch(text)
    known = () if asked is None else beside_of(asked, platform, region, shape.arch)
    word = found["component"] if found else text
    part = next((one for one in known if one.component == word), None)
    if found is None or part is None:
        names = [one.component for one in known]
        raise _unknown(
            f"{word!r} is no service of {platform.provider}, and no worker of the app", word, names
        )
    size = next((one for one in platform.sizes if one.name == found["size"]), None)
    if size is None:
        names = [one.name for one in platform.sizes]
        raise _unknown(f"{platform.id} has no size {found['size']!r}", found["size"], names)
    replicas = int(found["replicas"])
    return replace(
        part, size=size.name, vcpu=size.vcpu, memory_mib=size.memory_mib, replicas=replicas,
        servers=replicas if part.servers else 0,
    )  # fmt: skip


def _standby(
    region: str, design: Design, platform: Platform, catalog: Catalog, asked: Question | None
) -> Standby:
    """The standby in a region; its copies are as late as those of the app's databases are."""
    kinds = {one.kind for one in design.attached if one.kind in STORES}
    if asked is not None and any(one.kind == POSTGRESQL for one in asked.component.services):
        kinds.add(POSTGRESQL)
    stores = [catalog.service(platform.provider, kind) for kind in sorted(kinds)]
    return Standby(region=region, lag_s=lag_s([store for store in stores if store is not None]))


def _check_region(platform: Platform, region: str, catalog: Catalog) -> None:
    known = [one.id for one in catalog.provider(platform.provider).regions]
    if known and region not in known:
        raise InputError(f"{platform.id} has no region {region!r}", fix=f"use {', '.join(known)}")


def _unknown(what: str, word: str, known: Iterable[str]) -> InputError:
    there = [*known]
    near = difflib.get_close_matches(word, there, n=3, cutoff=0.4) or there[:20]
    return InputError(what, fix=f"there are: {', '.join(near)}" if near else "leave it out")
