"""Results that Streamlit keeps in the process: `st.cache_data`, `st.cache_resource`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted, literal
from seatrial.profiler.rules import fact

_CACHES = frozenset({
    "cache_data", "cache_resource", "experimental_memo", "experimental_singleton", "cache",
})  # fmt: skip
_TOLD = ("ttl", "max_entries", "persist")


def page_caches(part: Part) -> Iterator[Fact]:
    """The functions whose results are kept, decorated or handed to the cache."""
    if not part.imports("streamlit"):
        return
    for path in part.paths:
        file = part.code.file(path)
        for one in file.defs:
            for decorator in one.decorators:
                func = decorator.func if isinstance(decorator, ast.Call) else decorator
                kept = _cache(part, path, func)
                if kept:
                    yield _fact(path, decorator, one.name, kept)
        named = {id(node.value): dotted(node.targets[0]) for node in file.of(ast.Assign)}
        decorating = {id(d) for one in file.defs for d in one.decorators}
        for call in file.of(ast.Call):
            # `cached = st.cache_data(work)` and `cached = st.cache_data(ttl=60)(work)`.
            inner = call.func if isinstance(call.func, ast.Call) else call
            kept = _cache(part, path, inner.func) if call.args else ""
            if kept and id(call) not in decorating:
                given = dotted(call.args[0]) or named.get(id(call), "") or "a function"
                yield _fact(path, inner, given, kept)


def _cache(part: Part, path: str, func: ast.expr) -> str:
    """`st.cache_data` for what is one of Streamlit's caches; '' for anything else."""
    if not isinstance(func, ast.Attribute | ast.Name):
        return ""
    name = part.code.full_name(path, func)
    package, _, last = name.rpartition(".")
    return f"st.{last}" if package == "streamlit" and last in _CACHES else ""


def _fact(path: str, node: ast.expr, subject: str, kept: str) -> Fact:
    keywords = node.keywords if isinstance(node, ast.Call) else []
    limits = [f"{k.arg}={_shown(k.value)}" for k in keywords if k.arg in _TOLD]
    value = f"{kept}; {', '.join(limits) or 'kept until the process ends'}"
    return fact("state.result-cache", subject, value, file=path, line=node.lineno)


def _shown(node: ast.expr) -> str:
    text = literal(node)
    if text is not None:
        return text[:40]
    return str(node.value) if isinstance(node, ast.Constant) else dotted(node)[:60] or "set"
