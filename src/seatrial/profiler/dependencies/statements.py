"""Import statements: which may fail, which run when the component starts."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.values import Value
from seatrial.profiler.modules import find, find_relative, join, parent
from seatrial.profiler.part import Part

_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
# Where statements hold others.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class Import(Value):
    """One import of a name; `late` says that it does not run when the file is imported."""

    name: str
    line: int
    late: bool


def imports(part: Part, path: str) -> Iterator[Import]:
    """The absolute imports of a file that are not guarded against being absent."""
    for node, late in _statements(part.source.tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name=alias.name, line=node.lineno, late=late)
        elif not node.level and node.module:
            yield Import(name=_deepest(node), line=node.lineno, late=late)


def _statements(tree: ast.Module | None) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The import statements of a module that may not fail, and whether they run later."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)] if tree is not None else []
    while waiting:
        node, late = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, late
        elif isinstance(node, ast.Try | ast.TryStar) and _catches(node):
            waiting += [(one, late) for one in (*node.orelse, *node.finalbody)]
        elif isinstance(node, ast.If):
            if not _typing(node.test):
                waiting += [(one, True) for one in node.body]
            waiting += [(one, True) for one in node.orelse]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [(one, True) for one in node.body]
        else:
            for blocks in _BLOCKS:
                waiting += [(one, late) for one in getattr(node, blocks, ())]


def started(part: Part) -> frozenset[str]:
    """The files that are imported when the component starts; all where its entry is not known."""
    module = part.entry.partition(":")[0].removeprefix("-m ").removesuffix(".py").replace(".", "/")
    ends = (f"{module}.py", f"{module}/__init__.py", f"{module}/__main__.py")
    waiting = [path for path in part.paths if f"/{path}".endswith(tuple(f"/{end}" for end in ends))]
    if not module or not waiting:
        return frozenset(part.paths)
    found: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in found or path not in part.source:
            continue
        found.add(path)
        above = parent(path)
        while join(above, "__init__.py") in part.source:
            waiting.append(join(above, "__init__.py"))
            above = parent(above)
            if above == ".":
                break
        for node, late in _statements(part.source.tree(path)):
            if not late:
                waiting += _inside(part, path, node)
    return frozenset(found)


def _inside(part: Part, path: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    """The files of the app that an import statement runs."""
    if isinstance(node, ast.Import):
        located = [find(part.source, alias.name, path) for alias in node.names]
    else:
        module = node.module or ""
        names = [module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)]
        located = [
            find_relative(part.source, name, path, node.level)
            if node.level
            else find(part.source, name, path)
            for name in names
            if name or node.level
        ]
    return [one.path for one in located if one is not None and one.path]


def _deepest(node: ast.ImportFrom) -> str:
    """`google.cloud.storage` of `from google.cloud import storage`."""
    module = node.module or ""
    single = len(node.names) == 1 and module.count(".") < 2
    return f"{module}.{node.names[0].name}" if single else module


def _catches(node: ast.Try | ast.TryStar) -> bool:
    """Whether a failed import is expected, or anything that goes wrong is passed over."""
    for handler in node.handlers:
        kind = handler.type
        kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
        names = {one.id for one in kinds if isinstance(one, ast.Name)}
        if handler.type is None or names & _CAUGHT:
            return True
    return False


def _typing(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else ""
    name = test.id if isinstance(test, ast.Name) else name
    return name == "TYPE_CHECKING"
