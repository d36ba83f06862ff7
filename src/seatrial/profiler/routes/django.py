"""Routes of Django: from the settings' ROOT_URLCONF through every `include`."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath
from typing import Any

from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import (
    Bound,
    Call,
    Class,
    External,
    Function,
    ModuleValue,
    Place,
    Seq,
    Thing,
    text,
)
from seatrial.profiler.routes import djangoviews, ninja
from seatrial.profiler.routes.found import NESTED_MAX, Found, Routes
from seatrial.profiler.routes.patterns import plain_regex

_PATHS = frozenset({"django.urls.path", "django.urls.conf.path"})
_REGEXES = frozenset({
    "django.urls.re_path", "django.urls.conf.re_path", "django.conf.urls.url",
})  # fmt: skip
_INCLUDES = frozenset({
    "django.urls.include", "django.urls.conf.include", "django.conf.urls.include",
})  # fmt: skip
_PREFIXED = frozenset({"django.conf.urls.i18n.i18n_patterns"})
_QUIET = ("django.conf.urls.static.static", "django.contrib.staticfiles.", "debug_toolbar.")


def read(_app: Thing | None, machine: Interpreter, path: str) -> Routes:
    """All URL patterns; the admin's own pages count as one."""
    found = Found("django")
    root = _root(machine, path)
    if root is None:
        found.unread("ROOT_URLCONF", "no settings name the URL patterns", Place(path, 0))
    else:
        _module(root, "/", machine, found, NESTED_MAX)
    return found.result()


def _root(machine: Interpreter, path: str) -> ModuleValue | None:
    """The module of ROOT_URLCONF, or the urls.py nearest to the root when no settings say it."""
    for name, file in _settings(machine, path):
        settings = machine.import_name(name, file)
        if isinstance(settings, ModuleValue):
            urls = text(settings.scope.names.get("ROOT_URLCONF"))
            module = machine.import_name(urls, settings.path or file) if urls else None
            if isinstance(module, ModuleValue):
                return module
    for one in sorted(machine.source.python_files, key=lambda p: (p.count("/"), p)):
        if PurePosixPath(one).name == "urls.py":
            module = machine.run(one)
            if isinstance(module.scope.names.get("urlpatterns"), Seq):
                return module
    return None


def _settings(machine: Interpreter, path: str) -> list[tuple[str, str]]:
    """The settings modules named in the entry, manage.py and wsgi.py, with the file."""
    source = machine.source
    near = [p for p in source.python_files if PurePosixPath(p).name in ("manage.py", "wsgi.py",
                                                                       "asgi.py")]  # fmt: skip
    found: list[tuple[str, str]] = []
    for file in dict.fromkeys([path, *sorted(near, key=lambda p: (p.count("/"), p))]):
        for node in source.nodes(file) if file in source else ():
            if isinstance(node, ast.Call) and "DJANGO_SETTINGS_MODULE" in _texts(node):
                found += [(name, file) for name in _texts(node) if name != _VARIABLE and name]
            elif isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Subscript) and "DJANGO_SETTINGS_MODULE" in _texts(t)
                for t in node.targets
            ):
                found += [(name, file) for name in _texts(node.value)]
    return list(dict.fromkeys(found))


_VARIABLE = "DJANGO_SETTINGS_MODULE"


def _texts(node: ast.AST) -> list[str]:
    return [
        one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]


def _module(
    module: ModuleValue, prefix: str, machine: Interpreter, found: Found, deep: int
) -> None:
    place = Place(module.path, 1)
    if found.enter("include", deep, place):
        _patterns(module.scope.names.get("urlpatterns"), prefix, place, machine, found, deep - 1)


