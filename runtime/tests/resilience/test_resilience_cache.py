import asyncio
import random
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial_runtime.resilience.caches import Cache, cache, default_store, default_ttl_s
from seatrial_runtime.resilience.deadlines import DeadlineExceeded, deadline
from seatrial_runtime.resilience.sizes import deep_size
from seatrial_runtime.resilience.stores import MISSING, MemoryStore


def memory(max_bytes: int = 1_000_000) -> Cache:
    return Cache("test", ttl_s=60, store=MemoryStore(max_bytes))


def eventually(check: object, timeout_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline_s, "not within its time"
        time.sleep(0.005)


def test_each_function_and_each_argument_has_its_own_value() -> None:
    shared = memory()

    def make(factor: int) -> "tuple[list[object], object]":
        seen: list[object] = []

        @cache(within=shared)
        def times(x: object, *, plus: int = 0) -> tuple[object, int]:
            seen.append(x)
            return x, factor + plus

        return seen, times

    seen, two = make(2)
    _, three = make(3)
    assert two(1) == two(1) == (1, 2)  # type: ignore[operator]
    assert three(1) == (1, 3)  # type: ignore[operator]
    # Equal, and yet not the same.
    assert [type(two(x)[0]) for x in (1, True, 1.0)] == [int, bool, float]  # type: ignore[operator]
    assert two(1, plus=5) == (1, 7)  # type: ignore[operator]
    assert seen == [1, True, 1.0, 1]
    # What cannot be hashed is written down, whatever its order.
    assert two({"a": 1, "b": [2]})[1] == 2  # type: ignore[operator]
    two({"b": [2], "a": 1})  # type: ignore[operator]
    assert len(seen) == 5
    two.forget(1)  # type: ignore[attr-defined]
    two(1)  # type: ignore[operator]
    assert len(seen) == 6
    with pytest.raises(TypeError, match="give key="):
        two({"x": object()})  # type: ignore[operator]


def test_none_is_a_value_and_errors_are_not() -> None:
    held, calls = memory(), []

    @cache(within=held)
    def look(x: int) -> None:
        calls.append(x)
        if x < 0:
            raise KeyError(x)

    assert look(1) is look(1) is None
    for _ in range(2):
        with pytest.raises(KeyError):
            look(-1)
    assert calls == [1, -1, -1]


def test_a_value_ends_with_its_time() -> None:
    held = memory()
    held.put("long", 1)
    held.put("short", 2, ttl_s=0.05)
    assert held.get("short") == 2
    eventually(lambda: held.get("short") is None)
    assert held.get("long") == 1
    held.put("none", 3, ttl_s=0)
    assert held.get("none") is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4000), st.integers(1, 1000))),
    st.integers(1, 20_000),
)
def test_never_more_bytes_than_the_bound_and_exact(
    puts: list[tuple[int, int, int]], max_bytes: int
) -> None:
    store = MemoryStore(max_bytes)
    model: dict[int, bytes] = {}
    for key, length, ttl_s in puts:
        value = bytes(length)
        model[key] = value
        driven_out = store.put(key, value, ttl_s)
        assert 0 <= driven_out <= len(model)
        held = {k: v for k, v in model.items() if store.get(k) is not MISSING}
        assert all(store.get(k) == v for k, v in held.items())
        # The sum of what is there, measured anew, is what the store believes.
        assert store.bytes_held == sum(deep_size(v) + deep_size(k) for k, v in held.items())
        assert store.bytes_held <= max_bytes
        fits = deep_size(value) + deep_size(key) <= max_bytes
        assert (key in held) == fits
        model = held


def test_a_value_that_changes_does_not_upset_the_sum() -> None:
    store = MemoryStore(100_000)
    value: list[int] = []
    store.put("a", value, 60)
    value.extend(range(1000))
    store.remove("a")
    assert store.bytes_held == 0


def test_sizes_reach_everything() -> None:
    class Box:
        __slots__ = ("held",)

        def __init__(self, held: object) -> None:
            self.held = held

    big = "x" * 10_000
    for value in ([big], {"k": big}, {big: 1}, (1, (2, {big})), Box(big), Box(Box([big]))):
        assert 10_000 < deep_size(value) < 12_000
    assert deep_size([big, big]) < 12_000  # Counted once.
    knot: list[object] = []
    knot.append(knot)
    assert deep_size(knot) < 1000
    assert deep_size(sys) < 1000


