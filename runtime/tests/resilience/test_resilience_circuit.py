import asyncio
import pickle
import threading
import time
from collections.abc import Iterator

import pytest

from seatrial_runtime.resilience.circuit import CircuitBreaker, CircuitOpen, circuit_breaker


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def boom() -> None:
    raise OSError("down")


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(OSError):
            breaker.call(boom)


def test_opens_after_five_in_a_row_and_says_for_how_long() -> None:
    clock = Clock()
    breaker = CircuitBreaker("db", clock=clock)
    fail(breaker, 4)
    assert breaker.call(lambda: 7) == 7
    fail(breaker, 5)
    assert breaker.state == "open"
    clock.now_s += 10
    with pytest.raises(CircuitOpen) as refused:
        breaker.call(lambda: 7)
    assert refused.value.name == "db"
    assert refused.value.retry_after_s == pytest.approx(20)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_half_open_lets_exactly_one_of_fifty_threads_through() -> None:
    clock = Clock()
    breaker = CircuitBreaker("db", clock=clock)
    fail(breaker, 5)
    clock.now_s += 30
    inside, refused = [], []
    all_began, release = threading.Barrier(51), threading.Event()

    def trial() -> str:
        inside.append(1)
        release.wait(20)
        return "up"

    def one() -> None:
        all_began.wait(20)
        try:
            breaker.call(trial)
        except CircuitOpen:
            refused.append(1)

    threads = [threading.Thread(target=one) for _ in range(50)]
    for thread in threads:
        thread.start()
    all_began.wait(20)
    deadline_s = time.monotonic() + 20
    while len(inside) + len(refused) < 50 and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert (len(inside), len(refused)) == (1, 49)
    assert breaker.state == "half-open"
    release.set()
    for thread in threads:
        thread.join(20)
    assert breaker.state == "closed"


def test_calls_run_side_by_side() -> None:
    breaker = CircuitBreaker("slow")
    together = threading.Barrier(10)  # Passed only when all ten are inside at once.
    threads = [threading.Thread(target=breaker.call, args=(together.wait, 20)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not together.broken
    assert breaker.state == "closed"


def test_a_trial_call_that_never_comes_back_gives_way_and_is_not_judged_later() -> None:
    clock = Clock()
    breaker = CircuitBreaker("db", clock=clock)
    fail(breaker, 5)
    clock.now_s += 30
    lost = breaker.enter()
    clock.now_s += 29
    with pytest.raises(CircuitOpen):
        breaker.enter()
    clock.now_s += 1
    assert breaker.call(lambda: 1) == 1
    breaker.failed(lost)
    assert breaker.state == "closed"


def test_calls_from_before_the_opening_do_not_close_it() -> None:
    breaker = CircuitBreaker("db", clock=Clock())
    early = breaker.enter()
    fail(breaker, 5)
    breaker.succeeded(early)
    assert breaker.state == "open"


def test_excluded_exceptions_count_as_success_and_cancellation_as_nothing() -> None:
    clock = Clock()
    breaker = CircuitBreaker("db", exclude=(KeyError,), clock=clock)
    fail(breaker, 4)
    with pytest.raises(KeyError):
        breaker.call({}.__getitem__, "x")
    fail(breaker, 4)
    assert breaker.state == "closed"
    with pytest.raises(KeyboardInterrupt), breaker:
        raise KeyboardInterrupt
    fail(breaker, 1)
    assert breaker.state == "open"

    clock.now_s += 30
    with pytest.raises(KeyboardInterrupt), breaker:
        raise KeyboardInterrupt
    assert breaker.call(lambda: 1) == 1  # The trial that was cancelled leaves its place free.
    assert breaker.state == "closed"


def test_rate_in_a_window_that_slides() -> None:
    clock = Clock()
    breaker = CircuitBreaker("db", failure_rate=0.5, window_s=10, min_calls=10, clock=clock)
    for _ in range(9):
        fail(breaker, 1)
    assert breaker.state == "closed"  # Too few calls to tell.
    clock.now_s += 20
    for _ in range(6):
        breaker.call(int)
    fail(breaker, 5)
    assert breaker.state == "closed"  # 5 of 11, the old nine are forgotten.
    fail(breaker, 1)
    assert breaker.state == "open"


def test_as_decorator_and_context_manager_sync_and_async() -> None:
    @circuit_breaker(failures=2)
    def plain(x: int) -> int:
        """Doc."""
        return 10 // x

    @circuit_breaker("named", failures=1)
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return 10 // x

    assert plain(5) == 2 and plain.__doc__ == "Doc."
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            plain(0)
    with pytest.raises(CircuitOpen, match="plain"):
        plain(5)

    async def run() -> None:
        assert await later(5) == 2
        with pytest.raises(ZeroDivisionError):
            await later(0)
        with pytest.raises(CircuitOpen, match="named"):
            await later(5)
        breaker = CircuitBreaker("both", failures=1)

        async def hold(seconds: float) -> None:
            async with breaker:
                await asyncio.sleep(seconds)

        await asyncio.gather(hold(0.02), hold(0.01), hold(0.0))
        with pytest.raises(OSError):
            async with breaker:
                raise OSError
        with pytest.raises(CircuitOpen):
            async with breaker:
                pass

    asyncio.run(run())


def test_generators_and_nonsense_are_refused() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="numbers"):
        circuit_breaker()(numbers)
    for options in ({"failures": 0}, {"open_s": 0}, {"failure_rate": 1.5}, {"min_calls": 0}):
        with pytest.raises(ValueError):
            CircuitBreaker("x", **options)
