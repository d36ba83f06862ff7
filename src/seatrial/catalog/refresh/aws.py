"""The AWS price list: a file for each service and region, read row by row.

`/offers/v1.0/aws/OFFER/current/region_index.json` names each region's newest version; the same
address with `.csv` is the list: five rows of metadata, a row of column names, then one row for
each price. A reservation has a row per hour and, when something is paid upfront, a row in
"Quantity". https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import httpx
import msgspec

from seatrial.catalog.refresh.convert import Entry, Tier
from seatrial.catalog.refresh.fetch import Web, joined
from seatrial.catalog.refresh.found import Found, day, malformed, number
from seatrial.catalog.refresh.sources import Part, Want, holds
from seatrial.kernel.platform import ON_DEMAND

LINE_CHARS_MAX = 1 << 20
FORMAT = "v1.0"
UPFRONT = "Quantity"
NEEDED = (
    "sku", "offertermcode", "termtype", "startingrange", "endingrange", "unit", "priceperunit",
    "currency", "usagetype",
)  # fmt: skip
# Usage types start with a code of the region (EU-BoxUsage:t3.small, USE1-Fargate-GB-Hours,
# us-east-1-KMS-Keys), and in us-east-1 often with none. TS-LoadBalancerUsage has no such code.
PREFIX = re.compile(r"^(?:[A-Z]{3}\d-|EU-|[a-z]{2}-[a-z]+-\d-)")
TERMS = {"1yr": "1y", "1 yr": "1y", "3yr": "3y", "3 yr": "3y"}
PAYMENTS = {"no upfront": "none", "partial upfront": "partial", "all upfront": "all"}


class _Region(msgspec.Struct, rename="camel"):
    current_version_url: str


class _Index(msgspec.Struct):
    regions: dict[str, _Region]


class _Line(NamedTuple):
    """One price row that a part asked for."""

    unit: str
    start: Decimal
    end: Decimal | None
    price_usd: Decimal


Lines = dict[tuple[int, int, str, str], list[_Line]]
"""Rows by want, part, the list's SKU and commitment."""


def fetch(wants: Sequence[Want], regions: Sequence[str], web: Web) -> Found:
    """The entries for all wants in all regions. Raises `CatalogError`, `TransientError`."""
    found: Found = {}
    for offer in sorted({want.ask.list for want in wants}):
        asked = {i: want for i, want in enumerate(wants) if want.ask.list == offer}
        url = web.address(f"/offers/v1.0/aws/{offer}/current/region_index.json")
        body = web.read(url, f"AWS {offer} index", joined, web.limits.page_bytes_max)
        try:
            index = msgspec.json.decode(body, type=_Index)
        except msgspec.DecodeError as error:
            raise malformed(f"not a region index: {error}", str(url)) from error
        for region in regions:
            if region not in index.regions:
                continue
            link = index.regions[region].current_version_url
            address = web.address(re.sub(r"\.json$", ".csv", link))
            parse = partial(_parsed, asked, offer, region, str(address))
            entries = web.read(address, f"AWS {offer} {region}", parse, web.limits.bytes_max)
            for (i, j), listed in entries.items():
                found[region, i, j] = listed
    return found


def _parsed(
    asked: dict[int, Want], offer: str, region: str, where: str,
    pieces: Iterator[bytes], _: httpx.Headers,
) -> dict[tuple[int, int], list[Entry]]:  # fmt: skip
    return offered(pieces, asked, offer, region, where)


def offered(
    pieces: Iterator[bytes], asked: dict[int, Want], offer: str, region: str, where: str
) -> dict[tuple[int, int], list[Entry]]:
    """The entries that were asked for in one list; raises `CatalogError` with the line."""
    reader = csv.reader(_lines(pieces, where), strict=True)
    by_usage: dict[str, list[tuple[int, int, Part]]] = defaultdict(list)
    for i, want in asked.items():
        for j, part in enumerate(want.parts):
            for usage in part.usage:
                by_usage[usage].append((i, j, part))
    try:
        stated = _metadata(reader, offer, where)
        columns = {name.casefold(): at for at, name in enumerate(stated.header)}
        if missing := [name for name in NEEDED if name not in columns]:
            raise malformed(f"has no column {missing[0]}", f"{where}:{reader.line_num}")
        lines: Lines = defaultdict(list)
        fees: dict[tuple[int, int, str, str], Decimal] = {}
        usage_at, count = columns["usagetype"], len(stated.header)
        for cells in reader:
            if len(cells) != count:
                place = f"{where}:{reader.line_num}"
                raise malformed(f"{len(cells)} cells instead of {count}", place)
            usage = cells[usage_at]
            parts = by_usage.get(PREFIX.sub("", usage)) or by_usage.get(usage)
            if parts:
                row = {name: cells[at] for name, at in columns.items()}
                _take(row, parts, asked, region, lines, fees, f"{where}:{reader.line_num}")
    except (csv.Error, UnicodeDecodeError) as error:
        raise malformed(f"not CSV: {error}", f"{where}:{reader.line_num}") from error
    return _entries(lines, fees, f"AWS Price List {offer}/{stated.version}/{region}", stated.as_of)


