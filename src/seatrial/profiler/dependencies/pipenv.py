"""Pipfile."""

from __future__ import annotations

from typing import Any

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies.reading import (
    LINES_MAX,
    Asked,
    Local,
    Manifest,
    Reading,
    inside,
    table,
)
from seatrial.profiler.dependencies.written import CPU_INDEX, applies, git, made
from seatrial.profiler.modules import parent


def read(reading: Reading, file: str) -> Manifest:
    """What a Pipfile asks for; its [dev-packages] are optional."""
    tables = reading.toml(file)
    for key in ("python_full_version", "python_version"):
        asked = table(tables, "requires").get(key)
        if isinstance(asked, str):
            minor = ".".join(asked.split(".")[:2])
            reading.asked.append(Asked(
                specifier=f"=={minor}.*", file=file, line=reading.line_of(file, key), pin=True
            ))  # fmt: skip
            break
    sources = tables.get("source")
    for one in sources if isinstance(sources, list) else []:
        reading.cpu |= isinstance(one, dict) and CPU_INDEX in str(one.get("url"))
    found = [
        one
        for name, value in list(table(tables, "packages").items())[:LINES_MAX]
        if (one := _package(reading, file, name, value)) is not None
    ]
    optional = {name.lower(): "dev-packages" for name in table(tables, "dev-packages")}
    return Manifest(
        file=file, dependencies=tuple(found), optional=optional, installable=False
    )  # fmt: skip


def _package(reading: Reading, file: str, name: str, value: Any) -> Dependency | None:
    one = value if isinstance(value, dict) else {"version": value}
    line = reading.line_of(file, f"\n{name}") + 1
    markers = [one["markers"]] if isinstance(one.get("markers"), str) else []
    for key in ("sys_platform", "platform_system", "platform_machine", "os_name"):
        markers += [f"{key} {one[key]}"] if isinstance(one.get(key), str) else []
    if not all(applies(reading, marker) for marker in markers):
        reading.tell("dependencies.not-here", name, "its marker leaves Linux out", file, line)
        return None
    folder = inside(parent(file), one["path"]) if isinstance(one.get("path"), str) else None
    if folder is not None:
        reading.local.append(Local(folder=folder, extras=(), file=file, line=line))
        return None
    version = one.get("version")
    specifier = git(one) or (version if isinstance(version, str) and version != "*" else "")
    extras = one.get("extras")
    asked = tuple(sorted(map(str, extras))) if isinstance(extras, list) else ()
    return made(name, specifier, file, line, asked)
