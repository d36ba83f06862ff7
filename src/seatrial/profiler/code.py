"""The functions of a component: which answer requests, and what they may come to call.

Names are followed through imports, classes and the types of objects inside the app; a method of
an object of unknown class is followed only when its name is long and the app has it once. What
cannot be followed is left out, so a call graph tells too little rather than too much.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property

from seatrial.profiler.handling import Handling
from seatrial.profiler.meanings import Held, Symbol, Thing
from seatrial.profiler.reach import FunctionNode, aliases, dotted
from seatrial.profiler.scopes import Def, File, Klass
from seatrial.profiler.source import KEPT_PYTHON_BYTES, Source
from seatrial.profiler.starting import Start, starts
from seatrial.profiler.symbols import Symbols

__all__ = ["SCRIPTS", "Code", "Def", "Held", "Klass", "Start", "Thing", "walk"]

SCRIPTS = frozenset({"streamlit", "panel"})
"""Frameworks that run the whole file for every interaction, or for every visitor."""

# What is handed to these runs later, and not on behalf of who asked.
_LATER = frozenset({
    "delay", "apply_async", "enqueue", "enqueue_in", "enqueue_at", "enqueue_call", "enqueue_job",
    "send_task", "async_task", "add_job", "send_with_options", "defer", "defer_async",
    "add_url_rule", "add_api_route", "add_route", "register_error_handler", "do",
})  # fmt: skip
_METHOD_CHARS_MIN = 8
PROTOCOLS_MAX = 100
_PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})


class Code:
    """The functions of some files of an app."""

    def __init__(self, source: Source, paths: Sequence[str], framework: str = "") -> None:
        self.source = source
        self.paths = tuple(paths)
        self.framework = framework
        self.symbols = _symbols(source)
        self.handling = Handling(self.symbols, self.paths)
        self._aliases: dict[str, dict[str, str]] = {}
        self._callees: dict[Def, tuple[Def, ...]] = {}

    def full_name(self, path: str, node: ast.AST) -> str:
        """The dotted name of an expression in a file, with import aliases undone."""
        if path not in self._aliases:
            self._aliases[path] = aliases(self.source, path)
        first, dot, rest = dotted(node).partition(".")
        return self._aliases[path].get(first, first) + dot + rest

    def file(self, path: str) -> File:
        """The nodes of a file by type, and its functions by line."""
        return self.symbols.file(path)

    def meaning(self, path: str, node: ast.expr) -> str:
        """What an expression is by its name outside the app, '' when that cannot be told.

        `redis.Redis(host).get` and `db.get` with `db = redis.Redis(host)` in another module are
        both `redis.Redis().get`.
        """
        found = self.resolve(path, node)
        return found if isinstance(found, str) else ""

    def resolve(self, path: str, node: ast.expr) -> Symbol:
        """What an expression stands for at its place in a file."""
        return self.symbols.resolve(path, self.file(path).scope(node), node)

    @cached_property
    def defs(self) -> tuple[Def, ...]:
        """Every function and method, in the order of the files and lines."""
        return tuple(one for path in sorted(set(self.paths)) for one in self.file(path).defs)

    @cached_property
    def handlers(self) -> tuple[Def, ...]:
        """What answers requests or events: somebody waits until it returns."""
        found = self.handling.told.handlers
        listed = [one for one in self.defs if one in found]
        return (*listed, *self.scripts)

    @cached_property
    def scripts(self) -> tuple[Def, ...]:
        """The files that the framework runs for each interaction: no other file imports them."""
        if self.framework not in SCRIPTS:
            return ()
        imported = {
            located
            for path in self.paths
            for node in self.file(path).of(ast.Import, ast.ImportFrom)
            for located in self.symbols.imports(path, node)
            if located != path
        }
        found: list[Def] = []
        for path in self.paths:
            page = "pages/" in path or path.startswith("pages/")
            tree = self.source.tree(path)
            if tree is None or (path in imported and not page) or path.endswith("__init__.py"):
                continue
            if self.framework in self.handling.packages(path):
                found.append(Def(path, "", tree))
        return tuple(found)

    @cached_property
    def tasks(self) -> tuple[Def, ...]:
        """What a worker or scheduler runs in the background."""
        found = self.handling.told.tasks
        return tuple(one for one in self.defs if one in found)

    @cached_property
    def jobs(self) -> tuple[Def, ...]:
        """Those of the tasks that run by the clock in the process that set them up."""
        found = self.handling.told.jobs
        return tuple(one for one in self.defs if one in found)

    @cached_property
    def starts(self) -> tuple[Start, ...]:
        """The threads, timers and asyncio tasks that the app starts."""
        return starts(self.symbols, self.paths)

    @cached_property
    def serving(self) -> dict[Def, Def]:
        """Every function that a handler may come to run, with the first such handler."""
        return self.reached(self.handlers)

    @cached_property
    def background(self) -> dict[Def, Def]:
        """Every function that a thread, a timer or a job of this process may come to run."""
        targets = [start.target for start in self.starts if start.target is not None]
        return self.reached(tuple(dict.fromkeys([*self.jobs, *targets])))

    @cached_property
    def working(self) -> dict[Def, Def]:
        """Every function that a task of a worker may come to run."""
        jobs = set(self.jobs)
        return self.reached([one for one in self.tasks if one not in jobs])

    def reached(self, starts: Sequence[Def]) -> dict[Def, Def]:
        """Every function that one of `starts` may come to run, with that one."""
        found: dict[Def, Def] = {start: start for start in starts}
        waiting = list(starts)
        for one in waiting:  # grows while it is gone through
            for callee in self.callees(one):
                if callee not in found:
                    found[callee] = found[one]
                    waiting.append(callee)
        return found

    def calls(self, one: Def) -> Iterator[ast.Call]:
        """The calls in a function, those in functions inside it included, unless these answer
        requests or run as tasks by themselves."""
        file = self.file(one.path)
        known = self._known(one)
        if known is None and not isinstance(one.node, ast.Module):
            return
        waiting = [known]
        while waiting:
            inner = waiting.pop()
            yield from file.inside(inner, ast.Call)
            if inner is not None:
                waiting += [d for d in file.children.get(inner, ()) if d not in self._entered]

    def callees(self, one: Def) -> tuple[Def, ...]:
        """The functions of the app that a function may call, or hands to others to be called.

        A function inside it is one of them when it is used by name.
        """
        known = self._known(one)
        if known is None:
            return tuple(self._called_by(one.path, None))
        if known not in self._callees:
            self._callees[known] = tuple(dict.fromkeys(self._called_by(one.path, known)))
        return self._callees[known]

    @cached_property
    def _entered(self) -> frozenset[Def]:
        return frozenset((*self.handlers, *self.tasks))

    def _known(self, one: Def) -> Def | None:
        """The same function as the file lists it; none for the top of the file."""
        if not isinstance(one.node, ast.Module):
            return one
        return self._bodies.get(id(one.node.body))

    @cached_property
    def _bodies(self) -> dict[int, Def]:
        return {id(one.node.body): one for one in self.defs}

    def _called_by(self, path: str, one: Def | None) -> Iterator[Def]:
        file = self.file(path)
        for call in file.inside(one, ast.Call):
            yield from self._callee(path, one, call)
        for given in file.inside(one, ast.Return):
            if isinstance(given.value, ast.Name | ast.Attribute):
                found = self.symbols.resolve(path, one, given.value)
                if isinstance(found, Def):
                    yield found
        if one is None:
            return
        for decorator in one.decorators:
            func = decorator.func if isinstance(decorator, ast.Call) else decorator
            found = self.symbols.resolve(path, one.klass or one.parent, func)
            if isinstance(found, Def):
                yield found
            for inner in ast.walk(decorator) if isinstance(decorator, ast.Call) else ():
                if isinstance(inner, ast.Call) and dotted(inner.func).endswith("Depends"):
                    yield from self._callee(path, one.klass or one.parent, inner)

    def _callee(self, path: str, scope: Def | Klass | None, call: ast.Call) -> Iterator[Def]:
        func = call.func
        found = self.symbols.resolve(path, scope, func)
        if isinstance(found, Def):
            yield found
            if isinstance(func, ast.Attribute) and found.klass is not None:
                yield from self._overrides(path, scope, func)
        elif isinstance(found, Klass):
            yield from self._made(found)
        elif isinstance(found, Thing):
            method = self.symbols.of_object(found, "__call__")
            if isinstance(method, Def):
                yield method
        elif found is None and isinstance(func, ast.Attribute):
            yield from self._by_name(path, scope, func)
        elif found is None and not isinstance(func, ast.Name):
            yield from self._in_table(path, scope, func)
        if isinstance(func, ast.Attribute) and func.attr in _LATER:
            return
        defined = self.handling.defined
        for given in (*call.args, *(keyword.value for keyword in call.keywords)):
            name = (
                given.id if isinstance(given, ast.Name)
                else given.attr if isinstance(given, ast.Attribute) else ""
            )  # fmt: skip
            if name in defined:
                held = self.symbols.resolve(path, scope, given)
                if isinstance(held, Def):
                    yield held

    def _in_table(self, path: str, scope: Def | Klass | None, func: ast.expr) -> Iterator[Def]:
        """All functions of a table that one is picked from: `TOOLS[name](...)`."""
        if isinstance(func, ast.Call) and isinstance(func.func, ast.Attribute):
            table = func.func.value if func.func.attr == "get" else None
        else:
            table = func.value if isinstance(func, ast.Subscript) else None
        held = self.symbols.resolve(path, scope, table)
        if isinstance(held, Held) and isinstance(held.node, ast.Dict):
            for value in held.node.values:
                found = self.symbols.resolve(held.path, None, value)
                if isinstance(found, Def):
                    yield found
                elif isinstance(found, Klass):
                    yield from self._made(found)

    def _made(self, klass: Klass) -> Iterator[Def]:
        for name in ("__init__", "__post_init__", "__new__"):
            method = self.symbols.of_class(klass, name)
            if isinstance(method, Def):
                yield method

    def _overrides(
        self, path: str, scope: Def | Klass | None, func: ast.Attribute
    ) -> Iterator[Def]:
        """The same method of the classes derived from an object's, which it may be one of."""
        held = self.symbols.resolve(path, scope, func.value)
        if not isinstance(held, Thing) or held.exact:
            return
        waiting, seen = [held.klass], {held.klass}
        while waiting:
            for below in self._derived.get(waiting.pop(), ()):
                if below not in seen:
                    seen.add(below)
                    waiting.append(below)
                    for bound in self.file(below.path).names(below).get(func.attr, ()):
                        if isinstance(bound.what, Def):
                            yield bound.what

    @cached_property
    def _derived(self) -> dict[Klass, list[Klass]]:
        found: dict[Klass, list[Klass]] = {}
        for path in self.paths:
            for klass in self.file(path).klasses:
                for base in self.symbols.bases(klass):
                    if isinstance(base, Klass):
                        found.setdefault(base, []).append(klass)
        for protocol, kinds in self._fitting():
            found.setdefault(protocol, []).extend(kinds)
        return found

    def _fitting(self) -> Iterator[tuple[Klass, list[Klass]]]:
        """The classes that have all methods of a Protocol, without being derived from it."""
        every = [klass for path in self.paths for klass in self.file(path).klasses]
        protocols = [
            klass for klass in every
            if klass.node.bases and _PROTOCOLS & {*self.symbols.bases(klass)}
        ]  # fmt: skip
        methods = {klass: self._methods(klass) for klass in every if protocols}
        for protocol in protocols[:PROTOCOLS_MAX]:
            asked = methods[protocol]
            if asked:
                yield protocol, [
                    klass for klass in every
                    if klass is not protocol and klass not in protocols and asked <= methods[klass]
                ]  # fmt: skip

    def _methods(self, klass: Klass) -> frozenset[str]:
        names = self.file(klass.path).names(klass)
        return frozenset(
            name for name, bound in names.items() if any(isinstance(b.what, Def) for b in bound)
        )

    def _by_name(self, path: str, scope: Def | Klass | None, func: ast.Attribute) -> Iterator[Def]:
        """The only method of a telling name, on an object of which nothing else is known."""
        named = self._by_method.get(func.attr, ())
        telling = len(func.attr) >= _METHOD_CHARS_MIN and "_" in func.attr.strip("_")
        if len(named) != 1 or not telling or func.attr.startswith("__"):
            return
        if self.symbols.resolve(path, scope, func.value) is None:
            yield named[0]

    @cached_property
    def _by_method(self) -> dict[str, list[Def]]:
        found: dict[str, list[Def]] = {}
        for one in self.defs:
            if one.owner is not None:
                found.setdefault(one.name, []).append(one)
        return found


def _symbols(source: Source) -> Symbols:
    """The same for the components of an app, which share most files, until it holds too much."""
    kept = source.memo.setdefault("code.symbols", {})
    if "all" not in kept or kept["all"].size_bytes > KEPT_PYTHON_BYTES:
        kept["all"] = Symbols(source)
    symbols: Symbols = kept["all"]
    return symbols


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below `node`; of a module only what runs with it, not its functions' bodies."""
    waiting: list[ast.AST] = [node]
    module = isinstance(node, ast.Module)
    while waiting:
        one = waiting.pop()
        yield one
        if module and isinstance(one, FunctionNode | ast.Lambda):
            continue
        waiting.extend(ast.iter_child_nodes(one))
