"""Whether the first bytes of a file can be what its media type says."""

from collections.abc import Callable

FIRST_BYTES = 512
"""How many of them are looked at."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # The second is an archive without files.
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
_BINARY = (
    b"%PDF-",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"\x7fELF",
    b"MZ",
    b"\x1f\x8b",
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r\x1b"))


def _starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda first: first.startswith(beginnings)


def _webp(first: bytes) -> bool:
    return first[:4] == b"RIFF" and first[8:12] == b"WEBP"


def _text(first: bytes) -> bool:
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True  # UTF-16, told by its byte order mark; every second byte may be zero.
    return not first.startswith(_BINARY) and first.translate(None, _CONTROLS) == first


_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "application/pdf": _starts(b"%PDF-"),
    "image/png": _starts(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": _starts(b"\xff\xd8\xff"),
    "image/jpg": _starts(b"\xff\xd8\xff"),
    "image/gif": _starts(b"GIF87a", b"GIF89a"),
    "image/webp": _webp,
    "image/bmp": _starts(b"BM"),
    "image/tiff": _starts(b"II*\0", b"MM\0*"),
    "image/svg+xml": _text,
    "application/zip": _starts(*_ZIP),
    "application/x-zip-compressed": _starts(*_ZIP),
    "application/epub+zip": _starts(*_ZIP),
    "application/json": _text,
    "application/xml": _text,
    "application/x-ndjson": _text,
    "application/yaml": _text,
    "application/rtf": _text,
}


def _signature(media_type: str) -> Callable[[bytes], bool] | None:
    if media_type.startswith("text/"):
        return _text
    if media_type.startswith((_OFFICE, _OPEN_DOCUMENT)):
        return _starts(*_ZIP)
    return _SIGNATURES.get(media_type)


class MediaTypes:
    """The types that may be uploaded, like application/pdf and image/*."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._exact = frozenset(one for one in allowed if not one.endswith("/*"))
        self._families = tuple(one[:-1] for one in allowed if one.endswith("/*"))

    def allows(self, declared: str) -> bool:
        """Whether a file that is declared so may come in, its bytes apart.

        One of a family (image/*) has to be a type whose first bytes are known: else any bytes
        could be declared as an unknown one. What says nothing of itself is for `fits` to judge.
        """
        if not declared or declared == "application/octet-stream":
            return True
        if declared in self._exact:
            return True
        return declared.startswith(self._families) and _signature(declared) is not None

    def fits(self, declared: str, first: bytes) -> bool:
        """Whether a file of an allowed type may begin so. An empty file may be anything."""
        if not first:
            return True
        if not declared or (declared == "application/octet-stream" and declared not in self._exact):
            return any(self._is(one, first) for one in self._known())
        return self._is(declared, first, unknown=True)

    def _known(self) -> list[str]:
        families = [one for one in _SIGNATURES if one.startswith(self._families)]
        if "text/" in self._families:
            families.append("text/plain")
        return [*self._exact, *families]

    def _is(self, media_type: str, first: bytes, unknown: bool = False) -> bool:
        test = _signature(media_type)
        return unknown if test is None else test(first)