def test_one_thread_computes_for_all() -> None:
    held, release = memory(), threading.Event()
    computed, results = [], []

    def compute() -> str:
        computed.append(1)
        release.wait(20)
        return "value"

    threads = [
        threading.Thread(target=lambda: results.append(held.get_or_compute("k", compute)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: computed)
    assert held.get_or_compute("other", lambda: 1) == 1  # Other keys do not wait.
    release.set()
    for thread in threads:
        thread.join(20)
    assert computed == [1]
    assert results == ["value"] * 20


@pytest.mark.parametrize(("error", "fail"), [(ValueError("bad"), 8), (SystemExit(), 1)])
def test_an_error_goes_to_all_that_wait_and_a_killed_one_hands_over(
    error: BaseException, fail: int
) -> None:
    held, release = memory(), threading.Event()
    inside: list[int] = []
    failed: list[BaseException] = []
    results: list[str] = []

    def compute() -> str:
        inside.append(1)
        if len(inside) > 1:
            return "second"
        release.wait(20)
        raise error

    def one() -> None:
        try:
            results.append(held.get_or_compute("k", compute))
        except BaseException as caught:
            failed.append(caught)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: inside)
    # All others wait on the flight of the first.
    future = held._flights._flights["k"].future
    eventually(lambda: len(future._waiters) >= 7)
    release.set()
    for thread in threads:
        thread.join(20)
    assert failed == [error] * fail
    assert results == ["second"] * (8 - fail)
    assert len(inside) == (1 if fail == 8 else 2)
    assert held.get("k") == (None if fail == 8 else "second")


def test_async_single_flight_with_a_cancelled_leader_and_a_cancelled_waiter() -> None:
    async def run() -> None:
        held, began = memory(), []

        async def compute() -> str:
            began.append(1)
            await asyncio.sleep(0.05 if len(began) > 1 else 60)
            return "value"

        def ask() -> "asyncio.Task[str]":
            return asyncio.create_task(held.get_or_compute_async("k", compute))

        leader = ask()
        await asyncio.sleep(0)
        waiters = [ask() for _ in range(5)]
        await asyncio.sleep(0.01)
        waiters[0].cancel()
        await asyncio.sleep(0)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        assert await asyncio.gather(*waiters[1:]) == ["value"] * 4
        assert began == [1, 1]
        with pytest.raises(asyncio.CancelledError):
            await waiters[0]

        async def fail() -> None:
            await asyncio.sleep(0.01)
            raise ValueError("bad")

        results = await asyncio.gather(
            *(held.get_or_compute_async("f", fail) for _ in range(4)), return_exceptions=True
        )
        assert [type(result) for result in results] == [ValueError] * 4

    asyncio.run(run())


def test_a_function_that_asks_for_itself_does_not_wait_for_itself() -> None:
    held = memory()

    def compute() -> str:
        return "inner" if held.get("depth") else again()

    def again() -> str:
        held.put("depth", 1)
        return str(held.get_or_compute("k", compute)) + "+outer"

    done: list[str] = []
    thread = threading.Thread(target=lambda: done.append(held.get_or_compute("k", compute)))
    thread.daemon = True
    thread.start()
    thread.join(20)
    assert done == ["inner+outer"]


def test_a_plain_call_on_the_loop_does_not_stop_the_task_it_would_wait_for() -> None:
    held = memory()

    async def compute() -> str:
        await asyncio.sleep(0)
        return str(held.get_or_compute("k", lambda: "plain")) + "+async"

    async def run() -> list[str]:
        task = asyncio.create_task(held.get_or_compute_async("k", compute))
        await asyncio.sleep(0)
        return [held.get_or_compute("k", lambda: "beside"), await task]

    results: list[str] = []
    thread = threading.Thread(target=lambda: results.extend(asyncio.run(run())), daemon=True)
    thread.start()
    thread.join(20)
    assert results == ["beside", "beside+async"]


def test_a_waiter_gives_up_at_its_own_deadline() -> None:
    held, release = memory(), threading.Event()
    thread = threading.Thread(target=held.get_or_compute, args=("k", lambda: release.wait(60)))
    thread.start()
    eventually(lambda: held._flights._flights)
    with deadline(0.05), pytest.raises(DeadlineExceeded):
        held.get_or_compute("k", lambda: True)

    async def run() -> None:
        async def unused() -> None:
            raise AssertionError("another works it out")

        with deadline(0.05), pytest.raises(DeadlineExceeded):
            await held.get_or_compute_async("k", unused)

    asyncio.run(run())
    release.set()
    thread.join(20)
    assert held.get("k") is True


def test_many_threads_at_random_get_what_belongs_to_their_key() -> None:
    held = memory(4_000)  # So little that values are driven out all the time.
    wrong: list[object] = []

    @cache(within=held)
    def square(x: int) -> list[int]:
        return [x * x] * 20

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(2000):
            x = chance.randrange(50)
            if square(x) != [x * x] * 20:
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert held.store.bytes_held <= 4_000


def test_defaults_from_the_environment() -> None:
    assert default_ttl_s({}) == 600
    assert default_ttl_s({"SEATRIAL_ENVIRONMENT": "staging"}) == 1800
    assert default_ttl_s({"SEATRIAL_ENVIRONMENT": "production"}) == 3600
    assert default_ttl_s({"SEATRIAL_ENVIRONMENT": "production", "CACHE_TTL": "5s"}) == 5
    for nonsense in ("soon", "-1", "nan", "inf"):
        with pytest.raises(ValueError, match="CACHE_TTL"):
            default_ttl_s({"CACHE_TTL": nonsense})
    with pytest.raises(ValueError, match="CACHE_MAX_BYTES"):
        default_store({"CACHE_MAX_BYTES": "1.5G"})
    assert isinstance(default_store({"REDIS_URL": "redis://h"}), MemoryStore)
    enabled = default_store({"REDIS_URL": "redis://:secret@h", "REDIS_ENABLED": "true"})
    assert enabled.shared and "secret" not in repr(enabled)


def test_generators_are_refused() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="numbers"):
        cache(numbers)
