"""The threads of a WSGI worker: as few at once as the requests have use for.

Threads that all have something to do hand Python's interpreter lock around at every system call,
and that costs several times what a small request does. So one thread serves what is ready, in
turn, and another joins it when the first has been busy with one request for a while, as with a
query of a database. One that finds the lock in use all the time leaves again.
"""

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic, thread_time
from typing import Any

PATIENCE_S = 0.001
"""So long a request may keep others waiting before another thread is called."""

_PAUSE_S_MAX = 0.008
_SATURATED = 0.9  # Of the time of a request: as if this many threads had computed all the time.


class Threads:
    """A pool. `serve` takes a connection and tells whether its next request is there already."""

    def __init__(self, count: int, serve: Callable[[Any], bool]) -> None:
        self._count, self._serve = count, serve
        self._ready: deque[Any] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._lock = threading.Lock()
        self._active = 0  # Those that were called and have not left.
        self._called_s = 0.0
        self._pause_s = PATIENCE_S
        # Of each thread there is, since when it is busy with one request; 0 where it is not.
        self._since_s: list[float] = []
        self._place = threading.local()

    def put(self, connection: Any) -> None:
        """A request is there, or a connection; from the main thread."""
        self._ready.append(connection)
        self.look()

    def look(self) -> None:
        """Call a thread if something waits and nobody will come for it soon; main thread."""
        if not self.waiting():
            self._pause_s = PATIENCE_S
            return
        if self._active:
            latest_s = max(self._called_s, *self._since_s)
            if monotonic() - latest_s < PATIENCE_S:
                # All goes its way: to look again all the time would cost more than it helps.
                self._pause_s = min(2 * self._pause_s, _PAUSE_S_MAX)
                return
        self._pause_s = PATIENCE_S
        with self._lock:
            self._active += 1
            wanted = self._active
        if wanted > len(self._since_s):
            self._since_s.append(0.0)
            name = f"seatrial-request-{wanted}"
            threading.Thread(target=self._live, args=(wanted - 1,), name=name, daemon=True).start()
        self._called_s = monotonic()
        self._calls.put(True)

    def waiting(self) -> bool:
        """Whether `look` has something to look at."""
        return bool(self._ready) and self._active < self._count

    def pause_s(self, most_s: float | None) -> float | None:
        """How long the main thread may do nothing before it looks again."""
        return self._pause_s if self.waiting() else most_s

    def free(self) -> bool:
        """Whether this thread may wait a moment: nothing else does. Others are called meanwhile."""
        if self._ready:
            return False
        self._since_s[self._place.number] = 0.0
        return True

    def shutdown(self, wait: bool = False) -> None:
        """Have the threads end once they are idle; named as the pools of Python."""
        for _ in range(self._count):
            self._calls.put(False)

    def _live(self, place: int) -> None:
        self._place.number = place
        while self._calls.get():
            try:
                self._take_turns(place)
            finally:
                with self._lock:
                    self._active -= 1

    def _take_turns(self, place: int) -> None:
        ready, since_s, serve = self._ready, self._since_s, self._serve
        while True:
            try:
                connection = ready.popleft()
            except IndexError:
                return
            more = True
            while more:
                began_s = since_s[place] = monotonic()
                computed_s = thread_time()
                more = serve(connection)
                computed_s = thread_time() - computed_s
                took_s = monotonic() - began_s
            since_s[place] = 0.0
            # With the lock saturated, each of n threads computes for an nth of the time.
            if self._active > 1 and computed_s * self._active > took_s * _SATURATED:
                return
