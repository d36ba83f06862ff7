"""Watches one request body as it is read: its size and what is in it."""

from seatrial_runtime.guard.media import MediaTypes
from seatrial_runtime.guard.refusals import BodyRefusedError, Refusal, too_large
from seatrial_runtime.guard.uploads import Inspector, inspector


class BodyRules:
    """What holds for every body. `max_body` is in bytes, 0 for no limit."""

    def __init__(self, max_body: int, upload_types: tuple[str, ...]) -> None:
        self.max_body = max_body
        self.types = MediaTypes(upload_types) if upload_types else None
        self.too_large = too_large(max_body)

    def watch(
        self, length: int | None, content_type: str, encoded: bool
    ) -> "Refusal | BodyWatch | None":
        """Judge by the headers; `length` is None for a chunked body.

        A Refusal, or what is to see the body, or None when the headers say enough.
        """
        if length is not None and self.max_body and length > self.max_body:
            return self.too_large
        looks: Inspector | None = None
        if self.types is not None and length != 0:
            try:
                looks = inspector(self.types, content_type, encoded)
            except BodyRefusedError as error:
                return error.refusal
        if looks is None and (length is not None or not self.max_body):
            return None
        return BodyWatch(self, length, looks)


class BodyWatch:
    """Sees one body go by. `refusal` is set once it may not come in, and stays."""

    __slots__ = ("_length", "_looks", "_rules", "left", "refusal")

    def __init__(self, rules: BodyRules, length: int | None, looks: Inspector | None) -> None:
        self._rules, self._looks, self._length = rules, looks, length
        self.left = rules.max_body or (1 << 62)
        self.refusal: Refusal | None = None

    def see(self, data: bytes, last: bool) -> None:
        """Raises BodyRefusedError, then and at every later call, for what may not come in."""
        try:
            if self.refusal is not None:
                raise BodyRefusedError(self.refusal)
            self.left -= len(data)
            if self.left < 0:
                raise BodyRefusedError(self._rules.too_large)
            if self._length is not None:
                self._length -= len(data)
                last = last or self._length <= 0
            if self._looks is not None:
                if data:
                    self._looks.feed(data)
                if last:
                    self._looks.end()
                    self._looks = None
        except BodyRefusedError as error:
            self.refusal = error.refusal
            raise
