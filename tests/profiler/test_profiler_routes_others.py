"""Routes as the other frameworks themselves would list them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.profiler import routes
from seatrial.profiler.frameworks import frameworks
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Thing
from seatrial.profiler.routes.found import ROUTES_MAX
from seatrial.profiler.routes.patterns import plain_regex
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str]], Source]

# framework: files, the routes as (path, methods), and how the framework itself is asked for them.
Listed = list[tuple[str, tuple[str, ...]]]
OTHERS: dict[str, tuple[str, dict[str, str], Listed]] = {
    "fastapi": ("fastapi", {
        "main.py": "from fastapi import APIRouter, FastAPI\nfrom starlette.routing import Route\n"
        "from users import router\n"
        "inner = APIRouter(prefix='/in')\n@inner.get('/x')\ndef x(): ...\n"
        "outer = APIRouter(prefix='/out')\nouter.include_router(inner, prefix='/mid')\n"
        "app = FastAPI(openapi_url=None)\napp.include_router(outer)\n"
        "app.include_router(router, prefix='/users')\n"
        "def added(): ...\napp.add_api_route('/added', added, methods=['PUT', 'POST'])\n"
        "@app.websocket('/ws')\nasync def ws(s): ...\n"
        "sub = FastAPI(openapi_url=None)\n@sub.get('/y')\ndef y(): ...\napp.mount('/sub', sub)\n",
        "users.py": "from fastapi import APIRouter\nrouter = APIRouter()\n"
        "@router.get('')\ndef many(): ...\n@router.delete('/{user_id}')\ndef one(user_id): ...\n",
    }, [("/out/mid/in/x", ("GET",)), ("/users", ("GET",)), ("/users/{user_id}", ("DELETE",)),
        ("/added", ("POST", "PUT")), ("/ws", ("WEBSOCKET",)), ("/sub/y", ("GET",))]),
    "starlette": ("starlette", {
        "main.py": "from starlette.applications import Starlette\n"
        "from starlette.endpoints import HTTPEndpoint\n"
        "from starlette.routing import Mount, Route, WebSocketRoute\n"
        "async def f(request): ...\n"
        "class E(HTTPEndpoint):\n    async def get(self, r): ...\n"
        "    async def post(self, r): ...\n"
        "app = Starlette(routes=[Route('/', f), Route('/p', f, methods=['POST']), Route('/e', E),\n"
        "  Mount('/m', routes=[Route('/a/{n:int}', f), WebSocketRoute('/ws', f)])])\n",
    }, [("/", ("GET",)), ("/p", ("POST",)), ("/e", ("GET", "POST")), ("/m/a/{n:int}", ("GET",)),
        ("/m/ws", ("WEBSOCKET",))]),
    "aiohttp": ("aiohttp", {
        "main.py": "from aiohttp import web\nroutes = web.RouteTableDef()\n"
        "@routes.get('/a')\nasync def a(r): ...\n"
        "@routes.view('/v')\nclass V(web.View):\n    async def get(self): ...\n"
        "    async def post(self): ...\n"
        "async def h(r): ...\nsub = web.Application()\nsub.router.add_get('/x', h)\n"
        "app = web.Application()\napp.add_routes(routes)\n"
        "app.add_routes([web.post('/b', h), web.delete('/c/{n}', h)])\n"
        "app.router.add_route('PUT', '/d', h)\napp.add_subapp('/sub', sub)\n",
    }, [("/a", ("GET",)), ("/v", ("GET", "POST")), ("/b", ("POST",)), ("/c/{n}", ("DELETE",)),
        ("/d", ("PUT",)), ("/sub/x", ("GET",))]),
    "sanic": ("sanic", {
        "main.py": "from sanic import Blueprint, Sanic\n"
        "one = Blueprint('one', url_prefix='/one', version=1)\n"
        "@one.get('/x')\nasync def x(r): ...\n"
        "two = Blueprint('two', url_prefix='/two')\n@two.post('/<n:int>')\nasync def y(r, n): ...\n"
        "group = Blueprint.group(two, url_prefix='/api')\n"
        "app = Sanic('Shop')\napp.blueprint(one)\napp.blueprint(group)\n"
        "@app.route('/z', methods=['GET', 'PUT'])\nasync def z(r): ...\n"
        "@app.websocket('/ws')\nasync def ws(r, s): ...\n",
    }, [("/v1/one/x", ("GET",)), ("/api/two/<n:int>", ("POST",)), ("/z", ("GET", "PUT")),
        ("/ws", ("WEBSOCKET",))]),
    "bottle": ("bottle", {
        "main.py": "from bottle import Bottle\napp = Bottle()\n@app.get('/a/<n:int>')\n"
        "def a(n): ...\n@app.route('/b', method=['POST', 'PUT'])\ndef b(): ...\n"
        "@app.route()\ndef c(): ...\n",
    }, [("/a/<n:int>", ("GET",)), ("/b", ("POST", "PUT")), ("/c", ("GET",))]),
    "bottle, default app": ("bottle", {
        "main.py": "from bottle import default_app, get, route\n@get('/a')\ndef a(): ...\n"
        "@route('/b', method='POST')\ndef b(): ...\napp = default_app()\n",
    }, [("/a", ("GET",)), ("/b", ("POST",))]),
    "quart": ("quart", {
        "main.py": "from quart import Blueprint, Quart\nbp = Blueprint('b', __name__)\n"
        "@bp.get('/x')\nasync def x(): ...\napp = Quart(__name__)\n"
        "app.register_blueprint(bp, url_prefix='/p')\n@app.websocket('/ws')\nasync def ws(): ...\n",
    }, [("/p/x", ("GET",)), ("/ws", ("WEBSOCKET",))]),
    "litestar": ("litestar", {
        "main.py": "from litestar import Controller, Litestar, Router, delete, get, post\n"
        "from litestar import websocket\n@get('/')\nasync def index() -> str: ...\n"
        "class Users(Controller):\n    path = '/users'\n    @get()\n"
        "    async def many(self) -> str: ...\n    @delete('/{n:int}')\n"
        "    async def one(self, n: int) -> None: ...\n"
        "@post(path=['/a', '/b'])\nasync def two() -> str: ...\n"
        "api = Router('/api', route_handlers=[Users, two])\n"
        "app = Litestar([index, api], openapi_config=None)\n",
    }, [("/", ("GET",)), ("/api/users", ("GET",)), ("/api/users/{n:int}", ("DELETE",)),
        ("/api/a", ("POST",)), ("/api/b", ("POST",))]),
    "falcon": ("falcon", {
        "main.py": "import falcon\nclass A:\n    def on_get(self, q, r): ...\n"
        "    def on_post(self, q, r): ...\n    def on_get_one(self, q, r, n): ...\n"
        "app = falcon.App()\na = A()\napp.add_route('/a', a)\n"
        "app.add_route('/a/{n:int}', a, suffix='one')\n",
    }, [("/a", ("GET", "POST")), ("/a/{n:int}", ("GET",))]),
    "tornado": ("tornado", {
        "main.py": "import tornado.web\nimport tornado.websocket\n"
        "class A(tornado.web.RequestHandler):\n    def get(self): ...\n    def post(self): ...\n"
        "class W(tornado.websocket.WebSocketHandler):\n    def on_message(self, m): ...\n"
        "class App(tornado.web.Application):\n    def __init__(self):\n"
        "        super().__init__([(r'/', A), (r'/a/(?P<n>[0-9]+)$', A), (r'/ws', W)])\n"
        "app = App()\n",
    }, [("/", ("GET", "POST")), ("/a/<n>", ("GET", "POST")), ("/ws", ("WEBSOCKET",))]),
    "tornado, made in a function": ("tornado", {
        "main.py": "from tornado.web import Application, RequestHandler, url\n"
        "class A(RequestHandler):\n    def put(self): ...\n"
        "def make_app():\n    return Application([url(r'/x', A, name='x')])\n"
        "if __name__ == '__main__':\n    make_app().listen(8000)\n",
    }, [("/x", ("PUT",))]),
    "fasthtml": ("fasthtml", {
        "main.py": "from fasthtml.common import *\napp, rt = fast_app()\n"
        "@rt('/')\ndef get(): ...\n@rt\ndef about(): ...\n@app.post('/save')\ndef save(): ...\n"
        "@app.ws('/ws')\nasync def ws(m): ...\n",
    }, [("/save", ("POST",)), ("/ws", ("WEBSOCKET",)), ("/", ("GET",)),
        ("/about", ("GET", "POST"))]),
    "nicegui": ("nicegui", {
        "main.py": "from nicegui import app, ui\n@ui.page('/a')\ndef a(): ...\n"
        "@app.get('/api')\ndef api(): ...\nui.run()\n",
    }, [("/a", ("GET",)), ("/api", ("GET",)), ("/", ("GET",))]),
    "dash": ("dash", {
        "main.py": "from dash import Dash\napp = Dash(__name__, use_pages=True)\n"
        "server = app.server\n@app.server.route('/health')\ndef health(): ...\n",
        "pages/home.py": "import dash\ndash.register_page(__name__, path='/')\n",
        "pages/old_sales.py": "import dash\ndash.register_page(__name__)\n",
    }, [("/", ("GET",)), ("/old-sales", ("GET",)), ("/_dash-update-component", ("POST",)),
        ("/health", ("GET",))]),
    "streamlit": ("streamlit", {
        "main.py": "import streamlit as st\n"
        "page = st.navigation([st.Page('a.py', default=True), st.Page('b.py'),\n"
        "  st.Page('c.py', url_path='see')])\npage.run()\n",
    }, [("/", ("GET",)), ("/b", ("GET",)), ("/see", ("GET",)), ("/_stcore/health", ("GET",)),
        ("/_stcore/stream", ("WEBSOCKET",))]),
    "django-ninja": ("django", {
        "main.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'conf')\n",
        "conf.py": "ROOT_URLCONF = 'urls'\n",
        "urls.py": "from django.urls import path\nfrom ninja import NinjaAPI, Router\n"
        "api = NinjaAPI()\nsub = Router()\n@sub.post('/x')\ndef x(r): ...\n"
        "@api.get('/a/{n}')\ndef a(r, n): ...\napi.add_router('/sub/', sub)\n"
        "urlpatterns = [path('api/', api.urls)]\n",
    }, [("/api/a/{n}", ("GET",)), ("/api/sub/x", ("POST",))]),
    "flask-restful": ("flask", {
        "main.py": "from flask import Flask\nfrom flask_restful import Api, Resource\n"
        "class OrgApi(Api):\n    def add_org(self, resource, *urls):\n"
        "        self.add_resource(resource, *[f'/org{u}' for u in urls])\n"
        "class A(Resource):\n    def get(self): ...\n    def delete(self): ...\n"
        "app = Flask(__name__)\napi = OrgApi(prefix='/api')\napi.add_org(A, '/a', '/a/<int:n>')\n"
        "api.init_app(app)\n",
    }, [("/api/org/a", ("GET", "DELETE")), ("/api/org/a/<int:n>", ("GET", "DELETE"))]),
}  # fmt: skip


def read(source: Source, framework: str) -> routes.Routes:
    """The routes of `main.py`, whose app is called `app` where there is one."""
    machine = Interpreter(source)
    app = machine.run("main.py").scope.names.get("app")
    return routes.collect(framework, app if isinstance(app, Thing) else None, machine, "main.py")


@pytest.mark.parametrize("case", OTHERS)
def test_routes_of_other_frameworks(app: Write, case: str) -> None:
    framework, files, expected = OTHERS[case]
    found = read(app(files), framework)
    assert [(route.path, route.methods) for route in found.routes] == expected
    assert found.facts == ()
    assert all(route.proof.file in files for route in found.routes)


# Each prints its routes as [path, sorted methods]; HEAD and OPTIONS come by themselves.
ASK_OTHERS = {
    "fastapi": "import starlette.routing as S\n"
    "def go(rs, p):\n"
    "    for r in rs:\n"
    "        if isinstance(r, S.Mount): yield from go(r.routes, p + r.path)\n"
    "        elif hasattr(r, 'effective_route_contexts'):\n"
    "            yield from go(r.effective_route_contexts(), p)\n"
    "        elif not hasattr(r, 'methods'): yield [p + r.path, ['WEBSOCKET']]\n"
    "        else: yield [p + r.path, r.methods or\n"
    "                     [m for m in ('GET', 'POST') if hasattr(r.endpoint, m.lower())]]\n"
    "out = go(app.routes, '')\n",
    "aiohttp": "out = [[r.resource.canonical, list(r.method and [r.method])]"
    " for r in app.router.routes()]\n",
    "sanic": "out = [['/' + r.path.lstrip('/'), ['WEBSOCKET'] if r.extra.websocket else r.methods]"
    " for r in app.router.routes]\n",
    "bottle": "out = [[r.rule, [r.method]] for r in app.routes]\n",
    "litestar": "out = [[r.path, r.methods] for r in app.routes]\n",
}
ASK_OTHERS["starlette"] = ASK_OTHERS["fastapi"]
ASK_END = (
    "import json\nseen = {}\n"
    "for path, methods in out: seen.setdefault(path, set()).update(methods)\n"
    "drop = {'HEAD', 'OPTIONS'}\n"
    "print(json.dumps(sorted([p, sorted(m - drop)] for p, m in seen.items())))\n"
)


@pytest.mark.parametrize("case", [case for case in OTHERS if OTHERS[case][0] in ASK_OTHERS])
def test_the_framework_agrees(app: Write, case: str) -> None:
    framework, files, _ = OTHERS[case]
    pytest.importorskip(framework)
    source = app(files)
    ours: dict[str, set[str]] = {}
    for route in read(source, framework).routes:
        ours.setdefault(route.path, set()).update(route.methods)
    code = f"from main import app\n{ASK_OTHERS[framework]}{ASK_END}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if framework == "aiohttp":  # a view class is registered for every method
        told = [[p, sorted(ours[p]) if m == ["*"] else m] for p, m in told]
    assert told == sorted([path, sorted(methods)] for path, methods in ours.items())


@pytest.mark.parametrize(
    ("framework", "code", "words"),
    [
        ("fastapi", "import os\nfrom fastapi import FastAPI\napp = FastAPI()\n"
         "@app.get(os.environ['P'])\ndef f(): ...", "not constant"),
        ("fastapi", "from fastapi import FastAPI\nfrom lib import router\napp = FastAPI()\n"
         "app.include_router(router)", "a router that cannot be told"),
        ("starlette", "from starlette.applications import Starlette\nfrom lib import other\n"
         "app = Starlette()\napp.mount('/x', other)", "an app mounted at /x"),
        ("django", "x = 1", "no settings name"),
        ("aiohttp", "from aiohttp import web\nfrom lib import routes\napp = web.Application()\n"
         "app.add_routes(routes)", "cannot be told"),
        ("litestar", "from litestar import Litestar\nfrom lib import handler\n"
         "app = Litestar([handler])", "a handler that cannot be told"),
        ("tornado", "from tornado.web import Application\nfrom lib import rules\n"
         "app = Application([*rules, rules])", "a rule that cannot be told"),
    ],
)  # fmt: skip
def test_what_other_frameworks_hide_is_told(
    app: Write, framework: str, code: str, words: str
) -> None:
    facts = read(app({"main.py": code}), framework).facts
    assert any(words in one.value for one in facts)
    assert all(one.rule == "routes.unread" and one.proof.file == "main.py" for one in facts)


def test_routers_that_hold_each_other_end(app: Write) -> None:
    lines = ["from fastapi import APIRouter, FastAPI", "app = FastAPI()", "r0 = APIRouter()",
             "@r0.get('/x')", "def x(): ..."]  # fmt: skip
    for number in range(1, 40):
        lines += [f"r{number} = APIRouter()"]
        lines += [f"r{number}.include_router(r{number - 1}, prefix='/{side}')" for side in "ab"]
    lines += ["app.include_router(r39)", "r0.include_router(r39)"]
    found = read(app({"main.py": "\n".join(lines)}), "fastapi")
    assert len(found.routes) <= ROUTES_MAX and found.facts


@given(st.text("()[]{}^$\\?P<>:ab/|.*+", max_size=60))
def test_any_regex_gives_a_path(regex: str) -> None:
    path = plain_regex(regex)
    assert len(path) <= 20 * len(regex) + 1 and "(?P" not in path.replace("\\", "")


def test_every_framework_has_a_reader() -> None:
    known = {one.name for one in frameworks().values()}
    assert set(routes.READERS) <= known | {"flask"}
    assert routes.collect("no such framework", None, None, "x.py").routes == ()  # type: ignore[arg-type]
