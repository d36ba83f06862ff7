"""How the app is started and run on its author's machine: debuggers, tunnels, windows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.context import at_import, elsewhere, is_main, truth
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.detectors.sites import sites
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last
from seatrial.profiler.rules import fact

_REAL_SERVERS = ("gunicorn", "uwsgi", "waitress", "uvicorn", "hypercorn", "granian", "gevent",
                 "cheroot", "bjoern", "daphne", "mod-wsgi", "eventlet", "meinheld")  # fmt: skip
_SERVER_WORD = re.compile(r"\b(gunicorn|uwsgi|waitress|uvicorn|hypercorn|granian|daphne)\b")
_RUNS = ("flask.Flask().run", "quart.Quart().run", "dash.Dash().run", "dash.Dash().run_server",
         "flask_socketio.SocketIO().run", "bottle.run", "bottle.Bottle().run",
         "apiflask.APIFlask().run", "connexion.FlaskApp().run")  # fmt: skip
_DEBUG_MAKERS = ("fastapi.FastAPI", "starlette.applications.Starlette", "litestar.Litestar",
                 "aiohttp.web.Application")  # fmt: skip
_BLOCKING_RUNS = (*_RUNS, "uvicorn.run", "hypercorn.run.run", "waitress.serve",
                  "aiohttp.web.run_app", "gunicorn.app.wsgiapp.run")  # fmt: skip
_TUNNELS = ("pyngrok.ngrok.connect", "ngrok.connect", "ngrok.forward", "ngrok.werkzeug_develop",
            "flask_ngrok.run_with_ngrok", "flask_cloudflared.run_with_cloudflared",
            "pycloudflared.try_cloudflare", "flask_lt.run_with_lt")  # fmt: skip
_COUNTS = frozenset({"cpu_count", "sched_getaffinity", "process_cpu_count"})
_WINDOWS = ("cv2.imshow", "webbrowser.open", "webbrowser.open_new_tab", "tkinter.Tk",
            "cv2.namedWindow")  # fmt: skip
_NAMES = frozenset(
    name.rpartition(".")[2] for name in (*_BLOCKING_RUNS, *_DEBUG_MAKERS, *_TUNNELS, *_WINDOWS)
) | {"launch", "basicConfig", "Popen", "start", "input", "show"}  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """Calls by their origin, and settings of the app object."""
    served = _other_server(part)
    serving = {(site.path, site.line, last(site.call.func)) for site in sites(part)}
    for file in indexes(part):
        for call in file.of(ast.Call):
            if last(call.func) in _NAMES:
                origin = origin_of(part.code, file.path, call.func)
                yield from _started(part, file, call, origin, served)
                handled = (file.path, call.lineno, last(call.func)) in serving
                yield from _on_screen(part, file, call, origin, handled)
        yield from _debug_settings(part, file)


def _started(part: Part, file: Index, call: ast.Call, origin: str, served: bool) -> Iterator[Fact]:
    def told(rule: str, subject: str, value: str = "") -> Fact:
        return fact(rule, subject, value, file=file.path, line=call.lineno)

    if origin in _BLOCKING_RUNS:
        if origin in _RUNS and not served and truth(keyword(call, "debug")):
            yield told("habit.debug-server", origin.replace("()", ""), "debug=True")
        if not served and truth(keyword(call, "reload")) == "always":
            yield told("habit.reload", origin, "reload=True")
        if _by_cpu(keyword(call, "workers")):
            yield told("habit.workers-by-cpu", origin, "workers")
        if _is_imported(part, file) and at_import(file, call):
            yield told("habit.run-at-import", origin.replace("()", ""))
    elif origin in _DEBUG_MAKERS and truth(keyword(call, "debug")):
        if any(isinstance(one, ast.If | ast.IfExp) for one in file.above(call)):
            return
        yield told("habit.debug-app", origin, "debug=True")
    elif origin in _TUNNELS and not elsewhere(file, call):
        yield told("habit.tunnel", origin)
    elif last(call.func) == "launch" and part.imports("gradio"):
        share = keyword(call, "share")
        if isinstance(share, ast.Constant) and share.value is True:
            yield told("habit.tunnel", "gradio", "share=True")
    elif origin == "logging.basicConfig":
        if last(keyword(call, "level") or call) == "DEBUG":
            yield told("habit.log-level", "logging", "DEBUG")
    elif origin in ("subprocess.Popen", "multiprocessing.Process().start"):
        runs_often = _is_imported(part, file) or part.framework == "streamlit"
        if runs_often and at_import(file, call):
            yield told("habit.process-at-import", origin.replace("()", ""))


def _on_screen(
    part: Part, file: Index, call: ast.Call, origin: str, handled: bool
) -> Iterator[Fact]:
    """What needs a keyboard or a screen, in handlers and where files are imported."""
    if not handled and not (_is_imported(part, file) and at_import(file, call)):
        return
    if origin == "input":
        yield fact("habit.waits-for-keyboard", "input()", file=file.path, line=call.lineno)
    elif origin in _WINDOWS:
        yield fact("habit.opens-window", origin, file=file.path, line=call.lineno)
    elif origin == "matplotlib.pyplot.show":
        yield fact("habit.shows-plot", origin, file=file.path, line=call.lineno)


def _is_imported(part: Part, file: Index) -> bool:
    """Whether a server imports the file, so that it is not run itself."""
    module, colon, _ = part.entry.partition(":")
    return bool(colon) and (
        file.path.removesuffix(".py").replace("/", ".").endswith(module)
        or file.path != part.paths[0]
    )


def _debug_settings(part: Part, file: Index) -> Iterator[Fact]:
    """`app.debug = True`, `app.config["DEBUG"] = True`, `app.config.update(DEBUG=True)`."""
    for target, value in file.assigned:
        name = _debug_name(target)
        if name and truth(value) and not is_main(file, value) and not elsewhere(file, value):
            if any(isinstance(one, ast.If) for one in file.above(value)):
                continue
            said = "unless it is set" if truth(value) == "unless-set" else "always"
            yield fact("habit.debug-app", name, said, file=file.path, line=value.lineno)
    for given in file.of(ast.keyword):
        if given.arg == "DEBUG" and truth(given.value):
            above = next(file.above(given), None)
            if isinstance(above, ast.Call) and last(above.func) in ("update", "from_mapping"):
                yield fact("habit.debug-app", "config DEBUG", "always",
                           file=file.path, line=given.value.lineno)  # fmt: skip


def _debug_name(target: ast.expr) -> str:
    if isinstance(target, ast.Attribute) and target.attr == "debug":
        held = last(target.value)
        return f"{held}.debug" if held in ("app", "application", "server") else ""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        named = target.slice.value == "DEBUG" and last(target.value) == "config"
        return 'config["DEBUG"]' if named else ""
    return ""


def _by_cpu(node: ast.AST | None) -> bool:
    return node is not None and any(
        isinstance(one, ast.Call) and last(one.func) in _COUNTS for one in ast.walk(node)
    )


def _other_server(part: Part) -> bool:
    """Whether a real server is installed, imported or started somewhere."""
    if any(name.startswith(_REAL_SERVERS) for name in part.dependencies):
        return True
    if part.imports("waitress", "gunicorn", "gevent", "hypercorn", "cheroot"):
        return True
    looked = 0
    for file in part.source.files:
        name = file.path.rpartition("/")[2].lower()
        if name.startswith(("dockerfile", "procfile", "docker-compose", "compose.")) or (
            name.endswith((".sh", ".service")) or name in ("makefile", "app.yaml", "render.yaml")
        ):
            looked += 1
            if looked <= 40 and _SERVER_WORD.search(part.source.read_text(file.path) or ""):
                return True
    return False
