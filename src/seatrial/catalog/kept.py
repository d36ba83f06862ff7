"""The catalogue as it was last read: who reads the same files again need not check them again."""

from __future__ import annotations

import contextlib
import hashlib
from functools import cache
from pathlib import Path

import msgspec

from seatrial.files import read_limited, write_atomic
from seatrial.kernel import platform, units, values
from seatrial.kernel.errors import StorageError
from seatrial.kernel.platform import Catalog

HERE = Path(__file__).parent
BYTES_MAX = 64 * 1024**2


def find(file: Path, name: str) -> Catalog | None:
    """The catalogue of that name, if it is what the file holds, whole and made by this code."""
    if not file.is_file():
        return None
    try:
        head, _, data = read_limited(file, BYTES_MAX).partition(b"\n")
        if head != _head(name, data):
            return None
        return msgspec.msgpack.decode(data, type=Catalog)
    except (StorageError, msgspec.DecodeError):
        # It can be made again.
        return None


def keep(file: Path, name: str, catalog: Catalog) -> None:
    """Put a catalogue in the place of the last one; who may not write there does without."""
    data = msgspec.msgpack.encode(catalog)
    with contextlib.suppress(StorageError):
        write_atomic(file, _head(name, data) + b"\n" + data)


def _head(name: str, data: bytes) -> bytes:
    return f"{name} {_code()} {hashlib.sha256(data).hexdigest()}".encode()


@cache
def _code() -> str:
    """Digest of what reads and checks a catalogue, and of what it is made of."""
    nouns = [Path(str(one.__file__)) for one in (platform, units, values)]
    files = [*sorted(HERE.glob("*.py")), *nouns]
    told = b"".join(file.read_bytes() for file in files) + msgspec.__version__.encode()
    return hashlib.sha256(told).hexdigest()
