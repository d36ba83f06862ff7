"""Starlette, FastAPI and what is built on them (Gradio, Streamlit's own server)."""

from typing import Any


def starlette_route(scope: dict[str, Any], root_path: str) -> str:
    """The route that the router left in the scope; `root_path` is what the server gave."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if path is None:
        return _by_endpoint(scope) if "endpoint" in scope else ""
    fastapi = scope.get("fastapi")
    if isinstance(fastapi, dict):
        # An included router's route knows its own path; with the prefix it is known here.
        path = getattr(fastapi.get("effective_route_context"), "path", None) or path
    return _mounted(scope, root_path, path)


def _mounted(scope: dict[str, Any], root_path: str, path: str) -> str:
    prefix = scope.get("root_path", "").removeprefix(root_path)
    # The mount that was matched last may itself be the route.
    if not prefix or prefix == path:
        return str(path)
    # The prefix is as it was asked for. That is the mount's own path, if it has no parameters.
    plain = len(scope.get("path_params", ())) <= path.count("{")
    return prefix + path if plain else str(path)


def _by_endpoint(scope: dict[str, Any]) -> str:
    """Starlette before 1.0 leaves the endpoint only."""
    for route in getattr(scope.get("router"), "routes", ()):
        if getattr(route, "endpoint", None) is scope["endpoint"]:
            return str(getattr(route, "path", ""))
    return ""
