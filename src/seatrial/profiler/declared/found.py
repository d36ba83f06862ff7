"""Which files of an app declare how it starts, by their names."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.profiler.source import Source

DEPTH_MAX = 4
EACH_MAX = 40

# Folders whose declarations are not about the app.
_ELSEWHERE = frozenset({
    "test", "tests", "testing", "doc", "docs", "documentation", "example", "examples", "sample",
    "samples", "demo", "demos", "node_modules", "vendor", "third_party", "thirdparty", "template",
    "templates", "fixtures", "benchmark", "benchmarks", "e2e", ".github", ".ci", ".circleci",
    ".devcontainer", "cookiecutter", "tutorial", "tutorials", "cypress", "testdata", "site",
})  # fmt: skip
_DEV = re.compile(
    r"(?i)(?:^|[._/-])(?:dev|develop|development|local|debug|test|tests|testing|ci|override|e2e|"
    r"devel|windows)(?:$|[._/-])"
)
_PROD = re.compile(r"(?i)(?:^|[._/-])(?:prod|production|deploy|release)(?:$|[._/-])")
_NAMES: dict[str, str] = {
    "captain-definition": "captain",
    "app.yaml": "appengine",
    "app.yml": "appengine",
    "railway.json": "railway",
    "railway.toml": "railway",
    "nixpacks.toml": "nixpacks",
    "railpack.json": "railpack",
    "fly.toml": "fly",
    "render.yaml": "render",
    "render.yml": "render",
    "heroku.yml": "heroku",
    "vercel.json": "vercel",
    "apprunner.yaml": "apprunner",
    "startup.sh": "azure",
    "startup.txt": "azure",
    "startup.cmd": "azure",
    "makefile": "make",
    "gnumakefile": "make",
    "justfile": "just",
    ".justfile": "just",
    "taskfile.yml": "taskfile",
    "taskfile.yaml": "taskfile",
    "package.json": "package",
    "pyproject.toml": "pyproject",
    "setup.cfg": "setup",
    "setup.py": "setup",
    ".flaskenv": "env",
    ".env": "env",
    "launch.json": "launch",
    "readme.md": "readme",
    "readme.rst": "readme",
    "readme": "readme",
    "readme.txt": "readme",
    "gunicorn.conf.py": "gunicorn",
    "gunicorn_conf.py": "gunicorn",
    "gunicorn_config.py": "gunicorn",
    "gunicorn-conf.py": "gunicorn",
    "koyeb.yaml": "koyeb",
    "smithery.yaml": "smithery",
    "uwsgi.ini": "uwsgi",
    "langgraph.json": "langgraph",
}
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("procfile", re.compile(r"procfile(?:[._-][\w.-]*)?")),
    ("dockerfile", re.compile(r"(?:[\w-]+\.)?(?:dockerfile|containerfile)(?:[._-][\w.-]*)?")),
    ("compose", re.compile(r"(?:docker-)?compose(?:[._-][\w.-]*)?\.ya?ml")),
    ("supervisor", re.compile(r"supervisord?(?:[._-][\w.-]*)?\.conf")),
    ("systemd", re.compile(r"[\w@.-]+\.service")),
)


class Found(Value):
    """A file that declares something. `dev` says that its name is one for development."""

    kind: str
    path: str
    folder: str
    dev: bool


def declarations(source: Source) -> tuple[Found, ...]:
    """All files that declare how the app starts, those nearer to the root first."""
    found: list[Found] = []
    for file in source.files:
        if file.path.count("/") > DEPTH_MAX or not file.path.isprintable():
            continue
        kind = kind_of(file.path)
        if not kind:
            continue
        path = PurePosixPath(file.path)
        if any(part.lower() in _ELSEWHERE or "{{" in part for part in path.parts[:-1]):
            continue
        folder = str(path.parent)
        if kind in ("launch", "digitalocean"):
            folder = str(path.parent.parent)
        # `.dev` of Dockerfile.dev, `dev/` of deploy/dev/compose.yml.
        found.append(Found(kind=kind, path=file.path, folder=folder, dev=is_dev(file.path)))
    found.sort(
        key=lambda one: (
            one.path.count("/"), one.dev, _PROD.search(one.path) is None, len(one.path), one.path
        )
    )  # fmt: skip
    counts: dict[str, int] = {}
    kept: list[Found] = []
    for one in found:
        counts[one.kind] = counts.get(one.kind, 0) + 1
        if counts[one.kind] <= EACH_MAX:
            kept.append(one)
    return tuple(kept)


def of_kind(source: Source, *kinds: str) -> tuple[Found, ...]:
    """The files of some kinds."""
    return tuple(one for one in declarations(source) if one.kind in kinds)


def is_dev(path: str) -> bool:
    """Whether a path says that what lies there is for development."""
    return _DEV.search(path) is not None


def kind_of(path: str) -> str:
    """What a file declares by its name; '' for other files."""
    name = path.rpartition("/")[2].lower()
    if path.endswith(".do/app.yaml"):
        return "digitalocean"
    if name == "launch.json" and not path.endswith(".vscode/launch.json"):
        return ""
    known = _NAMES.get(name)
    if known == "azure" and "/" in path:
        return ""
    if known:
        return known
    if name.endswith((".dockerignore", ".md", ".txt", ".py")):
        return ""
    return next((kind for kind, pattern in _PATTERNS if pattern.fullmatch(name)), "")
