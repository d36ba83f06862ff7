"""What is handy on the author's machine and harmful on a server, and small enough for one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.context import on_platform
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.detectors.sites import sites
from seatrial.profiler.detectors.slow_calls import call_names, package_of
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last
from seatrial.profiler.rules import fact

_WINDOWS = frozenset({"winreg", "msvcrt", "win32com", "win32api", "win32gui", "pythoncom",
                      "winsound", "win32con", "pywintypes", "win32file", "comtypes"})  # fmt: skip
_LOGGERS = ("logging", "structlog", "loguru", "logbook", "picologging")
_DATABASE = frozenset({"commit", "add", "insert_one", "update_one"})
_BROAD = frozenset({"Exception", "BaseException"})


def detect(part: Part) -> Iterator[Fact]:
    """Those that have no module of their own."""
    for file in indexes(part):
        yield from _windows(file)
        yield from _swallowed(part, file)
    yield from _prints(part)
    if part.main:
        yield from _notebooks(part)


def _windows(file: Index) -> Iterator[Fact]:
    """Imports that fail on Linux, where nothing catches or avoids it."""
    asked: list[tuple[str, ast.stmt]] = [
        (alias.name, node) for node in file.of(ast.Import) for alias in node.names
    ]  # fmt: skip
    asked += [
        (node.module, node) for node in file.of(ast.ImportFrom) if node.module and not node.level
    ]
    for name, node in asked:
        if name.split(".")[0] not in _WINDOWS or file.function(node) is not None:
            continue
        if not on_platform(file, node):
            yield fact("habit.windows-only", name, file=file.path, line=node.lineno)


def _swallowed(part: Part, file: Index) -> Iterator[Fact]:
    """`except: pass` around nothing but a call to a model or a write to a database."""
    for block in file.of(ast.Try):
        silent = [
            handler for handler in block.handlers
            if (handler.type is None or last(handler.type) in _BROAD)
            and len(handler.body) == 1 and isinstance(handler.body[0], ast.Pass)
        ]  # fmt: skip
        if not silent or len(block.body) > 3:
            continue
        for call in (n for s in block.body for n in ast.walk(s) if isinstance(n, ast.Call)):
            if last(call.func) not in call_names():
                continue
            origin = origin_of(part.code, file.path, call.func)
            written = last(call.func) in _DATABASE and package_of(origin, "database")
            if package_of(origin, "llm") or written:
                yield fact("habit.error-swallowed", last(call.func), "except: pass",
                           file=file.path, line=silent[0].lineno)  # fmt: skip
                break


def _prints(part: Part) -> Iterator[Fact]:
    if part.imports(*_LOGGERS):
        return
    printed = [
        site for site in sites(part)
        if isinstance(site.call.func, ast.Name) and site.name == "print"
    ]  # fmt: skip
    if printed:
        first = printed[0]
        yield fact("habit.print", "print()", f"{len(printed)} times; nothing logs",
                   file=first.path, line=first.line)  # fmt: skip


def _notebooks(part: Part) -> Iterator[Fact]:
    found = [file.path for file in part.source.files if file.path.endswith(".ipynb")]
    if found:
        yield fact("habit.notebook", found[0], f"{len(found)} in all", file=found[0])
