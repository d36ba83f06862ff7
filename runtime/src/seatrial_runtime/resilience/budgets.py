"""How much may be retried: so little that retries cannot turn a bad minute into an outage."""

import threading


class RetryBudget:
    """Allows retries up to `ratio` of the calls, and `reserve` more for a start or a quiet time.

    Every call earns `ratio` of a retry, every retry costs one, and no more than `reserve` is
    saved up. When a dependency fails for everyone, its load so rises by `ratio` and not by the
    number of attempts. Share one budget among all callers of a dependency. Safe in threads.
    """

    def __init__(self, ratio: float = 0.1, reserve: float = 10.0) -> None:
        if not 0 <= ratio <= 1 or reserve < 0:
            raise ValueError("ratio has to be from 0 to 1, reserve not below 0")
        self._ratio, self._reserve = ratio, reserve
        self._saved = reserve
        self._lock = threading.Lock()

    def called(self) -> None:
        """A first attempt was made."""
        with self._lock:
            self._saved = min(self._reserve, self._saved + self._ratio)

    def take(self) -> bool:
        """Take one retry; False when there is none left."""
        with self._lock:
            # Tenths do not add up exactly: ten of them have to make one.
            if self._saved < 1 - 1e-9:
                return False
            self._saved -= 1
            return True
