"""The prices in force: where fetched ones are kept, how old each is, and fetching newer ones.

Three layers, the later over the earlier: what is packaged, what was fetched since, and what the
user states in a file that nothing here writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs

from seatrial.catalog.load import load
from seatrial.catalog.own import FILE, NOTHING_OWN, Own, read_own
from seatrial.catalog.rows import UNDATED
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import Price
from seatrial.kernel.values import Value

if TYPE_CHECKING:
    from seatrial.catalog.refresh.run import Refresh

FOLDER = "SEATRIAL_PRICES_DIR"
"""Environment variable that names another folder for fetched prices."""

Layer = Literal["packaged", "fetched", "own"]


class InForce(Value):
    """A price that designs are priced with, and from which layer; no age when it has no date."""

    price: Price
    layer: Layer
    age_days: int | None


class PriceList(Value):
    """Prices in force."""

    prices: tuple[InForce, ...]


class ProviderPrices(Value):
    """A provider's prices in force, by layer, with their oldest and newest date."""

    provider: str
    packaged: int
    fetched: int
    own: int
    undated: int
    oldest: str
    newest: str
    fetched_at: str


class PriceStatus(Value):
    """Where fetched prices are kept, and what is in force."""

    folder: str
    own_file: str
    providers: tuple[ProviderPrices, ...]


def folder() -> Path:
    """Where fetched prices are kept, whether or not it exists."""
    stated = os.environ.get(FOLDER, "")
    return Path(stated) if stated else Path(platformdirs.user_data_dir("seatrial")) / "prices"


def refreshed_folder() -> Path | None:
    """The folder of fetched prices for the loader; none when nothing was ever fetched."""
    path = folder()
    return path if path.is_dir() else None


def last_read() -> Path:
    """Where the catalogue is kept as it was last read."""
    return Path(platformdirs.user_cache_dir("seatrial")) / "catalogue"


def in_force(
    app_dir: Path, today: date, *, provider: str = "", service: str = "", region: str = ""
) -> PriceList:
    """The prices in force for an app, filtered; `InputError` when a filter matches nothing."""
    own = own_of(app_dir / FILE)
    packaged, over = set(load().prices), set(own.prices)
    rows = tuple(
        InForce(price=price, layer=_layer(price, packaged, over), age_days=_age(price, today))
        for price in load(Own(prices=own.prices), refreshed_folder()).prices
        if provider in ("", price.provider)
        and service in ("", price.service)
        and region in ("", price.region)
    )
    if not rows:
        asked = " ".join(part for part in (provider, service, region) if part)
        raise InputError(
            f"there is no price of {asked}", where="--provider, --service, --region",
            fix="leave a filter out, and see what there is",
        )  # fmt: skip
    return PriceList(prices=rows)


def status(app_dir: Path, today: date) -> PriceStatus:
    """Folder, counts and dates of the prices in force."""
    rows = in_force(app_dir, today).prices
    own_file = app_dir / FILE
    return PriceStatus(
        folder=str(folder()),
        own_file=str(own_file) if own_file.is_file() else "",
        providers=tuple(
            _summary(name, [row for row in rows if row.price.provider == name])
            for name in sorted({row.price.provider for row in rows})
        ),
    )


def refresh(
    providers: Sequence[str], tell: Callable[[str], None], *, accept: bool, dry_run: bool
) -> Refresh:
    """Fetch newer prices and keep them. Raises as `catalog.refresh.run.refresh` does."""
    # The HTTP client: only who fetches waits for it.
    from seatrial.catalog.refresh.run import refresh

    return refresh(providers, folder(), os.environ, tell, accept=accept, dry_run=dry_run)


def own_of(path: Path) -> Own:
    """What the user states in that file; nothing when there is none."""
    return read_own(path) if path.exists() else NOTHING_OWN


def _layer(price: Price, packaged: set[Price], own: set[Price]) -> Layer:
    return "own" if price in own else "packaged" if price in packaged else "fetched"


def _age(price: Price, today: date) -> int | None:
    return None if price.as_of == UNDATED else (today - date.fromisoformat(price.as_of)).days


def _summary(provider: str, rows: Sequence[InForce]) -> ProviderPrices:
    dates = sorted(row.price.as_of for row in rows if row.age_days is not None)
    path = folder() / f"{provider}.csv"
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.is_file() else None
    return ProviderPrices(
        provider=provider,
        packaged=sum(row.layer == "packaged" for row in rows),
        fetched=sum(row.layer == "fetched" for row in rows),
        own=sum(row.layer == "own" for row in rows),
        undated=len(rows) - len(dates),
        oldest=dates[0] if dates else "",
        newest=dates[-1] if dates else "",
        fetched_at=at.isoformat(timespec="seconds") if at else "",
    )
