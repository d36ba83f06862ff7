"""Constants: which text a name of the app stands for, when it stands for one text only."""

from __future__ import annotations

import ast

from seatrial.profiler.detectors.index import Index
from seatrial.profiler.detectors.settings_modules import with_settings
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last, literal

_READS = frozenset({"getenv", "get", "config", "str", "Field"})


def constants(part: Part) -> dict[str, str]:
    """Names, also those of class and object attributes, with their only text in the component."""
    memo = part.source.memo.setdefault("constants", {})
    if part not in memo:
        found: dict[str, set[str]] = {}
        for index in with_settings(part):
            for target, value in index.assigned:
                name = last(target)
                if name:
                    text = text_of(value)
                    found.setdefault(name, set()).add(text if text is not None else "\0")
        memo[part] = {
            name: texts.copy().pop()
            for name, texts in found.items()
            if len(texts) == 1 and texts != {"\0"}
        }
    result: dict[str, str] = memo[part]
    return result


def text_of(value: ast.expr) -> str | None:
    """A constant text, or the default of a variable that is read here."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else None
    if isinstance(value, ast.BoolOp) and isinstance(value.op, ast.Or):
        return text_of(value.values[-1])
    if isinstance(value, ast.Call) and last(value.func) in _READS:
        given = value.args[1] if len(value.args) > 1 else None
        if last(value.func) == "Field" and value.args:
            given = value.args[0]
        for keyword in value.keywords:
            if keyword.arg == "default":
                given = keyword.value
        return literal(given) if isinstance(given, ast.Constant) else None
    return None


def resolve(part: Part, index: Index, node: ast.expr | None) -> str | None:
    """The text that an expression stands for, as far as it can be told."""
    if node is None:
        return None
    text = text_of(node)
    if text is None and isinstance(node, ast.Name | ast.Attribute):
        return _local(index).get(last(node)) or constants(part).get(last(node))
    return text


def _local(index: Index) -> dict[str, str]:
    """The names that are given one text only in a file."""
    memo = index.source.memo.setdefault("constants.local", {})
    if index.path not in memo:
        found: dict[str, str] = {}
        doubtful: set[str] = set()
        for target, value in index.assigned:
            name, text = last(target), text_of(value)
            if text is None or found.setdefault(name, text) != text:
                doubtful.add(name)
        memo[index.path] = {name: text for name, text in found.items() if name not in doubtful}
    result: dict[str, str] = memo[index.path]
    return result
