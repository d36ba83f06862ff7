"""Habits that the small apps do not show: truth of settings, Django's files, no secret repeated."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.kernel.workload import Dependency, Fact, Proof, Route
from seatrial.profiler.detectors import addresses, exposure, habits, health, injection, servers
from seatrial.profiler.detectors.context import truth
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]
DETECTORS = (habits.detect, servers.detect, exposure.detect, injection.detect, addresses.detect)


def part(source: Source, framework: str = "flask", entry: str = "app:app", *needs: str) -> Part:
    proof = Proof(kind="source", rule="dependencies.declared")
    return Part(
        source=source, name="web", kind="web", framework=framework, entry=entry,
        paths=source.python_files,
        dependencies={name: Dependency(name=name, proof=proof) for name in needs},
    )  # fmt: skip


def found(whole: Part) -> list[Fact]:
    return [fact for detect in DETECTORS for fact in detect(whole)]


@pytest.mark.parametrize(("text", "said"), [
    ("True", "always"), ("1", "always"), ("False", ""), ("debug", ""), ("None", ""),
    ("'yes' == x", ""),
    ("os.environ.get('DEBUG', True)", "unless-set"),
    ("os.environ.get('DEBUG', 'True')", "unless-set"),
    ("os.environ.get('DEBUG', False)", ""), ("os.environ.get('DEBUG')", ""),
    ("os.environ['DEBUG']", ""),
    ("os.environ.get('DEBUG', 'True') == 'True'", "unless-set"),
    ("os.environ.get('DEBUG', '1').lower() in ('1', 'true')", "unless-set"),
    ("os.environ.get('DEBUG', 'False') == 'True'", ""),
    ("os.getenv('DEBUG', '') != 'False'", "unless-set"),
    ("os.getenv('ENV', 'development') == 'development'", "unless-set"),
    ("os.getenv('ENV') == 'development'", ""),
    ("os.getenv('DEBUG', 'True') != 'False'", "unless-set"),
    ("os.environ.get('ENV', 'development') != 'production'", "unless-set"),
    ("os.environ.get('ENV', 'production') != 'production'", ""),
    ("bool(os.environ.get('DEBUG', 'False'))", "unless-set"),
    ("bool(os.environ.get('DEBUG'))", ""), ("bool(int(os.environ.get('DEBUG', 0)))", ""),
    ("bool(int(os.environ.get('DEBUG', 1)))", "unless-set"),
    ("int(os.environ.get('DEBUG', 1))", "unless-set"),
    ("env.bool('DEBUG', default=True)", "unless-set"), ("env.bool('DEBUG', False)", ""),
    ("config('DEBUG', default=True, cast=bool)", "unless-set"),
    ("config('DEBUG', cast=bool)", ""), ("True or x", "always"), ("x and True", ""),
])  # fmt: skip
def test_when_a_setting_is_on(text: str, said: str) -> None:
    assert truth(ast.parse(text, mode="eval").body) == said


CSRF = """
from django.views.decorators.csrf import csrf_exempt
from django.utils.decorators import method_decorator


@csrf_exempt
def pay(request):
    pass


@csrf_exempt
def stripe_webhook(request):
    pass


@method_decorator(csrf_exempt)
def dispatch(request):
    pass


def plain(request):
    pass
