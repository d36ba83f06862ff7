"""Where an app starts something beside the request: threads, timers, processes, asyncio tasks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from seatrial.profiler.scopes import Def, File
from seatrial.profiler.symbols import Symbols

# The last name of what starts something -> as what it runs, and where the function stands: its
# keyword and position.
_STARTERS: dict[str, tuple[str, str, int]] = {
    "Thread": ("thread", "target", 1), "Process": ("process", "target", 1),
    "Timer": ("timer", "function", 1), "start_new_thread": ("thread", "function", 0),
    "submit": ("executor", "fn", 0), "create_task": ("task", "coro", 0),
    "ensure_future": ("task", "coro_or_future", 0),
    "run_coroutine_threadsafe": ("task", "coro", 0),
    "start_background_task": ("thread", "target", 0),
    "add_task": ("after the response", "func", 0), "start_soon": ("task group", "", 0),
    "spawn": ("thread", "", 0), "spawn_later": ("timer", "", 1),
    "run_in_executor": ("executor", "func", 1), "call_later": ("timer", "callback", 1),
    "add_background_task": ("task", "", 0), "apply_async": ("pool", "func", 0),
    "GreenThread": ("thread", "", 0),
}  # fmt: skip


class Start(NamedTuple):
    """`one` starts `target` by `call`; `how` says as what, `meaning` what is called."""

    path: str
    one: Def | None
    call: ast.Call
    how: str
    target: Def | None
    meaning: str


def starts(symbols: Symbols, paths: Sequence[str]) -> tuple[Start, ...]:
    """Everything that is started, in the order of the files."""
    found: list[Start] = []
    for path in paths:
        file = symbols.file(path)
        for last in _STARTERS.keys() & file.by_name.keys():
            for call in file.by_name[last]:
                start = _start(symbols, file, call, last)
                if start is not None:
                    found.append(start)
    return tuple(sorted(found, key=lambda start: (start.path, start.call.lineno)))


def _start(symbols: Symbols, file: File, call: ast.Call, last: str) -> Start | None:
    how, keyword, position = _STARTERS[last]
    given = next((k.value for k in call.keywords if k.arg == keyword), None)
    if given is None and len(call.args) > position:
        given = call.args[position]
    scope = file.scope(call)
    what: ast.expr | None = given.func if isinstance(given, ast.Call) else given
    if isinstance(given, ast.Call) and symbols.resolve(file.path, scope, given.func) == (
        "functools.partial"
    ):
        what = given.args[0] if given.args else None
    target = symbols.resolve(file.path, scope, what)
    meaning = symbols.resolve(file.path, scope, call.func)
    if isinstance(meaning, Def) or (last == "apply_async" and "Pool" not in str(meaning)):
        return None
    known = meaning if isinstance(meaning, str) else ""
    one = file.at(call)
    return Start(file.path, one, call, how, target if isinstance(target, Def) else None, known)
