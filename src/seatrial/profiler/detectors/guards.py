"""Guards: what has to be true before a piece of code runs.

An import inside `try ... except ImportError`, or a client made under `if settings.REDIS_URL`, is
a feature that the app does without; a model loaded under `if model is None` is loaded once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.profiler.detectors.index import Index
from seatrial.profiler.reach import FunctionNode, dotted, last

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_SETTINGS = frozenset({"settings", "config", "cfg", "conf", "environ", "env", "getenv", "options"})
_CACHES = frozenset({
    "lru_cache", "cache", "cached", "cache_resource", "cache_data", "singleton", "memoize",
    "cached_property", "experimental_singleton", "alru_cache", "cachedmethod", "once",
})  # fmt: skip


def typing_only(index: Index, node: ast.AST) -> bool:
    """Whether code is there for type checkers only."""
    return any(
        isinstance(one, ast.If) and last(one.test) == "TYPE_CHECKING" for one in index.above(node)
    )


def tried(index: Index, node: ast.AST) -> bool:
    """Whether the app goes on when the package of an import is not installed."""
    below = node
    for one in index.above(node):
        if isinstance(one, ast.Try) and below in one.body:
            for handler in one.handlers:
                names = {last(named) for named in _caught(handler)}
                if (not handler.type or names & _IMPORT_ERRORS) and not _raises(handler.body):
                    return True
        below = one
    return False


def optional(index: Index, node: ast.AST) -> bool:
    """Whether code runs only when a setting asks for it."""
    below = node
    for one in index.above(node):
        if isinstance(one, ast.If | ast.IfExp):
            if below is not one.test and _asks_setting(one.test):
                return True
        elif isinstance(one, ast.BoolOp):
            if any(_asks_setting(value) for value in one.values if value is not below):
                return isinstance(one.op, ast.And)
        elif isinstance(one, FunctionNode) and _returns_early(one, below):
            return True
        below = one
    return False


def once(index: Index, node: ast.AST) -> bool:
    """Whether a cache or a test for None keeps code from running again."""
    below = node
    for one in index.above(node):
        if isinstance(one, ast.If | ast.IfExp) and below is not one.test and _tests_absence(one):
            return True
        if isinstance(one, FunctionNode) and (is_cached(one) or _leaves_when_there(one, below)):
            return True
        if isinstance(one, ast.Try) and any(below is handler for handler in one.handlers):
            names = {last(n) for handler in one.handlers for n in _caught(handler)}
            if names & {"KeyError", "AttributeError", "NameError"}:
                return True
        below = one
    return False


def is_cached(function: FunctionNode) -> bool:
    """Whether a function's result is kept by a decorator."""
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if last(called) in _CACHES:
            return True
    return False


def _caught(handler: ast.ExceptHandler) -> Iterator[ast.AST]:
    if isinstance(handler.type, ast.Tuple):
        yield from handler.type.elts
    elif handler.type is not None:
        yield handler.type


def _raises(body: list[ast.stmt]) -> bool:
    """Whether a block ends the program or hands the error on."""
    for statement in body:
        if isinstance(statement, ast.Raise):
            return True
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            called = dotted(statement.value.func)
            if called in ("sys.exit", "exit", "quit", "os._exit", "st.stop", "streamlit.stop"):
                return True
    return False


ends = _raises


def _asks_setting(test: ast.AST) -> bool:
    """Whether a condition is about a setting, and not about what an object holds by now."""
    for node in ast.walk(test):
        if isinstance(node, ast.Name):
            plain = node.id.lstrip("_")
            if plain.isupper() and len(plain) > 1 and plain != "TYPE_CHECKING":
                return True
            if plain.lower() in _SETTINGS or plain.startswith(("use_", "enable")):
                return True
        elif isinstance(node, ast.Attribute) and (
            (node.attr.isupper() and len(node.attr) > 1)
            or node.attr in _SETTINGS
            or node.attr.startswith(("use_", "enable"))
        ):
            return True
    return False


def _returns_early(function: FunctionNode, below: ast.AST) -> bool:
    """Whether a function leaves before `below` when a setting is missing."""
    for statement in function.body:
        if statement is below:
            return False
        if (
            isinstance(statement, ast.If)
            and _is_negative(statement.test)
            and _asks_setting(statement.test)
            and isinstance(statement.body[-1], ast.Return)
        ):
            return True
    return False


def _is_negative(test: ast.AST) -> bool:
    if isinstance(test, ast.UnaryOp):
        return isinstance(test.op, ast.Not)
    if isinstance(test, ast.Compare):
        return isinstance(test.ops[0], ast.Is | ast.NotIn)
    return isinstance(test, ast.BoolOp) and any(_is_negative(value) for value in test.values)


def _tests_absence(one: ast.If | ast.IfExp) -> bool:
    return any(_is_negative(node) for node in ast.walk(one.test))


def _leaves_when_there(function: FunctionNode, below: ast.AST) -> bool:
    """`if key in loaded: return loaded[key]`, `if model is not None: return model`."""
    for statement in function.body:
        if statement is below:
            return False
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Return):
            test = statement.test
            present = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.IsNot | ast.In)
            held = isinstance(test, ast.Name | ast.Attribute) and last(test).startswith("_")
            returned = statement.body[-1].value
            if present or held or (returned is not None and ast.dump(returned) == ast.dump(test)):
                return True
    return False


def asked(index: Index) -> frozenset[str]:
    """The names whose presence decides something, without the program ending for it."""
    found: set[str] = set()
    nodes: list[ast.If | ast.IfExp] = [*index.of(ast.If), *index.of(ast.IfExp)]
    for node in nodes:
        if isinstance(node, ast.If) and _raises(node.body):
            continue
        for one in ast.walk(node.test):
            if isinstance(one, ast.Name):
                found.add(one.id)
            elif isinstance(one, ast.Attribute):
                found.add(one.attr)
            elif isinstance(one, ast.Constant) and isinstance(one.value, str):
                found.add(one.value)
    return frozenset(found)
