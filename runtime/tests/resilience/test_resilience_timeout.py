import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial_runtime.resilience.deadlines import (
    DeadlineExceeded,
    deadline,
    limited_s,
    remaining_s,
)
from seatrial_runtime.resilience.timeouts import timeout


@given(st.lists(st.floats(0.5, 1000), min_size=1, max_size=6))
def test_nested_deadlines_take_the_least(limits: list[float]) -> None:
    def descend(rest: list[float], least: float) -> None:
        if not rest:
            return
        with deadline(rest[0]):
            now_least = min(least, rest[0])
            left_s = remaining_s()
            assert left_s is not None and now_least - 0.4 < left_s <= now_least
            assert limited_s(2000) <= now_least
            assert limited_s(0.001) == 0.001
            descend(rest[1:], now_least)

    descend(limits, float("inf"))
    assert remaining_s() is None
    assert limited_s(5) == 5


def test_nothing_is_begun_when_nothing_is_left() -> None:
    with deadline(0), pytest.raises(DeadlineExceeded):
        limited_s(1)
    called: list[int] = []
    with deadline(-1), pytest.raises(TimeoutError):
        timeout(5)(called.append)(1)
    assert called == []


def test_async_work_is_cancelled() -> None:
    cancelled = []

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    async def run() -> None:
        with pytest.raises(DeadlineExceeded):
            async with timeout(0.02):
                await hang()
        with pytest.raises(DeadlineExceeded):
            await timeout(0.02)(hang)()
        with deadline(0.02), pytest.raises(DeadlineExceeded):
            await timeout(60)(hang)()
        assert remaining_s() is None
        async with timeout(60):
            left_s = remaining_s()
            assert left_s is not None and left_s > 50
            # Its own TimeoutError is not ours.
            with pytest.raises(TimeoutError) as own:
                async with timeout(50):
                    raise TimeoutError("of a socket")
            assert type(own.value) is TimeoutError

    asyncio.run(run())
    assert len(cancelled) == 3


def test_one_object_is_for_one_block() -> None:
    async def run() -> None:
        limit = timeout(60)
        async with limit:
            with pytest.raises(RuntimeError):
                async with limit:
                    pass
        async with limit:
            pass

    asyncio.run(run())


def test_cancelling_from_outside_stays_a_cancellation() -> None:
    async def run() -> None:
        async def work() -> None:
            async with timeout(60):
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_a_plain_function_is_told_and_not_interrupted() -> None:
    @timeout(5)
    def told() -> float | None:
        return remaining_s()

    assert 4 < (told() or 0) <= 5


def test_in_a_thread_the_caller_goes_on() -> None:
    release = threading.Event()

    @timeout(0.05, in_thread=True)
    def hang() -> bool:
        return release.wait(60)

    began_s = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        hang()
    assert time.monotonic() - began_s < 30
    release.set()

    @timeout(20, in_thread=True)
    def fine() -> float | None:
        return remaining_s()

    assert fine()

    @timeout(20, in_thread=True)
    def fails() -> None:
        raise TimeoutError("of a socket")

    with pytest.raises(TimeoutError, match="of a socket"):
        fails()


def test_nonsense_is_refused() -> None:
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ValueError):
            timeout(seconds)
    with pytest.raises(ValueError), deadline(float("nan")):
        pass
