"""Environment variables the app reads, and whether it does without them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact, Proof
from seatrial.profiler.reach import aliases, full_name, literal
from seatrial.profiler.source import Source

_GET = frozenset({
    "os.environ.get", "os.getenv", "environ.get", "getenv", "os.environ.pop",
    "os.environ.setdefault", "decouple.config",
})  # fmt: skip


class Read(Value):
    """One place where a variable is read. `default` is the text it falls back to.

    `required` is true when the app fails without the variable; an empty default is none.
    """

    name: str
    required: bool
    default: str
    has_default: bool
    file: str
    line: int


def reads(source: Source, paths: Sequence[str]) -> tuple[Read, ...]:
    """Every read of a variable by its name, in the order of the files."""
    found: list[Read] = []
    for path in paths:
        names = aliases(source, path)
        guarded = _guarded(source, path, names)
        for node in source.nodes(path):
            read = _read(path, node, names, guarded)
            if read is not None:
                found.append(read)
    return tuple(sorted(found, key=lambda read: (read.file, read.line, read.name)))


def detect(source: Source, paths: Sequence[str]) -> tuple[Fact, ...]:
    """One fact a variable: `required`, `default` or `optional`. Values are never told."""
    by_name: dict[str, list[Read]] = {}
    for read in reads(source, paths):
        by_name.setdefault(read.name, []).append(read)
    facts: list[Fact] = []
    for name, places in sorted(by_name.items()):
        place = next((read for read in places if read.required), places[0])
        value = "optional"
        if place.required:
            value = "required"
        elif any(read.has_default for read in places):
            value = "default"
        facts.append(Fact(
            rule="env.read", subject=name, value=value,
            proof=Proof(kind="source", rule="env.read", file=place.file, line=place.line),
        ))  # fmt: skip
    return tuple(facts)


def _read(path: str, node: ast.AST, names: dict[str, str], guarded: set[str]) -> Read | None:
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        name = literal(node.slice)
        if name is None or full_name(node.value, names) != "os.environ":
            return None
        return Read(
            name=name, required=name not in guarded, default="", has_default=False,
            file=path, line=node.lineno,
        )  # fmt: skip
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = full_name(node.func, names)
    name = literal(node.args[0])
    if called not in _GET or name is None or not isinstance(node.args[0], ast.Constant):
        return None
    default = node.args[1] if len(node.args) > 1 else None
    for keyword in node.keywords:
        if keyword.arg == "default":
            default = keyword.value
    given = default is not None and not (isinstance(default, ast.Constant) and not default.value)
    return Read(
        name=name, required=called == "decouple.config" and default is None,
        default=literal(default) or "", has_default=given, file=path, line=node.lineno,
    )  # fmt: skip


def _guarded(source: Source, path: str, names: dict[str, str]) -> set[str]:
    """Variables whose presence is tested: `if "X" in os.environ`, `os.environ.setdefault`."""
    found: set[str] = set()
    for node in source.nodes(path):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            name = literal(node.left)
            if name and full_name(node.comparators[0], names) == "os.environ":
                found.add(name)
        elif (
            isinstance(node, ast.Call)
            and node.args
            and full_name(node.func, names) == "os.environ.setdefault"
        ):
            found.add(literal(node.args[0]) or "")
    return found
