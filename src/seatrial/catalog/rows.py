"""Price rows: read from CSV, checked one by one and against each other."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from seatrial.catalog.units import UNITS
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import SPOT, Price
from seatrial.kernel.units import COMMITMENT, term_years

COLUMNS = (
    "provider", "service", "sku", "region", "unit", "tier_from", "tier_to", "commitment",
    "price_usd", "upfront_usd", "interruption_percent", "source", "as_of",
)  # fmt: skip

UNDATED = "undated"
"""What `as_of` may say instead of a date, when the source text says so too."""

DIGITS_MAX = 24
"""More digits than any price has; keeps arithmetic on hostile input short and exact."""

Key = tuple[str, str, str, str, str]


def key(price: Price) -> Key:
    """What makes a price: provider, service, sku, region and commitment; tiers share it."""
    return (price.provider, price.service, price.sku, price.region, price.commitment)


def parse_rows(name: str, data: bytes) -> list[tuple[str, Price]]:
    """Rows of one CSV file, each with `file:line`; raises `CatalogError` at the first wrong one."""
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
        return list(_rows(name, reader))
    except UnicodeDecodeError as error:
        raise CatalogError(f"not UTF-8: {error.reason}", where=name, fix="save as UTF-8") from error
    except csv.Error as error:
        where = f"{name}:{reader.line_num}"
        raise CatalogError(f"not CSV: {error}", where=where, fix="check the quotes") from error


def _rows(name: str, reader: Iterable[list[str]]) -> Iterable[tuple[str, Price]]:
    lines = iter(reader)
    header = next(lines, None)
    if header is None or tuple(header) != COLUMNS:
        unknown = sorted(set(header or ()) - set(COLUMNS))
        what = f"unknown column {unknown[0]}" if unknown else "not the columns of a price file"
        raise CatalogError(what, where=f"{name}:1", fix=f"write {','.join(COLUMNS)}")
    for cells in lines:
        where = f"{name}:{getattr(reader, 'line_num', 0)}"
        if len(cells) != len(COLUMNS):
            raise CatalogError(
                f"{len(cells)} cells instead of {len(COLUMNS)}", where=where,
                fix="quote cells that hold a comma",
            )  # fmt: skip
        row = dict(zip(COLUMNS, cells, strict=True))
        price = Price(
            provider=row["provider"], service=row["service"], sku=row["sku"],
            region=row["region"], unit=row["unit"], commitment=row["commitment"],
            source=row["source"], as_of=row["as_of"],
            tier_from=_decimal(where, "tier_from", row["tier_from"]),
            tier_to=_decimal(where, "tier_to", row["tier_to"]) if row["tier_to"] else None,
            price_usd=_decimal(where, "price_usd", row["price_usd"]),
            upfront_usd=_decimal(where, "upfront_usd", row["upfront_usd"] or "0"),
            interruption_percent=_decimal(where, "interruption_percent", percent)
            if (percent := row["interruption_percent"])
            else None,
        )  # fmt: skip
        check_price(where, price)
        yield where, price


def _decimal(where: str, column: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or len(text) > DIGITS_MAX or "e" in text.lower():
        raise CatalogError(
            f"{column} {text[:40]!r} is not a number", where=where, fix="write 0.0416"
        )
    return value


def check_price(where: str, price: Price) -> None:
    """Raise `CatalogError` when the row alone is wrong."""
    for name in ("provider", "service", "sku", "region", "commitment"):
        text = getattr(price, name)
        if not text or text != text.strip():
            what = f"{name} {text!r} is empty or padded"
            raise CatalogError(what, where=where, fix=f"set {name}")
    if price.unit not in UNITS:
        raise CatalogError(
            f"unknown unit {price.unit!r}",
            where=where,
            fix=f"use one of {', '.join(sorted(UNITS))}",
        )
    if not price.price_usd.is_finite() or price.price_usd < 0:
        what = f"price_usd {price.price_usd} is negative"
        raise CatalogError(what, where=where, fix="correct it")
    check_commitment(where, price)
    if price.price_usd == 0 and not price.upfront_usd and "free" not in price.source:
        raise CatalogError(
            "a price of 0 whose source does not say free", where=where,
            fix="leave the row out: what has no price is told as unpriced",
        )  # fmt: skip
    if price.tier_from < 0 or (price.tier_to is not None and price.tier_to <= price.tier_from):
        raise CatalogError(
            f"tier from {price.tier_from} to {price.tier_to} is empty or negative", where=where,
            fix="let tier_from be 0 or more, and tier_to above it or empty",
        )  # fmt: skip
    if complaint := wrong_source(price.source, price.as_of):
        raise CatalogError(complaint, where=where, fix="say where the number is from, and of when")


def check_commitment(where: str, price: Price) -> None:
    """Raise `CatalogError` when the terms of the purchase are not understood."""
    if not COMMITMENT.fullmatch(price.commitment):
        raise CatalogError(
            f"unknown commitment {price.commitment!r}", where=where,
            fix="write on-demand, spot, reserved-1y-partial, savings-plan-3y-none, "
            "committed-use-1y or the like",
        )  # fmt: skip
    if not price.upfront_usd.is_finite() or price.upfront_usd < 0:
        what = f"upfront_usd {price.upfront_usd} is negative"
        raise CatalogError(what, where=where, fix="correct it")
    if price.upfront_usd and (term_years(price.commitment) == 0 or "hour" not in price.unit):
        raise CatalogError(
            "an upfront payment without a term of years, or for something not held by the hour",
            where=where, fix="name the term in commitment, or leave upfront_usd empty",
        )  # fmt: skip
    percent = price.interruption_percent
    if percent is not None and (price.commitment != SPOT or not 0 <= percent <= 100):
        raise CatalogError(
            "interruption_percent outside 0 to 100, or not of a spot price", where=where,
            fix="leave it empty",
        )  # fmt: skip


def wrong_source(source: str, as_of: str) -> str:
    """What is wrong with a number's source and date; empty when nothing is."""
    if not source.strip():
        return "no source"
    if as_of == UNDATED:
        return "" if UNDATED in source else "as_of is undated, and the source does not say so"
    try:
        if date.fromisoformat(as_of).isoformat() == as_of:
            return ""
    except ValueError:
        pass
    return f"as_of {as_of!r} is not a date like 2026-09-29"


