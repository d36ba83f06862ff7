"""Whole folders of anything at all: a profile, or an error that says what to do. Nothing else.

The trees are made of names that matter and of contents that are nearly right: the fixture apps
cut, doubled and mixed with each other, Python put together of odd statements, and noise. The
suite runs few of them, always the same; `make fuzz-profile` runs them for ten minutes.
"""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import SeatrialError
from seatrial.kernel.values import from_json, to_json
from seatrial.kernel.workload import Workload
from seatrial.profiler.profile import profile
from seatrial.profiler.source import Source

HANGS_AFTER_S = 60
Tree = dict[str, bytes]

APPS = Path(__file__).parent / "apps"
NAMES = (
    "main.py", "app.py", "wsgi.py", "asgi.py", "manage.py", "server.py", "tasks.py", "worker.py",
    "app/__init__.py", "app/main.py", "app/routes.py", "src/shop/__init__.py", "src/shop/app.py",
    "shop/settings.py", "shop/wsgi.py", "shop/celery.py", "pages/one.py", "tests/test_app.py",
    "streamlit_app.py", "gunicorn.conf.py", "setup.py", "config.py", "models.py", "é/ü.py",
    "requirements.txt", "requirements-dev.txt", "pyproject.toml", "uv.lock", "poetry.lock",
    "Pipfile", "Pipfile.lock", "setup.cfg", "environment.yml", "Procfile", "Dockerfile",
    "compose.yaml", "docker-compose.yml", "Makefile", "app.yaml", "fly.toml", "railway.json",
    "railway.toml", "render.yaml", "package.json", "frontend/package.json",
    "frontend/vite.config.js", ".env", ".env.example", ".python-version", "runtime.txt",
    "start.sh", "entrypoint.sh",
    "config.yaml", "settings.json", "config.toml", ".streamlit/config.toml", "alembic.ini",
    "model.pkl", "model.onnx", "data.db", "notes.ipynb", "static/a.js", "templates/a.html",
    "supervisord.conf", "nixpacks.toml", "apt.txt", "packages.txt", "Aptfile", "vercel.json",
)  # fmt: skip
HEADS = (
    "import os, time, sqlite3, subprocess, asyncio, pickle, threading",
    "from flask import Flask, Blueprint, request, session",
    "from fastapi import FastAPI, APIRouter, UploadFile, WebSocket",
    "from django.conf import settings\nfrom django.urls import path", "import streamlit as st",
    "import gradio as gr", "from celery import Celery, shared_task", "import redis, requests",
    "from openai import OpenAI", "import torch", "from sqlalchemy import create_engine",
    "from transformers import pipeline", "import boto3", "from . import *", "from .. import app",
    "from app import *", "import main", "from config import settings", "import app.routes",
)  # fmt: skip
STATEMENTS = (
    "app = Flask(__name__)", "app = FastAPI()", "app = app", "app = [app, app]", "app = app()",
    "app.include_router(router, prefix=app)", "router = APIRouter(prefix='/' * 99)",
    "app.register_blueprint(b, url_prefix=1)", "b = Blueprint(b, b)", "celery = Celery(celery)",
    "@app.get('/{a}/{b:path}')\nasync def g(a, b): return await g(b, a)",
    "@app.route(*x, **y)\ndef h(): time.sleep(10**10)", "@app.post('/' + f())\ndef f(): return f()",
    "@shared_task(bind=True)\ndef t(self): t.delay().get(timeout=None)", "@app\nclass A(A): b = A",
    "CACHE = {}\ndef put(k): CACHE[k] = CACHE", "CACHE = {CACHE: CACHE}", "x = x[x](x).x",
    "os.environ['A']", "os.environ.get(os.environ)", "os.getenv('B', os.getenv)", "getenv()",
    "open('a' * 999, mode=x).write(open)", "sqlite3.connect(f'{a}/{b}.db')", "pickle.load(x)",
    "create_engine('postgresql://u:p@[::1:x/db')", "redis.from_url('redis://[')",
    "OpenAI(base_url='http://[', api_key='sk-' + 'x' * 40)", "st.session_state['a'] = st",
    "gr.Interface(fn=g).launch(server_port='x')", "uvicorn.run('main:app', port=10**30)",
    "app.run(host=0, port=-1, debug=None)", "if __name__ == '__main__': app.run(**x)",
    "urlpatterns = [path('', include(urlpatterns))]", "INSTALLED_APPS += INSTALLED_APPS",
    "DATABASES = {'default': {'ENGINE': 1, 'NAME': DATABASES}}", "ALLOWED_HOSTS = ['*'] * 10**9",
    "global app", "nonlocal q", "return app", "yield", "del app", "lambda *a, **k: (yield)",
    "[a for a in a if a for a in a]", "match app:\n    case {'a': [*_], **k} | None: pass",
    "try: pass\nexcept* A: pass", "with open(a) as (b, *c): pass", "async def w(s): await s.x()",
    "def create_app(c=None, *, d): return FastAPI()", "def create_app(): return create_app()",
    "def application(environ, start_response): return [b'']", "f'{f\"{f}\"!r:>{w}}'",
    "class V(MethodView):\n    def get(self): return self.get()", "type(app)(app)", "app: FastAPI",
    "import importlib; importlib.import_module('.' + app)", "__import__('os').system('x')",
    "subprocess.run(['a', *b], shell=True)", "torch.load(request.files['f'])", "x = 1e999j",
    "requests.get('http://' + 'a' * 300, timeout=-1)", "s = '\\ud800'", "s = b'\\xff'", "x = ...",
    "pipeline(model='a/b' * 50)", "boto3.client('s3' * 2).upload_file()", "a = b = c = a, *b",
    "while 1: app.add_api_route('/', app)", "for app in app: app.mount('/', app)", "app.x.y.z = 1",
)  # fmt: skip
TOKENS = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b"\t", b"'", b'"""', b"(" * 250, b")",
    b"[", b"{", b"}}", b"{{", b"%", b"${A:-${B}}", b"$(x)", b"`", b"\\", b"#", b"://", b"@", b"*",
    b"&a", b"*a", b"<<: *a", b"!!python/object:os.system", b"- " * 50, b"-" * 300, b"=", b"==",
    b"9" * 5000, b"-1", b"1e400", b"null", b"true", b"../" * 20, b"/dev/zero", b"a" * 3000,
    b"[tool.poetry]", b"[project]\ndependencies = 1\n", b"[[a]]", b"services:", b"web: ",
    b"CMD [", b"FROM x AS x\n", b"EXPOSE 99999999\n", b"-r requirements.txt\n", b"-c .\n",
    "\u202e\u2028é\ud7ff".encode(), b"\xed\xa0\x80", b"import a\n" * 40, b"\x0c", b"coding: idna",
)  # fmt: skip


