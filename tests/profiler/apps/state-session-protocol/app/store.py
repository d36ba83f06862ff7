"""Where sessions are kept: in Redis, or in this process."""
from collections import OrderedDict
from typing import Protocol

import redis


class Store(Protocol):
    def read(self, key: str) -> str | None: ...
    def save(self, key: str, value: str) -> None: ...


class MemoryStore:
    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._most = most

    def read(self, key: str) -> str | None:
        return self._kept.get(key)

    def save(self, key: str, value: str) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]


class RedisStore:
    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def read(self, key: str) -> str | None:
        return self._client.get(key)

    def save(self, key: str, value: str) -> None:
        self._client.set(key, value)


def open_store(redis_url: str | None) -> Store:
    if redis_url:
        return RedisStore(redis_url)
    return MemoryStore(500)
