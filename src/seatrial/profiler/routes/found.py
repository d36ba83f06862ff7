"""Found: the routes of one app while they are read, with what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact, Proof, Route
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Call, Class, Const, Function, Place, Seq, Thing, text
from seatrial.profiler.rules import fact

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
WEBSOCKET = ("WEBSOCKET",)
VERBS = {name.lower(): name for name in METHODS}
ROUTES_MAX = 5_000
NESTED_MAX = 16
VISITS_MAX = 20_000
FACTS_MAX = 200


class Routes(Value):
    """The routes in the order of their registration, and what could not be read."""

    routes: tuple[Route, ...]
    facts: tuple[Fact, ...] = ()


@dataclass
class Found:
    """What a reader has found so far; `framework` names the proof's rule: `flask.route`."""

    framework: str
    routes: list[Route] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    visits: int = 0
    _full: bool = False

    def add(self, path: str, methods: Sequence[str], endpoint: str, place: Place) -> None:
        """One route, unless there are too many already."""
        if len(self.routes) >= ROUTES_MAX:
            if not self._full:
                self._full = True
                self.unread("routes", f"more than {ROUTES_MAX:,} routes", place)
            return
        proof = Proof(
            kind="source", rule=f"{self.framework}.route", file=place.file, line=place.line
        )
        self.routes.append(Route(path=path, methods=tuple(methods), endpoint=endpoint, proof=proof))

    def unread(self, subject: str, why: str, place: Place) -> None:
        """Something that adds routes and cannot be read."""
        if len(self.facts) < FACTS_MAX:
            told = fact("routes.unread", subject, why, file=place.file, line=place.line)
            self.facts.append(told)

    def enter(self, what: str, deep: int, place: Place) -> bool:
        """Whether one more group of routes may be gone into; hostile nesting has an end."""
        self.visits += 1
        if deep <= 0:
            self.unread(what, f"nested more than {NESTED_MAX} deep", place)
        return deep > 0 and self.visits < VISITS_MAX

    def result(self) -> Routes:
        """The routes, each path and method once, the first one kept."""
        unique: dict[tuple[str, tuple[str, ...]], Route] = {}
        for route in self.routes:
            unique.setdefault((route.path, route.methods), route)
        return Routes(routes=tuple(unique.values()), facts=tuple(self.facts))


def join(prefix: str, path: str) -> str:
    """A path below a prefix, with one slash between them and one before."""
    both = f"{prefix.rstrip('/')}/{path.lstrip('/')}" if path else prefix
    return both if both.startswith("/") else f"/{both}"


def given(value: Any) -> Any:
    """An argument, none where None was passed."""
    return None if value == Const(None) else value


def prefix_of(found: Found, value: Any, place: Place) -> str | None:
    """The text of a prefix argument, '' when there is none; none, and told, if not constant."""
    if given(value) is None:
        return ""
    known = text(value)
    if known is None:
        found.unread("prefix", "a prefix that is not constant", place)
    return known


def listed(value: Any) -> tuple[str, ...]:
    """The texts of a list, or the one text."""
    if isinstance(value, Seq):
        return tuple(one for one in map(text, value.items) if one is not None)
    one = text(value)
    return () if one is None else (one,)


def methods_given(value: Any) -> tuple[str, ...]:
    """HTTP methods written as a list or one text, in the usual order; () when there are none."""
    named = {name.upper() for name in listed(value)}
    return tuple(method for method in METHODS if method in named)


def methods_of(view: Class, before: str = "", after: str = "") -> tuple[str, ...]:
    """The methods a view class answers, by the names of its own functions."""
    own = {name for one in view.lineage() for name in one.scope.names}
    return tuple(m for m in METHODS if f"{before}{m.lower()}{after}" in own)


def name_of(view: Any) -> str:
    """The name of a function or class; '' for anything else."""
    if isinstance(view, Function | Class):
        return view.name
    return view.kind.name if isinstance(view, Thing) and view.kind is not None else ""


def decorations(machine: Interpreter, names: frozenset[str]) -> Iterator[tuple[Any, Call]]:
    """The functions and classes at the top of modules that stand below one of these decorators."""
    for value in own_values(machine):
        if isinstance(value, Function | Class):
            for decorator in value.decorators:
                if isinstance(decorator, Thing) and decorator.made_by in names:
                    yield value, decorator.made


def own_values(machine: Interpreter) -> Iterator[Any]:
    """What the walked modules hold at their top, each once, in the order of the walk."""
    seen: set[int] = set()
    for module in list(machine.modules.values()):
        for value in list(module.scope.names.values()):
            if isinstance(value, Function | Class | Thing) and id(value) not in seen:
                seen.add(id(value))
                yield value


def made_here(machine: Interpreter, path: str, makers: frozenset[str]) -> Thing | None:
    """The app object of a script: a name of the file, or what one of its functions returns."""
    scope = machine.run(path).scope
    values = list(scope.names.values())
    for value in values:
        if isinstance(value, Thing) and value.is_a(makers):
            return value
    for value in values:
        if isinstance(value, Function) and value.place.file == path and not value.required():
            made = machine.call(value)
            if isinstance(made, Thing) and made.is_a(makers):
                return made
    return None
