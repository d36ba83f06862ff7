"""Dependencies, services, variables, models and state: found where they are, and not elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import SettingsError
from seatrial.kernel.workload import Fact, Service, Workload
from seatrial.profiler.profile import profile
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]
APP = "import os, sqlite3, pickle, joblib, redis\nfrom flask import Flask\napp = Flask(__name__)\n"
PLAIN = "import os\nfrom flask import Flask\napp = Flask(__name__)\n"
FURLONG = Path(__file__).parents[2] / "examples" / "furlong"


def read(source: Source) -> Workload:
    return profile(source, AppSettings())


def facts(source: Source, rule: str) -> list[Fact]:
    return [fact for fact in read(source).web.facts if fact.rule.startswith(rule)]


def services(source: Source) -> dict[str, Service]:
    return {service.kind: service for service in read(source).web.services}


# name: code after the app, rules with subjects
STATE: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "none": ("N = {}\n@app.get('/')\ndef f():\n    n = {}\n    n[1] = N.get(1)", set()),
    "dict": ("N = {}\n@app.get('/')\ndef f(): N['x'] = 1", {("state.module-mutable", "N")}),
    "nested dict": ("N = {}\n@app.get('/')\ndef f(): N['x']['y'] += 1",
                    {("state.module-mutable", "N")}),
    "list": ("N: list = []\n@app.get('/')\ndef f(): N.append(1)", {("state.module-mutable", "N")}),
    "defaultdict": ("from collections import defaultdict as dd\nN = dd(int)\n@app.get('/')\n"
                    "def f(): N.update(a=1)", {("state.module-mutable", "N")}),
    "cache": ("price_cache = {}\n@app.get('/')\ndef f(): price_cache[1] = 2",
              {("state.module-cache", "price_cache")}),
    "counter": ("n = 0\n@app.get('/')\ndef f():\n    global n\n    n += 1",
                {("state.module-variable", "n")}),
    "registry": ("R = {}\ndef register(f):\n    R[f.__name__] = f\n    return f\n@register\n"
                 "def g(): ...", {("state.module-registry", "R")}),
    "shadowed": ("N = {}\n@app.get('/')\ndef f(N):\n    N[1] = 2", set()),
    "never called": ("N = {}\ndef unused_one(): N[1] = 2", set()),
    "file": ("@app.get('/')\ndef f():\n    with open('log.txt', 'a') as h: h.write('x')",
             {("state.file", "log.txt")}),
    "file read": ("@app.get('/')\ndef f(): return open('log.txt').read()", set()),
    "file written at import": ("open('x', 'w').close()", set()),
    "path": ("from pathlib import Path\n@app.post('/')\ndef f(): Path('x').write_text('y')",
             {("state.file", "a file")}),
    "upload": ("from flask import request\n@app.post('/')\n"
               "def f(): request.files['x'].save('uploads/x')", {("state.file", "uploads/x")}),
    "temporary": ("import tempfile\n@app.post('/')\ndef f(): tempfile.NamedTemporaryFile('w')",
                  set()),
    "sqlite3": ("import sqlite3\ndb = sqlite3.connect('x.db')", {("state.sqlite", "x.db")}),
    "sqlite in memory": ("import sqlite3\ndb = sqlite3.connect(':memory:')", set()),
    "sqlite address": ("u = 'sqlite:///x.db'\nv = 'sqlite://'", {("state.sqlite", "x.db")}),
}  # fmt: skip


@pytest.mark.parametrize("case", STATE)
def test_state(app: Write, case: str) -> None:
    code, wanted = STATE[case]
    found = facts(app({"app.py": PLAIN + code}), "state.")
    assert {(fact.rule, fact.subject) for fact in found} == wanted
    assert all(fact.proof.file == "app.py" and fact.proof.line > 3 for fact in found)


def test_state_of_another_module(app: Write) -> None:
    source = app({
        "app.py": PLAIN + "from store import jobs\n@app.post('/')\ndef f(): jobs.append(1)",
        "store.py": "jobs = []\n",
    })  # fmt: skip
    assert [f.subject for f in facts(source, "state.module-mutable")] == ["jobs"]


def test_a_registry_filled_by_plug_ins_is_no_shared_state(app: Write) -> None:
    code = "import registry\nregistry.register\n"
    files = {"registry.py": "known = {}\ndef register(f): known[f] = f\n"}
    plug_in = {"plugins/a.py": "from registry import register\nregister(1)"}
    rules = {f.rule for f in facts(app({"app.py": PLAIN + code, **files}), "state.")}
    assert rules == {"state.module-mutable"}
    rules = {f.rule for f in facts(app({"app.py": PLAIN + code, **files, **plug_in}), "state.")}
    assert rules == {"state.module-registry"}


def test_extensions_that_add_routes_are_told(app: Write) -> None:
    told = facts(app({"app.py": PLAIN + "import flask_restful.reqparse\n"}), "routes.unread")
    assert [(f.subject, f.proof.line) for f in told] == [("flask_restful", 4)]


def test_the_component(app: Write) -> None:
    source = app({"backend/app.py": "from flask import Flask\ndef create_app():\n"
                  "    return Flask('x')\n", "backend/bad.py": "print 1"})  # fmt: skip
    settings = AppSettings(name="Shop", build=("make model", "python -m 'a b'", " "))
    workload = profile(source, settings)
    assert (workload.app, workload.build) == ("Shop", (("make", "model"), ("python", "-m", "a b")))
    assert workload.web.command == (
        "seatrial-run", "web", "app:create_app", "--factory", "--app-dir", "backend",
        "--bind", "127.0.0.1:{port}",
    )  # fmt: skip
    assert workload.web.port == 8000 and workload.web.framework == "flask"
    skipped = [f for f in workload.web.facts if f.rule == "source.skipped"]
    assert [(f.subject, f.value[:12]) for f in skipped] == [("backend/bad.py", "not Python 3")]
    assert profile(source, AppSettings()).app == "shop"
    with pytest.raises(SettingsError, match="cannot be split"):
        profile(source, AppSettings(build=("echo 'x",)))


def test_nothing_of_the_app_is_run(app: Write) -> None:
    source = app({"app.py": PLAIN + "open(__file__ + '.ran', 'w')\nraise SystemExit(1)\n"})
    assert read(source).web.entry == "app:app"
    assert not (source.root / "app.py.ran").exists()


def test_furlong() -> None:
    """The example app, as its author would describe it."""
    workload = read(Source.open(FURLONG))
    web = workload.web
    assert (web.entry, web.factory, web.app_dir, web.framework) == ("wsgi:app", False, ".", "flask")
    assert {(route.path, route.methods) for route in web.routes} == {
        ("/", ("GET",)), ("/races/<int:race_id>", ("GET",)), ("/results", ("GET",)),
        ("/results/<int:race_id>", ("GET",)), ("/about", ("GET",)), ("/healthz", ("GET",)),
        ("/api/races", ("GET",)), ("/api/races/<int:race_id>", ("GET",)),
        ("/api/races/<int:race_id>/prediction", ("GET",)),
        ("/api/predictions/<int:prediction_id>", ("GET",)), ("/api/predict", ("POST",)),
    }  # fmt: skip
    kinds = {s.kind: (s.env, s.required, s.proof.file) for s in web.services}
    assert kinds == {
        "sqlite": ("", True, "furlong/db.py"),
        "postgresql": ("DATABASE_URL", False, "furlong/db.py"),
    }
    subjects = {(fact.rule.partition(".")[0], Path(fact.subject).name) for fact in web.facts}
    assert ("model", "furlong.safetensors") in subjects
    assert {d.name for d in workload.dependencies} >= {"flask", "numpy", "sqlalchemy", "psycopg"}
    assert workload.requirements_file == "requirements.txt"
    assert not [fact for fact in web.facts if fact.rule.startswith("state.module")]
