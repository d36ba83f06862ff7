"""The request body as the app reads it: counted, looked into, and cut off after a time-out."""

from collections.abc import Iterator
from typing import Any

from seatrial_runtime.guard.bodies import BodyWatch
from seatrial_runtime.guard.flights import Flight

_PIECE_BYTES = 1 << 20


class Input:
    """`wsgi.input`, over the server's own."""

    def __init__(self, source: Any, flight: Flight, watch: BodyWatch | None) -> None:
        self._source, self._flight, self._watch = source, flight, watch

    def read(self, size: int | None = -1) -> bytes:
        """Read up to `size` bytes, or all."""
        if size is not None and size >= 0:
            return self._seen(self._source.read(self._most(size)), size)
        pieces = []
        # In pieces: a body of unknown length is refused before the memory is full of it.
        while piece := self._seen(self._source.read(self._most(_PIECE_BYTES)), _PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def readline(self, size: int | None = -1) -> bytes:
        """Read one line, or up to `size` bytes of it."""
        most = self._most(-1 if size is None else size)
        return self._seen(self._source.readline(most), most)

    def readlines(self, hint: int | None = None) -> list[bytes]:
        """Read lines, about `hint` bytes of them or all."""
        lines, read = [], 0
        for line in self:
            lines.append(line)
            read += len(line)
            if hint and read >= hint:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _most(self, size: int) -> int:
        """`size`, but one byte above what is left tells already that it is too much."""
        if self._watch is None or 0 <= size <= self._watch.left:
            return size
        return self._watch.left + 1

    def _seen(self, data: bytes, wanted: int) -> bytes:
        if self._flight.expired:
            raise TimeoutError("the request was answered 504 meanwhile")
        if self._watch is not None:
            self._watch.see(data, last=not data and wanted != 0)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)  # What else a server's own input can do.
