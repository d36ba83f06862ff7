"""Routes: the URL rules a Flask app registers, with its blueprints' prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact, Proof, Route
from seatrial.profiler.objects import Call, Class, Const, Function, Seq, Thing, text
from seatrial.profiler.reach import imported
from seatrial.profiler.source import Source

FLASK = frozenset({
    "flask.Flask", "flask.app.Flask", "flask.sansio.app.App",
    "apiflask.APIFlask", "apiflask.app.APIFlask", "flask_openapi3.OpenAPI",
})  # fmt: skip
BLUEPRINT = frozenset({
    "flask.Blueprint", "flask.blueprints.Blueprint", "apiflask.APIBlueprint",
    "flask_smorest.Blueprint", "flask_openapi3.APIBlueprint",
})  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
# Extensions that make rules out of classes or tables.
_EXTENSIONS = frozenset({
    "flask_restful", "flask_restx", "flask_restplus", "flask_classful", "flask_admin",
    "flask_appbuilder", "flask_graphql", "ariadne", "flask_security", "flask_dance", "dash",
    "flask_socketio", "flask_sock", "connexion",
})  # fmt: skip
_SHORT = {name: name.upper() for name in ("get", "post", "put", "delete", "patch")}
ROUTES_MAX = 5_000
NESTED_MAX = 16


class Routes(Value):
    """The routes in the order of their registration, and what could not be read."""

    routes: tuple[Route, ...]
    facts: tuple[Fact, ...]


def collect(app: Thing) -> Routes:
    """All rules of `app` but the automatic one for static files."""
    found: list[Route] = []
    facts: list[Fact] = []
    _collect(app, None, "", found, facts, NESTED_MAX)
    unique = {(route.path, route.methods): route for route in reversed(found)}
    kept = {id(route) for route in unique.values()}
    return Routes(routes=tuple(route for route in found if id(route) in kept), facts=tuple(facts))


def unread_extensions(source: Source, paths: Sequence[str]) -> tuple[Fact, ...]:
    """The extensions the app imports that add rules of their own, each once."""
    facts: dict[str, Fact] = {}
    for path in paths:
        for node in source.nodes(path):
            for name, line in imported(node):
                extension = name.split(".")[0]
                if extension in _EXTENSIONS and extension not in facts:
                    proof = Proof(kind="source", rule="routes.unread", file=path, line=line)
                    facts[extension] = Fact(
                        rule="routes.unread", subject=extension, proof=proof,
                        value="routes registered through it are not read",
                    )  # fmt: skip
    return tuple(facts[name] for name in sorted(facts))


def _collect(
    owner: Thing, prefix: str | None, name: str, found: list[Route], facts: list[Fact], deep: int
) -> None:
    """Add the rules of an app or blueprint that is registered under `prefix` as `name`."""
    for call in owner.calls:
        if len(found) >= ROUTES_MAX:
            facts.append(_unread(call, f"more than {ROUTES_MAX:,} routes"))
            return
        if call.method == "register_blueprint":
            _nested(call, prefix, name, found, facts, deep)
        elif call.method == "add_url_rule" or (
            (call.method == "route" or call.method in _SHORT) and call.decorated is not None
        ):
            route = _rule(call, prefix, name, facts)
            if route is not None:
                found.append(route)


def _nested(
    call: Call, prefix: str | None, name: str, found: list[Route], facts: list[Fact], deep: int
) -> None:
    blueprint = call.argument(0, "blueprint")
    if not isinstance(blueprint, Thing) or not blueprint.is_a(BLUEPRINT):
        facts.append(_unread(call, "a blueprint that cannot be told from the source"))
        return
    if deep == 0:
        facts.append(_unread(call, f"blueprints nested more than {NESTED_MAX} deep"))
        return
    own = call.kwargs.get("url_prefix")
    if own is None or own == Const(None):
        own = blueprint.made.argument(5, "url_prefix")
    if own is None or own == Const(None):
        inner = prefix
    else:
        given = text(own)
        if given is None:
            facts.append(_unread(call, "a url_prefix that is not constant"))
            return
        # As flask.sansio.blueprints.Blueprint.register joins nested prefixes.
        inner = given if prefix is None else f"{prefix.rstrip('/')}/{given.lstrip('/')}"
    label = text(call.kwargs.get("name")) or text(blueprint.made.argument(0, "name")) or ""
    _collect(blueprint, inner, f"{name}.{label}".strip("."), found, facts, deep - 1)


def _rule(call: Call, prefix: str | None, name: str, facts: list[Fact]) -> Route | None:
    rule = text(call.argument(0, "rule"))
    if rule is None:
        facts.append(_unread(call, "a path that is not constant"))
        return None
    for option in ("host", "subdomain"):
        if option in call.kwargs:
            facts.append(_unread(call, f"{rule}: answered on another {option} only"))
            return None
    view = call.decorated
    if call.method == "add_url_rule":
        view = call.argument(2, "view_func")
    endpoint = text(call.kwargs.get("endpoint"))
    if endpoint is None and call.method == "add_url_rule":
        endpoint = text(call.argument(1, "endpoint"))
    if endpoint is None:
        endpoint = view.name if isinstance(view, Function | Class) else ""
    # As flask.sansio.blueprints.BlueprintSetupState.add_url_rule joins prefix and rule.
    if prefix is not None:
        rule = f"{prefix.rstrip('/')}/{rule.lstrip('/')}" if rule else prefix
    return Route(
        path=rule,
        methods=_methods(call, view, rule, facts),
        endpoint=f"{name}.{endpoint}".strip("."),
        proof=Proof(kind="source", rule="flask.route", file=call.place.file, line=call.place.line),
    )


def _methods(call: Call, view: Any, rule: str, facts: list[Fact]) -> tuple[str, ...]:
    if call.method in _SHORT:
        return (_SHORT[call.method],)
    given = call.kwargs.get("methods")
    if given is None and isinstance(view, Class):
        given = view.find("methods")
        if not isinstance(given, Seq):
            own = {name for one in view.lineage() for name in one.scope.names}
            methods = tuple(method for method in METHODS if method.lower() in own)
            return methods or ("GET",)
    if given is None or given == Const(None):
        return ("GET",)
    if not isinstance(given, Seq):
        facts.append(_unread(call, f"{rule}: methods that are not constant; GET is assumed"))
        return ("GET",)
    named = {name.upper() for name in map(text, given.items) if name}
    return tuple(method for method in METHODS if method in named) or ("GET",)


def _unread(call: Call, why: str) -> Fact:
    return Fact(
        rule="routes.unread", subject=call.method, value=why,
        proof=Proof(
            kind="source", rule="routes.unread", file=call.place.file, line=call.place.line
        ),
    )  # fmt: skip
