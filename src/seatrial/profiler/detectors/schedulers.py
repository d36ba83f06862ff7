"""Work beside the requests in the same process: schedulers, endless loops, and what is started
for one request and not waited for.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.code import Def, Start
from seatrial.profiler.detectors.running import by_hand, reaches, told
from seatrial.profiler.detectors.words import CHORES, words
from seatrial.profiler.part import Part
from seatrial.profiler.reach import dotted
from seatrial.profiler.rules import fact

# What makes a scheduler that runs inside the process.
_SCHEDULERS = {
    "apscheduler.schedulers.background.BackgroundScheduler": "APScheduler",
    "apscheduler.schedulers.asyncio.AsyncIOScheduler": "APScheduler",
    "apscheduler.schedulers.gevent.GeventScheduler": "APScheduler",
    "apscheduler.schedulers.tornado.TornadoScheduler": "APScheduler",
    "apscheduler.AsyncScheduler": "APScheduler", "apscheduler.Scheduler": "APScheduler",
    "flask_apscheduler.APScheduler": "Flask-APScheduler", "rocketry.Rocketry": "Rocketry",
    "fastapi_scheduler.SchedulerAdmin": "fastapi-scheduler", "aiocron.crontab": "aiocron",
    "flask_crontab.Crontab": "", "timeloop.Timeloop": "timeloop",
}  # fmt: skip
_CLOCKS = {
    "fastapi_utils.tasks.repeat_every": "fastapi-utils",
    "fastapi_restful.tasks.repeat_every": "fastapi-restful",
    "fastapi_utilities.repeat_every": "fastapi-utilities",
    "fastapi_utilities.repeat_at": "fastapi-utilities",
    "fastapi_utilities.repeat.repeat_every": "fastapi-utilities",
}  # fmt: skip
_SLOW = (
    "time.sleep", "asyncio.sleep", "subprocess.", "requests.", "httpx.", "urllib.request.",
    "openai.", "anthropic.", "smtplib.", "aiosmtplib.", "boto3.", "torch.", "transformers.",
    "langchain", "flask_mail.", "fastapi_mail.", "sendgrid.", "google.", "cohere.", "ollama.",
    "whisper.", "faster_whisper.", "aiohttp.", "twilio.", "stripe.", "litellm.", "ffmpeg.",
    "playwright.", "selenium.", "moviepy.", "groq.", "mistralai.", "llama_index.", "os.system",
)  # fmt: skip
_WAITS = frozenset({
    "join", "result", "as_completed", "wait", "gather", "wait_for", "map", "shutdown", "get",
    "run_until_complete",
})  # fmt: skip
_SERVING = ("web",)
STARTS_MAX = 300
STARTS_OF_ONE_MAX = 10
"""Places of a component, and of one of its functions, that are looked at closely."""


def detect(part: Part) -> Iterator[Fact]:
    """Told of the component that answers requests: a worker may well have a clock of its own."""
    if part.kind not in _SERVING or not (part.code.handlers or part.framework):
        return
    if part.framework == "script":
        return
    yield from _schedulers(part)
    yield from _loops(part)
    yield from _left_behind(part)


def _schedulers(part: Part) -> Iterator[Fact]:
    names = {name.rpartition(".")[2] for name in _SCHEDULERS}
    for path in part.paths:
        file = part.code.file(path)
        seen: set[str] = set()
        for call in file.calls(names):
            library = _SCHEDULERS.get(part.code.meaning(path, call.func), "")
            if library and library not in seen and not by_hand(part, path, call):
                seen.add(library)
                yield _scheduler(part, path, call, library)
        for one in file.defs:
            for decorator in one.decorators:
                func = decorator.func if isinstance(decorator, ast.Call) else decorator
                meaning = part.code.symbols.resolve(path, one.klass or one.parent, func)
                library = _CLOCKS.get(meaning, "") if isinstance(meaning, str) else ""
                if library:
                    yield fact("state.in-process-scheduler", library, f"runs {one.title}",
                               file=path, line=decorator.lineno)  # fmt: skip
    yield from _embedded_beat(part)


def _scheduler(part: Part, path: str, call: ast.Call, library: str) -> Fact:
    # A switch in the environment may leave it on in one replica only.
    switched = _switched(part, path, call)
    value = told(part.code.file(path).at(call), None)
    return fact(
        "state.in-process-scheduler", library, value + (", behind a switch" if switched else ""),
        file=path, line=call.lineno, confidence=0.5 if switched else 0.9,
    )  # fmt: skip


def _switched(part: Part, path: str, call: ast.Call) -> bool:
    """Whether it stands, or is started, under an `if` that asks the environment or a setting."""
    file = part.code.file(path)
    lines = [call.lineno, *(one.lineno for one in file.calls(("start", "init_app")))]
    return any(
        node.lineno < line <= (node.end_lineno or 0) and any(
            word in ast.unparse(node.test)[:300].lower()
            for word in ("environ", "getenv", "settings.", "config", "enable", "leader", "primary")
        )
        for node in file.of(ast.If) for line in lines
    )  # fmt: skip


def _embedded_beat(part: Part) -> Iterator[Fact]:
    """A Celery worker with `-B` or a beat started from inside the web process."""
    for path in part.paths:
        for call in part.code.file(path).calls(("Beat", "EmbeddedService")):
            meaning = part.code.meaning(path, call.func)
            if meaning.startswith("celery.") or meaning.endswith("().Beat"):
                yield _scheduler(part, path, call, "Celery beat")


def _loops(part: Part) -> Iterator[Fact]:
    """Threads and asyncio tasks that never end, and timers that start themselves again."""
    seen: set[Def] = set()
    for start in part.code.starts:
        target = start.target
        if target is None or target in seen or start.one in part.code.serving:
            continue
        if start.how == "process" or by_hand(part, start.path, start.call):
            continue
        clock = _clock(part, target)
        again = start.how == "timer" and start.one is target
        if not clock and not again and not _endless(part, target):
            continue
        if not clock and words(target.name) & CHORES:
            continue
        seen.add(target)
        rule = "state.in-process-scheduler" if clock or again else "state.background-loop"
        yield fact(rule, clock or target.title.removesuffix("()"),
                   f"{target.title} runs for ever in a {start.how}",
                   file=start.path, line=start.call.lineno,
                   confidence=0.9 if clock else 0.7)  # fmt: skip


def _clock(part: Part, target: Def) -> str:
    """`schedule.run_pending()` in an endless loop."""
    return "schedule" if reaches(part, target, ("schedule.run_pending",)) else ""


def _is_long(part: Part, target: Def | None) -> bool:
    """Whether what is started calls out, computes or sends: more than a note in a log."""
    return target is not None and reaches(part, target, _SLOW)


def _endless(part: Part, target: Def) -> bool:
    """`while True:` with a pause in it; a loop over a queue or a connection waits for others."""
    file = part.code.file(target.path)
    for loop in file.inside(target, ast.While):
        if not isinstance(loop.test, ast.Constant | ast.UnaryOp | ast.Name | ast.Attribute):
            continue
        for node in ast.walk(loop):
            if isinstance(node, ast.Call):
                meaning = part.code.meaning(target.path, node.func)
                if meaning in ("time.sleep", "asyncio.sleep", "gevent.sleep", "anyio.sleep",
                               "eventlet.sleep", "trio.sleep") or meaning.endswith(
                                   "SocketIO().sleep"):  # fmt: skip
                    return True
    return False


def _left_behind(part: Part) -> Iterator[Fact]:
    """Work that a request starts and does not wait for."""
    seen: set[tuple[str, int]] = set()
    serving = [start for start in part.code.starts if start.one in part.code.serving]
    looked: Counter[Def | None] = Counter()
    for start in serving[:STARTS_MAX]:
        one = start.one
        looked[one] += 1
        if looked[one] > STARTS_OF_ONE_MAX:
            continue
        if one is None or one.name.startswith("lifespan"):
            continue
        if (start.path, start.call.lineno) in seen or _waited_for(part, start):
            continue
        if start.target is not None and (
            words(start.target.name) & CHORES or _endless(part, start.target)
        ):
            continue
        if start.how in ("task", "after the response", "task group") and not _is_long(
            part, start.target
        ):
            continue
        if start.how == "task" and not _is_asyncio(start):
            continue
        if start.how == "after the response" and not _is_background(part, start):
            continue
        if start.how in ("process", "pool", "timer", "task group", "executor") and (
            start.target is None
        ):
            continue
        seen.add((start.path, start.call.lineno))
        name = start.target.title if start.target is not None else "work"
        place = told(one, part.code.serving[one])
        yield fact("state.background-work", name.removesuffix("()"),
                   f"started {_HOW.get(start.how, 'as a ' + start.how)} {place}",
                   file=start.path, line=start.call.lineno)  # fmt: skip


_HOW = {"after the response": "after the response", "executor": "in an executor",
        "pool": "in a pool", "task": "as an asyncio task"}  # fmt: skip


def _waited_for(part: Part, start: Start) -> bool:
    """Whether the function, or the `with` around it, waits until the work is done."""
    assert start.one is not None
    file = part.code.file(start.path)
    for block in file.inside(start.one, ast.With, ast.AsyncWith):
        text = ast.unparse(block.items[0].context_expr)[:120]
        inside = block.lineno <= start.call.lineno <= (block.end_lineno or 0)
        if inside and ("Executor" in text or "TaskGroup" in text or "Pool" in text
                       or "nursery" in text):  # fmt: skip
            return True
    for wait in file.inside(start.one, ast.Await):
        if any(inner is start.call for inner in ast.walk(wait)):
            return True
    names = _kept_as(part, start)
    if any(
        isinstance(call.func, ast.Attribute) and dotted(call.func.value) in names
        for call in file.by_name.get("cancel", ())
    ):
        return True  # somebody looks after it
    for call in file.inside(start.one, ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in _WAITS:
            held = dotted(call.func.value)
            if start.how in ("thread", "process") and call.func.attr == "join":
                return "path" not in held  # os.path.join
            if held in names or held in ("asyncio", "concurrent.futures"):
                return True
            made = part.code.meaning(start.path, call.func.value)
            if call.func.attr in ("get", "wait") and made.startswith(("queue.", "threading.",
                                                                      "asyncio.")):  # fmt: skip
                return True
        elif isinstance(call.func, ast.Name) and call.func.id in ("as_completed", "wait", "gather"):
            return True
    return any(
        isinstance(wait.value, ast.Name) and wait.value.id in names
        for wait in file.inside(start.one, ast.Await)
    )


def _kept_as(part: Part, start: Start) -> set[str]:
    """The names that the function keeps what it started under."""
    file = part.code.file(start.path)
    found: set[str] = set()
    for node in file.inside(start.one, ast.Assign):
        if any(inner is start.call for inner in ast.walk(node.value)):
            found.update(dotted(target) for target in node.targets)
    return found - {""}


def _is_asyncio(start: Start) -> bool:
    return start.meaning.startswith(("asyncio.", "anyio.")) or "loop" in start.meaning


def _is_background(part: Part, start: Start) -> bool:
    """`BackgroundTasks.add_task`, and no scheduler's or library's own add_task."""
    if start.meaning:
        return "BackgroundTask" in start.meaning
    return isinstance(start.call.func, ast.Attribute) and "background" in dotted(
        start.call.func.value).lower()  # fmt: skip
