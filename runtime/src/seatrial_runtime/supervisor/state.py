"""What is known about the app right now, shared by the supervisor's threads, and its views."""

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

View = tuple[int, Any]
"""An HTTP status and what goes with it: JSON, or bytes of Prometheus text."""

_FAILURES_TO_BREAK = 3


class State:
    """Written by the supervisor and the prober, read by the management server.

    A *generation* is one life of the server process: an answer that was asked of a dead one
    must not count for its successor.
    """

    def __init__(self, started_s: float, wanted_workers: int) -> None:
        self._lock = threading.Lock()
        self._started_s = started_s
        self._wanted = wanted_workers
        self._pids: set[int] = set()
        self._generation = 0
        self._answered = False
        self._boot_s: float | None = None
        self._draining = False
        self._reason = "the server process is starting"
        self._failures = 0  # Of the ready path, in a row.
        self._beats: Mapping[int, dict[str, Any]] = {}
        self.probe_wanted = threading.Event()

    # -- what the supervisor tells

    def worker_ready(self, pid: int) -> None:
        """A worker has loaded the app and accepts connections."""
        with self._lock:
            self._pids.add(pid)
            if not self._answered:
                self._reason = "the app has not answered yet"
                self.probe_wanted.set()

    def worker_gone(self, pid: int, reason: str = "no worker process is alive") -> None:
        """A worker process has ended or takes nothing new; the last one's answers hold no more."""
        with self._lock:
            self._pids.discard(pid)
            if not self._pids:
                self._generation += 1
                self._answered = False
                self._failures = 0
                self._reason = reason
                self.probe_wanted.clear()

    def told(self, beats: Mapping[int, dict[str, Any]]) -> None:
        """What the workers said last, by pid."""
        with self._lock:
            self._beats = beats

    def draining(self) -> None:
        """The supervisor was told to stop."""
        with self._lock:
            self._draining = True

    # -- what the prober tells

    @property
    def generation(self) -> int:
        """Which life of the server process this is."""
        with self._lock:
            return self._generation

    def probe_failed(self, generation: int, reason: str) -> None:
        """The ready path did not answer, or with a status of 500 or more.

        One that had answered before has to fail three times in a row: a request can fail for
        reasons of its own.
        """
        with self._lock:
            if generation != self._generation:
                return
            self._failures += 1
            if not self._answered or self._failures >= _FAILURES_TO_BREAK:
                self._answered = False
                self._reason = reason
                if self._pids:
                    self.probe_wanted.set()

    def probe_succeeded(self, generation: int) -> float | None:
        """The ready path answered; returns the boot time in seconds if this was the first time."""
        with self._lock:
            if generation != self._generation:
                return None
            self._answered = True
            self._failures = 0
            self.probe_wanted.clear()
            if self._boot_s is not None:
                return None
            self._boot_s = round(time.monotonic() - self._started_s, 3)
            return self._boot_s

    # -- what anyone may ask

    @property
    def ever_ready(self) -> bool:
        """Whether the app has answered well at least once."""
        with self._lock:
            return self._boot_s is not None

    @property
    def reason(self) -> str:
        """The last thing that kept the app from being ready."""
        with self._lock:
            return self._reason

    def health(self) -> View:
        """The supervisor itself is alive. Says nothing about the app."""
        uptime_s = round(time.monotonic() - self._started_s, 3)
        return 200, {"status": "alive", "uptime_s": uptime_s, "pid": os.getpid()}

    def startup(self) -> View:
        """Whether the app has ever become ready."""
        with self._lock:
            if self._boot_s is not None:
                return 200, {"status": "started", "boot_s": self._boot_s}
            return 503, {"status": "starting", "reason": self._reason}

    def ready(self) -> View:
        """Whether to send traffic here now. `boot_s` is process start to first good answer."""
        with self._lock:
            if self._draining:
                return 503, {"status": "draining", "reason": "told to stop"}
            if self._boot_s is None:
                return 503, {"status": "starting", "reason": self._reason}
            if not self._answered or not self._pids:
                return 503, {"status": "broken", "reason": self._reason}
            workers = {"wanted": self._wanted, "alive": len(self._pids)}
            return 200, {"status": "ready", "workers": workers, "boot_s": self._boot_s}

    def workers(self) -> View:
        """The pids of the workers that serve the app, and what each said last."""
        with self._lock:
            pids = sorted(self._pids)
            return 200, {"pids": pids, "workers": [self._beats.get(pid, {}) for pid in pids]}

    @property
    def alive(self) -> int:
        """How many workers serve."""
        with self._lock:
            return len(self._pids)

    @property
    def ends(self) -> bool:
        """Whether the supervisor was told to stop."""
        with self._lock:
            return self._draining

    @property
    def answered(self) -> bool:
        """Whether the last of what counted was a good answer."""
        with self._lock:
            return self._answered
