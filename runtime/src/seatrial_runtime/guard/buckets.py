"""Rate limits in shared memory: one table for all worker processes of a replica.

Each slot is a key and the time at which its bucket is full again: the generic cell rate algorithm
(GCRA, ITU-T I.371), a token bucket kept as one number. throttled-py (6.6 us a call) and limits
(4.7 us) keep theirs in one process, so four workers would let four times as much through.
"""

import hashlib
import mmap
import os
import struct
from time import monotonic_ns
from typing import Any

from seatrial_runtime.guard import locks
from seatrial_runtime.settings.parsers import Rate

_WAYS = 8  # Slots that a key may be in.
_SET_CELLS = 2 * _WAYS
_SET_BYTES = 8 * _SET_CELLS
_SALT_BYTES = 32
_HAS_MUTEXES = _SALT_BYTES  # Where the byte is that says so.
_LOCKS_AT = 64
_HEAD_BYTES = _LOCKS_AT + locks.COUNT * locks.BYTES
_FIRST = _HEAD_BYTES // 8
_MAX_CACHED = 8192
_SECOND_NS = 1_000_000_000
DEFAULT_SLOTS = 65536
"""One MiB: sets of 8 overflow at about 30,000 clients that are all over half of their limit."""


Taken = tuple[bool, int, int, int, bool]
"""What came of one request: whether it is allowed; how many more are; the whole seconds until the
bucket is full; for one that is not allowed, until the next is; whether the key was unknown."""


class Pace:
    """A rate in whole nanoseconds, so that no rounding lets one more or one less through."""

    __slots__ = ("burst_ns", "count", "step_ns", "told", "told_lines")

    def __init__(self, rate: Rate) -> None:
        self.told = ("RateLimit-Limit", str(rate.count))
        self.count = rate.count
        self.told_lines = (
            b"ratelimit-limit: %d\r\nratelimit-remaining: %%d\r\nratelimit-reset: %%d\r\n"
            % rate.count
        )
        self.step_ns = rate.period_s * _SECOND_NS // rate.count
        self.burst_ns = self.step_ns * rate.count


def create(slots: int = DEFAULT_SLOTS) -> int:
    """A new table without a name in any folder; returns its file descriptor.

    The salt in its head makes keys of this table unlike those of any other: who cannot read it
    can neither aim at a slot nor tell what was hashed.
    """
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("seatrial-buckets")
    else:
        # Slow to import, and only for systems that need it.
        import tempfile

        fd, path = tempfile.mkstemp()
        os.unlink(path)
    os.ftruncate(fd, _HEAD_BYTES + max(slots // _WAYS, 1) * _SET_BYTES)
    os.pwrite(fd, os.urandom(_SALT_BYTES), 0)
    os.pwrite(fd, bytes([locks.prepare(fd, _LOCKS_AT)]), _HAS_MUTEXES)
    return fd


class Buckets:
    """The table as one process sees it; `take` is exact under threads and processes.

    Make it after any fork, and only one on a table in a process.
    """

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, 0)
        # Two cells a slot, a tag and a time. One store of 8 aligned bytes each.
        self._cells = memoryview(self._map).cast("q")
        self._sets = (len(self._map) - _HEAD_BYTES) // _SET_BYTES
        self.salt = bytes(self._map[:_SALT_BYTES])
        self._locks: locks.Mutexes | locks.RecordLocks = (
            locks.Mutexes(self._map, _LOCKS_AT)
            if self._map[_HAS_MUTEXES]
            else locks.RecordLocks(fd)
        )
        self._lock, self._unlock = self._locks.take, self._locks.release
        # Tag, lock and first cell of a key.
        self._places: dict[str, list[Any]] = {}

    def take(self, key: str, pace: Pace) -> Taken:
        """Count one request of `key`, if its rate allows it."""
        place = self._places.get(key) or self._place(key)
        tag, lock, at = place
        cells, step_ns, burst_ns = self._cells, pace.step_ns, pace.burst_ns
        failed = self._lock(lock)
        if failed:
            self._locks.settle(lock, failed)
        try:
            now_ns = monotonic_ns()  # The same clock in every process.
            fresh = cells[at] != tag  # Not where it was the last time.
            if fresh:
                at, fresh = self._search(place)
            ahead_ns = step_ns
            if not fresh:
                ahead_ns += cells[at + 1] - now_ns
                if ahead_ns < step_ns:
                    ahead_ns = step_ns
                elif ahead_ns > step_ns + burst_ns:
                    # Its rate may have been another: it must not be shut out.
                    ahead_ns = step_ns + burst_ns
            if ahead_ns <= burst_ns:
                cells[at + 1] = now_ns + ahead_ns
                if fresh:
                    cells[at] = tag
        finally:
            self._unlock(lock)
        if ahead_ns <= burst_ns:  # As `outcome` has it.
            left = (burst_ns - ahead_ns) // step_ns
            return True, left, -(-ahead_ns // _SECOND_NS), 0, fresh
        return outcome(ahead_ns, pace, fresh)

    def _search(self, place: list[Any]) -> tuple[int, bool]:
        """Where in its set the key is, or else is to be; whether it is new there. Locked."""
        first = _FIRST + (place[2] - _FIRST) // _SET_CELLS * _SET_CELLS
        slots = self._cells[first : first + _SET_CELLS].tolist()
        fresh = place[0] not in slots[::2]
        # A new one takes the place of that which is, or will first be, full again: it loses least.
        full_ns = slots[1::2]
        way = full_ns.index(min(full_ns)) if fresh else slots[::2].index(place[0])
        place[2] = first + 2 * way
        return place[2], fresh

    def _place(self, key: str) -> list[Any]:
        digest = hashlib.blake2b(key.encode(), digest_size=16, key=self.salt).digest()
        tag, number = struct.unpack("<qQ", digest)
        number %= self._sets
        handle = self._locks.handles[number % locks.COUNT]
        place = [tag or 1, handle, _FIRST + number * _SET_CELLS]
        if len(self._places) >= _MAX_CACHED:
            self._places = {}
        self._places[key] = place
        return place


def outcome(ahead_ns: int, pace: Pace, fresh: bool) -> Taken:
    """In a client's terms; `ahead_ns` is how long the bucket takes to be full, this one counted."""
    left_ns = pace.burst_ns - ahead_ns
    if left_ns >= 0:
        return True, left_ns // pace.step_ns, -(-ahead_ns // _SECOND_NS), 0, fresh
    return False, 0, -((pace.step_ns - ahead_ns) // _SECOND_NS), -(left_ns // _SECOND_NS), fresh
