"""The Azure retail prices: JSON pages that answer a filter.

`/api/retail/prices?$filter=serviceName eq 'X' and armRegionName eq 'R'` gives `Items` and a
`NextPageLink` as long as there is more. `tierMinimumUnits` counts in the item's unit of measure
("10K", "1 GiB Second"). A reservation's `retailPrice` is the whole term's, whatever its unit says.
https://learn.microsoft.com/en-us/rest/api/cost-management/retail-prices/azure-retail-prices

The list has no date of publication: it is live, and true on the day of the answer. Since when a
price holds is in its source.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime

import httpx
import msgspec
from msgspec.structs import replace

from seatrial.catalog.refresh.convert import Entry, Tier
from seatrial.catalog.refresh.fetch import Web, joined
from seatrial.catalog.refresh.found import Found, day, malformed, number
from seatrial.catalog.refresh.sources import Want, holds
from seatrial.kernel.platform import EVERYWHERE, ON_DEMAND

PATH = "/api/retail/prices"
GLOBAL = "Global"
SINGLY_MAX = 8
"""With more sizes than these a region's whole service is fewer answers, and bursts are refused."""
VERSION = "2023-01-01-preview"
MEASURE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMB])?\b\s*/?\s*(.*)")
SCALE = {None: 1, "K": 10**3, "M": 10**6, "B": 10**9}
TERMS = {"1 Year": "reserved-1y-all", "3 Years": "reserved-3y-all"}
SAVINGS = {"1 Year": "savings-plan-1y-none", "3 Years": "savings-plan-3y-none"}


class Saving(msgspec.Struct, frozen=True, rename="camel"):
    """What an item costs under a savings plan, in the item's unit."""

    retail_price: Decimal
    term: str


class Item(msgspec.Struct, frozen=True, rename="camel"):
    """One price of the list, as far as it is looked at."""

    currency_code: str
    tier_minimum_units: Decimal
    retail_price: Decimal
    arm_region_name: str
    meter_id: str
    meter_name: str
    product_name: str
    sku_name: str
    service_name: str
    unit_of_measure: str
    type: str
    effective_start_date: str
    effective_end_date: str | None = None
    arm_sku_name: str | None = ""
    reservation_term: str | None = None
    is_primary_meter_region: bool = True
    savings_plan: tuple[Saving, ...] | None = None

    @property
    def attributes(self) -> dict[str, str]:
        """What a mapping can ask for."""
        return {
            "meterName": self.meter_name, "productName": self.product_name,
            "skuName": self.sku_name, "armSkuName": self.arm_sku_name or "",
        }  # fmt: skip


class Page(msgspec.Struct, frozen=True):
    """One answer."""

    items: tuple[Item, ...] = msgspec.field(name="Items")
    next_page: str | None = msgspec.field(name="NextPageLink", default=None)


def fetch(wants: Sequence[Want], regions: Sequence[str], web: Web) -> Found:
    """The entries for all wants in all regions. Raises `CatalogError`, `TransientError`."""
    found: Found = {}
    answers: dict[str, tuple[list[Item], str]] = {}
    sizes = Counter((want.ask.list, want.ask.sku) for want in wants)
    for i, want in enumerate(wants):
        for region in want.places(regions):
            many = sizes[want.ask.list, want.ask.sku] > SINGLY_MAX
            asked = _filter(want, region, many)
            if asked not in answers:
                what = f"Azure {want.ask.list} {region}" + ("" if many else f" {want.sku}")
                answers[asked] = _items(asked, what, web)
            items, today = answers[asked]
            if entries := listed(items, want, region, today):
                found[region, i, 0] = entries
    return found


def _filter(want: Want, region: str, many: bool) -> str:
    terms = {"serviceName": want.ask.list, "armRegionName": _arm(region)}
    for key, values in want.parts[0].where.items():
        if not many and len(values) == 1 and "*" not in values[0]:
            terms[key] = values[0]
    return " and ".join(f"{key} eq '{_quoted(value)}'" for key, value in terms.items())


