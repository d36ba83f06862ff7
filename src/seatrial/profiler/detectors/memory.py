"""State in memory: module-level containers and variables that functions change.

Every process has its own, and loses it when it ends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from seatrial.kernel.workload import Fact, Proof
from seatrial.profiler.modules import find, find_relative
from seatrial.profiler.reach import (
    FunctionNode,
    Used,
    aliases,
    dotted,
    full_name,
    functions,
    used_names,
)
from seatrial.profiler.source import Source

_MAKERS = frozenset({
    "dict", "list", "set", "collections.defaultdict", "collections.deque", "collections.Counter",
    "collections.OrderedDict", "queue.Queue",
})  # fmt: skip
_MUTATORS = frozenset({
    "append", "add", "update", "pop", "popitem", "popleft", "setdefault", "extend", "insert",
    "remove", "discard", "clear", "appendleft", "put", "put_nowait", "extendleft",
})  # fmt: skip


def detect(source: Source, paths: Sequence[str]) -> tuple[Fact, ...]:
    """What functions change at module level.

    `state.module-mutable` is a container changed while serving. `state.module-cache` is one
    named a cache: replicas may differ in it. `state.module-registry` is one that functions fill
    while modules are imported, the same in each process. `state.module-variable` is a global
    name given a new value, mostly something made once and kept.
    """
    used = used_names(source, paths)
    # Plug-ins are often imported by computed names, so all files are asked who registers.
    early = {name for path in source.python_files for name in _called_at_import(source, path)}
    facts: list[Fact] = []
    modules = {path: _top_level(source, path) for path in paths}
    for path in paths:
        facts += _memory(source, path, modules, used, early)
    unique = {(f.rule, f.subject, f.proof.file): f for f in reversed(facts)}
    return tuple(
        sorted(unique.values(), key=lambda f: (f.proof.file, f.proof.line, f.rule, f.subject))
    )


def _called_at_import(source: Source, path: str) -> Iterator[str]:
    """The last names of what is called at module level or used as a decorator."""
    tree = source.tree(path)
    waiting: list[ast.AST] = list(tree.body) if tree is not None else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                yield dotted(called).rpartition(".")[2]
            if isinstance(node, ast.ClassDef):
                waiting.extend(node.body)
            continue
        if isinstance(node, ast.Call):
            yield dotted(node.func).rpartition(".")[2]
        if not isinstance(node, ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _top_level(source: Source, path: str) -> dict[str, str]:
    """The names a module assigns, with the kind of container they hold, or `variable`."""
    tree = source.tree(path)
    names = aliases(source, path)
    found: dict[str, str] = {}
    for statement in tree.body if tree is not None else ():
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign):
            targets, value = [statement.target], statement.value
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                found[target.id] = _container(value, names) or "variable"
    return found


def _containers(
    source: Source, path: str, own: dict[str, str], others: dict[str, dict[str, str]]
) -> dict[str, str]:
    """The module-level containers a file can change: its own and those it imports by name."""
    shared = {name: kind for name, kind in own.items() if kind != "variable"}
    for node in source.nodes(path):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        located = (
            find_relative(source, module, path, node.level)
            if node.level
            else find(source, module, path)
        )
        theirs = others.get(located.path, {}) if located is not None else {}
        for alias in node.names:
            kind = theirs.get(alias.name, "variable")
            if kind != "variable":
                shared[alias.asname or alias.name] = kind
    return shared


def _memory(
    source: Source, path: str, modules: dict[str, dict[str, str]], used: Used, early: set[str]
) -> Iterator[Fact]:
    own = modules[path]
    shared = _containers(source, path, own, modules)
    for function in functions(source, path, used):
        local, declared = _own_names(function)
        for node in ast.walk(function):
            for name, how in _changes(node):
                if name in shared and name not in local:
                    yield _changed(name, shared[name], function.name, how, path, node, early)
            if not isinstance(node, ast.Assign | ast.AugAssign):
                continue
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id in declared and target.id in own:
                    yield _changed(target.id, "variable", function.name, "=", path, node, early)


def _changed(
    name: str, kind: str, function: str, how: str, path: str, node: ast.AST, early: set[str]
) -> Fact:
    rule, confidence = "state.module-mutable", 0.8
    if kind == "variable":
        rule, confidence = "state.module-variable", 0.5
    elif function in early:
        rule, confidence = "state.module-registry", 0.6
    elif "cache" in name.lower() or "memo" in name.lower():
        rule, confidence = "state.module-cache", 0.7
    proof = Proof(kind="source", rule=rule, file=path, line=int(getattr(node, "lineno", 0)))
    value = f"{kind}, changed by {how} in {function}()"
    return Fact(
        rule=rule, subject=name[:200], value=value[:200], confidence=confidence, proof=proof
    )


def _container(value: ast.expr, names: dict[str, str]) -> str:
    if isinstance(value, ast.Dict | ast.DictComp):
        return "dict"
    if isinstance(value, ast.List | ast.ListComp):
        return "list"
    if isinstance(value, ast.Set | ast.SetComp):
        return "set"
    called = full_name(value.func, names) if isinstance(value, ast.Call) else ""
    return called.rpartition(".")[2] if called in _MAKERS else ""


def _own_names(function: FunctionNode) -> tuple[set[str], set[str]]:
    """The names a function binds for itself, and those it declares global."""
    args = function.args
    own = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
    declared: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            declared.update(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    return own - declared, declared


def _changes(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names whose content a node changes, and how."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _MUTATORS and isinstance(node.func.value, ast.Name):
            yield node.func.value.id, f".{node.func.attr}()"
    elif isinstance(node, ast.Assign | ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    for target in targets:
        if isinstance(target, ast.Subscript):
            inner = target.value
            while isinstance(inner, ast.Subscript):
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield inner.id, "[...]"
