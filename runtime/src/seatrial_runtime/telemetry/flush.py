"""Nothing that waits is lost when a process ends."""

import threading
import time
from collections.abc import Callable

from seatrial_runtime.telemetry import app_logging, errors, logs, traces


def finish(timeout_s: float) -> None:
    """Flush logs, traces and errors within `timeout_s`. Never raises."""
    deadline = time.monotonic() + timeout_s
    app_logging.finish()
    flushing = []
    if traces.on():
        flushing.append(_aside(traces.flush))
    if errors.on():
        flushing.append(_aside(lambda: errors.flush(timeout_s)))
    for thread in flushing:
        thread.join(max(deadline - time.monotonic(), 0.0))


def _aside(flush: Callable[[], None]) -> threading.Thread:
    """In a thread of its own: neither library keeps to a time limit when the network hangs."""

    def run() -> None:
        try:
            flush()
        except Exception as error:
            logs.emit("warning", "flush", message=f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=run, name="telemetry-flush", daemon=True)
    thread.start()
    return thread
