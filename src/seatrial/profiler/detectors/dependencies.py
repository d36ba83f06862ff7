"""Dependencies: what the app asks to be installed, and for which Python."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Dependency, Fact, Proof
from seatrial.profiler.modules import join, parent
from seatrial.profiler.source import Source

INCLUDES_MAX = 20
LINES_MAX = 20_000
# The servers an app is deployed to run Linux on x86-64 or Arm; markers are read for them.
_TARGET = {
    "sys_platform": "linux", "os_name": "posix", "platform_system": "Linux",
    "platform_machine": "x86_64", "implementation_name": "cpython",
    "platform_python_implementation": "CPython", "extra": "",
}  # fmt: skip
_UNREAD = (
    ("Pipfile", "Pipenv"), ("environment.yml", "Conda"), ("environment.yaml", "Conda"),
    ("setup.py", "setup.py"), ("setup.cfg", "setup.cfg"),
)  # fmt: skip


class Install(Value):
    """What is installed: `requirements_file` is the file an installer is pointed at."""

    dependencies: tuple[Dependency, ...]
    requirements_file: str
    python_requires: str
    facts: tuple[Fact, ...]


def detect(source: Source) -> Install:
    """Requirements of the app's root: requirements.txt, else pyproject.toml (PEP 621)."""
    facts: list[Fact] = []
    project = _pyproject(source, facts)
    declared = project.get("dependencies")
    python = _python(source, project, facts)
    dependencies: list[Dependency] = []
    file = ""
    if "requirements.txt" in source:
        file = "requirements.txt"
        dependencies = list(_requirements(source, file, python, facts, []))
    elif isinstance(declared, list):
        file = "pyproject.toml"
        for text in declared[:LINES_MAX]:
            line = _line_of(source, file, str(text))
            dependency = _dependency(str(text), file, line, python, facts)
            dependencies += [dependency] if dependency else []
    else:
        facts += _elsewhere(source)
    unique = {dependency.name: dependency for dependency in reversed(dependencies)}
    return Install(
        dependencies=tuple(unique[name] for name in sorted(unique)),
        requirements_file=file, python_requires=python, facts=tuple(facts),
    )  # fmt: skip


def _fact(rule: str, subject: str, value: str, file: str, line: int) -> Fact:
    proof = Proof(kind="source", rule=rule, file=file, line=line)
    return Fact(rule=rule, subject=subject, value=value, proof=proof)


