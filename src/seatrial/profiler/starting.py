"""Where an app starts something beside the request: threads, timers, processes, asyncio tasks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from seatrial.profiler.scopes import Def, File
from seatrial.profiler.symbols import Symbols

# The last name of what starts something -> where the function stands: its keyword and position.
_STARTERS: dict[str, tuple[str, int]] = {
    "Thread": ("target", 1), "Process": ("target", 1), "Timer": ("function", 1),
    "start_new_thread": ("function", 0), "submit": ("fn", 0), "create_task": ("coro", 0),
    "ensure_future": ("coro_or_future", 0), "run_coroutine_threadsafe": ("coro", 0),
    "start_background_task": ("target", 0), "add_task": ("func", 0), "start_soon": ("", 0),
    "spawn": ("", 0), "spawn_later": ("", 1), "run_in_executor": ("func", 1),
    "call_later": ("callback", 1), "add_background_task": ("", 0), "apply_async": ("func", 0),
    "GreenThread": ("", 0), "start_soon_in_worker_thread": ("", 0),
}  # fmt: skip
_HOWS = {
    "Thread": "thread", "Process": "process", "Timer": "timer", "start_new_thread": "thread",
    "submit": "executor", "create_task": "task", "ensure_future": "task",
    "run_coroutine_threadsafe": "task", "start_background_task": "thread",
    "add_task": "after the response", "start_soon": "task group", "spawn": "thread",
    "spawn_later": "timer", "run_in_executor": "executor", "call_later": "timer",
    "add_background_task": "task", "apply_async": "pool", "GreenThread": "thread",
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
    keyword, position = _STARTERS[last]
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
    return Start(
        file.path, one, call, _HOWS[last], target if isinstance(target, Def) else None, known
    )
