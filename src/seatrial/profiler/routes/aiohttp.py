"""Routes of aiohttp: the router's methods, route tables, lists of routes, sub-applications."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, Seq, Thing, text
from seatrial.profiler.routes.found import (
    METHODS,
    NESTED_MAX,
    VERBS,
    Found,
    Routes,
    join,
    made_here,
    methods_of,
    name_of,
)

_APPS = frozenset({"aiohttp.web.Application", "aiohttp.web_app.Application"})
_TABLES = frozenset({"aiohttp.web.RouteTableDef", "aiohttp.web_routedef.RouteTableDef"})
_ADDS = {f"add_{verb}": (method,) for verb, method in VERBS.items()}


def read(app: Thing | None, machine: Interpreter, path: str) -> Routes:
    """All routes but static files."""
    found = Found("aiohttp")
    app = app or made_here(machine, path, _APPS)
    if app is not None:
        _collect(app, "", found, NESTED_MAX)
    return found.result()


def _collect(owner: Thing, prefix: str, found: Found, deep: int) -> None:
    for call in owner.calls:
        method = call.method.removeprefix("router.")
        if method in _ADDS:
            _add(call, _ADDS[method], 0, prefix, found)
        elif method == "add_route":
            _add(call, _verbs(call.argument(0, "method")), 1, prefix, found)
        elif method == "add_view":
            _add(call, (), 0, prefix, found)
        elif method == "add_resource" and call.result is not None:
            for inner in call.result.calls:
                if inner.method == "add_route":
                    verbs = _verbs(inner.argument(0, "method"))
                    view = inner.argument(1, "handler")
                    _path(call.argument(0, "path"), verbs, view, inner, prefix, found)
        elif method == "add_routes":
            _table(call, prefix, found)
        elif method == "add_subapp":
            under, inner_app = text(call.argument(0, "prefix")), call.argument(1, "subapp")
            if under is None or not isinstance(inner_app, Thing):
                found.unread("add_subapp", "an app that cannot be told", call.place)
            elif found.enter("add_subapp", deep, call.place):
                _collect(inner_app, join(prefix, under), found, deep - 1)


def _verbs(value: Any) -> tuple[str, ...]:
    name = (text(value) or "*").upper()
    return METHODS if name == "*" else (name,)


def _table(call: Call, prefix: str, found: Found) -> None:
    """`add_routes` with a RouteTableDef, or with a list of `web.get(...)`."""
    routes = call.argument(0, "routes")
    if isinstance(routes, Thing) and routes.is_a(_TABLES):
        for one in routes.calls:
            if one.decorated is not None:
                _listed(one, one.method, one.decorated, prefix, found)
    elif isinstance(routes, Seq):
        for item in routes.items:
            if isinstance(item, Thing) and item.made_by.startswith("aiohttp.web"):
                kind = item.made_by.rpartition(".")[2]
                _listed(item.made, kind, item.made.argument(1, "handler"), prefix, found)
            else:
                found.unread("add_routes", "a route that cannot be told", call.place)
    else:
        found.unread("add_routes", "routes that cannot be told from the source", call.place)


def _listed(call: Call, kind: str, view: Any, prefix: str, found: Found) -> None:
    if kind in VERBS:
        _path(call.argument(0, "path"), (VERBS[kind],), view, call, prefix, found)
    elif kind == "view":
        _path(call.argument(0, "path"), (), view, call, prefix, found)
    elif kind == "route":
        handler = view if call.decorated is not None else call.argument(2, "handler")
        verbs = _verbs(call.argument(0, "method"))
        _path(call.argument(1, "path"), verbs, handler, call, prefix, found)


def _add(call: Call, verbs: tuple[str, ...], first: int, prefix: str, found: Found) -> None:
    view = call.argument(first + 1, "handler")
    _path(call.argument(first, "path"), verbs, view, call, prefix, found)


def _path(
    value: Any, verbs: tuple[str, ...], view: Any, call: Call, prefix: str, found: Found
) -> None:
    path = text(value)
    if path is None:
        found.unread(call.method or "route", "a path that is not constant", call.place)
        return
    if not verbs:
        verbs = (methods_of(view) if isinstance(view, Class) else ()) or ("GET",)
    found.add(join(prefix, path), verbs, name_of(view), call.place)
