"""Routes of what shows pages from a script: Streamlit, Gradio, Dash, Chainlit and the like."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.modules import join as inside
from seatrial.profiler.modules import parent
from seatrial.profiler.objects import Const, Place, Thing, text
from seatrial.profiler.reach import dotted, literal
from seatrial.profiler.routes import flask
from seatrial.profiler.routes.found import WEBSOCKET, Found, Routes, decorations, join
from seatrial.profiler.source import Source

# "1_Data sets.py" is shown as "Data sets" under /Data_sets: streamlit/source_util.py.
_NUMBERED = re.compile(r"^\d*[_ -]*(.*)$")
_GET = ("GET",)


def streamlit(_app: Thing | None, machine: Interpreter, path: str) -> Routes:
    """The page itself, those of pages/ and of st.navigation, the health check, the socket."""
    found = Found("streamlit")
    source, folder = machine.source, inside(parent(path), "pages")
    found.add("/", _GET, PurePosixPath(path).stem, Place(path, 1))
    named = _st_pages(source, path, found)
    if not named:
        for file in source.python_files:
            if parent(file) == folder and not PurePosixPath(file).name.startswith(("_", ".")):
                found.add(f"/{_page_name(file)}", _GET, PurePosixPath(file).stem, Place(file, 1))
    found.add("/_stcore/health", _GET, "health", Place(path, 1))
    found.add("/_stcore/stream", WEBSOCKET, "stream", Place(path, 1))
    return found.result()


def _page_name(file: str) -> str:
    stem = PurePosixPath(file).stem
    whole = _NUMBERED.match(stem)
    return (whole[1] if whole and whole[1] else stem).replace(" ", "_")


def _st_pages(source: Source, path: str, found: Found) -> bool:
    """`st.Page("x.py", url_path="y")`; whether there is any."""
    named = False
    for node in source.nodes(path):
        if not isinstance(node, ast.Call) or not dotted(node.func).endswith("st.Page"):
            continue
        named = True
        target = literal(node.args[0]) if node.args else None
        given = {k.arg: k.value for k in node.keywords}
        default = given.get("default")
        url = literal(given.get("url_path"))
        if url is None and target is not None:
            url = _page_name(target)
        elif url is None and node.args:
            url = dotted(node.args[0]).rpartition(".")[2]
        if isinstance(default, ast.Constant) and default.value is True:
            continue  # shown at the root
        if url:
            found.add(f"/{url}", _GET, url, Place(path, node.lineno))
    return named


def chainlit(_app: Thing | None, _machine: Interpreter, path: str) -> Routes:
    """The page and the socket its messages go through."""
    found = Found("chainlit")
    found.add("/", _GET, "index", Place(path, 1))
    found.add("/ws/socket.io", WEBSOCKET, "socket", Place(path, 1))
    return found.result()


def one_page(framework: str, page: str = "/") -> Callable[[Thing | None, Interpreter, str], Routes]:
    """A reader of what shows one page; `{stem}` stands for the file's name."""

    def read(_app: Thing | None, _machine: Interpreter, path: str) -> Routes:
        found = Found(framework)
        stem = PurePosixPath(path).stem
        found.add(page.replace("{stem}", stem), _GET, stem, Place(path, 1))
        return found.result()

    return read


def mesop(_app: Thing | None, machine: Interpreter, _path: str) -> Routes:
    """`@me.page(path="/x")`."""
    found = Found("mesop")
    for view, call in decorations(machine, frozenset({"mesop.page"})):
        path = text(call.kwargs.get("path"))
        found.add(path or f"/{view.name}", _GET, view.name, call.place)
    return found.result()


def dash(app: Thing | None, machine: Interpreter, path: str) -> Routes:
    """The layout at the root, registered pages, callbacks, and the Flask app underneath."""
    found = Found("dash")
    app = app or next(
        (v for v in machine.run(path).scope.names.values() if isinstance(v, Thing)
         and v.made_by in ("dash.Dash", "dash_extensions.enrich.DashProxy")), None,
    )  # fmt: skip
    place = app.made.place if app is not None else Place(path, 1)
    made = app.made.kwargs if app is not None else {}
    base = text(made.get("url_base_pathname")) or text(made.get("routes_pathname_prefix")) or "/"
    found.add(base, _GET, "index", place)
    if made.get("use_pages") == Const(True):
        _pages(machine, base, found)
    found.add(join(base, "_dash-update-component"), ("POST",), "callbacks", place)
    for owner in (app, made.get("server")):
        if isinstance(owner, Thing):
            inner = flask.read(owner, machine, path)
            found.routes += inner.routes
            found.facts += inner.facts
    return found.result()


def _pages(machine: Interpreter, base: str, found: Found) -> None:
    """`dash.register_page(__name__, path=...)`: without a path, from the module's name."""
    for file in machine.source.python_files:
        for node in machine.source.nodes(file):
            if not isinstance(node, ast.Call) or not dotted(node.func).endswith("register_page"):
                continue
            given = {k.arg: k.value for k in node.keywords}
            page = literal(given.get("path")) or literal(given.get("path_template"))
            stem = PurePosixPath(file).stem
            if page is None:
                page = "/" + stem.replace("_", "-").lower()
            found.add(join(base, page), _GET, stem, Place(file, node.lineno))
