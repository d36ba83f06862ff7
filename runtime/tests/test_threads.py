"""The threads of a WSGI worker: nobody waits for one who is busy, and nobody is lost."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from seatrial_runtime.servers.wsgi_threads import Threads

COUNT = 4


def until(condition: Callable[[], bool], threads: Threads) -> None:
    """Look, as the worker's main thread does."""
    for _ in range(30_000):
        threads.look()
        if condition():
            return
        time.sleep(0.001)
    pytest.fail("it never came to that")


def test_as_many_are_busy_at_once_as_there_are() -> None:
    meeting = threading.Barrier(COUNT, timeout=30)
    met: list[Any] = []

    def serve(connection: Any) -> bool:
        meeting.wait()  # Passes when all of them are here.
        met.append(connection)
        return False

    threads = Threads(COUNT, serve)
    for number in range(3 * COUNT):
        threads.put(number)
    until(lambda: len(met) == 3 * COUNT, threads)
    assert sorted(met) == list(range(3 * COUNT))
    threads.shutdown()


def test_what_takes_long_holds_nobody_up() -> None:
    released, served = threading.Event(), []

    def serve(connection: Any) -> bool:
        if connection == "slow":
            assert released.wait(30)
        served.append(connection)
        return False

    threads = Threads(2, serve)
    threads.put("slow")
    for number in range(50):
        threads.put(number)
    until(lambda: len(served) == 50, threads)
    assert served == list(range(50))  # By the only other thread, in their order.
    assert threads.pause_s(None) is None and threads.pause_s(1.0) == 1.0
    released.set()
    until(lambda: "slow" in served, threads)
    threads.shutdown()


def test_a_connection_with_more_is_served_on() -> None:
    left, waited = {"a": 3, "b": 1}, []

    def serve(connection: Any) -> bool:
        left[connection] -= 1
        waited.append(threads.free())
        return left[connection] > 0

    threads = Threads(1, serve)
    threads.put("a")
    until(lambda: left["a"] == 0, threads)
    threads.put("b")
    until(lambda: left["b"] == 0, threads)
    assert waited == [True] * 4  # Nothing else was there, so it might have waited for more.
    threads.shutdown()


def test_they_end() -> None:
    before = set(threading.enumerate())
    threads = Threads(COUNT, lambda connection: False)
    assert set(threading.enumerate()) == before  # None before there is something to do.
    threads.put("first")
    mine = set(threading.enumerate()) - before
    assert len(mine) == 1
    threads.shutdown()
    until(lambda: not any(thread.is_alive() for thread in mine), threads)
    assert not threads.waiting()
