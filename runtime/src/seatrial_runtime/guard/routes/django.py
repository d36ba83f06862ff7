"""Django, and its REST framework."""

import sys
from typing import Any

KEY = "seatrial.django_request"


def watch_django() -> None:
    """Have each request of Django found again in its environ or scope, once Django is imported.

    Its handlers take the class of their requests from an attribute, made for being replaced; the
    app's own subclass, where it has one, is respected.
    """
    for module, name, argument in (
        ("django.core.handlers.wsgi", "WSGIHandler", "environ"),
        ("django.core.handlers.asgi", "ASGIHandler", "scope"),
    ):
        handler = getattr(sys.modules.get(module), name, None)
        if handler is not None and not hasattr(handler.request_class, "_seatrial"):
            handler.request_class = _remembering(handler.request_class, argument)


def _remembering(request_class: Any, argument: str) -> Any:
    def remember(self: Any, place: dict[str, Any], *rest: Any, **more: Any) -> None:
        request_class.__init__(self, place, *rest, **more)
        place[KEY] = self

    names = {"__init__": remember, "__module__": request_class.__module__, "_seatrial": argument}
    return type(request_class.__name__, (request_class,), names)


def django_route(place: dict[str, Any]) -> str:
    """The template of the URL pattern, from the environ or the scope."""
    # Taken out: it refers to its environ, and the two would wait for the garbage collector.
    match = getattr(place.pop(KEY, None), "resolver_match", None)
    route = getattr(match, "route", None)
    return "" if route is None else "/" + str(route).lstrip("^")
