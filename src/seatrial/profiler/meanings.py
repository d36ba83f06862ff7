"""What an expression of the app may stand for."""

from __future__ import annotations

import ast
from typing import NamedTuple

from seatrial.profiler.reach import dotted
from seatrial.profiler.scopes import Def, Klass

CONTAINERS = frozenset({
    "dict", "list", "set", "collections.defaultdict", "collections.deque", "collections.Counter",
    "collections.OrderedDict", "queue.Queue", "queue.SimpleQueue", "queue.LifoQueue",
    "queue.PriorityQueue", "asyncio.Queue", "asyncio.PriorityQueue", "multiprocessing.Queue",
    "multiprocessing.Manager().dict", "multiprocessing.Manager().list", "weakref.WeakSet",
    "weakref.WeakValueDictionary", "cachetools.TTLCache", "cachetools.LRUCache",
    "cachetools.LFUCache", "cachetools.Cache", "cachebox.TTLCache", "cachebox.LRUCache",
    "expiringdict.ExpiringDict", "janus.Queue", "multiprocessing.JoinableQueue",
})  # fmt: skip
LITERALS: dict[type[ast.AST], str] = {
    ast.Dict: "dict", ast.DictComp: "dict", ast.List: "list", ast.ListComp: "list",
    ast.Set: "set", ast.SetComp: "set",
}  # fmt: skip


class Place(NamedTuple):
    """A module of the app; `path` is empty for a folder without `__init__.py`."""

    path: str
    folder: str


class Thing(NamedTuple):
    """An object of a class of the app; `exact` when it is of no class derived from it."""

    klass: Klass
    exact: bool


class Held(NamedTuple):
    """A container that outlives a call: of a module, a class, or each object of a class."""

    path: str
    name: str
    kind: str
    node: ast.expr
    klass: Klass | None = None
    each: bool = False


Symbol = Def | Klass | Thing | Place | Held | str | None
"""None: it cannot be told."""


def is_self(one: Def, name: str) -> bool:
    """Whether a name is the first parameter of a method."""
    if one.klass is None or isinstance(one.node, ast.Module):
        return False
    args = [*one.node.args.posonlyargs, *one.node.args.args]
    static = any(dotted(d) == "staticmethod" for d in one.node.decorator_list)
    return bool(args) and args[0].arg == name and not static


def is_super(node: ast.Call) -> bool:
    """`super()`."""
    return isinstance(node.func, ast.Name) and node.func.id == "super"


def is_property(found: Symbol) -> bool:
    """Whether reading an attribute calls this function."""
    return isinstance(found, Def) and any(
        dotted(decorator).rpartition(".")[2] in ("property", "cached_property")
        for decorator in found.decorators
    )
