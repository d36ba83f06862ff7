"""Functions whose answers are kept in memory, where these come from outside and may change."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.code import Def
from seatrial.profiler.detectors.running import reaches, running, told
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact

_KEEPERS = frozenset({
    "functools.lru_cache", "functools.cache", "cachetools.cached", "cachetools.cachedmethod",
    "cachetools.func.ttl_cache", "cachetools.func.lru_cache", "async_lru.alru_cache",
    "cachebox.cached", "aiocache.cached", "cache.AsyncTTL", "cache.AsyncLRU", "cachier.cachier",
})  # fmt: skip
# What reads something that others may change meanwhile.
_OUTSIDE = (
    "requests.", "httpx.", "urllib.request.", "aiohttp.", "sqlite3.", "psycopg", "asyncpg.",
    "sqlalchemy.orm", "pymongo.", "motor.", "redis.", "boto3.client().", "boto3.resource().",
    "flask_sqlalchemy.", "django.db.", "pymysql.", "mysql.connector.", "databases.",
    "openai.OpenAI().", "elasticsearch.", "supabase.", "google.cloud.", "pandas.read_sql",
)  # fmt: skip
_METHODS = frozenset({"execute", "fetchone", "fetchall", "scalars", "scalar", "objects"})


def function_caches(part: Part) -> Iterator[Fact]:
    """Functions with arguments that keep what a database or another service told them."""
    for one, root in running(part).items():
        kept = _keeper(part, one) if one.decorators else ""
        if kept and _has_arguments(one) and _reads_outside(part, one):
            yield fact(
                "state.module-cache", one.title.removesuffix("()"),
                f"answers kept by {kept}, {told(one, root)}", file=one.path, line=one.line,
                confidence=0.7,
            )  # fmt: skip


def _keeper(part: Part, one: Def) -> str:
    for decorator in one.decorators:
        func = decorator.func if isinstance(decorator, ast.Call) else decorator
        meaning = part.code.symbols.resolve(one.path, one.klass or one.parent, func)
        if isinstance(meaning, str) and meaning in _KEEPERS:
            return meaning
    return ""


def _has_arguments(one: Def) -> bool:
    if isinstance(one.node, ast.Module):
        return False
    args = one.node.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return any(name not in ("self", "cls") for name in names)


def _reads_outside(part: Part, one: Def) -> bool:
    if reaches(part, one, _OUTSIDE):
        return True
    return any(
        isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS
        for call in part.code.file(one.path).inside(one, ast.Call)
    )
