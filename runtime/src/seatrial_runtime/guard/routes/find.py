"""Which of the frameworks an app is, told by what it has imported."""

import sys
from collections.abc import Callable
from typing import Any

from seatrial_runtime.guard.routes.django import django_route, watch_django
from seatrial_runtime.guard.routes.falcon import falcon_route, litestar_route, watch_falcon
from seatrial_runtime.guard.routes.starlette import starlette_route
from seatrial_runtime.guard.routes.streamlit import streamlit_route
from seatrial_runtime.guard.routes.werkzeug import wsgi_route

Finder = Callable[[dict[str, Any]], str]


def wsgi_finder(app: Any) -> Finder:
    """Finds the template in the environ of a request that was served."""
    watch_falcon(app)
    finders: list[Finder] = [wsgi_route]
    if "django" in sys.modules:
        watch_django()
        finders.append(django_route)
    if "falcon" in sys.modules:
        finders.append(falcon_route)
    return _first(finders)


def asgi_finder(app: Any, command: str) -> Callable[[dict[str, Any], str], str]:
    """The same in the scope; also takes the root path that the server gave."""
    watch_falcon(app)
    others: list[Finder] = [litestar_route]
    if "django" in sys.modules:
        watch_django()
        others.append(django_route)
    if "falcon" in sys.modules:
        others.append(falcon_route)
    if command == "streamlit":
        return lambda scope, _: streamlit_route(scope)
    other = _first(others)

    def find(scope: dict[str, Any], root_path: str) -> str:
        if "route" in scope or "endpoint" in scope:
            return starlette_route(scope, root_path) or other(scope)
        return other(scope)

    return find


def _first(finders: list[Finder]) -> Finder:
    if len(finders) == 1:
        return finders[0]

    def find(place: dict[str, Any]) -> str:
        for finder in finders:
            route = finder(place)
            if route:
                return route
        return ""

    return find
