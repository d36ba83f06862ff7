"""Which classes have an object that lives as long as the process."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from seatrial.profiler.code import Def, Held, Klass, Thing
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted
from seatrial.profiler.scopes import File

_ONCE = ("lru_cache", "cache", "cache_resource", "singleton", "cached", "once")


def lasting(part: Part, containers: Iterable[Held]) -> dict[Klass | None, str]:
    """Those of the containers' classes that have a lasting object, with its name."""
    wanted = {held.klass for held in containers if held.klass is not None}
    found: dict[Klass | None, str] = {}
    if not wanted:
        return found
    scripts = {one.path for one in part.code.scripts}
    below: dict[Klass, set[Klass]] = {klass: {klass} for klass in wanted}
    for path in part.paths:
        for klass in part.code.file(path).klasses:
            for base in part.code.symbols.ancestors(klass) if klass.node.bases else ():
                if isinstance(base, Klass) and base in below:
                    below[base].add(klass)
    for path in part.paths:
        if path in scripts and not part.code.scripts:
            continue
        file = part.code.file(path)
        for klass, kinds in below.items():
            for name in {kind.name for kind in kinds} | {"cls"}:
                for call in file.by_name.get(name, ()):
                    made = part.code.resolve(path, call)
                    if not isinstance(made, Thing) or made.klass not in kinds:
                        continue
                    holder = _holder(file, call, path in scripts)
                    if holder:
                        found.setdefault(klass, holder)
    return found


def _holder(file: File, call: ast.Call, script: bool) -> str:
    """The name that keeps what a call makes; '' when it goes with the function that made it."""
    one = file.at(call)
    target = _target(file, call, one)
    if one is None:
        return "" if script else target or dotted(call.func)
    if any(_last(decorator) in _ONCE for decorator in one.decorators):
        return f"{one.name}()"
    first, _, rest = target.partition(".")
    if target in file.globals_of(one) or ".state." in target or first == "cls":
        return target
    # `app.manager = Manager()` in a factory lasts; `self.x = X()` goes with its object.
    return target if rest and first in ("app", "application") else ""


def _target(file: File, call: ast.Call, one: Def | None) -> str:
    for node in file.inside(one, ast.Assign, ast.AnnAssign):
        if node.value is not None and (
            node.value is call or (node.lineno <= call.lineno <= (node.end_lineno or 0)
                                   and any(inner is call for inner in ast.walk(node.value)))
        ):  # fmt: skip
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            return dotted(target)
    return ""


def _last(decorator: ast.expr) -> str:
    func = decorator.func if isinstance(decorator, ast.Call) else decorator
    return dotted(func).rpartition(".")[2]
