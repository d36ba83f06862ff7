"""A Streamlit script as an ASGI app, without a change to it. Streamlit 1.58 or later."""

import sys
from pathlib import Path
from typing import Any

from seatrial_runtime.settings.settings import Settings

_MEGABYTE = 10**6  # As Streamlit counts its own limits.


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
