"""A Streamlit script as an ASGI app, without a change to it. Streamlit 1.58 or later."""

import sys
import threading
from pathlib import Path
from typing import Any

from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.telemetry import metrics
from seatrial_runtime.telemetry.logs import tell_overdue

_MEGABYTE = 10**6  # As Streamlit counts its own limits.
_THREAD = "ScriptRunner.scriptThread"  # Streamlit's name for it: one thread a run.


def streamlit_app(settings: Settings) -> Any:
    """The app. Its `.streamlit/config.toml` holds, beside the script or in the working folder."""
    from streamlit.starlette import App  # Seconds of imports, for this command only.

    script = settings.target
    # What `streamlit run` does for the script: its folder is importable, its argv is its own.
    sys.path.insert(0, str(Path(script).parent))
    sys.argv = [script]
    return App(script)


def uvicorn_options() -> dict[str, Any]:
    """What Streamlit's own server sets for its websocket."""
    from streamlit import config  # It is imported by now.

    return {
        "ws_max_size": int(config.get_option("server.maxMessageSize")) * _MEGABYTE,
        "ws_per_message_deflate": bool(config.get_option("server.enableWebsocketCompression")),
    }


class Scripts:
    """Runs of the script that take longer than `limit_s`, told once each, with where they are.

    They are not ended. A page may be made to run for ever, a thread cannot be ended from outside,
    and with the process all other visitors would lose their sessions. Streamlit itself ends a run
    at its next call of `st`, once its visitor asks for something else or has left.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        # By the thread itself: its number is soon another's.
        self._since_s: dict[threading.Thread, float] = {}
        self._told: set[threading.Thread] = set()

    def look(self, now_s: float) -> None:
        """Once in a while; `now_s` is on the monotonic clock."""
        running = {thread for thread in threading.enumerate() if thread.name == _THREAD}
        self._since_s = {thread: self._since_s.get(thread, now_s) for thread in running}
        self._told &= running
        for thread in running - self._told:
            if now_s - self._since_s[thread] >= self._limit_s:
                self._told.add(thread)
                metrics.SCRIPTS.of().add()
                tell_overdue(thread.ident or 0, self._limit_s)
