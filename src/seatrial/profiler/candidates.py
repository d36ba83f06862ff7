"""App objects: every `module:attr` that is one, or is a function that returns one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from seatrial.kernel.values import Value
from seatrial.profiler.appobject import App, app_of, made_by
from seatrial.profiler.frameworks import frameworks, makers
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.modules import ModuleName, beside, join, locate, name_of, parent
from seatrial.profiler.objects import (
    Bound,
    Class,
    Const,
    Function,
    ModuleValue,
    Scope,
    Seq,
    Table,
    Thing,
)
from seatrial.profiler.source import Source

STEPS_PER_FILE = 60_000
STEPS_ALL = 3_000_000

_FACTORY_LIKE = re.compile(r"app|flask|server|[wa]sgi|^(build|make|create|get)$", re.IGNORECASE)
_USUAL_FILES = frozenset({
    "wsgi", "asgi", "app", "main", "application", "server", "run", "api", "index", "serve", "web",
    "manage", "start", "__main__", "__init__", "handler", "routing",
})  # fmt: skip
# Their folder is where an app is built and started.
_ROOT_FILES = (
    "requirements.txt", "pyproject.toml", "Pipfile", "setup.py", "Dockerfile", "Procfile",
    "manage.py", "environment.yml", "app.yaml",
)  # fmt: skip
# What an app object looks like in a file that this Python cannot parse.
_LOOKS_LIKE = re.compile(
    r"^(?P<attr>[A-Za-z_]\w{0,40})\s{0,4}=\s{0,4}(?:\w{1,40}\.){0,2}"
    r"(?P<maker>Flask|FastAPI|Sanic|Quart|Bottle|get_wsgi_application)\(",
    re.MULTILINE,
)
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Candidate(Value):
    """One way to name an app. `file:line` is where the app object is made.

    `routes` counts what was registered on it, `imported` says that the name came from another
    module, `wraps` that it was put around another app object.
    """

    framework: str
    module: str
    attr: str
    factory: bool
    app_dir: str
    path: str
    file: str
    line: int
    routes: int
    imported: bool = False
    wraps: bool = False

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
    """All candidates in the order of the files, and the factories that cannot be called."""

    candidates: tuple[Candidate, ...]
    near_misses: tuple[NearMiss, ...]


def detect(source: Source) -> Found:
    """Every app object the source makes, under every name it can be started by."""
    candidates: list[Candidate] = []
    misses: list[NearMiss] = []
    machine, left = Interpreter(source, follow=lambda path: worth_walking(source, path)), STEPS_ALL
    returns: dict[ast.AST, App | None] = {}
    for path in source.python_files:
        if beside(path) or not worth_walking(source, path):
            continue
        machine.steps = budget = min(STEPS_PER_FILE, left)
        module = machine.run(path)
        if source.tree(path) is None:
            candidates += _unparsed(source, path)
        candidates.extend(_named(source, machine, module, returns, misses))
        left -= budget - max(machine.steps, 0)
    return Found(
        candidates=tuple(sorted(candidates, key=lambda c: (c.path, c.factory, c.attr))),
        near_misses=tuple(misses),
    )


def near_misses(source: Source, found: Found) -> list[NearMiss]:
    """Everything that looks like an app and cannot be the entry, in the order of the files."""
    made = {(c.file, c.line) for c in found.candidates}
    made |= {(miss.file, miss.line) for miss in found.near_misses}
    misses = {
        (m.file, m.line, m.reason): m for m in (*found.near_misses, *_unreachable(source, made))
    }
    return [misses[key] for key in sorted(misses)]


def worth_walking(source: Source, path: str) -> bool:
    """Whether a file can hold or pass on an app: by its name, or by a framework's name in it."""
    if path.rpartition("/")[2].removesuffix(".py") in _USUAL_FILES and path.count("/") <= 4:
        return True
    return source.mentions(path, _WORDS)


class Named(NamedTuple):
    """What a name of a module is: `there` says whether the file may have such a name at all,
    `needs` which arguments a factory wants."""

    app: App | None
    factory: bool
    there: bool
    needs: tuple[str, ...]


