"""uvicorn's own messages as JSON lines."""

import logging
import traceback
from collections.abc import Callable

from seatrial_runtime.telemetry.logs import emit


class ServerLog(logging.Handler):
    """Bypasses the app's own logging: it is put on uvicorn's logger alone."""

    def __init__(self, on_error: Callable[[str], None]) -> None:
        super().__init__()
        self._on_error = on_error

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message; errors are also reported."""
        trace = None
        if record.exc_info and record.exc_info[1] is not None:
            trace = "".join(traceback.format_exception(record.exc_info[1]))
        level = "error" if record.levelno >= logging.ERROR else "info"
        if record.levelno == logging.WARNING:
            level = "warning"
        text = record.getMessage()
        emit(level, "server", message=text.strip(), traceback=trace)
        if level == "error":
            self._on_error(text.strip())
