"""The shared table: exact under threads and processes, and no worse after kill -9."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import wait_for
from seatrial_runtime.guard import buckets, locks
from seatrial_runtime.guard.buckets import Buckets, Pace, create, outcome
from seatrial_runtime.settings.parsers import Rate

A_DAY = Pace(Rate(1000, 86400))  # Nothing comes back while a test runs.


@pytest.fixture(params=["mutexes", "records"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    if request.param == "records":
        monkeypatch.setattr(locks, "prepare", lambda fd, offset: False)
    return create(256)


def in_processes(count: int, work: Callable[[], int]) -> list[int]:
    """Run it in so many at once; each tells a number up to 65535."""
    ends = []
    for _ in range(count):
        out, into = os.pipe()
        if os.fork() == 0:
            os.write(into, work().to_bytes(2, "little"))
            os._exit(0)
        os.close(into)
        ends.append(out)
    found = [int.from_bytes(os.read(end, 2), "little") for end in ends]
    for end in ends:
        os.close(end)
    for _ in ends:
        os.wait()
    return found


def test_exact_under_processes_and_threads(table: int) -> None:
    def work() -> int:
        own, allowed = Buckets(table), []

        def take() -> None:
            for _ in range(200):
                if own.take("203.0.113.9", A_DAY)[0]:
                    allowed.append(1)

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(allowed)

    assert sum(in_processes(4, work)) == 1000


def test_many_keys_under_processes(table: int) -> None:
    def work() -> int:
        own, pace = Buckets(table), Pace(Rate(3, 86400))
        return sum(own.take(f"k{number % 40}", pace)[0] for number in range(1200))

    assert sum(in_processes(3, work)) == 40 * 3


def test_a_killed_holder_holds_nobody_up(table: int) -> None:
    child = os.fork()
    if child == 0:
        own = Buckets(table)
        for handle in own._locks.handles:
            own._locks.take(handle)
        own._map[buckets._HAS_MUTEXES + 1] = 1
        while True:
            time.sleep(1)
    own = Buckets(table)
    wait_for(lambda: own._map[buckets._HAS_MUTEXES + 1], "holder")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert [own.take("a", A_DAY)[1] for _ in range(3)] == [999, 998, 997]


def test_killed_again_and_again(table: int) -> None:
    """Workers die anywhere in `take`; the others go on, and no more than the rate gets through."""
    own, allowed = Buckets(table), 0
    for _ in range(15):
        child = os.fork()
        if child == 0:
            busy = Buckets(table)
            while True:
                busy.take("other", A_DAY)
        for _ in range(100):
            allowed += own.take("mine", A_DAY)[0]
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert allowed == 1000


def test_idle_ones_make_room_and_busy_ones_stay() -> None:
    own = Buckets(create(8))  # One set.
    slow, quick = Pace(Rate(10, 86400)), Pace(Rate(1000, 1))
    for _ in range(10):
        own.take("busy", slow)
    for number in range(100):
        assert own.take(f"passer-by {number}", quick)[0]
    assert not own.take("busy", slow)[0]


def test_hostile_keys_cannot_aim() -> None:
    """Where a key goes depends on the table's own salt."""
    first, second = Buckets(create(65536)), Buckets(create(65536))
    keys = [f"k{number}" for number in range(50)]
    assert [first._place(key)[::2] for key in keys] != [second._place(key)[::2] for key in keys]
    for number in range(20000):
        first.take(f"flood {number}", A_DAY)
    assert len(first._places) <= 8192


def test_a_changed_rate_shuts_nobody_out() -> None:
    own = Buckets(create(8))
    for _ in range(1000):
        own.take("a", A_DAY)
    allowed, _, _, retry_s, _ = own.take("a", Pace(Rate(10, 1)))
    assert not allowed and retry_s <= 1


def test_what_is_told() -> None:
    pace = Pace(Rate(60, 60))
    assert outcome(1_000_000_000, pace, True) == (True, 59, 1, 0, True)
    assert outcome(60_000_000_000, pace, False) == (True, 0, 60, 0, False)
    assert outcome(60_000_000_001, pace, False) == (False, 0, 60, 1, False)
    assert outcome(61_000_000_000, pace, False) == (False, 0, 60, 1, False)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 50),
    st.integers(1, 100),
    st.lists(st.integers(0, 5_000_000_000), min_size=1, max_size=120),
)
def test_never_more_than_the_rate_in_any_window(
    count: int, period_s: int, waits_ns: list[int]
) -> None:
    clock = [10**12]
    own, pace, let = Buckets(create(8)), Pace(Rate(count, period_s)), []
    with mock.patch.object(buckets, "monotonic_ns", lambda: clock[0]):
        for wait_ns in waits_ns:
            clock[0] += wait_ns
            if own.take("a", pace)[0]:
                let.append(clock[0])
    for index, start in enumerate(let):
        for last in range(index, len(let)):
            refilled = (let[last] - start) // pace.step_ns
            assert last - index + 1 <= count + refilled


if sys.platform.startswith("linux"):

    def test_linux_has_the_quick_locks() -> None:
        assert Buckets(create(8))._map[buckets._HAS_MUTEXES] == 1
