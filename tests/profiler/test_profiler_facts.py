"""Dependencies, services, variables, models and state: found where they are, and not elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import SettingsError
from seatrial.kernel.workload import Fact, Service, Workload
from seatrial.profiler.detectors import dependencies
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


def test_requirements(app: Write) -> None:
    source = app({
        "app.py": PLAIN,
        "requirements.txt": (
            "# comment\nFlask==3.1.3  # web\nnumpy>=1,<3 \\\n  --hash=sha256:aa\n"
            "-r more/extra.txt\n-c limits.txt\n--index-url https://user:secret@host/simple\n"
            'pywin32==1 ; sys_platform == "win32"\nredis[hiredis] ; python_version >= "3.8"\n'
            "git+https://secret@host/x.git\nlib @ https://token@host/lib.whl\n-e .\n!!!\n"
            "-r ../outside.txt\n-r /etc/passwd\n"
        ),
        "more/extra.txt": "gunicorn\n-r ../requirements.txt\n-r gone.txt\n",
        "pyproject.toml": '[project]\nname = "x"\ndependencies = ["django"]\n'
        'requires-python = ">=3.11"',
    })  # fmt: skip
    workload = read(source)
    found = {d.name: (d.specifier, d.proof.file, d.proof.line) for d in workload.dependencies}
    assert found == {
        "flask": ("==3.1.3", "requirements.txt", 2),
        "numpy": ("<3,>=1", "requirements.txt", 3),
        "gunicorn": ("", "more/extra.txt", 1),
        "redis": ("", "requirements.txt", 9),
        "lib": ("@ address", "requirements.txt", 11),
    }
    assert workload.requirements_file == "requirements.txt"
    assert workload.python_requires == ">=3.11"
    told = facts(source, "dependencies.")
    assert {(f.rule.partition(".")[2], f.proof.file, f.proof.line) for f in told} == {
        ("option", "requirements.txt", 6), ("option", "requirements.txt", 7),
        ("not-here", "requirements.txt", 8), ("unread", "requirements.txt", 10),
        ("option", "requirements.txt", 12), ("unread", "requirements.txt", 13),
        ("unread", "requirements.txt", 14), ("unread", "requirements.txt", 15),
        ("unread", "more/extra.txt", 3),
    }  # fmt: skip
    text = str(told) + str(workload.dependencies)
    assert "secret" not in text and "token" not in text


def test_pyproject(app: Write) -> None:
    source = app({
        "app.py": PLAIN, ".python-version": "3.12.1\n",
        "pyproject.toml": '[project]\nname = "x"\ndependencies = [\n  "flask>=3",\n]\n',
    })  # fmt: skip
    workload = read(source)
    assert workload.requirements_file == "pyproject.toml"
    assert workload.python_requires == "==3.12.*"
    assert [(d.name, d.proof.line) for d in workload.dependencies] == [("flask", 4)]
    assert not facts(source, "dependencies.")


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({}, "dependencies.none"),
        ({"Pipfile": "[packages]"}, "dependencies.unsupported"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\nflask='3'"}, "dependencies.unsupported"),
        ({"requirements-prod.txt": "flask"}, "dependencies.other-file"),
        ({"requirements.txt": "numpy"}, "dependencies.undeclared"),
        ({"pyproject.toml": "[project"}, "dependencies.unread"),
        ({"requirements.txt": b"\xff\xfe\xff"}, "dependencies.unread"),
    ],
)
def test_dependencies_that_are_not_read(
    app: Write, files: dict[str, str | bytes], rule: str
) -> None:
    assert rule in {f.rule for f in facts(app({"app.py": PLAIN, **files}), "dependencies.")}


@pytest.mark.parametrize(
    ("text", "asked"), [("python-3.11.4", "==3.11.*"), ("x\x00", ""), ("", "")]
)
def test_runtime_txt(app: Write, text: str, asked: str) -> None:
    assert read(app({"app.py": PLAIN, "runtime.txt": text})).python_requires == asked


@given(st.text(max_size=200))
def test_any_requirements_are_read_or_told(text: str) -> None:
    for line, entry in dependencies._logical_lines(text):
        told: list[Fact] = []
        option, _ = dependencies._option(entry)
        made = None if option else dependencies._dependency(entry, "r.txt", line, "", told)
        assert option or made is not None or told


# name: code, requirements, kind -> (env, required)
SERVICES: dict[str, tuple[str, str, dict[str, tuple[str, bool]]]] = {
    "none": ("", "psycopg\nredis", {}),
    "sqlite, PostgreSQL by variable": (
        "url = os.environ.get('DATABASE_URL', 'sqlite:///x.db')", "psycopg",
        {"sqlite": ("", True), "postgresql": ("DATABASE_URL", False)},
    ),
    "no driver, no PostgreSQL": (
        "url = os.environ.get('DATABASE_URL', 'sqlite:///x.db')", "", {"sqlite": ("", True)},
    ),
    "or after an empty variable": (
        "url = os.getenv('DATABASE_URL') or f'sqlite:///{app.root_path}/x.db'", "psycopg2-binary",
        {"sqlite": ("", True), "postgresql": ("DATABASE_URL", False)},
    ),
    "PostgreSQL alone": (
        "url = os.environ['DATABASE_URL']", "psycopg", {"postgresql": ("DATABASE_URL", True)},
    ),
    "MySQL by address": ("url = 'mysql+pymysql://u:hunter2@h/db'", "", {"mysql": ("", True)}),
    "Redis": (
        "import redis\nr = redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost'))",
        "redis", {"redis": ("REDIS_URL", True)},
    ),
    "MongoDB": ("import pymongo\nc = pymongo.MongoClient(os.environ['MONGO_URI'])", "",
                {"mongodb": ("MONGO_URI", True)}),
    "sqlite3": ("import sqlite3\nc = sqlite3.connect('x.db')", "", {"sqlite": ("", True)}),
    "sqlite3 only imported": ("import sqlite3\nE = sqlite3.Error", "", {}),
    "S3 and Bedrock": (
        "import boto3\ns = boto3.client('s3')\nb = boto3.client('bedrock-runtime')", "boto3",
        {"s3": ("", True), "llm": ("", True)},
    ),
    "DynamoDB is none of these": ("import boto3\nd = boto3.client('dynamodb')", "boto3", {}),
    "a language model": ("import openai\nkey = os.environ['OPENAI_API_KEY']", "openai",
                         {"llm": ("OPENAI_API_KEY", True)}),
    "RabbitMQ": ("url = 'amqp://guest@h//'", "", {"rabbitmq": ("", True)}),
    "Elasticsearch": ("from elasticsearch import Elasticsearch", "", {"elasticsearch": ("", True)}),
    "words are no addresses": ("x = 'use redis or postgresql: both://work'", "", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVICES)
def test_services(app: Write, case: str) -> None:
    code, requirements, wanted = SERVICES[case]
    source = app({"app.py": PLAIN + code, "requirements.txt": "flask\n" + requirements})
    found = services(source)
    assert {kind: (s.env, s.required) for kind, s in found.items()} == wanted
    assert all(s.proof.file and s.proof.line > 0 for s in found.values())
    assert "hunter2" not in str(found)


def test_files_the_app_never_imports_do_not_count(app: Write) -> None:
    source = app({
        "app.py": PLAIN, "scripts/load.py": "import redis\nDB = 'mysql://h'\nimport os\n"
        "os.environ['X']\nC = {}\ndef f(): C[1] = 2\n", "tests/t.py": "import pymongo",
    })  # fmt: skip
    assert not services(source)
    assert not facts(source, "env.") and not facts(source, "state.")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("os.environ['KEY']", "required"),
        ("os.environ.get('KEY')", "optional"),
        ("os.getenv('KEY', '')", "optional"),
        ("os.getenv('KEY', 'hunter2')", "default"),
        ("os.environ.get('KEY', default=3)", "default"),
        ("if 'KEY' in os.environ: os.environ['KEY']", "optional"),
        ("from os import environ as e\ne['KEY']", "required"),
        ("from os import getenv\ngetenv('KEY')", "optional"),
        ("def later(): return os.environ['KEY']", "required"),
    ],
)
def test_variables(app: Write, code: str, value: str) -> None:
    found = facts(app({"app.py": PLAIN + code}), "env.read")
    assert [(fact.subject, fact.value) for fact in found] == [("KEY", value)]
    assert found[0].proof.file == "app.py" and found[0].proof.line >= 4
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("code", ["os.environ[name()]", "d = {}\nd['KEY']", "x.get('KEY')"])
def test_what_is_no_variable(app: Write, code: str) -> None:
    assert not facts(app({"app.py": PLAIN + code}), "env.read")


def test_models(app: Write) -> None:
    source = app({
        "app.py": PLAIN + "import joblib\nfrom transformers import AutoModel\n"
        "m = joblib.load('m/a.joblib')\nn = AutoModel.from_pretrained('org/name')\n"
        "w = 'later.safetensors'\nglob = '*.onnx'\n",
        "m/a.joblib": b"\x80\x04.",
        "m/b.onnx": b"version https://git-lfs.github.com/spec/v1\n",
        "readme.md": "c.pt",
    })  # fmt: skip
    assert {(f.rule, f.subject, f.proof.file, f.proof.line) for f in facts(source, "model.")} == {
        ("model.file", "m/a.joblib", "m/a.joblib", 0),
        ("model.code", "m/a.joblib", "m/a.joblib", 0),
        ("model.file", "m/b.onnx", "m/b.onnx", 0),
        ("model.lfs-pointer", "m/b.onnx", "m/b.onnx", 0),
        ("model.load", "m/a.joblib", "app.py", 6),
        ("model.load", "org/name", "app.py", 7),
        ("model.named", "later.safetensors", "app.py", 8),
    }
    assert not facts(app({"app.py": PLAIN, "m/a.joblib": ""}), "model.load")


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
