"""What makes a catalogue file wrong although it has the right shape."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import product
from math import inf
from typing import Protocol

from msgspec.structs import asdict

from seatrial.catalog.places import line_of
from seatrial.catalog.rows import wrong_source
from seatrial.catalog.units import METER_UNITS, UNITS
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import (
    BillLine,
    ManagedService,
    Platform,
    Price,
    Provider,
    Sourced,
)

OWN = "own"
"""The provider of what the user has: its prices come from the user, not from the catalogue."""

STATED = ("scaling", "failure", "capabilities")
"""Tables of a platform whose statements need a reference, key by key."""

ANY_TEXT = ".+"
"""Stands for what a design will fill into a sku."""

Complaint = tuple[str, str]
"""Path of the wrong value (`$.bill[3].free`) and what is wrong with it."""


class Text(Protocol):
    """A file's name and text."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...


def wrong(name: str, made: Provider | Platform | ManagedService) -> Complaint | None:
    """Path and complaint of the first wrong value, none when all is well."""
    if name.rpartition("/")[2] != f"{made.id}.toml":
        return "$.id", f"id {made.id} does not match the file's name"
    if isinstance(made, Provider):
        return _wrong_provider(made)
    checks = [_sizes(made), _bill(made.bill), _numbers(made)]
    if isinstance(made, Platform):
        checks.append(_wrong_platform(made))
    else:
        checks.append(_wrong_service(made))
    if complaint := wrong_source(made.source, made.as_of):
        checks.append(("$.source", complaint))
    return next((found for found in checks if found is not None), None)


def _wrong_provider(provider: Provider) -> Complaint | None:
    seen: set[str] = set()
    for index, region in enumerate(provider.regions):
        if region.id in seen or not re.fullmatch(r"[A-Z]{2}", region.country):
            return f"$.regions[{index}]", f"region {region.id!r}: twice, or no country code"
        seen.add(region.id)
    for group, lines in provider.bills.items():
        if found := _bill(lines) or _meters(lines):
            path = found[0].replace("$.bill[", f"$.bills.{group}[")
            return path, found[1]
    return None


def _sizes(made: Platform | ManagedService) -> Complaint | None:
    seen: set[str] = set()
    for index, size in enumerate(made.sizes):
        positive = 0 < size.vcpu < inf and size.memory_mib > 0 and size.gpus >= 0
        if not positive or not size.name or size.name in seen:
            return f"$.sizes[{index}]", f"size {size.name!r}: twice, or not above zero"
        seen.add(size.name)
    return None


def _bill(lines: tuple[BillLine, ...]) -> Complaint | None:
    for index, line in enumerate(lines):
        for name in ("included", "free", "minimum", "increment"):
            value = getattr(line, name)
            if not value.is_finite() or value < 0:
                return f"$.bill[{index}].{name}", f"{name} is not a number from zero up"
    return None


def _meters(lines: tuple[BillLine, ...]) -> Complaint | None:
    """Lines of a platform read known meters, and fill skus with what a design has."""
    for index, line in enumerate(lines):
        if line.meter not in METER_UNITS:
            return f"$.bill[{index}].meter", f"unknown meter {line.meter!r}"
        for name in re.findall(r"\{(\w*)\}", line.sku):
            if name not in ("size", "family", "arch"):
                known = "{size}, {family} nor {arch}"
                return f"$.bill[{index}].sku", f"{{{name}}} is neither {known}"
    return None


def _wrong_platform(platform: Platform) -> Complaint | None:
    if platform.capabilities.zones < 1 or platform.limits.replicas_min < 0:
        return "$.capabilities.zones", "less than one zone, or negative replicas_min"
    if found := _meters(platform.bill):
        return found
    if not platform.bill and not platform.bills:
        return "$.bill", "no bill line: it would cost nothing, in silence"
    for index, reference in enumerate(platform.references):
        if complaint := wrong_source(reference.source, reference.as_of):
            return f"$.references[{index}]", complaint
    if platform.provider == OWN:
        return None
    referred = {key for reference in platform.references for key in reference.says}
    for table in STATED:
        part = getattr(platform, table)
        for key, value in asdict(part).items():
            default = type(part).__struct_defaults__
            if isinstance(value, Sourced) or value is None or key in referred:
                continue
            if value in (False, "none", "down", (), 0) and default:
                continue  # what a platform cannot do needs no proof
            return f"$.{table}.{key}", f"no reference says {table}.{key}"
    return None


def _wrong_service(service: ManagedService) -> Complaint | None:
    for key, values in service.choices.items():
        if key not in service.options or service.options[key] not in values:
            return f"$.choices.{key}", f"choices of {key!r} without an option and its default"
    if not service.bill:
        return "$.bill", "no bill line: it would cost nothing, in silence"
    for index, line in enumerate(service.bill):
        if line.meter not in service.options and line.meter not in ("hours", "months"):
            return f"$.bill[{index}].meter", f"meter {line.meter!r} is no option of the service"
        if line.meter in service.options and not _amount(service.options[line.meter]):
            return f"$.options.{line.meter}", f"{line.meter} is metered, so its default is a number"
        for name in re.findall(r"\{(\w+)\}", line.sku):
            if name not in service.options and name != "size":
                return f"$.bill[{index}].sku", f"{{{name}}} is no option of the service"
    return None


