"""Parameters that stand for the environment: `def read(environ)`, called as `read(os.environ)`.

Settings are read so where tests hand in a table of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, last

ROUNDS_MAX = 4
"""How often a parameter is followed into a function that it is handed to."""

Functions = dict[str, list[tuple[Index, FunctionNode]]]
Given = dict[FunctionNode, set[str]]


def environments(part: Part) -> dict[str, frozenset[str]]:
    """The names in each file that are parameters which are given the environment."""
    memo = part.source.memo.setdefault("env_params", {})
    if part not in memo:
        memo[part] = _environments(part)
    result: dict[str, frozenset[str]] = memo[part]
    return result


def _environments(part: Part) -> dict[str, frozenset[str]]:
    here = [one for one in indexes(part) if part.source.mentions(one.path, frozenset({"environ"}))]
    given: Given = {}
    files: dict[str, set[str]] = {}
    functions: Functions | None = None
    looked_at = list(here)
    for _ in range(ROUNDS_MAX):
        calls = [
            (call, place, word)
            for index in looked_at
            for call, place, word in _handed_on(index, given)
        ]
        if functions is None:
            functions = _functions(part) if calls else {}
        fresh: dict[str, Index] = {}
        for call, place, word in calls:
            for index, function in functions.get(last(call.func), ()):
                name = _parameter(function, place, word)
                if name and name not in given.setdefault(function, set()):
                    given[function].add(name)
                    files.setdefault(index.path, set()).add(name)
                    fresh[index.path] = index
        if not fresh:
            break
        looked_at = list(fresh.values())
    for index in here:
        for function in index.functions:
            for name in _defaults(index, function):
                files.setdefault(index.path, set()).add(name)
    return {path: frozenset(names) for path, names in files.items()}


def _functions(part: Part) -> Functions:
    found: Functions = {}
    for index in indexes(part):
        for function in index.functions:
            found.setdefault(function.name, []).append((index, function))
    return found


def _handed_on(index: Index, given: Given) -> Iterator[tuple[ast.Call, int, str]]:
    """Calls that hand on the environment: the call, at which position or by which keyword."""
    for call in index.of(ast.Call):
        for place, one in enumerate(call.args):
            if _is_environment(index, one, given):
                yield call, place, ""
        for keyword in call.keywords:
            if keyword.arg and _is_environment(index, keyword.value, given):
                yield call, -1, keyword.arg


def _is_environment(index: Index, node: ast.expr, given: Given) -> bool:
    if isinstance(node, ast.Call):  # os.environ.copy(), dict(os.environ)
        if last(node.func) == "dict" and len(node.args) == 1:
            return _is_environment(index, node.args[0], given)
        return index.foreign(node.func) == "os.environ.copy"
    if isinstance(node, ast.Name) and given:
        function = index.function(node)
        if function is not None and node.id in given.get(function, ()):
            return True
    return isinstance(node, ast.Name | ast.Attribute) and index.foreign(node) == "os.environ"


def _parameter(function: FunctionNode, place: int, word: str) -> str:
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    if word:
        keywords = [arg.arg for arg in function.args.kwonlyargs]
        return word if word in (*names, *keywords) else ""
    if names and names[0] in ("self", "cls"):
        names = names[1:]
    return names[place] if place < len(names) else ""


def _defaults(index: Index, function: FunctionNode) -> Iterator[str]:
    """`def read(environ=os.environ)`."""
    plain = [*function.args.posonlyargs, *function.args.args]
    values: list[ast.expr] = function.args.defaults
    for arg, value in zip(plain[len(plain) - len(values) :], values, strict=True):
        if _is_environment(index, value, {}):
            yield arg.arg
    for arg, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is not None and _is_environment(index, default, {}):
            yield arg.arg
