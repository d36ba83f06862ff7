"""Routes of FastAPI and Starlette: decorators, routers with their prefixes, mounted apps."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, Const, Place, Seq, Thing, text
from seatrial.profiler.routes.found import (
    NESTED_MAX,
    VERBS,
    WEBSOCKET,
    Found,
    Routes,
    join,
    methods_given,
    methods_of,
    name_of,
    prefix_of,
)

_APPS = frozenset({
    "fastapi.FastAPI", "fastapi.applications.FastAPI", "starlette.applications.Starlette",
    "fastapi.APIRouter", "fastapi.routing.APIRouter", "starlette.routing.Router",
    "fastapi_offline.FastAPIOffline",
})  # fmt: skip
_SOCKETS = frozenset({"websocket", "websocket_route"})
_ADDS = frozenset({"add_api_route", "add_route"})
_ADDS_SOCKETS = frozenset({"add_api_websocket_route", "add_websocket_route"})
_ROUTE, _SOCKET_ROUTE, _MOUNT = "Route", "WebSocketRoute", "Mount"


def read(app: Thing | None, _machine: Interpreter, _path: str) -> Routes:
    """All routes but the automatic ones: `/docs`, `/redoc`, `/openapi.json`."""
    found = Found("fastapi" if app and app.made_by.startswith("fastapi") else "starlette")
    if app is not None:
        _collect(app, "", found, NESTED_MAX)
    return found.result()


def _collect(owner: Thing, prefix: str, found: Found, deep: int) -> None:
    own = ""
    if owner.made_by.endswith("APIRouter") or owner.kind is not None:
        known = prefix_of(found, owner.made.kwargs.get("prefix"), owner.made.place)
        if known is None:
            return
        own = known
    prefix = prefix.rstrip("/") + own
    position = 0 if owner.made_by == "starlette.routing.Router" else 1
    _list(owner.made.argument(position, "routes"), prefix, found, deep)
    for call in owner.calls:
        _registered(call, prefix, found, deep)
    for user in owner.users or ():
        if user.made_by.endswith("mount_gradio_app"):
            under = text(user.made.argument(2, "path")) or "/"
            found.add(join(prefix, under), ("GET",), "gradio", user.made.place)


def _registered(call: Call, prefix: str, found: Found, deep: int) -> None:
    method = call.method.removeprefix("router.").removeprefix("super.")
    decorates = call.decorated is not None
    if method in VERBS and decorates:
        _one(call, prefix, (VERBS[method],), call.decorated, found)
    elif method in ("route", "api_route") and decorates:
        _one(call, prefix, _methods(call, call.decorated), call.decorated, found)
    elif method in _SOCKETS and decorates:
        _one(call, prefix, WEBSOCKET, call.decorated, found)
    elif method in _ADDS:
        view = call.argument(1, "endpoint" if "endpoint" in call.kwargs else "route")
        _one(call, prefix, _methods(call, view), view, found)
    elif method in _ADDS_SOCKETS:
        _one(call, prefix, WEBSOCKET, call.argument(1, "endpoint"), found)
    elif method == "include_router":
        _included(call, prefix, found, deep)
    elif method == "mount":
        _mounted(call, prefix, found, deep)
    elif method in ("routes.append", "routes.extend"):
        _list(Seq(call.args) if method.endswith("append") else call.argument(0, ""),
              prefix, found, deep)  # fmt: skip


def _one(call: Call, prefix: str, methods: tuple[str, ...], view: Any, found: Found) -> None:
    path = text(call.argument(0, "path"))
    if path is None:
        found.unread(call.method or "route", "a path that is not constant", call.place)
        return
    # FastAPI puts prefix and path together as they are written.
    found.add(f"{prefix}{path}" or "/", methods, name_of(view), call.place)


def _methods(call: Call, view: Any) -> tuple[str, ...]:
    named = methods_given(call.kwargs.get("methods"))
    if not named and isinstance(view, Class):
        named = methods_of(view)
    return named or ("GET",)


def _included(call: Call, prefix: str, found: Found, deep: int) -> None:
    router = call.argument(0, "router")
    if not isinstance(router, Thing) or not router.is_a(_APPS):
        found.unread(call.method, "a router that cannot be told from the source", call.place)
        return
    own = prefix_of(found, call.kwargs.get("prefix"), call.place)
    if own is not None and found.enter(call.method, deep, call.place):
        _collect(router, prefix + own, found, deep - 1)


def _mounted(call: Call, prefix: str, found: Found, deep: int) -> None:
    path = text(call.argument(0, "path"))
    app = call.argument(1, "app")
    if path is None:
        found.unread("mount", "a path that is not constant", call.place)
        return
    under = prefix + path.rstrip("/")
    inner = call.argument(9, "routes")
    if isinstance(inner, Seq) and found.enter("mount", deep, call.place):
        _list(inner, under, found, deep - 1)
    elif isinstance(app, Thing) and app.is_a(_APPS):
        if found.enter("mount", deep, call.place):
            _collect(app, under, found, deep - 1)
    elif isinstance(app, Thing) and app.made_by.endswith("StaticFiles"):
        if app.made.kwargs.get("html") == Const(True):
            found.add(under or "/", ("GET",), text(call.argument(2, "name")) or "", call.place)
    else:
        found.unread("mount", f"an app mounted at {under or '/'}", call.place)


def _list(value: Any, prefix: str, found: Found, deep: int) -> None:
    """The routes of `routes=[Route(...), Mount(...)]`."""
    if not isinstance(value, Seq):
        return
    for one in value.items:
        if not isinstance(one, Thing):
            found.unread("routes", "a route that cannot be told from the source", _place(value))
            continue
        kind = one.made_by.rpartition(".")[2]
        view = one.made.argument(1, "endpoint")
        if kind in (_ROUTE, "APIRoute"):
            _one(one.made, prefix, _methods(one.made, view), view, found)
        elif kind in (_SOCKET_ROUTE, "APIWebSocketRoute"):
            _one(one.made, prefix, WEBSOCKET, view, found)
        elif kind == _MOUNT:
            _mounted(one.made, prefix, found, deep)


def _place(value: Seq) -> Place:
    known = (one.made.place for one in value.items if isinstance(one, Thing))
    return next(known, Place("", 0))
