import asyncio
import datetime
import email.utils
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial_runtime.resilience.budgets import RetryBudget
from seatrial_runtime.resilience.circuit import CircuitOpen
from seatrial_runtime.resilience.deadlines import deadline
from seatrial_runtime.resilience.retries import Retry, retry
from seatrial_runtime.resilience.waits import backoff_s, seconds_of, told_by


class Flaky:
    def __init__(self, fails: int, error: Exception | None = None) -> None:
        self.left, self.calls, self.error = fails, 0, error or OSError("down")

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.left:
            raise self.error
        return "up"


def test_tries_again_what_may_pass_only() -> None:
    flaky = Flaky(2)
    assert Retry(OSError, initial_s=0).call(flaky) == "up"
    assert flaky.calls == 3
    flaky = Flaky(3)
    with pytest.raises(OSError):
        Retry(OSError, initial_s=0).call(flaky)
    assert flaky.calls == 3
    flaky = Flaky(1, KeyError("x"))
    with pytest.raises(KeyError):
        Retry(OSError, initial_s=0).call(flaky)
    assert flaky.calls == 1
    flaky = Flaky(1, KeyError("x"))
    assert Retry(lambda error: "x" in str(error), initial_s=0).call(flaky) == "up"


def test_neither_an_open_circuit_nor_a_passed_deadline_is_tried_again() -> None:
    flaky = Flaky(1, CircuitOpen("db", 1.0))
    with pytest.raises(CircuitOpen):
        Retry(Exception, initial_s=0).call(flaky)
    assert flaky.calls == 1


def test_async_and_decorators() -> None:
    flaky = Flaky(2)

    @retry(OSError, initial_s=0)
    async def ask() -> str:
        return flaky()

    assert asyncio.run(ask()) == "up"

    @retry(OSError, initial_s=0, attempts=1)
    def once() -> str:
        return Flaky(1)()

    with pytest.raises(OSError):
        once()

    async def cancelled() -> int:
        calls = 0

        @retry(OSError, initial_s=0)
        async def hang() -> None:
            nonlocal calls
            calls += 1
            await asyncio.sleep(60)

        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return calls

    assert asyncio.run(cancelled()) <= 1


def test_no_wait_is_begun_that_would_end_too_late() -> None:
    began_s = time.monotonic()
    told = OSError("later")
    told.retry_after_s = 20  # type: ignore[attr-defined]
    for again in (
        Retry(OSError, within_s=5),
        Retry(OSError, longest_retry_after_s=10),
    ):
        flaky = Flaky(1, told)
        with pytest.raises(OSError):
            again.call(flaky)
        assert flaky.calls == 1
    with deadline(10), pytest.raises(OSError):
        Retry(OSError).call(Flaky(1, told))
    assert time.monotonic() - began_s < 15


def test_retry_after_is_waited_for() -> None:
    told = OSError("later")
    told.retry_after_s = 0.2  # type: ignore[attr-defined]
    began_s = time.monotonic()
    assert Retry(OSError, initial_s=0).call(Flaky(1, told)) == "up"
    assert time.monotonic() - began_s >= 0.2


@given(
    ratio=st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0]),
    reserve=st.integers(0, 10),
    # What each call asks for: how often it would like to be tried again.
    wishes=st.lists(st.integers(0, 4), max_size=300),
)
def test_retries_stay_within_the_budget(ratio: float, reserve: int, wishes: list[int]) -> None:
    budget = RetryBudget(ratio, reserve)
    retries = 0
    for calls, wish in enumerate(wishes, 1):
        budget.called()
        for _ in range(wish):
            retries += budget.take()
        assert retries <= reserve + ratio * calls + 1e-6


def test_an_outage_is_not_multiplied() -> None:
    flaky = Flaky(10**9)
    again = Retry(OSError, attempts=5, initial_s=0)
    for _ in range(1000):
        with pytest.raises(OSError):
            again.call(flaky)
    # Without a budget it would be 5,000. Ten in reserve, then a tenth of the calls.
    assert 1090 <= flaky.calls <= 1110


@given(st.integers(1, 2000), st.floats(0, 10), st.floats(0, 100))
def test_backoff_is_within_its_bounds(attempt: int, initial_s: float, most_s: float) -> None:
    assert (
        0
        <= backoff_s(attempt, initial_s, most_s)
        <= min(most_s, initial_s * 2.0 ** min(attempt, 60))
    )


def test_backoff_grows_and_scatters() -> None:
    for attempt, bound_s in ((1, 1.0), (2, 2.0), (3, 4.0)):
        waits = [backoff_s(attempt, 1.0, 60.0) for _ in range(2000)]
        assert max(waits) <= bound_s
        assert abs(sum(waits) / len(waits) - bound_s / 2) < bound_s / 10


def test_retry_after_as_libraries_tell_it() -> None:
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=30)
    assert 25 < (seconds_of(email.utils.format_datetime(soon, usegmt=True)) or 0) <= 30
    assert seconds_of("1.5") == 1.5
    for nonsense in ("soon", "", "-3", "1e9", None, float("nan"), "9" * 5000, b"3"):
        assert seconds_of(nonsense) is None
    error = OSError()
    error.response = SimpleNamespace(headers={"Retry-After": "3"})  # type: ignore[attr-defined]
    assert told_by(error) == 3
    boto = OSError()
    boto.response = {"ResponseMetadata": {"HTTPHeaders": {"retry-after": "4"}}}  # type: ignore[attr-defined]
    assert told_by(boto) == 4
    assert told_by(OSError()) is None


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary()))
def test_hostile_retry_after(value: object) -> None:
    told = seconds_of(value)
    assert told is None or told >= 0
