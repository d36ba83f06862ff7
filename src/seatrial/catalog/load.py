"""Read the catalogue: providers/, platforms/, services/ as TOML, prices/ as CSV, strictly.

Data that looks right and is wrong costs money, so everything is refused that is not understood:
unknown keys and units, prices without source or date, overlapping tiers, bill lines that no
price row can ever answer. The message names file, line and fix.
"""

from __future__ import annotations

import functools
import hashlib
import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from seatrial.catalog import kept
from seatrial.catalog.checks import check_bills, wrong
from seatrial.catalog.own import NOTHING_OWN, Own, discounted
from seatrial.catalog.places import line_of
from seatrial.catalog.rows import UNDATED, check_price, key, merge, parse_rows
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import Catalog, ManagedService, Platform, Price, Provider
from seatrial.kernel.values import to_json

FILE_BYTES_MAX = 4 * 1024**2
"""A catalogue file is hand-kept text; anything larger is not one."""

T = TypeVar("T", Provider, Platform, ManagedService)

Files = list[tuple[str, bytes]]
"""Names and bytes, in the order of their names."""


def load(
    own: Own = NOTHING_OWN, refreshed: Path | None = None, last: Path | None = None
) -> Catalog:
    """The packaged catalogue, under what was fetched since and what the user states.

    Rows in `refreshed`, a folder of CSV files, replace packaged rows of the same key; the user's
    `own` prices replace both, and discounts come last. Raises `CatalogError` when data is wrong.
    The file `last` holds what was last read: the very same is taken from there.
    """
    if (own, refreshed, last) == (NOTHING_OWN, None, None):
        return _packaged()
    read = _read(files("seatrial.catalog"), own, refreshed)
    found = None if last is None else kept.find(last, read.digest)
    if found is None:
        found = _made(read, own)
        if last is not None:
            kept.keep(last, read.digest, found)
    return found


@functools.cache
def _packaged() -> Catalog:
    """Read once: what is packaged stays as it is."""
    return _made(_read(files("seatrial.catalog"), NOTHING_OWN, None), NOTHING_OWN)


def load_from(directory: Path, own: Own = NOTHING_OWN) -> Catalog:
    """The catalogue in `directory`, laid out like the packaged one."""
    return _made(_read(directory, own, None), own)


class Read(NamedTuple):
    """All files of a catalogue, and the digest of them and of what the user states."""

    prices: Files
    refreshed: Files
    providers: Files
    platforms: Files
    services: Files
    digest: str


class Text(NamedTuple):
    """One TOML file of the catalogue: its name below the catalogue's root, and its text."""

    name: str
    text: str


def _read(root: Traversable, own: Own, refreshed: Path | None) -> Read:
    prices = list(_files(root, "prices", ".csv"))
    newer: Files = []
    if refreshed is not None and refreshed.is_dir():
        newer = list(_files(refreshed, "", ".csv"))
    providers = list(_files(root, "providers", ".toml"))
    platforms = list(_files(root, "platforms", ".toml"))
    services = list(_files(root, "services", ".toml"))
    hashed = hashlib.sha256(_told([*prices, *newer]))
    hashed.update(to_json(own))
    hashed.update(_told([*providers, *platforms, *services]))
    return Read(prices, newer, providers, platforms, services, hashed.hexdigest())


def _told(read: Files) -> bytes:
    return b"".join(f"{name}\0{len(data)}\0".encode() + data for name, data in read)


def _made(read: Read, own: Own) -> Catalog:
    prices = merge(_rows(read.prices), ())
    if read.refreshed:
        newer = _still_newer([row for _, row in _rows(read.refreshed)], prices)
        prices = merge([("packaged", row) for row in prices], newer)
    for price in own.prices:
        check_price("own prices", price)
    if own.prices:
        prices = merge([("packaged", row) for row in prices], own.prices)
    providers = tuple(_parse(text, Provider) for text in _texts(read.providers))
    texts = _texts(read.platforms)
    platforms = tuple(_expanded(text, _parse(text, Platform), providers) for text in texts)
    offered = _texts(read.services)
    services = tuple(_parse(text, ManagedService) for text in offered)
    check_bills(zip(texts, platforms, strict=True), zip(offered, services, strict=True), prices)
    return Catalog(
        platforms=platforms,
        services=services,
        providers=providers,
        prices=discounted(prices, own.discounts),
        digest=read.digest[:16],
    )


