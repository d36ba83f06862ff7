"""Rate limits in Redis: right across replicas. Without Redis, those of this replica hold."""

import os
import threading
import time
from typing import Any

from seatrial_runtime.guard.buckets import Buckets, Pace, Taken, outcome
from seatrial_runtime.telemetry import metrics
from seatrial_runtime.telemetry.logs import emit

_PREFIX = "seatrial:limit:"
_TIMEOUT_S = 0.5
_PROBE_EVERY_S, _SAY_EVERY_S = 1.0, 10.0
_CONNECTIONS = 16
# How long a user stays known: a new one draws from its address's bucket too.
_USER_KEPT_MS = 3_600_000

# The same as Buckets.take, on the one clock that all replicas share. Times in microseconds: they
# are exact in Lua's doubles until the year 2255.
_TAKE = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local step, burst, kept_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = tonumber(redis.call('GET', KEYS[1]) or '')
local fresh = full == nil and 1 or 0
full = math.min(math.max(full or now, now), now + burst)
local ahead = full + step - now
if ahead > burst then return {ahead, fresh} end
kept_ms = math.max(math.ceil(ahead / 1000), kept_ms)
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', kept_ms)
return {ahead, fresh}
"""


class _Health:
    """Whether to ask Redis now. While it is down, one request a second tries.

    Down is two failures, the second of a request that came after the first: a busy machine alone
    can make all answers late that are waited for at one moment.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._probe_s: float | None = None
        self._failures, self._failed_s = 0, 0.0
        self._said_s = -_SAY_EVERY_S

    def usable(self) -> bool:
        if self._probe_s is None:
            return True
        with self._lock:
            now_s = time.monotonic()
            if self._probe_s is not None and now_s < self._probe_s:
                return False
            self._probe_s = now_s + _PROBE_EVERY_S
            return True

    def worked(self) -> None:
        self._failures = 0
        if self._probe_s is not None:
            self._probe_s = None
            emit("info", "rate_limit_store", message="Redis answers again")

    def failed(self, error: BaseException, asked_s: float) -> None:
        with self._lock:
            now_s = time.monotonic()
            if asked_s >= self._failed_s:
                self._failures, self._failed_s = self._failures + 1, now_s
            if self._failures < 2:
                return
            self._probe_s = now_s + _PROBE_EVERY_S
            if now_s - self._said_s < _SAY_EVERY_S:
                return
            self._said_s = now_s
        text = f"{type(error).__name__}: {error}; this replica counts alone until it answers"
        emit("warning", "rate_limit_store", message=text)


def _arguments(key: str, pace: Pace) -> list[int]:
    kept_ms = _USER_KEPT_MS if key.startswith("user ") else 0
    return [pace.step_ns // 1000, pace.burst_ns // 1000, kept_ms]


def _outcome(answer: list[int], pace: Pace) -> Taken:
    ahead_us, fresh = answer
    return outcome(ahead_us * 1000, pace, bool(fresh))


def _salt(held: Any) -> bytes:
    return bytes.fromhex(held.decode())


class _Store:
    """What both have: a connection pool of one flavour of the client, and what holds without it."""

    def __init__(self, client: Any, url: str, local: Buckets) -> None:
        redis = _redis()
        pool = client.BlockingConnectionPool.from_url(
            url,
            timeout=_TIMEOUT_S,
            max_connections=_CONNECTIONS,
            socket_connect_timeout=_TIMEOUT_S,
            socket_timeout=_TIMEOUT_S,
            # Ten retries are the default: five seconds for each request while Redis is down.
            retry=client.retry.Retry(redis.backoff.NoBackoff(), 0),
        )
        self._client = client.Redis(connection_pool=pool)
        self._script = self._client.register_script(_TAKE)
        self._errors = (redis.RedisError, OSError)
        self._local, self._health = local, _Health()
        self.salt = local.salt
        self._shared_salt = False
        metrics.STORE_FAILURES.of().add(0)  # Told from the first, so that an alarm can rely on it.

    def _alone(self, key: str, pace: Pace) -> Taken:
        metrics.STORE_FAILURES.of().add()
        return self._local.take(key, pace)


class RedisStore(_Store):
    """For WSGI: called from many threads."""

    def __init__(self, url: str, local: Buckets) -> None:
        super().__init__(_redis(), url, local)

    def take(self, key: str, pace: Pace) -> Taken:
        """Count one request of `key` in Redis, or here while Redis does not answer."""
        if not self._health.usable():
            return self._alone(key, pace)
        asked_s = time.monotonic()
        try:
            if not self._shared_salt:
                self._share_salt()
            answer = self._script(keys=[_PREFIX + key], args=_arguments(key, pace))
        except self._errors as error:
            self._health.failed(error, asked_s)
            return self._alone(key, pace)
        self._health.worked()
        return _outcome(answer, pace)

    def _share_salt(self) -> None:
        name = _PREFIX + "salt"
        self._client.set(name, os.urandom(32).hex(), nx=True)
        self.salt = _salt(self._client.get(name))
        self._shared_salt = True


class AsyncRedisStore(_Store):
    """For ASGI: called in one event loop."""

    def __init__(self, url: str, local: Buckets) -> None:
        super().__init__(_redis().asyncio, url, local)

    async def take(self, key: str, pace: Pace) -> Taken:
        """Count one request of `key` in Redis, or here while Redis does not answer."""
        if not self._health.usable():
            return self._alone(key, pace)
        asked_s = time.monotonic()
        try:
            if not self._shared_salt:
                await self._share_salt()
            answer = await self._script(keys=[_PREFIX + key], args=_arguments(key, pace))
        except self._errors as error:
            self._health.failed(error, asked_s)
            return self._alone(key, pace)
        self._health.worked()
        return _outcome(answer, pace)

    async def _share_salt(self) -> None:
        name = _PREFIX + "salt"
        await self._client.set(name, os.urandom(32).hex(), nx=True)
        self.salt = _salt(await self._client.get(name))
        self._shared_salt = True


def _redis() -> Any:
    try:
        # An extra, and half a second to import: only where it is configured.
        import redis
        import redis.asyncio.retry
        import redis.backoff  # Likewise.
    except ImportError:
        raise ImportError(
            "--rate-limit-store names a Redis: pip install seatrial-runtime[redis]"
        ) from None
    return redis
