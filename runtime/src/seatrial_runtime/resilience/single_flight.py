"""Many ask for the same at the same time: one works it out, the others wait for it."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from seatrial_runtime.resilience.deadlines import DeadlineExceeded, remaining_s
from seatrial_runtime.resilience.threads import seen

_Future = concurrent.futures.Future


class _HandedOver(Exception):
    """The one that worked was cancelled: another has to."""


class _Flight:
    __slots__ = ("future", "owner")

    def __init__(self, owner: object) -> None:
        self.future: _Future[Any] = _Future()
        self.future.set_running_or_notify_cancel()  # So that no waiter can cancel it for others.
        self.owner = owner


class SingleFlight:
    """One computation a key at a time, in this process, shared by threads and event loops.

    An exception goes to everyone who waits, and is not kept. When the one that works is cancelled
    or its thread is ended (a BaseException), one of the others takes over. A waiter gives up at
    its own deadline. A function that asks for its own key works it out itself, not to wait for
    itself for ever.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}
        self._lock = threading.Lock()

    def run(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute()` gives here, or in another thread that began it before."""
        me = threading.get_ident()
        while True:
            flight, leads = self._board(key, me)
            if not leads and (flight.owner == me or _on_this_loop(flight.owner)):
                return compute()
            if leads:
                return self._lead(key, flight, compute)
            concurrent.futures.wait([flight.future], timeout=_patience_s())
            if not flight.future.done():
                raise DeadlineExceeded("the deadline passed while another call worked it out")
            try:
                return flight.future.result()
            except _HandedOver:
                continue

    async def run_async(self, key: Hashable, compute: Callable[[], Awaitable[Any]]) -> Any:
        """The same for an async `compute`; cancelling a waiter does not disturb the others."""
        me = asyncio.current_task()
        while True:
            flight, leads = self._board(key, me)
            if not leads and flight.owner is me:
                return await compute()
            if leads:
                return await self._lead_async(key, flight, compute)
            waiting = asyncio.wrap_future(flight.future)
            waiting.add_done_callback(seen)
            done, _ = await asyncio.wait([waiting], timeout=_patience_s())
            if not done:
                raise DeadlineExceeded("the deadline passed while another call worked it out")
            try:
                return waiting.result()
            except _HandedOver:
                continue

    def _board(self, key: Hashable, me: object) -> tuple[_Flight, bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = _Flight(me)
            return flight, True

    def _lead(self, key: Hashable, flight: _Flight, compute: Callable[[], Any]) -> Any:
        try:
            result = compute()
        except BaseException as error:
            self._land(key, flight, None, error)
            raise
        self._land(key, flight, result, None)
        return result

    async def _lead_async(
        self, key: Hashable, flight: _Flight, compute: Callable[[], Awaitable[Any]]
    ) -> Any:
        try:
            result = await compute()
        except BaseException as error:
            self._land(key, flight, None, error)
            raise
        self._land(key, flight, result, None)
        return result

    def _land(
        self, key: Hashable, flight: _Flight, result: object, error: BaseException | None
    ) -> None:
        with self._lock:
            del self._flights[key]
        if error is None:
            flight.future.set_result(result)
        elif isinstance(error, Exception):
            flight.future.set_exception(error)
        else:
            flight.future.set_exception(_HandedOver())


def _patience_s() -> float | None:
    left_s = remaining_s()
    return None if left_s is None else max(0.0, left_s)


def _on_this_loop(owner: object) -> bool:
    """Whether it is a task of the event loop that runs in this thread: waiting would stop it."""
    if not isinstance(owner, asyncio.Task):
        return False
    try:
        return owner.get_loop() is asyncio.get_running_loop()
    except RuntimeError:
        return False