def corpus() -> list[Tree]:
    """The fixture apps, without their large files."""
    found: list[Tree] = []
    for case in sorted(APPS.glob("*/app")):
        files = [file for file in sorted(case.rglob("*")) if file.is_file()]
        tree = {
            file.relative_to(case).as_posix(): file.read_bytes()
            for file in files
            if file.stat().st_size < 8_000
        }
        if tree:
            found.append(tree)
    return found


CORPUS = corpus()
FILES = [(name, data) for tree in CORPUS for name, data in tree.items()]


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Something nearly right: cut, doubled, with tokens put in, or mixed with another file."""
    for _ in range(draw(st.integers(1, 4))):
        at, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        how = draw(st.integers(0, 6))
        if how == 0:
            data = data[:at] + data[end:]
        elif how == 1:
            data = data[:end] + data[at:end] * draw(st.integers(1, 5)) + data[end:]
        elif how == 2:
            data = data[:at] + draw(st.sampled_from(TOKENS)) + data[at:]
        elif how == 3:
            data = data[:at] + draw(st.sampled_from(TOKENS)) + data[end:]
        elif how == 4:
            data = data[:at] + draw(st.sampled_from(FILES))[1] + data[end:]
        elif how == 5:
            lines = data.splitlines(keepends=True)
            data = b"".join(draw(st.permutations(lines[:12])) + lines[12:])
        else:
            data = data[:at] + draw(st.binary(max_size=6)) + data[at:]
    return data[:60_000]


@st.composite
def python(draw: st.DrawFn) -> bytes:
    """Statements that fit nowhere in particular, some of them inside each other."""
    lines = draw(st.lists(st.sampled_from(HEADS), max_size=4))
    indent = ""
    for statement in draw(st.lists(st.sampled_from(STATEMENTS), max_size=14)):
        lines += [indent + line for line in statement.split("\n")]
        if draw(st.integers(0, 5)) == 0:
            block = draw(st.sampled_from(("def f{}(a=app):", "class C{}:", "if a:", "try:")))
            lines.append(indent + block.format(len(lines)))
            indent += " "
            lines += [indent + "pass"] + ([indent[1:] + "finally: pass"] * (block == "try:"))
            indent = indent[1:] if block == "try:" else indent
    return "\n".join(lines).encode(errors="replace")


CONTENTS = st.one_of(
    python(), python().flatmap(mutated), st.sampled_from(FILES).flatmap(lambda f: mutated(f[1])),
    st.lists(st.sampled_from(TOKENS), max_size=8).map(b"\n".join), st.binary(max_size=200),
)  # fmt: skip


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A folder: a fixture app with a few files spoiled, or files put together."""
    tree: Tree = dict(draw(st.sampled_from([{}, *CORPUS])))
    for name in draw(st.lists(st.sampled_from(sorted(tree)), max_size=3) if tree else st.just([])):
        tree[name] = draw(mutated(tree[name]))
    for _ in range(draw(st.integers(0 if tree else 1, 5))):
        name = draw(st.sampled_from(NAMES))
        same = [data for other, data in FILES if other.rpartition("/")[2] == name]
        tree[name] = draw(st.sampled_from(same).flatmap(mutated) if same else CONTENTS)
        if draw(st.booleans()):
            tree[name] = draw(CONTENTS)
    return tree


