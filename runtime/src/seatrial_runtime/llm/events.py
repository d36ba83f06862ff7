"""Server-sent events out of a stream of bytes."""

from seatrial_runtime.llm.errors import Unavailable

_MAX_EVENT_BYTES = 4 * 1024 * 1024


class Events:
    """Feed it bytes as they come; it gives the data of each event that is complete.

    Lines end at \\n alone: other separators, as Python's `splitlines` has them, may stand inside
    the JSON of an event.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[str]:
        """The data of all events that `chunk` completes. Raises Unavailable for an endless one."""
        found: list[str] = []
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                found.append(b"\n".join(self._data).decode("utf-8", "replace"))
                self._data = []
        if len(self._rest) + sum(map(len, self._data)) > _MAX_EVENT_BYTES:
            raise Unavailable("an event of the stream does not end")
        return found
