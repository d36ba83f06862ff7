"""Routes of Sanic: blueprints, their groups and versions."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, Const, Seq, Thing, text
from seatrial.profiler.routes.found import (
    NESTED_MAX,
    VERBS,
    WEBSOCKET,
    Found,
    Routes,
    given,
    join,
    methods_given,
    methods_of,
    name_of,
)

_BLUEPRINTS = frozenset({"sanic.Blueprint", "sanic.blueprints.Blueprint"})
_GROUPS = frozenset({
    "sanic.Blueprint.group", "sanic.blueprints.Blueprint.group", "sanic.BlueprintGroup",
})  # fmt: skip
_DECORATES = {**{verb: (method,) for verb, method in VERBS.items()}, "websocket": WEBSOCKET}


def read(app: Thing | None, _machine: Interpreter, _path: str) -> Routes:
    """All routes but static files."""
    found = Found("sanic")
    if app is not None:
        _collect(app, "", "", found, NESTED_MAX)
    return found.result()


def _collect(owner: Thing, prefix: str, version: str, found: Found, deep: int) -> None:
    for call in owner.calls:
        if call.method in _DECORATES and call.decorated is not None:
            _rule(call, 0, _DECORATES[call.method], call.decorated, prefix, version, found)
        elif call.method == "route" and call.decorated is not None:
            verbs = methods_given(call.argument(1, "methods")) or ("GET",)
            _rule(call, 0, verbs, call.decorated, prefix, version, found)
        elif call.method == "add_route":
            view = call.argument(0, "handler")
            own = methods_of(view) if isinstance(view, Class) else ()
            verbs = methods_given(call.argument(2, "methods")) or own or ("GET",)
            _rule(call, 1, verbs, view, prefix, version, found)
        elif call.method == "add_websocket_route":
            _rule(call, 1, WEBSOCKET, call.argument(0, "handler"), prefix, version, found)
        elif call.method == "blueprint":
            _nested(call.argument(0, "blueprint"), call, prefix, version, found, deep)


def _nested(value: Any, call: Call, prefix: str, version: str, found: Found, deep: int) -> None:
    if not found.enter("blueprint", deep, call.place):
        return
    # The prefix of a group stands before that of each blueprint; the one given here replaces it.
    over = given(call.kwargs.get("url_prefix")) if call.method == "blueprint" else None
    if isinstance(value, Seq):
        for one in value.items:
            _nested(one, call, prefix, version, found, deep - 1)
    elif isinstance(value, Thing) and value.made_by in _GROUPS:
        under = join(prefix, text(value.made.kwargs.get("url_prefix")) or "")
        inner = _version(value.made, version)
        for one in (*value.made.args, *(c.args[0] for c in value.calls if c.args)):
            _nested(one, value.made, under, inner, found, deep - 1)
    elif isinstance(value, Thing) and value.is_a(_BLUEPRINTS):
        own = over if over is not None else given(value.made.argument(1, "url_prefix"))
        path = "" if own is None else text(own)
        if path is None:
            found.unread("blueprint", "a url_prefix that is not constant", call.place)
            return
        _collect(value, join(prefix, path), _version(value.made, version), found, deep - 1)
    else:
        found.unread("blueprint", "a blueprint that cannot be told from the source", call.place)


def _version(call: Call, outer: str) -> str:
    """`version=1` puts /v1 before everything, the prefix of a group included."""
    value = call.kwargs.get("version")
    if isinstance(value, Const) and isinstance(value.value, int | float | str):
        before = text(call.kwargs.get("version_prefix")) or "/v"
        return f"{before}{str(value.value).removeprefix('v')}"
    return outer


def _rule(
    call: Call, first: int, verbs: tuple[str, ...], view: Any, prefix: str, version: str,
    found: Found,
) -> None:  # fmt: skip
    path = text(call.argument(first, "uri"))
    if path is None:
        found.unread(call.method, "a path that is not constant", call.place)
        return
    under = f"{_version(call, version)}{prefix}"
    found.add(join(under, path), verbs, name_of(view), call.place)
