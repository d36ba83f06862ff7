"""URL rules as Flask itself would list them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.workload import Component
from seatrial.profiler.profile import profile
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str]], Source]
HEAD = "from flask import Flask, Blueprint\nfrom flask.views import MethodView\n"
APP = HEAD + "app = Flask(__name__)\n"
BP = "bp = Blueprint('b', __name__{})\n@bp.get('/x')\ndef x(): ...\n"

# name: files, rules as (path, methods, endpoint)
CASES: dict[str, tuple[dict[str, str], list[tuple[str, tuple[str, ...], str]]]] = {
    "none": ({"app.py": APP}, []),
    "route": (
        {"app.py": APP + "@app.route('/a/<int:n>', methods=['POST', 'get'])\ndef f(n): ..."},
        [("/a/<int:n>", ("GET", "POST"), "f")],
    ),
    "short forms": (
        {"app.py": APP + "@app.get('/a')\ndef f(): ...\n@app.delete('/a')\ndef g(): ..."},
        [("/a", ("GET",), "f"), ("/a", ("DELETE",), "g")],
    ),
    "two rules for a view": (
        {"app.py": APP + "@app.route('/b')\n@app.route('/a')\ndef f(): ..."},
        [("/b", ("GET",), "f"), ("/a", ("GET",), "f")],
    ),
    "add_url_rule": (
        {"app.py": APP + "def f(): ...\napp.add_url_rule('/a', 'named', f, methods=('PUT',))\n"
         "app.add_url_rule('/b', view_func=f)"},
        [("/a", ("PUT",), "named"), ("/b", ("GET",), "f")],
    ),
    "view classes": (
        {"app.py": APP + "class V(MethodView):\n    def get(self): ...\n    def post(self): ...\n"
         "app.add_url_rule('/v', view_func=V.as_view('v'))"},
        [("/v", ("GET", "POST"), "V")],
    ),
    "constants and f-strings": (
        {"app.py": APP + "P = '/api'\nV = P + '/v1'\n@app.get(f'{V}/a')\ndef f(): ..."},
        [("/api/v1/a", ("GET",), "f")],
    ),
    "blueprint": (
        {"app.py": APP + BP.format("") + "app.register_blueprint(bp)"},
        [("/x", ("GET",), "b.x")],
    ),
    "blueprint's own prefix": (
        {"app.py": APP + BP.format(", url_prefix='/p'") + "app.register_blueprint(bp)"},
        [("/p/x", ("GET",), "b.x")],
    ),
    "prefix at registration wins": (
        {"app.py": APP + BP.format(", url_prefix='/p'")
         + "app.register_blueprint(bp, url_prefix='/q/')"},
        [("/q/x", ("GET",), "b.x")],
    ),
    "blueprint twice": (
        {"app.py": APP + BP.format("") + "app.register_blueprint(bp, url_prefix='/1')\n"
         "app.register_blueprint(bp, url_prefix='/2', name='c')"},
        [("/1/x", ("GET",), "b.x"), ("/2/x", ("GET",), "c.x")],
    ),
    "nested blueprints": (
        {"app.py": APP + BP.format(", url_prefix='/in'")
         + "out = Blueprint('o', 'o', url_prefix='/out')\nout.register_blueprint(bp)\n"
         "app.register_blueprint(out)"},
        [("/out/in/x", ("GET",), "o.b.x")],
    ),
    "blueprint never registered": ({"app.py": APP + BP.format("")}, []),
    "blueprint in another module, registered in a factory": (
        {
            "shop/__init__.py": HEAD + "def create_app():\n    from . import views\n"
            "    app = Flask('x')\n    app.register_blueprint(views.bp, url_prefix='/s')\n"
            "    return app",
            "shop/views.py": HEAD + BP.format(""),
        },
        [("/s/x", ("GET",), "b.x")],
    ),
    "routes added by a function of another module": (
        {"app.py": "from views import init\n" + APP + "init(app)",
         "views.py": "def init(target):\n    @target.post('/y')\n    def y(): ..."},
        [("/y", ("POST",), "y")],
    ),
    "blueprints in a loop": (
        {"app.py": APP + BP.format("") + "for one in (bp,):\n    app.register_blueprint(one)"},
        [("/x", ("GET",), "b.x")],
    ),
    "a module nobody imports": (
        {"app.py": APP, "old.py": "from app import app\n@app.get('/old')\ndef old(): ..."}, [],
    ),
    "a module imported at the end": (
        {"app.py": APP + "import views", "views.py":
         "from app import app\n@app.get('/v')\ndef v(): ..."},
        [("/v", ("GET",), "v")],
    ),
}  # fmt: skip


def web(source: Source) -> Component:
    return profile(source, AppSettings()).web


@pytest.mark.parametrize("case", CASES)
def test_routes(app: Write, case: str) -> None:
    files, rules = CASES[case]
    routes = web(app(files)).routes
    assert [(route.path, route.methods, route.endpoint) for route in routes] == rules
    assert all(route.proof.line > 0 and route.proof.file in files for route in routes)


# Flask is imported once; each app is asked in a process of its own.
ASK = """
import importlib, json, os, sys
import flask
for line in sys.stdin:
    folder, module, attr, factory = json.loads(line)
    if os.fork():
        os.wait()
        continue
    sys.path.insert(0, folder)
    app = getattr(importlib.import_module(module), attr)
    app = app() if factory else app
    rules = [r for r in app.url_map.iter_rules() if r.endpoint != "static"]
    listed = [[r.rule, sorted(r.methods - {"HEAD", "OPTIONS"})] for r in rules]
    os.write(1, (json.dumps([folder, sorted(listed)]) + "\\n").encode())
    os._exit(0)
"""


def test_flask_agrees(tmp_path: Path) -> None:
    """Flask itself, asked of the same apps, lists the same rules."""
    pytest.importorskip("flask")
    ours: dict[str, list[list[object]]] = {}
    questions = ""
    for number, (files, _) in enumerate(CASES.values()):
        root = tmp_path / str(number)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        component = web(Source.open(root))
        ours[str(root)] = sorted([r.path, sorted(r.methods)] for r in component.routes)
        module, attr = component.entry.split(":")
        questions += json.dumps([str(root), module, attr, component.factory]) + "\n"
    done = subprocess.run(
        [sys.executable, "-c", ASK], input=questions, capture_output=True, text=True, check=True
    )
    assert dict(map(json.loads, done.stdout.splitlines())) == ours, done.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os\n@app.get(os.environ['P'])\ndef f(): ...", "a path that is not constant"),
        ("from shop import bp\napp.register_blueprint(bp)", "a blueprint that cannot be told"),
        ("@app.get('/a', host='x.org')\ndef f(): ...", "another host only"),
        ("app.register_blueprint(Blueprint('b', 'b', url_prefix=P()))", "not constant"),
    ],
)
def test_what_cannot_be_read_is_told(app: Write, code: str, words: str) -> None:
    facts = web(app({"app.py": APP + code})).facts
    told = [fact for fact in facts if fact.rule == "routes.unread"]
    assert any(words in fact.value for fact in told)
    assert all(fact.proof.file == "app.py" and fact.proof.line > 3 for fact in told)
