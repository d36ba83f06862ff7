"""Python text to syntax trees: bounded in depth, listed in one pass, without a word."""

from __future__ import annotations

import ast
import gc
import platform
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

DEPTH_MAX = 400
"""Deepest tree that is read. Python's own limit depends on its version and on who calls it, so
that the same app would be read here and refused there."""

# Fields that hold no node that anything looks for: texts, numbers, contexts and operators. Of
# the nodes of a tree a third are contexts (`Load`), which have no place and are all the same.
_LEAVES = frozenset({
    "ctx", "op", "ops", "id", "attr", "arg", "type_comment", "kind", "level", "is_async",
    "conversion", "simple", "asname", "module", "rest", "kwd_attrs",
})  # fmt: skip
_FIELDS: dict[type, tuple[str, ...]] = {
    ast.Constant: (), ast.MatchSingleton: (), ast.Global: (), ast.Nonlocal: (),
}  # fmt: skip
_pauses = 0
_lock = threading.Lock()


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep the garbage collector from walking the trees again and again while they are made.

    Syntax trees hold no cycles, and reading them with the collector on takes twice the time.
    Blocks may be nested and stand in several threads; the last one out turns it on again.
    """
    global _pauses
    with _lock:
        if not _pauses and not gc.isenabled():
            paused = False
        else:
            paused, _pauses = True, _pauses + 1
            gc.disable()
    try:
        yield
    finally:
        if paused:
            with _lock:
                _pauses -= 1
                if not _pauses:
                    gc.enable()


@dataclass(slots=True)
class Parsed:
    """A tree, all of its nodes from the root down, and those of each type once asked for."""

    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    _kinds: defaultdict[type, list[ast.AST]] = field(default_factory=lambda: defaultdict(list))
    _mixed: dict[tuple[type[ast.AST], ...], list[ast.AST]] = field(default_factory=dict)

    def of(self, kinds: tuple[type[ast.AST], ...]) -> list[ast.AST]:
        """The nodes of exactly these types, in the order of `nodes`."""
        if len(kinds) == 1:
            if not self._kinds:
                by_kind = self._kinds
                for node in self.nodes:
                    by_kind[node.__class__].append(node)
            return self._kinds.get(kinds[0], [])
        if kinds not in self._mixed:
            wanted = frozenset(kinds)
            self._mixed[kinds] = [node for node in self.nodes if node.__class__ in wanted]
        return self._mixed[kinds]


def parse(text: str, refuse: Callable[[str], object]) -> ast.Module | None:
    """Parse Python source without a word; `refuse` is told why there is no tree."""
    try:
        with collection_paused(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        version = ".".join(platform.python_version_tuple()[:2])
        refuse(f"not Python {version}: line {error.lineno or 0}: {short(error)}")
    except ValueError as error:  # a NUL byte
        refuse(f"not Python: {short(error)}")
    except (RecursionError, MemoryError):
        refuse("nested too deeply to be read")
    return None


def read(text: str, refuse: Callable[[str], object]) -> Parsed | None:
    """Parse and list; none, and `refuse` is told why, when there is no tree to be had."""
    with collection_paused():
        tree = parse(text, refuse)
        if tree is None:
            return None
        nodes = flatten(tree)
    if nodes is None:
        refuse("nested too deeply to be read")
        return None
    return Parsed(tree, nodes)


def flatten(tree: ast.AST) -> tuple[ast.AST, ...] | None:
    """All nodes, level by level, without contexts and operators; none when there are too many
    levels."""
    found: list[ast.AST] = []
    level: list[ast.AST] = [tree]
    for _ in range(DEPTH_MAX):
        found += level
        below: list[ast.AST] = []
        for node in level:
            names = _FIELDS.get(node.__class__)
            if names is None:
                names = tuple(name for name in node._fields if name not in _LEAVES)
                _FIELDS[node.__class__] = names
            for name in names:
                value = getattr(node, name, None)
                if value.__class__ is list:
                    # `{**more}` and keyword-only parameters without a default hold none.
                    below += [one for one in value if one is not None] if None in value else value
                elif isinstance(value, ast.AST):
                    below.append(value)
        if not below:
            return tuple(found)
        level = below
    return None


class Recent(Generic[T]):
    """What was used last, up to a total size; the rest is forgotten and made anew when needed."""

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self.size = 0
        self._kept: dict[str, tuple[T, int]] = {}

    def get(self, key: str) -> T | None:
        """What is kept under a key, which then is the newest."""
        kept = self._kept.pop(key, None)
        if kept is None:
            return None
        self._kept[key] = kept
        return kept[0]

    def keep(self, key: str, value: T, size: int) -> None:
        """Keep a value, at the cost of the oldest ones."""
        old = self._kept.pop(key, None)
        self.size += size - (old[1] if old else 0)
        self._kept[key] = (value, size)
        while self.size > self.size_max and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self.size -= self._kept.pop(oldest)[1]


def short(error: Exception) -> str:
    """What an error says, in a line that can be shown."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return text.encode(errors="backslashreplace").decode()[:120]
