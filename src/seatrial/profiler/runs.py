"""Server starts written in the code: `uvicorn.run("shop:app")`, `app.run()`, `web.run_app(app)`."""

from __future__ import annotations

import ast
from typing import Any

from seatrial.kernel.values import Value
from seatrial.profiler.reach import aliases, dotted, full_name, keyword, literal
from seatrial.profiler.source import Source

# What is called with the app, or its import string, as the first argument or by a keyword.
_WITH_APP = {
    "uvicorn.run": "uvicorn", "uvicorn.Config": "uvicorn", "hypercorn.run": "hypercorn",
    "waitress.serve": "waitress", "granian.Granian": "granian", "bjoern.run": "bjoern",
    "aiohttp.web.run_app": "aiohttp", "werkzeug.serving.run_simple": "werkzeug",
    "eventlet.wsgi.server": "eventlet", "gevent.pywsgi.WSGIServer": "gevent",
    "wsgiref.simple_server.make_server": "wsgiref", "cheroot.wsgi.Server": "cheroot",
    "fasthtml.common.serve": "uvicorn", "daphne.server.Server": "daphne",
}  # fmt: skip
_POSITIONS = {"wsgiref": 2, "werkzeug": 2, "eventlet": 1, "gevent": 1}
_NOT_SERVERS = frozenset({
    "asyncio.run", "subprocess.run", "anyio.run", "trio.run", "uvloop.run", "nest_asyncio.run",
    "threading.Thread.start", "pytest.main", "typer.run",
})  # fmt: skip
_METHODS = frozenset({"run", "run_server", "launch", "listen", "start", "serve", "run_app"})


class Run(Value):
    """A server that a file starts. `target` is an import string or a name of the file.

    `port` is 0 when it is not constant; `text` says that the target is an import string.
    """

    program: str
    target: str
    text: bool
    port: int
    line: int


def detect(source: Source, path: str) -> tuple[Run, ...]:
    """The servers that a file starts, wherever in it, in the order of the lines."""
    known: dict[str, tuple[Run, ...]] = source.memo.setdefault("runs.detect", {})
    if path not in known:
        known[path] = _detect(source, path)
    return known[path]


def _detect(source: Source, path: str) -> tuple[Run, ...]:
    names = aliases(source, path)
    found: list[Run] = []
    for node in source.nodes_of(path, ast.Call):
        called = full_name(node.func, names)
        program = _WITH_APP.get(called, "")
        if program:
            position = _POSITIONS.get(program, 0)
            target = next(iter(node.args[position:]), keyword(node, "app"))
        elif called in _NOT_SERVERS:
            continue
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            target = node.func.value
            program = node.func.attr
        else:
            continue
        text = literal(target) if target is not None else None
        found.append(Run(
            program=program, target=text if text is not None else dotted(target or node),
            text=text is not None, port=_port(node), line=node.lineno,
        ))  # fmt: skip
    return tuple(sorted(found, key=lambda run: run.line))


def _port(node: ast.Call) -> int:
    """The constant port, or the default of the variable it is read from; else 0."""
    given = keyword(node, "port") or keyword(node, "server_port")
    if given is None:
        return 0
    for inner in ast.walk(given):
        if isinstance(inner, ast.Constant):
            value: Any = inner.value
            if isinstance(value, str) and value.isdecimal() and len(value) <= 5:
                value = int(value)
            if isinstance(value, int) and 0 < value < 65536:
                return value
    return 0
