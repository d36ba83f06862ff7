"""What the interpreter knows of the things a program makes. Unknown stays unknown."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file of the app."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything at all."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Const:
    """A constant: text, bytes, number, boolean or none."""

    value: Any


@dataclass(frozen=True, slots=True)
class Seq:
    """A list, tuple or set of known length."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A dict with constant keys."""

    items: dict[Any, Any]


@dataclass(frozen=True, slots=True)
class External:
    """Something that is not in the app's source, by its dotted name: `flask.Flask`."""

    name: str


@dataclass(eq=False, slots=True)
class Scope:
    """Names of a module, a function call or a class body, and where the others are looked up.

    `stars` are the modules from outside the app of which every name was imported.
    """

    file: str
    names: dict[str, Any] = field(default_factory=dict)
    outer: Scope | None = None
    shared: frozenset[str] = frozenset()
    module: Scope | None = None
    stars: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class ModuleValue:
    """A module of the app; `path` is empty for a folder without `__init__.py`."""

    path: str
    folder: str
    scope: Scope


@dataclass(eq=False, slots=True)
class Function:
    """A function of the app, with the scope it was defined in; `owner` is a method's object.

    `decorators` are the values of what stands above it, in the order of the lines.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    place: Place
    owner: Any = None
    decorators: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The function's name; a lambda has one too."""
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name

    def required(self) -> tuple[str, ...]:
        """The parameters without a default."""
        args = self.node.args
        positional = [*args.posonlyargs, *args.args]
        plain = positional[: len(positional) - len(args.defaults)]
        named = [a for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if d is None]
        return tuple(a.arg for a in (*plain, *named))


@dataclass(eq=False, slots=True)
class Class:
    """A class of the app."""

    name: str
    bases: tuple[Any, ...]
    scope: Scope
    place: Place
    decorators: tuple[Any, ...] = ()

    def lineage(self) -> list[Class]:
        """The class and those of its bases that are the app's own."""
        found: list[Class] = []
        waiting: list[Any] = [self]
        while waiting and len(found) < 50:
            one = waiting.pop(0)
            if isinstance(one, Class) and one not in found:
                found.append(one)
                waiting.extend(one.bases[:50])
        return found

    def externals(self) -> list[str]:
        """The bases from outside the app, nearest first."""
        bases = (base for one in self.lineage() for base in one.bases)
        return [base.name for base in bases if isinstance(base, External)]

    def find(self, name: str) -> Any:
        """An attribute of the class or its bases."""
        for one in self.lineage():
            if name in one.scope.names:
                return one.scope.names[name]
        return UNKNOWN


@dataclass(eq=False, slots=True)
class Call:
    """A call of a method of a thing: `app.route("/", methods=["GET"])`.

    `decorated` is what the result of the call was applied to as a decorator, `result` the thing
    it returned, once something was done with that.
    """

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: Place
    decorated: Any = None
    result: Thing | None = None

    def argument(self, position: int, name: str) -> Any:
        """An argument by position or name; none when it is not given."""
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if position < len(self.args) else None


@dataclass(eq=False, slots=True)
class Thing:
    """What calling something from outside the app, or a class on top of it, made.

    `made_by` is the dotted name of what was called, `calls` what was done to it, in order, and
    `users` the things that it was given to: the `Api` of `Api(app)` and of `api.init_app(app)`.
    """

    made_by: str
    made: Call
    kind: Class | None = None
    calls: list[Call] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    users: list[Thing] | None = None

    def is_a(self, names: frozenset[str]) -> bool:
        """Whether one of these makes it, directly or as a base of its class."""
        return self.made_by in names or bool(
            self.kind and names.intersection(self.kind.externals())
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """An attribute of a thing, or of a constant, that was not called yet."""

    owner: Any
    name: str


def text(value: Any) -> str | None:
    """The text a value stands for, none when it is no constant text."""
    if isinstance(value, Const) and isinstance(value.value, str):
        return value.value
    return None


def known(value: Any) -> bool:
    """Whether anything is known of a value."""
    return value is not None and not isinstance(value, Unknown)
