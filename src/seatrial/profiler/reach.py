"""Which files of the app a server may come to run, and reading syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.profiler.modules import Located, find, find_relative, join, parent
from seatrial.profiler.source import Source

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

REACH_FILES_MAX = 2_000
"""Files that are looked at for one entry; nearly all apps have less than a tenth of it."""


def reachable(source: Source, entry: str, *others: str) -> tuple[str, ...]:
    """The files that `entry` and `others` import, wherever the import stands, and themselves.

    The nearest come first: what is beyond `source.reach_bytes_max` of Python or
    `REACH_FILES_MAX` is left out, and told under `source.skipped`.
    """
    known = source.memo.setdefault("reach.reachable", {})
    starts = (entry, *others)
    if starts not in known:
        known[starts] = _reachable(source, starts)
    found: tuple[str, ...] = known[starts]
    return found


def _reachable(source: Source, starts: tuple[str, ...]) -> tuple[str, ...]:
    entry = starts[0]
    waiting = list(dict.fromkeys(path for path in starts if path in source))
    seen = set(waiting)
    found: list[str] = []
    left = source.reach_bytes_max
    while waiting:
        next_ones: list[str] = []
        for place, path in enumerate(waiting):
            left -= source.size_bytes(path) if found else 0
            if left < 0 or len(found) == REACH_FILES_MAX:
                more = len(waiting) - place + len(next_ones)
                source.skip(".", (
                    f"{entry} imports more than {REACH_FILES_MAX:,} files or "
                    f"{source.reach_bytes_max / 1024**2:.2g} MiB of Python: of the files farthest "
                    f"from it {more} were not read, nor what they import"
                ))  # fmt: skip
                return tuple(sorted(found))
            found.append(path)
            source.reserve(path)
            for needed in _needed(source, path):
                if needed not in seen and needed in source:
                    seen.add(needed)
                    next_ones.append(needed)
        waiting = next_ones
    return tuple(sorted(found))


def _needed(source: Source, path: str) -> Iterator[str]:
    """What importing a file brings: the packages above it, and what it imports itself."""
    above = parent(path)
    while join(above, "__init__.py") in source:
        yield join(above, "__init__.py")
        if above == ".":
            break
        above = parent(above)
    for node in source.import_nodes(path):
        for located in _imports(source, path, node):
            yield located.path


def _imports(source: Source, path: str, node: ast.AST) -> Iterator[Located]:
    wanted: list[Located | None] = []
    if isinstance(node, ast.Import):
        for alias in node.names:
            parts = alias.name.split(".")
            names = [".".join(parts[: i + 1]) for i in range(len(parts))]
            wanted.extend(find(source, name, path) for name in names)
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
        modules += [f"{node.module or ''}.{alias.name}".strip(".") for alias in node.names]
        for module in modules:
            if node.level:
                wanted.append(find_relative(source, module, path, node.level))
            elif module:
                wanted.append(find(source, module, path))
    return (located for located in wanted if located is not None and located.path)


def imported(node: ast.AST) -> list[tuple[str, int]]:
    """The dotted names an import statement asks for, absolute ones only, with their line."""
    if isinstance(node, ast.Import):
        return [(alias.name, node.lineno) for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        return [(node.module, node.lineno)]
    return []


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression made of names; '' for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def aliases(source: Source, path: str) -> dict[str, str]:
    """What the imported names of a file stand for: `np` -> `numpy`, `load` -> `joblib.load`."""
    found: dict[str, str] = {}
    for node in source.import_nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                found[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """The dotted name of what is called, with import aliases undone."""
    name = dotted(node)
    first, dot, rest = name.partition(".")
    return names.get(first, first) + dot + rest


def literal(node: ast.AST | None) -> str | None:
    """The text of a constant, or the constant beginning of an f-string; else none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and node.values:
        return literal(node.values[0])
    return None


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """What a call is given under one of these names."""
    return next((one.value for one in call.keywords if one.arg in names), None)


def last(node: ast.AST) -> str:
    """The last name of what is called: `load` of `a.b().load`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
