"""A cache for what is costly to work out: bounded in time and bytes, worked out once at a time."""

import asyncio
import functools
import hashlib
import inspect
import os
import random
import threading
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, TypeVar, cast, overload

from seatrial_runtime.resilience.deadlines import limited_s
from seatrial_runtime.resilience.encoding import NotStorable, encode
from seatrial_runtime.resilience.functions import name_of, refuse_generators
from seatrial_runtime.resilience.single_flight import SingleFlight
from seatrial_runtime.resilience.stores import MISSING, MemoryStore, Store
from seatrial_runtime.telemetry import metrics

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_MAX_BYTES = 500_000_000
TTL_S = {"development": 600.0, "staging": 1800.0, "production": 3600.0}
"""How long a value is kept when nothing else is said, by SEATRIAL_ENVIRONMENT."""
_POLL_S = (0.02, 0.1)
_YES = ("1", "true", "yes", "on")


def default_ttl_s(environ: Mapping[str, str] = os.environ) -> float:
    """CACHE_TTL in seconds, else what the environment has. Raises ValueError for nonsense."""
    told = environ.get("CACHE_TTL", "")
    if told:
        try:
            seconds = float(told.strip().removesuffix("s"))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"CACHE_TTL {told!r}: a number of seconds, like 600")
        return seconds
    return TTL_S.get(environ.get("SEATRIAL_ENVIRONMENT", ""), TTL_S["development"])


def default_store(environ: Mapping[str, str] = os.environ) -> Store:
    """Redis when REDIS_ENABLED is true and REDIS_URL is set, else memory of CACHE_MAX_BYTES."""
    url = environ.get("REDIS_URL", "")
    if url and environ.get("REDIS_ENABLED", "").lower() in _YES:
        from seatrial_runtime.resilience.redis_store import RedisStore  # An extra.

        return RedisStore(url)
    told = environ.get("CACHE_MAX_BYTES", "")
    if told and not (told.isdecimal() and int(told)):
        raise ValueError(f"CACHE_MAX_BYTES {told!r}: a number of bytes, like 500000000")
    return MemoryStore(int(told) if told else DEFAULT_MAX_BYTES)


class Cache:
    """Values by key. `get_or_compute` is what it is for; the rest is for odd cases.

    `name` is its label in metrics. `store` is a MemoryStore or RedisStore; without one,
    `default_store` chooses. `ttl_s` counts for values that come without their own. With Redis one
    process at a time works a key out, held by a lock of `lock_s` seconds; 0 turns that off.
    """

    def __init__(
        self,
        name: str = "cache",
        *,
        ttl_s: float | None = None,
        store: Store | None = None,
        lock_s: float = 10.0,
    ) -> None:
        self.name = name
        self.ttl_s = default_ttl_s() if ttl_s is None else ttl_s
        self.store: Any = default_store() if store is None else store
        self._lock_s = lock_s if self.store.shared else 0.0
        self._flights = SingleFlight()

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The value, or `default`."""
        value = self._found(self.store.get(key))
        return default if value is MISSING else value

    def put(self, key: Hashable, value: Any, ttl_s: float | None = None) -> None:
        """Keep a value. Redis takes keys of text only."""
        self._driven_out(self.store.put(key, value, self.ttl_s if ttl_s is None else ttl_s))

    def remove(self, key: Hashable) -> None:
        """Forget a value."""
        self.store.remove(key)

    def get_or_compute(
        self, key: Hashable, compute: Callable[[], Any], ttl_s: float | None = None
    ) -> Any:
        """The value that is kept, else what `compute()` gives, which is kept then.

        Of many callers one computes and the others wait for it. An exception goes to all of them
        and is not kept.
        """
        value = self._found(self.store.get(key))
        if value is not MISSING:
            return value
        return self._flights.run(key, lambda: self._filled(key, compute, ttl_s))

    async def get_or_compute_async(
        self, key: Hashable, compute: Callable[[], Awaitable[Any]], ttl_s: float | None = None
    ) -> Any:
        """The same for an async `compute`. If the caller that computes is cancelled, another of
        those that wait begins anew."""
        value = self._found(await self.store.get_async(key))
        if value is not MISSING:
            return value
        return await self._flights.run_async(key, lambda: self._filled_async(key, compute, ttl_s))

    def _filled(self, key: Hashable, compute: Callable[[], Any], ttl_s: float | None) -> Any:
        # Another may have put it between our look and our turn.
        value = self.store.get(key)
        if value is not MISSING:
            return value
        token = self.store.lock(key, self._lock_s) if self._lock_s else None
        ends_s = time.monotonic() + self._lock_s
        while token == "" and time.monotonic() < ends_s:
            time.sleep(limited_s(random.uniform(*_POLL_S)))
            value = self.store.get(key)
            if value is not MISSING:
                return value
            token = self.store.lock(key, self._lock_s)
        try:
            # Whoever had the lock until now may have put it in just before.
            value = self.store.get(key) if token else MISSING
            if value is not MISSING:
                return value
            value = compute()
            self.put(key, value, ttl_s)
        finally:
            if token:
                self.store.unlock(key, token)
        return value

    async def _filled_async(
        self, key: Hashable, compute: Callable[[], Awaitable[Any]], ttl_s: float | None
    ) -> Any:
        value = await self.store.get_async(key)
        if value is not MISSING:
            return value
        token = await self.store.lock_async(key, self._lock_s) if self._lock_s else None
        ends_s = time.monotonic() + self._lock_s
        while token == "" and time.monotonic() < ends_s:
            await asyncio.sleep(limited_s(random.uniform(*_POLL_S)))
            value = await self.store.get_async(key)
            if value is not MISSING:
                return value
            token = await self.store.lock_async(key, self._lock_s)
        try:
            value = await self.store.get_async(key) if token else MISSING
            if value is not MISSING:
                return value
            value = await compute()
            lasts_s = self.ttl_s if ttl_s is None else ttl_s
            self._driven_out(await self.store.put_async(key, value, lasts_s))
        finally:
            if token:
                await self.store.unlock_async(key, token)
        return value

    def _found(self, value: Any) -> Any:
        metrics.cache_event(self.name, "miss" if value is MISSING else "hit")
        return value

    def _driven_out(self, number: int) -> None:
        for _ in range(number):
            metrics.cache_event(self.name, "eviction")


_shared: Cache | None = None
_shared_lock = threading.Lock()


def shared_cache() -> Cache:
    """The one that `@cache` uses: one bound in bytes for all functions of this process."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Cache()
        return _shared


