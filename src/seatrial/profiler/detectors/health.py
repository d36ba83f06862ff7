"""Whether the app has a route that tells whether it is well."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from seatrial.kernel.workload import Fact, Route
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal
from seatrial.profiler.rules import fact

_NAME = re.compile(
    r"_{0,2}(health|healthz|healthy|healthcheck|health[-_]check|health[-_]?status|ping|status|"
    r"livez?|liveness|readyz?|readiness|alive|heartbeat|lbheartbeat|up|ht)_{0,2}"
)
_OWN = {"streamlit": "/_stcore/health", "bentoml": "/healthz", "reflex": "/ping"}
# These have pages and no routes, or none that a handler of the app could be.
_WITHOUT_ROUTES = frozenset({"gradio", "chainlit", "streamlit", "dash", "nicegui", "shiny",
                             "panel", "mesop", "reflex", "bentoml"})  # fmt: skip
_ROUTE_CALLS = frozenset({
    "route", "get", "head", "api_route", "add_url_rule", "add_route", "add_api_route", "add_get",
    "path", "re_path", "url", "Route", "view", "add_resource", "add_handler", "handler",
    "APIRouter", "include_router", "mount", "Mount", "register_blueprint", "Blueprint",
})  # fmt: skip
_LIBRARIES = ("health_check", "healthcheck", "fastapi_health", "django_alive", "watchman",
              "flask_healthz", "healthpy", "starlette_healthcheck", "py_healthcheck",
              "fastapi_healthcheck", "fastapi_healthchecks")  # fmt: skip


def detect(part: Part, routes: Sequence[Route] = ()) -> Iterator[Fact]:
    """The routes of that kind; without `routes` they are looked for in constants of the source."""
    if part.kind not in ("web", "model"):
        return
    if part.framework in _OWN:
        yield fact("health.route", _OWN[part.framework], part.framework)
        return
    found = [(route.path, route.proof.file, route.proof.line) for route in routes]
    if not found:
        found = [place for file in indexes(part) for place in _written(file)]
    healthy = [(path, file, line) for path, file, line in found if is_health(path)]
    for path, file, line in healthy[:5]:
        yield fact("health.route", path, file=file, line=line)
    if healthy or part.framework in _WITHOUT_ROUTES or not found:
        return
    if part.imports(*_LIBRARIES) or _installed(part):
        return
    file, line = found[0][1], 0
    yield fact("health.none", part.name, f"{len(found)} routes", file=file, line=line)


def is_health(path: str) -> bool:
    """Whether the last part of a path says so: `/api/v1/healthz`, `^health/$`."""
    if any(mark in path for mark in "{<("):
        return False  # the status of some thing, not of the app
    last_part = path.strip("^$").rstrip("/?").rpartition("/")[2]
    return _NAME.fullmatch(last_part.lower()) is not None


def _written(file: Index) -> Iterator[tuple[str, str, int]]:
    """The constant paths of route decorators, of calls that add routes and of urlpatterns."""
    decorators = {
        id(one) for function in file.functions for one in function.decorator_list
    } | {id(one) for klass in file.of(ast.ClassDef) for one in klass.decorator_list}  # fmt: skip
    for call in file.of(ast.Call):
        name = last(call.func)
        if name not in _ROUTE_CALLS:
            continue
        first = keyword(call, "path", "rule", "url_prefix", "prefix", "url")
        given = [first] if first is not None else [*call.args[:3]]
        # `client.get("/users")` is no route; `@app.get("/users")` is one.
        if name in ("get", "head", "handler", "view") and id(call) not in decorators:
            continue
        for one in given:
            path = literal(one)
            if path is not None and " " not in path:
                yield path, file.path, call.lineno
                break
    for pair in file.of(ast.Tuple):
        # Tornado: [(r"/health", HealthHandler)]
        path = literal(pair.elts[0]) if len(pair.elts) in (2, 3) else None
        if path is not None and path.startswith("/") and last(pair.elts[1]).endswith("Handler"):
            yield path, file.path, pair.lineno


def _installed(part: Part) -> bool:
    """A Django app that brings the route, named in INSTALLED_APPS."""
    return any(
        isinstance(text.value, str) and text.value.startswith(("health_check", "watchman"))
        for file in indexes(part)
        for text in file.strings
    )
