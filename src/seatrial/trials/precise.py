"""What a process needs to send on time: a loop that wakes up in time, and no pauses of its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import select
import selectors
import sys
from collections.abc import Callable, Iterator


class PreciseLoop(asyncio.SelectorEventLoop):
    """An event loop that wakes up in time, by the clock it is given.

    The loop on epoll rounds every sleep up to a millisecond, because epoll_wait(2) counts in
    milliseconds. Waiting for the epoll descriptor itself in select(2), which counts in
    microseconds, costs one more system call and no spinning; kqueue (macOS) needs neither.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._trial_clock = clock
        super().__init__(_PreciseSelector() if sys.platform == "linux" else None)

    def time(self) -> float:
        return self._trial_clock()


if sys.platform == "linux":

    class _PreciseSelector(selectors.EpollSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            descriptor = self.fileno()
            if timeout is not None and timeout > 0 and descriptor < 1024:  # FD_SETSIZE
                select.select((descriptor,), (), (), timeout)
                timeout = 0
            return super().select(timeout)


@contextlib.contextmanager
def quiet(descriptors: int) -> Iterator[None]:
    """Nothing of ours may pause the sends: no garbage collection, no lack of descriptors.

    Raises the soft limit of open files to `descriptors`, as far as the hard limit lets it; puts
    everything back at the end.
    """
    was_enabled = gc.isenabled()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
