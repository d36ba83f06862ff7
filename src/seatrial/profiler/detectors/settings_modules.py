"""Settings modules: Python files with settings that no import leads to.

`app.config.from_object("config.Production")`, `DJANGO_SETTINGS_MODULE`, `celeryconfig`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.profiler.detectors.index import Index, index, indexes
from seatrial.profiler.modules import find
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last, literal

_LOADERS = frozenset({"from_object", "config_from_object", "from_pyfile", "setdefault"})


def with_settings(part: Part) -> Iterator[Index]:
    """The files that a component may run, and the settings that they name."""
    yield from indexes(part)
    for path in modules(part):
        yield index(part.source, path)


def modules(part: Part) -> tuple[str, ...]:
    """The settings modules of a component that are not among its files."""
    memo = part.source.memo.setdefault("settings_modules", {})
    if part not in memo:
        found: dict[str, None] = {}
        for one in indexes(part):
            for name in _named(one):
                for module in (name, name.rpartition(".")[0], name.removesuffix(".py")):
                    if module and all(word.isidentifier() for word in module.split(".")):
                        located = find(part.source, module, one.path)
                        if located is not None and located.path:
                            found[located.path] = None
        if part.framework == "django":
            # Those of other surroundings, in a package of settings.
            found.update({path: None for path in part.source.python_files if _of_django(path)})
        memo[part] = tuple(path for path in found if path not in part.paths)
    result: tuple[str, ...] = memo[part]
    return result


def _named(one: Index) -> Iterator[str]:
    loads = [call for call in one.of(ast.Call) if last(call.func) in _LOADERS and call.args]
    for call in loads:
        for given in call.args:
            yield (literal(given) or "").removeprefix("django.conf:")
            function = one.function(call) if isinstance(given, ast.Name) else None
            if function is not None:
                # `def create_app(config="shop.config.Config"): app.config.from_object(config)`
                for default in function.args.defaults:
                    yield literal(default) or ""


def _of_django(path: str) -> bool:
    parts = path.split("/")
    if {"tests", "test", "docs"} & set(parts[:-1]):
        return False
    return parts[-1] == "settings.py" or (len(parts) > 1 and parts[-2] == "settings")
