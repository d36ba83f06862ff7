"""The user's price files: one CSV for each provider, written whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from seatrial.catalog.load import FILE_BYTES_MAX, load
from seatrial.catalog.own import NOTHING_OWN
from seatrial.catalog.rows import COLUMNS, parse_rows
from seatrial.files import read_limited, write_atomic
from seatrial.kernel.errors import StorageError, TransientError
from seatrial.kernel.platform import Price
from seatrial.kernel.units import plain


def file_of(folder: Path, provider: str) -> Path:
    """Where a provider's fetched prices are."""
    return folder / f"{provider}.csv"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other refreshes out; `TransientError` when one is under way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise TransientError(
            "another refresh is under way", where=str(folder), fix="wait for it, then try again"
        ) from None


def read(folder: Path, provider: str) -> tuple[Price, ...]:
    """The provider's fetched prices; none without a file, `CatalogError` when wrong."""
    path = file_of(folder, provider)
    if not path.exists():
        return ()
    return tuple(price for _, price in parse_rows(str(path), read_limited(path, FILE_BYTES_MAX)))


def to_csv(prices: Sequence[Price]) -> bytes:
    """The rows as the loader reads them, in one order."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    ordered = sorted(prices, key=lambda p: (p.service, p.sku, p.region, p.commitment, p.tier_from))
    for price in ordered:
        optional = price.interruption_percent
        writer.writerow(
            (
                price.provider, price.service, price.sku, price.region, price.unit,
                plain(price.tier_from), "" if price.tier_to is None else plain(price.tier_to),
                price.commitment, plain(price.price_usd),
                plain(price.upfront_usd) if price.upfront_usd else "",
                "" if optional is None else plain(optional), price.source, price.as_of,
            )
        )  # fmt: skip
    return text.getvalue().encode()


def write(folder: Path, provider: str, prices: Sequence[Price]) -> Path:
    """Replace the provider's file; what the loader would refuse is not written.

    Raises `CatalogError` for such rows and `StorageError` when the disk does not take them; the
    old file is then as it was.
    """
    data = to_csv(prices)
    if len(data) > FILE_BYTES_MAX:
        raise StorageError(f"{len(data)} bytes of prices are more than can be read back")
    path = file_of(folder, provider)
    with tempfile.TemporaryDirectory() as trial:
        Path(trial, path.name).write_bytes(data)
        load(NOTHING_OWN, Path(trial))
    write_atomic(path, data)
    _sweep(path)
    return path


def _sweep(path: Path) -> None:
    """Remove what a killed write left; nobody else writes here under the lock."""
    for left in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(OSError):
            left.unlink()
