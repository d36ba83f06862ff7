"""Where cached values are kept when all replicas shall share them: in Redis or Valkey.

A cache must never be the reason for a failure. Each command has one attempt of a tenth of a
second; after two failures Redis is left alone for five seconds, and the values are worked out.
"""

import asyncio
import logging
import uuid
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from seatrial_runtime.resilience.circuit import CircuitBreaker, CircuitOpen
from seatrial_runtime.resilience.encoding import NotStorable, decode, encode
from seatrial_runtime.resilience.stores import MISSING

if TYPE_CHECKING:
    import redis
    import redis.asyncio

_log = logging.getLogger("seatrial_runtime.cache")
# Only its holder may take a lock away: another may hold it by now.
_UNLOCK = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0"


class RedisStore:
    """Values as JSON under `prefix` + key. `encode` and `decode` replace the JSON for types it has
    no word for; never unpickle there: whoever can write to Redis could then run code here.

    `url` is redis://, rediss:// or unix://; it is not shown again, as it may hold a password.
    """

    shared = True

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "cache:",
        timeout_s: float = 0.1,
        connect_timeout_s: float = 0.5,
        max_value_bytes: int = 16 * 1024 * 1024,
        encode: Callable[[Any], bytes] = encode,
        decode: Callable[[bytes], Any] = decode,
    ) -> None:
        try:  # An extra, and half a second of start-up: only who configures Redis pays for it.
            import redis
            import redis.asyncio
            import redis.backoff  # Likewise.
            import redis.retry
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "a cache in Redis needs its client: pip install seatrial-runtime[redis]",
                name=error.name,
            ) from None
        self._prefix, self._max_value_bytes = prefix, max_value_bytes
        self._encode, self._decode = encode, decode
        self._errors: tuple[type[Exception], ...] = (
            redis.RedisError,
            OSError,
            asyncio.TimeoutError,
        )
        options: dict[str, Any] = {
            "socket_timeout": timeout_s,
            "socket_connect_timeout": connect_timeout_s,
        }
        # The client's own ten retries would keep every caller for seconds.
        self._client = redis.Redis.from_url(
            url, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0), **options
        )

        def client_async() -> "redis.asyncio.Redis":
            retry = redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)
            return redis.asyncio.Redis.from_url(url, retry=retry, **options)

        self._new_client_async = client_async
        # A connection belongs to the event loop that opened it.
        self._clients_async: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, redis.asyncio.Redis
        ] = weakref.WeakKeyDictionary()
        self._circuit = CircuitBreaker("cache-redis", failures=2, open_s=5.0)
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"RedisStore(prefix={self._prefix!r})"

    def get(self, key: str) -> Any:
        return self._read(self._ask("get", self._prefix + key))

    async def get_async(self, key: str) -> Any:
        return self._read(await self._ask_async("get", self._prefix + key))

    def put(self, key: str, value: Any, ttl_s: float) -> int:
        data = self._written(value)
        if data is not None and ttl_s > 0:
            self._ask("set", self._prefix + key, data, px=_ms(ttl_s))
        return 0

    async def put_async(self, key: str, value: Any, ttl_s: float) -> int:
        data = self._written(value)
        if data is not None and ttl_s > 0:
            await self._ask_async("set", self._prefix + key, data, px=_ms(ttl_s))
        return 0

    def remove(self, key: str) -> None:
        self._ask("delete", self._prefix + key)

    def lock(self, key: str, lock_s: float) -> str | None:
        """A token when the lock is ours now, "" when another has it, None when Redis is down."""
        token = uuid.uuid4().hex
        name = f"{self._prefix}{key}:lock"
        got = self._ask("set", name, token, px=_ms(lock_s), nx=True)
        return None if got is MISSING else (token if got else "")

    async def lock_async(self, key: str, lock_s: float) -> str | None:
        """The same, async."""
        token = uuid.uuid4().hex
        name = f"{self._prefix}{key}:lock"
        got = await self._ask_async("set", name, token, px=_ms(lock_s), nx=True)
        return None if got is MISSING else (token if got else "")

    def unlock(self, key: str, token: str) -> None:
        """Give the lock back if it is still ours."""
        self._ask("eval", _UNLOCK, 1, f"{self._prefix}{key}:lock", token)

    async def unlock_async(self, key: str, token: str) -> None:
        """The same, async."""
        await self._ask_async("eval", _UNLOCK, 1, f"{self._prefix}{key}:lock", token)

    def _ask(self, command: str, *args: Any, **named: Any) -> Any:
        """The answer, or MISSING when Redis cannot be asked."""
        try:
            return self._circuit.call(getattr(self._client, command), *args, **named)
        except CircuitOpen:
            return MISSING
        except self._errors as error:
            self._down(error)
            return MISSING

    async def _ask_async(self, command: str, *args: Any, **named: Any) -> Any:
        loop = asyncio.get_running_loop()
        client = self._clients_async.get(loop)
        if client is None:
            client = self._clients_async[loop] = self._new_client_async()
        try:
            return await self._circuit.call_async(getattr(client, command), *args, **named)
        except CircuitOpen:
            return MISSING
        except self._errors as error:
            self._down(error)
            return MISSING

    def _down(self, error: Exception) -> None:
        # Its text may quote the address, which may hold a password: the kind says enough.
        if self._circuit.state == "open":
            _log.warning(
                "cache: Redis cannot be used, left alone for 5 s: %s", type(error).__name__
            )

    def _read(self, data: Any) -> Any:
        if data is MISSING or data is None:
            return MISSING
        try:
            return self._decode(data)
        except ValueError:
            self._warn("a value in Redis is damaged or foreign, and is worked out anew")
            return MISSING

    def _written(self, value: Any) -> bytes | None:
        try:
            data = self._encode(value)
        except NotStorable as error:
            self._warn(f"not kept in Redis: {error}; give the store encode= and decode= for it")
            return None
        if len(data) > self._max_value_bytes:
            self._warn(f"not kept in Redis: a value above {self._max_value_bytes} bytes")
            return None
        return data

    def _warn(self, text: str) -> None:
        """Say it once: the same would follow with every request."""
        if text not in self._warned and len(self._warned) < 100:
            self._warned.add(text)
            _log.warning("cache: %s", text)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