def entry_name(source: Source, path: str) -> ModuleName:
    """The name by which a file is best started.

    A folder without `__init__.py` whose files do not import each other by their bare names can
    be started from above it; people write `api.index:app` then. A folder that has a
    requirements file or a Dockerfile of its own is deployed by itself.
    """
    name = name_of(source, path)
    folder = name.app_dir
    if folder in (".", "src") or folder.endswith("/src"):
        return name
    inside = {one.partition(".")[0] for one, _ in source.imports(path)}
    if any(locate(source, one, folder) is not None for one in inside):
        return name
    while folder != "." and not any(join(folder, file) in source for file in _ROOT_FILES):
        folder = parent(folder)
    if folder == name.app_dir:
        return name
    above = PurePosixPath(name.app_dir).relative_to(folder).parts
    module = ".".join((*above, name.module))
    return ModuleName(app_dir=folder, module=module) if _MODULE.fullmatch(module) else name


def resolve(source: Source, path: str, attr: str) -> Named:
    """What `attr` is in a file, walked from there and nowhere else."""
    machine = Interpreter(source)
    scope = machine.run(path).scope
    value = _value(scope, attr)
    there = value is not None or bool(scope.stars) or machine.exhausted
    app = app_of(value)
    if app is None and isinstance(value, Function):
        made = app_of(machine.call(value))
        return Named(made, made is not None, there, value.required() if made else ())
    # A value that is known and no app is none; an unknown one may be.
    return Named(app, False, there and not isinstance(value, Const | Seq | Table | Class), ())


def app_thing(
    source: Source, path: str, attr: str, factory: bool
) -> tuple[Thing | None, Interpreter]:
    """The object behind `attr`, all its routes registered, and the walk that found it."""
    machine = Interpreter(source, follow=lambda one: one == path or _registers(source, one))
    value = _value(machine.run(path).scope, attr)
    if factory and isinstance(value, Function):
        value = machine.call(value)
    app = app_of(value)
    return (app.thing if app is not None else None), machine


def _registers(source: Source, path: str) -> bool:
    """Whether a file may add to an app: it names a framework, or something of its routing."""
    return worth_walking(source, path) or source.mentions(path, _ROUTING)


def _value(scope: Scope, attr: str) -> Any:
    first, _, inner = attr.partition(".")
    value = scope.names.get(first)
    return Bound(value, inner) if inner and isinstance(value, Thing) else value


def _named(
    source: Source,
    machine: Interpreter,
    module: ModuleValue,
    returns: dict[ast.AST, App | None],
    misses: list[NearMiss],
) -> list[Candidate]:
    """The names of one module that are apps or factories."""
    found: list[Candidate] = []
    name = entry_name(source, module.path)
    if not _MODULE.fullmatch(name.module):
        return []  # no module name: nothing can import it
    for attr, value in list(module.scope.names.items()):
        app, origin = app_of(value), module.path
        factory = app is None and isinstance(value, Function)
        if app is not None:
            origin = app.place.file
        elif isinstance(value, Function):
            app, origin = _from_factory(machine, value, returns, misses), value.place.file
        elif isinstance(value, Thing):
            found += _attributes(name.module, name.app_dir, module.path, attr, value)
        if app is None:
            continue
        found.append(Candidate(
            framework=app.framework.id, module=name.module, attr=attr, factory=factory,
            app_dir=name.app_dir, path=module.path, file=app.place.file, line=app.place.line,
            routes=len(app.thing.calls) if app.thing is not None else 0,
            imported=origin != module.path, wraps=app.wraps,
        ))  # fmt: skip
    return found


def _unparsed(source: Source, path: str) -> Iterator[Candidate]:
    """App objects of a file in another Python, told by the look of the line."""
    text, name = source.read_text(path) or "", entry_name(source, path)
    for found in _LOOKS_LIKE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        framework = next(one for m, one in makers().items() if m.endswith("." + found["maker"]))
        yield Candidate(
            framework=framework.id, module=name.module, attr=found["attr"], factory=False,
            app_dir=name.app_dir, path=path, file=path, line=line, routes=0,
        )  # fmt: skip