"""


def test_views_without_protection(app: Write) -> None:
    source = app({"views.py": CSRF})
    subjects = {f.subject for f in found(part(source, "django")) if f.rule == "habit.csrf-off"}
    assert subjects == {"pay()", "dispatch()"}


def test_a_password_is_not_repeated(app: Write) -> None:
    secret = "hunter2-not-real"
    source = app({"app.py": (
        "from sqlalchemy import create_engine\nimport requests\nfrom flask import Flask\n"
        f"app = Flask(__name__)\ndb = create_engine('postgresql://app:{secret}@localhost/shop')\n"
        f"requests.get('http://user:{secret}@localhost:9000/x?key={secret}', verify=False)\n"
    )})  # fmt: skip
    facts = found(part(source))
    assert {f.rule for f in facts} >= {"habit.localhost-service", "habit.verify-off"}
    assert secret not in "".join(f"{f.subject}{f.value}{f.proof}" for f in facts)


DEBUGGER = (
    "from flask import Flask\napp = Flask(__name__)\nif __name__ == '__main__':\n"
    "    app.run(debug=True)\n"
)


@pytest.mark.parametrize(("more", "needs", "danger"), [
    ({}, (), True),
    ({}, ("gunicorn",), False),
    ({"Dockerfile": "CMD gunicorn app:app\n"}, (), False),
    ({"deploy/start.sh": "exec uwsgi --http :80\n"}, (), False),
    ({"Dockerfile": "CMD python app.py\n", "README.md": "use gunicorn\n"}, (), True),
    ({"serve.py": "import waitress\n"}, (), False),
])  # fmt: skip
def test_a_debugger_beside_a_real_server_is_for_development(
    app: Write, more: dict[str, str], needs: tuple[str, ...], danger: bool
) -> None:
    facts = found(part(app({"app.py": DEBUGGER, **more}), "flask", "app:app", *needs))
    assert ("habit.debug-server" in {fact.rule for fact in facts}) == danger


def test_settings_of_django_that_are_not_served_are_not_looked_at(app: Write) -> None:
    source = app({
        "shop/settings.py": "DEBUG = False\n", "shop/dev.py": "DEBUG = True\nINSTALLED_APPS = []\n",
        "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.dev')\n",
        "shop/wsgi.py":
            "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    })  # fmt: skip
    assert not [f for f in found(part(source, "django")) if f.rule == "habit.django-debug"]


def test_settings_that_are_changed_later_are_not_judged(app: Write) -> None:
    source = app({
        "shop/settings.py":
            "import os\nDEBUG = True\nif os.environ.get('PROD'):\n    DEBUG = False\n",
        "shop/wsgi.py":
            "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
    })  # fmt: skip
    assert not [f for f in found(part(source, "django")) if f.rule == "habit.django-debug"]


@pytest.mark.parametrize(("path", "is_health"), [
    ("/health", True), ("/healthz/", True), ("/api/v1/health-check", True), ("^ping/$", True),
    ("/_stcore/health", True), ("/__heartbeat__", True), ("/livez", True), ("/READY", True),
    ("/", False), ("", False), ("/healthy-recipes", False), ("/orders/{id}/status", False),
    ("/<id>/ping", False), ("/pingpong", False), ("/group", False),
])  # fmt: skip
def test_paths_that_tell_whether_the_app_is_well(path: str, is_health: bool) -> None:
    assert health.is_health(path) == is_health


def test_routes_that_are_known_are_taken_as_they_are(app: Write) -> None:
    whole = part(app({"app.py": "x = 1\n"}))
    proof = Proof(kind="source", rule="routes", file="app.py", line=7)
    routes = [Route(path=path, methods=("GET",), endpoint="x", proof=proof)
              for path in ("/", "/api/healthz")]  # fmt: skip
    (fact,) = health.detect(whole, routes)
    assert (fact.rule, fact.subject, fact.proof.line) == ("health.route", "/api/healthz", 7)
    (fact,) = health.detect(whole, routes[:1])
    assert fact.rule == "health.none"


TORNADO = """
import tornado.web


class PingHandler(tornado.web.RequestHandler):
    def get(self):
        self.write("pong")


app = tornado.web.Application([(r"/ping", PingHandler)])
"""


@pytest.mark.parametrize(("text", "rules"), [
    (TORNADO, {"health.route"}),
    ("import requests\nrequests.get('/health')\n", set()),
    ("from app import app\napp.add_url_rule('/healthz', view_func=len)\n", {"health.route"}),
    ("from app import app\napp.add_url_rule('/shop', view_func=len)\n", {"health.none"}),
    ("urlpatterns = []\nINSTALLED_APPS = ['health_check']\n", set()),
])  # fmt: skip
def test_health_routes_of_other_frameworks(app: Write, text: str, rules: set[str]) -> None:
    whole = part(app({"main.py": text}), "tornado")
    assert {fact.rule for fact in health.detect(whole)} == rules


def test_a_worker_needs_no_health_route(app: Write) -> None:
    source = app({"app.py": "from app import app\napp.add_url_rule('/shop', view_func=len)\n"})
    whole = Part(source=source, name="worker", kind="worker", framework="celery", entry="app:app",
                 paths=source.python_files, dependencies={})  # fmt: skip
    assert list(health.detect(whole)) == []


@pytest.mark.parametrize("text", [
    "postgresql://" + "a" * 100_000, "/home/" + "a" * 100_000, "C:" + "\\\\a" * 50_000,
    "localhost" + "/@:" * 50_000, "postgresql://" + "@localhost" * 20_000,
])  # fmt: skip
def test_long_texts_come_to_an_end(app: Write, text: str) -> None:
    source = app({"app.py": f'X = "{text}"\n'})
    found(part(source))  # a pattern that runs back and forth would not come to an end


WORDS = st.sampled_from([
    "DEBUG = True", "app.debug = x", "CORS(app, **x)", "@csrf_exempt", "def f(request, x: str):",
    "    eval(request.json[x])", "    db.execute(f'SELECT {x}')", "    x += request.args",
    "app.add_middleware(CORSMiddleware, allow_origins=[*x])", "    exec(*x)", "import winreg",
    "try:", "    pass", "except: pass", "redis.Redis(**x)", "X = 'http://localhost:80'",
    "{'HOST': 'localhost', 'ENGINE': 1, **x}", "class A(BaseSettings):",
    "    x: str = '/Users/a/b'",
    "app.run(debug=debug, workers=os.cpu_count())", "yaml.load(x, y)", "@app.route(x)", "input()",
    "origins = origins", "    return render(f'{x!r:>{y}}')",
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=12))
def test_no_code_makes_it_fail(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    root = tmp_path_factory.mktemp("app")
    (root / "app.py").write_text("\n".join(lines))
    for framework in ("fastapi", "flask", "django", "gradio"):
        whole = part(Source.open(root), framework)
        found(whole)
        list(health.detect(whole))
