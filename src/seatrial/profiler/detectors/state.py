"""State on disk: SQLite and other local files the app writes while it serves.

They are lost with a replica, and differ between replicas.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from seatrial.kernel.workload import Fact, Proof
from seatrial.profiler.reach import (
    Used,
    aliases,
    full_name,
    functions,
    literal,
    used_names,
)
from seatrial.profiler.source import Source

_WRITERS = frozenset({
    "shutil.copy", "shutil.copyfile", "shutil.copy2", "shutil.move", "numpy.save", "numpy.savez",
    "joblib.dump", "torch.save",
})  # fmt: skip
_WRITE_METHODS = frozenset({"write_text", "write_bytes", "to_csv", "to_parquet", "to_pickle"})
_SQLITE_URL = "sqlite:"


def detect(source: Source, paths: Sequence[str]) -> tuple[Fact, ...]:
    """SQLite files, and local files written in functions that the app may call."""
    facts: list[Fact] = []
    used = used_names(source, paths)
    for path in paths:
        names = aliases(source, path)
        facts += _sqlite(source, path, names)
        facts += _written(source, path, names, used)
    unique = {(f.rule, f.subject, f.proof.file, f.proof.line): f for f in facts}
    return tuple(
        sorted(unique.values(), key=lambda f: (f.proof.file, f.proof.line, f.rule, f.subject))
    )


def _fact(
    rule: str, subject: str, value: str, path: str, line: int, confidence: float = 1.0
) -> Fact:
    proof = Proof(kind="source", rule=rule, file=path, line=line)
    return Fact(
        rule=rule, subject=subject[:200], value=value[:200], confidence=confidence, proof=proof
    )


def _sqlite(source: Source, path: str, names: dict[str, str]) -> Iterator[Fact]:
    for node in source.nodes(path):
        if isinstance(node, ast.Call) and full_name(node.func, names) in (
            "sqlite3.connect", "aiosqlite.connect",
        ):  # fmt: skip
            where = literal(node.args[0]) if node.args else None
            if where != ":memory:":
                yield _fact("state.sqlite", where or "a file", "sqlite3", path, node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if not node.value.startswith(_SQLITE_URL) or "://" not in node.value:
                continue
            file = node.value.partition("://")[2].removeprefix("/")
            if node.value.endswith("://") or ":memory:" in file:
                continue
            # Without a file name it is the beginning of an address put together later.
            yield _fact("state.sqlite", file or "a file", "address", path, node.lineno)


def _written(source: Source, path: str, names: dict[str, str], used: Used) -> Iterator[Fact]:
    for function in functions(source, path, used):
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                target = _write_target(node, names)
                if target is not None:
                    value = f"in {function.name}()"
                    yield _fact("state.file", target or "a file", value, path, node.lineno, 0.8)


def _write_target(node: ast.Call, names: dict[str, str]) -> str | None:
    """The file a call writes, '' when its name is not constant; none when it writes no file."""
    called = full_name(node.func, names)
    first = literal(node.args[0]) if node.args else None
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if called.startswith("tempfile."):
        return None
    if called in ("open", "io.open", "gzip.open") or method == "open":
        position = 1 if called in ("open", "io.open", "gzip.open") else 0
        mode = literal(node.args[position]) if len(node.args) > position else None
        for keyword in node.keywords:
            if keyword.arg == "mode":
                mode = literal(keyword.value)
        is_mode = mode is not None and len(mode) <= 4 and set(mode) <= set("rwaxbt+")
        if not is_mode or not set(mode or "") & set("wax+"):
            return None
        return (first or "") if position else ""
    if called in _WRITERS:
        texts = [literal(arg) for arg in node.args]
        return next((text for text in reversed(texts) if text), "")
    if method in _WRITE_METHODS:
        return ""
    # `request.files["x"].save(path)`: an upload. Other things have a save() too.
    if method == "save" and isinstance(node.func, ast.Attribute) and node.args:
        held = ast.unparse(node.func.value)[:200] if _small(node.func.value) else ""
        if "file" in held.lower() or "upload" in held.lower() or "image" in held.lower():
            return first or ""
    return None


def _small(node: ast.AST) -> bool:
    """Whether a node is shallow enough to be written out again."""
    return sum(1 for _ in zip(ast.walk(node), range(30), strict=False)) < 30
