"""What runs while a component serves, how that is told, and what its settings say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from seatrial.profiler.code import Code, Def
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted, literal

# What frameworks and extensions are configured by; in data/handlers.toml stand functions only.
KEYS = frozenset({
    "SESSION_TYPE", "CACHE_TYPE", "RATELIMIT_STORAGE_URI", "RATELIMIT_STORAGE_URL",
    "SESSION_ENGINE", "CACHES", "DATABASES", "CHANNEL_LAYERS", "STORAGES", "DEFAULT_FILE_STORAGE",
    "CACHE_BACKEND", "MEDIA_ROOT", "SESSION_FILE_DIR", "SQLALCHEMY_DATABASE_URI",
    "CELERY_BEAT_SCHEDULE", "REST_FRAMEWORK", "SESSION_CACHE_ALIAS",
})  # fmt: skip
_READERS = ("os.environ.get", "os.getenv", "environ.Env()", "decouple.config", "env")
_REACHES: WeakKeyDictionary[Part, dict[tuple[Def, tuple[str, ...]], bool]] = WeakKeyDictionary()
_RUNNING: WeakKeyDictionary[Part, dict[Def, Def]] = WeakKeyDictionary()


class Setting(NamedTuple):
    """One value that a key is given, anywhere in the app."""

    key: str
    value: ast.expr
    path: str
    line: int


def running(part: Part) -> dict[Def, Def]:
    """Every function that may run once the app is up, with what led to it: a handler, a thread, a
    job by the clock, or a task."""
    if part not in _RUNNING:
        code = part.code
        # What a worker's tasks share with the web component is told of the latter.
        serving = {} if part.kind != "web" and code.working else code.serving
        _RUNNING[part] = {**code.working, **code.background, **serving}
    return _RUNNING[part]


def reaches(part: Part, start: Def, prefixes: tuple[str, ...]) -> bool:
    """Whether a function, or what it calls, calls something outside that begins so."""
    known = _REACHES.setdefault(part, {})
    for one in part.code.reached([start]):
        key = (one, prefixes)
        if key not in known:
            known[key] = any(
                part.code.meaning(one.path, call.func).startswith(prefixes)
                for call in part.code.file(one.path).inside(one, ast.Call)
            )
        if known[key]:
            return True
    return False


def by_hand(part: Part, path: str, node: ast.AST) -> bool:
    """Whether something stands under `if __name__ == "__main__"`, which servers skip."""
    kept = part.source.memo.setdefault("running.by_hand", {})
    if path not in kept:
        kept[path] = [
            (test.lineno, test.end_lineno or 0)
            for test in part.code.file(path).of(ast.If)
            if isinstance(test.test, ast.Compare) and any(
                isinstance(one, ast.Name) and one.id == "__name__"
                for one in (test.test.left, *test.test.comparators)
            )
        ]  # fmt: skip
    line: int = getattr(node, "lineno", 0)
    return any(start < line <= end for start, end in kept[path])


def told(one: Def | None, root: Def | None) -> str:
    """Where something happens: `in save(), reached from upload()`."""
    if one is None:
        return "when the module is imported"
    if root is None or root.title == one.title:
        return f"in {one.title}"
    return f"in {one.title}, reached from {root.title}"


def argument(call: ast.Call, name: str, position: int = -1) -> ast.expr | None:
    """What a call gives by a keyword, or at a position."""
    found = next((k.value for k in call.keywords if k.arg == name), None)
    return call.args[position] if found is None and 0 <= position < len(call.args) else found


def default(code: Code, path: str, node: ast.expr | None) -> tuple[str | None, str]:
    """The constant text of an expression, and the variable it is only the default of.

    `os.environ.get("STORE", "memory")` is `("memory", "STORE")`, `"memory"` is `("memory", "")`.
    """
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        text, env = default(code, path, node.values[-1])
        return text, env or variable(code, path, node.values[0])
    if isinstance(node, ast.Call):
        env = variable(code, path, node)
        if env:
            given = argument(node, "default", 1)
            return literal(given), env
        return None, ""
    if isinstance(node, ast.Name):
        value = value_of(code, path, node)
        return (None, "") if value is None else default(code, path, value)
    return literal(node), ""


def value_of(code: Code, path: str, node: ast.Name) -> ast.expr | None:
    """The constant or call that a name of the file's top, or of the function, is given."""
    file = code.file(path)
    for scope in (file.scope(node), None):
        bound = [b for b in file.names(scope).get(node.id, ()) if b.how != "type"]
        if bound:
            what = bound[-1].what
            constant = len(bound) == 1 and isinstance(what, ast.Constant | ast.Call | ast.JoinedStr)
            return what if constant and isinstance(what, ast.expr) else None
    return None


def variable(code: Code, path: str, node: ast.expr) -> str:
    """The environment variable that an expression reads; '' for none."""
    if isinstance(node, ast.Subscript) and code.full_name(path, node.value) == "os.environ":
        return literal(node.slice) or ""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    called = code.meaning(path, node.func) or dotted(node.func)
    if called in _READERS or called.startswith(_READERS[2:4]) or called.endswith(".getenv"):
        return literal(node.args[0]) or ""
    return ""


def settings(part: Part, *keys: str) -> list[Setting]:
    """What the app sets for some keys: as variables, in a config, by a dictionary."""
    kept = part.source.memo.setdefault("running.settings", {})
    found: list[Setting] = []
    for path in part.paths:
        if path not in kept:
            set_here = part.source.mentions(path, KEYS)
            kept[path] = tuple(_settings(part.code, path)) if set_here else ()
        found += [one for one in kept[path] if one.key in keys]
    return found


def _settings(code: Code, path: str) -> Iterator[Setting]:
    file = code.file(path)
    for node in file.of(ast.Assign):
        for target in node.targets:
            key = _key(target)
            if key in KEYS:
                yield Setting(key, node.value, path, node.lineno)
    for node in file.of(ast.AnnAssign):
        key = _key(node.target)
        if key in KEYS and node.value is not None:
            yield Setting(key, node.value, path, node.lineno)
    for call in file.calls(("update", "from_mapping", "dict", "setdefault")):
        for keyword in call.keywords:
            if keyword.arg in KEYS:
                yield Setting(keyword.arg, keyword.value, path, keyword.value.lineno)
    for table in file.of(ast.Dict):
        for key_node, value in zip(table.keys, table.values, strict=True):
            if isinstance(key_node, ast.Constant) and key_node.value in KEYS:
                yield Setting(str(key_node.value), value, path, value.lineno)


def _key(target: Any) -> str:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Subscript):
        return literal(target.slice) or ""
    return target.attr if isinstance(target, ast.Attribute) else ""
