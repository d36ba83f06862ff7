"""Poetry's tables in pyproject.toml, and its version constraints."""

from __future__ import annotations

import re
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies.reading import LINES_MAX, Local, Reading, inside, table
from seatrial.profiler.dependencies.written import CPU_INDEX, applies, git, made
from seatrial.profiler.modules import parent

_PART = re.compile(r"(===|\^|~=?|[<>=!]=?)?\s*v?(\d[\w.*+!-]*|\*)")


def dependencies(
    reading: Reading, file: str, wanted: dict[str, Any], sources: list[Any]
) -> list[Dependency]:
    """The dependencies of one of Poetry's tables, Python itself left out."""
    cpu = {
        str(one.get("name"))
        for one in sources
        if isinstance(one, dict) and CPU_INDEX in str(one.get("url"))
    }
    found: list[Dependency] = []
    for name, value in list(wanted.items())[:LINES_MAX]:
        if name.lower() == "python":
            continue
        one = _choose(reading, value)
        if one is None or one.get("optional") is True:
            continue
        line = reading.line_of(file, f"\n{name}") + 1
        if not applies(reading, _text(one.get("markers"))):
            reading.tell("dependencies.not-here", name, "its marker leaves Linux out", file, line)
            continue
        reading.cpu |= one.get("source") in cpu or CPU_INDEX in str(one.get("url"))
        if isinstance(one.get("path"), str):
            _local(reading, file, line, one["path"])
            continue
        specifier = git(one) or ("@ address" if one.get("url") else "")
        specifier = specifier or constraint(_text(one.get("version")) or "*")
        extras = tuple(sorted(str(extra) for extra in one.get("extras", []) if extra))
        found.append(made(name, specifier, file, line, extras))
    return found


def constraint(text: str) -> str:
    """PEP 440 for one of Poetry's constraints; '' for any version and what cannot be said.

    `^1.2` stays below 2, `~1.2` below 1.3, a bare version is that version.
    """
    if "|" in text:
        return ""  # One of several ranges: PEP 440 has no "or".
    parts: list[str] = []
    for operator, version in _PART.findall(text.replace(",", " ")):
        if version == "*":
            continue
        if operator in ("^", "~") or (operator == "~=" and "." not in version):
            parts += _range(operator, version)
        elif operator in ("", "="):
            parts.append(f"=={version}")
        else:
            parts.append(f"{operator}{version}")
    try:
        return str(SpecifierSet(",".join(parts)))
    except InvalidSpecifier:
        return ""


def optional(extra: str, poetry: dict[str, Any]) -> list[str]:
    """The names that one of Poetry's extras brings."""
    names = table(poetry, "extras").get(extra)
    return [str(name) for name in names] if isinstance(names, list) else []


def _range(operator: str, text: str) -> list[str]:
    try:
        version = Version(text.rstrip(".*"))
    except InvalidVersion:
        return []
    release = list(version.release)
    if operator != "^":
        place = 1 if len(release) > 1 else 0
    else:
        # The first part that is not 0 may not change; of 0.0 the last one that is written.
        place = next((i for i, part in enumerate(release) if part), len(release) - 1)
    upper = [*release[:place], release[place] + 1]
    return [f">={version}", f"<{'.'.join(str(part) for part in upper)}"]


def _choose(reading: Reading, value: Any) -> dict[str, Any] | None:
    """The constraint that holds on a server, where several are given for one package."""
    for one in value[:20] if isinstance(value, list) else [value]:
        if isinstance(one, str):
            return {"version": one}
        if not isinstance(one, dict):
            continue
        python = constraint(_text(one.get("python")) or "*")
        here = not python or f"{reading.python}.9" in SpecifierSet(python)
        if here and (not isinstance(value, list) or applies(reading, _text(one.get("markers")))):
            return one
    return None


def _local(reading: Reading, file: str, line: int, path: str) -> None:
    folder = inside(parent(file), path)
    if folder is not None:
        reading.local.append(Local(folder=folder, extras=(), file=file, line=line))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
