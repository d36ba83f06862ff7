"""What takes long while somebody waits: models, sleeping, tasks, programs, documents."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace

from msgspec import structs

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.index import index, indexes
from seatrial.profiler.detectors.sites import (
    UNKNOWN_CLIENT,
    Site,
    collect,
    handlers,
    sites,
)
from seatrial.profiler.detectors.slow_calls import (
    call_names,
    model_name,
    package_of,
    package_top,
    tables,
)
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last
from seatrial.profiler.rules import fact
from seatrial.profiler.scopes import Def, Klass

SLEEP_S_MIN = 0.5
"""A shorter pause, as between the words of a streamed answer, is nobody's trouble."""
UNREACHED_MAX = 3
_LLM_RULES = ("time.llm-call", "time.llm-awaited")
# Each worker of these answers as many requests at a time as it has threads, one by default.
_FEW_THREADS = frozenset({"flask", "django", "bottle", "dash", "pyramid", "falcon", "connexion"})
# These give every visitor or event a thread.
_OWN_THREAD = frozenset({"streamlit", "gradio"})
_ASYNC_PARTS = ("Async", "aio", "motor.", "asyncpg", "astream", "httpx.AsyncClient")
_TASK_RESULT = (".delay().get", ".apply_async().get", ".delay().wait", ".apply_async().wait",
                ".AsyncResult().get", ".AsyncResult().wait", ".apply_async().join",
                ".delay().join")  # fmt: skip
_WAITING = frozenset({"get", "wait", "join", "get_result"})
_CELERY_GROUPS = ("celery.group()", "celery.chain()", "celery.chord()")


def detect(part: Part) -> Iterator[Fact]:
    """The slow calls of everything that answers requests; one fact a function and rule."""
    on_loop = _loop_defs(part)
    found = [
        (site, one) for site in _telling(part, sites(part)) for one in _slow(part, site, on_loop)
    ]  # fmt: skip
    asks = any(package_top(package, "llm") for package in part.packages)
    if asks and not any(one.rule in _LLM_RULES for _, one in found):
        found += _unreached(part)
    yield from _merged(found)
    yield from _tasks_that_wait(part)
    yield from _gradio_queue(part)


def _telling(part: Part, found: Iterable[Site]) -> Iterator[Site]:
    """The calls whose name, or whose lack of one, may be that of something slow."""
    names = call_names() | _WAITING
    called = any(package_top(package, "called") for package in part.packages)
    for site in found:
        func = site.call.func
        plain = called and (
            isinstance(func, ast.Name | ast.Call)
            or (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name))
        )
        if plain or site.name in names:
            yield site


def _merged(found: list[tuple[Site, Fact]]) -> Iterator[Fact]:
    """The first of the facts that one function gives by one rule, with how many follow."""
    groups: dict[tuple[Def, str], list[Fact]] = {}
    for site, one in found:
        groups.setdefault((site.one, one.rule), []).append(one)
    for facts in groups.values():
        lines = {one.proof.line for one in facts[1:]} - {facts[0].proof.line}
        more = f" (and {len(lines)} more there)" if lines else ""
        yield structs.replace(facts[0], value=facts[0].value + more)


def _unreached(part: Part) -> Iterator[tuple[Site, Fact]]:
    """LLM calls that no handler was seen to reach: through a table of objects, say."""
    background = part.code.reached(part.code.tasks)
    others = {one: one for one in part.code.defs if one not in background}
    few = part.framework in _FEW_THREADS
    told = 0
    for site in _telling(part, collect(part, others)) if part.kind == "web" else ():
        if package_of(site.origin, "llm") and told < UNREACHED_MAX:
            told += 1
            held = few and not site.awaited and not _is_async(site.origin)
            yield site, fact(
                "time.llm-call" if held else "time.llm-awaited", model_name(site.origin),
                f"in {site.one.name}(); no handler was seen to call it", confidence=0.5,
                file=site.path, line=site.line,
            )  # fmt: skip


