"""Scripts that go on by themselves: blocking schedulers, consumers of queues, bots."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.values import Value
from seatrial.profiler.components.draft import Draft, calls, files_with
from seatrial.profiler.reach import aliases, dotted, full_name
from seatrial.profiler.rules import fact
from seatrial.profiler.scripts import is_main, run_name
from seatrial.profiler.source import Source


class Kind(Value):
    """One kind of script: the packages it imports, and the calls that never return.

    `made` is one of what it has to make or derive from; '' asks for nothing. `loops` says that
    the call has to stand in a loop. `bot` tells bots from workers.
    """

    framework: str
    packages: tuple[str, ...]
    calls: tuple[str, ...]
    made: tuple[str, ...] = ()
    loops: bool = False
    bot: bool = False
    scheduler: bool = False


_DISCORD = ("Client", "Bot", "AutoShardedBot", "AutoShardedClient", "InteractionBot")
KINDS = (
    Kind(framework="discord", packages=("discord", "nextcord", "disnake", "interactions"),
         calls=("run", "start"), made=_DISCORD, bot=True),
    Kind(framework="telegram", packages=("telegram",), calls=("run_polling", "start_polling"),
         bot=True),
    Kind(framework="aiogram", packages=("aiogram",), calls=("start_polling", "run_polling"),
         bot=True),
    Kind(framework="telebot", packages=("telebot",),
         calls=("polling", "infinity_polling"), bot=True),
    Kind(framework="pyrogram", packages=("pyrogram", "telethon"),
         calls=("run", "run_until_disconnected"), made=("Client", "TelegramClient"), bot=True),
    Kind(framework="slack", packages=("slack_bolt",), calls=("start", "start_async"),
         made=("SocketModeHandler", "AsyncSocketModeHandler"), bot=True),
    Kind(framework="twitchio", packages=("twitchio",), calls=("run", "start"),
         made=("Bot", "Client"), bot=True),
    Kind(framework="apscheduler", packages=("apscheduler",), calls=("start",),
         made=("BlockingScheduler",), scheduler=True),
    Kind(framework="schedule", packages=("schedule",), calls=("run_pending",), loops=True,
         scheduler=True),
    Kind(framework="pika", packages=("pika",), calls=("start_consuming",)),
    Kind(framework="kafka", packages=("kafka", "confluent_kafka", "aiokafka"),
         calls=("poll", "consume"), loops=True,
         made=("KafkaConsumer", "Consumer", "AIOKafkaConsumer", "DeserializingConsumer")),
    Kind(framework="sqs", packages=("boto3", "aioboto3", "aiobotocore"),
         calls=("receive_message",), loops=True),
    Kind(framework="redis", packages=("redis",),
         calls=("xreadgroup", "blpop", "brpop", "get_message"), loops=True),
    Kind(framework="temporal", packages=("temporalio",), calls=("run",), made=("Worker",)),
    Kind(framework="mqtt", packages=("paho",), calls=("loop_forever",)),
)  # fmt: skip
_WEB = frozenset({
    "flask", "fastapi", "django", "starlette", "quart", "sanic", "litestar", "streamlit", "gradio",
    "dash", "uvicorn",
})  # fmt: skip


class Found(Value):
    """A script of one kind. `runs` says that the file itself starts it: at its top level, or
    under `if __name__ == "__main__"`."""

    framework: str
    path: str
    line: int
    bot: bool
    scheduler: bool
    runs: bool
    confidence: float


def detect(source: Source) -> tuple[Found, ...]:
    """Every such script, the surest first."""
    words = [package for kind in KINDS for package in kind.packages]
    found: list[Found] = []
    for path in files_with(source, *words):
        packages = {name.split(".")[0] for name, _ in source.imports(path)}
        for kind in KINDS:
            if packages.intersection(kind.packages):
                line = _line(source, path, kind)
                if line:
                    found.append(_found(source, path, kind, line, bool(packages & _WEB)))
                    break
    return tuple(sorted(found, key=lambda one: (-one.confidence, one.path.count("/"), one.path)))


def drafts(source: Source, app_paths: frozenset[str]) -> Iterator[Draft]:
    """Scripts that run by themselves beside the app: no file the app itself comes to run."""
    for one in detect(source):
        if one.runs and one.path not in app_paths and one.confidence >= 0.7:
            yield draft(one)


def draft(one: Found) -> Draft:
    """A script as a component."""
    entry, app_dir = run_name(one.path)
    run = ("python", "-m", entry[3:]) if entry.startswith("-m ") else ("python", entry)
    name = "bot" if one.bot else "scheduler" if one.scheduler else "worker"
    rule = "bot.found" if one.bot else "worker.found"
    made = Draft(
        name, "scheduler" if one.scheduler else "worker", one.framework, entry, run, one.path,
        app_dir,
        facts=[fact(rule, one.path, one.framework, file=one.path, line=one.line,
                    confidence=one.confidence)],
    )  # fmt: skip
    if one.bot or one.scheduler:
        single = "bot.single" if one.bot else "scheduler.single"
        made.facts.append(fact(single, one.path, file=one.path, line=one.line))
    return made


def _found(source: Source, path: str, kind: Kind, line: int, web: bool) -> Found:
    runs = _runs(source, path)
    confidence = 0.95 if runs else 0.6
    return Found(
        framework=kind.framework, path=path, line=line, bot=kind.bot, scheduler=kind.scheduler,
        runs=runs, confidence=confidence - (0.3 if web else 0),
    )  # fmt: skip


def _line(source: Source, path: str, kind: Kind) -> int:
    """Where the call that never returns stands; 0 when the file is not of that kind."""
    names = aliases(source, path)
    if kind.made and not _makes(source, path, kind, names):
        return 0
    looped = _in_loops(source, path) if kind.loops else None
    for node in calls(source, path):
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in kind.calls:
            continue
        if full_name(node.func, names).split(".")[0] in ("asyncio", "uvicorn", "subprocess"):
            continue
        if looped is None or node in looped:
            return node.lineno
    if kind.loops and kind.made:  # `for message in consumer:`
        for one in source.nodes(path):
            if isinstance(one, ast.For | ast.AsyncFor) and "consumer" in dotted(one.iter).lower():
                return one.lineno
    return 0


def _makes(source: Source, path: str, kind: Kind, names: dict[str, str]) -> bool:
    for node in source.nodes(path):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            given = [node.func]
        elif isinstance(node, ast.ClassDef):
            given = list(node.bases)
        for one in given:
            name = full_name(one, names)
            if name.rpartition(".")[2] in kind.made and name.startswith(kind.packages):
                return True
    return False


def _in_loops(source: Source, path: str) -> set[ast.AST]:
    """The calls inside `while` and `for`."""
    return {
        inner
        for node in source.nodes(path)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call)
    }


def _runs(source: Source, path: str) -> bool:
    tree = source.tree(path)
    if tree is None:
        return False
    if path.endswith("/__main__.py"):
        return True
    for one in tree.body:
        if isinstance(one, ast.If) and is_main(one.test):
            return True
        if isinstance(one, ast.While) or (
            isinstance(one, ast.Expr) and isinstance(one.value, ast.Call)
        ):
            return True
        if isinstance(one, ast.For | ast.AsyncFor | ast.With | ast.Try):
            return True
    return False
