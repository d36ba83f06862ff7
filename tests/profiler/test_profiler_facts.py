"""The component, what is told of it, and the example app."""

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


def test_extensions_that_add_routes_are_told(app: Write) -> None:
    told = facts(app({"app.py": PLAIN + "import flask_admin.contrib\n"}), "routes.unread")
    assert [(f.subject, f.proof.line) for f in told] == [("flask_admin", 4)]


def test_the_component(app: Write) -> None:
    source = app({"backend/app.py": "from flask import Flask\ndef create_app():\n"
                  "    return Flask('x')\n", "backend/bad.py": "print 1"})  # fmt: skip
    settings = AppSettings(name="Shop", build=("make model", "python -m 'a b'", " "))
    workload = profile(source, settings)
    assert (workload.app, workload.build) == ("Shop", (("make", "model"), ("python", "-m", "a b")))
    command = ("gunicorn", "--bind", "0.0.0.0:{port}", "backend.app:create_app()")
    assert workload.web.command == command and workload.web.factory
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
