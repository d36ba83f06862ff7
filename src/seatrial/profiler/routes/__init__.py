"""Routes: what an app answers, one reader a framework."""

from __future__ import annotations

from collections.abc import Callable

from seatrial.kernel.workload import Fact
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Thing
from seatrial.profiler.part import Part
from seatrial.profiler.routes import (
    aiohttp,
    django,
    flask,
    litestar,
    pages,
    sanic,
    small,
    starlette,
    tornado,
)
from seatrial.profiler.routes.found import Routes
from seatrial.profiler.rules import fact

Reader = Callable[[Thing | None, Interpreter, str], Routes]

READERS: dict[str, Reader] = {
    "flask": flask.read,
    "quart": flask.read,
    "fastapi": starlette.read,
    "starlette": starlette.read,
    "litestar": litestar.read,
    "django": django.read,
    "aiohttp": aiohttp.read,
    "sanic": sanic.read,
    "tornado": tornado.read,
    "bottle": small.bottle,
    "falcon": small.falcon,
    "fasthtml": small.fasthtml,
    "blacksheep": small.plain("blacksheep"),
    "robyn": small.plain("robyn"),
    "nicegui": small.nicegui,
    "streamlit": pages.streamlit,
    "gradio": pages.one_page("gradio"),
    "chainlit": pages.chainlit,
    "dash": pages.dash,
    "mesop": pages.mesop,
    "panel": pages.one_page("panel", "/{stem}"),
    "solara": pages.one_page("solara"),
    "taipy": pages.one_page("taipy"),
    "flet": pages.one_page("flet"),
    "shiny": pages.one_page("shiny"),
    "functions-framework": pages.one_page("functions-framework"),
}
"""By the framework's name as a component bears it."""

# Packages that make routes out of classes, tables or files, which no reader follows.
_UNREAD = frozenset({
    "flask_classful", "flask_admin", "flask_appbuilder", "flask_graphql", "ariadne",
    "flask_security", "flask_dance", "flask_socketio", "connexion", "fastapi_users", "sqladmin",
    "fastapi_crudrouter", "strawberry", "graphene_django", "piccolo_api",
})  # fmt: skip


def collect(framework: str, app: Thing | None, machine: Interpreter, path: str) -> Routes:
    """The routes of an app of that framework; none for one that no reader is there for.

    `app` is the app object where there is one, `machine` the walk that found it, `path` the
    file of the entry.
    """
    reader = READERS.get(framework)
    return reader(app, machine, path) if reader is not None else Routes(routes=())


def detect(part: Part) -> tuple[Fact, ...]:
    """The extensions the app imports that add routes of their own, each once."""
    found: dict[str, Fact] = {}
    if part.kind != "web":
        return ()
    for path in part.paths:
        for name, line in part.source.imports(path):
            extension = name.split(".")[0]
            if extension in _UNREAD and extension not in found:
                found[extension] = fact(
                    "routes.unread", extension, "routes registered through it are not read",
                    file=path, line=line,
                )  # fmt: skip
    return tuple(found[name] for name in sorted(found))


__all__ = ["READERS", "Routes", "collect", "detect"]
