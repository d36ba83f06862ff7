"""Where sessions are kept: groups of named fields, in Redis or in bounded memory.

Each field is written by itself, so an analysis, a chat and a second tab never overwrite each
other. A group lives for a time after it was last used.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from prism.config import Config

REDIS_TIMEOUT_S = 2.0
StoreError = redis.RedisError
"""Raised by every method of a Redis store that cannot be reached."""


class Store(Protocol):
    """Groups of fields. A group that was dropped or has aged away reads as empty."""

    name: str

    def read(self, group: str) -> dict[str, bytes]: ...
    def get(self, group: str, name: str) -> bytes | None: ...
    def write(self, group: str, fields: Mapping[str, bytes]) -> None: ...
    def drop(self, group: str, *names: str) -> None: ...
    def delete(self, group: str) -> None: ...
    def ping(self) -> None: ...


@dataclass
class _Group:
    used_s: float
    fields: dict[str, bytes] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(len(name) + len(value) + 100 for name, value in self.fields.items())


class MemoryStore:
    """In this process only. The longest unused groups go when there are too many or too large."""

    name = "memory"

    def __init__(
        self,
        max_groups: int,
        max_bytes: int,
        keep_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._lock = threading.Lock()
        self._max_groups, self._max_bytes, self._keep_s = max_groups, max_bytes, keep_s
        self._clock_s = clock_s
        self.size_bytes = 0

    def _use(self, group: str) -> _Group | None:
        now_s = self._clock_s()
        while self._groups:
            oldest, found = next(iter(self._groups.items()))
            if now_s - found.used_s <= self._keep_s:
                break
            self._remove(oldest)
        used = self._groups.get(group)
        if used is not None:
            used.used_s = now_s
            self._groups.move_to_end(group)
        return used

    def _remove(self, group: str) -> None:
        gone = self._groups.pop(group, None)
        if gone is not None:
            self.size_bytes -= gone.size_bytes

    def read(self, group: str) -> dict[str, bytes]:
        """All fields of a group."""
        with self._lock:
            found = self._use(group)
            return dict(found.fields) if found else {}

    def get(self, group: str, name: str) -> bytes | None:
        """One field, or None."""
        with self._lock:
            found = self._use(group)
            return found.fields.get(name) if found else None

    def write(self, group: str, fields: Mapping[str, bytes]) -> None:
        """Set fields, and make room for them."""
        with self._lock:
            found = self._use(group)
            if found is None:
                found = self._groups[group] = _Group(self._clock_s())
            self.size_bytes -= found.size_bytes
            found.fields.update(fields)
            self.size_bytes += found.size_bytes
            while len(self._groups) > self._max_groups or self.size_bytes > self._max_bytes:
                self._remove(next(iter(self._groups)))

    def drop(self, group: str, *names: str) -> None:
        """Remove fields."""
        with self._lock:
            found = self._use(group)
            if found is not None:
                self.size_bytes -= found.size_bytes
                for name in names:
                    found.fields.pop(name, None)
                self.size_bytes += found.size_bytes

    def delete(self, group: str) -> None:
        """Remove a whole group."""
        with self._lock:
            self._remove(group)

    def ping(self) -> None:
        """Memory always answers."""


class RedisStore:
    """One Redis hash a group; every use puts its end off."""

    name = "redis"

    def __init__(self, client: redis.Redis, keep_s: int) -> None:
        self._client, self._keep_s = client, keep_s

    def read(self, group: str) -> dict[str, bytes]:
        """All fields of a group."""
        pipe = self._client.pipeline(transaction=False)
        pipe.hgetall(group)
        pipe.expire(group, self._keep_s)
        found = cast(dict[bytes, bytes], pipe.execute()[0])
        return {name.decode(): value for name, value in found.items()}

    def get(self, group: str, name: str) -> bytes | None:
        """One field, or None."""
        return cast("bytes | None", self._client.hget(group, name))

    def write(self, group: str, fields: Mapping[str, bytes]) -> None:
        """Set fields."""
        pipe = self._client.pipeline()
        pipe.hset(group, mapping=dict[Any, Any](fields))
        pipe.expire(group, self._keep_s)
        pipe.execute()

    def drop(self, group: str, *names: str) -> None:
        """Remove fields."""
        if names:
            self._client.hdel(group, *names)

    def delete(self, group: str) -> None:
        """Remove a whole group."""
        self._client.delete(group)

    def ping(self) -> None:
        """Raise StoreError unless Redis answers."""
        self._client.ping()


def connect_redis(url: str, timeout_s: float | None = REDIS_TIMEOUT_S) -> redis.Redis:
    """A client that fails soon: the library's own ten retries would hold a page for seconds."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=30,
    )


def open_store(config: Config) -> Store:
    """Redis when it is configured, else memory."""
    if config.redis_url:
        return RedisStore(connect_redis(config.redis_url), config.keep_s)
    return MemoryStore(config.memory_entries, config.memory_bytes, config.keep_s)