def _amount(text: str) -> bool:
    """Whether the text is a number from zero up."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and value >= 0


def _numbers(made: Platform | ManagedService) -> Complaint | None:
    """Sourced numbers have a source and lie in their range."""
    for key, said in _sourced(made):
        if not 0 < said.value < inf or ("percent" in key and said.value > 100):
            return key, f"{said.value} is out of range"
        if complaint := wrong_source(said.source, said.as_of):
            return key, complaint
    return None


def _sourced(made: Platform | ManagedService) -> Iterator[tuple[str, Sourced]]:
    levels = made.availability_percent
    if isinstance(levels, dict):
        for key, level in levels.items():
            yield f"$.availability_percent.{key}", level
        if isinstance(made, ManagedService) and made.replica_lag_s is not None:
            yield "$.replica_lag_s", made.replica_lag_s
        return
    for index, level in enumerate(levels):
        yield f"$.availability_percent[{index}]", level
    assert isinstance(made, Platform)
    for table in ("limits", "scaling", "failure", "operations"):
        for key, value in asdict(getattr(made, table)).items():
            if isinstance(value, Sourced):
                yield f"$.{table}.{key}", value


def check_bills(
    platforms: Iterable[tuple[Text, Platform]],
    services: Iterable[tuple[Text, ManagedService]],
    prices: tuple[Price, ...],
) -> None:
    """Every bill line can be answered by some row somewhere, in a unit its meter reads.

    What the user owns is exempt: its price comes from the user.
    """
    rows: dict[tuple[str, str], dict[str, set[str]]] = {}
    for price in prices:
        rows.setdefault((price.provider, price.service), {}).setdefault(price.sku, set()).add(
            price.unit
        )
    services = list(services)
    _check_kinds(services)
    files: list[tuple[Text, Platform | ManagedService]] = [*platforms, *services]
    for source, made in files:
        if made.provider == OWN:
            continue
        for index, line in enumerate(made.bill):
            provider = line.provider or made.provider
            known = rows.get((provider, line.service), {})
            for pattern in _patterns(line, made):
                wrong = _wrong_line(line, provider, pattern, known)
                if wrong is not None:
                    what, fix = wrong
                    raise CatalogError(what, where=_place(source, index), fix=fix)


def _place(source: Text, index: int) -> str:
    """File and line of a bill line; one of a group stands in the provider's file, so here is
    where the group is asked for."""
    listed = len(tomllib.loads(source.text).get("bill", ()))
    path = f"$.bill[{index}].sku" if index < listed else "$.bills"
    return f"{source.name}:{line_of(source.text, path)}"


def _check_kinds(services: Iterable[tuple[Text, ManagedService]]) -> None:
    """A provider offers a kind once: a design names the kind, and no file."""
    seen: dict[tuple[str, str], str] = {}
    for source, service in services:
        key = (service.provider, service.kind)
        if key in seen:
            raise CatalogError(
                f"{service.kind} of {service.provider} is in {seen[key]} already",
                where=f"{source.name}:{line_of(source.text, '$.kind')}",
                fix="make them one service with sizes or choices, or name another kind",
            )
        seen[key] = source.name


def _wrong_line(
    line: BillLine, provider: str, pattern: str, known: dict[str, set[str]]
) -> tuple[str, str] | None:
    """What is wrong with a bill line that asks for such a sku, and how to mend it."""
    if ANY_TEXT in pattern:
        matches = re.compile(pattern).fullmatch
        found = [units for sku, units in known.items() if matches(sku)]
    else:
        found = [known[pattern]] if pattern in known else []
    if not found:
        return (
            f"no region has a price of {line.service} {pattern}",
            f"add a row to prices/{provider}.csv, or correct the sku",
        )
    units = set().union(*found)
    read = METER_UNITS.get(line.meter, UNITS)
    if line.per == "hour":
        read = frozenset(unit for unit in UNITS if "hour" in unit)
    if bad := sorted(units - read):
        return (
            f"{line.service} {pattern} is priced per {bad[0]}, the meter {line.meter} "
            f"reads {' or '.join(sorted(read))}",
            "use another meter, or convert the price",
        )
    return None


def _patterns(line: BillLine, made: Platform | ManagedService) -> list[str]:
    """Skus a line may ask for: one per size and choice; free text stands as a pattern."""
    names = list(dict.fromkeys(re.findall(r"\{(\w+)\}", line.sku)))
    if not names:
        return [line.sku]
    options: list[tuple[str, ...]] = []
    open_ended = False
    for name in names:
        if name == "size" and made.sizes:
            options.append(tuple(size.name for size in made.sizes))
        else:
            # Not every size is sold in every deployment: one of the choices has to be there.
            options.append((ANY_TEXT,))
            open_ended = True
    found = []
    for values in product(*options):
        sku = re.escape(line.sku) if open_ended else line.sku
        for name, value in zip(names, values, strict=True):
            hole = rf"\{{{name}\}}" if open_ended else f"{{{name}}}"
            filled = value if value == ANY_TEXT or not open_ended else re.escape(value)
            sku = sku.replace(hole, filled)
        found.append(sku)
    return found
