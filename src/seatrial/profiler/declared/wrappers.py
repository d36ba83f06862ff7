"""Commands that only run another command: `exec`, `env`, `poetry run`, `dumb-init --`, ..."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

import msgspec

from seatrial.kernel.values import Value


class _Table(Value):
    sub: dict[str, str]
    runners: dict[str, frozenset[str]]
    plain: dict[str, frozenset[str]]
    free: dict[str, int]


@cache
def _table() -> _Table:
    file = files("seatrial.profiler.declared") / "wrappers.toml"
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _Table)


_DEBUGGERS = frozenset({"debugpy", "coverage", "cProfile", "memray", "viztracer", "pdb", "ptvsd",
                        "newrelic.admin", "ddtrace", "trace"})  # fmt: skip
_FOLDER_OPTIONS = frozenset({"--directory", "-C", "--cwd", "--chdir", "--project"})
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,80})=(.*)", re.DOTALL)
_LAYERS_MAX = 12


class Unwrapped(Value):
    """The command inside: `replaces` says that the shell became it (`exec`), `passes` that a
    wrapper hands signals on to all its processes (`dumb-init`)."""

    words: tuple[str, ...]
    variables: dict[str, str]
    runner: str = ""
    folder: str = ""
    replaces: bool = False
    passes: bool = False
    dev: bool = False
    sudo: bool = False


def assignment(word: str) -> tuple[str, str] | None:
    """Name and value of `NAME=value`."""
    found = _ASSIGNMENT.fullmatch(word)
    return (found[1], found[2]) if found else None


def unwrap(words: Sequence[str]) -> Unwrapped:
    """Take off assignments and wrappers, as many as there are.

    `runner` is the package manager that looked the command up (`poetry run x`, `uv run x`).
    """
    rest, variables = list(words), dict[str, str]()
    runner = folder = ""
    replaces = passes = dev = sudo = False
    for _ in range(_LAYERS_MAX):
        while rest and (assigned := assignment(rest[0])):
            variables[assigned[0]] = assigned[1]
            rest = rest[1:]
        if not rest:
            break
        name = PurePosixPath(rest[0]).name
        inner, went = _inner(name, rest)
        if inner is None:
            break
        replaces |= name == "exec"
        passes |= name == "dumb-init" or (name == "tini" and "-g" in rest[:3])
        dev |= name in ("watchmedo", "coverage", "memray")
        sudo |= name == "sudo"
        runner = name if name in _table().runners else runner
        folder = went or folder
        rest = inner
    return Unwrapped(
        words=tuple(rest), variables=variables, runner=runner, folder=folder, replaces=replaces,
        passes=passes, dev=dev, sudo=sudo,
    )  # fmt: skip


def _inner(name: str, words: list[str]) -> tuple[list[str] | None, str]:
    """The words that a wrapper runs and the folder it goes to; none when it is no wrapper."""
    table = _table()
    if name in table.sub:
        if words[1:2] != [table.sub[name]]:
            return None, ""
        skip = 1 if name in ("chamber", "aws-vault") else 0
        return _after(words[2:], frozenset(), skip)
    if name in table.runners:
        return _runner(name, words)
    if name in table.plain:
        inner, folder = _after(words[1:], table.plain[name], table.free.get(name, 0))
        return (inner or None), (folder if name == "env" else "")
    if name.startswith("python") and words[1:2] == ["-m"] and len(words) > 2:
        if words[2] not in _DEBUGGERS:
            return None, ""
        for at in range(3, min(len(words), 30)):
            if words[at] == "-m" or words[at].endswith(".py"):
                return [words[0], *words[at:]], ""
    return None, ""


def _runner(name: str, words: list[str]) -> tuple[list[str] | None, str]:
    values = _table().runners[name]
    # Options of the package manager itself may stand before its `run`.
    before, folder = _after(words[1:], values, 0)
    if name == "uv" and before[:2] == ["tool", "run"]:
        before = before[1:]
    if before[:1] != ["run"]:
        return (before or None, folder) if name == "poe" else (None, "")
    inner, went = _after(before[1:], values, 0, stop=("-m", "--module"))
    if not inner:
        return None, ""
    if inner[0] in ("-m", "--module"):
        inner = ["python", "-m", *inner[1:]]
    elif name == "hatch":
        inner = [inner[0].rpartition(":")[2], *inner[1:]]
    elif name in ("uv", "coverage", "memray") and inner[0].endswith(".py"):
        inner = ["python", *inner]
    return inner, went or folder


def _after(
    words: Sequence[str], values: frozenset[str], free: int, stop: tuple[str, ...] = ()
) -> tuple[list[str], str]:
    """The words after the wrapper's own options and its `free` words."""
    at, folder = 0, ""
    while at < len(words):
        word = words[at]
        if word in stop:
            break
        if word == "--":
            return list(words[at + 1 :]), folder
        if word.startswith("-") and len(word) > 1:
            name, equals, value = word.partition("=")
            if word in values and at + 1 < len(words):
                at, value = at + 1, words[at + 1]
            if name in _FOLDER_OPTIONS and (equals or word in values):
                folder = value
            at += 1
        elif free:
            free -= 1
            at += 1
        else:
            break
    return list(words[at:]), folder
