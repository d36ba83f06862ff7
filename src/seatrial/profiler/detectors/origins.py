"""Where a value comes from: `openai.OpenAI().chat.completions.create` of `self.client...create`.

An origin is the dotted name of what was imported, with `()` for every call on the way. Containers
are looked through: an item of a list of X counts as X, and `a | b` of LangChain is one chain.
What hangs on a function of the app begins with `@`: `@resize.delay()`. What cannot be followed is
''.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from weakref import WeakKeyDictionary

from seatrial.profiler.code import Code
from seatrial.profiler.meanings import Thing
from seatrial.profiler.reach import FunctionNode
from seatrial.profiler.scopes import Def, Klass, Scope

DEPTH_MAX = 16
"""Longest chain of names that is followed; real ones are shorter than ten."""
PIPE = "langchain.pipe()"
"""`prompt | model | parser` of LangChain."""
_Key = tuple[str, Scope, str]
_LOOKED_THROUGH = (ast.Await, ast.Subscript, ast.NamedExpr, ast.Starred)
_KNOWN: WeakKeyDictionary[Code, _Followed] = WeakKeyDictionary()


class _Followed:
    """What was found so far about the names of a component."""

    def __init__(self) -> None:
        # Every name is followed once: hostile code cannot make it branch without end.
        self.names: dict[_Key, str] = {}
        self.loops: dict[str, dict[tuple[Scope, str], ast.expr]] = {}


def origin_of(code: Code, path: str, node: ast.AST) -> str:
    """The origin of an expression of a file; of an object of the app's own class its `__call__`."""
    scope = code.file(path).scope(node)
    found = code.symbols.resolve(path, scope, node)
    if isinstance(found, Thing):
        method = code.symbols.of_object(found, "__call__")
        return method if isinstance(method, str) else ""
    if isinstance(found, str):
        return found
    return "" if isinstance(found, Def | Klass) else _of(code, path, scope, node, 0)


def _of(code: Code, path: str, scope: Scope, node: ast.AST, depth: int) -> str:
    if depth > DEPTH_MAX:
        return ""
    found = code.symbols.resolve(path, scope, node)
    if isinstance(found, Def):
        return f"@{found.name}"  # `task.delay()` of a function of the app
    if found is not None and not isinstance(found, str):
        return ""
    if found:
        return found
    if isinstance(node, ast.Attribute | ast.Call):
        inner = node.value if isinstance(node, ast.Attribute) else node.func
        base = _of(code, path, scope, inner, depth + 1)
        said = f".{node.attr}" if isinstance(node, ast.Attribute) else "()"
        return base + said if base else ""
    if isinstance(node, _LOOKED_THROUGH):
        return _of(code, path, scope, node.value, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = (_of(code, path, scope, side, depth + 1) for side in (node.left, node.right))
        return PIPE if any(side.startswith("langchain") for side in sides) else ""
    if isinstance(node, ast.List | ast.Tuple):
        return next(
            filter(None, (_of(code, path, scope, one, depth + 1) for one in node.elts[:4])), ""
        )
    return _name(code, path, scope, node.id, depth) if isinstance(node, ast.Name) else ""


def _name(code: Code, path: str, scope: Scope, name: str, depth: int) -> str:
    """A name that is given an item, a piped chain or what a loop runs over."""
    followed = _followed(code)
    file = code.file(path)
    around = scope
    while True:
        holder = around.parent if isinstance(around, Klass) else around
        bound = file.names(holder).get(name)
        loop = _loops(code, path).get((holder, name))
        if bound is not None or loop is not None:
            break
        if holder is None:
            return ""
        around = holder.parent
    key = (path, holder, name)
    if key not in followed.names:
        followed.names[key] = ""  # for names that are bound to themselves
        values = [loop] if loop is not None else []
        values += [
            one.what for one in reversed((bound or [])[-8:])
            if one.how == "value" and isinstance(one.what, ast.expr)
        ]  # fmt: skip
        items = [
            one.what.slice for one in (bound or [])[-8:]
            if one.how == "type" and isinstance(one.what, ast.Subscript)
        ]  # fmt: skip
        found = [_of(code, path, holder, value, depth + 1) for value in values]
        # The items of `list[UploadFile]` are objects of it.
        made = (_of(code, path, holder, item, depth + 1) for item in items)
        found += [f"{one}()" for one in made if one]
        followed.names[key] = next(filter(None, found), "")
    return followed.names[key]


def _loops(code: Code, path: str) -> dict[tuple[Scope, str], ast.expr]:
    """What the loops of a file run over, by the name that gets the items."""
    known = _followed(code).loops
    if path not in known:
        file = code.file(path)
        known[path] = {
            (file.at(loop.iter), loop.target.id): loop.iter
            for loop in file.of(ast.For, ast.AsyncFor, ast.comprehension)
            if isinstance(loop.target, ast.Name)
        }
    return known[path]


def _followed(code: Code) -> _Followed:
    if code not in _KNOWN:
        _KNOWN[code] = _Followed()
    return _KNOWN[code]


def own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module but not of the functions and classes inside it."""
    waiting: list[ast.AST] = (
        list(reversed(node.body)) if isinstance(node, FunctionNode) else [node]
    )  # fmt: skip
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, FunctionNode | ast.Lambda | ast.ClassDef):
            waiting.extend(reversed(list(ast.iter_child_nodes(one))))


def in_order(nodes: Iterator[ast.AST]) -> list[ast.AST]:
    """Nodes by their lines."""
    return sorted(
        nodes, key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    )
