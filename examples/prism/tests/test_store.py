"""Sessions in memory and in Redis: the same behaviour, bounded, and no field overwrites another."""

from __future__ import annotations

import threading

import pytest
import redis

from prism import library, reading, results, sample
from prism.library import Message
from prism.store import MemoryStore, RedisStore, Store, StoreError, connect_redis


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore(100, 10_000_000, 3600)
    client = connect_redis(request.getfixturevalue("redis_url"))
    client.flushdb()
    return RedisStore(client, 3600)


def test_fields(store: Store) -> None:
    store.ping()
    assert store.read("a") == {} and store.get("a", "x") is None
    store.write("a", {"x": b"1", "y": b"\x00\xff"})
    store.write("a", {"x": b"2"})
    assert store.read("a") == {"x": b"2", "y": b"\x00\xff"}
    store.drop("a", "x", "not there")
    assert store.read("a") == {"y": b"\x00\xff"}
    store.delete("a")
    assert store.read("a") == {}


def test_writers_at_the_same_time_lose_nothing(store: Store) -> None:
    def write(who: int) -> None:
        for at in range(50):
            store.write("group", {f"{who}:{at}": b"x" * who})

    threads = [threading.Thread(target=write, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.read("group")) == 400


def test_memory_is_bounded_in_number_bytes_and_age() -> None:
    now = [0.0]
    store = MemoryStore(3, 1000, 60, clock_s=lambda: now[0])
    for name in "abcd":
        store.write(name, {"x": b"1"})
    assert [name for name in "abcd" if store.read(name)] == ["b", "c", "d"]
    store.read("b")  # used again: now c is the oldest
    store.write("e", {"x": b"1" * 600})
    assert store.size_bytes <= 1000 and store.read("e") and not store.read("c")
    store.write("f", {"x": b"1" * 2000})  # larger than all there may be
    assert store.size_bytes == 0 and not store.read("f")
    store.write("g", {"x": b"1"})
    now[0] = 59.0
    assert store.read("g")
    now[0] = 120.0
    assert store.read("g") == {} and store.size_bytes == 0


def test_redis_forgets_after_the_last_use(redis_url: str) -> None:
    client = connect_redis(redis_url)
    store = RedisStore(client, 3600)
    store.write("prism:x", {"a": b"1"})
    client.expire("prism:x", 10)
    store.read("prism:x")
    assert client.ttl("prism:x") > 3000


def test_a_silent_redis_is_an_error_soon() -> None:
    store = RedisStore(connect_redis("redis://127.0.0.1:1/0"), 3600)
    with pytest.raises(StoreError):
        store.ping()
    assert issubclass(redis.RedisError, StoreError)


def test_the_library(store: Store) -> None:
    document = reading.read(sample.build(), "x", 200)
    ids = [library.add(store, "owner", f"{at}.docx", document) for at in range(22)]
    kept = [label["id"] for label in library.shelf(store, "owner")]
    assert kept == ids[:1:-1]
    assert library.load(store, ids[0]) is None and library.load(store, "../../etc") is None
    entry = library.load(store, ids[-1])
    assert entry and entry.document == document and entry.status.state == "waiting"
    analysis = results.Analysis("model-x", "Sum.", usage=results.Usage(1, 10, 5, None))
    library.keep_section(store, entry.id, 2, analysis)
    for at in range(25):
        library.say(store, entry, Message("user", f"q{at}", []), Message("prism", f"a{at}", []))
    again = library.load(store, entry.id)
    assert again and again.sections == {2: analysis} and again.usage.cost_usd is None
    assert len(again.chat) == library.MAX_MESSAGES
    assert [line.text for line in again.chat[-2:]] == ["q24", "a24"]
