"""Variables that settings classes read: the fields of pydantic's `BaseSettings`.

A field is read from the variable of its name, after `env_prefix`, in any case.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.profiler.detectors.env_read import Read
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal

_BASES = frozenset({
    "pydantic_settings.BaseSettings", "pydantic.BaseSettings", "pydantic.v1.BaseSettings",
    "pydantic.env_settings.BaseSettings", "pydantic_settings.main.BaseSettings",
})  # fmt: skip
_DEPTH_MAX = 8


def settings_classes(part: Part) -> frozenset[str]:
    """The names of the app's settings classes, those that inherit from others of them too."""
    memo = part.source.memo.setdefault("env_classes", {})
    if part not in memo:
        memo[part] = _settings_classes(part)
    result: frozenset[str] = memo[part]
    return result


def _settings_classes(part: Part) -> frozenset[str]:
    if not part.imports("pydantic", "pydantic_settings"):
        return frozenset()
    bases: dict[str, set[str]] = {}
    found: set[str] = set()
    for index in indexes(part):
        for node in index.of(ast.ClassDef):
            for base in node.bases:
                bases.setdefault(node.name, set()).add(last(base))
                if index.full_name(base) in _BASES:
                    found.add(node.name)
    for _ in range(_DEPTH_MAX):
        more = {name for name, above in bases.items() if above & found and name not in found}
        if not more:
            break
        found |= more
    return frozenset(found)


def reads(index: Index, classes: frozenset[str]) -> Iterator[Read]:
    """The variables that the fields of the settings classes in a file are read from."""
    if not classes:
        return
    models = {node.name for node in index.of(ast.ClassDef)}
    for node in index.of(ast.ClassDef):
        if node.name not in classes:
            continue
        prefix = _prefix(node)
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                name = field.target.id
                kind = last(field.annotation) or (
                    last(field.annotation.value)
                    if isinstance(field.annotation, ast.Subscript)
                    else ""
                )
                if name.startswith("_") or name == "model_config" or kind == "ClassVar":
                    continue
                if kind not in models:
                    yield from _field(index, field, prefix)


def _field(index: Index, field: ast.AnnAssign, prefix: str) -> Iterator[Read]:
    assert isinstance(field.target, ast.Name)
    value = field.value
    names: tuple[str, ...] = ()
    default: ast.expr | None = None
    required, given = value is None, False
    if isinstance(value, ast.Call):
        called = index.full_name(value.func)
        if called.startswith("os."):
            return  # read under another name, which is told by itself
        if last(value.func) == "Field":
            names = _aliases(value)
            default = value.args[0] if value.args else keyword(value, "default")
            made = keyword(value, "default_factory")
            required = made is None and (default is None or _is_ellipsis(default))
            given = made is not None
        else:
            given = True
    elif value is not None:
        default, required = value, _is_ellipsis(value)
    text = literal(default) if default is not None else None
    empty = isinstance(default, ast.Constant) and not default.value and not required
    for name in names or (f"{prefix}{field.target.id}".upper(),):
        yield Read(
            name=name, required=required and len(names) < 2, default=text or "",
            has_default=given or (default is not None and not empty and not required),
            optional=isinstance(default, ast.Constant) and default.value is None,
            held=field.target.id, file=index.path, line=field.lineno,
        )  # fmt: skip


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _aliases(field: ast.Call) -> tuple[str, ...]:
    """The variables that a field names itself."""
    given = keyword(field, "validation_alias") or keyword(field, "alias") or keyword(field, "env")
    if given is None:
        return ()
    parts = given.args if isinstance(given, ast.Call) else [given]
    parts = [one for part in parts for one in (part.elts if isinstance(part, ast.List) else [part])]
    return tuple(text.upper() for part in parts if (text := literal(part)))


def _prefix(node: ast.ClassDef) -> str:
    """`env_prefix` of a class's configuration, in either of pydantic's two ways."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign) and any(last(t) == "env_prefix" for t in inner.targets):
            return literal(inner.value) or ""
        if isinstance(inner, ast.keyword) and inner.arg == "env_prefix":
            return literal(inner.value) or ""
        if isinstance(inner, ast.Dict):
            for key, value in zip(inner.keys, inner.values, strict=True):
                if literal(key) == "env_prefix":
                    return literal(value) or ""
    return ""
