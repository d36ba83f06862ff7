"""Looks into request bodies as they stream by: are the files in them of types that may come in?"""

import re
from typing import Any, Protocol

from seatrial_runtime.guard.media import FIRST_BYTES, MediaTypes
from seatrial_runtime.guard.refusals import BodyRefusedError, malformed, unsupported

# What forms and API calls send is no upload; the files in a form are looked at one by one.
_NOT_UPLOADS = ("application/x-www-form-urlencoded", "application/json")
_FORM = "multipart/form-data"
# Wherever it stands, even within quotes: apps differ in how they read broken headers, and what
# any of them could take for a file is looked at.
_FILENAME = re.compile(rb";\s*filename\*?\s*=", re.I)
_MAX_TYPE_CHARS = 255


class Inspector(Protocol):
    """Sees the body go by."""

    def feed(self, data: bytes) -> None:
        """The next bytes; raises BodyRefusedError for what may not come in."""

    def end(self) -> None:
        """The body is complete; raises likewise."""


def media_type_of(header: str) -> str:
    """The type without its parameters, in lower case."""
    return header.partition(";")[0].strip().lower()[:_MAX_TYPE_CHARS]


def inspector(types: MediaTypes, content_type: str, encoded: bool) -> Inspector | None:
    """What looks at a body of this Content-Type; None when nothing needs to.

    `encoded`: a Content-Encoding hides the bytes. Raises BodyRefusedError at once where the header
    alone says that the body may not come in.
    """
    declared = media_type_of(content_type)
    if declared in _NOT_UPLOADS or declared.endswith("+json"):
        return None
    if encoded:
        raise BodyRefusedError(unsupported("a body with Content-Encoding cannot be checked"))
    if declared == _FORM:
        return _Form(types, content_type)
    if not types.allows(declared):
        raise BodyRefusedError(unsupported(f"{declared} may not be uploaded here"))
    return _File(types, declared)


class _File:
    """One file: a whole body, or a part of a form."""

    def __init__(self, types: MediaTypes, declared: str) -> None:
        self._types, self._declared = types, declared
        self._first: bytes | None = b""

    def feed(self, data: bytes) -> None:
        if self._first is not None:
            self._first += data[: FIRST_BYTES - len(self._first)]
            if len(self._first) == FIRST_BYTES:
                self.end()

    def end(self) -> None:
        first, self._first = self._first, None
        if first is not None and not self._types.fits(self._declared, first):
            what = self._declared or "of a type that may be uploaded"
            raise BodyRefusedError(unsupported(f"the file is not {what}: its first bytes differ"))


class _Form:
    """multipart/form-data, part by part. What cannot be parsed is refused: it cannot be checked."""

    def __init__(self, types: MediaTypes, content_type: str) -> None:
        # Small, but for nobody who has not asked for this check.
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header

        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise BodyRefusedError(malformed("multipart/form-data without a boundary"))
        self._types = types
        self._error: Any = FormParserError
        self._ended = False
        self._start_part()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._start_part,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise BodyRefusedError(malformed(str(error))) from None

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except self._error as error:
            raise BodyRefusedError(malformed(f"not multipart/form-data: {error}")) from None

    def end(self) -> None:
        if not self._ended:
            raise BodyRefusedError(malformed("the form is cut short"))

    def _start_part(self) -> None:
        self._name, self._value = b"", b""
        self._types_told: list[str] = []
        self._is_file = False
        self._file: _File | None = None

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        name = self._name.strip().lower()
        if name == b"content-disposition":
            self._is_file |= bool(_FILENAME.search(self._value))
        elif name == b"content-type":
            self._types_told.append(media_type_of(self._value.decode("latin-1")))
        self._name, self._value = b"", b""

    def _headers_end(self) -> None:
        told = self._types_told
        if len(told) > 1:
            raise BodyRefusedError(malformed("a part has two types"))
        # A part without a file's name that declares a type (a Blob of JSON) is a plain field.
        if self._is_file:
            declared = told[0] if told else ""
            if not self._types.allows(declared):
                raise BodyRefusedError(unsupported(f"{declared} may not be uploaded here"))
            self._file = _File(self._types, declared)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.feed(data[start:end])

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.end()

    def _end(self) -> None:
        self._ended = True
