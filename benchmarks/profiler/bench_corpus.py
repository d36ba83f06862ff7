"""How often the profiler names the start that a corpus states: `make bench-profile CORPUS=FILE`.

FILE is a table (CSV) with the columns `path` (a folder, relative to APPS) and
`start_command_expected`; rows without an expected command are profiled and not counted. APPS,
the folder that holds the apps, is the table's own folder unless it is given. Each app is
profiled as it is, and again with its Dockerfiles and Procfiles hidden.

An entry agrees when it names the same module or file, and the same attribute where both name
one.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from msgspec import to_builtins
from rich.console import Console
from rich.table import Table

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import SeatrialError
from seatrial.kernel.workload import Component
from seatrial.profiler.profile import profile
from seatrial.profiler.source import Source
from seatrial.trials.machine import describe

HIDDEN = ("Dockerfile*", "*.dockerfile", "Procfile*", "docker-compose*", "compose.y*ml")


class Named(NamedTuple):
    """What a command starts: a module (dots for slashes, no .py) or a script; its attribute."""

    what: str
    attr: str


def started(words: list[str]) -> Named:
    """What a start command names, by its last simple command."""
    while "&&" in words:
        words = words[words.index("&&") + 1 :]
    for flag, attr in (("--wsgi-file", "--callable"),):
        if flag in words:
            file, name = words[words.index(flag) + 1], words[words.index(attr) + 1]
            return Named(_module(file), name)
    for word in words:
        found = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)(\(\))?", word)
        if found:
            return Named(found[1], found[2])
    if "-m" in words:
        return Named(words[words.index("-m") + 1], "")
    for word in words:
        if word.endswith(".py"):
            return Named(_module(word), "")
    if words[0].startswith("gunicorn") or words[0] == "uvicorn":
        return Named(words[-1], "")
    if words[:2] in (["poetry", "run"], ["uv", "run"]):
        return Named(words[2], "")
    return Named(words[0], "")


def _module(file: str) -> str:
    return file.removeprefix("./").removesuffix(".py").replace("/", ".")


def agrees(expected: str, component: Component) -> bool:
    """Whether a component starts what was expected."""
    wanted, ours = started(shlex.split(expected)), started(list(component.command))
    same = wanted.what == ours.what or ours.what.endswith("." + wanted.what)
    return same and (not wanted.attr or not ours.attr or wanted.attr == ours.attr)


def look(folder: Path) -> tuple[Component | None, str]:
    """The main component of an app, or why there is none."""
    try:
        return profile(Source.open(folder), AppSettings()).components[0], ""
    except SeatrialError as error:
        return None, str(error).splitlines()[0]


def hidden(folder: Path, into: Path) -> Path:
    """A copy of an app without what declares its start."""
    copy = into / folder.name
    shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(*HIDDEN))
    return copy


def main() -> int:
    """Profile every row of the table twice and print what was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("table", type=Path, help="the table (CSV)")
    options.add_argument("--apps", type=Path, help="the folder of the apps; else the table's")
    options.add_argument("--out", type=Path, help="write the result here, as JSON")
    asked = options.parse_args()
    table, apps = asked.table, asked.apps or asked.table.parent
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shown = Table(box=None, pad_edge=False)
    for column in ("app", "expected", "shown", "hidden", "found"):
        shown.add_column(column, overflow="fold")
    good, counted, missing, result = [0, 0], 0, 0, []
    for row in rows:
        folder = apps / row["path"]
        if not folder.is_dir():
            missing += 1
            continue
        with tempfile.TemporaryDirectory() as scratch:
            looks = [look(folder), look(hidden(folder, Path(scratch)))]
        expected = row["start_command_expected"]
        marks = [
            "-" if not expected else "yes" if one and agrees(expected, one) else "NO"
            for one, _ in looks
        ]
        counted += bool(expected)
        for position, mark in enumerate(marks):
            good[position] += mark == "yes"
        found = [" ".join(one.command) if one else why for one, why in looks]
        text = found[0] if found[0] == found[1] else " | ".join(found)
        shown.add_row(row["path"], expected, *marks, text)
        result.append({"path": row["path"], "expected": expected, "found": found, "agrees": marks})
    Console(width=200).print(shown)
    if missing:
        print(f"{missing} of {len(rows)} apps are not under {apps}")
    share = [100 * one / counted if counted else 0.0 for one in good]
    print(f"\n{counted} rows state a start; {good[0]} agree ({share[0]:.1f} %), "
          f"{good[1]} with declarations hidden ({share[1]:.1f} %)")  # fmt: skip
    if asked.out:
        asked.out.write_text(json.dumps({
            "machine": to_builtins(describe()), "rows": len(rows), "missing": missing,
            "counted": counted, "agree_percent": share[0], "agree_percent_hidden": share[1],
            "apps": result,
        }, indent=1) + "\n")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
