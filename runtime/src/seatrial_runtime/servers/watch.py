"""The side thread of each worker: it watches, reports and takes orders while the app works.

It needs nothing of the app but a moment of the interpreter lock four times a second. Code that
never gives the lock up silences it, and that silence is what the supervisor acts on.
"""

import contextlib
import faulthandler
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Protocol

from seatrial_runtime.servers.spec import STACKS_SIGNAL, ServerSpec
from seatrial_runtime.supervisor.channel import Message, Order, Sender
from seatrial_runtime.telemetry import metrics

PERIOD_S = 0.25
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Running(Protocol):
    """What runs in this worker; the guard's `Flights`."""

    def tick(self, now_s: float) -> None:
        """Expire what is past its deadline."""

    def count(self) -> int:
        """Requests in flight."""

    def overdue_s(self, now_s: float) -> float:
        """How long the most overdue one is past its deadline."""


def rss_bytes() -> int:
    """Resident memory of this process; 0 where /proc does not tell."""
    with contextlib.suppress(OSError), open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE_BYTES
    return 0


def dump_on_signal(spec: ServerSpec) -> None:
    """Have the C level write every stack where the supervisor reads it: on request, on a crash."""
    faulthandler.enable(spec.stacks_fd)
    faulthandler.register(STACKS_SIGNAL, spec.stacks_fd, all_threads=True, chain=False)


class Watch(threading.Thread):
    """Beats until the process ends; a lost supervisor ends it, in good order first.

    `lag_s`, where there is a loop, is asked once a beat; `on_beat` is told the monotonic time of
    each, `on_order` is called for each order; all in this thread.
    """

    def __init__(
        self,
        spec: ServerSpec,
        sender: Sender,
        flights: Running | None,
        on_order: Callable[[Order], None],
    ) -> None:
        super().__init__(name="seatrial-watch", daemon=True)
        self._spec, self._sender, self._flights = spec, sender, flights
        self._on_order = on_order
        self.lag_s: Callable[[], float] | None = None
        self.on_beat: Callable[[float], None] | None = None

    def run(self) -> None:
        """Beat for ever."""
        due = time.monotonic()
        while os.getppid() == self._spec.supervisor_pid:
            due = max(due + PERIOD_S, time.monotonic())
            self._beat()
            self._take_orders(due)
        self._end()

    def _beat(self) -> None:
        now, flights = time.monotonic(), self._flights
        if flights is not None:
            flights.tick(now)
        if self.on_beat is not None:
            self.on_beat(now)
        memory, lag_s = rss_bytes(), self.lag_s() if self.lag_s is not None else 0.0
        metrics.worker_memory(memory)
        if self.lag_s is not None:
            metrics.loop_lag(lag_s)
        self._sender.send(
            Message(
                "beat",
                os.getpid(),
                rss_bytes=memory,
                lag_s=round(lag_s, 3),
                in_flight=flights.count() if flights is not None else 0,
                overdue_s=round(flights.overdue_s(now), 3) if flights is not None else 0.0,
            )
        )

    def _take_orders(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            if self._sender.closed or not select.select([self._sender.fd], [], [], left)[0]:
                time.sleep(max(until - time.monotonic(), 0))
                return
            for order in self._sender.orders():
                self._on_order(order)

    def _end(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        # A request that never ends would keep the process: Python joins pool threads at exit.
        settings = self._spec.settings
        time.sleep(max(settings.graceful_timeout_s, settings.stream_timeout_s))
        os._exit(1)


class LoopLag:
    """How late an event loop runs what is due, asked from another thread."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._asked_s: float | None = None
        self._lag_s = 0.0

    def __call__(self) -> float:
        """Seconds that the last call waited, or has been waiting."""
        if self._asked_s is not None:
            return time.monotonic() - self._asked_s
        lag_s, self._asked_s = self._lag_s, time.monotonic()
        with contextlib.suppress(RuntimeError):  # The loop has closed.
            self._call_soon(self._arrived)
        return lag_s

    def _arrived(self) -> None:
        if self._asked_s is not None:
            self._lag_s, self._asked_s = time.monotonic() - self._asked_s, None
