"""Routes of the smaller frameworks: Bottle, Falcon, FastHTML, BlackSheep, Robyn, NiceGUI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, Function, Place, Thing, text
from seatrial.profiler.routes.found import (
    NESTED_MAX,
    VERBS,
    WEBSOCKET,
    Found,
    Routes,
    decorations,
    join,
    listed,
    made_here,
    methods_given,
    methods_of,
    name_of,
    own_values,
)

_BOTTLE = frozenset({f"bottle.{verb}" for verb in ("route", "get", "post", "put", "delete",
                                                   "patch")})  # fmt: skip
_SHEEP = frozenset({f"blacksheep.{verb}" for verb in VERBS} | {"blacksheep.route"})
_ROBYN = frozenset({"robyn.Robyn"})


def bottle(app: Thing | None, machine: Interpreter, _path: str) -> Routes:
    """The routes of an app object and those of the default app."""
    found = Found("bottle")
    for view, call in decorations(machine, _BOTTLE):
        _decorated(call, _verb(view, call), view, "", found)
    if app is not None:
        _bottle(app, "", found, NESTED_MAX)
    return found.result()


def _bottle(app: Thing, prefix: str, found: Found, deep: int) -> None:
    for call in app.calls:
        inner = call.argument(1, "app") if call.method == "mount" else call.argument(0, "routes")
        if call.method in ("mount", "merge") and isinstance(inner, Thing):
            under = join(prefix, text(call.argument(0, "prefix")) or "")
            if found.enter(call.method, deep, call.place):
                _bottle(inner, under if call.method == "mount" else prefix, found, deep - 1)
        elif call.method == "route" and call.decorated is None and len(call.args) > 2:
            _decorated(call, "route", call.args[2], prefix, found)
        elif call.decorated is not None and call.method in (*VERBS, "route"):
            _decorated(call, call.method, call.decorated, prefix, found)


def plain(framework: str) -> Callable[[Thing | None, Interpreter, str], Routes]:
    """A reader of frameworks whose app has nothing but decorators: `@app.get("/x")`."""

    def read(app: Thing | None, machine: Interpreter, path: str) -> Routes:
        found = Found(framework)
        if framework == "robyn":
            app = app or made_here(machine, path, _ROBYN)
        for call in app.calls if app is not None else ():
            method = call.method.removeprefix("router.")
            if call.decorated is not None and method in (*VERBS, "route", "ws"):
                _decorated(call, method, call.decorated, "", found)
        for view, call in decorations(machine, _SHEEP if framework == "blacksheep" else _NONE):
            _decorated(call, _verb(view, call), view, "", found)
        return found.result()

    return read


_NONE: frozenset[str] = frozenset()


def _decorated(call: Call, kind: str, view: Any, prefix: str, found: Found) -> None:
    """One decorator; a path that is not given is made from the function's name, as Bottle does."""
    paths = listed(call.argument(0, "path"))
    if not paths and not call.args and "path" not in call.kwargs:
        paths = (f"/{name_of(view)}",)
    if not paths:
        found.unread(kind, "a path that is not constant", call.place)
    verbs: tuple[str, ...] = (VERBS[kind],) if kind in VERBS else WEBSOCKET
    if kind == "route":
        named = call.kwargs.get("method", call.kwargs.get("methods", call.argument(1, "method")))
        verbs = methods_given(named) or ("GET",)
    for path in paths:
        found.add(join(prefix, path), verbs, name_of(view), call.place)


def falcon(app: Thing | None, _machine: Interpreter, _path: str) -> Routes:
    """`add_route` with the `on_*` methods of its resource."""
    found = Found("falcon")
    for call in app.calls if app is not None else ():
        if call.method != "add_route":
            continue
        path, resource = text(call.argument(0, "uri_template")), call.argument(1, "resource")
        kind = resource.kind if isinstance(resource, Thing) else None
        if path is None or kind is None:
            found.unread("add_route", "a path or resource that cannot be told", call.place)
            continue
        suffix = text(call.kwargs.get("suffix"))
        after = f"_{suffix}" if suffix else ""
        verbs = methods_of(kind, "on_", after)
        if any(f"on_websocket{after}" in one.scope.names for one in kind.lineage()):
            verbs = (*verbs, *WEBSOCKET)
        found.add(path, verbs or ("GET",), kind.name, call.place)
    return found.result()


def fasthtml(app: Thing | None, machine: Interpreter, _path: str) -> Routes:
    """`@rt("/x")`, `@rt`, `@app.get`; without a method in the name both GET and POST are taken."""
    found = Found("fasthtml")
    if app is None:
        return found.result()
    # `app, rt = fast_app()`: both were made by one call.
    parts = [one for one in own_values(machine)
             if isinstance(one, Thing) and one.made is app.made]  # fmt: skip
    for part in dict.fromkeys([app, *parts]):
        for call in part.calls:
            if call.decorated is not None and isinstance(call.decorated, Function):
                _fasthtml(call, call.method, call.decorated, found)
    for one in own_values(machine):
        if isinstance(one, Function) and any(d in parts for d in one.decorators):
            _fasthtml(Call("", (), {}, one.place), "__call__", one, found)
    return found.result()


def _fasthtml(call: Call, kind: str, view: Function, found: Found) -> None:
    if kind not in (*VERBS, "route", "__call__", "ws"):
        return
    path = text(call.argument(0, "path"))
    if path is None:
        path = "/" if view.name in ("index", "_") else f"/{view.name}"
    verbs: tuple[str, ...] = ("GET", "POST")
    if kind in VERBS:
        verbs = (VERBS[kind],)
    elif kind == "ws":
        verbs = WEBSOCKET
    elif methods_given(call.argument(1, "methods")):
        verbs = methods_given(call.argument(1, "methods"))
    elif view.name in VERBS:
        verbs = (VERBS[view.name],)
    found.add(path, verbs, view.name, call.place)


def nicegui(_app: Thing | None, machine: Interpreter, path: str) -> Routes:
    """`@ui.page("/x")`; a script without a page at the root shows itself there."""
    found = Found("nicegui")
    for view, call in decorations(machine, frozenset({"nicegui.ui.page"})):
        page = text(call.argument(0, "path"))
        if page is None:
            found.unread("page", "a path that is not constant", call.place)
        else:
            found.add(page, ("GET",), view.name, call.place)
    for view, call in decorations(machine, frozenset({f"nicegui.app.{verb}" for verb in VERBS})):
        _decorated(call, _verb(view, call), view, "", found)
    if not any(route.path == "/" for route in found.routes):
        found.add("/", ("GET",), "index", Place(path, 1))
    return found.result()


def _verb(view: Function | Class, call: Call) -> str:
    made = (d.made_by for d in view.decorators if isinstance(d, Thing) and d.made is call)
    return next(made).rpartition(".")[2]