def _arm(region: str) -> str:
    return GLOBAL if region == EVERYWHERE else region


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _items(asked: str, what: str, web: Web) -> tuple[list[Item], str]:
    """All items of one question, and the day of the answer."""
    params = {"api-version": VERSION, "currencyCode": "USD", "$filter": asked}
    url = web.address(PATH, params)
    items: list[Item] = []
    seen: set[str] = set()
    while True:
        if str(url) in seen or len(seen) >= web.limits.pages_max:
            raise malformed("the pages of the list go in a circle, or never end", str(web.home))
        seen.add(str(url))
        body, today = web.read(url, what, _dated, web.limits.page_bytes_max)
        try:
            page = msgspec.json.decode(body, type=Page)
        except msgspec.DecodeError as error:
            raise malformed(f"not a page of prices: {error}", f"{web.home}: {asked}") from error
        items.extend(page.items)
        if not page.next_page:
            return items, today
        url = web.address(page.next_page)


def _dated(pieces: object, headers: httpx.Headers) -> tuple[bytes, str]:
    body = joined(pieces)  # type: ignore[arg-type]
    try:
        return body, parsedate_to_datetime(headers["date"]).date().isoformat()
    except (KeyError, ValueError) as error:
        raise malformed("the answer has no date", "header Date") from error


def listed(items: Sequence[Item], want: Want, region: str, today: str) -> list[Entry]:
    """The entries among the items that the want asks for, tiers together."""
    tiers: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        right = item.service_name == want.ask.list and item.arm_region_name == _arm(region)
        commitment = _commitment(item, want.ask.reserved)
        if not right or not commitment or not holds(want.parts[0], item.attributes):
            continue
        where = f"meter {item.meter_id}"
        if item.currency_code != "USD":
            raise malformed(f"is in {item.currency_code!r}, not in USD", where)
        ends = item.effective_end_date
        started = day(item.effective_start_date, where) <= today
        if started and (not ends or day(ends, where) > today):
            tiers[item.meter_id, commitment].append(item)
    # The same meter stands in the list for other regions' use too; the primary one is billed.
    if any(item.is_primary_meter_region for group in tiers.values() for item in group):
        tiers = {
            key: [item for item in group if item.is_primary_meter_region]
            for key, group in tiers.items()
        }
    ordered = sorted(tiers.items())
    entries = [_entry(commitment, group, today) for (_, commitment), group in ordered if group]
    if want.ask.savings:
        for (_, commitment), group in ordered:
            if commitment == ON_DEMAND and len(set(group)) == 1:
                entries.extend(_saved(group[0], today))
    return entries


def _saved(item: Item, today: str) -> list[Entry]:
    """The item under each savings plan that it is sold with."""
    return [
        _entry(SAVINGS[plan.term], [replace(item, retail_price=plan.retail_price)], today)
        for plan in item.savings_plan or ()
        if plan.term in SAVINGS
    ]


def _commitment(item: Item, reserved: bool) -> str:
    if item.type == "Consumption":
        return ON_DEMAND
    if item.type == "Reservation" and reserved:
        return TERMS.get(item.reservation_term or "", "")
    return ""


def _entry(commitment: str, items: list[Item], today: str) -> Entry:
    first = items[0]
    where = f"meter {first.meter_id}"
    units, unit = measure(first.unit_of_measure, where)
    since = max(item.effective_start_date[:10] for item in items)
    whole_term = first.type == "Reservation"
    rows = sorted(
        (number(i.tier_minimum_units, where), number(i.retail_price, where)) for i in set(items)
    )
    tiers = tuple(
        Tier(
            start=start,
            end=rows[at + 1][0] if at + 1 < len(rows) else None,
            price_usd=Decimal(0) if whole_term else price,
        )
        for at, (start, price) in enumerate(rows)
    )
    return Entry(
        id=first.meter_id,
        commitment=commitment,
        unit=unit if len({i.unit_of_measure for i in items}) == 1 else "several units",
        units=units,
        tiers=tiers,
        upfront_usd=rows[0][1] if whole_term else Decimal(0),
        source=f"Azure Retail Prices, meter {first.meter_id}, in force since {since}",
        as_of=today,
    )


def measure(text: str, where: str) -> tuple[Decimal, str]:
    """How many of which unit: "10K" is 10,000 of "", "100 GB/Month" 100 of "GB/Month"."""
    matched = MEASURE.fullmatch(text.strip())
    if matched is None:
        raise malformed(f"unit of measure {text[:40]!r} is not understood", where)
    amount = number(matched.group(1), where) * SCALE[matched.group(2)]
    if amount == 0:
        raise malformed(f"unit of measure {text[:40]!r} is of nothing", where)
    return amount, matched.group(3).strip()