class _Stated(NamedTuple):
    version: str
    as_of: str
    header: list[str]


def _metadata(reader: Iterator[list[str]], offer: str, where: str) -> _Stated:
    told: dict[str, str] = {}
    for cells in reader:
        if cells and cells[0] == "SKU":
            break
        if len(cells) != 2 or len(told) > 20:
            raise malformed("does not start with the rows of a price list", f"{where}:1")
        told[cells[0]] = cells[1]
    else:
        raise malformed("has no row of column names", where)
    if told.get("FormatVersion") != FORMAT or told.get("OfferCode") != offer:
        raise malformed(f"is not the list of {offer} in format {FORMAT}", f"{where}:1")
    as_of = day(told.get("Publication Date", ""), f"{where}:3")
    return _Stated(told.get("Version", ""), as_of, cells)


def _take(
    row: dict[str, str], parts: Iterable[tuple[int, int, Part]], asked: dict[int, Want],
    region: str, lines: Lines, fees: dict[tuple[int, int, str, str], Decimal], where: str,
) -> None:  # fmt: skip
    """Keep the row for each part that it answers."""
    # Local and wavelength zones stand in the file of the region they belong to.
    if row.get("location type", "") not in ("", "AWS Region"):
        return
    if row.get("region code", "") not in ("", region):
        return
    named = {key.casefold(): value for key, value in row.items()}
    for i, j, part in parts:
        ours = Part(
            where={key.casefold(): value for key, value in part.where.items()},
            unless={key.casefold(): value for key, value in part.unless.items()},
            list_unit=part.list_unit,
        )
        commitment = _commitment(row, asked[i].ask.reserved)
        if not commitment or not holds(ours, named):
            continue
        if row["currency"] != "USD":
            raise malformed(f"is in {row['currency']!r}, not in USD", where)
        price = number(row["priceperunit"], where)
        place = (i, j, row["sku"], commitment)
        if commitment != ON_DEMAND and row["unit"] == UPFRONT:
            fees[place] = price
            lines[place] += []
            continue
        end = row["endingrange"]
        lines[place].append(
            _Line(
                unit=row["unit"],
                start=number(row["startingrange"] or "0", where),
                end=None if end in ("Inf", "") else number(end, where),
                price_usd=price,
            )
        )


def _commitment(row: dict[str, str], reserved: bool) -> str:
    """Our word for the row's terms; empty when it is not asked for."""
    if row["termtype"] == "OnDemand":
        return ON_DEMAND
    if not reserved or row["termtype"] != "Reserved":
        return ""
    if row.get("offeringclass", "").casefold() not in ("standard", ""):
        return ""
    years = TERMS.get(row.get("leasecontractlength", "").casefold(), "")
    payment = PAYMENTS.get(row.get("purchaseoption", "").casefold(), "")
    return f"reserved-{years}-{payment}" if years and payment else ""


def _entries(
    lines: Lines, fees: dict[tuple[int, int, str, str], Decimal], source: str, as_of: str
) -> dict[tuple[int, int], list[Entry]]:
    found: dict[tuple[int, int], list[Entry]] = defaultdict(list)
    for (i, j, sku, commitment), rows in sorted(lines.items()):
        if not rows:  # An upfront fee whose hourly row is not there: not understood.
            continue
        units = sorted({row.unit for row in rows})
        tiers = tuple(Tier(start=r.start, end=r.end, price_usd=r.price_usd) for r in rows)
        found[i, j].append(
            Entry(
                id=sku,
                commitment=commitment,
                unit=" and ".join(units),
                tiers=tiers,
                upfront_usd=fees.get((i, j, sku, commitment), Decimal(0)),
                source=f"{source}, SKU {sku}",
                as_of=as_of,
            )
        )
    return found


def _lines(pieces: Iterator[bytes], where: str) -> Iterator[str]:
    """The text's lines, of bounded length."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + decoder.decode(piece)).split("\n")
        if len(rest) > LINE_CHARS_MAX:
            raise malformed(f"a line is longer than {LINE_CHARS_MAX} characters", where)
        for line in whole:
            yield line + "\n"
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