def _still_newer(fetched: list[Price], packaged: tuple[Price, ...]) -> list[Price]:
    """Fetched rows that a later release does not know better: of a later date, in its unit."""
    known = {key(price): price for price in packaged}

    def holds(price: Price) -> bool:
        here = known.get(key(price))
        return here is None or (
            here.unit == price.unit and (here.as_of == UNDATED or here.as_of <= price.as_of)
        )

    return [price for price in fetched if holds(price)]


def _rows(read: Files) -> list[tuple[str, Price]]:
    return [row for name, data in read for row in parse_rows(name, data)]


def _texts(read: Files) -> list[Text]:
    texts = []
    for name, data in read:
        try:
            texts.append(Text(name, data.decode("utf-8")))
        except UnicodeDecodeError as error:
            raise CatalogError(
                f"not UTF-8: {error.reason}", where=name, fix="save as UTF-8"
            ) from error
    return texts


def _files(root: Traversable, folder: str, suffix: str) -> Iterable[tuple[str, bytes]]:
    """Name and bytes of the folder's files in the order of their names."""
    place = root.joinpath(folder) if folder else root
    if not place.is_dir():
        raise CatalogError(f"there is no folder {folder}/", where=str(root), fix="create it")
    found = sorted((f for f in place.iterdir() if f.name.endswith(suffix)), key=lambda f: f.name)
    if not found and folder:
        raise CatalogError(
            f"no {suffix} file in it", where=f"{root}/{folder}", fix=f"put one {suffix} file there"
        )
    for file in found:
        name = f"{folder}/{file.name}" if folder else str(file)
        try:
            with file.open("rb") as stream:
                data = stream.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise CatalogError(f"cannot be read: {error}", where=name) from error
        if len(data) > FILE_BYTES_MAX:
            raise CatalogError(
                f"larger than {FILE_BYTES_MAX} bytes", where=name, fix="split the file"
            )
        yield name, data


def _parse(source: Text, kind: type[T]) -> T:
    name, text = source
    try:
        made = msgspec.convert(tomllib.loads(text), type=kind)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        where = f"{name}:{at.group(1)}" if at else name
        raise CatalogError(f"not TOML: {error}", where=where, fix="correct the syntax") from error
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        where = f"{name}:{line_of(text, path.strip('`'), what)}"
        raise CatalogError(what, where=where, fix="see kernel/platform.py for the keys") from error
    found = wrong(name, made)
    if found is not None:
        key, what = found
        raise CatalogError(what, where=f"{name}:{line_of(text, key)}", fix=f"correct {key[2:]}")
    return made


def _expanded(source: Text, platform: Platform, providers: tuple[Provider, ...]) -> Platform:
    """The platform with the groups of bill lines that it shares with others of its provider."""
    provider = next((p for p in providers if p.id == platform.provider), None)
    if provider is None:
        raise CatalogError(
            f"provider {platform.provider!r} is unknown",
            where=f"{source.name}:{line_of(source.text, '$.provider')}",
            fix=f"add providers/{platform.provider}.toml",
        )
    lines = list(platform.bill)
    for group in platform.bills:
        if group not in provider.bills:
            raise CatalogError(
                f"{provider.name} has no group of bill lines {group!r}",
                where=f"{source.name}:{line_of(source.text, '$.bills')}",
                fix=f"use one of {', '.join(sorted(provider.bills))}",
            )
        lines.extend(provider.bills[group])
    return replace(platform, bill=tuple(lines))
