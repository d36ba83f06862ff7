"""Doors that stand open: CORS, hosts, forged requests, certificates, Django's settings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.context import elsewhere, truth
from seatrial.profiler.detectors.index import Index, index, indexes
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.modules import find
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal
from seatrial.profiler.rules import fact

_WEBHOOKS = ("webhook", "callback", "health", "stripe", "slack", "twilio", "telegram", "hook",
             "ipn", "notify", "ping")  # fmt: skip
_CLIENTS = ("requests.", "httpx.", "aiohttp.")
_UNSAFE_LOADERS = frozenset({"Loader", "UnsafeLoader", "CLoader"})
_SETTINGS_READ_MAX = 12


def detect(part: Part) -> Iterator[Fact]:
    """Calls and settings that let in more than they need to."""
    for file in indexes(part):
        for call in file.of(ast.Call):
            yield from _cors(part, file, call)
            yield from _unchecked(part, file, call)
        yield from _csrf(file)
    if part.framework == "django":
        yield from _django(part)


def _cors(part: Part, file: Index, call: ast.Call) -> Iterator[Fact]:
    name = last(call.func)
    if name in ("add_middleware", "Middleware") and call.args:
        if last(call.args[0]) != "CORSMiddleware":
            return
        allowed = keyword(call, "allow_origins")
        pattern = literal(keyword(call, "allow_origin_regex"))
        anyone = _is_any(file, allowed) or pattern in (".*", "^.*$", "https?://.*")
        credentials = truth(keyword(call, "allow_credentials"))
    elif name == "CORS":
        origin = origin_of(part.code, file.path, call.func)
        if origin not in ("flask_cors.CORS", "quart_cors.cors"):
            return
        allowed = keyword(call, "origins") or _resource_origins(call)
        hidden = any(given.arg is None for given in call.keywords)
        named = keyword(call, "resources") is not None and allowed is None
        anyone = not hidden and not named and (allowed is None or _is_any(file, allowed))
        credentials = truth(keyword(call, "supports_credentials"))
    else:
        return
    if anyone and not elsewhere(file, call):
        rule = "habit.cors-credentials" if credentials else "habit.cors-any"
        yield fact(rule, "CORS", "any origin", file=file.path, line=call.lineno)


def _is_any(file: Index, node: ast.AST | None) -> bool:
    """Whether a list of origins is `*`; a name of the file is followed once."""
    if isinstance(node, ast.Name):
        values = _assigned(file).get(node.id, [])
        return len(values) == 1 and not isinstance(values[0], ast.Name) and _is_any(file, values[0])
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return any(literal(item) == "*" for item in node.elts)
    return isinstance(node, ast.Constant) and node.value == "*"


@lru_cache(maxsize=4)
def _assigned(file: Index) -> dict[str, list[ast.expr]]:
    """Everything that a file gives each of its names."""
    found: dict[str, list[ast.expr]] = {}
    for target, value in file.assigned:
        found.setdefault(last(target), []).append(value)
    return found


def _resource_origins(call: ast.Call) -> ast.expr | None:
    """The origins in `resources={r"/api/*": {"origins": "*"}}`."""
    resources = keyword(call, "resources")
    for table in ast.walk(resources) if resources is not None else ():
        if isinstance(table, ast.Dict):
            for key, value in zip(table.keys, table.values, strict=True):
                if key is not None and literal(key) == "origins":
                    return value
    return None


def _unchecked(part: Part, file: Index, call: ast.Call) -> Iterator[Fact]:
    """`verify=False`, and YAML that may make any object."""
    verify = keyword(call, "verify", "verify_ssl")
    if isinstance(verify, ast.Constant) and verify.value is False:
        origin = origin_of(part.code, file.path, call.func)
        if origin.startswith(_CLIENTS) and not elsewhere(file, call):
            yield fact("habit.verify-off", origin.replace("()", ""), "verify=False",
                       file=file.path, line=call.lineno)  # fmt: skip
    if last(call.func) in ("load", "load_all", "unsafe_load"):
        origin = origin_of(part.code, file.path, call.func)
        if not origin.startswith("yaml."):
            return
        loader = keyword(call, "Loader") or (call.args[1] if len(call.args) > 1 else None)
        named = last(loader) if loader is not None else ""
        if loader is None or origin == "yaml.unsafe_load" or named in _UNSAFE_LOADERS:
            yield fact("habit.yaml-load", origin, named or "no Loader",
                       file=file.path, line=call.lineno)  # fmt: skip


def _csrf(file: Index) -> Iterator[Fact]:
    for function in file.functions:
        for decorator in function.decorator_list:
            exempt = last(decorator) == "csrf_exempt" or (
                isinstance(decorator, ast.Call)
                and any(last(given) == "csrf_exempt" for given in decorator.args)
            )
            if exempt and not any(word in function.name.lower() for word in _WEBHOOKS):
                yield fact("habit.csrf-off", f"{function.name}()", "csrf_exempt",
                           file=file.path, line=function.lineno)  # fmt: skip
    for target, value in file.assigned:
        name = last(target)
        if isinstance(target, ast.Subscript):
            name = literal(target.slice) or ""
        off = isinstance(value, ast.Constant) and value.value is False
        if name == "WTF_CSRF_ENABLED" and off and not elsewhere(file, value):
            yield fact("habit.csrf-off", name, "False", file=file.path, line=value.lineno)


def _django(part: Part) -> Iterator[Fact]:
    files = _settings_files(part)
    seen: set[str] = set()
    for file in files:
        for target, value in reversed(list(file.assigned)):
            name = last(target)
            if name in seen or not isinstance(target, ast.Name):
                continue
            seen.add(name)
            if any(isinstance(one, ast.If | ast.Try | ast.ClassDef) for one in file.above(value)):
                continue
            if len(_assigned(file)[name]) > 1:
                continue
            yield from _django_setting(file, name, value)


def _django_setting(file: Index, name: str, value: ast.expr) -> Iterator[Fact]:
    def told(rule: str, said: str) -> Fact:
        return fact(rule, name, said, file=file.path, line=value.lineno)

    if name == "DEBUG" and truth(value):
        yield told("habit.django-debug", "always" if truth(value) == "always" else "by default")
    elif name == "ALLOWED_HOSTS" and _is_any(file, value):
        yield told("habit.allowed-hosts", "*")
    elif name in ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL") and truth(value) == "always":
        credentials = any(
            last(other) == "CORS_ALLOW_CREDENTIALS" and truth(given) == "always"
            for other, given in file.assigned
        )
        rule = "habit.cors-credentials" if credentials else "habit.cors-any"
        yield told(rule, "any origin")


def _settings_files(part: Part) -> list[Index]:
    """The settings that the server takes, and what they import with `*`, the last word first."""
    found: list[Index] = []
    names = ("wsgi.py", "asgi.py", "manage.py")
    starts = [path for name in names for path in part.source.python_files
              if path.rpartition("/")[2] == name]  # fmt: skip
    for path in starts[:_SETTINGS_READ_MAX]:
        for text in index(part.source, path).strings:
            value = str(text.value)
            if "settings" not in value.lower() or not value.replace(".", "").isidentifier():
                continue
            located = find(part.source, value, path)
            if located is not None and located.path:
                _with_stars(part, located.path, found)
                if not elsewhere(index(part.source, located.path), text):
                    return found
                return []
    return found


def _with_stars(part: Part, path: str, found: list[Index]) -> None:
    if len(found) >= _SETTINGS_READ_MAX or any(file.path == path for file in found):
        return
    file = index(part.source, path)
    found.append(file)
    for node in file.of(ast.ImportFrom):
        if any(alias.name == "*" for alias in node.names):
            above = path.rpartition("/")[0]
            for _ in range(node.level - 1):
                above = above.rpartition("/")[0]
            inner = (node.module or "").replace(".", "/")
            base = f"{above}/{inner}" if node.level and above else inner
            for target in (f"{base}.py", f"{base}/__init__.py"):
                if target in part.source:
                    _with_stars(part, target, found)
