"""The door to the app's files: what is listed, what is not, and that nothing gets through it."""

from __future__ import annotations

import ast
import gc
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import AppError, InputError, SeatrialError, StorageError
from seatrial.kernel.values import to_json
from seatrial.profiler import reach
from seatrial.profiler import source as source_module
from seatrial.profiler import walk as walk_module
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.profile import profile
from seatrial.profiler.source import Source, collection_paused

Write = Callable[[dict[str, str | bytes]], Source]
APP = "from flask import Flask\napp = Flask(__name__)\n"


def paths(source: Source) -> list[str]:
    return [file.path for file in source.files]


def reasons(source: Source) -> dict[str, str]:
    return {skip.path: skip.reason for skip in source.skipped}


@contextmanager
def without_rights() -> Iterator[Path]:
    """A folder, seen by a user who is not root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        if os.getuid() == 0:
            os.seteuid(0)


def drop_rights() -> None:
    if os.getuid() == 0:
        os.seteuid(65534)


def test_folders_that_are_not_source_are_left_out(app: Write) -> None:
    source = app({
        "app.py": APP, "lib/a.py": "", ".git/x.py": "", "node_modules/x.py": "",
        "pkg/__pycache__/x.py": "", "env/pyvenv.cfg": "", "env/lib/x.py": "",
        "build/x.py": "", "instance/x.sqlite": "", "dist/__init__.py": "", ".seatrial/x.json": "",
        "shop.egg-info/PKG-INFO": "",
    })  # fmt: skip
    assert paths(source) == ["app.py", "dist/__init__.py", "lib/a.py"]
    assert source.skipped == ()


def test_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, words in ((tmp_path / "none", "does not exist"), (tmp_path / "file", "not a folder")):
        with pytest.raises(AppError, match=words) as error:
            Source.open(path)
        assert error.value.fix and error.value.where == str(path)


def test_no_python(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text("")
    with pytest.raises(AppError, match="no Python file"):
        Source.open(tmp_path)


def test_a_folder_that_cannot_be_listed() -> None:
    with without_rights() as folder:
        (folder / "shop").mkdir(mode=0o700)
        (folder / "shop").chmod(0)
        drop_rights()
        with pytest.raises(StorageError, match="cannot be listed"):
            Source.open(folder / "shop")


def test_files_that_cannot_be_read_are_told() -> None:
    with without_rights() as folder:
        (folder / "app.py").write_text(APP)
        (folder / "secret.py").write_text("x = 1")
        (folder / "secret.py").chmod(0)
        (folder / "closed").mkdir()
        (folder / "closed").chmod(0)
        drop_rights()
        source = Source.open(folder)
        assert source.read_text("secret.py") is None
        assert source.tree("secret.py") is None
        assert len(source.digest) == 16
        assert "Permission denied" in reasons(source)["secret.py"]
        assert "Permission denied" in reasons(source)["closed"]


def test_links(app: Write, tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("secret = 1")
    source = app({"app.py": APP, "pkg/a.py": ""})
    root = source.root
    (root / "out.py").symlink_to(outside)
    (root / "passwd.py").symlink_to("/etc/passwd")
    (root / "in.py").symlink_to("app.py")
    (root / "loop.py").symlink_to("loop.py")
    (root / "dangling.py").symlink_to("gone")
    (root / "pkg/up").symlink_to("..")
    (root / "away").symlink_to(tmp_path)
    source = Source.open(root)
    assert paths(source) == ["app.py", "in.py", "pkg/a.py"]
    assert source.read_text("in.py") == APP
    assert source.read_text("out.py") is None
    told = reasons(source)
    assert "out of the app" in told["out.py"] and "out of the app" in told["passwd.py"]
    assert "out of the app" in told["away"] and "linked folder" in told["pkg/up"]
    assert "link that leads" in told["loop.py"] and "link that leads" in told["dangling.py"]


def test_special_files_are_never_opened(app: Write) -> None:
    root = app({"app.py": APP}).root
    os.mkfifo(root / "pipe.py")
    here = os.getcwd()
    os.chdir(root)  # a socket's address is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("sock.py")
    finally:
        os.chdir(here)
    source = Source.open(root)
    assert reasons(source) == {"pipe.py": "not a regular file", "sock.py": "not a regular file"}
    assert len(source.digest) == 16


def test_names_that_are_not_text(app: Write) -> None:
    root = app({"app.py": APP}).root
    (root / os.fsdecode(b"caf\xe9.py")).write_text("")
    source = Source.open(root)
    assert list(reasons(source).values()) == ["its name is not UTF-8"]
    assert b"caf" in to_json(profile(source, AppSettings()))


def test_limits(app: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, str | bytes] = {f"m{n:02}.py": f"x = {n}" for n in range(20)}
    root = app({**files, "app.py": APP, "big.py": "x = 1\n" * 500_000}).root
    monkeypatch.setattr(walk_module, "FILES_MAX", 10)
    few = Source.open(root)
    assert len(few.files) == 10 and "more than 10 files" in reasons(few)["."]
    monkeypatch.undo()
    source = Source.open(root)
    assert source.read_text("big.py") is None
    assert "larger than 2 MiB" in reasons(source)["big.py"]
    monkeypatch.setattr(source_module, "PYTHON_BYTES_MAX", 60)
    assert source.tree("app.py") is not None
    assert [source.tree(f"m{n:02}.py") is None for n in range(20)].count(True) == 18
    assert "18 files were not parsed" in reasons(source)["."]


def test_deep_folders_end(app: Write) -> None:
    root = app({"app.py": APP}).root
    deep = root.joinpath(*["d"] * 80)
    deep.mkdir(parents=True)
    (deep / "x.py").write_text("")
    source = Source.open(root)
    assert paths(source) == ["app.py"]
    assert any("folders deep" in reason for reason in reasons(source).values())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfx = 1", "x = 1"),
        (b"# coding: latin-1\nx = '\xe9'", "# coding: latin-1\nx = 'é'"),
        ("x = 'é'".encode("utf-16"), "x = 'é'"),
    ],
)
def test_encodings(app: Write, data: bytes, text: str) -> None:
    assert app({"app.py": data}).read_text("app.py") == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x = '\xe9'", "encoding"),
        (b"# coding: klingon\n", "encoding is unknown"),
        (b"x = 1\x00", "not Python"),
        (b"print 'Python 2'", "not Python 3"),
        (b"exec 'x' in d\n", "not Python 3"),
        (b"x = " + b"(" * 5000, "not Python"),
        (b"x = " + b"-" * 200_000 + b"1", "nested too deeply"),
        (b"x = " + b"9" * 100_000, "not Python"),
    ],
)
def test_files_that_are_no_python(app: Write, data: bytes, words: str) -> None:
    source = app({"app.py": APP, "odd.py": data})
    assert source.tree("odd.py") is None
    assert words in reasons(source)["odd.py"]
    assert profile(source, AppSettings()).web.entry == "app:app"


def test_parsing_says_nothing(app: Write, recwarn: pytest.WarningsRecorder) -> None:
    source = app({"app.py": "x = '\\d'\nif x is 1: ...\nassert (x, 'y')\n"})
    assert source.tree("app.py") is not None
    assert source.tree("app.py") is source.tree("app.py")
    assert not recwarn.list


def test_digest(app: Write) -> None:
    source = app({"app.py": APP, "data/w.bin": b"\x00" * 3_000_000, "x.sqlite3": "", "a.log": ""})
    before = source.digest
    (source.root / "x.sqlite3").write_text("more")
    (source.root / "a.log").write_text("more")
    assert Source.open(source.root).digest == before, "what runs write is not source"
    (source.root / "data/w.bin").write_bytes(b"\x00" * 2_999_999 + b"1")
    changed = Source.open(source.root).digest
    assert changed != before and len(changed) == 16
    (source.root / "data/w.bin").rename(source.root / "data/v.bin")
    assert Source.open(source.root).digest != changed


# Whole statements, so that what is put together of them can be parsed.
HOSTILE = (
    "app = Flask(__name__)", "import app", "from . import *", "from app import *", "app = app",
    "x = [x, x]", "s = 'aaaaaaaa' * 10**9", "s = s + s", "class A(A): pass", "f = lambda: f()",
    "def f(): return f()", "app.register_blueprint(app)", "b = Blueprint('b', 'b')",
    "b.register_blueprint(b)", "app.register_blueprint(b)", "app = app()",
    "class Flask(Flask): ...",
    "@app.route('/' + s)\ndef g(): pass", "for x in [1, 2, 3]:\n    app.get(s)(f)",
    "while True:\n    app.register_blueprint(b, url_prefix='/a')", "f(f, f)", "x, *y = x",
    "match app:\n    case _: app.get('/')(f)", "os.environ[os.environ['A']]", "open(open, open)",
    "def k():\n    global app\n    return app", "d = {**d, 1: d}", "app = Flask(*app, **app)",
    "def h(*a, app=app, **k):\n    @h()\n    def i(self): h(*i)\n    return Flask(a)",
    "import flask.flask as f", "del app", "app.a = app.a.b.c(app)", "app.run.x = app",
    "class V(MethodView):\n    methods = [V]\n    def __init__(self): self.v = V()",
    "app.add_url_rule(V, view_func=V.as_view(V), methods=V)", "V()", "import noise, app.app",
    "os.environ.get('A', os.getenv)", "sqlite3.connect(**x)", "x[x][x] = x", "x = x.x + x",
    "d.items().items()", "for a, b in d.items(): b = Blueprint(a, a, url_prefix=b)",
)  # fmt: skip
HEAD = (
    "import os, sqlite3\nfrom flask import Flask, Blueprint\nfrom flask.views import MethodView\n"
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(HOSTILE), max_size=14), st.binary(max_size=80))
@example(["app = Flask('x')", "s = 'ab'", *["s = s + s"] * 40], b"\x00")
@example(["x = " + "+".join("1" * 3000)], b"\xff\xfe")
@example(["x = a" + ".b" * 3000 + "()"], b"[project]")
@example(["x = " + "[" * 90 + "]" * 90], b"-r requirements.txt")
def test_hostile_programs_never_crash(lines: list[str], noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "app.py").write_text(HEAD + "\n".join(lines))
        (root / "noise.py").write_bytes(noise)
        for other in ("requirements.txt", "pyproject.toml", "Procfile", ".env", "runtime.txt"):
            (root / other).write_bytes(noise)
        try:
            made = profile(Source.open(root), AppSettings())
        except InputError as error:
            assert error.fix
        else:
            assert to_json(made) == to_json(profile(Source.open(root), AppSettings()))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="()[]{}'\"\\:,.=+-*<>@# \n\tabcdefFlask01\x00é", max_size=300))
def test_any_text_parses_or_is_refused(text: str) -> None:
    said: list[str] = []
    tree = source_module.parse(text, said.append)
    assert (tree is None) == bool(said)


def test_endless_programs_end(app: Write) -> None:
    """Calls that double at each level would take 2**25 steps."""
    levels = "".join(f"def f{n}():\n    f{n + 1}()\n    f{n + 1}()\n" for n in range(24))
    source = app(
        {"app.py": APP + levels + "def f24(): ...\nf0()\n@app.get('/')\ndef home(): ...\n"}
    )
    web = profile(source, AppSettings()).web
    assert web.entry == "app:app"
    assert any("too long to be walked" in fact.value for fact in web.facts)


def test_texts_and_trees_are_kept_only_while_there_is_room(
    app: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "KEPT_PYTHON_BYTES", 300)
    monkeypatch.setattr(source_module, "KEPT_TEXT_BYTES", 300)
    files: dict[str, str | bytes] = {f"m{n:02}.py": f"import a{n}\nx = {n}\n" for n in range(40)}
    source = app(files)
    first = source.nodes("m00.py")
    assert source.nodes("m00.py") is first
    for path in source.python_files:
        assert source.imports(path)
    again = source.nodes("m00.py")
    assert again is not first and [type(n) for n in again] == [type(n) for n in first]
    assert source._memory.parsed.size <= 300 and source._memory.bytes.size <= 300
    assert source.skipped == () and source.digest == Source.open(source.root).digest


def test_mentions_looks_at_the_bytes(app: Write) -> None:
    source = app({
        "a.py": "import flask\n", "b.py": "x = (", "c.py": "# größe\n", "d.bin": b"\0\xffredis",
        "e.txt": "flask".encode("utf-16"), "f.py": "",
    })  # fmt: skip
    words = frozenset({"flask", "redis", "größe"})
    assert [p for p in ("a.py", "b.py", "c.py", "d.bin", "e.txt", "f.py", "none.py")
            if source.mentions(p, words)] == ["a.py", "c.py", "d.bin", "e.txt"]  # fmt: skip
    assert source.skipped == (), "nothing was parsed"


def test_nodes_leave_out_contexts_and_no_other(app: Write) -> None:
    text = (
        "@d\nclass A(B, k=C, **e):\n    x: int = 1\n    async def f(self, a, /, b=1, *c, d, e=2, "
        "**g) -> None:\n        async with a as b: yield {**a, 'b': [*c], 1: (lambda q=1: q)}\n"
        "        global G\ntry: raise X from Y\nexcept (E, F) as h: del h[1:2:3]\n"
        "else: assert a, b\n"
        "finally: print(f'{a!r:>{w}}', not b, a < b < c, a and b, a if b else c)\n"
        "match a:\n    case A(1, x=[_, *r]) | {'k': None, **o} as q if q: pass\n"
        "for i, (j, k) in [x async for x in y if x if y]: a += (yield)\nwhile (n := 1): continue\n"
        "from . import *\nimport a.b as c, d\nwith a, b as c: x = y = z\n"
    )
    source = app({"a.py": "if 1:\n " + text.replace("\n", "\n ") + "\n"})
    tree = source.tree("a.py")
    assert tree is not None
    bare = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    every = [node for node in ast.walk(tree) if not isinstance(node, bare)]
    nodes = source.nodes("a.py")
    assert len(nodes) == len(every) and set(nodes) == set(every)
    assert source.nodes_of("a.py", ast.Name) == [n for n in nodes if isinstance(n, ast.Name)]
    assert source.nodes_of("a.py", ast.Call, ast.ClassDef) == [
        n for n in nodes if isinstance(n, ast.Call | ast.ClassDef)
    ]


def test_files_may_vanish_and_change_while_they_are_read(app: Write) -> None:
    source = app(
        {"app.py": APP, "gone.py": "x = 1", "pipe.py": "x", "grown.py": "y", "sub/a.py": ""}
    )
    root = source.root
    (root / "gone.py").unlink()
    (root / "pipe.py").unlink()
    os.mkfifo(root / "pipe.py")
    (root / "grown.py").write_text("x = 1\n" * 400_000)
    (root / "sub/a.py").unlink()
    (root / "sub").rmdir()
    for path in ("gone.py", "pipe.py", "grown.py", "sub/a.py"):
        assert source.tree(path) is None and source.read_text(path) is None, path
        assert source.nodes(path) == () and source.imports(path) == ()
    assert "No such file" in reasons(source)["gone.py"]
    assert "no regular file any more" in reasons(source)["pipe.py"]
    assert "larger than" in reasons(source)["grown.py"]
    assert len(source.digest) == 16
    assert profile(source, AppSettings()).web.entry == "app:app"


def test_large_files_are_neither_read_nor_opened_for_long(app: Write) -> None:
    root = app({"app.py": APP}).root
    for name in ("weights.py", "model.safetensors", "notes.txt"):
        with (root / name).open("wb") as file:
            file.truncate(200 * 1024**2)
    source = Source.open(root)
    before = source.digest
    assert source.read_text("notes.txt") is None and source.tree("weights.py") is None
    assert "larger than" in reasons(source)["weights.py"]
    assert profile(source, AppSettings()).web.entry == "app:app"
    for change in (0, 100 * 1024**2, 200 * 1024**2 - 1):
        with (root / "model.safetensors").open("r+b") as file:
            file.seek(change)
            # What is trained anew differs everywhere; a sample is 64 KiB of every three MiB.
            file.write(b"x" * min(4 * 1024**2, 200 * 1024**2 - change))
        changed = Source.open(root).digest
        assert changed != before
        before = changed
    with (root / "model.safetensors").open("r+b") as file:
        file.truncate(200 * 1024**2 - 1)
    assert Source.open(root).digest != before


def test_a_device_is_not_opened(app: Write) -> None:
    root = app({"app.py": APP}).root
    try:
        os.mknod(root / "zero.py", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes device files")
    source = Source.open(root)
    assert reasons(source) == {"zero.py": "not a regular file"}


def test_the_root_may_be_a_link_but_no_loop(app: Write, tmp_path: Path) -> None:
    root = app({"app.py": APP}).root
    (tmp_path / "link").symlink_to(root)
    assert Source.open(tmp_path / "link").root == root
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SeatrialError) as refused:
        Source.open(tmp_path / "loop")
    assert refused.value.fix
    with pytest.raises(SeatrialError):
        Source.open(root / "app.py")
    deep = tmp_path.joinpath(*["d" * 200] * 10)
    deep.mkdir(parents=True)
    (deep / "app.py").write_text(APP)
    assert paths(Source.open(deep)) == ["app.py"]


def test_what_is_nearest_is_read_when_there_is_too_much(
    app: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler = "# " + "x" * 200 + "\n"
    files: dict[str, str | bytes] = {
        "app.py": APP + "import near_a, near_b\n", "near_a.py": "import far_a\n" + filler,
        "near_b.py": "import far_b\n" + filler, "far_a.py": filler, "far_b.py": filler,
    }  # fmt: skip
    source = app(files)
    assert len(reach.reachable(source, "app.py")) == 5 and not source.skipped
    monkeypatch.setattr(Source, "reach_bytes_max", 500)
    cut = Source.open(source.root)
    assert reach.reachable(cut, "app.py") == ("app.py", "near_a.py", "near_b.py")
    assert "2 were not read" in reasons(cut)["."]


def test_many_files_in_few_folders_and_many_folders(
    app: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, str | bytes] = {f"deep/er/{n}/m.py": "" for n in range(30)}
    root = app({**files, "app.py": APP}).root
    monkeypatch.setattr(walk_module, "FOLDERS_MAX", 6)
    source = Source.open(root)
    assert "app.py" in paths(source), "what is near the root is listed first"
    assert "more than 6 folders" in reasons(source)["."]


NESTED = (
    "x = {0}1{1}", "x = a{2}", "x = {3}1", "x = {4}", "if 1: pass\n{5}", "x = lambda: {6}1",
    "import {7}", "x = {8}", "{9}\ndef f(): pass", "from {10} import a",
)  # fmt: skip


@pytest.mark.parametrize("count", [90, 500, 5_000, 100_000])
@pytest.mark.parametrize("shape", NESTED)
def test_nesting_never_crashes_the_parser(app: Write, shape: str, count: int) -> None:
    """In a process of its own: where the C stack ends, Python says nothing."""
    text = shape.format(
        "(" * count, ")" * count, ".b" * count, "-" * count, "+".join("1" * count),
        "elif 1: pass\n" * count, "lambda: " * count, ",".join(["a"] * count), "a()" + "()" * count,
        "@a\n" * count, "." * count,
    )  # fmt: skip
    root = app({"app.py": APP, "odd.py": text}).root
    code = (
        "import sys; from pathlib import Path; from seatrial.profiler.source import Source\n"
        "source = Source.open(Path(sys.argv[1])); source.nodes('odd.py')\n"
        "print(len(source.skipped))"
    )
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.strip() in ("0", "1")


@pytest.mark.parametrize(
    "line",
    [
        "x{n} = [*a, *a]", "x{n} = a + a", "x{n} = {{**t, {n}: 1}}", "x{n} = s + s",
        "t = {{**t, {n}: t}}", "x{n} = f'{{s}}{{s}}{{s}}'", "from lib{n} import *",
        "from m import *",
        "x{n} = f(*a, *a, **t)", "x{n} = [v for v in a]", "import m{n}", "app.include(x{n})",
    ],
)  # fmt: skip
def test_large_values_stay_within_the_budget(app: Write, line: str) -> None:
    head = (
        f"a = [{'1, ' * 1000}]\nt = {{{', '.join(f'{n}: {n}' for n in range(1000))}}}\n"
        f"s = '{'s' * 2000}'\ndef f(*a, **k): return a\n"
    )
    body = "".join(line.format(n=n) + "\n" for n in range(6_000))
    source = app({"app.py": APP + head + body, "m.py": "".join(f"y{n} = 1\n" for n in range(999))})
    machine = Interpreter(source, steps=80_000)
    tracemalloc.start()
    began = time.process_time()
    source.nodes("app.py")
    before = tracemalloc.get_traced_memory()[0]
    machine.run("app.py")
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken < 40 * 1024**2
    assert time.process_time() - began < 60, "no endless loop; not a measure of speed"


def test_a_chain_of_imports_is_followed_as_far_as_python_would(app: Write) -> None:
    files: dict[str, str | bytes] = {
        f"m{n}.py": f"import m{n + 1}\nfrom m{n + 1} import *\nx{n} = {n}\n" for n in range(300)
    }
    source = app({**files, "app.py": APP + "import m0\n", "m300.py": ""})
    assert profile(source, AppSettings()).web.entry == "app:app"
    assert len(reach.reachable(source, "app.py")) == 302


def test_the_collector_is_on_again(app: Write) -> None:
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()
        with collection_paused():
            app({"a.py": "x = ("}).tree("a.py")
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collection_paused():
            pass
        assert not gc.isenabled(), "who turned it off turns it on"
    finally:
        gc.enable()
