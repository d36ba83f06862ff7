"""When calls have failed so much that a circuit opens."""

from typing import Protocol


class Tally(Protocol):
    """Counts outcomes; the breaker's lock protects it. Times are seconds on the breaker's clock."""

    def good(self, now_s: float) -> None:
        """A call succeeded."""

    def bad(self, now_s: float) -> bool:
        """A call failed; whether that is enough to open."""

    def clear(self) -> None:
        """Begin anew."""


class InARow:
    """Enough when `limit` calls have failed with no success between."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failed = 0

    def good(self, now_s: float) -> None:
        self._failed = 0

    def bad(self, now_s: float) -> bool:
        self._failed += 1
        return self._failed >= self._limit

    def clear(self) -> None:
        self._failed = 0


class RateInWindow:
    """Enough when at least `rate` of the calls of the last `window_s` failed, of `min_calls`.

    The window slides by tenths of itself, so memory and time do not depend on traffic.
    """

    SLOTS = 10

    def __init__(self, rate: float, window_s: float, min_calls: int) -> None:
        self._rate, self._min_calls = rate, min_calls
        self._slot_s = window_s / self.SLOTS
        self._slots: dict[int, list[int]] = {}  # number of the slot: calls, failures

    def good(self, now_s: float) -> None:
        self._slot(now_s)[0] += 1

    def bad(self, now_s: float) -> bool:
        slot = self._slot(now_s)
        slot[0] += 1
        slot[1] += 1
        calls = sum(s[0] for s in self._slots.values())
        failures = sum(s[1] for s in self._slots.values())
        return calls >= self._min_calls and failures >= self._rate * calls

    def clear(self) -> None:
        self._slots.clear()

    def _slot(self, now_s: float) -> list[int]:
        number = int(now_s // self._slot_s)
        slot = self._slots.get(number)
        if slot is None:
            for old in [n for n in self._slots if n <= number - self.SLOTS]:
                del self._slots[old]
            slot = self._slots[number] = [0, 0]
        return slot
