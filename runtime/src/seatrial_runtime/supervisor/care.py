"""When a worker has to go: the judgement, without the deed."""

import time
from collections.abc import Iterable

from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.supervisor.worker_process import WorkerProcess
from seatrial_runtime.telemetry.logs import emit

_POSTPONED_S = 30.0  # After a successor that did not come up.
_LEAVE_MARGIN_S = 3.0
_ASLEEP_S = 2.0
# A worker that starts near its limit would be replaced for ever, and by nothing better.
_START_PART, _GROWTH = 0.9, 1.5


class Care:
    """What is asked of one service's workers; `memory_limit` in bytes, 0 for none."""

    def __init__(self, settings: Settings, memory_limit: int) -> None:
        self._settings = settings
        self.memory_limit = memory_limit
        self._beats = settings.command in ("web", "streamlit", "gradio")
        self._not_before_s = 0.0
        self._awake_s = time.monotonic()

    def postpone(self) -> None:
        """Replace nothing for a while."""
        self._not_before_s = time.monotonic() + _POSTPONED_S

    def awake(self, now: float, processes: Iterable[WorkerProcess]) -> None:
        """Told at every turn: when this process itself was stopped, silence says nothing."""
        if now - self._awake_s > _ASLEEP_S:
            for process in processes:
                process.beat_s = max(process.beat_s, now)
        self._awake_s = now

    def reason_to_replace(self, process: WorkerProcess) -> str | None:
        """`memory` or `overdue` for one that should leave once another serves in its place."""
        if process.ready_s is None or process.stuck_s is not None or not process.beat.pid:
            return None
        if time.monotonic() < self._not_before_s:
            return None
        if process.beat.overdue_s >= self._settings.stuck_s:
            return "overdue"
        if self.memory_limit and process.beat.rss_bytes > self._limit_of(process):
            return "memory"
        return None

    def _limit_of(self, process: WorkerProcess) -> int:
        """The limit, or for a worker that started near it what it may grow to."""
        first = process.first_rss_bytes
        if first <= self.memory_limit * _START_PART:
            return self.memory_limit
        if not process.warned:
            process.warned = True
            emit(
                "warning",
                "worker_memory",
                pid=process.pid,
                rss_bytes=first,
                limit_bytes=self.memory_limit,
                message="it starts near its limit: it is replaced only when it grows by half",
            )
        return int(first * _GROWTH)

    def reason_to_end(self, process: WorkerProcess, now: float) -> str | None:
        """Why one must be killed: no sign of life, no end, or no start. None for most."""
        settings = self._settings
        if process.leaving_s is not None:
            longest_s = max(settings.graceful_timeout_s, settings.stream_timeout_s)
            late = now - process.leaving_s > longest_s + _LEAVE_MARGIN_S
            return "it did not end when it was replaced" if late else None
        if not self._beats:
            return None
        if process.ready_s is None:
            late = now - process.started_s > settings.start_timeout_s
            return f"it did not load within {settings.start_timeout_s:g} s" if late else None
        silent_s = now - process.beat_s
        if silent_s > settings.stuck_s:
            return f"no sign of life for {silent_s:.1f} s: something holds the interpreter"
        if process.beat.lag_s > settings.stuck_s:
            return f"its event loop has been blocked for {process.beat.lag_s:.1f} s"
        return None
