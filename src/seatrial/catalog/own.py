"""What the user states: prices of their own, negotiated ones, and discounts.

They live in a file of the user's that nothing here ever writes, and win over every other price.
"""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import asdict, replace

from seatrial.catalog.places import line_of
from seatrial.catalog.rows import DIGITS_MAX, check_price, merge, wrong_source
from seatrial.files import read_limited
from seatrial.kernel.demand import MachineSettings
from seatrial.kernel.errors import CatalogError
from seatrial.kernel.platform import EVERYWHERE, Price
from seatrial.kernel.values import Value

FILE = "seatrial.prices.toml"
LIMIT_BYTES = 1024**2

ANY = "*"


class Discount(Value):
    """So many percent off: of one sku, of a service, or of everything a provider sells."""

    provider: str
    service: str = ANY
    sku: str = ANY
    percent: Decimal
    source: str
    as_of: str

    def holds_for(self, price: Price) -> bool:
        """Whether the price is one that the discount is given on."""
        return (
            self.provider == price.provider
            and self.service in (ANY, price.service)
            and self.sku in (ANY, price.sku)
        )


class Own(Value):
    """The user's prices and discounts."""

    prices: tuple[Price, ...] = ()
    discounts: tuple[Discount, ...] = ()


class OwnFile(Value):
    """`seatrial.prices.toml` as written: tables `[[price]]` and `[[discount]]`."""

    price: tuple[Price, ...] = ()
    discount: tuple[Discount, ...] = ()


NOTHING_OWN = Own()


def read_own(path: Path) -> Own:
    """The user's file; raises `CatalogError` with file, line and fix when it is wrong."""
    try:
        text = read_limited(path, LIMIT_BYTES).decode("utf-8")
        # Floats as their text, so that 0.1 stays 0.1.
        made = msgspec.convert(tomllib.loads(text, parse_float=str), OwnFile, strict=False)
    except UnicodeDecodeError as error:
        raise CatalogError(
            f"not UTF-8: {error.reason}", where=str(path), fix="save as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        where = f"{path}:{at.group(1)}" if at else str(path)
        raise CatalogError(f"not TOML: {error}", where=where, fix="see docs/settings.md") from error
    except msgspec.ValidationError as error:
        what, _, path_in_file = str(error).partition(" - at ")
        where = f"{path}:{line_of(text, path_in_file.strip('`'), what)}"
        raise CatalogError(what, where=where, fix="see docs/settings.md") from error
    placed = [
        (f"{path}:{line_of(text, f'$.price[{index}]')}", price)
        for index, price in enumerate(made.price)
    ]
    for where, price in placed:
        _check_digits(where, price)
        check_price(where, price)
    merge(placed, ())
    for index, discount in enumerate(made.discount):
        where = f"{path}:{line_of(text, f'$.discount[{index}]')}"
        _check_digits(where, discount)
        complaint = wrong_source(discount.source, discount.as_of)
        if not 0 < discount.percent < 100:
            complaint = f"percent {discount.percent} is not above 0 and below 100"
        if complaint:
            raise CatalogError(complaint, where=where, fix="correct the [[discount]]")
    return Own(prices=made.price, discounts=made.discount)


def _check_digits(where: str, said: Price | Discount) -> None:
    """Numbers are finite, and no longer than any price: then arithmetic on them stays exact."""
    for name, value in asdict(said).items():
        if isinstance(value, Decimal) and (not value.is_finite() or len(f"{value}") > DIGITS_MAX):
            raise CatalogError(
                f"{name} {str(value)[:40]!r} is not a number", where=where, fix="write 0.0416"
            )


def machine(stated: MachineSettings) -> tuple[Price, ...]:
    """The price of this machine; none when its owner states none."""
    if stated.cost_usd_month is None:
        return ()
    return (
        Price(
            provider="own",
            service="this-machine",
            sku="own-machine",
            region=EVERYWHERE,
            unit="month",
            price_usd=stated.cost_usd_month,
            source="seatrial.toml [machine] cost_usd_month",
            as_of=stated.cost_as_of,
        ),
    )


def discounted(prices: tuple[Price, ...], discounts: tuple[Discount, ...]) -> tuple[Price, ...]:
    """The prices less every discount that holds for them, each named in the source.

    Raises `CatalogError` for a discount that holds for nothing: that is a name written wrongly.
    """
    for discount in discounts:
        if not any(discount.holds_for(price) for price in prices):
            raise CatalogError(
                f"the discount on {discount.provider} {discount.service} {discount.sku} "
                "holds for no price",
                where=FILE,
                fix="name provider, service and sku as the catalogue's price rows do",
            )
    return tuple(_less(price, discounts) for price in prices)


def _less(price: Price, discounts: tuple[Discount, ...]) -> Price:
    for discount in discounts:
        if discount.holds_for(price):
            left = 1 - discount.percent / 100
            price = replace(
                price,
                price_usd=price.price_usd * left,
                upfront_usd=price.upfront_usd * left,
                source=f"{price.source}; less {discount.percent:f} % "
                f"({discount.source}, {discount.as_of})",
            )
    return price