ENTRIES = ("app:app", "main:app", "app.py", "x", ":", "a.b:c()", "-m a")
SETTINGS = st.builds(
    AppSettings,
    entry=st.sampled_from(("",) * 8 + ENTRIES),
    build=st.sampled_from(((),) * 8 + (("make 'x",), ("npm run build",))),
)  # fmt: skip


def write(root: Path, tree: Tree) -> None:
    """Write the files that can be; a name may be another one's folder."""
    for name, data in tree.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue


@contextmanager
def no_hang() -> Iterator[None]:
    """Raise `TimeoutError` where the time goes when it goes on for ever."""

    def ring(_number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still busy after {HANGS_AFTER_S} s in {frame}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANGS_AFTER_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check(tree: Tree, wish: AppSettings, twice: bool = True) -> float:
    """Profile a tree; the processor seconds it took. Anything but a profile or an error that a
    person can act on gets through."""
    with tempfile.TemporaryDirectory() as name, no_hang():
        root = Path(name) / "shop"
        root.mkdir()
        write(root, tree)
        began = time.process_time()
        try:
            made = profile(Source.open(root), wish)
        except SeatrialError as error:
            assert error.what
            assert error.fix, str(error)
            str(error).encode()
            return time.process_time() - began
        took = time.process_time() - began
        data = to_json(made)
        assert from_json(data, Workload) == made
        json.loads(data)
        assert made.components
        if twice:
            assert to_json(profile(Source.open(root), wish)) == data
        return took


@settings(
    max_examples=120, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(trees(), SETTINGS)
def test_any_folder_is_profiled_or_refused(tree: Tree, wish: AppSettings) -> None:
    check(tree, wish)
