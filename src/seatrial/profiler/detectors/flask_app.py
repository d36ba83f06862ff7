"""Flask apps: every `module:attr` that is one, or is a function that returns one."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.profiler.detectors import routes
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.modules import name_of
from seatrial.profiler.objects import Function, ModuleValue, Thing
from seatrial.profiler.reach import imported
from seatrial.profiler.source import Source

STEPS_PER_FILE = 60_000
STEPS_ALL = 3_000_000

# Code beside the app that is not the app.
_BESIDE = frozenset({
    "test", "tests", "testing", "doc", "docs", "example", "examples", "sample", "samples",
    "benchmark", "benchmarks", "migrations",
})  # fmt: skip
_FACTORY_LIKE = re.compile(r"app|flask|server|wsgi", re.IGNORECASE)

OTHERS = {
    "fastapi": "FastAPI", "django": "Django", "streamlit": "Streamlit", "gradio": "Gradio",
    "quart": "Quart", "starlette": "Starlette", "sanic": "Sanic", "bottle": "Bottle",
    "tornado": "Tornado", "aiohttp": "aiohttp", "dash": "Dash", "falcon": "Falcon",
    "litestar": "Litestar", "connexion": "Connexion", "celery": "Celery",
}  # fmt: skip


class Candidate(Value):
    """One way to name a Flask app. `file:line` is where the app object is made."""

    module: str
    attr: str
    factory: bool
    app_dir: str
    path: str
    file: str
    line: int
    routes: int
    imported: bool = False

    @property
    def entry(self) -> str:
        """`module:attr`."""
        return f"{self.module}:{self.attr}"


class NearMiss(Value):
    """Something that looks like an app and cannot be the entry, with the reason."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.reason}"


class Found(Value):
    """All candidates and near misses, in the order of the files."""

    candidates: tuple[Candidate, ...]
    near_misses: tuple[NearMiss, ...]


def beside(path: str) -> bool:
    """Whether a file is test, documentation or example code."""
    parts = PurePosixPath(path).parts
    name = parts[-1]
    return (
        any(part.lower() in _BESIDE for part in parts[:-1])
        or name.startswith("test_") or name.endswith("_test.py")
        or name in ("conftest.py", "setup.py", "noxfile.py")
    )  # fmt: skip


def detect(source: Source) -> Found:
    """Every Flask app the source makes, under every name it can be started by."""
    candidates: list[Candidate] = []
    misses: list[NearMiss] = []
    machine, left = Interpreter(source), STEPS_ALL
    returns: dict[ast.AST, Thing | None] = {}
    for path in source.python_files:
        if beside(path):
            continue
        machine.steps = budget = min(STEPS_PER_FILE, left)
        module = machine.run(path)
        candidates.extend(_named(source, machine, module, returns, misses))
        left -= budget - max(machine.steps, 0)
    made = {(c.file, c.line) for c in candidates} | {(m.file, m.line) for m in misses}
    misses += _unreachable(source, made) + _other_frameworks(source)
    unique = {(miss.file, miss.line, miss.reason): miss for miss in misses}
    return Found(
        candidates=tuple(sorted(candidates, key=lambda c: (c.path, c.factory, c.attr))),
        near_misses=tuple(unique[key] for key in sorted(unique)),
    )


def resolve(source: Source, path: str, attr: str) -> Thing | Function | None:
    """What `attr` is in a file, walked from there and nowhere else: an app or its factory."""
    machine = Interpreter(source)
    value = machine.run(path).scope.names.get(attr)
    if isinstance(value, Thing) and value.is_a(routes.FLASK):
        return value
    if isinstance(value, Function):
        return value if _app_of(machine, value) else None
    return None


