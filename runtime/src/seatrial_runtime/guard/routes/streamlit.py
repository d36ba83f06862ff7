"""Streamlit: a script has no routes, but its server has fixed beginnings of paths."""

from typing import Any

_EXACT = frozenset(
    f"/_stcore/{name}"
    for name in ("health", "script-health-check", "allowed-message-origins", "host-config")
) | {"/", "/_stcore/stream", "/_stcore/metrics", "/favicon.png", "/robots.txt"}
_BEGINNINGS = ("/_stcore/upload_file/", "/media/", "/component/", "/app/static/", "/static/")


def streamlit_route(scope: dict[str, Any]) -> str:
    """The beginning alone: what follows is a session or a file."""
    path = scope["path"]
    if path in _EXACT:
        return str(path)
    return next((one + "{rest}" for one in _BEGINNINGS if path.startswith(one)), "")
