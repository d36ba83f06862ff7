"""Docs cannot drift: nouns, rules, verbs and settings are held against the code."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from seatrial.assessor import rules
from seatrial.cli.main import VERBS
from seatrial.kernel.bundle import Bundle
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.shipped import Shipped
from seatrial.kernel.workload import Workload
from seatrial.profiler.frameworks import frameworks
from seatrial.profiler.rules import rules as rulebook

DOCS = Path(__file__).parents[2] / "docs"
NOUNS = (Workload, Plan, Bundle, Deployment, LoadEvidence, Shipped)


def headings(name: str, level: str = "## ") -> list[str]:
    lines = (DOCS / name).read_text().splitlines()
    return [line.removeprefix(level) for line in lines if line.startswith(level)]


def parts(kind: object) -> Iterator[type[msgspec.Struct]]:
    """The structs that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for inner in typing.get_args(kind):
        yield from parts(inner)


def type_name(kind: object) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f'"{value}"' for value in typing.get_args(kind))
    if isinstance(kind, type) and not typing.get_args(kind):
        name = {"NoneType": "null", "str": "string", "int": "integer"}.get(kind.__name__)
        name = name or {"float": "number", "Decimal": "number", "bool": "boolean"}.get(
            kind.__name__, kind.__name__
        )
        linked = issubclass(kind, msgspec.Struct)
        return f"[{name}](#{name.lower()})" if linked else name
    inside = [type_name(arg) for arg in typing.get_args(kind) if arg is not Ellipsis]
    if typing.get_origin(kind) is dict:
        return f"object of {inside[1]}"
    if typing.get_origin(kind) is tuple:
        return f"list of {inside[0]}" if len(set(inside)) == 1 else f"list of ({', '.join(inside)})"
    return " or ".join(inside)


def described() -> str:
    """docs/nouns.md from the kernel's structs."""
    seen: list[type[msgspec.Struct]] = []
    waiting: list[type[msgspec.Struct]] = list(NOUNS)
    while waiting:
        noun = waiting.pop(0)
        if noun in seen:
            continue
        seen.append(noun)
        for field in msgspec.structs.fields(noun):
            waiting += [part for part in parts(field.type) if part not in seen]
    text = "# Nouns\n\nWhat `--json` prints. Written from the code by `make golden`.\n"
    for noun in seen:
        about = re.sub(r"`([^`]*)`", r"`\1`", inspect.cleandoc(noun.__doc__ or ""))
        text += f"\n## {noun.__name__}\n\n{about}\n\n| field | type |\n|---|---|\n"
        for field in msgspec.structs.fields(noun):
            text += f"| `{field.encode_name}` | {type_name(field.type)} |\n"
    return text


def test_nouns_are_described(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "nouns.md", described())


def test_every_rule_has_its_heading() -> None:
    assert headings("rules.md") == list(rules.RULES)


def test_every_verb_has_its_heading() -> None:
    assert set(headings("verbs.md")) == set(VERBS)


def profiled() -> str:
    """docs/profile/README.md from the rulebook and the table of frameworks."""
    text = (
        "# What `seatrial profile` finds\n\nWritten from the rulebook by `make golden`. Every fact "
        "carries its rule, the file and line, and a\nconfidence; a danger also says how bad it "
        "is and what helps.\n\n## Frameworks\n\n| framework | served as |\n|---|---|\n"
    )
    titles = {one.title: one for one in reversed(frameworks().values())}
    for one in sorted(titles.values(), key=lambda one: one.title.lower()):
        text += f"| {one.title} | `{' '.join(one.start)}` |\n"
    for severity in ("high", "medium", "low", "info"):
        head = "Facts" if severity == "info" else f"Dangers: {severity}"
        text += f"\n## {head}\n\n| rule | what it says |\n|---|---|\n"
        for rule in sorted(rulebook().values(), key=lambda rule: rule.id):
            if rule.severity == severity:
                text += f"| [{rule.id}]({rule.id}.md) | {rule.title} |\n"
    return text


def test_what_profile_finds_is_listed(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "profile/README.md", profiled())


@pytest.mark.parametrize("name", rulebook())
def test_every_rule_of_the_profiler_has_its_page(name: str) -> None:
    rule, page = rulebook()[name], DOCS / "profile" / f"{name}.md"
    lines = page.read_text().splitlines()
    assert lines[0] == f"# {name}"
    assert f"Severity: {rule.severity}" in lines
    assert (rule.severity == "info") == (not rule.fix), "a danger has a fix, and only a danger"
    sections = [line for line in lines if line.startswith("## ")]
    assert sections == ["## What is found", "## Why it matters", "## What to do",
                        "## What is not found"]  # fmt: skip


def test_no_page_is_left_over() -> None:
    pages = {path.stem for path in (DOCS / "profile").glob("*.md")} - {"README", "measured"}
    assert pages == set(rulebook())
