"""gunicorn's logger, made to write our JSON lines: its own messages and the access log."""

import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger

from seatrial_runtime.telemetry.logs import emit


class JsonLogger(Logger):
    """Bypasses `logging`: an app that reconfigures it cannot silence or reshape these lines."""

    def __init__(self, cfg: Config) -> None:
        self.on_error: Callable[[str], None] | None = None
        super().__init__(cfg)

    def setup(self, cfg: Config) -> None:
        """Install no handlers; gunicorn calls this at start and on reload."""
        self.cfg = cfg
        self._access_log_enabled = True

    def _message(self, level: str, msg: object, args: tuple[Any, ...], exc_info: object) -> None:
        text = str(msg) % args if args else str(msg)
        trace = traceback.format_exc() if exc_info else None
        emit(level, "server", message=text, traceback=trace)
        if level == "error" and self.on_error is not None:
            self.on_error(text)

    def critical(self, msg: object, *args: Any, exc_info: object = None, **_: Any) -> None:
        """A worker hung, or worse."""
        self._message("error", msg, args, exc_info)

    def error(self, msg: object, *args: Any, exc_info: object = None, **_: Any) -> None:
        """A request or a worker failed."""
        self._message("error", msg, args, exc_info)

    def exception(self, msg: object, *args: Any, exc_info: object = True, **_: Any) -> None:
        """An error, with the traceback of the exception that is being handled."""
        self._message("error", msg, args, exc_info)

    def warning(self, msg: object, *args: Any, exc_info: object = None, **_: Any) -> None:
        """Something to look at."""
        self._message("warning", msg, args, exc_info)

    def info(self, msg: object, *args: Any, exc_info: object = None, **_: Any) -> None:
        """The server's ordinary life."""
        self._message("info", msg, args, exc_info)

    def debug(self, msg: object, *args: Any, **_: Any) -> None:
        """Not written: gunicorn's debug messages include the whole configuration."""

    def log(self, lvl: object, msg: object, *args: Any, **_: Any) -> None:
        """A message whose level is computed; gunicorn uses it rarely."""
        self._message(str(lvl).lower() if isinstance(lvl, str) else "info", msg, args, None)

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:
        """Not written: the guard tells of each request."""