def _slow(part: Part, site: Site, on_loop: dict[Def, Def]) -> Iterator[Fact]:
    def told(rule: str, subject: str) -> Fact:
        looped = "; in a loop, one after another" if site.looped else ""
        where = site.where
        if rule in ("time.blocks-event-loop", "time.sync-database") and site.one in on_loop:
            where = replace(site, handler=on_loop[site.one]).where
        return fact(rule, subject, where + looped, file=site.path, line=site.line)

    def holds_loop() -> bool:
        held = site.one in on_loop or (site.on_loop and _has_loop(part))
        return held and site.inline and not site.awaited

    waits = _waits_for_task(site) if site.name in _WAITING else ""
    if waits and not _asked_first(part, site):
        yield told("time.waits-for-task", waits)
    elif package_of(site.origin, "llm"):
        name = model_name(site.origin)
        asynchronous = _is_async(site.origin) or site.awaited
        unknown = site.origin.startswith(UNKNOWN_CLIENT)
        if not asynchronous and not unknown and holds_loop():
            yield told("time.blocks-event-loop", name)
        held = part.framework in _FEW_THREADS and not asynchronous
        yield told("time.llm-call" if held else "time.llm-awaited", name)
    elif package := package_of(site.origin, "inference"):
        slow = package in tables()["slow_inference"]["packages"]
        if slow and not _is_async(site.origin) and holds_loop():
            yield told("time.blocks-event-loop", model_name(site.origin))
        yield told("time.inference", model_name(site.origin))
    elif package_of(site.origin, "heavy"):
        yield told("time.heavy-work", model_name(site.origin))
    elif site.origin == "time.sleep":
        yield from _sleep(part, site, holds_loop())
    elif package := package_of(site.origin, "blocking"):
        limited = any(keyword.arg in ("timeout", None) for keyword in site.call.keywords)
        if package == "subprocess" and not limited:
            yield told("time.subprocess", site.origin)
        if not _is_async(site.origin) and holds_loop():
            yield told("time.blocks-event-loop", _short(site.origin))
    elif package_of(site.origin, "database") and not _is_async(site.origin) and holds_loop():
        yield told("time.sync-database", _short(site.origin))


def _sleep(part: Part, site: Site, holds_loop: bool) -> Iterator[Fact]:
    given = site.call.args[0] if site.call.args else None
    seconds = given.value if isinstance(given, ast.Constant) else None
    told = f"{seconds} s, {site.where}" if isinstance(seconds, int | float) else site.where
    if holds_loop:
        yield fact("time.blocks-event-loop", "time.sleep", told, file=site.path, line=site.line)
    elif part.framework in _OWN_THREAD or not site.inline:
        return
    elif not isinstance(seconds, int | float) or seconds >= SLEEP_S_MIN:
        yield fact("time.sleep", "time.sleep", told, file=site.path, line=site.line)


def _waits_for_task(site: Site) -> str:
    """What waits for a task without a time limit; '' when the call does no such thing."""
    limited = any(keyword.arg in ("timeout", None) for keyword in site.call.keywords)
    if limited or (site.call.args and not site.origin.endswith(".join")):
        return ""
    if site.origin.endswith(_TASK_RESULT) or (
        site.origin.startswith(_CELERY_GROUPS) and site.origin.endswith("().get")
    ):
        return ".".join(site.origin.replace("@", "").rpartition(":")[2].split(".")[-2:])
    blocking = any(
        keyword.arg in ("block", "blocking")
        and isinstance(keyword.value, ast.Constant)
        and keyword.value.value is True
        for keyword in site.call.keywords
    )
    if blocking and site.origin.endswith((".send().get_result", "().get")):
        return "get_result" if site.origin.endswith("get_result") else "get(blocking=True)"
    return ""


