"""The value of an expression, as far as it can be known without running it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any, Protocol

from seatrial.profiler.objects import (
    UNKNOWN,
    Bound,
    Call,
    Class,
    Const,
    External,
    Function,
    ModuleValue,
    Place,
    Scope,
    Seq,
    Table,
    Thing,
    known,
    text,
)

TEXT_MAX = 4_096
ITEMS_MAX = 1_000
DEEP_MAX = 100
"""Expressions inside each other, through the functions they call; Python's own limit is hit at a
depth that depends on who calls the profiler."""
ARGS_TOLD = 2
_SUPER = External("builtins.super")
_BUILTINS = frozenset(dir(builtins))


class Machine(Protocol):
    """What evaluation needs of the interpreter."""

    deep: int

    def step(self, cost: int = 1) -> None:
        """Count one step, or what it costs in memory."""

    def call_function(self, function: Function, call: Call) -> Any:
        """Run a function of the app."""

    def import_name(self, dotted: str, file: str) -> Any:
        """What `import dotted` binds, as the module itself."""

    def submodule(self, module: ModuleValue, name: str) -> Any:
        """A module of a package."""


def evaluate(machine: Machine, node: ast.expr | None, scope: Scope) -> Any:
    """The value of `node`; `UNKNOWN` where it cannot be told."""
    machine.step()
    if node is None:
        return UNKNOWN
    handler = _HANDLERS.get(node.__class__)
    if handler is None or machine.deep >= DEEP_MAX:
        return UNKNOWN
    machine.deep += 1
    try:
        return handler(machine, node, scope)
    finally:
        machine.deep -= 1


def look_up(name: str, scope: Scope) -> Any:
    """A name as Python's scopes find it."""
    current: Scope | None = scope
    stars: tuple[str, ...] = ()
    while current is not None:
        if name in current.names:
            return current.names[name]
        stars, current = current.stars or stars, current.outer
    if stars and name not in _BUILTINS:
        return External(f"{stars[-1]}.{name}")
    return External(f"builtins.{name}")


def _constant(_machine: Machine, node: ast.Constant, _scope: Scope) -> Any:
    value = node.value
    if isinstance(value, str | bytes) and len(value) > TEXT_MAX:
        return UNKNOWN
    return Const(value)


def _name(_machine: Machine, node: ast.Name, scope: Scope) -> Any:
    return look_up(node.id, scope)


def _attribute(machine: Machine, node: ast.Attribute, scope: Scope) -> Any:
    return attribute(machine, evaluate(machine, node.value, scope), node.attr)


def attribute(machine: Machine, owner: Any, name: str) -> Any:
    """`owner.name`."""
    if isinstance(owner, External):
        return External(f"{owner.name}.{name}"[:TEXT_MAX])
    if isinstance(owner, ModuleValue):
        return owner.scope.names.get(name) or machine.submodule(owner, name)
    if isinstance(owner, Class):
        return Bound(owner, "as_view") if name == "as_view" else owner.find(name)
    if isinstance(owner, Bound):
        return Bound(owner.owner, f"{owner.name}.{name}"[:TEXT_MAX])
    if isinstance(owner, Thing):
        if name in owner.attributes:
            return owner.attributes[name]
        found = owner.kind.find(name) if owner.kind else UNKNOWN
        if isinstance(found, Function):
            return Function(found.node, found.scope, found.place, owner)
        return found if known(found) else Bound(owner, name)
    if isinstance(owner, Call):
        if owner.result is None:
            owner.result = Thing(owner.method, owner)
        return Bound(owner.result, name)
    if isinstance(owner, Const | Table):
        return Bound(owner, name)
    return UNKNOWN


