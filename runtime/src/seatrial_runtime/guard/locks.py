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
    """The locks that `prepare` made, as one process sees them; they hold off threads too."""

    def __init__(self, table: mmap.mmap, offset: int) -> None:
        self._first = ctypes.c_char.from_buffer(table, offset)
        address = ctypes.addressof(self._first)
        # PyDLL keeps the GIL, so only for what never waits: the holder may need it to go on.
        quick, waiting = ctypes.PyDLL(None), ctypes.CDLL(None)
        for name, library in (("trylock", quick), ("unlock", quick), ("lock", waiting)):
            getattr(library, "pthread_mutex_" + name).argtypes = [ctypes.c_void_p]
        quick.pthread_mutex_consistent.argtypes = [ctypes.c_void_p]
        self._try, self._lock = quick.pthread_mutex_trylock, waiting.pthread_mutex_lock
        self._unlock, self._repair = quick.pthread_mutex_unlock, quick.pthread_mutex_consistent
        self._addresses = [address + number * BYTES for number in range(COUNT)]

    def acquire(self, number: int) -> int:
        """Take one; returns what `release` wants."""
        address = self._addresses[number]
        result = self._try(address)
        if result:
            if result == errno.EBUSY:
                result = self._lock(address)
            if result == errno.EOWNERDEAD:
                self._repair(address)  # What its holder left half done are whole numbers.
            elif result:
                raise OSError(result, os.strerror(result))
        return address

    def release(self, address: int) -> None:
        """Let it go, in the thread that took it."""
        self._unlock(address)


class RecordLocks:
    """The same by POSIX record locks, which belong to the process: hence a lock for its threads."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._threads = [threading.Lock() for _ in range(COUNT)]

    def acquire(self, number: int) -> int:
        """Take one; returns what `release` wants."""
        self._threads[number].acquire()
        fcntl.lockf(self._fd, fcntl.LOCK_EX, 1, number)
        return number

    def release(self, number: int) -> None:
        """Let it go."""
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, number)
        self._threads[number].release()
