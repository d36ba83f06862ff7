"""docs/seed-figures.md: what the five documents say things cost, beside what `seatrial price` says.

The figures, and how each is priced here, are in docs/seed-figures.toml. Answers are the verb's.
"""

from __future__ import annotations

import fnmatch
import json
import shlex
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from typer.testing import CliRunner

from seatrial import pricing
from seatrial.catalog.load import load
from seatrial.cli.price import app

DOCS = Path(__file__).parents[2] / "docs"
CENT = Decimal("0.01")


class Document(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    title: str
    date: str


class Figure(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A figure of a document: where it stands, what it says, and how the same is priced here.

    `stated` is "59.10", "26..36", "500.." or "..0.50". `command` and `upto` name commands, the
    latter for the upper end of a range; `than` names what a saving or premium is counted from.
    `pick` is "total", "break-even", "lines A, B" or "unit A", of names "component/service/sku"
    with wildcards.
    """

    document: str
    lines: tuple[int, ...]
    where: str
    says: str
    stated: str
    unit: Literal["USD", "%", "% more", "users"] = "USD"
    command: str = ""
    upto: str = ""
    than: str = ""
    pick: str = "total"
    times: Decimal = Decimal(1)
    verdict: Literal["equal", "within", "differs", "unpriced", "none"]
    reason: str = ""
    note: str = ""


class Data(msgspec.Struct, forbid_unknown_fields=True):
    document: tuple[Document, ...]
    reasons: dict[str, str]
    commands: dict[str, str]
    figure: tuple[Figure, ...]


TEXT = (DOCS / "seed-figures.toml").read_text()
DATA = msgspec.convert(tomllib.loads(TEXT, parse_float=Decimal), Data)
AGREE = ("equal", "within")

Answers = Callable[[str], dict[str, Any]]
Ours = tuple[Decimal | None, Decimal | None]


@pytest.fixture(scope="module")
def ask() -> Iterator[Answers]:
    """`seatrial price ARGUMENTS --json` in this process; the catalogue is read once."""
    known, told = load(), dict[str, dict[str, Any]]()

    def answer(arguments: str) -> dict[str, Any]:
        if arguments not in told:
            done = CliRunner().invoke(app, [*shlex.split(arguments), "--json"])
            assert done.exit_code in (0, 1), f"{arguments}: {done.stderr}"
            told[arguments] = json.loads(done.stdout, parse_float=Decimal, parse_int=Decimal)
        return told[arguments]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pricing, "catalog", lambda own_file, stated=None: known)
        yield answer


def picked(answer: dict[str, Any], pick: str) -> Decimal | None:
    """The part of an answer that is meant; none when it is not priced."""
    if pick == "total":
        total: Decimal | None = answer["monthly_usd"]
        return total
    if pick == "break-even":
        crossings = answer["break_even"]["crossings"]
        return crossings[0]["daily_users"] if crossings else None
    how, _, names = pick.partition(" ")
    patterns = [name.strip() for name in names.split(",")]

    def meant(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            row for row in rows
            if any(fnmatch.fnmatchcase("/".join((row["component"], row["service"], row["sku"])), p)
                   for p in patterns)
        ]  # fmt: skip

    lines = meant(answer["lines"])
    if meant(answer["unpriced"]):
        return None
    assert lines, f"{pick}: no such line"
    if how == "unit":
        return Decimal(lines[0]["unit_price_usd"])
    assert how == "lines", pick
    return sum((Decimal(line["monthly_usd"]) for line in lines), Decimal(0))


def ours(figure: Figure, ask: Answers) -> Ours:
    """What is said here of the same: one amount as both ends, or a range."""

    def one(name: str) -> Decimal | None:
        costs = picked(ask(DATA.commands[name]), figure.pick)
        if costs is None or not figure.than:
            return None if costs is None else costs * figure.times
        base = picked(ask(DATA.commands[figure.than]), figure.pick)
        if base is None:
            return None
        saved = base - costs
        percent = 100 * saved / base
        return {"USD": saved, "%": percent, "% more": -percent}[figure.unit]

    low = one(figure.command)
    return (low, one(figure.upto)) if figure.upto else (low, low)


def ends(stated: str) -> tuple[Decimal | None, Decimal | None]:
    low, dots, high = stated.partition("..")
    return (Decimal(low) if low else None, Decimal(high) if high else None) if dots else (
        Decimal(low), Decimal(low))  # fmt: skip


def tolerance(stated: str) -> Decimal:
    """Half of the last digit that is said; a cent for what is said to the cent."""
    digits = max(len(end.partition(".")[2]) for end in stated.split(".."))
    return CENT if digits == 2 else Decimal(5).scaleb(-digits - 1)


def verdict(figure: Figure, found: Ours) -> str:
    if not figure.command:
        return "none"
    if figure.pick == "break-even" and found[0] is None:
        return "differs"
    if found[0] is None or found[1] is None:
        return "unpriced"
    (low, high), slack = ends(figure.stated), tolerance(figure.stated)
    least, most = min(found[0], found[1]), max(found[0], found[1])
    inside = (low is None or least >= low - slack) and (high is None or most <= high + slack)
    if not inside:
        return "differs"
    return "within" if ".." in figure.stated else "equal"


def amount(number: Decimal | None, unit: str) -> str:
    if unit == "users":
        return "never" if number is None else f"{number:,}"
    if number is None:
        return "unpriced"
    if unit != "USD":
        return f"{number.quantize(Decimal('0.1'), ROUND_HALF_UP)} {unit}"
    if 0 < number < CENT:
        return f"${number.normalize():f}"
    if number < 1 and number != number.quantize(CENT):
        return f"${number.quantize(Decimal('1e-7')).normalize():f}"
    return f"${number.quantize(CENT, ROUND_HALF_UP):,}"


def shown(figure: Figure, found: Ours) -> str:
    if not figure.command:
        return ""
    low, high = (amount(number, figure.unit) for number in found)
    return low if low == high else f"{low} to {high}"


def said(figure: Figure) -> str:
    """The verdict, the reason and the note of one figure as one cell."""
    word = {"none": "not compared"}.get(figure.verdict, figure.verdict)
    why = f"{word}: {figure.reason}" if figure.reason else word
    return f"{why}. {figure.note}" if figure.note else why


def summary() -> str:
    figures = DATA.figure
    by = Counter(figure.verdict for figure in figures)
    places = sum(len(figure.lines) for figure in figures)
    text = (
        f"{len(figures)} figures at {places} places. {by['equal'] + by['within']} agree: "
        f"{by['equal']} are equal, {by['within']} are ranges that hold\nours. {by['differs']} "
        f"differ, {by['unpriced']} are not priced here, {by['none']} cannot be compared.\n\n"
        "| reason | differ | not priced | not compared | what it means |\n|---|---|---|---|---|\n"
    )
    for reason, meaning in DATA.reasons.items():
        with_it = Counter(figure.verdict for figure in figures if figure.reason == reason)
        counts = (with_it["differs"], with_it["unpriced"], with_it["none"])
        text += f"| {reason} | {' | '.join(str(n or '') for n in counts)} | {meaning} |\n"
    return text


HEAD = """# What the documents say things cost

Five documents compare platforms by hand. This page lists every price in them beside what
`seatrial price` says of the same, as far as the document says enough to price it. Written by
`make golden` from [seed-figures.toml](seed-figures.toml).

A figure agrees when ours is the same to the cent or to the digits the document gives, or lies
inside its range. The line numbers are those of the documents. A word in brackets names
the command, listed at the end, that gave our figure.

"""


def described(ask: Answers) -> str:
    """docs/seed-figures.md."""
    text = HEAD + summary()
    for document in DATA.document:
        text += f"\n## {document.id} {document.title}, {document.date}\n\n"
        text += "| lines | where | the document says | ours | verdict |\n|---|---|---|---|---|\n"
        for figure in (f for f in DATA.figure if f.document == document.id):
            found = ours(figure, ask) if figure.command else (None, None)
            names = [name for name in (figure.command, figure.upto, figure.than) if name]
            cells = (
                ", ".join(str(line) for line in figure.lines),
                figure.where,
                figure.says.replace("|", "\\|"),
                f"{shown(figure, found)} [{', '.join(names)}]" if names else "",
                said(figure),
            )
            text += f"| {' | '.join(cells)} |\n"
    text += "\n## The commands\n\nEach is `seatrial price` with these arguments.\n\n"
    text += "| name | arguments |\n|---|---|\n"
    for name, arguments in DATA.commands.items():
        text += f"| {name} | `{arguments}` |\n"
    return text


def test_page(golden: Callable[[Path, str], None], ask: Answers) -> None:
    golden(DOCS / "seed-figures.md", described(ask))


@pytest.mark.parametrize("at", range(len(DATA.figure)))
def test_the_verdict_is_the_verbs(at: int, ask: Answers) -> None:
    figure = DATA.figure[at]
    found = ours(figure, ask) if figure.command else (None, None)
    assert verdict(figure, found) == figure.verdict, (figure.says, found)


def test_every_figure_is_explained() -> None:
    known = {document.id for document in DATA.document}
    used = {name for f in DATA.figure for name in (f.command, f.upto, f.than)} - {""}
    assert used == set(DATA.commands), "every command is used, and no other"
    assert {f.reason for f in DATA.figure} - {""} == set(DATA.reasons)
    for figure in DATA.figure:
        assert figure.document in known and figure.lines
        assert bool(figure.reason) == (figure.verdict not in AGREE), figure.says


ARITHMETIC = (
    ("fargate", "lines compute/fargate/vcpu-hour-x86_64", "59.10"),
    ("fargate", "lines compute/fargate/memory-gb-hour-x86_64", "12.98"),
    ("lambda", "lines compute/lambda/compute-gb-second-x86_64", "0.33"),
    ("lambda", "lines compute/lambda/request", "0.002"),
    ("ec2-one", "lines compute/ec2/t3.medium", "30.37"),
    ("ec2-large", "lines compute/ec2/t3.large", "60.74"),
    ("ec2", "lines disk/ebs/gp3-storage", "3.20"),
)
"""What the documents compute right, to the digits they give. Two tasks of 2 GB are 12.9794: one
document cuts that to 12.97."""


@pytest.mark.parametrize(("command", "pick", "expected"), ARITHMETIC)
def test_own_arithmetic(command: str, pick: str, expected: str, ask: Answers) -> None:
    found = picked(ask(DATA.commands[command]), pick)
    assert found is not None
    assert found.quantize(Decimal(expected), ROUND_HALF_UP) == Decimal(expected)
    # the quantities are the documents' own
    assert DATA.commands["fargate"].endswith("--vcpu 1 --memory-gib 2 --replicas 2")
    assert DATA.commands["lambda"].endswith("--requests-month 10000 --duration-ms 2000")


def test_a_figure_that_is_not_equal_is_told(ask: Answers) -> None:
    wrong = Figure(
        document="002", lines=(1,), where="", says="", stated="59.12", command="fargate",
        pick="lines compute/fargate/vcpu-hour-x86_64", verdict="equal",
    )  # fmt: skip
    assert verdict(wrong, ours(wrong, ask)) == "differs"
