"""Where functions that run while serving change what outlives them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

from seatrial.profiler.code import Def, Held, Klass
from seatrial.profiler.detectors.running import running
from seatrial.profiler.meanings import Place
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted
from seatrial.profiler.scopes import File

MUTATORS = frozenset({
    "append", "add", "update", "pop", "popitem", "popleft", "setdefault", "extend", "insert",
    "remove", "discard", "clear", "appendleft", "put", "put_nowait", "extendleft", "move_to_end",
    "difference_update", "subtract",
})  # fmt: skip
FUNCTION_LINES_MAX = 2_000
"""Longer functions are not looked at as closely."""
_PUSHES = {"heappush": "heapq.heappush", "insort": "bisect.insort"}
_ADDING = frozenset({
    "[...]", ".append()", ".add()", ".setdefault()", ".update()", ".insert()", ".extend()",
})  # fmt: skip
_COPYING = ("pydantic.", "pydantic_settings.", "sqlmodel.", "odmantic.", "beanie.", "mongoengine.")
# An object's own set-up; nobody else has it yet.
_MAKING = frozenset({"__init__", "__post_init__", "__new__", "__setstate__", "__init_subclass__"})


_FINALLY: WeakKeyDictionary[Part, list[tuple[Def, ast.Try, set[Def]]]] = WeakKeyDictionary()
FINALLY_MAX = 500


class Change(NamedTuple):
    """`one` changes `held` by `how`; `what` are the names that tell what is put in."""

    held: Held
    one: Def
    how: str
    path: str
    line: int
    what: frozenset[str]


class Variable(NamedTuple):
    """`one` gives a global, or an attribute of a class, a new value."""

    name: str
    held_path: str
    one: Def
    path: str
    line: int
    node: ast.Assign | ast.AugAssign | ast.AnnAssign


def changes(part: Part) -> list[Change]:
    """The changes of containers, in the order of the files and lines."""
    run = running(part)
    callers: dict[Def, set[Def]] = {}
    for caller in run:
        for callee in part.code.callees(caller):
            callers.setdefault(callee, set()).add(caller)
    found: list[Change] = []
    for path in sorted({one.path for one in run}):
        file = part.code.file(path)
        for target, how, line, given in _sites(file):
            one = file.at(target)
            if one is None or one not in run or one.name in _MAKING:
                continue
            held = _held(part, path, target)
            if held is not None and not _copied(part, held) and not _only_made(one, callers, 0):
                found.append(Change(held, one, how, path, line, _names(part, path, given)))
    return sorted(found, key=lambda change: (change.path, change.line))


def _copied(part: Part, held: Held) -> bool:
    """Whether each object gets a copy of what its class holds, as with pydantic's fields."""
    return held.klass is not None and not held.each and any(
        isinstance(base, str) and base.startswith(_COPYING)
        for base in part.code.symbols.ancestors(held.klass)
    )  # fmt: skip


def _only_made(one: Def, callers: dict[Def, set[Def]], depth: int) -> bool:
    """Whether only its own object's set-up calls a method."""
    above = callers.get(one, set()) - {one}
    return bool(above) and one.klass is not None and depth < 4 and all(
        caller.klass is one.klass
        and (caller.name in _MAKING or _only_made(caller, callers, depth + 1))
        for caller in above
    )  # fmt: skip


def transient(part: Part, group: list[Change]) -> str:
    """Whether what goes in is taken out again in a `finally`: `open` when that is the end of a
    stream, a connection that stays open meanwhile; `brief` when it is not; else ''."""
    adding = {change.one for change in group if change.how in _ADDING}
    taking = {change.one for change in group if change.how not in _ADDING}
    if not adding or not taking:
        return ""
    for one, block, called in _with_finally(part):
        first = block.finalbody[0].lineno
        end = block.finalbody[-1].end_lineno or first
        own = one in taking and any(
            c.one is one and first <= c.line <= end for c in group if c.how not in _ADDING
        )
        if called & taking or own:
            return "open" if _streams(block) else "brief"
    return ""


def _with_finally(part: Part) -> list[tuple[Def, ast.Try, set[Def]]]:
    """Every `finally` of what runs while serving, with the functions of the app it calls."""
    if part not in _FINALLY:
        found: list[tuple[Def, ast.Try, set[Def]]] = []
        for one in running(part):
            file = part.code.file(one.path)
            for block in file.inside(one, ast.Try):
                if not block.finalbody or len(found) == FINALLY_MAX:
                    continue
                first = block.finalbody[0].lineno
                end = block.finalbody[-1].end_lineno or first
                called = (
                    part.code.resolve(one.path, call.func)
                    for call in file.inside(one, ast.Call) if first <= call.lineno <= end
                )  # fmt: skip
                found.append((one, block, {c for c in called if isinstance(c, Def)}))
        _FINALLY[part] = found
    return _FINALLY[part]


def _streams(block: ast.Try) -> bool:
    """Whether it waits or answers again and again, as with a connection that stays open."""
    return any(
        isinstance(inner, ast.Yield | ast.Await | ast.YieldFrom)
        for loop in ast.walk(block) if isinstance(loop, ast.While | ast.For | ast.AsyncFor)
        for inner in ast.walk(loop)
    )  # fmt: skip


