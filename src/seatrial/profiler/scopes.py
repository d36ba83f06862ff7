"""One file's syntax tree, sorted: its nodes by type, its functions and classes by line, and what
the names of each of them are bound to. Nothing is looked up here; `symbols` does that.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from seatrial.profiler.source import Source

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False, slots=True)
class Klass:
    """One class of the app; `parent` is the function, `outer` the class it stands in."""

    path: str
    name: str
    node: ast.ClassDef
    parent: Def | None = None
    outer: Klass | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Def:
    """One function of the app; a whole module where the framework runs that.

    `owner` is the class it is a method of, `parent` the function it stands in.
    """

    path: str
    name: str
    node: FunctionNode | ast.Module
    owner: ast.ClassDef | None = None
    parent: Def | None = None
    klass: Klass | None = None

    @property
    def line(self) -> int:
        """Where it begins."""
        return 1 if isinstance(self.node, ast.Module) else self.node.lineno

    @property
    def title(self) -> str:
        """How it is told: `upload()`, `Cart.add()`, or the file when it is a whole module."""
        if isinstance(self.node, ast.Module):
            return self.path
        return f"{self.owner.name}.{self.name}()" if self.owner else f"{self.name}()"

    @property
    def decorators(self) -> Sequence[ast.expr]:
        """Its decorators as written; none of a module."""
        return getattr(self.node, "decorator_list", ())


class Binding(NamedTuple):
    """One thing a name is bound to: a value or a type, evaluated inside `scope`, or an import."""

    how: Literal["value", "type", "import", "from", "def", "class", "unknown"]
    what: ast.expr | ast.alias | Def | Klass | None = None
    scope: Def | None = None
    module: ast.ImportFrom | None = None


Scope = Def | Klass | None
Names = dict[str, list[Binding]]
UNKNOWN = Binding("unknown")


class File:
    """The sorted tree of one file; of a file that cannot be parsed everything is empty."""

    def __init__(self, source: Source, path: str) -> None:
        self.path = path
        self._source = source
        self._nodes: dict[type[ast.AST], list[Any]] = {}
        self._names: dict[Scope, Names] = {}
        self._attributes: dict[Klass, Names] = {}
        self._inner: list[Scope] = []
        self._owned: dict[type[ast.AST], dict[Scope, list[Any]]] = {}
        self.defs, self.klasses = self._scopes()

    def of(self, *kinds: type[ast.AST]) -> list[Any]:
        """All nodes of some types."""
        if len(kinds) > 1:
            return [node for kind in kinds for node in self.of(kind)]
        if kinds[0] not in self._nodes:
            self._nodes[kinds[0]] = self._source.nodes_of(self.path, kinds[0])
        return self._nodes[kinds[0]]

    @cached_property
    def by_name(self) -> dict[str, list[ast.Call]]:
        """The calls by the last name of what they call."""
        found: dict[str, list[ast.Call]] = {}
        for call in self.of(ast.Call):
            func = call.func
            kind = func.__class__
            name = func.attr if kind is ast.Attribute else func.id if kind is ast.Name else ""
            if name in found:
                found[name].append(call)
            else:
                found[name] = [call]
        return found

    def calls(self, names: Collection[str]) -> list[ast.Call]:
        """The calls of what has one of some last names, in the order of the lines."""
        known = self.by_name
        found = [call for name in set(names) & known.keys() for call in known[name]]
        return sorted(found, key=lambda call: (call.lineno, call.col_offset))

    def at(self, node: ast.AST) -> Def | None:
        """The function that a node stands in; none at the top of the file."""
        scope = self.scope(node)
        return scope.parent if isinstance(scope, Klass) else scope

    def scope(self, node: ast.AST) -> Scope:
        """The function or class that a node stands in."""
        line: int = getattr(node, "lineno", 0)
        return self._inner[line] if line < len(self._inner) else None

    def inside(self, one: Def | None, *kinds: type[ast.AST]) -> Iterator[Any]:
        """The nodes of some types in a function, without those of functions inside it."""
        for kind in kinds:
            grouped = self._grouped(kind)
            yield from grouped.get(one, ())
            for klass in self._klasses_in.get(one, ()):
                yield from grouped.get(klass, ())

    def _grouped(self, kind: type[ast.AST]) -> dict[Scope, list[Any]]:
        """The nodes of a type by the function or class that they stand in."""
        if kind not in self._owned:
            inner, end = self._inner, len(self._inner)
            owned: dict[Scope, list[Any]] = {}
            for node in self.of(kind):
                line = getattr(node, "lineno", 0) or node.target.lineno  # of a comprehension
                scope = inner[line] if line < end else None
                if scope in owned:
                    owned[scope].append(node)
                else:
                    owned[scope] = [node]
            self._owned[kind] = owned
        return self._owned[kind]

    @cached_property
    def _klasses_in(self) -> dict[Def | None, list[Klass]]:
        found: dict[Def | None, list[Klass]] = defaultdict(list)
        for klass in self.klasses:
            found[klass.parent].append(klass)
        return found

    @cached_property
    def children(self) -> dict[Def, list[Def]]:
        """The functions that stand directly in a function."""
        found: dict[Def, list[Def]] = defaultdict(list)
        for one in self.defs:
            if one.parent is not None:
                found[one.parent].append(one)
        return found

    def _scopes(self) -> tuple[tuple[Def, ...], tuple[Klass, ...]]:
        """All functions and classes; paints each line with the innermost one."""
        nodes = sorted(
            self.of(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
            key=lambda node: node.lineno,
        )
        defs: list[Def] = []
        klasses: list[Klass] = []
        self._inner = [None] * (max((n.end_lineno or 0 for n in nodes), default=-1) + 1)
        for node in nodes:
            around = self._inner[node.lineno]
            parent = around.parent if isinstance(around, Klass) else around
            one: Def | Klass
            if isinstance(node, ast.ClassDef):
                outer = around if isinstance(around, Klass) else None
                one = Klass(self.path, node.name, node, parent, outer)
                klasses.append(one)
            else:
                klass = around if isinstance(around, Klass) else None
                owner = klass.node if klass else None
                one = Def(self.path, node.name, node, owner, parent, klass)
                defs.append(one)
            end = (node.end_lineno or node.lineno) + 1
            self._inner[node.lineno : end] = [one] * (end - node.lineno)
        return tuple(defs), tuple(klasses)

    def names(self, scope: Scope) -> Names:
        """What the names of a function or class are bound to; the top of the file is none."""
        if scope not in self._names:
            found: Names = defaultdict(list)
            self._definitions(scope, found)
            for node in self._grouped(ast.Import).get(scope, ()):
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    found[name].append(Binding("import", alias))
            for node in self._grouped(ast.ImportFrom).get(scope, ()):
                for alias in node.names:
                    bound = Binding("from", alias, None, node)
                    found[alias.asname or alias.name].append(bound)
            for target, binding in self._assigned(scope):
                if not isinstance(scope, Def) or target not in self._declared.get(scope, ()):
                    found[target].append(binding)
            if scope is None:
                for one, names in self._declared.items():
                    for target, binding in self._assigned(one):
                        if target in names:
                            found[target].append(binding)
            self._names[scope] = found
        return self._names[scope]

    def attributes(self, klass: Klass) -> Names:
        """What the methods of a class bind the attributes of `self` to."""
        if klass not in self._attributes:
            found: Names = defaultdict(list)
            for one in self._definitions_in.get(klass, ()):
                for target, binding in self._assigned(one) if isinstance(one, Def) else ():
                    if target.startswith("self."):
                        found[target.removeprefix("self.")].append(binding)
            self._attributes[klass] = found
        return self._attributes[klass]

    @cached_property
    def _definitions_in(self) -> dict[Scope, list[Def | Klass]]:
        found: dict[Scope, list[Def | Klass]] = defaultdict(list)
        for one in self.defs:
            found[one.klass or one.parent].append(one)
        for klass in self.klasses:
            found[klass.outer or klass.parent].append(klass)
        return found

    def _definitions(self, scope: Scope, found: Names) -> None:
        """The functions, classes and parameters of a scope."""
        for one in self._definitions_in.get(scope, ()):
            how: Literal["def", "class"] = "def" if isinstance(one, Def) else "class"
            found[one.name].append(Binding(how, one))
        if isinstance(scope, Def):
            for name, binding in _parameters(scope):
                found[name].append(binding)

    @cached_property
    def _declared(self) -> dict[Def, set[str]]:
        """The names that functions declare global."""
        found: dict[Def, set[str]] = defaultdict(set)
        for node in self.of(ast.Global):
            one = self.at(node)
            if one is not None:
                found[one].update(node.names)
        return found

    def globals_of(self, one: Def) -> set[str]:
        """The names that a function declares global."""
        return self._declared.get(one, set())

    def _assigned(self, scope: Scope) -> Iterator[tuple[str, Binding]]:
        """The names, `self.x` among them, that assignments, loops and the like bind."""
        one = scope.parent if isinstance(scope, Klass) else scope
        for assign in self._grouped(ast.Assign).get(scope, ()):
            for target in assign.targets:
                yield from _targets(target, Binding("value", assign.value, one))
        for typed in self._grouped(ast.AnnAssign).get(scope, ()):
            if typed.value is not None:
                yield from _targets(typed.target, Binding("value", typed.value, one))
            yield from _targets(typed.target, Binding("type", typed.annotation, one))
        for named in self._grouped(ast.NamedExpr).get(scope, ()):
            yield from _targets(named.target, Binding("value", named.value, one))
        for kind in (ast.With, ast.AsyncWith):
            for with_ in self._grouped(kind).get(scope, ()):
                for item in with_.items:
                    if item.optional_vars is not None:
                        bound = Binding("value", item.context_expr, one)
                        yield from _targets(item.optional_vars, bound)
        for loops in (ast.For, ast.AsyncFor, ast.comprehension):
            for loop in self._grouped(loops).get(scope, ()):
                yield from _targets(loop.target, UNKNOWN)
        for handler in self._grouped(ast.ExceptHandler).get(scope, ()):
            if handler.name:
                yield handler.name, UNKNOWN


def _targets(target: ast.expr, binding: Binding) -> Iterator[tuple[str, Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, binding
    elif isinstance(target, ast.Attribute):
        if isinstance(target.value, ast.Name) and target.value.id == "self":
            yield f"self.{target.attr}", binding
    elif isinstance(target, ast.Tuple | ast.List):
        given = binding.what if binding.how == "value" else None
        values = given.elts if isinstance(given, ast.Tuple | ast.List) else []
        plain = len(values) == len(target.elts) and not any(
            isinstance(one, ast.Starred) for one in (*values, *target.elts)
        )  # `a, b = x(), y()`
        for place, inner in enumerate(target.elts):
            bound = Binding("value", values[place], binding.scope) if plain else UNKNOWN
            yield from _targets(inner, bound)
    elif isinstance(target, ast.Starred):
        yield from _targets(target.value, UNKNOWN)


def _parameters(one: Def) -> Iterator[tuple[str, Binding]]:
    if isinstance(one.node, ast.Module):
        return
    args = one.node.args
    plain = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [*([None] * (len(plain) - len(args.defaults)))]
    defaults += args.defaults
    pairs: Iterable[tuple[ast.arg, ast.expr | None]] = [
        *zip(plain, defaults, strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]
    for arg, default in pairs:
        if arg.annotation is not None:
            yield arg.arg, Binding("type", arg.annotation, one.parent)
        if isinstance(default, ast.Call):
            yield arg.arg, Binding("value", default, one.parent)
        if arg.annotation is None and not isinstance(default, ast.Call):
            yield arg.arg, UNKNOWN
    for rest in (args.vararg, args.kwarg):
        if rest is not None:
            yield rest.arg, UNKNOWN
