"""What to ask the price lists for: our price rows, and the list entries that answer them.

`aws.toml`, `azure.toml` and `google.toml` beside this file hold the mapping. Only rows that the
catalogue knows are asked for, so a mapping never adds what no design can use.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib.resources import files
from itertools import product
from typing import Any

import msgspec
from msgspec.structs import replace

from seatrial.catalog.places import line_of
from seatrial.catalog.units import UNITS
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import EVERYWHERE, ON_DEMAND, Catalog, ManagedService, Platform
from seatrial.kernel.units import COMMITMENT
from seatrial.kernel.values import Value

PROVIDERS = ("aws", "azure", "google")
ARCHITECTURES = ("x86_64", "arm64")

Where = dict[str, tuple[str, ...]]


class Part(Value):
    """One list entry that a price is made of.

    `usage` is AWS's usage type without its region's prefix. `where` names attributes of the entry
    and the values they may have, `*` standing for anything; `unless` texts that an attribute must
    not hold. One of `list_unit` is what the list calls its unit, holding `per` of ours. `times`
    says by sku how many of the entry one unit of ours takes; every sku takes one when empty.
    """

    usage: tuple[str, ...] = ()
    where: Where = {}
    unless: Where = {}
    list_unit: tuple[str, ...]
    per: Decimal = Decimal(1)
    times: dict[str, Decimal] = {}


class Ask(Value):
    """One price of ours, or one kind of prices when `sku` has `{names}`, and where it stands.

    `list` is the AWS offer code, the Azure service name or the Google service id. `reserved` also
    takes the entry's reservations, `savings` its savings plans (of Azure). `drop_free` leaves the
    free tier out, which is a matter of the bill line; `everywhere` is a price that holds in all
    regions (not of AWS).
    """

    list: str
    service: str
    sku: str
    unit: str
    commitment: str = ON_DEMAND
    reserved: bool = False
    savings: bool = False
    drop_free: bool = False
    everywhere: bool = False
    part: tuple[Part, ...]


class AskFile(Value):
    """A mapping file: `[[ask]]` tables."""

    ask: tuple[Ask, ...]


class Want(Value):
    """One sku of ours with its parts; `{region}` in them is filled by who asks."""

    ask: Ask
    sku: str
    parts: tuple[Part, ...]

    def places(self, regions: Sequence[str]) -> Sequence[str]:
        """Where to ask: in all regions, or once for everywhere."""
        return (EVERYWHERE,) if self.ask.everywhere else regions


def asks(provider: str) -> tuple[Ask, ...]:
    """The packaged mapping of a provider."""
    name = f"{provider}.toml"
    return parse(files("seatrial.catalog.refresh").joinpath(name).read_text("utf-8"), name)


def parse(text: str, name: str) -> tuple[Ask, ...]:
    """A mapping from its text; raises `CatalogError` with file, line and fix."""
    try:
        made = msgspec.convert(_tupled(tomllib.loads(text, parse_float=str)), AskFile, strict=False)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"not TOML: {error}", where=name, fix="correct the syntax") from error
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        where = f"{name}:{line_of(text, path.strip('`'), what)}"
        raise CatalogError(what, where=where, fix="see docs/guides/price-lists.md") from error
    for index, ask in enumerate(made.ask):
        if complaint := _wrong(ask):
            where = f"{name}:{line_of(text, f'$.ask[{index}]')}"
            raise CatalogError(complaint, where=where, fix="see docs/guides/price-lists.md")
    return made.ask


def _tupled(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables with single texts made lists, and an ask that is its own only part unfolded."""
    own = ("usage", "where", "unless", "list_unit", "per", "times")
    for ask in tables.get("ask", ()):
        if "part" not in ask:
            ask["part"] = [{key: ask.pop(key) for key in own if key in ask}]
        for part in ask["part"]:
            for key in ("usage", "list_unit"):
                if isinstance(part.get(key), str):
                    part[key] = [part[key]]
            for key in ("where", "unless"):
                listed = part.get(key, {}).items()
                part[key] = {k: [v] if isinstance(v, str) else v for k, v in listed}
    return tables


def _wrong(ask: Ask) -> str:
    if ask.unit not in UNITS:
        return f"unknown unit {ask.unit!r}"
    if not COMMITMENT.fullmatch(ask.commitment):
        return f"unknown commitment {ask.commitment!r}"
    for part in ask.part:
        if not part.usage and not part.where:
            return "a part names neither usage nor where"
        if not part.list_unit or not part.per.is_finite() or part.per <= 0:
            return "a part has no list_unit, or per is not above 0"
    return ""


def wants(asked: Iterable[Ask], known: Mapping[str, set[str]]) -> tuple[Want, ...]:
    """One `Want` for each sku that the catalogue knows (by service) and the mapping answers."""
    found: list[Want] = []
    for ask in asked:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(ask.sku))
        for sku in sorted(known.get(ask.service, ())):
            matched = re.fullmatch(pattern, sku)
            listed = all(not part.times or sku in part.times for part in ask.part)
            if matched and listed:
                parts = tuple(filled(part, matched.groupdict()) for part in ask.part)
                found.append(Want(ask=ask, sku=sku, parts=parts))
    return tuple(found)


def filled(part: Part, names: Mapping[str, str]) -> Part:
    """The part with `{name}` replaced in its usage types and values."""

    def fill(text: str) -> str:
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    return replace(
        part,
        usage=tuple(map(fill, part.usage)),
        where={key: tuple(map(fill, values)) for key, values in part.where.items()},
    )


def holds(part: Part, entry: Mapping[str, str]) -> bool:
    """Whether an entry's attributes are those that the part asks for."""
    for key, patterns in part.where.items():
        if not any(_says(pattern, entry.get(key, "")) for pattern in patterns):
            return False
    return not any(
        text in entry.get(key, "") for key, texts in part.unless.items() for text in texts
    )


def _says(pattern: str, text: str) -> bool:
    return fnmatchcase(text, pattern) if "*" in pattern else text == pattern


def known(catalog: Catalog, provider: str) -> dict[str, set[str]]:
    """The provider's skus by service: those with a price, and those that bills ask for."""
    found: dict[str, set[str]] = {}
    for price in catalog.prices:
        if price.provider == provider:
            found.setdefault(price.service, set()).add(price.sku)
    makers: list[Platform | ManagedService] = [*catalog.platforms, *catalog.services]
    for made in makers:
        for line in made.bill:
            if (line.provider or made.provider) == provider:
                found.setdefault(line.service, set()).update(_skus(line.sku, made))
    return found


def _skus(pattern: str, made: Platform | ManagedService) -> Iterator[str]:
    """The skus a bill line can ask for; none for a name whose values are free text."""
    values: dict[str, tuple[str, ...]] = {"size": tuple(size.name for size in made.sizes)}
    if isinstance(made, Platform):
        values["arch"] = ARCHITECTURES
    else:
        values |= made.choices
    names = list(dict.fromkeys(re.findall(r"\{(\w+)\}", pattern)))
    for chosen in product(*(values.get(name, ()) for name in names)):
        sku = pattern
        for name, value in zip(names, chosen, strict=True):
            sku = sku.replace(f"{{{name}}}", value)
        yield sku
