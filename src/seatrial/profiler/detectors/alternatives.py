"""What an app keeps in memory only as long as no variable leads it elsewhere.

def open_store(config):
    if config.redis_url:
        return RedisStore(config.redis_url)
    return MemoryStore()
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.profiler.code import Klass, Thing
from seatrial.profiler.detectors import env
from seatrial.profiler.part import Part
from seatrial.profiler.scopes import Def, File


def unless(part: Part, klass: Klass) -> str:
    """The variable that makes a function return something else than an object of a class; ''
    when there is none."""
    for path in part.paths:
        file = part.code.file(path)
        for call in file.by_name.get(klass.name, ()):
            one = file.at(call)
            made = part.code.resolve(path, call)
            if one is None or not isinstance(made, Thing) or made.klass is not klass:
                continue
            names = frozenset(_asked(file, one, call))
            for read in env.reads(part) if names else ():
                if {read.name, read.held} & names - {""}:
                    return read.name
    return ""


def _asked(file: File, one: Def, call: ast.Call) -> Iterator[str]:
    """The names that have to be without a value for a function to return what a call makes."""
    given = [node for node in file.inside(one, ast.Return) if node.value is not None]
    if not any(_around(node, call) for node in given):
        return
    for choice in file.inside(one, ast.If, ast.IfExp):
        bodies = choice.body if isinstance(choice, ast.If) else [choice.body]
        inside = any(_around(node, call) for node in bodies)
        negative = isinstance(choice.test, ast.UnaryOp) and isinstance(choice.test.op, ast.Not)
        returns = isinstance(choice, ast.IfExp) or any(
            _around(choice, node) for node in given if not _around(node, call)
        )
        if inside is negative and (returns or inside):
            yield from _names(choice.test)


def _around(outer: ast.AST, inner: ast.AST) -> bool:
    return any(node is inner for node in ast.walk(outer))


def _names(test: ast.expr) -> Iterator[str]:
    for node in ast.walk(test):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