def _requirements(
    source: Source, file: str, python: str, facts: list[Fact], seen: list[str]
) -> Iterator[Dependency]:
    seen.append(file)
    text = source.read_text(file)
    if text is None:
        facts.append(_fact("dependencies.unread", file, "the file cannot be read", file, 0))
        return
    for line, entry in _logical_lines(text):
        option, value = _option(entry)
        if option in ("-r", "--requirement"):
            path = _inside(parent(file), value)
            if path is None or path not in source:
                facts.append(_fact(
                    "dependencies.unread", value[:80], "no such file in the app", file, line
                ))  # fmt: skip
            elif path not in seen and len(seen) < INCLUDES_MAX:
                yield from _requirements(source, path, python, facts, seen)
        elif option:
            # The value may hold a password of a package index, so it is not repeated.
            facts.append(_fact("dependencies.option", option, "left to the installer", file, line))
        else:
            dependency = _dependency(entry, file, line, python, facts)
            if dependency is not None:
                yield dependency


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with continuations joined, comments and per-requirement options taken off."""
    start, held = 0, ""
    for number, raw in enumerate(text.splitlines()[:LINES_MAX], 1):
        line = re.sub(r"(^|\s+)#.*$", "", raw)
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        entry = (held + line).strip()
        if not entry.startswith("-"):
            entry = re.split(r"\s--[a-z]", entry)[0].strip()
        if entry:
            yield start, entry
        start, held = 0, ""
    if held.strip():
        yield start, held.strip()


def _option(entry: str) -> tuple[str, str]:
    """Name and value of an option line; two empty texts for a requirement."""
    found = re.match(r"(--[a-z-]+|-[a-z])(?:\s*=\s*|\s*)(.*)$", entry)
    return (found[1], found[2].strip().strip("'\"")) if found else ("", "")


def _inside(folder: str, name: str) -> str | None:
    """A path relative to a folder as one relative to the root; none when it leads out."""
    parts: list[str] = []
    if name.startswith("/"):
        return None
    for part in PurePosixPath(join(folder, name)).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _dependency(
    text: str, file: str, line: int, python: str, facts: list[Fact]
) -> Dependency | None:
    try:
        requirement = Requirement(text)
        wanted = requirement.marker is None or requirement.marker.evaluate(_environment(python))
    except (InvalidRequirement, UndefinedEnvironmentName, RecursionError, ValueError):
        # An address may hold a token; only what is certainly a name or a path is repeated.
        shown = text[:80] if re.fullmatch(r"[\w.\-\[\]/=<>~!, ]+", text) else "an address"
        facts.append(_fact(
            "dependencies.unread", shown, "not a requirement by name (PEP 508)", file, line
        ))  # fmt: skip
        return None
    if not wanted:
        facts.append(_fact(
            "dependencies.not-here", requirement.name, "its marker leaves Linux out", file, line
        ))  # fmt: skip
        return None
    specifier = "@ address" if requirement.url else str(requirement.specifier)
    return Dependency(
        name=canonicalize_name(requirement.name), specifier=specifier,
        proof=Proof(kind="source", rule="dependencies.declared", file=file, line=line),
    )  # fmt: skip


def _environment(python: str) -> dict[str, str]:
    """The marker environment of a Linux server; the lowest Python named, 3.11 when none is."""
    found = re.search(r"3\.(\d{1,3})", python)
    version = f"3.{found[1]}" if found else "3.11"
    return {**_TARGET, "python_version": version, "python_full_version": f"{version}.0"}


def _pyproject(source: Source, facts: list[Fact]) -> dict[str, Any]:
    text = source.read_text("pyproject.toml")
    if text is None:
        return {}
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        why = f"not TOML: {error}"[:120]
        facts.append(_fact("dependencies.unread", "pyproject.toml", why, "pyproject.toml", 0))
        return {}
    project, tool = tables.get("project"), tables.get("tool")
    if isinstance(tool, dict) and isinstance(tool.get("poetry"), dict):
        poetry = tool["poetry"]
        if "dependencies" in poetry and not isinstance(project, dict):
            facts.append(_fact(
                "dependencies.unsupported", "Poetry", "not read: export a requirements.txt",
                "pyproject.toml", _line_of(source, "pyproject.toml", "[tool.poetry"),
            ))  # fmt: skip
    return project if isinstance(project, dict) else {}


def _python(source: Source, project: dict[str, Any], facts: list[Fact]) -> str:
    """The Python asked for: requires-python, else .python-version, else runtime.txt."""
    asked = project.get("requires-python")
    if isinstance(asked, str):
        try:
            return str(SpecifierSet(asked))
        except InvalidSpecifier:
            line = _line_of(source, "pyproject.toml", "requires-python")
            facts.append(_fact(
                "python.unread", asked[:80], "not a version specifier", "pyproject.toml", line
            ))  # fmt: skip
    for file in (".python-version", "runtime.txt"):
        words = (source.read_text(file) or "").split()
        found = re.fullmatch(r"(?:c?python-?)?(3\.\d+)(?:\.\d+)?", words[0]) if words else None
        if found:
            return f"=={found[1]}.*"
    return ""


def _elsewhere(source: Source) -> list[Fact]:
    """Where the dependencies may be written instead, when nothing that is read names them."""
    facts = [
        _fact("dependencies.unsupported", name, "not read: export a requirements.txt", file, 0)
        for file, name in _UNREAD
        if file in source
    ]
    others = [
        file.path
        for file in source.files
        if re.fullmatch(r"requirements[\w.\-/]*\.(txt|in)", file.path)
    ]
    facts += [
        _fact("dependencies.other-file", path, "read is requirements.txt in the root", path, 0)
        for path in others[:10]
    ]
    return facts or [_fact("dependencies.none", "", "no requirements.txt, no [project]", ".", 0)]


def _line_of(source: Source, file: str, needle: str) -> int:
    for number, line in enumerate((source.read_text(file) or "").splitlines(), 1):
        if needle in line:
            return number
    return 0
