"""The Google Cloud Billing catalogue: JSON pages of a service's SKUs, by API key.

`/v1/services/SERVICE/skus` gives `skus` and a `nextPageToken` as long as there is more. A price is
`units` whole dollars plus `nanos` billionths, for one `usageUnit`; tiers start at
`startUsageAmount` of that unit. `displayQuantity` is for showing only.
https://docs.cloud.google.com/billing/v1/how-tos/catalog-api
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from seatrial.catalog.refresh.convert import Entry, Tier
from seatrial.catalog.refresh.fetch import Web, joined
from seatrial.catalog.refresh.found import Found, day, malformed, number
from seatrial.catalog.refresh.sources import Want, filled, holds
from seatrial.kernel.platform import EVERYWHERE

KEY = "SEATRIAL_PRICES_GOOGLE_KEY"
"""Environment variable with the API key; it is sent in a header, never in an address."""

NANO = Decimal(10**9)


class Money(msgspec.Struct, frozen=True, rename="camel"):
    """An amount: whole units, and billionths."""

    currency_code: str
    units: Decimal = Decimal(0)
    nanos: Decimal = Decimal(0)


class Rate(msgspec.Struct, frozen=True, rename="camel"):
    """The price from an amount of use on."""

    unit_price: Money
    start_usage_amount: Decimal = Decimal(0)


class Expression(msgspec.Struct, frozen=True, rename="camel"):
    """What is paid, for what."""

    usage_unit: str
    tiered_rates: tuple[Rate, ...]


class Pricing(msgspec.Struct, frozen=True, rename="camel"):
    """A price and since when it holds."""

    pricing_expression: Expression
    effective_time: str


class Category(msgspec.Struct, frozen=True, rename="camel"):
    """Where a SKU belongs."""

    resource_family: str = ""
    resource_group: str = ""
    usage_type: str = ""


class Sku(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that is sold."""

    sku_id: str
    description: str
    category: Category
    service_regions: tuple[str, ...] = ()
    pricing_info: tuple[Pricing, ...] = ()

    @property
    def attributes(self) -> dict[str, str]:
        """What a mapping can ask for."""
        return {
            "description": self.description,
            "resourceFamily": self.category.resource_family,
            "resourceGroup": self.category.resource_group,
            "usageType": self.category.usage_type,
        }


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """One answer."""

    skus: tuple[Sku, ...] = ()
    next_page_token: str = ""


def fetch(wants: Sequence[Want], regions: Sequence[str], web: Web) -> Found:
    """The entries for all wants in all regions. Raises `CatalogError`, `TransientError`."""
    found: Found = defaultdict(list)
    for service in sorted({want.ask.list for want in wants}):
        asked = [(i, want) for i, want in enumerate(wants) if want.ask.list == service]
        parts = {
            (region, i, j): filled(part, {"region": region})
            for i, want in asked for region in want.places(regions)
            for j, part in enumerate(want.parts)
        }  # fmt: skip
        token, seen = "", set[str]()
        while True:
            page = _page(service, token, web)
            for sku in page.skus:
                attributes = sku.attributes
                for place, part in parts.items():
                    near = place[0] in (EVERYWHERE, *sku.service_regions)
                    if near and holds(part, attributes):
                        found[place].append(entry(sku))
            token = page.next_page_token
            if not token:
                break
            if token in seen or len(seen) >= web.limits.pages_max:
                raise malformed("the pages of the list go in a circle, or never end", service)
            seen.add(token)
    return found


def _page(service: str, token: str, web: Web) -> Page:
    params = {"pageSize": "5000", "currencyCode": "USD"}
    if token:
        params["pageToken"] = token
    url = web.address(f"/v1/services/{service}/skus", params)
    body = web.read(url, f"Google Cloud {service}", joined, web.limits.page_bytes_max)
    try:
        # Whole dollars come as text, being 64 bits; amounts of use as numbers.
        return msgspec.json.decode(body, type=Page)
    except msgspec.DecodeError as error:
        raise malformed(f"not a page of SKUs: {error}", f"{web.home}: {service}") from error


def entry(sku: Sku) -> Entry:
    """What the list says of a SKU now."""
    where = f"SKU {sku.sku_id}"
    if len(sku.pricing_info) != 1:
        raise malformed(f"has {len(sku.pricing_info)} prices at a time", where)
    pricing = sku.pricing_info[0]
    rates = sorted(pricing.pricing_expression.tiered_rates, key=lambda r: r.start_usage_amount)
    if not rates or any(rate.unit_price.currency_code != "USD" for rate in rates):
        raise malformed("has no price in USD", where)
    starts = [number(rate.start_usage_amount, where) for rate in rates]
    amounts = [
        number(rate.unit_price.units, where) + number(rate.unit_price.nanos, where) / NANO
        for rate in rates
    ]
    return Entry(
        id=sku.sku_id,
        unit=pricing.pricing_expression.usage_unit,
        tiers=tuple(
            Tier(start=start, end=end, price_usd=amount)
            for start, end, amount in zip(starts, [*starts[1:], None], amounts, strict=True)
        ),
        source=f"Google Cloud Billing catalogue, SKU {sku.sku_id}",
        as_of=day(pricing.effective_time, where),
    )
