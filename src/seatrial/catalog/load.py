"""Read the catalogue: platforms/*.toml and prices/*.csv, strictly.

Data that looks right and is wrong costs money, so everything is refused that is not understood:
unknown keys and units, prices without source or date, overlapping tiers, bill lines that no
price row can ever answer. The message names file, line and fix.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import msgspec

from seatrial.catalog.rows import check_price, merge, parse_rows, wrong_source
from seatrial.catalog.units import METER_UNITS
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import EVERYWHERE, BillLine, Catalog, Platform, Price, Sourced
from seatrial.kernel.values import to_json

FILE_BYTES_MAX = 4 * 1024**2
"""A catalogue file is hand-kept text; anything larger is not one."""


def load(overrides: tuple[Price, ...] = ()) -> Catalog:
    """The packaged catalogue, with `overrides` in place of the rows of the same key.

    Raises `CatalogError` when the data or an override is wrong.
    """
    return _load(files("seatrial.catalog"), overrides)


def load_from(directory: Path, overrides: tuple[Price, ...] = ()) -> Catalog:
    """The catalogue in `directory`, laid out like the packaged one: platforms/, prices/."""
    return _load(directory, overrides)


def own_prices(machine: MachineSettings) -> tuple[Price, ...]:
    """Overrides for `load`: what the owner states for this machine; none when nothing is."""
    if machine.cost_usd_month is None:
        return ()
    return (
        Price(
            provider="own",
            service="this-machine",
            sku="own-machine",
            region=EVERYWHERE,
            unit="month",
            price_usd=machine.cost_usd_month,
            source="seatrial.toml [machine] cost_usd_month",
            as_of=machine.cost_as_of,
        ),
    )


def _load(root: Traversable, overrides: tuple[Price, ...]) -> Catalog:
    hashed = hashlib.sha256()
    rows: list[tuple[str, Price]] = []
    for name, data in _read(root, "prices", ".csv"):
        hashed.update(f"{name}\0{len(data)}\0".encode() + data)
        rows.extend(parse_rows(name, data))
    texts = []
    for name, data in _read(root, "platforms", ".toml"):
        hashed.update(f"{name}\0{len(data)}\0".encode() + data)
        texts.append((name, _text(name, data)))
    for price in overrides:
        check_price("override", price)
        hashed.update(to_json(price))
    prices = merge(rows, overrides)
    platforms = tuple(_platform(name, text) for name, text in texts)
    for platform, (name, text) in zip(platforms, texts, strict=True):
        _check_bill(name, text, platform, prices)
    return Catalog(platforms=platforms, prices=prices, digest=hashed.hexdigest()[:16])


def _read(root: Traversable, folder: str, suffix: str) -> Iterable[tuple[str, bytes]]:
    """Name and bytes of the folder's files in the order of their names."""
    place = root.joinpath(folder)
    if not place.is_dir():
        raise CatalogError(f"there is no folder {folder}/", where=str(root), fix="create it")
    found = sorted((f for f in place.iterdir() if f.name.endswith(suffix)), key=lambda f: f.name)
    if not found:
        raise CatalogError(
            f"no {suffix} file in it", where=f"{root}/{folder}", fix=f"put one {suffix} file there"
        )
    for file in found:
        name = f"{folder}/{file.name}"
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


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CatalogError(f"not UTF-8: {error.reason}", where=name, fix="save as UTF-8") from error


def _platform(name: str, text: str) -> Platform:
    try:
        platform = msgspec.convert(tomllib.loads(text), type=Platform)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        where = f"{name}:{at.group(1)}" if at else name
        raise CatalogError(f"not TOML: {error}", where=where, fix="correct the syntax") from error
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        where = f"{name}:{_line(text, path.strip('`'), what)}"
        raise CatalogError(what, where=where, fix="see kernel/platform.py for the keys") from error
    wrong = _wrong(name, platform)
    if wrong is not None:
        key, what = wrong
        raise CatalogError(what, where=f"{name}:{_line(text, key, '')}", fix=f"correct {key[2:]}")
    return platform


