"""How many bytes a value takes, everything it holds included."""

import sys
import types
from typing import Any

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
"""Not counted: they exist once, whether a cached value refers to them or not."""


def deep_size(value: Any) -> int:
    """Bytes of `value` and all that can be reached from it, each object once.

    Arrays count with their data, also where a small view keeps a large array alive; pandas frames
    with their strings. What an extension keeps outside Python and does not report is missed.
    """
    total = 0
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, _SHARED):
            continue
        seen.add(id(item))
        own = sys.getsizeof(item, 0)
        base = getattr(item, "base", None)
        data = getattr(item, "nbytes", None)
        if isinstance(data, int) and base is None:
            own = max(own, data)  # NumPy reports its data both ways, PyTorch in nbytes alone.
        total += own
        if isinstance(item, (str, bytes, bytearray, int, float, bool, type(None))):
            continue
        if base is not None and data is not None:
            stack.append(base)
        stack.extend(_parts(item))
    return total


def _parts(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    parts = list(item) if isinstance(item, (list, tuple, set, frozenset)) else []
    attributes = getattr(item, "__dict__", None)
    if isinstance(attributes, dict):
        parts.append(attributes)
    for kind in type(item).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            held = getattr(item, slot, None)
            if held is not None:
                parts.append(held)
    return parts
