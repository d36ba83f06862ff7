"""Where cached values are kept: in the memory of this process."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, Final, Protocol

import cachebox

from seatrial_runtime.resilience.sizes import deep_size

MISSING: Final = object()
"""What a store answers for a key it has no value of."""


class Store(Protocol):
    """Keeps values until their time is over. Fails softly: a store that is down has no values."""

    shared: bool
    """Whether other processes see the values: keys and values then have to be written down."""

    def get(self, key: Any) -> Any:
        """The value, or MISSING."""

    def put(self, key: Any, value: Any, ttl_s: float) -> int:
        """Keep it for `ttl_s` if that can be done; how many others had to go for it."""

    def remove(self, key: Any) -> None:
        """Forget it."""

    async def get_async(self, key: Any) -> Any: ...

    async def put_async(self, key: Any, value: Any, ttl_s: float) -> int: ...


class MemoryStore:
    """At most `max_bytes` of keys and values, each measured when it comes, all they hold included.

    What ends soonest goes first. A value that is larger than the whole is not kept. Values are
    handed out as they are, not copied: who changes one changes it for everybody.
    """

    shared = False

    def __init__(self, max_bytes: int, size: Callable[[Any], int] = deep_size) -> None:
        if max_bytes < 1:
            raise ValueError("max_bytes has to be above 0")
        self._max_bytes, self._size = max_bytes, size
        # The size is kept with the value: one that has been changed since must not be subtracted
        # with another size than it was added with.
        self._held: cachebox.VTTLCache[Hashable, tuple[int, Any]] = cachebox.VTTLCache(
            max_bytes, getsizeof=lambda _key, held: held[0]
        )
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        held = self._held.get(key)
        return MISSING if held is None else held[1]

    def put(self, key: Hashable, value: Any, ttl_s: float) -> int:
        size = self._size(value) + self._size(key)
        if size > self._max_bytes or ttl_s <= 0:
            self.remove(key)
            return 0
        with self._lock:
            # What is over anyway is not counted as driven out.
            self._held.expire()
            # In place it would grow beyond the bound, and might be driven out by itself.
            self._held.pop(key, None)
            before = len(self._held)
            self._held.insert(key, (size, value), ttl_s)
            return before + 1 - len(self._held)

    def remove(self, key: Hashable) -> None:
        self._held.pop(key, None)

    async def get_async(self, key: Hashable) -> Any:
        return self.get(key)

    async def put_async(self, key: Hashable, value: Any, ttl_s: float) -> int:
        return self.put(key, value, ttl_s)

    @property
    def bytes_held(self) -> int:
        """The sum of what the values were measured as."""
        self._held.expire()
        return int(self._held.current_size())
