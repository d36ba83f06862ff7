"""Locks in shared memory, which the kernel frees when it kills who holds one.

On Linux, robust mutexes: taking a free one is no system call, and those cost several microseconds
each in a real request, because they leave the processor's caches cold. Elsewhere, record locks.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

COUNT = 256
BYTES = 64
"""Room for each: a pthread_mutex_t has 40 bytes on x86-64, 48 on ARM."""

_SHARED = _ROBUST = 1  # PTHREAD_PROCESS_SHARED, PTHREAD_MUTEX_ROBUST on Linux.


def prepare(fd: int, offset: int) -> bool:
    """Make the locks at `offset` of a file; False where this system has no robust mutexes."""
    if not sys.platform.startswith("linux"):
        return False
    table = mmap.mmap(fd, 0)
    first = ctypes.c_char.from_buffer(table, offset)
    try:
        libc = ctypes.PyDLL(None)
        attributes = ctypes.create_string_buffer(BYTES)
        failed = libc.pthread_mutexattr_init(attributes)
        failed = failed or libc.pthread_mutexattr_setpshared(attributes, _SHARED)
        failed = failed or libc.pthread_mutexattr_setrobust(attributes, _ROBUST)
        for number in range(COUNT):
            address = ctypes.c_void_p(ctypes.addressof(first) + number * BYTES)
            failed = failed or libc.pthread_mutex_init(address, attributes)
        return not failed
    except (OSError, AttributeError):  # A libc without them.
        return False
    finally:
        del first  # It would keep the mapping open.
        table.close()


class Mutexes:
    """The locks that `prepare` made, as one process sees them; they hold off threads too.

    `take` one of the `handles`, and `settle` what it returns if that is not 0; `release` it in the
    thread that took it. Both are the C functions themselves, for the sake of their cost.
    """

    def __init__(self, table: mmap.mmap, offset: int) -> None:
        self._first = ctypes.c_char.from_buffer(table, offset)
        # PyDLL keeps the GIL, so only for what never waits: the holder may need it to go on.
        quick, waiting = ctypes.PyDLL(None), ctypes.CDLL(None)
        self.take: Callable[[Any], int] = quick.pthread_mutex_trylock
        self.release: Callable[[Any], object] = quick.pthread_mutex_unlock
        self._lock, self._repair = waiting.pthread_mutex_lock, quick.pthread_mutex_consistent
        # As the functions take it: making it anew costs a fifth of the call.
        self.handles: list[Any] = [
            ctypes.byref(self._first, number * BYTES) for number in range(COUNT)
        ]

    def settle(self, handle: Any, result: int) -> None:
        """Finish what `take` began, when its result was not 0."""
        if result == errno.EBUSY:
            result = self._lock(handle)
        if result == errno.EOWNERDEAD:
            self._repair(handle)  # What its holder left half done are whole numbers.
        elif result:
            raise OSError(result, os.strerror(result))


class RecordLocks:
    """The same by POSIX record locks, which belong to the process: hence a lock for its threads."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._threads = [threading.Lock() for _ in range(COUNT)]
        self.handles: list[Any] = list(range(COUNT))

    def take(self, handle: int) -> int:
        """Take one."""
        self._threads[handle].acquire()
        fcntl.lockf(self._fd, fcntl.LOCK_EX, 1, handle)
        return 0

    def settle(self, handle: int, result: int) -> None:
        """Never needed: `take` waits."""

    def release(self, handle: int) -> None:
        """Let it go."""
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, handle)
        self._threads[handle].release()