def _asked_first(part: Part, site: Site) -> bool:
    """Whether the function asks if the task is done: `result.get() if result.ready() else ...`."""
    return any(
        last(call.func) in ("ready", "successful", "failed")
        for call in part.code.file(site.path).inside(site.function, ast.Call)
    )


def _tasks_that_wait(part: Part) -> Iterator[Fact]:
    """A task that waits for another one: with every worker waiting nobody is left to do it."""
    tasks = part.code.reached(part.code.tasks)
    for site in collect(part, tasks):
        waits = _waits_for_task(site) if site.name in _WAITING else ""
        if waits and not _asked_first(part, site):
            value = f"in the task {site.handler.name}()"
            yield fact("time.waits-for-task", waits, value, file=site.path, line=site.line)


def _gradio_queue(part: Part) -> Iterator[Fact]:
    """Gradio's own limit of one at a time, where what it runs takes long."""
    if part.framework != "gradio":
        return
    slow = [
        site for site in _telling(part, sites(part))
        if package_of(site.origin, "llm") or package_of(site.origin, "inference")
    ]  # fmt: skip
    if not slow:
        return
    names = ("default_concurrency_limit", "concurrency_limit", "concurrency_count")
    if any(given.arg in names for file in indexes(part) for given in file.of(ast.keyword)):
        return
    first = slow[0]
    yield fact(
        "time.queue-of-one", "gradio", f"default_concurrency_limit is 1; {first.where}",
        file=first.path, line=first.line,
    )  # fmt: skip


def _has_loop(part: Part) -> bool:
    """Whether asynchronous handlers share one event loop: WSGI gives each its own."""
    if part.framework == "django":
        return any("asgi" in path for path in part.paths)
    return part.framework not in _FEW_THREADS and part.framework != "streamlit"


def _loop_defs(part: Part) -> dict[Def, Def]:
    """The functions that run on the event loop, each with the asynchronous handler before it."""
    if not _has_loop(part):
        return {}
    found: dict[Def, Def] = {}
    lazy = _generators(part)
    waiting = [
        (one, one) for one in handlers(part) if isinstance(one.node, ast.AsyncFunctionDef)
    ]  # fmt: skip
    while waiting:
        one, handler = waiting.pop(0)
        if one in found or one in lazy or isinstance(one.node, ast.Module):
            continue
        found[one] = handler
        waiting.extend((callee, handler) for callee in _called(part, one))
    return found


def _called(part: Part, one: Def) -> Iterator[Def]:
    """The functions of the app that a function calls itself, and not in another thread."""
    for call in part.code.file(one.path).inside(one, ast.Call):
        found = part.code.resolve(one.path, call.func)
        if isinstance(found, Klass):
            found = part.code.symbols.of_class(found, "__init__")
        if isinstance(found, Def) and Site(part.code, call, one, one).inline:
            yield found


def _generators(part: Part) -> set[Def | None]:
    """The plain functions that yield: servers iterate over them in a thread."""
    found: set[Def | None] = set()
    for path in part.paths:
        file = part.code.file(path)
        found.update(file.at(node) for node in file.of(ast.Yield))
        found.update(file.at(node) for node in index(part.source, path).of(ast.YieldFrom))
    return {one for one in found if one and isinstance(one.node, ast.FunctionDef)}


def _is_async(origin: str) -> bool:
    name = origin.rpartition(".")[2]
    return any(part in origin for part in _ASYNC_PARTS) or name.endswith("_async") or (
        name.startswith("a") and name[1:] in _SYNC_NAMES
    )  # fmt: skip


_SYNC_NAMES = frozenset({
    "invoke", "stream", "stream_events", "batch", "predict", "run", "generate", "completion",
    "create", "chat", "query", "complete", "stream_chat", "responses", "call", "kickoff",
    "_initiate_chat",
})  # fmt: skip


def _short(origin: str) -> str:
    """`requests.Session().get` -> `requests get`, without what was called in between."""
    package, _, rest = origin.partition(".")
    return f"{package}.{rest.rpartition('.')[2]}"
