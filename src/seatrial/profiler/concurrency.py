"""How latency grows with the requests in flight on one worker."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence

from seatrial.kernel.workload import Concurrency
from seatrial.profiler.client import Caller

LEVELS = (1, 2, 4, 8, 16)
LEVEL_S = 2.0
ANSWERS_MIN = 4
"""Each of the callers of a level waits for at least so many answers, as far as time allows."""


class _Level:
    """Callers that each ask again as soon as they are answered (a closed loop)."""

    def __init__(self, targets: Sequence[str], until: float, limit: float) -> None:
        self._targets, self._until, self._limit = targets, until, limit
        self.wall_ms: list[float] = []
        self.failed = False

    def call(self, opened: Callable[[], Caller], position: int) -> None:
        """One caller's life, in a thread of its own."""
        answered = 0
        try:
            caller = opened()
            try:
                while not self.failed and self._goes_on(answered):
                    target = self._targets[(position + answered) % len(self._targets)]
                    answer = caller.get(target)
                    if answer.failure or answer.status >= 400:
                        self.failed = True
                        return
                    self.wall_ms.append(answer.wall_ms)
                    answered += 1
            finally:
                caller.close()
        except Exception:
            self.failed = True  # Nobody waits for a thread's exception; the level ends.

    def _goes_on(self, answered: int) -> bool:
        now = time.monotonic()
        return now < self._limit and (now < self._until or answered < ANSWERS_MIN)


def sweep(
    opened: Callable[[], Caller], targets: Sequence[str], deadline: float
) -> tuple[Concurrency, ...]:
    """Latency with 1, 2, 4, 8 and 16 requests in flight, until the monotonic `deadline`.

    Ends at the first level with a failed request: what an app that refuses does is no latency.
    """
    found: list[Concurrency] = []
    for count in LEVELS:
        began = time.monotonic()
        limit = min(deadline, began + 6 * LEVEL_S)
        if began >= deadline:
            break
        level = _Level(targets, began + LEVEL_S, limit)
        threads = [
            threading.Thread(target=level.call, args=(opened, position), daemon=True)
            for position in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed_s = time.monotonic() - began
        if level.failed or len(level.wall_ms) < max(2, count):
            break
        cuts = statistics.quantiles(level.wall_ms, n=20, method="inclusive")
        found.append(Concurrency(
            requests=count, latency_ms_p50=round(cuts[9], 3), latency_ms_p95=round(cuts[18], 3),
            throughput_rps=round(len(level.wall_ms) / elapsed_s, 2),
        ))  # fmt: skip
    return tuple(found)
