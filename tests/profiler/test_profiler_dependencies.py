"""Dependencies, the Python asked for and system packages: what the small apps cannot say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from seatrial.kernel.workload import Fact
from seatrial.profiler import dependencies
from seatrial.profiler.dependencies import conda, images, imports, poetry, requirements
from seatrial.profiler.dependencies.reading import Reading, inside
from seatrial.profiler.dependencies.written import extras, made, version
from seatrial.profiler.detectors import system
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]
APP = "import flask\napp = flask.Flask(__name__)\n"


def part(source: Source, *paths: str) -> Part:
    install = dependencies.detect(source)
    return Part(
        source=source, name="web", kind="web", framework="Flask", entry="app:app",
        paths=paths or ("app.py",), dependencies={one.name: one for one in install.dependencies},
    )  # fmt: skip


def told(source: Source) -> dict[tuple[str, str, int], Fact]:
    facts = dependencies.detect(source).facts
    return {(one.rule, one.proof.file, one.proof.line): one for one in facts}


def test_requirements(app: Write) -> None:
    source = app({
        "app.py": APP,
        "requirements.txt": (
            "# comment\nFlask==3.1.3  # web\nnumpy>=1,<3 \\\n  --hash=sha256:aa\n"
            "-r more/extra.txt\n-c limits.txt\n--index-url https://user:secret@host/simple\n"
            'pywin32==1 ; sys_platform == "win32"\nredis[hiredis] ; python_version >= "3.8"\n'
            "git+https://secret@host/x.git\nlib @ https://token@host/lib.whl\n!!!\n"
            "-r ../outside.txt\n-r /etc/passwd\n-c /etc/passwd\n"
            "git+ssh://git@host/y.git@v1#egg=y\n./gone\nhttps://host/z-1.0-py3-none-any.whl\n"
        ),
        "more/extra.txt": "gunicorn\n-r ../requirements.txt\n-r gone.txt\n",
        "pyproject.toml": '[project]\nname = "x"\ndependencies = ["django"]\n'
        'requires-python = ">=3.11"',
    })  # fmt: skip
    install = dependencies.detect(source)
    found = {d.name: (d.specifier, d.proof.file, d.proof.line) for d in install.dependencies}
    assert found == {
        "flask": ("==3.1.3", "requirements.txt", 2),
        "numpy": ("<3,>=1", "requirements.txt", 3),
        "gunicorn": ("", "more/extra.txt", 1),
        "redis": ("[hiredis]", "requirements.txt", 9),
        "lib": ("@ address", "requirements.txt", 11),
        "y": ("@ address", "requirements.txt", 16),
        "z": ("@ https://host/z-1.0-py3-none-any.whl", "requirements.txt", 18),
    }
    assert install.requirements_file == "requirements.txt"
    assert install.python_requires == ">=3.11"
    assert {key for key in told(source) if key[0] != "dependencies.unpinned"} >= {
        ("dependencies.unread", "requirements.txt", 6),
        ("dependencies.option", "requirements.txt", 7),
        ("dependencies.not-here", "requirements.txt", 8),
        ("dependencies.unread", "requirements.txt", 10),
        ("dependencies.unread", "requirements.txt", 12),
        ("dependencies.unread", "requirements.txt", 13),
        ("dependencies.unread", "requirements.txt", 14),
        ("dependencies.unread", "requirements.txt", 15),
        ("dependencies.unread", "more/extra.txt", 3),
    }
    text = str(install)
    assert "secret" not in text and "token" not in text


def test_constraints_pin_and_do_not_install(app: Write) -> None:
    source = app({
        "app.py": APP, "requirements.txt": "-c limits.txt\nflask\nredis[hiredis]>=4\n",
        "limits.txt": "flask==3.1.3\nredis<6\nboto3==1\n",
    })  # fmt: skip
    found = {one.name: one.specifier for one in dependencies.detect(source).dependencies}
    assert found == {"flask": "==3.1.3", "redis": "[hiredis]>=4,<6"}


def test_what_no_installer_reads_is_installed_from_the_list(app: Write) -> None:
    source = app({"app.py": APP, "requirements.txt": "flask==3\n".encode("utf-16")})
    install = dependencies.detect(source)
    assert install.requirements_file == ""
    assert [(one.name, one.specifier) for one in install.dependencies] == [("flask", "==3")]


def test_each_component_has_its_folder(app: Write) -> None:
    source = app({
        "api/app.py": APP, "api/requirements.txt": "flask==3.1.3\n",
        "worker/tasks.py": "import celery\n", "worker/requirements.txt": "celery==5.4.0\n",
        "requirements.txt": "pytest==8\n",
    })  # fmt: skip
    names = {
        folder: [one.name for one in dependencies.detect(source, folder).dependencies]
        for folder in ("api", "api/inner", "worker", ".")
    }
    assert names == {
        "api": ["flask"], "api/inner": ["flask"], "worker": ["celery"], ".": ["pytest"],
    }  # fmt: skip
    assert dependencies.detect(source, "api") is dependencies.detect(source, "api")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("^1.2.3", "<2,>=1.2.3"), ("^0.2.3", "<0.3,>=0.2.3"), ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("^1", "<2,>=1"), ("^0", "<1,>=0"), ("^0.0", "<0.1,>=0.0"), ("~1.2.3", "<1.3,>=1.2.3"),
        ("~1.2", "<1.3,>=1.2"), ("~1", "<2,>=1"), ("1.2.3", "==1.2.3"), ("1.*", "==1.*"),
        ("*", ""), (">=1.0,<2.0", "<2.0,>=1.0"), (">=1.0 <2.0", "<2.0,>=1.0"), ("!=1.5", "!=1.5"),
        ("~=1.4", "~=1.4"), ("~=3", "<4,>=3"), ("<=0.2, !=3.2.0", "<=0.2,!=3.2.0"),
        ("^1 || ^2", ""), ("@latest", ""), ("", ""), ("==1.0", "==1.0"),
        ("=1.0", "==1.0"), (">= 1.0, < 2", "<2,>=1.0"), ("^1.0a1", "<2,>=1.0a1"),
    ],
)  # fmt: skip
def test_poetry_constraints(text: str, asked: str) -> None:
    assert poetry.constraint(text) == str(SpecifierSet(asked))


@given(st.text(alphabet="^~=<>!*.,| 0123456789abv+-", max_size=30))
def test_any_poetry_constraint_gives_a_specifier(text: str) -> None:
    SpecifierSet(poetry.constraint(text))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("=1.21", "==1.21.*"), ("==1.21", "==1.21"), ("=1.21.5=py39_0", "==1.21.5"),
        (">=1,<2", ">=1,<2"), ("3.10", "==3.10.*"), ("1.2.3", "==1.2.3"), ("1.2|1.3", ""),
        ("", ""), ("=1.21.*", "==1.21.*"), (" >= 1.0", ">=1.0"),
    ],
)  # fmt: skip
def test_conda_specifiers(text: str, asked: str) -> None:
    assert conda.specifier(text) == asked


@pytest.mark.parametrize(
    ("name", "path"),
    [("a.txt", "x/a.txt"), ("../a.txt", "a.txt"), ("../../a", None), ("/a", None), (".", "x"),
     ("..", "."), ("a\\b", None)],
)  # fmt: skip
def test_no_path_leads_out(name: str, path: str | None) -> None:
    assert inside("x", name) == path


def test_extras_and_exact_versions() -> None:
    assert extras(made("x", "==1", "", 0, ("b", "c"))) == {"b", "c"}
    assert extras(made("x", ">=1", "", 0)) == frozenset()
    asked = ["==1.2", ">=1", "==1.*", "==1,<2", "@ https://h/x-1==2", "===1", ""]
    exact = ["1.2", "", "", "", "", "1", ""]
    assert [version(made("x", one, "", 0, ("b",))) for one in asked] == exact


@given(st.text(max_size=200))
def test_any_requirements_are_read_or_told(text: str) -> None:
    reading = Reading(source=Source(root=None, files=(), _sizes={}, _skipped={}))  # type: ignore[arg-type]
    for line, entry in requirements.logical_lines(text):
        before = len(reading.facts) + len(reading.local)
        found = list(requirements.listed(reading, "r.txt", iter([(line, entry)]), {}))
        known = {one.proof.line for one in reading.facts}
        assert found or len(reading.facts) + len(reading.local) > before or line in known


FILES = (
    "requirements.txt", "pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "pylock.toml",
    "Pipfile", "Pipfile.lock", "setup.cfg", "setup.py", "environment.yml", ".python-version",
    ".tool-versions", "mise.toml", "Dockerfile", "packages.txt", "nixpacks.toml", "railpack.json",
)  # fmt: skip
PIECES = (
    "[project]\n", "dependencies = ", '["flask", 1, "x @ "]\n', "[[package]]\n",
    'name = "flask"\n', "version = 3\n", "[tool.poetry.dependencies]\n", 'python = "^3"\n',
    "flask = {path = 7}\n", "[tool.uv]\n", "sources = 3\n",
    '{"default": {"a": 1, "b": {"version": []}}}', "dependencies:\n", "  - pip:\n",
    "    - flask\n", "  - {a: b}\n", "&a [*a]\n", "FROM python:$X\n", "RUN apt-get install '",
    "-r requirements.txt\n", "-e .\n", "-c .\n", "\x00", "\ufeff",
    "setup(install_requires=x+x)\nx=x+x\n", "[options]\ninstall_requires =\n  a\n", "%(x)s\n",
    "python 3\n", "x=1=2\n", "wheels = [{size = 1}]\n", "[package.dependencies]\n",
    "[dependency-groups]\n", "dev = [{include-group = 'dev'}]\n",
    "(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((",
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(
    st.sampled_from(FILES), st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=8),
    max_size=5,
))  # fmt: skip
def test_no_content_is_too_strange(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, list[str]]
) -> None:
    root = tmp_path_factory.mktemp("strange")
    (root / "app.py").write_text(APP)
    for name, pieces in content.items():
        (root / name).write_bytes("".join(pieces).encode(errors="surrogatepass"))
    source = Source.open(root)
    here = part(source)
    for detect in (imports.detect, system.detect):
        assert all(fact.rule for fact in detect(here))


def test_workspaces_that_need_each_other_end(app: Write) -> None:
    source = app({
        "app.py": APP, "requirements.txt": "-e ./a\n",
        "a/pyproject.toml": '[project]\nname = "a"\ndependencies = ["b", "flask<4"]\n'
        '[tool.uv.sources]\nb = { path = "../b" }\n',
        "b/pyproject.toml": '[project]\nname = "b"\ndependencies = ["a", "redis<6"]\n'
        '[tool.uv.sources]\na = { path = "../a" }\n',
    })  # fmt: skip
    assert [one.name for one in dependencies.detect(source).dependencies] == ["flask", "redis"]


def test_imports_that_are_guarded(app: Write) -> None:
    source = app({"app.py": (
        "import a.b\ntry:\n    import c\nexcept (ImportError, OSError):\n    c = None\n"
        "else:\n    import d\ntry:\n    import e\nexcept ValueError:\n    pass\n"
        "if x:\n    import f\ndef g():\n    import h\n    with i:\n        from j import k\n"
        "class L:\n    import m\nfrom . import n\nfrom .o import p\n"
    )})  # fmt: skip
    found = {one.name.split(".")[0]: one.late for one in imports.imports(part(source), "app.py")}
    assert found == {
        "a": False, "d": False, "e": False, "f": True, "h": True, "j": True, "m": False,
    }  # fmt: skip


def test_dockerfiles(app: Write) -> None:
    source = app({"app.py": APP, "Dockerfile": (
        "# syntax=docker/dockerfile:1\nARG V=3.12\n"
        "FROM --platform=$BUILDPLATFORM python:${V}-slim AS Base\n"
        "RUN apt-get update && \\\n  # a comment inside\n"
        "  apt-get install -yq ffmpeg=7:5.1 libgl1; true\n"
        "FROM node:22 AS web\nRUN apt-get install -y chromium\n"
        "FROM base\nRUN --mount=type=cache,target=/c pip install -r reqs/prod.txt \\\n -rmore.txt\n"
    )})  # fmt: skip
    (image,) = images.images(source, ".")
    assert (image.base, image.python, image.line) == ("python:3.12-slim", "3.12", 3)
    assert image.packages == ("ffmpeg", "libgl1")
    assert image.requirements == ("reqs/prod.txt", "more.txt")
    assert image.debian and image.complete