@overload
def cache(function: F) -> F: ...
@overload
def cache(
    *,
    ttl_s: float | None = None,
    name: str | None = None,
    key: Callable[..., Hashable] | None = None,
    within: Cache | None = None,
) -> Callable[[F], F]: ...
def cache(
    function: F | None = None,
    *,
    ttl_s: float | None = None,
    name: str | None = None,
    key: Callable[..., Hashable] | None = None,
    within: Cache | None = None,
) -> F | Callable[[F], F]:
    """Decorator: keep what a sync or async function returns, by its arguments.

    `key` makes another key of the arguments, for those that cannot be hashed or written down.
    `within` is the Cache, else one that all functions share. In Redis, values are found again
    under `name`, the function's own by default: put a version in it when what is returned
    changes its form. The function's attribute `forget(*args)` forgets one value.
    """

    def decorate(function: F) -> F:
        refuse_generators(function, "cache")
        held = within or shared_cache()
        keys = _Keys(function, name, key, held.store.shared)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def kept_async(*args: Any, **named: Any) -> Any:
                found = keys.of(args, named)
                if found is None:
                    return await function(*args, **named)
                return await held.get_or_compute_async(
                    found, lambda: function(*args, **named), ttl_s
                )

            wrapped: Callable[..., Any] = kept_async
        else:

            @functools.wraps(function)
            def kept(*args: Any, **named: Any) -> Any:
                found = keys.of(args, named)
                if found is None:
                    return function(*args, **named)
                return held.get_or_compute(found, lambda: function(*args, **named), ttl_s)

            wrapped = kept

        def forget(*args: Any, **named: Any) -> None:
            found = keys.of(args, named)
            if found is not None:
                held.remove(found)

        wrapped.forget = forget  # type: ignore[attr-defined]
        return cast("F", wrapped)

    return decorate if function is None else decorate(function)


class _Keys:
    """Makes the key of one function's calls."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        key: Callable[..., Hashable] | None,
        shared: bool,
    ) -> None:
        self._name, self._key, self._shared = name or name_of(function), key, shared
        # Two functions made by one `def` have one name: in memory each has its own values all the
        # same, in Redis they could not be told apart.
        self._own = object() if name is None else name
        if shared and name is None and "<" in self._name:
            raise TypeError(f"@cache in Redis: give {self._name} a name=, it is not the only one")

    def of(self, args: tuple[Any, ...], named: dict[str, Any]) -> Hashable | None:
        """The key; None when there is none, and the function has to be called."""
        if self._key is not None:
            args, named = (self._key(*args, **named),), {}
        if not self._shared:
            # The types too: 1, 1.0 and True are equal, what is made of them is not.
            types = tuple(map(type, args))
            if named:
                items = tuple(sorted(named.items()))
                types += tuple(type(value) for _, value in items)
                found: Hashable = (self._own, args, items, types)
            else:
                found = (self._own, args, types)
            try:
                hash(found)
            except TypeError:
                pass
            else:
                return found
        try:
            text = encode([args, named], ordered=True)
        except NotStorable:
            if self._shared:
                return None
            raise TypeError(
                f"@cache: the arguments of {self._name} can neither be hashed nor written down;"
                f" give key="
            ) from None
        digest = f"{self._name}:{hashlib.sha256(text).hexdigest()}"
        return digest if self._shared else (self._own, digest)
