"""Routes of Flask and Quart: blueprints with their prefixes, and the extensions for APIs."""

from __future__ import annotations

from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, Const, Function, Seq, Thing, text
from seatrial.profiler.routes import restful
from seatrial.profiler.routes.found import (
    NESTED_MAX,
    WEBSOCKET,
    Found,
    Routes,
    methods_given,
    methods_of,
)

FLASK = frozenset({
    "flask.Flask", "flask.app.Flask", "flask.sansio.app.App",
    "apiflask.APIFlask", "apiflask.app.APIFlask", "flask_openapi3.OpenAPI",
    "quart.Quart", "quart.app.Quart", "quart_trio.QuartTrio",
})  # fmt: skip
BLUEPRINT = frozenset({
    "flask.Blueprint", "flask.blueprints.Blueprint", "apiflask.APIBlueprint",
    "flask_smorest.Blueprint", "flask_smorest.blueprint.Blueprint", "flask_openapi3.APIBlueprint",
    "quart.Blueprint", "quart.blueprints.Blueprint",
})  # fmt: skip
_SMOREST = frozenset({"flask_smorest.Api", "flask_rest_api.Api"})
_SOCK = frozenset({"flask_sock.Sock"})
_SHORT = {name: name.upper() for name in ("get", "post", "put", "delete", "patch")}


def read(app: Thing | None, _machine: Interpreter, _path: str) -> Routes:
    """All rules of the app but the automatic one for static files."""
    found = Found("flask")
    if app is not None:
        _collect(app, None, "", found, NESTED_MAX)
    return found.result()


def _collect(owner: Thing, prefix: str | None, name: str, found: Found, deep: int) -> None:
    """Add the rules of an app or blueprint that is registered under `prefix` as `name`."""
    for call in owner.calls:
        method = call.method.removeprefix("server.")  # the Flask app inside a Dash app
        if method in ("register_blueprint", "register_api"):
            _nested(call, prefix, name, found, deep)
        elif method in ("add_url_rule", "add_websocket") or (
            (method in ("route", "websocket") or method in _SHORT) and call.decorated is not None
        ):
            _rule(call, method, prefix, name, found)
    for user in owner.users or ():
        if user.is_a(restful.APIS):
            restful.collect(user, prefix or "", name, found)
        elif user.is_a(_SMOREST):
            for call in user.calls:
                if call.method == "register_blueprint":
                    _nested(call, prefix, name, found, deep)
        elif user.is_a(_SOCK):
            for call in user.calls:
                if call.method == "route" and call.decorated is not None:
                    _rule(call, "websocket", prefix, name, found)


def _nested(call: Call, prefix: str | None, name: str, found: Found, deep: int) -> None:
    blueprint = call.argument(0, "blueprint")
    if not isinstance(blueprint, Thing) or not blueprint.is_a(BLUEPRINT):
        found.unread(call.method, "a blueprint that cannot be told from the source", call.place)
        return
    if not found.enter(call.method, deep, call.place):
        return
    own = call.kwargs.get("url_prefix")
    if own is None or own == Const(None):
        position = 3 if blueprint.made_by.startswith("flask_smorest.") else 5
        own = blueprint.made.argument(position, "url_prefix")
    if own is None or own == Const(None):
        inner = prefix
    else:
        given = text(own)
        if given is None:
            found.unread(call.method, "a url_prefix that is not constant", call.place)
            return
        # As flask.sansio.blueprints.Blueprint.register joins nested prefixes.
        inner = given if prefix is None else f"{prefix.rstrip('/')}/{given.lstrip('/')}"
    label = text(call.kwargs.get("name")) or text(blueprint.made.argument(0, "name")) or ""
    _collect(blueprint, inner, f"{name}.{label}".strip("."), found, deep - 1)


def _rule(call: Call, method: str, prefix: str | None, name: str, found: Found) -> None:
    rule = text(call.argument(0, "rule"))
    if rule is None:
        found.unread(call.method, "a path that is not constant", call.place)
        return
    for option in ("host", "subdomain"):
        if option in call.kwargs:
            found.unread(call.method, f"{rule}: answered on another {option} only", call.place)
            return
    view = call.decorated
    added = method in ("add_url_rule", "add_websocket")
    if added:
        view = call.argument(2, "view_func")
    endpoint = text(call.kwargs.get("endpoint"))
    if endpoint is None and added:
        endpoint = text(call.argument(1, "endpoint"))
    if endpoint is None:
        endpoint = view.name if isinstance(view, Function | Class) else ""
    # As flask.sansio.blueprints.BlueprintSetupState.add_url_rule joins prefix and rule.
    if prefix is not None:
        rule = f"{prefix.rstrip('/')}/{rule.lstrip('/')}" if rule else prefix
    methods = (
        WEBSOCKET if method in ("websocket", "add_websocket")
        else _methods(call, method, view, rule, found)
    )  # fmt: skip
    found.add(rule, methods, f"{name}.{endpoint}".strip("."), call.place)


def _methods(call: Call, method: str, view: Any, rule: str, found: Found) -> tuple[str, ...]:
    if method in _SHORT:
        return (_SHORT[method],)
    given = call.kwargs.get("methods")
    if given is None and isinstance(view, Class):
        given = view.find("methods")
        if not isinstance(given, Seq):
            return methods_of(view) or ("GET",)
    if given is None or given == Const(None):
        return ("GET",)
    if not isinstance(given, Seq):
        why = f"{rule}: methods that are not constant; GET is assumed"
        found.unread(call.method, why, call.place)
        return ("GET",)
    return methods_given(given) or ("GET",)
