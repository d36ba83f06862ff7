"""The numbers of one process, in files that outlive it, in prometheus-client's own format.

Written by hand because importing prometheus-client costs every worker 116 ms, and one `observe`
of it several microseconds. The files lie beside those of an app that uses that library.

A file is a 4-byte count of the bytes in use, 4 bytes of nothing, then entries: the 4-byte length of
a key, the key in UTF-8 padded with blanks to 8 bytes, the value and its time, both doubles.
"""

import json
import mmap
import os
import struct
import threading
from array import array
from collections.abc import Sequence
from typing import Protocol

MARK = ".rt"
"""In the names of our files, after the process id: the app's own library has one without."""
_STEP_BYTES = 1 << 16
_MAX_BYTES = 1 << 26
_HEAD_BYTES = 8

Key = tuple[str, str, tuple[tuple[str, str], ...], str]
"""Metric, sample, labels, help."""


class Doubles(Protocol):
    """What cells are in: a view of a file, or an array."""

    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


class Damaged(Exception):
    """A file that is not, or is no longer, of this format."""


def _padded(length: int) -> int:
    return length + 8 - (length + 4) % 8


class CellFile:
    """One file of cells. Old views stay right when it grows: they map the same pages."""

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.open(path + "~", flags, 0o600)
        self._used = _HEAD_BYTES
        self._grow(_STEP_BYTES)
        self._tell_used()
        os.rename(path + "~", path)  # Nobody finds it without its head.

    def _grow(self, size: int) -> None:
        # Reserved, not only promised: a full file system is an error here, but SIGBUS in a write.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file, 0, size)
        else:  # macOS, where nobody serves in earnest.
            os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)
        self._doubles = memoryview(self._map).cast("d")
        self._size = size

    def _tell_used(self) -> None:
        # One store of 4 aligned bytes: a reader sees the old count or the new one.
        memoryview(self._map).cast("i")[0] = self._used

    def allocate(self, keys: Sequence[str]) -> tuple[Doubles, list[int]]:
        """A cell of value 0 for each key: the view they are in, and their places in it."""
        entries = []
        for key in keys:
            encoded = key.encode()
            room = _padded(len(encoded))
            entries.append(struct.pack(f"i{room}sdd", len(encoded), encoded.ljust(room), 0.0, 0.0))
        wanted = self._used + sum(map(len, entries))
        if wanted > self._size:
            self._grow(-(-wanted // _STEP_BYTES) * _STEP_BYTES)
        places = []
        for entry in entries:
            self._map[self._used : self._used + len(entry)] = entry
            self._used += len(entry)
            places.append((self._used - 16) // 8)
        self._tell_used()
        return self._doubles, places

    def close(self) -> None:
        """Nothing is added any more; views of it go on working."""
        os.close(self._file)


class Cells:
    """All files of this process. After a fork the child has files of its own, empty."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # A signal's handler may count, too.
        self.folder = ""
        self._files: dict[str, CellFile] = {}

    def allocate(self, prefix: str, keys: Sequence[Key]) -> tuple[Doubles, list[int]]:
        """Cells in the file of this kind; in memory alone when the file system is full."""
        texts = [json.dumps([m, n, dict(labels), h], sort_keys=True) for m, n, labels, h in keys]
        try:
            if prefix not in self._files:
                path = os.path.join(self.folder, f"{prefix}_{os.getpid()}{MARK}.db")
                self._files[prefix] = CellFile(path)
            return self._files[prefix].allocate(texts)
        except OSError:
            return array("d", [0.0] * len(texts)), list(range(len(texts)))

    def forget(self) -> None:
        """Start anew, as a child after a fork does: its parent goes on writing into the old."""
        self.lock = threading.RLock()
        self._files = {}


def read_cells(path: str) -> dict[str, tuple[float, float]]:
    """Value and time by key. Raises `Damaged`, or OSError."""
    with open(path, "rb") as file:
        data = file.read(_MAX_BYTES)
    cells: dict[str, tuple[float, float]] = {}
    try:
        (used,) = struct.unpack_from("i", data)
        if used != 0 and not _HEAD_BYTES <= used <= len(data):
            raise Damaged(f"{path}: {len(data)} bytes, and {used} are said to be in use")
        place = _HEAD_BYTES
        while place < used:
            (length,) = struct.unpack_from("i", data, place)
            values = place + 4 + _padded(length)
            if length < 0 or values + 16 > used:
                raise Damaged(f"{path}: the entry at {place} is longer than the file")
            key = data[place + 4 : place + 4 + length].decode()
            cells[key] = struct.unpack_from("dd", data, values)
            json.loads(key)
            place = values + 16
    except (struct.error, ValueError) as error:
        raise Damaged(f"{path}: {error}") from None
    return cells
