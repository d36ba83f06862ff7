"""SQLite files that the app uses as its database."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.running import argument, default, settings, variable
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted, literal
from seatrial.profiler.rules import fact
from seatrial.profiler.scopes import Def, File, Klass, Scope

_OPENERS = {
    "sqlite3.connect": "sqlite3", "aiosqlite.connect": "aiosqlite", "apsw.Connection": "apsw",
    "peewee.SqliteDatabase": "peewee", "playhouse.sqlite_ext.SqliteExtDatabase": "peewee",
    "playhouse.pool.PooledSqliteDatabase": "peewee", "sqlite_utils.Database": "sqlite_utils",
    "dataset.connect": "dataset",
}  # fmt: skip
_ENGINES = ("sqlite3", "spatialite")
ADDRESSES_MAX = 50
"""Addresses of a file that are looked at closely."""
_SCHEMES = frozenset({"sqlite"})
_TEST = ("test", "mock", "fixture")


def detect(part: Part) -> Iterator[Fact]:
    """SQLite by address, by its drivers and in Django's settings.

    A file that stands only until an environment variable names a database is told as a default.
    """
    found: dict[tuple[str, str], Fact] = {}
    for path in part.paths:
        for one in (*_opened(part, path), *_addresses(part, path)):
            found.setdefault((one.subject, one.proof.file), one)
    for one in _django(part):
        found.setdefault((one.subject, one.proof.file), one)
    yield from sorted(found.values(), key=lambda f: (f.proof.file, f.proof.line, f.subject))


def _told(file: str, how: str, env: str, path: str, line: int, confidence: float) -> Fact:
    file = file.partition("?")[0]
    if env:
        return fact("state.sqlite-default", file or "a file", f"{how}, unless {env} is set",
                    file=path, line=line)  # fmt: skip
    return fact("state.sqlite", file or "a file", how, file=path, line=line, confidence=confidence)


def _opened(part: Part, path: str) -> Iterator[Fact]:
    names = {name.rpartition(".")[2] for name in _OPENERS}
    for call in part.code.file(path).calls(names):
        called = part.code.meaning(path, call.func)
        how = _OPENERS.get(called)
        if how is None or _in_test(part.code.file(path).scope(call)):
            continue
        text, env = default(part.code, path, argument(call, "database", 0))
        if text is not None and (":memory:" in text or text == ""):
            continue
        if "mode=ro" in (text or "") or "immutable=1" in (text or ""):
            continue  # read only: part of the image
        if how == "dataset" and not (text or "").startswith("sqlite"):
            continue
        yield _told(_file(text or ""), how, env, path, call.lineno, 1.0 if text else 0.8)


def _addresses(part: Part, path: str) -> Iterator[Fact]:
    if not part.source.mentions(path, _SCHEMES):
        return
    file = part.code.file(path)
    constants = [
        node for node in file.of(ast.Constant)
        if isinstance(node.value, str) and node.value.startswith("sqlite") and ":" in node.value
    ]  # fmt: skip
    for node in constants[:ADDRESSES_MAX]:
        scheme, found, name = node.value.partition("://")
        if not found or scheme.partition("+")[0] not in ("sqlite", "sqlite3") or " " in node.value:
            continue
        # `sqlite://` alone is memory, or the beginning of an address put together later.
        if ":memory:" in name or (not name and not _rest(file, node)):
            continue
        if _in_development(file, file.scope(node)):
            continue
        if _in_test(file.scope(node)) or _is_compared(file.of(ast.Compare, ast.Call), node):
            continue
        env = (
            _env_around(part, path, node) or _settings_field(part, path, node)
            or _env_asked(part, path, node)
        )  # fmt: skip
        name = name.removeprefix("/") if name.strip("/") else _rest(file, node)
        name = "a file" if "{" in name else name
        yield _told(name, "address", env, path, node.lineno, 1.0)


def _file(text: str) -> str:
    scheme, found, name = text.partition("://")
    return name.removeprefix("/") if found and scheme.startswith("sqlite") else text


def _rest(file: File, node: ast.Constant) -> str:
    """The last text of what an address is put together from: `f"sqlite:///{folder}/shop.db"`."""
    for one in (*file.of(ast.JoinedStr), *file.of(ast.BinOp)):
        if one.lineno <= node.lineno <= (one.end_lineno or 0) and (
            any(inner is node for inner in ast.walk(one))
        ):  # fmt: skip
            text = _last_text(one)
            return text.lstrip("/") if text != node.value else "a file"
    return ""


def _env_asked(part: Part, path: str, node: ast.Constant) -> str:
    """The variable that an `if` around an address asks for: `if not url: url = "sqlite:///x"`."""
    file = part.code.file(path)
    for test in file.of(ast.If):
        if not test.lineno < node.lineno <= (test.end_lineno or 0):
            continue
        for inner in ast.walk(test.test):
            if isinstance(inner, ast.Name | ast.Attribute):
                name = dotted(inner).rpartition(".")[2]
                if any(word in name for word in ("DATABASE", "DB_", "SQL")):
                    return name
            if not isinstance(inner, ast.Name | ast.Call | ast.Subscript):
                continue
            values: list[ast.AST] = [inner]
            if isinstance(inner, ast.Name):
                bound = file.names(file.scope(inner)).get(inner.id, ())
                values = [b.what for b in bound if b.how == "value" and isinstance(b.what, ast.AST)]
            for value in values:
                for one in ast.walk(value):
                    if isinstance(one, ast.Call | ast.Subscript):
                        env = variable(part.code, path, one)
                        if env:
                            return env
    return ""


def _is_compared(nodes: list[ast.Compare | ast.Call], node: ast.Constant) -> bool:
    """`url.startswith("sqlite://")` asks for an address and is none."""
    for one in nodes:
        if one.lineno > node.lineno or (one.end_lineno or 0) < node.lineno:
            continue
        if isinstance(one, ast.Compare):
            if node in one.comparators or one.left is node:
                return True
        elif isinstance(one.func, ast.Attribute) and one.func.attr in (
            "startswith", "replace", "removeprefix", "split", "endswith",
        ) and node in one.args:  # fmt: skip
            return True
    return False


def _env_around(part: Part, path: str, node: ast.Constant) -> str:
    """The environment variable that an address is the default of."""
    file = part.code.file(path)
    for outer in (*file.of(ast.BoolOp), *file.of(ast.Call), *file.of(ast.IfExp)):
        if not outer.lineno <= node.lineno <= (outer.end_lineno or 0):
            continue
        if not any(inner is node for inner in ast.walk(outer)):
            continue
        env = default(part.code, path, outer)[1]
        if env:
            return env
        for inner in ast.walk(outer):
            if isinstance(inner, ast.Call | ast.Subscript) and inner is not outer:
                env = variable(part.code, path, inner)
                if env:
                    return env
    return ""


def _settings_field(part: Part, path: str, node: ast.Constant) -> str:
    """The variable that pydantic reads a field from: `database_url: str = "sqlite:///x.db"`."""
    scope = part.code.file(path).scope(node)
    if not isinstance(scope, Klass):
        return ""
    bases = [base for base in part.code.symbols.ancestors(scope) if isinstance(base, str)]
    if not any(base.endswith("BaseSettings") for base in bases):
        return ""
    for field in part.code.file(path).of(ast.AnnAssign):
        if field.value is not None and isinstance(field.target, ast.Name) and (
            field.lineno <= node.lineno <= (field.end_lineno or 0)
        ):  # fmt: skip
            return field.target.id.upper()
    return ""


def _in_test(scope: Scope) -> bool:
    """Whether it stands in a class or function that is there for tests."""
    while isinstance(scope, Def | Klass):
        if any(word in scope.name.lower() for word in _TEST):
            return True
        scope = scope.klass or scope.parent if isinstance(scope, Def) else scope.outer
    return False


def _in_development(file: File, scope: Scope) -> bool:
    """Whether it stands in settings for development, beside some for production."""
    return isinstance(scope, Klass) and "dev" in scope.name.lower() and any(
        "prod" in klass.name.lower() for klass in file.klasses
    )  # fmt: skip


def _django(part: Part) -> Iterator[Fact]:
    """`DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ...}}`."""
    for setting in settings(part, "DATABASES"):
        if not isinstance(setting.value, ast.Dict):
            continue
        for inner in setting.value.values:
            if not isinstance(inner, ast.Dict):
                continue
            given = {
                literal(key) or "": value
                for key, value in zip(inner.keys, inner.values, strict=True)
                if key is not None
            }
            text, env = default(part.code, setting.path, given.get("ENGINE"))
            if text is None or not text.endswith(_ENGINES):
                continue
            name = _last_text(given.get("NAME"))
            others = len(settings(part, "DATABASES")) > 1
            env = env or ("another database" if others else "")
            if ":memory:" not in name:
                yield _told(name, "Django database", env, setting.path, inner.lineno, 1.0)


def _last_text(node: ast.expr | None) -> str:
    """`db.sqlite3` of `BASE_DIR / "db.sqlite3"` and `os.path.join(BASE_DIR, "db.sqlite3")`."""
    texts = [
        inner.value
        for inner in (ast.walk(node) if node is not None else ())
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    ]
    return texts[-1] if texts else ""
