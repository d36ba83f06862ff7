"""The words after a program: which are its options and their values, and which are free."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec

from seatrial.kernel.values import Value

WORDS_MAX = 200
_PASSWORD = re.compile(r"(?<=://)([^\s/@:'\"]{0,200}):[^\s/@'\"]{1,500}@")
_SECRET_NAME = re.compile(
    r"(?i)(?:key|secret|token|passwd|password|pwd|credential|basic[-_]auth|dsn)s?$"
)
_ASSIGNED = re.compile(
    r"(?i)(\b[\w.-]{0,60}(?:key|secret|token|passw(?:or)?d|pwd|credentials?|dsn)s?)"
    r"(=|\s+|\s*:\s*)(\"[^\"]*\"|'[^']*'|[^\s'\"]+)"
)
_KEY_SHAPED = re.compile(r"\b(?:sk|pk|ghp|gho|hf|xox[abp]|AKIA|AIza|glpat)[-_]?[A-Za-z0-9_-]{12,}")
MASK = "***"


class Program(Value):
    """What is known of a program; the fields are told at the head of programs.toml."""

    name: str
    role: str = ""
    target: str = "none"
    target_of: str = ""
    attr: str = ""
    values: dict[str, str] = {}
    switches: dict[str, str] = {}
    commands: dict[str, str] = {}
    migrates: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()
    always_dev: bool = False


class Given(Value):
    """Free words and options, each in their order; an option without a value has ''."""

    free: tuple[str, ...]
    options: tuple[tuple[str, str], ...]

    def option(self, *names: str) -> str | None:
        """The last value given for one of these options; none when none is given."""
        return next((value for name, value in reversed(self.options) if name in names), None)


@cache
def programs() -> dict[str, Program]:
    """The known programs by name."""
    file = files("seatrial.profiler.declared") / "programs.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    found: dict[str, Program] = {}
    for name, written in tables.items():
        table = tables[written["same_as"]] if "same_as" in written else written
        dev = table.get("dev", [])
        found[name] = Program(
            name=name, role=table["role"], target=table["target"],
            target_of=table.get("target_of", ""), attr=table.get("attr", ""),
            values=_names(table.get("values", [])), switches=_names(table.get("switches", [])),
            commands=table.get("commands", {}), migrates=tuple(table.get("migrates", [])),
            dev=() if dev is True else tuple(dev), always_dev=dev is True,
        )  # fmt: skip
    return found


class Names(Value):
    """The tables of names.toml."""

    tools: frozenset[str]
    module_tools: frozenset[str]
    django_jobs: frozenset[str]
    modules: dict[str, str]
    aliases: dict[str, tuple[str, ...]]
    django: dict[str, str]


@cache
def names() -> Names:
    """The names that command lines are read with."""
    file = files("seatrial.profiler.declared") / "names.toml"
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Names)


def _names(rows: Sequence[str]) -> dict[str, str]:
    """Every spelling of an option with the long name that stands for it."""
    return {name: row.split()[-1].lstrip("-") for row in rows for name in row.split()}


def read(words: Sequence[str], values: dict[str, str], switches: dict[str, str]) -> Given:
    """Sort words; an option that is not known takes the value only that is joined to it."""
    free: list[str] = []
    options: list[tuple[str, str]] = []
    waiting = list(words[:WORDS_MAX])[::-1]
    while waiting:
        word = waiting.pop()
        if word == "--":
            free += waiting[::-1]
            break
        if len(word) < 2 or word[0] != "-":
            free.append(word)
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            if not equals and name in values and waiting:
                value = waiting.pop()
            options.append((values.get(name, switches.get(name, name[2:])), value))
        elif word in values:
            options.append((values[word], waiting.pop() if waiting else ""))
        elif word[:2] in values:
            options.append((values[word[:2]], word[2:].removeprefix("=")))
        elif word in switches:
            options.append((switches[word], ""))
        else:
            name, _, value = word[1:].partition("=")
            options.append((name, value))
    return Given(free=tuple(free), options=tuple(options))


def masked(text: str) -> str:
    """Text of the app's without what looks like a secret."""
    text = _PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _KEY_SHAPED.sub(MASK, text)
    return _ASSIGNED.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    value = found[3]
    if value.strip("\"'").startswith(("$", MASK, "-")):
        return found[0]
    return f"{found[1]}{found[2]}{MASK}"


def masked_words(words: Sequence[str]) -> tuple[str, ...]:
    """The words of a command without what looks like a secret."""
    found: list[str] = []
    for word, before in zip(words, ["", *words], strict=False):
        hidden = before[:1] == "-" and "=" not in before and secret(before) and word[:1] not in "-$"
        found.append(MASK if hidden and word else masked(word)[:200])
    return tuple(found)


def secret(name: str) -> bool:
    """Whether a variable or option of that name carries a secret."""
    return _SECRET_NAME.search(name) is not None


def unsecret(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Options or variables with their secrets masked."""
    return tuple(
        (name[:80], MASK if value and secret(name) and "$" not in value else masked(value)[:300])
        for name, value in pairs[:WORDS_MAX]
    )