def _sites(file: File) -> Iterator[tuple[ast.expr, str, int, list[ast.expr]]]:
    """Every place that may change a container: the container, how, the line, what goes in."""
    for name in MUTATORS & file.by_name.keys():
        for call in file.by_name[name]:
            if isinstance(call.func, ast.Attribute):
                given = [*call.args, *(k.value for k in call.keywords)]
                yield call.func.value, f".{name}()", call.lineno, given
    for name in _PUSHES.keys() & file.by_name.keys():
        for call in file.by_name[name]:
            if call.args:
                yield call.args[0], f"{name}()", call.lineno, []
    for node in file.of(ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                yield target.value, "[...]", node.lineno, [node.value]
    for node in file.of(ast.AugAssign):
        if isinstance(node.target, ast.Subscript):
            yield node.target.value, "[...]", node.lineno, []
        elif isinstance(node.target, ast.Attribute):
            yield node.target, "+=", node.lineno, []
    for node in file.of(ast.Delete):
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                yield target.value, "del", node.lineno, []


def _names(part: Part, path: str, given: list[ast.expr]) -> frozenset[str]:
    """Names, types and constant keys in what is put in, as hints of what it is."""
    found: set[str] = set()
    for one in given[:3]:
        if isinstance(one, ast.Dict):
            found.update(str(key.value) for key in one.keys if isinstance(key, ast.Constant))
        name = one.func if isinstance(one, ast.Call) else one
        if isinstance(name, ast.Name):
            found.add(name.id)
            kind = part.code.meaning(path, one)
            found.add(kind.removesuffix("()").rpartition(".")[2])
        elif isinstance(name, ast.Attribute):
            found.add(name.attr)
    return frozenset(found)


def _held(part: Part, path: str, node: ast.expr) -> Held | None:
    """The lasting container behind `X`, `X[key]`, `X.setdefault(key, [])` or `module.X`."""
    for _ in range(8):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
            node.func.attr in ("setdefault", "get")
        ):  # fmt: skip
            node = node.func.value
        else:
            break
    if not isinstance(node, ast.Name | ast.Attribute):
        return None
    found = part.code.resolve(path, node)
    if isinstance(found, Held):
        return found
    name = dotted(node)
    before, _, last = name.rpartition(".")
    if found is None or isinstance(found, str):
        parts = before.split(".")
        if len(parts) >= 2 and parts[-1] == "state" and parts[-2] in ("app", "application"):
            return Held("", f"app.state.{last}", "container", node)
    return None


def variables(part: Part) -> Iterator[Variable]:
    """The globals and class attributes that are given new values."""
    for one in running(part):
        if isinstance(one.node, ast.Module):
            continue
        file = part.code.file(one.path)
        declared = file.globals_of(one)
        for node in file.inside(one, ast.Assign, ast.AugAssign, ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id in declared:
                    held = target.id, one.path
                elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                    owner = part.code.resolve(one.path, target.value)
                    if isinstance(owner, Klass):
                        held = f"{owner.name}.{target.attr}", owner.path
                    elif isinstance(owner, Place) and owner.path:
                        held = target.attr, owner.path
                    else:
                        continue
                else:
                    continue
                yield Variable(*held, one, one.path, node.lineno, node)


def memoised(part: Part, change: Change) -> bool:
    """Whether a change fills in what was looked for and not there: a cache by its use."""
    if change.how not in ("[...]", ".setdefault()", ".pop()", ".popitem()", ".clear()"):
        return False
    if change.how != "[...]":
        return True
    if isinstance(change.one.node, ast.Module):
        return False
    if (change.one.node.end_lineno or 0) - change.one.line > FUNCTION_LINES_MAX:
        return False
    last = change.held.name.rpartition(".")[2]
    for node in ast.walk(change.one.node):
        if isinstance(node, ast.If) and _asks(node.test, last):
            inside = node.lineno <= change.line <= (node.end_lineno or node.lineno)
            raises = any(isinstance(inner, ast.Raise) for inner in node.body)
            returns = any(
                isinstance(inner, ast.Return) and inner.value is not None and _uses(inner, last)
                for inner in node.body
            )
            if (inside and not raises) or returns:
                return True
        elif isinstance(node, ast.Try) and any(
            isinstance(inner, ast.Return) and _uses(inner, last) for inner in node.body
        ):
            return True
    return _looked_up_before(change.one.node, last, change.line)


def _asks(test: ast.expr, name: str) -> bool:
    """`key in X`, `key not in X`, `X.get(key) is None`."""
    return any(
        (isinstance(node, ast.Compare) and any(
            isinstance(op, ast.In | ast.NotIn) and dotted(right).rpartition(".")[2] == name
            for op, right in zip(node.ops, node.comparators, strict=True)
        ))
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get" and dotted(node.func.value).rpartition(".")[2] == name)
        for node in ast.walk(test)
    )  # fmt: skip


def _uses(node: ast.AST, name: str) -> bool:
    return any(
        (isinstance(one, ast.Name) and one.id == name)
        or (isinstance(one, ast.Attribute) and one.attr == name)
        for one in ast.walk(node)
    )


def _looked_up_before(node: ast.AST, name: str, line: int) -> bool:
    """`found = X.get(key)` with `if found: return found` before the line that fills X in."""
    got: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Assign | ast.NamedExpr) and one.lineno <= line:
            target = one.targets[0] if isinstance(one, ast.Assign) else one.target
            if isinstance(target, ast.Name) and _asks(one.value, name):
                got.add(target.id)
    return bool(got) and any(
        isinstance(one, ast.If) and one.lineno <= line
        and any(isinstance(n, ast.Name) and n.id in got for n in ast.walk(one.test))
        for one in ast.walk(node)
    )  # fmt: skip


def guarded(part: Part, one: Variable) -> bool:
    """Whether a variable is only given a value when it has none: made once, when needed."""
    last = one.name.rpartition(".")[2]
    return any(
        isinstance(node, ast.If) and node.lineno <= one.line and _uses(node.test, last)
        for node in part.code.file(one.path).inside(one.one, ast.If)
    )
