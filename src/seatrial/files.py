"""Writing files so that a crash or a full disk never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from seatrial.kernel.errors import StorageError


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file beside it, fsync, rename, fsync folder."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            fix="free some space, or make the folder writable",
        ) from error


def read_limited(path: Path, limit_bytes: int) -> bytes:
    """Read a file of at most `limit_bytes`; larger or unreadable is a `StorageError`."""
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise StorageError(
            f"cannot be read: {error.strerror}", where=str(path), fix="check the path and its mode"
        ) from error
    if len(data) > limit_bytes:
        raise StorageError(
            f"is larger than {limit_bytes} bytes", where=str(path), fix="this is not the right file"
        )
    return data
