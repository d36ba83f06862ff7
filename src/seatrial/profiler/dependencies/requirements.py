"""requirements.txt and what it includes; also one that is really a list of Conda's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies import conda
from seatrial.profiler.dependencies.reading import (
    LINES_MAX,
    LOCAL_MAX,
    Local,
    Manifest,
    Reading,
    inside,
)
from seatrial.profiler.dependencies.written import CPU_INDEX, made, requirement
from seatrial.profiler.modules import parent

_LOCAL = re.compile(
    r"(?:file:(?://)?)?(\.{1,2}(?:/[^\[\s;@#]*)?)(?:\[([\w,\s-]+)\])?(?:\s*[;#].*)?"
)
_INDEXES = frozenset({"-i", "--index-url", "--extra-index-url", "-f", "--find-links"})


def read(reading: Reading, file: str) -> Manifest:
    """What a requirements file asks for."""
    text = reading.source.read_text(file)
    if text is None:
        if file in reading.source:
            reading.tell("dependencies.unread", file, "the file cannot be read", file)
        return Manifest(file=file)
    if conda.is_list(text):
        reading.tell(
            "dependencies.conda-list", file, "pip reads name==version, not name=version=build",
            file, 1,
        )  # fmt: skip
        found = conda.from_list(reading, file, text)
        return Manifest(file=file, dependencies=found, installable=False)
    installable = not reading.source.read_head(file, 2).startswith((b"\xff\xfe", b"\xfe\xff"))
    if not installable:
        reading.tell(
            "dependencies.encoding", file, "written as UTF-16, as PowerShell's `>` does", file, 1
        )
    limits: dict[str, str] = {}
    found = tuple(_lines(reading, file, text, limits))
    return Manifest(
        file=file, installable=installable,
        dependencies=tuple(_limited(one, limits) for one in found) if limits else found,
    )  # fmt: skip


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with continuations joined, comments and per-requirement options taken off."""
    start, held = 0, ""
    for number, raw in enumerate(text.splitlines()[:LINES_MAX], 1):
        line = re.sub(r"(^|\s+)#.*$", "", raw.lstrip("\ufeff"))
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


def option(entry: str) -> tuple[str, str]:
    """Name and value of an option line; two empty texts for a requirement."""
    found = re.match(r"(--[a-z-]+|-[a-z])(?:\s*=\s*|\s*)(.*)$", entry)
    return (found[1], found[2].strip().strip("'\"")) if found else ("", "")


def listed(
    reading: Reading, file: str, entries: Iterator[tuple[int, str]], limits: dict[str, str]
) -> Iterator[Dependency]:
    """The dependencies of lines as pip takes them, those of included files too."""
    for line, entry in entries:
        name, value = option(entry)
        if name in ("-r", "--requirement"):
            yield from _included(reading, file, value, line, limits)
        elif name in ("-c", "--constraint"):
            _constrain(reading, file, value, line, limits)
        elif name in ("-e", "--editable"):
            yield from _place(reading, file, value, line)
        elif name:
            reading.cpu |= name in _INDEXES and CPU_INDEX in value
            # The value may hold a password of a package index, so it is not repeated.
            reading.tell("dependencies.option", name, "left to the installer", file, line)
        else:
            yield from _place(reading, file, entry, line)


def _lines(reading: Reading, file: str, text: str, limits: dict[str, str]) -> Iterator[Dependency]:
    reading.seen.add(file)
    yield from listed(reading, file, logical_lines(text), limits)


def _included(
    reading: Reading, file: str, value: str, line: int, limits: dict[str, str]
) -> Iterator[Dependency]:
    path = inside(parent(file), value)
    if path is None or path not in reading.source:
        reading.tell("dependencies.unread", value[:80], "no such file in the app", file, line)
    elif path not in reading.seen and len(reading.seen) < LOCAL_MAX:
        text = reading.source.read_text(path)
        if text is None:
            reading.tell("dependencies.unread", path, "the file cannot be read", path)
        else:
            yield from _lines(reading, path, text, limits)


def _constrain(reading: Reading, file: str, value: str, line: int, limits: dict[str, str]) -> None:
    """Constraints say which version, not that something is installed."""
    path = inside(parent(file), value)
    text = reading.source.read_text(path) if path else None
    if path is None or text is None:
        if "://" not in value:
            reading.tell("dependencies.unread", value[:80], "no such file in the app", file, line)
        return
    for number, entry in logical_lines(text):
        if not option(entry)[0]:
            found = requirement(reading, entry, path, number)
            if found is not None and found.specifier[:1] != "@":
                limits.setdefault(found.name, found.specifier)


def _limited(one: Dependency, limits: dict[str, str]) -> Dependency:
    limit = limits.get(one.name, "")
    if not limit or "@" in one.specifier or limit in one.specifier:
        return one
    asked, bracket, versions = one.specifier.rpartition("]")
    both = limit if limit.startswith("==") or not versions else f"{versions},{limit}"
    return made(one.name, asked + bracket + both, one.proof.file, one.proof.line)


def _place(reading: Reading, file: str, entry: str, line: int) -> Iterator[Dependency]:
    """A requirement, or a folder of the app that is itself installed."""
    local = _LOCAL.fullmatch(entry)
    if local is None:
        found = requirement(reading, entry, file, line)
        if found is not None:
            yield found
        return
    folder = inside(parent(file), local[1])
    wanted = [canonicalize_name(one.strip()) for one in (local[2] or "").split(",") if one.strip()]
    if folder is not None:
        reading.local.append(Local(folder=folder, extras=tuple(wanted), file=file, line=line))