def merge(rows: Iterable[tuple[str, Price]], overrides: Iterable[Price]) -> tuple[Price, ...]:
    """All rows in one order that does not depend on theirs; overrides replace their whole key.

    Raises `CatalogError` for tiers that overlap, leave a gap or repeat, and mixed units.
    """
    placed: dict[Key, list[tuple[str, Price]]] = defaultdict(list)
    for where, price in rows:
        placed[key(price)].append((where, price))
    replaced: dict[Key, list[tuple[str, Price]]] = defaultdict(list)
    for price in overrides:
        replaced[key(price)].append((f"override of {price.service} {price.sku}", price))
    merged: list[Price] = []
    for _, group in sorted((placed | replaced).items()):
        group.sort(key=lambda row: row[1].tier_from)
        _check_tiers(group)
        merged.extend(price for _, price in group)
    return tuple(merged)


def _check_tiers(group: list[tuple[str, Price]]) -> None:
    where, first = group[0]
    if first.tier_from != 0:
        raise CatalogError(
            f"the first tier of {first.sku} starts at {first.tier_from}", where=where,
            fix="add the tier from 0",
        )  # fmt: skip
    for (earlier, lower), (where, upper) in pairwise(group):
        if lower.unit != upper.unit:
            raise CatalogError(
                f"priced per {upper.unit}, and per {lower.unit} at {earlier}", where=where,
                fix="use one unit per sku",
            )  # fmt: skip
        if upper.tier_from == lower.tier_from:
            raise CatalogError(f"the same key as {earlier}", where=where, fix="keep one of them")
        if lower.tier_to is None or lower.tier_to > upper.tier_from:
            raise CatalogError(f"overlaps the tier at {earlier}", where=where, fix="cut the tiers")
        if lower.tier_to < upper.tier_from:
            raise CatalogError(
                f"leaves a gap above {lower.tier_to} at {earlier}", where=where, fix="fill it"
            )
