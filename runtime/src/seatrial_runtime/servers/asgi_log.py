"""What the ASGI server tells: one line a request, and uvicorn's own messages, as JSON lines."""

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

from seatrial_runtime.servers.interface import Asgi
from seatrial_runtime.telemetry.logs import emit, emit_request


class RequestLog:
    """Wraps an app; everything but HTTP requests passes through untouched."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request and write its line, however it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500  # What the server answers for an app that raises before it began.

        async def watched(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            given = next((v for name, v in scope["headers"] if name == b"x-request-id"), b"")
            emit_request(
                scope["method"],
                scope["path"],
                status,
                time.perf_counter() - began,
                given.decode("latin-1"),
            )


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
