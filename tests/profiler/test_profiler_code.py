"""Which functions answer, and what they may come to call."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from seatrial.profiler.code import Code
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]


def code(source: Source, framework: str = "") -> Code:
    return Code(source, source.python_files, framework)


def titles(defs: object) -> set[str]:
    return {one.title for one in defs}  # type: ignore[attr-defined]


# name: source of app.py, what answers, what runs in the background
HANDLERS: dict[str, tuple[str, set[str], set[str]]] = {
    "Flask": (
        "from flask import Flask, Blueprint\nfrom flask.views import MethodView\n"
        "app = Flask('x')\nbp = Blueprint('b', 'x')\n@app.route('/')\ndef a(): ...\n"
        "@bp.get('/b')\ndef b(): ...\n@app.errorhandler(404)\ndef c(e): ...\ndef d(): ...\n"
        "app.add_url_rule('/d', view_func=d)\nclass V(MethodView):\n    def get(self): ...\n"
        "    def helper(self): ...\n@app.cli.command()\ndef cli(): ...\ndef unused(): ...\n",
        {"a()", "b()", "c()", "d()", "V.get()"}, set()),
    "a factory": (
        "from flask import Flask\ndef create_app():\n    app = Flask('x')\n"
        "    @app.get('/')\n    def index(): ...\n    def not_one(): ...\n    return app\n",
        {"index()"}, set()),
    "an app that is handed over": (
        "def register(app):\n    @app.route('/x')\n    def index(): ...\n"
        "    @app.get('key')\n    def no(): ...\n", {"index()"}, set()),
    "FastAPI": (
        "from fastapi import FastAPI, APIRouter, Depends\ndef key(): ...\ndef user(): ...\n"
        "app = FastAPI(dependencies=[Depends(key)])\nrouter = APIRouter()\n"
        "@router.post('/')\nasync def a(u=Depends(user)): ...\n@app.websocket('/ws')\n"
        "async def b(ws): ...\n@app.middleware('http')\nasync def c(r, n): ...\n"
        "@app.on_event('startup')\nasync def start(): ...\n",
        {"a()", "b()", "c()", "key()"}, set()),
    "Starlette": (
        "from starlette.applications import Starlette\nfrom starlette.routing import Route\n"
        "from starlette.endpoints import HTTPEndpoint\nasync def a(request): ...\n"
        "class B(HTTPEndpoint):\n    async def post(self, request): ...\n"
        "app = Starlette(routes=[Route('/', a), Route('/b', B)])\n", {"a()", "B.post()"}, set()),
    "Litestar": (
        "from litestar import Litestar, get, Controller, post\n@get('/')\ndef a() -> str: ...\n"
        "class C(Controller):\n    @post()\n    def b(self) -> str: ...\napp = Litestar([a, C])\n",
        {"a()", "C.b()"}, set()),
    "Django": (
        "from django.urls import path, re_path\nfrom django.views import View\n"
        "from rest_framework.viewsets import ModelViewSet\nfrom rest_framework.decorators import "
        "api_view\nfrom channels.generic.websocket import WebsocketConsumer\n"
        "def a(request): ...\nclass B(View):\n    def get(self, r): ...\n"
        "class C(ModelViewSet):\n    def perform_create(self, s): ...\n"
        "class D(WebsocketConsumer):\n    def connect(self): ...\n"
        "    def chat_message(self, e): ...\n"
        "    def _own(self): ...\n@api_view(['GET'])\ndef e(request): ...\n"
        "urlpatterns = [path('a', a), re_path('b', B.as_view())]\n",
        {"a()", "B.get()", "C.perform_create()", "D.connect()", "D.chat_message()", "e()"}, set()),
    "Django middleware": (
        "class M:\n    def __init__(self, get_response): ...\n    def __call__(self, r): ...\n"
        "def simple(get_response):\n    def middleware(request): ...\n    return middleware\n",
        {"M.__call__()", "middleware()"}, set()),
    "aiohttp": (
        "from aiohttp import web\nroutes = web.RouteTableDef()\n@routes.get('/')\n"
        "async def a(r): ...\nasync def b(r): ...\nasync def c(r): ...\napp = web.Application()\n"
        "app.add_routes([web.get('/b', b)])\napp.router.add_post('/c', c)\n",
        {"a()", "b()", "c()"}, set()),
    "Tornado": (
        "import tornado.web\nclass A(tornado.web.RequestHandler):\n    def get(self): ...\n"
        "    def render_all(self): ...\napp = tornado.web.Application([('/', A)])\n",
        {"A.get()"}, set()),
    "Falcon": (
        "import falcon\nclass Things:\n    def on_get(self, a, b): ...\n    def other(self): ...\n"
        "app = falcon.App()\nthings = Things()\napp.add_route('/', things)\n",
        {"Things.on_get()"}, set()),
    "Dash": (
        "from dash import Dash, Input, Output, callback\napp = Dash()\n"
        "@app.callback(Output('a', 'b'), Input('c', 'd'))\ndef a(x): ...\n"
        "@callback(Output('a', 'c'), Input('c', 'd'))\ndef b(x): ...\n", {"a()", "b()"}, set()),
    "Typer is no Dash": (
        "import typer\napp = typer.Typer()\n@app.callback()\ndef a(): ...\n@app.command()\n"
        "def b(): ...\n", set(), set()),
    "Gradio": (
        "import gradio as gr\ndef a(x): ...\ndef b(x): ...\ndef c(x): ...\n"
        "gr.Interface(fn=a, inputs='text')\nwith gr.Blocks() as demo:\n    x = gr.Button()\n"
        "    x.click(b)\n    x.click(fn=c)\n", {"a()", "b()", "c()"}, set()),
    "a click of something else": ("def b(x): ...\nx.click(b)\n", set(), set()),
    "Chainlit": ("import chainlit as cl\n@cl.on_message\nasync def a(m): ...\n", {"a()"}, set()),
    "NiceGUI": (
        "from nicegui import ui\n@ui.page('/')\ndef a(): ...\ndef b(): ...\n"
        "ui.button('x', on_click=b)\n", {"a()", "b()"}, set()),
    "Discord": (
        "import discord\nfrom discord.ext import commands, tasks\nbot = commands.Bot('!')\n"
        "@bot.command()\nasync def a(ctx): ...\n@bot.event\nasync def on_ready(): ...\n"
        "@tasks.loop(minutes=1)\nasync def t(): ...\n", {"a()", "on_ready()"}, {"t()"}),
    "Slack": (
        "from slack_bolt import App\napp = App()\n@app.event('x')\ndef a(e): ...\n"
        "@app.command('/x')\ndef b(c): ...\n", {"a()", "b()"}, set()),
    "Telegram": (
        "from telegram.ext import Application, CommandHandler\nasync def a(u, c): ...\n"
        "app = Application.builder().build()\napp.add_handler(CommandHandler('a', a))\n",
        {"a()"}, set()),
    "WSGI, ASGI and Lambda": (
        "def a(environ, start_response): ...\nasync def b(scope, receive, send): ...\n"
        "def c(event, context): ...\ndef d(event): ...\n", {"a()", "b()", "c()"}, set()),
    "Celery": (
        "from celery import Celery, shared_task, Task\napp = Celery('x')\n@app.task\ndef a(): ...\n"
        "@shared_task(bind=True)\ndef b(self): ...\nclass T(Task):\n    def run(self): ...\n",
        set(), {"a()", "b()", "T.run()"}),
    "crewai's tasks are none": (
        "from crewai.project import task\nclass C:\n    @task\n    def a(self): ...\n",
        set(), set()),
    "RQ and APScheduler": (
        "from rq import Queue\nfrom apscheduler.schedulers.background import BackgroundScheduler\n"
        "def a(): ...\ndef b(): ...\nq = Queue()\nq.enqueue(a)\n"
        "BackgroundScheduler().add_job(b, 'interval')\n", set(), {"a()", "b()"}),
    "arq": ("async def a(ctx): ...\nclass WorkerSettings:\n    functions = [a]\n", set(), {"a()"}),
    "mocks are none": (
        "from unittest import mock\nfrom unittest.mock import patch\n@mock.patch('/x')\n"
        "def a(m): ...\n@patch('/y')\ndef b(m): ...\n", set(), set()),
    "tools of a model": (
        "from langchain_core.tools import tool\nfrom agents import Agent, function_tool\n@tool\n"
        "def a(x): ...\n@function_tool\ndef b(x): ...\n", {"a()", "b()"}, set()),
}  # fmt: skip


@pytest.mark.parametrize("case", HANDLERS)
def test_what_answers(app: Write, case: str) -> None:
    text, handlers, tasks = HANDLERS[case]
    found = code(app({"app.py": text}))
    assert titles(found.handlers) == handlers
    assert titles(found.tasks) == tasks


FLASK = "from flask import Flask\napp = Flask('x')\n"
# name: files beside app.py, what follows `app = Flask('x')` in it, what a handler reaches
REACHED: dict[str, tuple[dict[str, str | bytes], str, set[str]]] = {
    "by name": ({}, "def g(): ...\n@app.get('/')\ndef f(): g()\n", {"g()"}),
    "a name that is a parameter": ({}, "def g(): ...\n@app.get('/')\ndef f(g): g()\n", set()),
    "a name that is assigned": ({}, "def g(): ...\n@app.get('/')\ndef f():\n    g = len\n    g()\n",
                                set()),
    "another module": ({"m.py": "def g(): h()\ndef h(): ...\n"},
                       "import m\n@app.get('/')\ndef f(): m.g()\n", {"g()", "h()"}),
    "an alias": ({"m.py": "def g(): ...\n"},
                 "from m import g as k\n@app.get('/')\ndef f(): k()\n", {"g()"}),
    "a re-export": ({"p/__init__.py": "from .m import g\n", "p/m.py": "def g(): ...\n"},
                    "from p import g\n@app.get('/')\ndef f(): g()\n", {"g()"}),
    "all names": ({"p/__init__.py": "from .m import *\n", "p/m.py": "def g(): ...\n"},
                  "from p import *\n@app.get('/')\ndef f(): g()\n", {"g()"}),
    "a submodule": ({"p/__init__.py": "", "p/m.py": "def g(): ...\n"},
                    "import p.m\n@app.get('/')\ndef f(): p.m.g()\n", {"g()"}),
    "imported inside": ({"m.py": "def g(): ...\n"},
                        "@app.get('/')\ndef f():\n    from m import g\n    g()\n", {"g()"}),
    "a relative import": ({"p/__init__.py": "", "p/a.py": "from .b import g\n", "p/b.py":
                           "def g(): ...\n"}, "from p.a import g\n@app.get('/')\ndef f(): g()\n",
                          {"g()"}),
    "an object of the module": (
        {"m.py": "class S:\n    def run(self): self.go()\n    def go(self): ...\nsvc = S()\n"},
        "from m import svc\n@app.get('/')\ndef f(): svc.run()\n", {"S.run()", "S.go()"}),
    "an object in an object": (
        {}, "class A:\n    def run(self): ...\nclass B:\n    def __init__(self): self.a = A()\n"
        "    def go(self): self.a.run()\nb = B()\n@app.get('/')\ndef f(): b.go()\n",
        {"A.run()", "B.go()"}),
    "an object that a function returns": (
        {}, "class A:\n    def run(self): ...\ndef make() -> A: ...\ndef other():\n"
        "    return A()\n@app.get('/')\ndef f():\n    make().run()\n    a = other()\n"
        "    a.run()\n", {"A.run()", "make()", "other()"}),
    "a parameter's type": (
        {}, "class A:\n    def run(self): ...\ndef g(a: 'A | None'): a.run()\n@app.get('/')\n"
        "def f(): g(None)\n", {"A.run()", "g()"}),
    "making an object": ({}, "class A:\n    def __init__(self): ...\n@app.get('/')\n"
                         "def f(): A()\n", {"A.__init__()"}),
    "calling an object": ({}, "class A:\n    def __call__(self): ...\na = A()\n@app.get('/')\n"
                          "def f(): a()\n", {"A.__call__()"}),
    "inherited": ({}, "class A:\n    def run(self): ...\nclass B(A): ...\n@app.get('/')\n"
                  "def f(): B().run()\n", {"A.run()"}),
    "super()": ({}, "class A:\n    def run(self): ...\nclass B(A):\n    def run(self):\n"
                "        super().run()\n@app.get('/')\ndef f(): B().run()\n",
                {"A.run()", "B.run()"}),
    "overridden": ({}, "class A:\n    def run(self): self.step()\n    def step(self): ...\n"
                   "class B(A):\n    def step(self): ...\n@app.get('/')\ndef f(): A().run()\n",
                   {"A.run()", "A.step()", "B.step()"}),
    "a class method": ({}, "class A:\n    @classmethod\n    def run(cls): cls.go()\n"
                       "    @staticmethod\n    def go(): ...\n@app.get('/')\ndef f(): A.run()\n",
                       {"A.run()", "A.go()"}),
    "a thread": ({}, "import threading\ndef g(): ...\n@app.get('/')\n"
                 "def f(): threading.Thread(target=g).start()\n", {"g()"}),
    "an executor and partial": (
        {}, "from functools import partial\ndef g(): ...\ndef h(): ...\n@app.get('/')\n"
        "def f(pool):\n    pool.submit(g)\n    pool.submit(partial(h, 1))\n", {"g()", "h()"}),
    "a coroutine": ({}, "import asyncio\nasync def g(): ...\n@app.get('/')\n"
                    "async def f(): asyncio.create_task(g())\n", {"g()"}),
    "a decorator": ({}, "def d(g):\n    def inner(): h()\n    return inner\ndef h(): ...\n"
                    "@app.get('/')\n@d\ndef f(): ...\n", {"d()", "inner()", "h()"}),
    "a function inside": ({}, "@app.get('/')\ndef f():\n    def g(): ...\n    return g()\n",
                          {"g()"}),
    "a function inside that is not used": ({}, "@app.get('/')\ndef f():\n    def g(): ...\n",
                                           set()),
    "a table of functions": (
        {}, "def g(): ...\ndef h(): ...\nT = {'g': g, 'h': h}\n@app.get('/<n>')\n"
        "def f(n): return T[n]()\n", {"g()", "h()"}),
    "a task is handed over": (
        {}, "from celery import shared_task\n@shared_task\ndef t(): g()\ndef g(): ...\n"
        "@app.get('/')\ndef f(): t.delay()\n", set()),
    "a queue is given a function": (
        {}, "def g(): ...\n@app.get('/')\ndef f(queue): queue.enqueue(g)\n", set()),
    "an unknown object, a telling name": (
        {}, "class A:\n    def summarise_all(self): ...\n@app.get('/')\n"
        "def f(a): a.summarise_all()\n", {"A.summarise_all()"}),
    "an unknown object, a name that two have": (
        {}, "class A:\n    def summarise_all(self): ...\nclass B:\n"
        "    def summarise_all(self): ...\n@app.get('/')\ndef f(a): a.summarise_all()\n", set()),
    "an object from outside": (
        {}, "import other\nclass A:\n    def summarise_all(self): ...\nx = other.X()\n"
        "@app.get('/')\ndef f(): x.summarise_all()\n", set()),
    "the app's factory is not what its handlers are": (
        {}, "def make():\n    @app.get('/a')\n    def a(): g()\ndef g(): ...\n"
        "@app.get('/')\ndef f(): make()\n", {"make()", "g()"}),
    "a dependency": (
        {}, "from fastapi import Depends\nfrom typing import Annotated\ndef db(): ...\n"
        "def user(d=Depends(db)): ...\ndef key(): ...\n@app.get('/', dependencies=[Depends(key)])\n"
        "def f(u: Annotated[int, Depends(user)]): ...\n", {"db()", "user()"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REACHED)
def test_what_is_reached(app: Write, case: str) -> None:
    files, text, wanted = REACHED[case]
    found = code(app({"app.py": FLASK + text, **files}))
    assert titles(found.serving) - titles(found.handlers) == wanted
    assert all(handler in found.handlers for handler in found.serving.values())


def test_streamlit_runs_whole_files(app: Write) -> None:
    source = app({
        "app.py": "import streamlit as st\nfrom lib import g\ndef main(): g()\n"
        "if __name__ == '__main__':\n    main()\n",
        "lib.py": "import streamlit as st\nst.write('once')\ndef g(): ...\ndef h(): ...\n",
        "pages/two.py": "import streamlit as st\nfrom lib import h\nh()\n",
    })  # fmt: skip
    found = code(source, "streamlit")
    assert titles(found.handlers) == {"app.py", "pages/two.py"}
    assert titles(found.serving) == {"app.py", "pages/two.py", "main()", "g()", "h()"}


def test_what_is_called_has_the_name_it_has_outside(app: Write) -> None:
    source = app({
        "db.py": "import redis as r\nimport os\nclient = r.Redis.from_url(os.environ['URL'])\n",
        "app.py": "from db import client\nimport numpy as np\ndef f(x):\n    c = client\n"
        "    c.get('a')\n    np.save('b', x)\n    x.pop('c')\n",
    })  # fmt: skip
    found = code(source)
    calls = {
        call.args[0].value: found.meaning("app.py", call.func)
        for call in found.file("app.py").of(ast.Call)
        if isinstance(call.args[0], ast.Constant)
    }
    assert calls == {"a": "redis.Redis.from_url().get", "b": "numpy.save", "c": ""}
    assert found.full_name("app.py", ast.parse("np.save").body[0].value) == "numpy.save"  # type: ignore[attr-defined]


def test_calls_of_a_function_and_those_inside_it(app: Write) -> None:
    text = "def f():\n    a()\n    def g(): b()\n    @app.get('/')\n    def h(): c()\n"
    found = code(app({"app.py": FLASK + text}))
    one = next(one for one in found.defs if one.name == "f")
    names = {call.func.id for call in found.calls(one) if isinstance(call.func, ast.Name)}
    assert names == {"a", "b"}


def test_starts(app: Write) -> None:
    text = (
        "import threading\nfrom concurrent.futures import ThreadPoolExecutor\ndef g(): ...\n"
        "def f():\n    threading.Thread(target=g).start()\n    threading.Timer(5, g)\n"
        "    ThreadPoolExecutor().submit(g)\n    form.submit()\n"
    )
    found = code(app({"app.py": text})).starts
    assert [(s.how, s.target.name, s.call.lineno) for s in found if s.target] == [
        ("thread", "g", 5), ("timer", "g", 6), ("executor", "g", 7)
    ]  # fmt: skip
    assert all(one.one is not None and one.one.name == "f" for one in found)


def test_a_chain_longer_than_any_program_ends(app: Write) -> None:
    lines = [f"def f{n}(): f{n + 1}()\n" for n in range(3000)]
    text = FLASK + "@app.get('/')\ndef index(): f0()\n" + "".join(lines)
    deep = "x = " + ".".join(["x"] * 90) + "()" * 90 + "\n"
    found = code(app({"app.py": text + deep}))
    assert len(found.serving) == 3001
