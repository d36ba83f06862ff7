"""The base of all nouns, and how they become bytes.

Same value, same bytes: fields in the order of their definition, no clock, no dict order to
depend on. The digest of a noun is the SHA-256 of those bytes.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar, dataclass_transform

import msgspec

T = TypeVar("T")


class _ValueMeta(msgspec.StructMeta):
    """Makes every noun frozen, keyword-only and strict; msgspec does not inherit `kw_only`."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any
    ) -> type:
        chosen = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True, **options}
        made: type = super().__new__(cls, name, bases, body, **chosen)
        return made


# Tells type checkers what the classes derived from it are.
@dataclass_transform(frozen_default=True, kw_only_default=True)
class Value(msgspec.Struct, metaclass=_ValueMeta, frozen=True, kw_only=True):
    """A noun, or a part of one: frozen, compared by content."""


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def to_json(value: Any) -> bytes:
    """Encode a noun as indented JSON with a final newline; decimals as JSON numbers."""
    return msgspec.json.format(_ENCODER.encode(value), indent=2) + b"\n"


def from_json(data: bytes, kind: type[T]) -> T:
    """Decode a noun, strictly; raises `msgspec.ValidationError` with the path inside the value."""
    return msgspec.json.decode(data, type=kind)


def digest(value: Any) -> str:
    """Content address of a noun: the first 16 hex digits of the SHA-256 of its bytes."""
    return hashlib.sha256(_ENCODER.encode(value)).hexdigest()[:16]
