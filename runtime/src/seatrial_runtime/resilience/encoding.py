"""Values as bytes for a store that others can write to: JSON, so that reading runs no code.

What JSON has no word for (tuples, bytes, decimals, dates, sets, keys that are no strings) is
wrapped in an object that says its kind, so that a value comes back as it went in.
"""

import base64
import datetime
import decimal
import json
from typing import Any

_KIND = "$"


class NotStorable(TypeError):
    """A value or an argument has a type that cannot be written safely."""


def encode(value: Any, *, ordered: bool = False) -> bytes:
    """`value` as bytes. Raises NotStorable.

    With `ordered` equal values give equal bytes, whatever the order of their dictionaries.
    """
    try:
        plain = _plain(value, 0, ordered)
        return json.dumps(plain, separators=(",", ":"), sort_keys=ordered).encode()
    except (ValueError, UnicodeEncodeError) as error:
        raise NotStorable(str(error)) from None


def decode(data: bytes) -> Any:
    """The value that `encode` was given. Raises ValueError when the bytes are not of its making."""
    try:
        return json.loads(data, object_hook=_restored)
    except (KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not a stored value: {type(error).__name__}") from None


def _plain(value: Any, depth: int, ordered: bool) -> Any:
    if depth > 100:
        raise NotStorable("nested more than 100 deep")
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [_plain(item, depth + 1, ordered) for item in value]
    if kind is dict:
        if all(type(key) is str for key in value) and _KIND not in value:
            return {key: _plain(item, depth + 1, ordered) for key, item in value.items()}
        pairs = [
            [_plain(k, depth + 1, ordered), _plain(v, depth + 1, ordered)] for k, v in value.items()
        ]
        return {_KIND: "dict", "v": sorted(pairs, key=json.dumps) if ordered else pairs}
    if kind is tuple:
        return {_KIND: "tuple", "v": [_plain(item, depth + 1, ordered) for item in value]}
    if kind in (set, frozenset):
        items = sorted((_plain(item, depth + 1, ordered) for item in value), key=json.dumps)
        return {_KIND: kind.__name__, "v": items}
    if kind in (bytes, bytearray):
        return {_KIND: kind.__name__, "v": base64.b64encode(value).decode()}
    if kind is decimal.Decimal:
        return {_KIND: "decimal", "v": str(value)}
    if kind in (datetime.datetime, datetime.date):
        return {_KIND: kind.__name__, "v": value.isoformat()}
    raise NotStorable(f"{kind.__module__}.{kind.__qualname__} cannot be written as JSON")


def _restored(found: dict[str, Any]) -> Any:
    if _KIND not in found:
        return found
    kind, value = found[_KIND], found["v"]
    if kind == "dict":
        return {key: item for key, item in value}
    if kind in ("tuple", "set", "frozenset"):
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](value)
    if kind in ("bytes", "bytearray"):
        data = base64.b64decode(value, validate=True)
        return data if kind == "bytes" else bytearray(data)
    if kind == "decimal":
        return decimal.Decimal(value)
    if kind == "datetime":
        return datetime.datetime.fromisoformat(value)
    if kind == "date":
        return datetime.date.fromisoformat(value)
    raise ValueError(f"not a stored value: kind {kind!r}")
