"""State that breaks with replicas, where a whole fixture app would be too much."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.profiler.detectors import state
from seatrial.profiler.detectors.words import words
from seatrial.profiler.named import widened
from seatrial.profiler.part import Part
from seatrial.profiler.reach import reachable
from seatrial.profiler.source import Source
from seatrial.profiler.symbols import Symbols

Write = Callable[[dict[str, str | bytes]], Source]
PLAIN = "import os\nfrom flask import Flask\napp = Flask(__name__)\n"
ASYNC = "import asyncio, threading\nfrom fastapi import FastAPI\napp = FastAPI()\n"


def part(source: Source, framework: str = "flask", entry: str = "app.py") -> Part:
    return Part(
        source=source, name="web", kind="web", framework=framework, entry=entry,
        paths=reachable(source, entry), dependencies={},
    )  # fmt: skip


def told(source: Source, framework: str = "flask") -> set[tuple[str, str]]:
    return {
        (f.rule.removeprefix("state."), f.subject) for f in state.detect(part(source, framework))
    }


# name: code after the app, rules with subjects
CASES: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "none": ("N = {}\n@app.get('/')\ndef f():\n    n = {}\n    n[1] = N.get(1)", set()),
    "dict": ("N = {}\n@app.get('/')\ndef f(): N['x'] = 1", {("module-mutable", "N")}),
    "nested dict": ("N = {}\n@app.get('/')\ndef f(): N['x']['y'] += 1", {("module-mutable", "N")}),
    "list": ("N: list = []\n@app.get('/')\ndef f(): N.append(1)", {("module-mutable", "N")}),
    "defaultdict": ("from collections import defaultdict as dd\nN = dd(int)\n@app.get('/')\n"
                    "def f(): N.update(a=1)", {("module-mutable", "N")}),
    "deleted from": ("N = {}\n@app.get('/')\ndef f():\n    del N[1]", {("module-mutable", "N")}),
    "alias": ("N = {}\n@app.get('/')\ndef f():\n    n = N\n    n[1] = 2",
              {("module-mutable", "N")}),
    "heap": ("import heapq\nN = []\n@app.get('/')\ndef f(): heapq.heappush(N, 1)",
             {("module-mutable", "N")}),
    "through setdefault": ("N = {}\n@app.get('/')\ndef f(): N.setdefault(1, []).append(2)",
                           {("module-mutable", "N")}),
    "cache by name": ("price_cache = {}\n@app.get('/')\ndef f(): price_cache[1] = 2",
                      {("module-cache", "price_cache")}),
    "memo by get": ("N = {}\n@app.get('/')\ndef f():\n    n = N.get(1)\n    if n is None:\n"
                    "        n = N[1] = 2\n    return n", {("module-cache", "N")}),
    "memo by exception": ("N = {}\n@app.get('/')\ndef f():\n    try:\n        return N[1]\n"
                          "    except KeyError:\n        N[1] = 2", {("module-cache", "N")}),
    "users are no memo": ("users = {}\n@app.get('/')\ndef f():\n    if 1 not in users:\n"
                          "        users[1] = []\n    return users[1]",
                          {("module-mutable", "users")}),
    "counter": ("n = 0\n@app.get('/')\ndef f():\n    global n\n    n += 1",
                {("module-metrics", "n")}),
    "flag": ("ready = False\n@app.get('/')\ndef f():\n    global ready\n    ready = True",
             {("module-singleton", "ready")}),
    "taken out again": ("active = {}\n@app.get('/')\ndef f():\n    active[1] = 2\n    try:\n"
                        "        return ''\n    finally:\n        active.pop(1)",
                        {("module-singleton", "active")}),
    "registry": ("R = {}\ndef register(f):\n    R[f.__name__] = f\n    return f\n@register\n"
                 "def g(): ...", set()),
    "shadowed": ("N = {}\n@app.get('/')\ndef f(N):\n    N[1] = 2", set()),
    "never called": ("N = {}\ndef unused_one(): N[1] = 2", set()),
    "pydantic's fields": ("from pydantic import BaseModel\nclass M(BaseModel):\n    n: list = []\n"
                          "@app.get('/')\ndef f():\n    m = M()\n    m.n.append(1)", set()),
    "rate limit around": ("T = {}\ndef rate_limit(g):\n    def inner():\n        T[1] = 2\n"
                          "        return g()\n    return inner\n@app.get('/')\n@rate_limit\n"
                          "def f(): ...", {("rate-limit-memory", "T")}),
    "log": ("@app.get('/')\ndef f():\n    with open('log.txt', 'a') as h: h.write('x')",
            {("log-file", "log.txt")}),
    "appended": ("@app.get('/')\ndef f():\n    with open('all.csv', 'a') as h: h.write('x')",
                 {("single-writer", "all.csv")}),
    "file read": ("@app.get('/')\ndef f(): return open('log.txt').read()", set()),
    "file written at import": ("open('x', 'w').close()", set()),
    "path": ("from pathlib import Path\n@app.post('/')\ndef f(): Path('x').write_text('y')",
             {("file", "x")}),
    "picture": ("from PIL import Image\n@app.post('/')\ndef f():\n    i = Image.new('L', (1, 1))\n"
                "    i.save('x.png')", {("file", "x.png")}),
    "picture in memory": ("import io\nfrom PIL import Image\n@app.post('/')\ndef f():\n"
                          "    held = io.BytesIO()\n    Image.new('L', (1, 1)).save(held)", set()),
    "upload": ("from flask import request\n@app.post('/')\n"
               "def f(): request.files['x'].save('uploads/x')", {("upload-folder", "uploads/x")}),
    "a model's save is no upload": ("@app.post('/')\ndef f(user): user.save('x')", set()),
    "temporary": ("import tempfile\n@app.post('/')\ndef f(): tempfile.NamedTemporaryFile('w')",
                  set()),
    "sqlite3": ("import sqlite3\ndb = sqlite3.connect('x.db')", {("sqlite", "x.db")}),
    "sqlite in memory": ("import sqlite3\ndb = sqlite3.connect(':memory:')", set()),
    "sqlite address": ("u = 'sqlite:///x.db'\nv = 'sqlite://'", {("sqlite", "x.db")}),
    "sqlite by parts": ("u = 'sqlite:///' + os.path.join(os.getcwd(), 'x.db')",
                        {("sqlite", "x.db")}),
    "sqlite by f-string": ("u = f'sqlite:///{os.getcwd()}/x.db'", {("sqlite", "x.db")}),
    "sqlite after or": ("u = os.getenv('DB') or 'sqlite:///x.db'", {("sqlite-default", "x.db")}),
    "sqlite under if": ("u = os.getenv('DB')\nif not u:\n    u = 'sqlite:///x.db'",
                        {("sqlite-default", "x.db")}),
    "sqlite asked for": ("u = os.environ['DB']\nlite = u.startswith('sqlite:///')", set()),
    "sqlite while developing": ("class Dev:\n    U = 'sqlite:///x.db'\nclass Prod:\n"
                                "    U = os.environ['DB']", set()),
    "sqlite in words": ("about = 'sqlite: see https://sqlite.org'", set()),
    "cache of sums": ("import functools\n@functools.cache\ndef g(n): return n\n@app.get('/')\n"
                      "def f(): return g(1)", set()),
    "cache of a service": ("import functools, requests\n@functools.cache\n"
                           "def g(n): return requests.get(n, timeout=1)\n@app.get('/')\n"
                           "def f(): return g('')", {("module-cache", "g")}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_flask(app: Write, case: str) -> None:
    code, wanted = CASES[case]
    source = app({"app.py": PLAIN + code})
    assert told(source) == wanted
    assert all(f.proof.file == "app.py" and f.proof.line > 3 for f in state.detect(part(source)))


HELD = "pass\nasync def g():\n    await asyncio.sleep(9)\n"
# name: code after the FastAPI app, what is left behind or loops
WORK: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "left": ("@app.get('/')\nasync def f():\n    asyncio.create_task(g())",
             {("background-work", "g")}),
    "awaited": ("@app.get('/')\nasync def f():\n    await asyncio.create_task(g())", set()),
    "awaited by name": ("@app.get('/')\nasync def f():\n    t = asyncio.create_task(g())\n"
                        "    await t", set()),
    "gathered": ("@app.get('/')\nasync def f():\n    await asyncio.gather(g(), g())", set()),
    "cancelled": ("@app.get('/')\nasync def f():\n    t = asyncio.create_task(g())\n"
                  "    t.cancel()", set()),
    "a thread": ("def h(): ...\n@app.get('/')\ndef f():\n    threading.Thread(target=h).start()",
                 {("background-work", "h")}),
    "a thread and its queue": (
        "import queue\ndef h(): ...\n@app.get('/')\ndef f():\n    q = queue.Queue()\n"
        "    threading.Thread(target=h, args=(q,)).start()\n    return q.get()", set()),
    "an executor that is waited for": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor()\n"
        "def h(): ...\n@app.get('/')\ndef f():\n    t = pool.submit(h)\n    return t.result()",
        set()),
    "a loop": ("async def sync():\n    while True:\n        await asyncio.sleep(9)\n"
               "@app.on_event('startup')\nasync def s():\n    asyncio.create_task(sync())",
               {("background-loop", "sync")}),
    "a chore": ("async def cleanup():\n    while True:\n        await asyncio.sleep(9)\n"
                "@app.on_event('startup')\nasync def s():\n    asyncio.create_task(cleanup())",
                set()),
    "a timer that starts itself": (
        "def tick():\n    threading.Timer(60, tick).start()\ntick()",
        {("in-process-scheduler", "tick")}),
    "repeat_every": ("from fastapi_utils.tasks import repeat_every\n@repeat_every(seconds=60)\n"
                     "def tick(): ...", {("in-process-scheduler", "fastapi-utils")}),
    "for a developer": ("from apscheduler.schedulers.background import BackgroundScheduler\n"
                        "if __name__ == '__main__':\n    BackgroundScheduler().start()", set()),
}  # fmt: skip


@pytest.mark.parametrize("case", WORK)
def test_beside_the_requests(app: Write, case: str) -> None:
    code, wanted = WORK[case]
    assert told(app({"app.py": ASYNC + HELD + code}), "fastapi") == wanted


@pytest.mark.parametrize("kind", ["worker", "scheduler"])
def test_a_scheduler_of_its_own_is_no_danger(app: Write, kind: str) -> None:
    code = (
        "from apscheduler.schedulers.background import BackgroundScheduler\nBackgroundScheduler()"
    )
    source = app({"app.py": PLAIN + code})
    web = part(source)
    assert {f.rule for f in state.detect(web)} == {"state.in-process-scheduler"}
    alone = Part(
        source=source, name=kind, kind=kind, framework="apscheduler", entry="app.py",  # type: ignore[arg-type]
        paths=web.paths, dependencies={},
    )  # fmt: skip
    assert not list(state.detect(alone))


def test_settings_that_contradict_each_other_are_not_told(app: Write) -> None:
    code = "from flask_session import Session\n"
    lines = {
        "class A:\n    SESSION_TYPE = 'filesystem'\n": True,
        "app.config.from_mapping(SESSION_TYPE='filesystem')\n": True,
        "C = {'SESSION_TYPE': 'filesystem'}\n": True,
        "class A:\n    SESSION_TYPE = 'filesystem'\nclass B:\n    SESSION_TYPE = 'redis'\n": False,
        "app.config['SESSION_TYPE'] = os.environ.get('KIND', 'filesystem')\n": False,
        "app.config['SESSION_TYPE'] = os.environ['KIND']\n": False,
    }
    for number, (line, wanted) in enumerate(lines.items()):
        name = f"app{number}.py"
        found = state.detect(part(app({name: PLAIN + code + line}), entry=name))
        assert [f.rule for f in found] == ["state.session-file"] * wanted, line


def test_many_in_one_file_are_told_once(app: Write) -> None:
    code = "@app.get('/')\ndef f():\n" + "".join(
        f"    open('{name}', 'w').close()\n" for name in "abc"
    )
    found = list(state.detect(part(app({"app.py": PLAIN + code}))))
    assert [(f.rule, f.subject, f.value) for f in found] == [
        ("state.file", "a", "in f() (and 2 more in this file)")
    ]


def test_files_that_are_named_as_text(app: Write) -> None:
    source = app({
        "app.py": "import streamlit as st\nst.Page('views/one.py')\n", "views/one.py": "import two",
        "two.py": "", "pages/three.py": "", "four.py": "", "views/five.py": "",
    })  # fmt: skip
    symbols = Symbols(source)
    found = widened(symbols, ("app.py",), "streamlit", "app.py")
    assert found == ("app.py", "pages/three.py", "two.py", "views/one.py")
    assert widened(symbols, ("two.py",), "flask", "two.py") == ("two.py",)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("activeSessions", {"active", "session"}), ("_HISTORIES", {"history"}), ("ws", {"ws"}),
        ("chat_history2", {"chat", "history"}), ("HTTPCache", {"http", "cache"}), ("", set()),
        ("status", {"status"}), ("access", {"access"}),
    ],
)  # fmt: skip
def test_words(name: str, wanted: set[str]) -> None:
    assert words(name) == wanted


@given(st.text(max_size=60))
def test_any_name_has_words(name: str) -> None:
    assert all(word == word.lower() for word in words(name))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([
    "N = {}", "N = N", "def f(N=N): N[1] = N", "class N(N): N = []", "global N", "N.N.N()[N] = N",
    "@N.get('/')\ndef f(): N.append(N)", "from N import *", "from . import N", "import N.N as N",
    "async def N(N: 'N.N' = N()): await N", "lambda N: N", "with N() as N: N.pop()", "del N[N]",
    "class N:\n def N(self): self.N = N(); self.N.N[0] = self.N()", "N = Depends(N)",
    "@N\n@N.N()\nclass N(N.N, N[N]): N: N = N", "[N for N in N]", "N: N | None = N()",
    "def N() -> 'N': return N()", "super().N()", "N = 'sqlite:///' + N", "N = f'sqlite:///{N}'",
]), max_size=12))  # fmt: skip
def test_names_that_mean_themselves_end(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    root = tmp_path_factory.mktemp("app")
    (root / "app.py").write_text(PLAIN + "\n".join(lines))
    (root / "N.py").write_text("from app import *\nfrom N import N\n" + "\n".join(lines))
    for _ in state.detect(part(Source.open(root))):
        pass
