"""Arrays without an owner, for kernels of several functions.

Compiled functions count references to each array that they are given, atomically, call by call:
that takes longer than a small function's work. An array without an owner has none to count.
"""

from __future__ import annotations

from typing import Any

from numba.extending import intrinsic

INNER: dict[str, Any] = {
    "cache": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
}  # fmt: skip
"""Options of functions that only compiled ones call: quicker to compile."""


def _borrowed(typing_context: Any, array: Any) -> Any:

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        found.meminfo = found.meminfo.type(None)
        found.parent = found.parent.type(None)
        return found._getvalue()

    return array(array), generate


borrowed: Any = intrinsic(_borrowed)
"""The same array for as long as its owner lives, which the caller sees to."""