def _wrong(name: str, platform: Platform) -> tuple[str, str] | None:
    """Path and complaint of the first wrong value, none when all is well."""
    if name != f"platforms/{platform.id}.toml":
        return "$.id", f"id {platform.id} does not match the file's name"
    seen: set[str] = set()
    for index, size in enumerate(platform.sizes):
        if size.vcpu <= 0 or size.memory_mib <= 0 or not size.name or size.name in seen:
            return f"$.sizes[{index}]", f"size {size.name!r}: twice, or not above zero"
        seen.add(size.name)
    if platform.capabilities.zones < 1 or platform.limits.replicas_min < 0:
        return "$.capabilities.zones", "less than one zone, or negative replicas_min"
    for index, line in enumerate(platform.bill):
        if not line.free.is_finite() or line.free < 0:
            return f"$.bill[{index}].free", "free is not a number from zero up"
    for key, said in _sourced(platform):
        if not (0 < said.value <= (100 if "percent" in key else float("inf"))):
            return key, f"{said.value} is out of range"
        if complaint := wrong_source(said.source, said.as_of):
            return key, complaint
    complaint = wrong_source(platform.source, platform.as_of)
    return ("$.source", complaint) if complaint else None


def _sourced(platform: Platform) -> Iterable[tuple[str, Sourced]]:
    for index, level in enumerate(platform.availability_percent):
        yield f"$.availability_percent[{index}]", level
    for name in ("database_single_az_percent", "database_multi_az_percent"):
        if (level := getattr(platform, name)) is not None:
            yield f"$.{name}", level
    for name in ("request_s", "payload_mib", "replicas_max", "image_gib"):
        if (limit := getattr(platform.limits, name)) is not None:
            yield f"$.limits.{name}", limit


def _check_bill(name: str, text: str, platform: Platform, prices: tuple[Price, ...]) -> None:
    """Every bill line can be answered by some row somewhere, in a unit its meter reads.

    The owner's own machine is exempt: its price is an override.
    """
    if platform.kind == "machine":
        return
    for index, line in enumerate(platform.bill):
        where = f"{name}:{_line(text, f'$.bill[{index}].sku', '')}"
        for pattern in _patterns(line, platform):
            rows = [
                p for p in prices
                if (p.provider, p.service) == (platform.provider, line.service)
                and re.fullmatch(pattern, p.sku)
            ]  # fmt: skip
            if not rows:
                raise CatalogError(
                    f"no region has a price of {line.service} {pattern}", where=where,
                    fix=f"add a row to prices/{platform.provider}.csv, or correct the sku",
                )  # fmt: skip
            bad = sorted({p.unit for p in rows} - METER_UNITS[line.meter])
            if bad:
                raise CatalogError(
                    f"{line.service} {pattern} is priced per {bad[0]}, the meter {line.meter} "
                    f"reads {' or '.join(sorted(METER_UNITS[line.meter]))}", where=where,
                    fix="use another meter, or convert the price",
                )  # fmt: skip


def _patterns(line: BillLine, platform: Platform) -> list[str]:
    """Regular expressions of the skus a line may ask for: one per size, or one for all."""
    sku = re.escape(line.sku).replace(r"\{deployment\}", "(single|multi)-az")
    sku = re.sub(r"\\\{(database|commitment)\\\}", "[^/]+", sku)
    if r"\{size\}" not in sku:
        return [sku]
    return [sku.replace(r"\{size\}", re.escape(size.name)) for size in platform.sizes]


def _line(text: str, path: str, what: str) -> int:
    """Line of a value in a TOML text, by its path (`$.bill[3].meter`); the nearest known one.

    An unknown key is named in `what`, not in the path, so it is looked for as well.
    """
    lines = text.splitlines()
    start, stop = 0, len(lines)
    keys = re.findall(r"([a-z_]+)(?:\[(\d+)\])?", path.removeprefix("$"))
    unknown = re.search(r"unknown field `(\w+)`", what)
    if unknown:
        keys.append((unknown.group(1), ""))
    section = ""
    for key, index in keys:
        section = f"{section}.{key}" if section else key
        if index and (at := _nth(lines, f"[[{section}]]", int(index))) is not None:
            start = at
            stop = _nth(lines, "[", 0, at + 1) or len(lines)
        elif (at := _nth(lines, f"[{section}]", 0)) is not None:
            start, stop = at, _nth(lines, "[", 0, at + 1) or len(lines)
        elif (at := _assigned(lines, key, start, stop)) is not None:
            start = at if not index else (_nth(lines, "{", int(index), at) or at)
            stop = start + 1 if index else stop
    return start + 1


def _nth(lines: list[str], opening: str, count: int, start: int = 0) -> int | None:
    """Index of the `count`-th line from `start` that begins with `opening`."""
    for at in range(start, len(lines)):
        if lines[at].strip().startswith(opening):
            if count == 0:
                return at
            count -= 1
    return None


def _assigned(lines: list[str], key: str, start: int, stop: int) -> int | None:
    for at in range(start, min(stop, len(lines))):
        if re.match(rf"\s*{key}\s*=", lines[at]):
            return at
    return None