def _call(machine: Machine, node: ast.Call, scope: Scope) -> Any:
    target = evaluate(machine, node.func, scope)
    args: list[Any] = []
    for arg in node.args:
        if isinstance(arg, ast.Starred):
            value = evaluate(machine, arg.value, scope)
            args.extend(value.items if isinstance(value, Seq) and len(args) < ITEMS_MAX else ())
        else:
            args.append(evaluate(machine, arg, scope))
    kwargs: dict[str, Any] = {}
    for keyword in node.keywords:
        value = evaluate(machine, keyword.value, scope)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, Table) and len(kwargs) < ITEMS_MAX:
            machine.step(len(value.items) // 8)
            kwargs.update({key: v for key, v in value.items.items() if isinstance(key, str)})
    call = Call("", tuple(args), kwargs, Place(scope.file, node.lineno))
    if target == _SUPER and isinstance(look_up("self", scope), Thing):
        return Bound(look_up("self", scope), "super")
    return apply(machine, target, call)


def apply(machine: Machine, target: Any, call: Call) -> Any:
    """The value of calling `target`."""
    if isinstance(target, Function):
        return machine.call_function(target, call)
    if isinstance(target, Class):
        made = Thing(next(iter(target.externals()), ""), call, target)
        _given(made, call)
        start = target.find("__init__")
        if isinstance(start, Function):
            machine.call_function(Function(start.node, start.scope, start.place, made), call)
        return made
    if isinstance(target, External):
        name = text(call.argument(0, "name"))
        if target.name == "importlib.import_module" and name and not name.startswith("."):
            return machine.import_name(name, call.place.file)
        made = Thing(target.name, call)
        _given(made, call)
        return made
    if isinstance(target, Bound):
        return _method(target, call)
    if isinstance(target, Thing) and target.kind is None:
        return _method(Bound(target, "__call__"), call)
    return UNKNOWN


def _given(user: Thing, call: Call) -> None:
    """Tell the things among the arguments who was given them."""
    for value in (*call.args[:ARGS_TOLD], call.kwargs.get("app")):
        if not isinstance(value, Thing):
            continue
        if value.users is None:
            value.users = []
        if len(value.users) < ITEMS_MAX and user not in value.users[-1:]:
            value.users.append(user)


def _method(target: Bound, call: Call) -> Any:
    if isinstance(target.owner, Thing):
        call.method = target.name
        if len(target.owner.calls) < 10_000:
            target.owner.calls.append(call)
        _given(target.owner, call)
        return call
    if isinstance(target.owner, Class) and target.name == "as_view":
        return target.owner
    if isinstance(target.owner, Table) and target.name == "items":
        return Seq(tuple(Seq((Const(k), v)) for k, v in target.owner.items.items()))
    if isinstance(target.owner, Table) and target.name == "values":
        return Seq(tuple(target.owner.items.values()))
    if isinstance(target.owner, Const) and target.name in ("upper", "lower", "strip"):
        value = text(target.owner)
        return Const(getattr(value, target.name)()) if value is not None else UNKNOWN
    return UNKNOWN


def _sequence(machine: Machine, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Any:
    items: list[Any] = []
    for item in node.elts[:ITEMS_MAX]:
        if isinstance(item, ast.Starred):
            value = evaluate(machine, item.value, scope)
            items.extend(value.items if isinstance(value, Seq) and len(items) < ITEMS_MAX else ())
        else:
            items.append(evaluate(machine, item, scope))
    machine.step(len(items) // 8)
    return Seq(tuple(items[:ITEMS_MAX]))


def _dict(machine: Machine, node: ast.Dict, scope: Scope) -> Any:
    items: dict[Any, Any] = {}
    for key, value in list(zip(node.keys, node.values, strict=True))[:ITEMS_MAX]:
        name = evaluate(machine, key, scope) if key else UNKNOWN
        result = evaluate(machine, value, scope)
        if isinstance(name, Const):
            items[name.value] = result
        elif key is None and isinstance(result, Table) and len(items) < ITEMS_MAX:
            machine.step(len(result.items) // 8)
            items.update(result.items)
    return Table(items)


def _joined(machine: Machine, node: ast.JoinedStr, scope: Scope) -> Any:
    parts: list[str] = []
    size = 0
    for part in node.values:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        value = text(evaluate(machine, inner, scope))
        if value is None or (isinstance(part, ast.FormattedValue) and part.format_spec):
            return UNKNOWN
        size += len(value)
        if size > TEXT_MAX:
            return UNKNOWN
        parts.append(value)
    machine.step(size // 64)
    return Const("".join(parts))


def _binary(machine: Machine, node: ast.BinOp, scope: Scope) -> Any:
    left = evaluate(machine, node.left, scope)
    right = evaluate(machine, node.right, scope)
    if not isinstance(node.op, ast.Add):
        return UNKNOWN
    if isinstance(left, Seq) or isinstance(right, Seq):
        # What is no list itself stands in it whole: `[path(...)] + router.urls`.
        sides = [s.items if isinstance(s, Seq) else (s,) for s in (left, right) if known(s)]
        both = tuple(item for side in sides for item in side)
        machine.step(len(both) // 8)
        return Seq(both) if len(both) <= ITEMS_MAX else UNKNOWN
    first, second = text(left), text(right)
    if first is None or second is None or len(first) + len(second) > TEXT_MAX:
        return UNKNOWN
    machine.step((len(first) + len(second)) // 64)
    return Const(first + second)


def _choice(machine: Machine, node: ast.IfExp | ast.BoolOp, scope: Scope) -> Any:
    options = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
    values = [evaluate(machine, option, scope) for option in options]
    likely = (v for v in values if known(v) and not (isinstance(v, Const) and not v.value))
    return next(likely, values[0])


def _subscript(machine: Machine, node: ast.Subscript, scope: Scope) -> Any:
    owner = evaluate(machine, node.value, scope)
    key = evaluate(machine, node.slice, scope)
    if not isinstance(key, Const):
        return UNKNOWN
    if isinstance(owner, Table):
        return owner.items.get(key.value, UNKNOWN)
    if isinstance(owner, Seq) and isinstance(key.value, int):
        inside = -len(owner.items) <= key.value < len(owner.items)
        return owner.items[key.value] if inside else UNKNOWN
    return UNKNOWN


def _named(machine: Machine, node: ast.NamedExpr, scope: Scope) -> Any:
    value = evaluate(machine, node.value, scope)
    scope.names[node.target.id] = value
    return value


def _inner(machine: Machine, node: ast.Await | ast.Starred, scope: Scope) -> Any:
    return evaluate(machine, node.value, scope)


def _comprehension(
    machine: Machine, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope
) -> Any:
    """One loop over a known list with a plain name; conditions are taken to hold."""
    loop = node.generators[0]
    values = evaluate(machine, loop.iter, scope)
    if len(node.generators) > 1 or not isinstance(values, Seq):
        return UNKNOWN
    if not isinstance(loop.target, ast.Name):
        return UNKNOWN
    items: list[Any] = []
    machine.step(len(values.items) // 8)
    for value in values.items:
        inner = Scope(scope.file, {loop.target.id: value}, scope, module=scope.module)
        items.append(evaluate(machine, node.elt, inner))
    return Seq(tuple(items))


def _lambda(_machine: Machine, node: ast.Lambda, scope: Scope) -> Any:
    return Function(node, scope, Place(scope.file, node.lineno))


_HANDLERS: dict[type[ast.expr], Callable[[Machine, Any, Scope], Any]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.BinOp: _binary,
    ast.IfExp: _choice,
    ast.BoolOp: _choice,
    ast.Subscript: _subscript,
    ast.NamedExpr: _named,
    ast.Await: _inner,
    ast.Starred: _inner,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.SetComp: _comprehension,
}
