"""Work that cannot be interrupted, given a time limit: in a thread that is left behind.

A name look-up, a TLS handshake or a server that sends one byte a second all outlast the time-out
of a socket. Waiting for a thread does not. The thread that is left behind ends when its call does;
what it holds until then is the price, so the work should have time-outs of its own besides.
"""

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from seatrial_runtime.resilience.deadlines import DeadlineExceeded, limited_s

T = TypeVar("T")


def begin(work: Callable[[], T]) -> "concurrent.futures.Future[T]":
    """Run `work` in a daemon thread of its own, with the context of the caller.

    Not in a pool: a few calls that hang would take all its threads, and the pool is joined when
    the process ends.
    """
    future: concurrent.futures.Future[T] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = context.run(work)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="seatrial-call", daemon=True).start()
    return future


def run_within(seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`; DeadlineExceeded after `seconds`, or at the deadline if sooner."""
    limit_s = limited_s(seconds)
    future = begin(work)
    done, _ = concurrent.futures.wait([future], timeout=limit_s)
    if not done:
        raise DeadlineExceeded(f"no result within {limit_s:g} s")
    return future.result()


def seen(future: "asyncio.Future[Any]") -> None:
    """Takes the exception that nobody may wait for any more: asyncio would complain about it."""
    if not future.cancelled():
        future.exception()


async def run_within_async(seconds: float, work: Callable[[], T]) -> T:
    """The same without blocking the event loop; cancelling leaves the thread behind."""
    limit_s = limited_s(seconds)
    future = asyncio.wrap_future(begin(work))
    future.add_done_callback(seen)
    done, _ = await asyncio.wait([future], timeout=limit_s)
    if not done:
        raise DeadlineExceeded(f"no result within {limit_s:g} s")
    return future.result()
