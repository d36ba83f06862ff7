"""Which functions of an app answer requests and events, and which run in the background."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import NamedTuple

from seatrial.profiler.meanings import Thing
from seatrial.profiler.reach import dotted, last
from seatrial.profiler.scopes import Def, File, Klass
from seatrial.profiler.symbols import Symbols

# Packages with many extensions that hand on the same decorators.
_FAMILIES = (
    "flask", "quart", "sanic", "litestar", "aiohttp", "django", "gradio", "nicegui", "langchain",
    "llama_index", "autogen",
)  # fmt: skip
# What a class derived from a view has to be called for its methods to answer.
_VIEWS = (
    "View", "MethodView", "APIView", "ViewSet", "Handler", "Resource", "HTTPEndpoint", "Consumer",
    "WebSocketEndpoint", "HTTPMethodView", "Endpoint", "Middleware", "MiddlewareMixin", "Namespace",
    "Admin", "Serializer", "Form", "Cog", "LitAPI", "AdminIndexView",
)  # fmt: skip
_VERBS = frozenset({
    "get", "post", "put", "patch", "delete", "head", "options", "dispatch", "dispatch_request",
    "prepare", "open", "list", "create", "retrieve", "update", "partial_update", "destroy",
    "form_valid", "form_invalid", "save_model", "delete_model", "__call__", "setup", "finalize",
    "process_request", "process_response", "process_view", "process_exception", "validate",
    "to_representation", "save", "clean", "has_permission", "has_object_permission",
    "data_received", "predict", "decode_request", "encode_response", "connect", "disconnect",
    "receive", "receive_json", "websocket_connect", "websocket_receive", "websocket_disconnect",
    "is_accessible",
})  # fmt: skip
_PREFIXES = ("get_", "perform_", "on_", "do_", "validate_", "clean_")
_EVERYTHING = ("Consumer", "Namespace")
_NO_VIEWS = ("logging.", "PyQt", "PySide", "tkinter.", "watchdog.", "html.parser", "pandas.",
             "xml.", "boto3", "torch.", "langchain", "pydantic")  # fmt: skip
_TOOLKITS = frozenset({"gradio", "nicegui", "streamlit", "panel", "flet", "solara", "mesop"})
_GIVEN = frozenset({
    "fn", "on_click", "on_change", "on_submit", "on_select", "on_upload", "on_value_change",
    "on_value", "callback", "handler", "on_dismiss",
})  # fmt: skip
_HANDING = ("registers", "enqueues", "schedules")
_GATES = ({"environ", "start_response"}, {"scope", "receive", "send"}, {"event", "context"})


class Table(NamedTuple):
    """data/handlers.toml, by name."""

    routes: frozenset[str]
    web: frozenset[str]
    never: frozenset[str]
    groups: dict[str, dict[str, frozenset[str]]]


@cache
def table() -> Table:
    """The names by which frameworks are told what answers."""
    text = (files("seatrial.profiler") / "data" / "handlers.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    groups: dict[str, dict[str, frozenset[str]]] = {}
    for key in ("decorators", "tasks", "jobs", "registers", "enqueues", "schedules"):
        names = groups.setdefault(key, {})
        for group in data[key]:
            for name in group["names"]:
                names[name] = names.get(name, frozenset()) | frozenset(group["packages"])
    return Table(
        frozenset(data["routes"]), frozenset(data["web"]), frozenset(data["never"]), groups
    )


class Told(NamedTuple):
    """`jobs` are those of the `tasks` that run by the clock in the process that set them up."""

    handlers: set[Def]
    tasks: set[Def]
    jobs: set[Def]


class Handling:
    """Asks the files of a component who answers."""

    def __init__(self, symbols: Symbols, paths: Sequence[str]) -> None:
        self.symbols = symbols
        self.paths = paths
        self._packages: dict[str, frozenset[str]] = {}
        self._presence: dict[frozenset[str], bool] = {}

    @cached_property
    def told(self) -> Told:
        """What answers, and what runs in the background; each file is gone through once."""
        told = Told(set(), set(), set())
        for path in self.paths:
            file = self.symbols.file(path)
            for one in file.defs:
                self._look_at(one, told)
            for klass in file.klasses:
                self._look_in(klass, told)
            toolkit = bool(self.packages(path) & _TOOLKITS)
            for name in self._handing & file.by_name.keys():
                for call in file.by_name[name]:
                    self._handed(file, call, name, told)
            for call in file.of(ast.Call) if toolkit else ():
                given = [k.value for k in call.keywords if k.arg in _GIVEN]
                told.handlers.update(self._given(file, call, given))
        told.handlers.difference_update(told.tasks)
        return told

    @cached_property
    def _handing(self) -> frozenset[str]:
        """The last names of all calls that are handed functions."""
        groups = table().groups
        names = {name for group in _HANDING for name in groups[group]}
        return frozenset(names | {"Depends", "Security"})

    @cached_property
    def defined(self) -> frozenset[str]:
        """The last names that a function or class of the app can have: others need no look-up."""
        names: set[str] = set()
        for path in self.paths:
            file = self.symbols.file(path)
            names.update(one.name for one in file.defs)
            names.update(klass.name for klass in file.klasses)
            for node in file.of(ast.ImportFrom):
                names.update(alias.asname for alias in node.names if alias.asname)
        return frozenset(names)

    def _look_at(self, one: Def, told: Told) -> None:
        """Whether the decorators or the parameters of a function say what calls it."""
        for decorator in one.decorators:
            if self._means(one, decorator, "jobs"):
                told.jobs.add(one)
                told.tasks.add(one)
            elif self._means(one, decorator, "tasks"):
                told.tasks.add(one)
            elif self._is_route(one, decorator) or self._means(one, decorator, "decorators"):
                told.handlers.add(one)
        if _is_gate(one):
            told.handlers.add(one)

    def _look_in(self, klass: Klass, told: Told) -> None:
        """Which methods of a class a framework calls."""
        told.handlers.update(self._methods(klass))
        bases = [base for base in self.symbols.ancestors(klass) if isinstance(base, str)]
        if "celery.Task" in bases or "celery.app.task.Task" in bases:
            told.tasks.update(self._named_methods(klass, frozenset({"run"})))
        for binding in self.symbols.file(klass.path).names(klass).get("functions", ()):
            # `class WorkerSettings: functions = [send_mail]` of arq.
            if isinstance(binding.what, ast.List | ast.Tuple) and klass.name.endswith("Settings"):
                named = (self.symbols.resolve(klass.path, klass, e) for e in binding.what.elts)
                told.tasks.update(one for one in named if isinstance(one, Def))

    def packages(self, path: str) -> frozenset[str]:
        """The outermost packages that a file imports by absolute names."""
        if path not in self._packages:
            names: set[str] = set()
            for node in self.symbols.file(path).of(ast.Import, ast.ImportFrom):
                if isinstance(node, ast.Import):
                    names.update(alias.name.split(".")[0] for alias in node.names)
                elif not node.level and node.module:
                    names.add(node.module.split(".")[0])
            self._packages[path] = frozenset(names)
        return self._packages[path]

    def _means(self, one: Def, decorator: ast.expr, group: str) -> bool:
        """Whether a decorator is one of a group of data/handlers.toml."""
        func = decorator.func if isinstance(decorator, ast.Call) else decorator
        wanted = table().groups[group].get(last(func))
        return wanted is not None and self._from(one.path, one.klass or one.parent, func, wanted)

    def _from(
        self, path: str, scope: Def | Klass | None, func: ast.expr, wanted: frozenset[str]
    ) -> bool:
        """Whether what is called comes from one of some packages; as far as that can be told."""
        meaning = self.symbols.resolve(path, scope, func)
        if isinstance(meaning, str):
            return _belongs(meaning, wanted)
        if meaning is not None or not isinstance(func, ast.Attribute):
            return False
        held = self.symbols.resolve(path, scope, func.value)
        if isinstance(held, Thing | Klass | Def):
            return False
        return any(_belongs(package, wanted) for package in self.packages(path))

    def _is_route(self, one: Def, decorator: ast.expr) -> bool:
        """`@x.get("/path")` of whatever frameworks have, and `@get("/path")` of Litestar."""
        func = decorator.func if isinstance(decorator, ast.Call) else decorator
        if last(func) not in table().routes:
            return False
        scope = one.klass or one.parent
        meaning = self.symbols.resolve(one.path, scope, func)
        if isinstance(meaning, str) and "." in meaning:
            if _belongs(meaning, table().web):
                return True
            if _belongs(meaning, table().never):
                return False
        elif meaning is not None or not isinstance(func, ast.Attribute):
            return False
        given = decorator.args[0] if isinstance(decorator, ast.Call) and decorator.args else None
        if isinstance(given, ast.Constant):
            return isinstance(given.value, str) and given.value.startswith("/")
        web = any(_belongs(package, table().web) for package in self.packages(one.path))
        return isinstance(decorator, ast.Call) and web and not isinstance(meaning, str)

    def _methods(self, klass: Klass) -> Iterator[Def]:
        """The methods of a view that its framework calls."""
        if not klass.node.bases:
            if _takes(self._init(klass), "get_response"):
                yield from self._named_methods(klass, _VERBS)
            return
        ancestors = list(self.symbols.ancestors(klass))
        outside = [base for base in ancestors if isinstance(base, str)]
        outside = outside or [dotted(base) for base in klass.node.bases]
        views = [one for one in outside if one.endswith(_VIEWS) and not one.startswith(_NO_VIEWS)]
        if not views:
            return
        everything = any(base.endswith(_EVERYTHING) for base in views)
        for one in (klass, *(base for base in ancestors if isinstance(base, Klass))):
            yield from self._named_methods(one, _VERBS, everything=everything)

    def _init(self, klass: Klass) -> Def | None:
        bound = self.symbols.file(klass.path).names(klass).get("__init__", [])
        return next((b.what for b in bound if isinstance(b.what, Def)), None)

    def _named_methods(
        self, klass: Klass, names: frozenset[str], *, everything: bool = False
    ) -> Iterator[Def]:
        for name, bound in self.symbols.file(klass.path).names(klass).items():
            public = everything and not name.startswith("_")
            if name in names or public or (names is _VERBS and name.startswith(_PREFIXES)):
                yield from (b.what for b in bound if isinstance(b.what, Def))

    def _handed(self, file: File, call: ast.Call, last: str, told: Told) -> None:
        """The functions that a call hands to a router, a queue, a clock or a toolkit."""
        if last in ("Depends", "Security") and file.at(call) is None and call.args:
            told.handlers.update(self._given(file, call, call.args[:1]))
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        for one in given[:20]:
            given += one.elts if isinstance(one, ast.List | ast.Tuple) else ()
        if last != "add_route":  # Falcon is handed objects
            given = [one for one in given if _tail(one) in self.defined]
        for group in _HANDING if given else ():
            wanted = table().groups[group].get(last)
            if (
                wanted is None
                or not self._present(wanted)
                or not self._from(file.path, file.scope(call), call.func, wanted)
            ):
                continue
            if group == "registers":
                meaning = self.symbols.resolve(file.path, file.scope(call), call.func)
                if isinstance(meaning, str) or last not in table().routes:
                    told.handlers.update(self._given(file, call, given))
                continue
            found = set(self._given(file, call, given))
            told.tasks.update(found)
            if group == "schedules":
                told.jobs.update(found)

    def _present(self, wanted: frozenset[str]) -> bool:
        """Whether any file imports one of some packages; most names are of one of many."""
        if wanted not in self._presence:
            self._presence[wanted] = any(
                _belongs(package, wanted)
                for package in {package for path in self.paths for package in self.packages(path)}
            )
        return self._presence[wanted]

    def _given(self, file: File, call: ast.Call, given: Sequence[ast.expr]) -> Iterator[Def]:
        """The functions among what a call is given, and the methods of classes among it."""
        for one in given:
            if isinstance(one, ast.Call) and last(one.func) == "as_view":
                one = one.func.value if isinstance(one.func, ast.Attribute) else one
            found = self.symbols.resolve(file.path, file.scope(call), one)
            if isinstance(found, Def) and not isinstance(one, ast.Call):
                yield found
            elif isinstance(found, Klass | Thing):
                klass = found.klass if isinstance(found, Thing) else found
                yield from self._named_methods(klass, _VERBS)


def _tail(given: ast.expr) -> str:
    """The last name of a function or class that is handed over: V of `V.as_view()` or `V()`."""
    if not isinstance(given, ast.Call):
        return last(given)
    func = given.func
    viewed = isinstance(func, ast.Attribute) and func.attr == "as_view"
    return last(func.value if viewed and isinstance(func, ast.Attribute) else func)


def _belongs(meaning: str, packages: frozenset[str]) -> bool:
    return _among(meaning.split(".")[0].removesuffix("()"), packages)


@lru_cache(maxsize=4096)
def _among(first: str, packages: frozenset[str]) -> bool:
    return first in packages or any(
        first.startswith(family) and family in packages for family in _FAMILIES
    )


def _takes(one: Def | None, name: str) -> bool:
    if one is None or isinstance(one.node, ast.Module):
        return False
    return any(arg.arg == name for arg in one.node.args.args[:2])


def _is_gate(one: Def) -> bool:
    """A WSGI or ASGI callable, a Lambda handler, or what Django's middleware function returns."""
    if isinstance(one.node, ast.Module):
        return False
    args = one.node.args.args
    if one.parent is not None and args and _takes(one.parent, "get_response"):
        return True
    return 2 <= len(args) <= 4 and {arg.arg for arg in args} - {"self"} in _GATES
