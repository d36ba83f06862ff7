"""Ask the price lists, tell what changed, and keep it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seatrial.catalog.load import load
from seatrial.catalog.refresh import aws, azure, convert, fetch, google, write
from seatrial.catalog.refresh.difference import Change, compare
from seatrial.catalog.refresh.fetch import Limits, Web
from seatrial.catalog.refresh.found import Found
from seatrial.catalog.refresh.sources import PROVIDERS, Want, asks, known, wants
from seatrial.catalog.rows import Key, key
from seatrial.kernel.errors import CatalogError, InputError, SeatrialError
from seatrial.kernel.platform import EVERYWHERE, ON_DEMAND, Catalog, Price
from seatrial.kernel.values import Value

FETCH: Mapping[str, Callable[[Sequence[Want], Sequence[str], Web], Found]] = {
    "aws": aws.fetch,
    "azure": azure.fetch,
    "google": google.fetch,
}


LIMITS = Limits()


class Unusable(Value):
    """An entry of a list that was not taken over, and why; its price stays as it was."""

    service: str
    sku: str
    region: str
    reason: str


class Failure(Value):
    """Why a provider was not refreshed."""

    what: str
    where: str
    fix: str
    exit_code: int


class ProviderRefresh(Value):
    """What came of one provider.

    `rows` are those fetched, `unchanged` the prices among them that are as before; `missing` the
    prices in force whose entry no list has. `written` is the file, empty when none was written.
    """

    provider: str
    rows: int = 0
    unchanged: int = 0
    changes: tuple[Change, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    missing: tuple[str, ...] = ()
    refused: bool = False
    written: str = ""
    skipped: str = ""
    failure: Failure | None = None


class Refresh(Value):
    """What a refresh came to; `dry_run` only looked."""

    folder: str
    dry_run: bool
    accepted: bool
    providers: tuple[ProviderRefresh, ...]

    @property
    def exit_code(self) -> int:
        """2 when a list is wrong, 75 when one is out of reach, 1 when something is refused."""
        codes = {p.failure.exit_code for p in self.providers if p.failure is not None}
        no = any(p.refused or p.unusable for p in self.providers)
        return 2 if 2 in codes else 75 if codes else int(no)


def refresh(
    named: Sequence[str], folder: Path, environ: Mapping[str, str], tell: Callable[[str], None],
    *, accept: bool = False, dry_run: bool = False, limits: Limits = LIMITS,
) -> Refresh:  # fmt: skip
    """Fetch the named providers' prices, all when none is named, and write what may be written.

    Each provider is for itself: one that fails or is refused keeps its old file. When all fail,
    the first failure is raised.
    """
    if wrong := sorted(set(named) - set(PROVIDERS)):
        raise InputError(
            f"there is no price list of {wrong[0]!r}", where="--provider",
            fix=f"name one of {', '.join(PROVIDERS)}",
        )  # fmt: skip
    packaged = load()
    done: list[ProviderRefresh] = []
    errors: list[SeatrialError] = []
    with contextlib.nullcontext() if dry_run else write.locked(folder):
        for provider in [p for p in PROVIDERS if p in named or not named]:
            if provider == "google" and not named and not environ.get(google.KEY):
                skipped = f"no API key in {google.KEY}"
                done.append(ProviderRefresh(provider=provider, skipped=skipped))
                continue
            try:
                done.append(
                    _one(provider, packaged, folder, environ, tell, accept, dry_run, limits)
                )
            except SeatrialError as error:
                errors.append(error)
                failure = Failure(
                    what=error.what, where=error.where, fix=error.fix, exit_code=error.exit_code
                )
                done.append(ProviderRefresh(provider=provider, failure=failure))
    if errors and len(errors) == sum(not one.skipped for one in done):
        raise errors[0]
    return Refresh(folder=str(folder), dry_run=dry_run, accepted=accept, providers=tuple(done))


def _one(
    provider: str, packaged: Catalog, folder: Path, environ: Mapping[str, str],
    tell: Callable[[str], None], accept: bool, dry_run: bool, limits: Limits,
) -> ProviderRefresh:  # fmt: skip
    before = _before(folder, provider, tell)
    fetched_before = {key(price) for price in before}
    in_force = [
        price for price in packaged.prices
        if price.provider == provider and key(price) not in fetched_before
    ]  # fmt: skip
    in_force.extend(before)
    regions = [region.id for p in packaged.providers if p.id == provider for region in p.regions]
    asked = wants(asks(provider), known(packaged, provider))
    if not asked or not regions:
        skipped = "the catalogue has no price of it that a list could answer"
        return ProviderRefresh(provider=provider, skipped=skipped)
    with Web(fetch.home(provider, environ), tell, limits, _headers(provider, environ)) as web:
        found = FETCH[provider](asked, regions, web)
    tell(f"comparing the prices of {provider}")
    rows, unusable = _converted(provider, asked, regions, found, in_force)
    if not rows and not unusable:
        raise CatalogError(
            f"nothing that was asked for is in the lists of {provider}", where=str(web.home),
            fix="the lists' format may have changed: report it; prices in force stay as they are",
        )  # fmt: skip
    # What could not be taken over this time keeps the row that was fetched before.
    left_out = {(one.service, one.sku, one.region) for one in unusable}
    now = {key(price) for price in rows}
    rows += [
        price for price in before
        if (price.service, price.sku, price.region) in left_out and key(price) not in now
    ]  # fmt: skip
    changes = compare(in_force, rows, fetched_before)
    refused = not accept and any(change.refused for change in changes)
    return ProviderRefresh(
        provider=provider,
        rows=len(rows),
        unchanged=len({key(price) for price in rows}) - sum(c.kind != "gone" for c in changes),
        changes=changes,
        unusable=unusable,
        missing=_missing(asked, regions, in_force, rows, unusable),
        refused=refused,
        written="" if refused or dry_run or not rows else str(write.write(folder, provider, rows)),
    )


def _headers(provider: str, environ: Mapping[str, str]) -> dict[str, str]:
    if provider != "google":
        return {}
    secret = environ.get(google.KEY, "").strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise InputError(
            "the Google Cloud price list needs an API key",
            where=f"environment variable {google.KEY}",
            fix="make a key with the Cloud Billing API enabled, and put it there",
        )
    return {"X-Goog-Api-Key": secret}


def _before(folder: Path, provider: str, tell: Callable[[str], None]) -> tuple[Price, ...]:
    """What was fetched before; a file that cannot be read is replaced, not a reason to stop."""
    try:
        return write.read(folder, provider)
    except SeatrialError as error:
        tell(f"the prices fetched before are not used: {error.where}: {error.what}")
        return ()


def _converted(
    provider: str, asked: Sequence[Want], regions: Sequence[str], found: Found,
    in_force: Sequence[Price],
) -> tuple[list[Price], tuple[Unusable, ...]]:  # fmt: skip
    """Rows of ours from what was found, and what could not be taken over."""
    units = {(price.service, price.sku): price.unit for price in in_force}
    rows: list[Price] = []
    unusable: list[Unusable] = []
    for i, want in enumerate(asked):
        for region in want.places(regions):
            entries = [found.get((region, i, j), []) for j in range(len(want.parts))]
            made, reasons = convert.prices(provider, want, region, entries)
            ours = units.get((want.ask.service, want.sku), want.ask.unit)
            if made and ours != want.ask.unit:
                made, reasons = (), (f"is kept per {ours}, and asked for per {want.ask.unit}",)
            rows.extend(made)
            unusable.extend(
                Unusable(service=want.ask.service, sku=want.sku, region=region, reason=reason)
                for reason in reasons
            )
    return rows, tuple(unusable)


def _missing(
    asked: Sequence[Want], regions: Sequence[str], in_force: Sequence[Price],
    rows: Sequence[Price], unusable: Sequence[Unusable],
) -> tuple[str, ...]:  # fmt: skip
    """Prices in force that were asked for and that no list has."""
    now: set[Key] = {key(price) for price in rows}
    wanted = {(want.ask.service, want.sku) for want in asked}
    told = {(one.service, one.sku, one.region) for one in unusable}
    return tuple(
        sorted(
            {
                f"{p.service} {p.sku} {p.region}"
                for p in in_force
                if (p.service, p.sku) in wanted and p.region in (*regions, EVERYWHERE)
                and p.commitment == ON_DEMAND and key(p) not in now
                and (p.service, p.sku, p.region) not in told
            }
        )
    )  # fmt: skip
