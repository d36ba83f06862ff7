"""The supervisor's own figures, as Prometheus text."""

import threading
from collections import Counter
from collections.abc import Callable


class Figures:
    """Counted in the main thread, read by the one that answers /metrics."""

    def __init__(self, wanted: int, alive: Callable[[], int]) -> None:
        self._lock = threading.Lock()
        self._wanted, self._alive = wanted, alive
        self._restarts: Counter[str] = Counter({"crash": 0, "stuck": 0})
        self._recycled: Counter[str] = Counter({"memory": 0, "overdue": 0})

    def restarted(self, reason: str) -> None:
        """A process was started in the place of one that had died: `crash` or `stuck`."""
        with self._lock:
            self._restarts[reason] += 1

    def recycled(self, reason: str) -> None:
        """One was replaced in good order: `memory` or `overdue`."""
        with self._lock:
            self._recycled[reason] += 1

    def render(self) -> bytes:
        """The text."""
        with self._lock:
            restarts, recycled = dict(self._restarts), dict(self._recycled)
        lines = [
            "# HELP seatrial_workers Worker processes, wanted and ready to serve",
            "# TYPE seatrial_workers gauge",
            f'seatrial_workers{{state="wanted"}} {self._wanted}',
            f'seatrial_workers{{state="alive"}} {self._alive()}',
            "# HELP seatrial_worker_restarts_total Processes started after one had died",
            "# TYPE seatrial_worker_restarts_total counter",
            *(
                f'seatrial_worker_restarts_total{{reason="{reason}"}} {count}'
                for reason, count in sorted(restarts.items())
            ),
            "# HELP seatrial_workers_recycled_total Workers replaced in good order",
            "# TYPE seatrial_workers_recycled_total counter",
            *(
                f'seatrial_workers_recycled_total{{reason="{reason}"}} {count}'
                for reason, count in sorted(recycled.items())
            ),
        ]
        return "\n".join(lines).encode() + b"\n"
