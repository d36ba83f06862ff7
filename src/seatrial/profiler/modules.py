"""Which file an import means, and under which name a file is imported."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.profiler.source import Source

# A folder without __init__.py never hides an installed package of the same name, so a folder
# `redis/` with a config script in it is not what `import redis` means.
_INSTALLED = frozenset({
    "alembic", "celery", "django", "docker", "fastapi", "flask", "gradio", "gunicorn", "kubernetes",
    "mysql", "nginx", "numpy", "openai", "pandas", "prometheus_client", "psycopg", "pydantic",
    "pymongo", "redis", "requests", "sqlalchemy", "streamlit", "torch", "transformers",
})  # fmt: skip


# Code beside the app that is not the app.
_BESIDE = frozenset({
    "test", "tests", "testing", "doc", "docs", "example", "examples", "sample", "samples",
    "benchmark", "benchmarks", "migrations", "e2e", "fixtures", "testdata", "cypress",
})  # fmt: skip


class Located(Value):
    """A module of the app. `path` is empty for a folder without `__init__.py`."""

    path: str
    folder: str


class ModuleName(Value):
    """`module` is the dotted name under which a file is imported when `app_dir` is on the path."""

    app_dir: str
    module: str


def join(folder: str, name: str) -> str:
    """A path inside a folder; '.' is the root."""
    return name if folder in ("", ".") else f"{folder}/{name}"


def parent(path: str) -> str:
    """The folder of a path; '.' for the root."""
    return path.rpartition("/")[0] or "."


def locate(source: Source, dotted: str, base: str) -> Located | None:
    """The module `dotted` below the folder `base`, as Python would find it there."""
    path = join(base, dotted.replace(".", "/")) if dotted else base
    package = join(path, "__init__.py")
    if package in source:
        return Located(path=package, folder=path)
    if dotted and f"{path}.py" in source:
        return Located(path=f"{path}.py", folder=parent(path))
    if path in source.folders and dotted.split(".")[0] not in _INSTALLED:
        return Located(path="", folder=path)
    return None


def find(source: Source, dotted: str, importer: str) -> Located | None:
    """What `import dotted` means in the file `importer`: none when it is not the app's own."""
    app_dir = name_of(source, importer).app_dir
    known = source.memo.setdefault("modules.find", {})
    key = (dotted, app_dir)
    if key not in known:
        known[key] = _find(source, dotted, app_dir)
    located: Located | None = known[key]
    return located


def _find(source: Source, dotted: str, app_dir: str) -> Located | None:
    found: list[Located] = []
    for base in dict.fromkeys((app_dir, ".", "src")):
        if base != "." and base not in source.folders:
            continue
        located = locate(source, dotted, base)
        if located is not None:
            found.append(located)
    # Regular modules of any folder on the path come before folders without __init__.py.
    return next((one for one in found if one.path), found[0] if found else None)


def find_relative(source: Source, dotted: str, importer: str, level: int) -> Located | None:
    """What `from ..dotted import` means in the file `importer`."""
    folder = parent(importer)
    for _ in range(level - 1):
        if folder == ".":
            return None
        folder = parent(folder)
    return locate(source, dotted, folder)


def name_of(source: Source, path: str) -> ModuleName:
    """The folder that has to be on the path for a file, and its dotted name from there.

    Packages are climbed out of. A folder without `__init__.py` is part of the name when the
    file imports relatively through it, or by a name that starts there.
    """
    known = source.memo.setdefault("modules.name_of", {})
    if path not in known:
        known[path] = _name_of(source, path)
    name: ModuleName = known[path]
    return name


def _name_of(source: Source, path: str) -> ModuleName:
    folder = parent(path)
    while folder != "." and join(folder, "__init__.py") in source:
        folder = parent(folder)
    tree = source.tree(path)
    if folder != "." and tree is not None:
        folder = _climb_by_imports(source, path, folder, tree)
    inner = PurePosixPath(path).relative_to(folder)
    parts = inner.parent.parts if inner.name == "__init__.py" else (*inner.parent.parts, inner.stem)
    return ModuleName(app_dir=folder, module=".".join(parts))


def _climb_by_imports(source: Source, path: str, folder: str, tree: ast.Module) -> str:
    start = parent(path)
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.level:
            top = start
            for _ in range(statement.level):
                top = parent(top)
            if PurePosixPath(folder).is_relative_to(top):
                folder = top
        names = []
        if isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
            names = [statement.module]
        elif isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        for name in names:
            if folder != "." and _starts_above(source, name, folder):
                folder = "."
    return folder


def _starts_above(source: Source, dotted: str, folder: str) -> bool:
    """Whether an absolute import is found from the root, through `folder`, and not in it."""
    first = PurePosixPath(folder).parts[0]
    return (
        dotted.split(".")[0] == first
        and locate(source, dotted, folder) is None
        and locate(source, dotted, ".") is not None
    )


@lru_cache(maxsize=65_536)  # a dozen detectors ask for every file
def beside(path: str) -> bool:
    """Whether a file is test, documentation or example code, or a tool's."""
    parts = path.split("/")
    name = parts[-1]
    return (
        any(part.lower() in _BESIDE or part.startswith(".") for part in parts[:-1])
        or name.startswith("test_") or name.endswith(("_test.py", "_tests.py"))
        or name in ("conftest.py", "setup.py", "noxfile.py", "tests.py", "fabfile.py")
    )  # fmt: skip
