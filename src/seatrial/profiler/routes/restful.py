"""Routes of Flask-RESTful and Flask-RESTX: resource classes and namespaces."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.objects import Call, Class, Thing, text
from seatrial.profiler.routes.found import Found, given, methods_of, prefix_of

APIS = frozenset({
    "flask_restful.Api", "flask_restx.Api", "flask_restplus.Api", "flask_restx.api.Api",
})  # fmt: skip
NAMESPACES = frozenset({
    "flask_restx.Namespace", "flask_restplus.Namespace", "flask_restx.namespace.Namespace",
})  # fmt: skip
_ADDS = frozenset({"add_resource", "super.add_resource"})
_DECORATES = frozenset({"route", "resource"})


def collect(api: Thing, prefix: str, name: str, found: Found) -> None:
    """Add the resources of an `Api` whose app or blueprint is registered under `prefix`."""
    own = prefix_of(found, api.made.kwargs.get("prefix"), api.made.place)
    if own is None:
        return
    under = prefix.rstrip("/") + own.rstrip("/")
    _resources(api, under, name, found)
    for call in api.calls:
        if call.method == "add_namespace":
            space = call.argument(0, "ns")
            if not isinstance(space, Thing) or not space.is_a(NAMESPACES):
                found.unread(call.method, "a namespace that cannot be told", call.place)
                continue
            path = call.argument(1, "path")
            _namespace(space, path, under, name, found)
        elif call.method == "namespace" and call.result is not None:
            _namespace(call.result, None, under, name, found)


def _namespace(space: Thing, path: Any, under: str, name: str, found: Found) -> None:
    label = text(space.made.argument(0, "name"))
    own = given(path) if given(path) is not None else given(space.made.kwargs.get("path"))
    inner = text(own) if own is not None else (f"/{label}" if label is not None else None)
    if inner is None:
        found.unread("namespace", "a path that is not constant", space.made.place)
        return
    _resources(space, under + inner.rstrip("/"), name, found)


def _resources(owner: Thing, under: str, name: str, found: Found) -> None:
    for call in owner.calls:
        if call.method in _ADDS:
            view, urls = call.argument(0, "resource"), call.args[1:]
        elif call.method in _DECORATES and isinstance(call.decorated, Class):
            view, urls = call.decorated, call.args
        else:
            continue
        _add(call, view, urls, under, name, found)


def _add(call: Call, view: Any, urls: tuple[Any, ...], under: str, name: str, found: Found) -> None:
    if not isinstance(view, Class):
        found.unread(call.method, "a resource that cannot be told from the source", call.place)
        return
    endpoint = text(call.kwargs.get("endpoint")) or view.name.lower()
    if not urls:
        found.unread(call.method, f"{view.name}: a path that is not constant", call.place)
    for url in urls:
        path = text(url)
        if path is None:
            found.unread(call.method, f"{view.name}: a path that is not constant", call.place)
            continue
        whole = f"{under}/{path.lstrip('/')}" if path else under or "/"
        found.add(whole, methods_of(view) or ("GET",), f"{name}.{endpoint}".strip("."), view.place)