def _attributes(
    module: str, app_dir: str, path: str, attr: str, value: Thing
) -> Iterator[Candidate]:
    """`app.server` of a Dash app and the like, where no name of the module holds it."""
    for made in made_by(value):
        for inner in ("server", "app"):
            framework = makers().get(f"{made}.{inner}")
            if framework is not None and framework.interface == "asgi":
                yield Candidate(
                    framework=framework.id, module=module, attr=f"{attr}.{inner}", factory=False,
                    app_dir=app_dir, path=path, file=value.made.place.file,
                    line=value.made.place.line, routes=len(value.calls),
                )  # fmt: skip


def _from_factory(
    machine: Interpreter,
    function: Function,
    returns: dict[ast.AST, App | None],
    misses: list[NearMiss],
) -> App | None:
    """The app a function returns when it is called without arguments."""
    if function.node not in returns:
        worth = _looks_like_factory(machine.source, function)
        returns[function.node] = app_of(machine.call(function)) if worth else None
    app = returns[function.node]
    if app is not None and function.required():
        needs = ", ".join(function.required())
        misses.append(NearMiss(
            file=function.place.file, line=function.place.line,
            reason=f"the factory {function.name}() needs arguments ({needs}): call it in a "
            f"wsgi.py, like `app = {function.name}(...)`",
        ))  # fmt: skip
        return None
    return app


def _looks_like_factory(source: Source, function: Function) -> bool:
    """Whether it is worth walking: most functions of an app make no app."""
    if isinstance(function.node, ast.AsyncFunctionDef | ast.Lambda):
        return False
    named = bool(_FACTORY_LIKE.search(function.name))
    if not named and not source.mentions(function.place.file, _MAKER_NAMES):
        return False
    inside = list(ast.walk(function.node))
    if not any(isinstance(node, ast.Return) and node.value for node in inside):
        return False
    return named or any(
        (getattr(node, "id", "") or getattr(node, "attr", "")) in _MAKER_NAMES
        for node in inside
        if isinstance(node, ast.Name | ast.Attribute)
    )


def _unreachable(source: Source, made: set[tuple[str, int]]) -> list[NearMiss]:
    """`Flask(...)` that no name of a module leads to, and files that cannot be parsed."""
    misses: list[NearMiss] = []
    for path in source.python_files:
        if not source.mentions(path, _MAKER_NAMES):
            continue
        for node in source.nodes_of(path, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in _MAKER_NAMES:
                continue
            if (path, node.lineno) in made:
                continue
            title = next(one.title for m, one in makers().items() if m.endswith("." + name))
            reason = (
                f"a {title} app in test, documentation or example code is not looked at"
                if beside(path)
                else f"no name of the module leads to this {title} app: make it at module level, "
                "or return it from a function that needs no arguments"
            )
            misses.append(NearMiss(file=path, line=node.lineno, reason=reason))
    for skip in source.skipped:
        if skip.path.endswith(".py") and not beside(skip.path):
            misses.append(NearMiss(file=skip.path, line=0, reason=f"not read: {skip.reason}"))
    return misses


_GENERIC = frozenset({"app", "server", "App", "Application", "API", "Service", "default_app"})
_LAST_NAMES = {name.rpartition(".")[2].partition("[")[0]: one for name, one in makers().items()}
# What the text of a file has to hold to make an app: the maker's name, or the package's where
# the maker is called just App.
_WORDS = frozenset(
    [name for name in _LAST_NAMES if name not in _GENERIC]
    + [p for m, one in makers().items() if m.rpartition(".")[2] in _GENERIC for p in one.imports]
    + ["start_response", "receive,", "receive:"]
)
_ROUTING = frozenset(
    [package for one in frameworks().values() for package in one.imports]
    + ["route", "Route", "Blueprint", "register", "mount", "urlpatterns", "include", "add_", "@"]
    + ["rest_framework", "ninja", "flask_", "Resource", "ViewSet", "Controller", "settings"]
)
_MAKER_NAMES = frozenset(
    name for name, one in _LAST_NAMES.items() if one.interface != "command" and name not in _GENERIC
)