def _patterns(
    value: Any, prefix: str, place: Place, machine: Interpreter, found: Found, deep: int
) -> None:
    """What `urlpatterns` or the argument of `include` stands for."""
    if isinstance(value, Seq):
        for one in value.items:
            _pattern(one, prefix, place, machine, found, deep)
    elif isinstance(value, ModuleValue):
        _module(value, prefix, machine, found, deep)
    elif isinstance(value, Bound | Thing) or value is not None:
        _pattern(value, prefix, place, machine, found, deep)
    else:
        found.unread("urlpatterns", "patterns that cannot be told from the source", place)


def _pattern(
    one: Any, prefix: str, place: Place, machine: Interpreter, found: Found, deep: int
) -> None:
    if isinstance(one, Bound) and isinstance(one.owner, Thing):
        if one.name == "urls" and djangoviews.router(one.owner, prefix, found):
            return
        if one.name == "urls" and ninja.collect(one.owner, prefix, found, deep):
            return
    if isinstance(one, Thing) and one.made_by in _PATHS | _REGEXES:
        _path(one.made, one.made_by in _REGEXES, prefix, machine, found, deep)
    elif isinstance(one, Thing) and one.made_by in _INCLUDES:
        _included(one.made, prefix, machine, found, deep)
    elif isinstance(one, Thing) and one.made_by in _PREFIXED:
        # The language prefix is left out of none but the default language when so asked.
        _patterns(Seq(one.made.args), prefix, one.made.place, machine, found, deep)
    elif isinstance(one, Seq):
        if found.enter("urlpatterns", deep, place):
            _patterns(one, prefix, place, machine, found, deep - 1)
    elif not (isinstance(one, Thing | External) and _made(one).startswith(_QUIET)):
        found.unread("urlpatterns", "a pattern that cannot be told from the source", place)


def _made(one: Thing | External) -> str:
    return one.made_by if isinstance(one, Thing) else one.name


def _path(
    call: Call, regex: bool, prefix: str, machine: Interpreter, found: Found, deep: int
) -> None:
    written = text(call.argument(0, "regex" if regex else "route"))
    if written is None:
        lazy = call.argument(0, "route")  # _("about/") is translated; the text itself is known
        written = text(lazy.made.argument(0, "message")) if isinstance(lazy, Thing) else None
    if written is None:
        found.unread("path", "a path that is not constant", call.place)
        return
    whole = prefix + (plain_regex(written) if regex else written).lstrip("/")
    view = call.argument(1, "view")
    if isinstance(view, Thing) and view.made_by in _INCLUDES:
        _included(view.made, whole, machine, found, deep)
    elif isinstance(view, External) and view.name.endswith("admin.site.urls"):
        found.add(whole, ("GET", "POST"), "admin", call.place)
    elif isinstance(view, Bound) and view.name == "urls":
        _pattern(view, whole, call.place, machine, found, deep)
    elif isinstance(view, Seq) and view.items and isinstance(view.items[0], Seq):
        _patterns(view.items[0], whole, call.place, machine, found, deep - 1)
    else:
        name = text(call.kwargs.get("name")) or text(call.argument(3, "name")) or _view_name(view)
        found.add(whole, djangoviews.methods(view), name, call.place)


def _view_name(view: Any) -> str:
    if isinstance(view, Function | Class):
        return view.name
    if isinstance(view, Thing):
        return view.made_by.removesuffix(".as_view").rpartition(".")[2]
    return view.name.rpartition(".")[2] if isinstance(view, External) else ""


def _included(call: Call, prefix: str, machine: Interpreter, found: Found, deep: int) -> None:
    target = call.argument(0, "arg")
    if isinstance(target, Seq) and target.items and not isinstance(target.items[0], Thing):
        first = target.items[0]  # (patterns, "namespace")
        target = first if isinstance(first, Seq | ModuleValue | Bound) or text(first) else target
    name = text(target)
    if name is not None:
        target = machine.import_name(name, call.place.file)
        if not isinstance(target, ModuleValue):
            found.unread("include", f"{prefix}: {name} is not in the source", call.place)
            return
    if found.enter("include", deep, call.place):
        _patterns(target, prefix, call.place, machine, found, deep - 1)
