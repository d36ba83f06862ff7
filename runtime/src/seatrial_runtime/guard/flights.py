"""What runs in this worker, and until when it may take to begin its answer."""

import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

from seatrial_runtime.telemetry.context import RequestContext
from seatrial_runtime.telemetry.logs import emit

NEVER_S = float("inf")


class Flight:
    """One request or websocket from its first moment to the return of the app.

    `deadline_s` is on the monotonic clock, for the first byte of the answer: whoever begins the
    answer sets it to never. `expired` ones were answered 504 and keep the deadline they missed.
    """

    __slots__ = ("context", "deadline_s", "expired", "thread_id")

    context: RequestContext
    deadline_s: float
    expired: bool
    thread_id: int

    def expire(self) -> None:
        """The deadline is over. Called from the side thread, at every tick from then on."""
        raise NotImplementedError

    def frames(self) -> list[FrameType]:
        """Where it is, innermost frame first in each; called from another thread."""
        frame = sys._current_frames().get(self.thread_id)
        return [frame] if frame is not None else []


class Flights:
    """All of them. Adding and removing are single operations of a set, so they need no lock."""

    def __init__(self) -> None:
        self._running: set[Flight] = set()
        # The operations themselves: every request pays for a call.
        self.begin: Callable[[Flight], None] = self._running.add
        """It is being served from now on."""
        self.end: Callable[[Flight], None] = self._running.discard
        """The app has returned; a second call is harmless."""
        self.answering = threading.Lock()
        """Held while the side thread uses a connection that a serving thread will let go of."""

    def runs(self, flight: Flight) -> bool:
        """Whether its end is still to come."""
        return flight in self._running

    def tick(self, now_s: float) -> None:
        """Answer for those past their deadline; `now_s` is on the monotonic clock."""
        for flight in list(self._running):
            if flight.deadline_s <= now_s:
                try:
                    flight.expire()
                except Exception:
                    # One that cannot be answered must not keep the others from it.
                    emit("error", "guard", message="expiry", traceback=traceback.format_exc())

    def count(self) -> int:
        """How many run."""
        return len(self._running)

    def busy(self) -> bool:
        """Whether any runs."""
        return bool(self._running)

    def overdue_s(self, now_s: float) -> float:
        """How long ago the deadline of the most overdue one that still runs was; 0 for none."""
        first_s = min((flight.deadline_s for flight in list(self._running)), default=NEVER_S)
        return max(now_s - first_s, 0.0) if first_s != NEVER_S else 0.0

    def stacks(self) -> str:
        """Where the overdue ones are, for the log."""
        now_s = time.monotonic()
        texts = []
        for flight in list(self._running):
            if flight.deadline_s <= now_s:
                context = flight.context
                lines = [f"{context.method} {context.path} id {context.id}\n"]
                for frame in flight.frames():
                    lines += traceback.format_stack(frame)
                texts.append("".join(lines))
        return "\n".join(texts)
