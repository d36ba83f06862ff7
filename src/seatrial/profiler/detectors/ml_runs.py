"""When a piece of code runs: while the app starts, or again for every request."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import cast

from seatrial.profiler.code import SCRIPTS, Def
from seatrial.profiler.detectors import guards
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, keyword, last, literal

_FACTORIES = frozenset({"create_app", "make_app", "get_app", "build_app", "app_factory"})
_START = frozenset({
    "on_startup", "before_first_request", "before_serving", "before_server_start", "startup",
    "main_process_start", "worker_process_init", "worker_init", "on_app_start",
})  # fmt: skip
# A handler that is there to load a model does what it is asked for.
_LOADING = re.compile(r"load|switch|change_|select_|install|init|warm|_fetch|[gs]et_\w*model")
Place = tuple[str, int, str]
"""A function by its file, line and name: trees may be read anew."""


class Runs:
    """Which functions of a component run when."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def at_start(self, index: Index, node: ast.expr) -> bool:
        """Whether code runs while modules are imported or the server starts."""
        function = index.function(node)
        if function is None:
            return True
        return _place(index.path, function) in self._started

    def each_request(self, index: Index, node: ast.expr) -> str:
        """The handler for which code runs every time; '' when it does not."""
        function = index.function(node)
        if function is None:
            script = self.part.framework in SCRIPTS and self._is_script(index.path)
            return f"{index.path} runs for every interaction" if script else ""
        return self._each.get(_place(index.path, function), "")

    @cached_property
    def _started(self) -> frozenset[Place]:
        code, starts = self.part.code, list[Def]()
        for path in self.part.paths:
            tree = self.part.source.tree(path)
            if tree is not None:
                starts.append(Def(path, "", tree))
        attr = self.part.entry.rpartition(":")[2]
        named = {name for index in indexes(self.part) for name in _lifespans(index)}
        for one in code.defs:
            if (one.owner is None and one.name in _FACTORIES | named | {attr}) or _is_startup(one):
                starts.append(one)
        return frozenset(
            _place(one.path, one.node)
            for one in code.reached(starts)
            if isinstance(one.node, FunctionNode)
        )

    @cached_property
    def _each(self) -> dict[Place, str]:
        """What handlers may come to run, not through caches; with the handler."""
        code = self.part.code
        starts = [
            one
            for one in code.handlers
            if not _is_startup(one) and self._answers(one) and not _LOADING.search(one.name)
        ]
        found = {one: self._title(one) for one in starts if not self._cached(one)}
        waiting = list(found)
        for one in waiting:  # grows while it is gone through
            kept = self._called_once(one)
            for callee in code.callees(one):
                title = callee.owner.name if callee.owner and callee.name == "__init__" else ""
                if callee in found or (title or callee.name) in kept or self._cached(callee):
                    continue
                found[callee] = found[one]
                waiting.append(callee)
        return {
            _place(one.path, one.node): title
            for one, title in found.items()
            if isinstance(one.node, FunctionNode)
        }

    def _called_once(self, one: Def) -> set[str]:
        """The names of what a function calls only when it was not called before."""
        around, seen = cast(Index, _Around(one.node)), dict[str, bool]()
        for call in self.part.code.calls(one):
            name = last(call.func)
            seen[name] = seen.get(name, True) and guards.once(around, call)
        return {name for name, only in seen.items() if only}

    def _answers(self, one: Def) -> bool:
        return not isinstance(one.node, ast.Module) or self._is_script(one.path)

    def _title(self, one: Def) -> str:
        if isinstance(one.node, ast.Module):
            return f"{one.path} runs for every interaction"
        return f"in {one.name}()"

    def _cached(self, one: Def) -> bool:
        return isinstance(one.node, FunctionNode) and guards.is_cached(one.node)

    def _is_script(self, path: str) -> bool:
        entry = self.part.entry
        return path == entry or path.endswith(f"/{entry}") or "pages" in path.split("/")[:-1]


class _Around:
    """What stands around the nodes of one function, as `Index.above` tells it."""

    def __init__(self, top: ast.AST) -> None:
        self._above: dict[int, ast.AST] = {}
        inside = [top]
        for node in inside:  # grows while it is gone through
            for child in ast.iter_child_nodes(node):
                self._above[id(child)] = node
                inside.append(child)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, the nearest first."""
        while (found := self._above.get(id(node))) is not None:
            yield found
            node = found


def _place(path: str, function: FunctionNode | ast.Module) -> Place:
    if isinstance(function, ast.Module):
        return (path, 0, "")
    return (path, function.lineno, function.name)


def _is_startup(one: Def) -> bool:
    """Whether a function is called once, when the server or worker starts."""
    for decorator in _decorators(one):
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = last(called)
        if name == "on_event" and isinstance(decorator, ast.Call) and decorator.args:
            return literal(decorator.args[0]) in ("startup", "shutdown")
        if name in _START:
            return True
        if name == "connect" and isinstance(called, ast.Attribute):
            return last(called.value) in _START
        if name in ("listener", "asynccontextmanager", "contextmanager"):
            return True
    return False


def _decorators(one: Def) -> Sequence[ast.expr]:
    return one.node.decorator_list if isinstance(one.node, FunctionNode) else ()


def _lifespans(index: Index) -> Iterator[str]:
    """Functions given to the app to be run at its start."""
    for call in index.of(ast.Call):
        for name in ("lifespan", "on_startup"):
            given = keyword(call, name)
            for node in given.elts if isinstance(given, ast.List | ast.Tuple) else [given]:
                if node is not None and last(node):
                    yield last(node)
