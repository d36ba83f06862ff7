"""The calls that are made while somebody waits, each with what is called and from where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from seatrial.profiler.code import Code
from seatrial.profiler.detectors.index import index
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, last
from seatrial.profiler.scopes import Def

UNKNOWN_CLIENT = "openai.client()"
"""An OpenAI client of which nobody says whether it is the asynchronous one."""
_TELLING = frozenset({"chat.completions.create", "chat.completions.parse"})
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp,
          ast.GeneratorExp)  # fmt: skip
_APART = frozenset({"thread", "process", "timer", "pool", "after the response"})
_COMMAND_LINE = ("click", "typer", "flask.cli", "flask_script")


@dataclass(frozen=True, eq=False)
class Site:
    """One call in a function that a handler may come to run. Costs nothing until it is asked."""

    code: Code
    call: ast.Call
    one: Def
    handler: Def

    @property
    def path(self) -> str:
        """The file that it stands in."""
        return self.one.path

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.call.lineno

    @property
    def name(self) -> str:
        """The last name of what is called."""
        return last(self.call.func)

    @cached_property
    def origin(self) -> str:
        """What is called, by where it comes from."""
        origin = origin_of(self.code, self.path, self.call.func)
        if origin or not isinstance(self.call.func, ast.Attribute):
            return origin
        # No other library has this name, so an object that was handed over is known by it.
        tail = ".".join(_end(self.call.func, 3))
        return f"{UNKNOWN_CLIENT}.{tail}" if tail in _TELLING else ""

    @property
    def tail(self) -> str:
        """What is called on the object that was made last: `chat.completions.create`."""
        return self.origin.rpartition("()")[2].lstrip(".")

    @cached_property
    def function(self) -> Def | None:
        """The innermost function around it."""
        return self.code.file(self.path).at(self.call)

    @cached_property
    def around(self) -> tuple[ast.AST, ...]:
        """What it stands in inside that function, the nearest first."""
        root = self.function or self.one
        above = _parents(self.code, root)
        found: list[ast.AST] = []
        node: ast.AST | None = above.get(id(self.call))
        while node is not None and node is not root.node:
            found.append(node)
            node = above.get(id(node))
        return tuple(found)

    @property
    def awaited(self) -> bool:
        """Whether its result is waited for without holding the thread."""
        above = self.around[0] if self.around else None
        if isinstance(above, ast.withitem):
            return isinstance(self.around[1], ast.AsyncWith)
        if isinstance(above, ast.comprehension):
            return bool(above.is_async) and self.call is above.iter
        return isinstance(above, ast.Await) or (
            isinstance(above, ast.AsyncFor) and self.call is above.iter
        )

    @property
    def looped(self) -> bool:
        """Whether it stands in a loop."""
        below: ast.AST = self.call
        for node in self.around:
            if isinstance(node, _LOOPS) and below is not getattr(node, "iter", None):
                return True
            below = node
        return False

    @property
    def inline(self) -> bool:
        """Whether the function makes it itself, and not a plain function or lambda inside it."""
        lambdas = index(self.code.source, self.path).of(ast.Lambda)
        if lambdas and any(isinstance(node, ast.Lambda) for node in self.around):
            return False
        inner = self.function
        while inner is not None and inner.line != self.one.line:
            if not isinstance(inner.node, ast.AsyncFunctionDef):
                return False
            inner = inner.parent
        return True

    @property
    def on_loop(self) -> bool:
        """Whether an asynchronous function makes it."""
        return self.function is not None and isinstance(self.function.node, ast.AsyncFunctionDef)

    @property
    def where(self) -> str:
        """Which handler makes it, in words."""
        handler = f"{self.handler.name}()" if self.handler.name else "the script"
        if self.one is self.handler or not self.one.name:
            return f"in {handler}"
        return f"in {self.one.name}(), reached from {handler}"


class _Survey:
    """What the detectors share about one component."""

    def __init__(self, part: Part) -> None:
        code = part.code
        self.handlers = tuple(one for one in code.handlers if not _is_command(part, one))
        self.serving = _reached(part, self.handlers)
        self.sites = collect(part, self.serving)


# Sites hold the code and not the part, or nothing here would ever be let go.
_SURVEYS: WeakKeyDictionary[Part, _Survey] = WeakKeyDictionary()


def _survey(part: Part) -> _Survey:
    if part not in _SURVEYS:
        _SURVEYS[part] = _Survey(part)
    return _SURVEYS[part]


def _reached(part: Part, starts: tuple[Def, ...]) -> dict[Def, Def]:
    """Every function that a handler may come to run while somebody waits: what it hands to a
    thread is left out."""
    apart = {start.target for start in part.code.starts if start.how in _APART} - set(starts)
    found: dict[Def, Def] = {start: start for start in starts}
    waiting = list(starts)
    for one in waiting:  # grows while it is gone through
        for callee in part.code.callees(one):
            if callee not in found and callee not in apart:
                found[callee] = found[one]
                waiting.append(callee)
    return found


def handlers(part: Part) -> tuple[Def, ...]:
    """What answers requests or events; the commands of a command line are none."""
    return _survey(part).handlers


def serving(part: Part) -> dict[Def, Def]:
    """Every function that a handler may come to run, with that handler."""
    return _survey(part).serving


def sites(part: Part) -> tuple[Site, ...]:
    """The calls in all functions that answer requests, in the order of files and lines."""
    return _survey(part).sites


def collect(part: Part, defs: dict[Def, Def]) -> tuple[Site, ...]:
    """The calls in `defs`, each once."""
    found: list[Site] = []
    seen: set[int] = set()
    for one, handler in sorted(defs.items(), key=lambda pair: (pair[0].path, pair[0].line)):
        for call in calls_in(part, one):
            if id(call) not in seen:  # the files hold their nodes
                seen.add(id(call))
                found.append(Site(part.code, call, one, handler))
    return tuple(sorted(found, key=lambda site: (site.path, site.line)))


def calls_in(part: Part, one: Def) -> Iterator[ast.Call]:
    """The calls of a function, those of functions inside it too; of a file its top only."""
    file = part.code.file(one.path)
    if isinstance(one.node, ast.Module):
        yield from file.inside(None, ast.Call)
        return
    waiting = [one]
    while waiting:
        inner = waiting.pop()
        yield from file.inside(inner, ast.Call)
        waiting += file.children.get(inner, [])


_PARENTS: WeakKeyDictionary[Code, dict[Def, dict[int, ast.AST]]] = WeakKeyDictionary()


def _parents(code: Code, one: Def) -> dict[int, ast.AST]:
    """What each node of a function stands in, by its identity; the code holds the nodes."""
    known = _PARENTS.setdefault(code, {})
    if one not in known:
        found: dict[int, ast.AST] = {}
        waiting: list[ast.AST] = [one.node]
        while waiting:
            node = waiting.pop()
            for child in ast.iter_child_nodes(node):
                found[id(child)] = node
                if not isinstance(child, FunctionNode):
                    waiting.append(child)
        known[one] = found
    return known[one]


def _end(node: ast.AST, count: int) -> list[str]:
    """The last names of a chain of attributes."""
    names: list[str] = []
    while isinstance(node, ast.Attribute) and len(names) < count:
        names.append(node.attr)
        node = node.value
    return names[::-1]


def _is_command(part: Part, one: Def) -> bool:
    """A command of click, typer or `flask` is run by hand: nobody waits for its answer."""
    for decorator in one.decorators:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute) and called.attr == "command":
            held = called.value
            if isinstance(held, ast.Attribute) and held.attr == "cli":
                return True
            if origin_of(part.code, one.path, held).startswith(_COMMAND_LINE):
                return True
    return False