def app_thing(source: Source, path: str, attr: str) -> tuple[Thing | None, bool]:
    """The app behind `attr`, all its routes registered; and whether all of it was walked."""
    machine = Interpreter(source)
    value = machine.run(path).scope.names.get(attr)
    if isinstance(value, Function):
        value = machine.call(value)
    is_app = isinstance(value, Thing) and value.is_a(routes.FLASK)
    return (value if is_app else None), not machine.exhausted


def _app_of(machine: Interpreter, function: Function) -> Thing | None:
    made = machine.call(function)
    return made if isinstance(made, Thing) and made.is_a(routes.FLASK) else None


def _named(
    source: Source,
    machine: Interpreter,
    module: ModuleValue,
    returns: dict[ast.AST, Thing | None],
    misses: list[NearMiss],
) -> list[Candidate]:
    """The names of one module that are apps or factories."""
    found: list[Candidate] = []
    name = name_of(source, module.path)
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name.module):
        return []  # no module name: nothing can import it
    for attr, value in list(module.scope.names.items()):
        app, factory = value, isinstance(value, Function)
        if isinstance(value, Function):
            if not _looks_like_factory(value):
                continue
            if value.node not in returns:
                returns[value.node] = _app_of(machine, value)
            app = returns[value.node]
            if app is not None and value.required():
                needs = ", ".join(value.required())
                misses.append(NearMiss(
                    file=value.place.file, line=value.place.line,
                    reason=f"the factory {value.name}() needs arguments ({needs}): call it in a "
                    f"wsgi.py, like `app = {value.name}(...)`",
                ))  # fmt: skip
                continue
        if not isinstance(app, Thing) or not app.is_a(routes.FLASK):
            continue
        place = app.made.place
        origin = value.place.file if isinstance(value, Function) else place.file
        found.append(Candidate(
            module=name.module, attr=attr, factory=factory, app_dir=name.app_dir,
            path=module.path, file=place.file, line=place.line,
            routes=len(routes.collect(app).routes), imported=origin != module.path,
        ))  # fmt: skip
    return found


def _looks_like_factory(function: Function) -> bool:
    """Whether it is worth walking: most functions of an app make no app."""
    if isinstance(function.node, ast.AsyncFunctionDef | ast.Lambda):
        return False
    inside = list(ast.walk(function.node))
    if not any(isinstance(node, ast.Return) and node.value for node in inside):
        return False
    return bool(_FACTORY_LIKE.search(function.name)) or any(
        "Flask" in getattr(node, "id", "") or "Flask" in getattr(node, "attr", "")
        for node in inside
        if isinstance(node, ast.Name | ast.Attribute)
    )


def _unreachable(source: Source, made: set[tuple[str, int]]) -> list[NearMiss]:
    """`Flask(...)` that no name of a module leads to, and files that cannot be parsed."""
    misses: list[NearMiss] = []
    for path in source.python_files:
        for node in source.nodes(path):
            func = node.func if isinstance(node, ast.Call) else None
            name = getattr(func, "id", getattr(func, "attr", ""))
            if name != "Flask" or not isinstance(node, ast.Call) or (path, node.lineno) in made:
                continue
            reason = (
                "a Flask app in test, documentation or example code is not looked at"
                if beside(path)
                else "no name of the module leads to this Flask app: make it at module level, or "
                "return it from a function that needs no arguments"
            )
            misses.append(NearMiss(file=path, line=node.lineno, reason=reason))
    for skip in source.skipped:
        if skip.path.endswith(".py") and not beside(skip.path):
            misses.append(NearMiss(file=skip.path, line=0, reason=f"not read: {skip.reason}"))
    return misses


def _other_frameworks(source: Source) -> list[NearMiss]:
    misses: dict[str, NearMiss] = {}
    for path in source.python_files:
        if beside(path):
            continue
        for node in source.nodes(path):
            for name, line in imported(node):
                framework = OTHERS.get(name.split(".")[0])
                if framework and framework not in misses:
                    misses[framework] = NearMiss(
                        file=path, line=line, reason=f"found {framework}: not supported yet"
                    )
    return list(misses.values())
