"""State in memory: containers and variables of modules, classes and lasting objects that change
while the app serves. Every process has its own, and loses it when it ends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from seatrial.kernel.workload import Fact
from seatrial.profiler.code import Def
from seatrial.profiler.detectors.alternatives import unless
from seatrial.profiler.detectors.changes import (
    Change,
    changes,
    guarded,
    memoised,
    transient,
    variables,
)
from seatrial.profiler.detectors.function_caches import function_caches
from seatrial.profiler.detectors.lasting import lasting
from seatrial.profiler.detectors.running import running, told
from seatrial.profiler.detectors.words import (
    CACHES,
    CHATS,
    CLOCKS,
    CONNECTIONS,
    COUNTS,
    DATA,
    IDS,
    LIMITS,
    ONCE,
    RATES,
    SETUP,
    SOCKETS,
    TURNS,
    keeps_sessions,
    speaks_with_a_model,
    words,
)
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact

CHANGES_MAX = 20
"""Changes of one container that are looked at closely."""
_QUEUES = ("Queue", "SimpleQueue", "LifoQueue", "PriorityQueue", "JoinableQueue")
_WITH_SOCKETS = (
    "websockets", "fastapi", "starlette", "tornado", "aiohttp", "flask_socketio", "socketio",
    "sanic", "channels", "flask_sock", "litestar", "quart",
)  # fmt: skip
_CACHES = ("TTLCache", "LRUCache", "LFUCache", "Cache", "ExpiringDict")


def detect(part: Part) -> Iterator[Fact]:
    """Containers that change while serving, by what they hold, and variables given new values.

    What the file that a framework runs anew each time holds is new each time, and left out.
    """
    scripts = {one.path for one in part.code.scripts}
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in changes(part):
        if change.held.path not in scripts:
            groups.setdefault((change.held.path, change.held.name), []).append(change)
    found: list[Fact] = []
    kept = lasting(part, [group[0].held for group in groups.values() if group[0].held.each])
    for group in groups.values():
        held = group[0].held
        if held.each and held.klass not in kept:
            continue
        rule, confidence = _rule(part, group)
        if rule:
            found.append(_fact(part, rule, group, confidence, kept.get(held.klass, held.name)))
    found += _variables(part, scripts)
    found += function_caches(part)
    yield from sorted(found, key=lambda f: (f.proof.file, f.proof.line, f.rule, f.subject))


def _fact(part: Part, rule: str, group: Sequence[Change], confidence: float, holder: str) -> Fact:
    first, held = group[0], group[0].held
    subject, variable = held.name, ""
    if held.each and held.klass is not None:
        subject = f"{holder}.{held.name.rpartition('.')[2]}"
        if rule == "state.session-memory":
            subject = held.klass.name
        variable = unless(part, held.klass)
    others = {(c.path, c.line) for c in group[1:]} - {(first.path, first.line)}
    more = f", and at {len(others)} more" if others else ""
    if variable:
        more, confidence = f"{more}, unless {variable} is set", min(confidence, 0.5)
    place = told(first.one, running(part).get(first.one))
    return fact(
        rule, subject, f"{held.kind}, changed by {first.how} {place}{more}",
        file=first.path, line=first.line, confidence=confidence,
    )  # fmt: skip


def _rule(part: Part, group: list[Change]) -> tuple[str, float]:
    """Which rule a changed container falls under; '' when it does no harm."""
    held = group[0].held
    told_by = words(held.name.rpartition(".")[2])
    if held.kind in _QUEUES:
        return "state.memory-queue", 0.7
    if any(change.what & SOCKETS for change in group):
        return "state.websocket", 0.9
    if held.kind in ("WeakSet", "WeakValueDictionary"):
        return "", 0.0
    if held.klass is not None and held.each and keeps_sessions(part, held.klass):
        return "state.session-memory", 0.7
    if held.kind in _CACHES or told_by & CACHES:
        return "state.module-cache", 0.8
    if any(change.how == ".popitem()" for change in group):  # it has a size, so it may forget
        return "state.module-cache", 0.6
    if told_by & CONNECTIONS and not told_by & ONCE and part.imports(*_WITH_SOCKETS):
        return "state.websocket", 0.6
    if told_by & LIMITS or any(_limits(change) for change in group):
        return "state.rate-limit-memory", 0.7
    put_in = frozenset(word for change in group for one in change.what for word in words(one))
    passing = transient(part, group)
    if passing:
        return ("state.websocket", 0.6) if passing == "open" else ("state.module-singleton", 0.6)
    chat = told_by & CHATS or put_in & TURNS
    if chat and speaks_with_a_model(part):
        return "state.chat-memory", 0.8
    background = all(part.code.serving.get(change.one) is None for change in group)
    if part.kind == "web" and background:
        # Filled by a thread of each process for itself, the same everywhere sooner or later.
        return "state.module-cache", 0.5
    if all(memoised(part, change) for change in group[:CHANGES_MAX]) and not told_by & DATA:
        return ("state.module-singleton", 0.6) if told_by & ONCE else ("state.module-cache", 0.6)
    if told_by & COUNTS or held.kind == "Counter" or all(c.what & CLOCKS for c in group):
        return "state.module-metrics", 0.7
    if held.kind == "deque" and isinstance(held.node, ast.Call) and (
        any(keyword.arg == "maxlen" for keyword in held.node.keywords) or len(held.node.args) > 1
    ):  # fmt: skip
        return "state.module-metrics", 0.6
    if told_by & ONCE and all(change.how == "[...]" for change in group):
        return "state.module-singleton", 0.5
    return "state.module-mutable", 0.8 if part.code.handlers else 0.6


def _limits(change: Change) -> bool:
    """Whether a function around a change is called a limit of some rate."""
    one: Def | None = change.one
    while one is not None:
        if words(one.name) & RATES or {"rate", "limit"} <= words(one.name):
            return True
        one = one.parent
    return False


def _variables(part: Part, scripts: set[str]) -> Iterator[Fact]:
    """Globals and class attributes that get a new value; the first place of each."""
    seen: set[tuple[str, str]] = set()
    for one in variables(part):
        if (one.held_path, one.name) in seen or one.held_path in scripts:
            continue
        told_by = words(one.name.rpartition(".")[2])
        value = one.node.value
        flag = isinstance(value, ast.Constant) and (value.value is None or value.value in (
            True, False))  # fmt: skip
        rule, confidence = "state.module-variable", 0.6
        if isinstance(one.node, ast.AugAssign):
            rule = "state.module-mutable" if told_by & IDS else "state.module-metrics"
        elif flag or guarded(part, one) or one.one.name.lstrip("_").startswith(SETUP):
            rule = "state.module-singleton"
        elif part.code.serving.get(one.one) is None and part.kind == "web":
            rule, confidence = "state.module-cache", 0.5
        elif told_by & CACHES:
            rule = "state.module-cache"
        seen.add((one.held_path, one.name))
        place = told(one.one, running(part).get(one.one))
        how = "+=" if isinstance(one.node, ast.AugAssign) else "="
        yield fact(
            rule, one.name, f"variable, changed by {how} {place}",
            file=one.path, line=one.line, confidence=confidence,
        )  # fmt: skip
