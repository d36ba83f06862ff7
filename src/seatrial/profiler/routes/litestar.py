"""Routes of Litestar (and Starlite): handlers, controllers and routers."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, Function, Seq, Thing, text
from seatrial.profiler.routes.found import (
    NESTED_MAX,
    VERBS,
    WEBSOCKET,
    Found,
    Routes,
    given,
    join,
    listed,
    methods_given,
)

_ROUTERS = frozenset({
    "litestar.Router", "litestar.router.Router", "starlite.Router", "litestar.Litestar",
    "litestar.app.Litestar", "starlite.Starlite",
})  # fmt: skip
_PACKAGES = ("litestar", "starlite")
_SOCKETS = frozenset({"websocket", "websocket_listener", "websocket_stream", "WebsocketListener"})


def read(app: Thing | None, _machine: Interpreter, _path: str) -> Routes:
    """All handlers but the automatic schema."""
    found = Found("litestar")
    if app is not None:
        _router(app, "", found, NESTED_MAX)
    return found.result()


def _router(owner: Thing, prefix: str, found: Found, deep: int) -> None:
    # A router's first argument is its path, an app's are its handlers.
    router = owner.made_by.endswith(".Router")
    own = given(owner.made.argument(0, "path") if router else owner.made.kwargs.get("path"))
    path = text(own) if own is not None else ""
    if path is None:
        found.unread("Router", "a path that is not constant", owner.made.place)
        return
    under = join(prefix, path)
    handlers = owner.made.argument(1 if router else 0, "route_handlers")
    if isinstance(handlers, Seq):
        _handlers(handlers.items, under, found, deep, owner.made)
    elif given(handlers) is not None:
        found.unread("route_handlers", "a list that cannot be read", owner.made.place)
    for call in owner.calls:
        if call.method == "register":
            _handlers(call.args[:1], under, found, deep, call)


def _handlers(items: tuple[Any, ...], under: str, found: Found, deep: int, call: Call) -> None:
    for one in items:
        if isinstance(one, Function):
            _handler(one, under, found)
        elif isinstance(one, Class):
            _controller(one, under, found)
        elif isinstance(one, Thing) and one.is_a(_ROUTERS):
            if found.enter("Router", deep, call.place):
                _router(one, under, found, deep - 1)
        else:
            found.unread("route_handlers", "a handler that cannot be told", call.place)


def _controller(kind: Class, under: str, found: Found) -> None:
    path = text(kind.find("path")) or ""
    seen: set[str] = set()
    for one in kind.lineage():
        for name, value in one.scope.names.items():
            if isinstance(value, Function) and name not in seen:
                seen.add(name)
                _handler(value, join(under, path), found)


def _handler(view: Function, under: str, found: Found) -> None:
    for decorator in view.decorators:
        if not isinstance(decorator, Thing) or not decorator.made_by.startswith(_PACKAGES):
            continue
        kind = decorator.made_by.rpartition(".")[2]
        if kind in _SOCKETS:
            methods: tuple[str, ...] = WEBSOCKET
        elif kind in VERBS:
            methods = (VERBS[kind],)
        elif kind == "route":
            methods = methods_given(decorator.made.kwargs.get("http_method")) or ("GET",)
        else:
            continue
        path = given(decorator.made.argument(0, "path"))
        paths = ("",) if path is None else listed(path)
        if not paths:
            found.unread(kind, "a path that is not constant", decorator.made.place)
        for one in paths:
            whole = join(under, one)
            found.add(whole.rstrip("/") or "/", methods, view.name, decorator.made.place)
