"""Which app is found, under which name, and what is said when there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import AppError
from seatrial.profiler import declared
from seatrial.profiler.entry import choose
from seatrial.profiler.resolve import Entry
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str]], Source]
APP = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = "from flask import Flask\ndef create_app(config=None):\n    return Flask(__name__)\n"

# name: files, entry, is it a factory, folder on the path
FOUND: dict[str, tuple[dict[str, str], str, bool, str]] = {
    "script in the root": ({"app.py": APP}, "app:app", False, "."),
    "any name": ({"web.py": "import flask\nsite = flask.Flask('x')"}, "web:site", False, "."),
    "import alias": ({"a.py": "from flask import Flask as F\nx = F('x')"}, "a:x", False, "."),
    "module alias": ({"a.py": "import flask as f\nx = f.Flask('x')"}, "a:x", False, "."),
    "annotated": ({"a.py": "import flask\nx: flask.Flask = flask.Flask('x')"}, "a:x", False, "."),
    "own class": (
        {"a.py": "from flask import Flask\nclass Shop(Flask):\n    pass\nx = Shop('x')"},
        "a:x", False, ".",
    ),
    "factory": ({"shop/__init__.py": FACTORY}, "shop:create_app", True, "."),
    "factory of any name": (
        {"b.py": "from flask import Flask\ndef build():\n    a = Flask('x')\n    return a"},
        "b:build", True, ".",
    ),
    "factory called in wsgi.py": (
        {"shop/__init__.py": FACTORY, "wsgi.py": "from shop import create_app\na = create_app()"},
        "wsgi:a", False, ".",
    ),
    "factory with arguments called in wsgi.py": (
        {
            "shop/core.py": "import flask\ndef create_app(config):\n    return flask.Flask('x')",
            "wsgi.py": "from shop.core import create_app\napplication = create_app('prod')",
        },
        "wsgi:application", False, ".",
    ),
    "factory calls another": (
        {"a.py": FACTORY + "def make_app():\n    return create_app(1)"}, "a:create_app", True, ".",
    ),
    "re-exported by a package": (
        {"shop/core.py": APP, "shop/__init__.py": "from .core import app", "run.py":
         "from shop import app as site\nif __name__ == '__main__':\n    site.run()"},
        "run:site", False, ".",
    ),
    "from . import": (
        {"shop/__init__.py": "", "shop/core.py": APP,
         "shop/wsgi.py": "from . import core\nsite = core.app"},
        "shop.wsgi:site", False, ".",
    ),
    "src layout": ({"src/shop/__init__.py": APP}, "shop:app", False, "src"),
    "src package": ({"src/__init__.py": "", "src/app.py": APP}, "src.app:app", False, "."),
    "script in a folder": (
        {"backend/app.py": "from db import x\n" + APP, "backend/db.py": "x = 1"},
        "app:app", False, "backend",
    ),
    "folder without __init__ imported from the root": (
        {"api/server.py": "from api.db import x\n" + APP, "api/db.py": "x = 1"},
        "api.server:app", False, ".",
    ),
    "folder without __init__ imported relatively": (
        {"api/server.py": "from .db import x\n" + APP, "api/db.py": "x = 1"},
        "api.server:app", False, ".",
    ),
    "wsgi.py before app.py before main.py": (
        {"main.py": APP, "app.py": APP, "wsgi.py": APP}, "wsgi:app", False, ".",
    ),
    "the most routes": (
        {"one.py": APP, "two.py": APP + "@app.get('/')\ndef home(): ...\n"}, "two:app", False, ".",
    ),
    "in a conditional import": (
        {"a.py": "try:\n    from flask import Flask\nexcept ImportError:\n    Flask = None\n"
         "app = Flask('x')"},
        "a:app", False, ".",
    ),
    "tests and examples do not count": (
        {"core.py": APP, "tests/app.py": APP, "examples/wsgi.py": APP, "test_app.py": APP},
        "core:app", False, ".",
    ),
    "attribute of an object": (
        {"a.py": "from flask import Flask\nclass Server:\n    def __init__(self):\n"
         "        self.flask = Flask('x')\nserver = Server()\napp = server.flask"},
        "a:app", False, ".",
    ),
    "star import": ({"core.py": APP, "wsgi.py": "from core import *"}, "wsgi:app", False, "."),
    "circular imports": (
        {"shop/__init__.py": APP + "from shop import views", "shop/views.py":
         "from shop import app\n@app.route('/')\ndef home(): ..."},
        "shop:app", False, ".",
    ),
    "Procfile beats app.py": (
        {"app.py": APP, "web/site.py": APP, "web/__init__.py": "",
         "Procfile": "worker: celery -A x\nweb: gunicorn -w 4 web.site:app --log-file -\n"},
        "web.site:app", False, ".",
    ),
    "Procfile with a folder": (
        {"backend/site.py": APP, "Procfile": "web: cd backend && gunicorn site:app"},
        "site:app", False, "backend",
    ),
    "Procfile calls a factory": (
        {"shop/__init__.py": FACTORY, "Procfile": "web: gunicorn 'shop:create_app()'"},
        "shop:create_app", True, ".",
    ),
    "Procfile runs a script": (
        {"serve.py": APP, "app.py": APP, "Procfile": "web: python serve.py"},
        "serve:app", False, ".",
    ),
    "Procfile that says nothing of Python": (
        {"app.py": APP, "Procfile": "web: npm start"}, "app:app", False, ".",
    ),
    "FLASK_APP": (
        {"app.py": APP, "hello.py": APP, ".flaskenv": "export FLASK_APP=hello.py\n"},
        "hello:app", False, ".",
    ),
    "FLASK_APP in .env": (
        {"app.py": APP, "shop/__init__.py": FACTORY, ".env": "SECRET=x\nFLASK_APP='shop'\n"},
        "shop:create_app", True, ".",
    ),
}  # fmt: skip


def entry_of(source: Source, settings: AppSettings | None = None) -> Entry:
    return choose(source, settings or AppSettings(), declared.detect(source))[0]


@pytest.mark.parametrize("case", FOUND)
def test_the_entry_is_found(app: Write, case: str) -> None:
    files, name, factory, app_dir = FOUND[case]
    entry = entry_of(app(files))
    assert (entry.name, entry.factory, entry.app_dir) == (name, factory, app_dir)


def test_settings_beat_everything_and_the_others_are_told(app: Write) -> None:
    source = app({"wsgi.py": APP, "core.py": APP, "Procfile": "web: gunicorn wsgi:app"})
    entry = entry_of(source, AppSettings(entry="core:app"))
    assert entry.name == "core:app"
    assert [fact.subject for fact in entry.facts if fact.rule == "entry.candidates"] == ["wsgi:app"]


# name: files, words of the error
MISSING: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "a factory that needs arguments": (
        {"x.py": "from flask import Flask\ndef create_app(mode):\n    return Flask('x')"},
        ("x.py:2", "create_app() needs arguments (mode)"),
    ),
    "made in main": (
        {"x.py": "from flask import Flask\ndef main():\n    Flask('x').run()"},
        ("x.py:3", "no name of the module leads to this Flask app"),
    ),
    "only in tests": ({"tests/x.py": APP}, ("tests/x.py:2", "test, documentation or example")),
    "nothing": ({"x.py": "hello = 1"}, ("1 Python files were read",)),
    "named Flask by the app itself": (
        {"x.py": "class Flask: ...\napp = Flask()"}, ("x.py:2", "no name of the module leads"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING)
def test_near_misses_are_told(app: Write, case: str) -> None:
    files, words = MISSING[case]
    with pytest.raises(AppError) as error:
        entry_of(app(files))
    for word in words:
        assert word in str(error.value)
    assert "[app]\nentry = " in error.value.fix


@pytest.mark.parametrize(
    ("files", "settings", "words"),
    [
        ({"app.py": APP}, "shop:app", "there is no module shop"),
        ({"app.py": APP}, "app:site", "app:site is not an app"),
        ({"app.py": APP}, "gone.py", "there is no module gone.py"),
        ({"app.py": APP}, "rm -rf", "is not written as module:attr"),
        ({"app.py": FACTORY}, "app:create_app('x')", "called with arguments"),
        ({"app.py": APP, "Procfile": "web: gunicorn gone:app"}, "", "Procfile:1"),
        ({"app.py": APP, ".flaskenv": "\nFLASK_APP=gone"}, "", ".flaskenv:2"),
    ],
)
def test_a_declared_entry_that_leads_nowhere_is_an_error(
    app: Write, files: dict[str, str], settings: str, words: str
) -> None:
    with pytest.raises(AppError) as error:
        entry_of(app(files), AppSettings(entry=settings))
    assert words in str(error.value) or words in error.value.where
    assert "  app:" in error.value.what, "the candidates are listed"


def test_no_value_of_dotenv_is_told(app: Write) -> None:
    source = app({"x.py": "x = 1", ".env": "PASSWORD=hunter2\nFLASK_APP=x\n"})
    with pytest.raises(AppError) as error:
        entry_of(source)
    assert "hunter2" not in str(error.value)
