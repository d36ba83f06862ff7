"""How long the present piece of work may still take, told to everything that runs in it.

A thread cannot be interrupted from outside, so a time limit in plain code is a promise that the
code keeps by itself: sockets get what is left as their time-out, and nothing new is begun once
nothing is left. The deadline is in a context variable: tasks and `asyncio.to_thread` inherit it,
a thread that the app starts by itself does not.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_s: ContextVar[float | None] = ContextVar("seatrial_deadline", default=None)


class DeadlineExceeded(TimeoutError):
    """The time that was allowed is over."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What runs inside has `seconds` from now, or what an outer deadline leaves if that is less.

    It carries the limit and stops nothing by itself: see `timeout` for that. Usable in sync and
    async code, and as a decorator of a sync function.
    """
    if seconds != seconds:
        raise ValueError("a deadline of NaN seconds")
    outer_s = _ends_s.get()
    own_s = time.monotonic() + seconds
    token = _ends_s.set(own_s if outer_s is None else min(own_s, outer_s))
    try:
        yield
    finally:
        _ends_s.reset(token)


def remaining_s() -> float | None:
    """Seconds until the deadline, negative once it has passed; None without one."""
    ends_s = _ends_s.get()
    return None if ends_s is None else ends_s - time.monotonic()


def limited_s(limit_s: float) -> float:
    """`limit_s`, or what is left if that is less: a time-out for a socket, a query, a wait.

    Raises DeadlineExceeded when nothing is left, so that the call is not begun at all.
    """
    left_s = remaining_s()
    if left_s is None:
        return limit_s
    if left_s <= 0:
        raise DeadlineExceeded(f"the deadline passed {-left_s:.3f} s ago")
    return min(limit_s, left_s)
