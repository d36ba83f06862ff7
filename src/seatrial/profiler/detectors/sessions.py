"""Where sessions, caches and rate limits of libraries are kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.running import Setting, argument, default, settings
from seatrial.profiler.part import Part
from seatrial.profiler.reach import literal
from seatrial.profiler.rules import fact

_FILE_SESSIONS = ("filesystem", "cachelib", "file")
_LOCAL_CACHES = {
    "simple", "simplecache", "flask_caching.backends.simplecache", "filesystem",
    "filesystemcache", "flask_caching.backends.filesystemcache", "flask_caching.backends.simple",
    "flask_caching.backends.filesystem", "uwsgi", "uwsgicache",
}  # fmt: skip
# Session and token stores that keep everything in the process.
_STORES = {
    "starsessions.InMemoryStore": "starsessions", "starsessions.stores.memory.InMemoryStore":
    "starsessions", "fastapi_sessions.backends.implementations.InMemoryBackend":
    "fastapi-sessions", "fastapi_sessions.backends.implementations.in_memory_backend."
    "InMemoryBackend": "fastapi-sessions", "sanic_session.InMemorySessionInterface":
    "sanic-session", "starlette_session.backends.MemcacheBackend": "",
    "google.adk.sessions.InMemorySessionService": "google-adk",
    "google.adk.sessions.in_memory_session_service.InMemorySessionService": "google-adk",
}  # fmt: skip
_CACHES = {
    "fastapi_cache.backends.inmemory.InMemoryBackend": "fastapi-cache",
    "aiocache.SimpleMemoryCache": "aiocache", "cashews.cache.setup": "cashews",
}  # fmt: skip
_LIMITERS = ("flask_limiter.Limiter", "slowapi.Limiter", "slowapi.extension.Limiter",
             "flask_limiter.extension.Limiter")  # fmt: skip
_LIMIT_STORES = ("limits.storage.MemoryStorage", "limits.aio.storage.MemoryStorage",
                 "pyrate_limiter.InMemoryBucket")  # fmt: skip
_LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
_FILE_CACHE = "django.core.cache.backends.filebased.FileBasedCache"
_CACHE_USES = ("django.core.cache.cache", "django.core.cache.caches",
               "django.views.decorators.cache.")  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """Sessions, caches and limits that every process or machine has its own of."""
    yield from _flask_session(part)
    yield from _flask_caching(part)
    yield from _stores(part)
    yield from _limits(part)
    if part.imports("django"):
        yield from _django(part)


def _local(part: Part, found: list[Setting], kinds: tuple[str, ...] | set[str]) -> Setting | None:
    """The setting that names a local store, unless another one names a shared store."""
    local: Setting | None = None
    for one in found:
        text, env = default(part.code, one.path, one.value)
        if text is None or env:
            # Somebody chooses it from outside, or it depends on what is there.
            if text is None:
                return None
            continue
        if text.lower() in kinds:
            local = local or one
        elif text.lower() not in ("null", "nullcache", "none"):
            return None
    return local


def _flask_session(part: Part) -> Iterator[Fact]:
    if not part.imports("flask_session"):
        return
    found = settings(part, "SESSION_TYPE")
    one = _local(part, found, _FILE_SESSIONS)
    if one is not None:
        text, _ = default(part.code, one.path, one.value)
        yield fact("state.session-file", "Flask-Session", f"SESSION_TYPE = {text!r}",
                   file=one.path, line=one.line)  # fmt: skip


def _flask_caching(part: Part) -> Iterator[Fact]:
    if not part.imports("flask_caching", "flask_cache"):
        return
    one = _local(part, settings(part, "CACHE_TYPE"), _LOCAL_CACHES)
    if one is not None:
        text, _ = default(part.code, one.path, one.value)
        yield fact("state.local-cache", "Flask-Caching", f"CACHE_TYPE = {text!r}",
                   file=one.path, line=one.line)  # fmt: skip


def _stores(part: Part) -> Iterator[Fact]:
    """Stores made by the classes of libraries; the first place of each."""
    seen: set[str] = set()
    known = {**_STORES, **_CACHES}
    names = {name.rpartition(".")[2] for name in known}
    for path in part.paths:
        for call in part.code.file(path).calls(names):
            called = part.code.meaning(path, call.func)
            library = known.get(called, "")
            if library and library not in seen:
                seen.add(library)
                rule = "state.local-cache" if called in _CACHES else "state.session-memory"
                if library == "cashews" and literal(argument(call, "", 0)) != "mem://":
                    continue
                yield fact(rule, library, called.rpartition(".")[2], file=path, line=call.lineno)


def _limits(part: Part) -> Iterator[Fact]:
    configured = settings(part, "RATELIMIT_STORAGE_URI", "RATELIMIT_STORAGE_URL")
    texts = [default(part.code, one.path, one.value) for one in configured]
    shared = any(text is None or env or not text.startswith("memory") for text, env in texts)
    names = {name.rpartition(".")[2] for name in (*_LIMITERS, *_LIMIT_STORES)}
    for path in part.paths:
        for call in part.code.file(path).calls(names):
            called = part.code.meaning(path, call.func)
            if called in _LIMIT_STORES:
                yield fact("state.rate-limit-memory", called.split(".")[0],
                           "in memory", file=path, line=call.lineno)  # fmt: skip
            if called not in _LIMITERS:
                continue
            given = argument(call, "storage_uri") or argument(call, "storage_url")
            text, env = default(part.code, path, given)
            memory = text is not None and text.startswith("memory") and not env
            if memory or (given is None and not shared and not _spread(call)):
                value = "memory://" if memory else "no storage_uri: memory is the default"
                yield fact("state.rate-limit-memory", called.split(".")[0].replace("_", "-"),
                           value, file=path, line=call.lineno)  # fmt: skip


def _spread(call: ast.Call) -> bool:
    return any(keyword.arg is None for keyword in call.keywords)


def _django(part: Part) -> Iterator[Fact]:
    """Django's session engine and its caches, of which memory is the default."""
    backend, place = _django_cache(part)
    for one in settings(part, "SESSION_ENGINE"):
        text, _ = default(part.code, one.path, one.value)
        if text == "django.contrib.sessions.backends.file":
            yield fact("state.session-file", "Django sessions", text, file=one.path, line=one.line)
        elif text == "django.contrib.sessions.backends.cache" and backend in ("", _LOCMEM):
            yield fact("state.session-memory", "Django sessions", "cache in memory",
                       file=one.path, line=one.line)  # fmt: skip
    if backend not in ("", _LOCMEM, _FILE_CACHE):
        return
    use = next(_cache_uses(part), None)
    if place is None and not any(True for _ in settings(part, "DATABASES")):
        return  # its settings were not found, so nothing is known of its default
    if use is not None:
        value = f"{(backend or _LOCMEM).rpartition('.')[2]}{'' if backend else ' is the default'}"
        yield fact("state.local-cache", "Django cache", value, file=use[0], line=use[1])
    for one in settings(part, "REST_FRAMEWORK"):
        for node in ast.walk(one.value):
            if isinstance(node, ast.Constant) and node.value == "DEFAULT_THROTTLE_RATES":
                yield fact("state.rate-limit-memory", "Django REST framework",
                           "its throttles count in the default cache, which is in memory",
                           file=one.path, line=node.lineno, confidence=0.7)  # fmt: skip


def _django_cache(part: Part) -> tuple[str, Setting | None]:
    """The backend of the default cache, '' when nobody sets one; unknown ones as they are."""
    found = settings(part, "CACHES")
    for one in reversed(found):
        if not isinstance(one.value, ast.Dict):
            return "unknown", one
        texts = [
            default(part.code, one.path, value)[0] or "unknown"
            for table in one.value.values if isinstance(table, ast.Dict)
            for key, value in zip(table.keys, table.values, strict=True)
            if literal(key) == "BACKEND"
        ]  # fmt: skip
        if len(found) > 1 and any(text not in (_LOCMEM, _FILE_CACHE) for text in texts):
            return "unknown", one
        return (texts[0] if texts else "unknown"), one
    return "", None


def _cache_uses(part: Part) -> Iterator[tuple[str, int]]:
    for path in part.paths:
        for call in part.code.file(path).calls(
            ("get", "set", "get_or_set", "incr", "get_many", "add", "cache_page", "delete")
        ):
            if part.code.meaning(path, call.func).startswith(_CACHE_USES):
                yield path, call.lineno
