"""Routes of Tornado: the list of an Application, with the methods of its handler classes."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, External, Seq, Thing, text
from seatrial.profiler.routes.found import WEBSOCKET, Found, Routes, made_here, methods_of
from seatrial.profiler.routes.patterns import plain_regex

_APPS = frozenset({"tornado.web.Application"})
_RULES = frozenset({"tornado.web.url", "tornado.web.URLSpec", "tornado.routing.URLSpec"})
_START = "tornado.web.Application.__init__"


def read(app: Thing | None, machine: Interpreter, path: str) -> Routes:
    """All rules; their regular expressions are shown with `<name>` for a group."""
    found = Found("tornado")
    app = app or made_here(machine, path, _APPS)
    if app is None:
        return found.result()
    _list(app.made.argument(0, "handlers"), app.made, found)
    for call in app.calls:
        if call.method == "add_handlers":
            _list(call.argument(1, "host_handlers"), call, found)
        elif call.method == "super.__init__":
            _list(call.argument(0, "handlers"), call, found)
    for user in app.users or ():
        if user.made_by == _START:
            _list(user.made.argument(1, "handlers"), user.made, found)
    return found.result()


def _list(value: Any, call: Call, found: Found) -> None:
    if not isinstance(value, Seq):
        return
    for one in value.items:
        place = call.place
        if isinstance(one, Thing) and one.made_by in _RULES:
            path, handler = one.made.argument(0, "pattern"), one.made.argument(1, "handler")
            place = one.made.place
        elif isinstance(one, Seq) and len(one.items) >= 2:
            path, handler = one.items[0], one.items[1]
        else:
            found.unread("handlers", "a rule that cannot be told from the source", call.place)
            continue
        written = text(path)
        if written is None:
            found.unread("handlers", "a path that is not constant", place)
            continue
        if isinstance(handler, Class):
            place = handler.place
        found.add(plain_regex(written) or "/", _methods(handler), _name(handler), place)


def _methods(handler: Any) -> tuple[str, ...]:
    if not isinstance(handler, Class):
        return ("GET",)
    if any(base.endswith("WebSocketHandler") for base in handler.externals()):
        return WEBSOCKET
    return methods_of(handler) or ("GET",)


def _name(handler: Any) -> str:
    if isinstance(handler, Class):
        return handler.name
    return handler.name.rpartition(".")[2] if isinstance(handler, External) else ""
