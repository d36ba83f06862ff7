"""Which classes have an object that lives as long as the process."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from seatrial.profiler.code import Def, Held, Klass, Thing
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted
from seatrial.profiler.scopes import File

DEPTH_MAX = 3
"""How many functions are gone back through that return what another made."""
CALLERS_MAX = 20
_APPS = ("app", "application")
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
                    holder = _holder(part, file, call, path in scripts)
                    if holder:
                        found.setdefault(klass, holder)
    return found


def _holder(part: Part, file: File, call: ast.Call, script: bool, depth: int = 0) -> str:
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
    if rest and first in _APPS:
        return target
    if depth > DEPTH_MAX or one in part.code.serving:
        return ""
    kept = _kept_by_app(file, one, target) if target and not rest else ""
    return kept or _of_callers(part, file, one, call, target, script, depth)


def _kept_by_app(file: File, one: Def, name: str) -> str:
    """`app.extensions["x"] = State(store)` keeps the store, too."""
    for node in file.inside(one, ast.Assign):
        for target in node.targets:
            held = target.value if isinstance(target, ast.Subscript) else target
            first, _, rest = dotted(held).partition(".")
            if rest and first in _APPS and any(
                isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node.value)
            ):  # fmt: skip
                return name
    return ""


def _of_callers(
    part: Part, file: File, one: Def, call: ast.Call, target: str, script: bool, depth: int
) -> str:
    """The name that keeps what a function returns, for one that returns what a call makes."""
    returned = any(
        node.value is call
        or (isinstance(node.value, ast.Name) and node.value.id == target)
        or (isinstance(node.value, ast.IfExp) and call in (node.value.body, node.value.orelse))
        for node in file.inside(one, ast.Return)
    )
    if not returned or one.klass is not None:
        return ""
    for path in part.paths:
        there = part.code.file(path)
        for caller in there.by_name.get(one.name, ())[:CALLERS_MAX]:
            if part.code.resolve(path, caller.func) == one:
                holder = _holder(part, there, caller, script, depth + 1)
                if holder:
                    return holder
    return ""


def _target(file: File, call: ast.Call, one: Def | None) -> str:
    for node in file.inside(one, ast.Assign, ast.AnnAssign):
        if node.value is not None and (
            node.value is call or (node.lineno <= call.lineno <= (node.end_lineno or 0)
                                   and any(inner is call for inner in ast.walk(node.value)))
        ):  # fmt: skip
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = node.value
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = zip(target.elts, value.elts, strict=False)
                target = next((left for left, right in pairs if right is call), target)
            return dotted(target)
    return ""


def _last(decorator: ast.expr) -> str:
    func = decorator.func if isinstance(decorator, ast.Call) else decorator
    return dotted(func).rpartition(".")[2]
