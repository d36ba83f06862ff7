"""Draft: a background component while it is put together."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from seatrial.kernel.workload import Component, ComponentKind, Dependency, Fact
from seatrial.profiler.modules import beside, name_of
from seatrial.profiler.source import Source

_NOT_PRODUCTION = re.compile(r"(?:^|_)(?:tests?|testing|local|dev|develop|development|ci)(?:$|_)")


# What any reader of this package looks for in a file first.
_ANY = frozenset({
    "celery", "Celery", "CELERY", "rq", "arq", "WorkerSettings", "dramatiq", "huey",
    "procrastinate", "faust", "taskiq", "faststream", "discord", "nextcord", "disnake",
    "interactions", "telegram", "aiogram", "telebot", "pyrogram", "telethon", "slack_bolt",
    "twitchio", "apscheduler", "schedule", "pika", "kafka", "confluent_kafka", "aiokafka",
    "boto3", "aioboto3", "aiobotocore", "redis", "temporalio", "paho", "django_q",
    "huey.contrib.djhuey", "background_task",
})  # fmt: skip


class Installed(Protocol):
    """What the app asks to be installed."""

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """The distributions."""


@dataclass
class Draft:
    """A component-to-be. `path` is the file it starts with, '' when there is none; `modules`
    are those that hold the object which `entry` names; `declared` says that somebody wrote
    down how it is started, and `key` which one replaces it then."""

    name: str
    kind: ComponentKind
    framework: str
    entry: str
    command: tuple[str, ...]
    path: str = ""
    app_dir: str = "."
    port: int = 0
    facts: list[Fact] = field(default_factory=list)
    modules: frozenset[str] = frozenset()
    declared: bool = False
    queues: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What a declaration and a find of the same process have in common."""
        return self.kind, self.framework

    def component(self, name: str) -> Component:
        """The component, under a name of its own."""
        return Component(
            name=name, kind=self.kind, framework=self.framework, entry=self.entry,
            app_dir=self.app_dir, command=self.command, port=self.port, facts=tuple(self.facts),
        )  # fmt: skip


def files_with(source: Source, *words: str) -> list[str]:
    """The Python files of the app that hold one of these words."""
    wanted = frozenset(words)
    # One look for the words of all kinds, which most files of a large source do not survive.
    known = source.memo.setdefault("components.files_with", {})
    if "" not in known:
        python = source.python_files
        known[""] = [p for p in python if not beside(p) and source.mentions(p, _ANY)]
    base = known[""] if wanted <= _ANY else source.python_files
    return [p for p in base if not beside(p) and source.mentions(p, wanted)]


def module(source: Source, path: str) -> tuple[str, str]:
    """The dotted name of a file and the folder it is imported from."""
    name = name_of(source, path)
    return name.module, name.app_dir


def calls(source: Source, path: str) -> Iterator[ast.Call]:
    """The calls in a file."""
    return (node for node in source.nodes(path) if isinstance(node, ast.Call))


def for_production(source: Source, path: str) -> Iterator[ast.AST]:
    """The nodes of a file without what is plainly for tests and development only.

    Left out are files and classes of such names, and branches on DEBUG or TESTING.
    """
    tree = source.tree(path)
    if tree is None or _NOT_PRODUCTION.search(PurePosixPath(path).stem.lower()):
        return
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        children: Sequence[ast.AST] = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.ClassDef) and _test_class(node.name):
            continue
        if isinstance(node, ast.If) and _for_debugging(node.test):
            children = node.orelse
        waiting.extend(reversed(children))


def _test_class(name: str) -> bool:
    return name.lower().startswith(("test", "dev", "local")) or name.endswith("Test")


def _for_debugging(test: ast.expr) -> bool:
    words = {getattr(n, "id", getattr(n, "attr", "")).lower() for n in ast.walk(test)}
    texts = {str(n.value).lower() for n in ast.walk(test) if isinstance(n, ast.Constant)}
    return any("debug" in word or "test" in word for word in words | texts)


def manage_py(source: Source) -> str:
    """The manage.py nearest to the root; '' when there is none."""
    found = [p for p in source.python_files if p.endswith("manage.py")]
    found = [p for p in found if p.rpartition("/")[2] == "manage.py" and not beside(p)]
    return min(found, key=lambda p: (p.count("/"), p), default="")
