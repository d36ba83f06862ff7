"""pyproject.toml: PEP 621, dependency groups, and what Poetry, PDM, Hatch and uv add to it."""

from __future__ import annotations

import re
from typing import Any

from packaging.utils import canonicalize_name

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies import poetry, requirements, setuptools
from seatrial.profiler.dependencies.reading import (
    LOCAL_MAX,
    Asked,
    Local,
    Manifest,
    Reading,
    inside,
    table,
    texts,
)
from seatrial.profiler.dependencies.written import CPU_INDEX, applies, git, made, requirement
from seatrial.profiler.modules import join, parent


def read(reading: Reading, file: str, extras: tuple[str, ...] = ()) -> Manifest:
    """What a pyproject.toml asks for, with some of its extras."""
    tables = reading.toml(file)
    project, tool = table(tables, "project"), table(tables, "tool")
    _python(reading, file, tables)
    optional = _optional(tables)
    found: list[Dependency] = []
    if project:
        lines = texts(project.get("dependencies"))
        for extra, names in table(project, "optional-dependencies").items():
            if canonicalize_name(extra) in extras:
                lines += texts(names)
        for text in lines:
            one = requirement(reading, text, file, reading.line_of(file, text))
            found += [one] if one else []
        if "dependencies" in texts(project.get("dynamic")):
            found += _dynamic(reading, file, tool, extras)
    wanted = table(tool, "poetry", "dependencies")
    sources = table(tool, "poetry").get("source")
    poetic = poetry.dependencies(
        reading, file, wanted, sources if isinstance(sources, list) else []
    )
    if "dependencies" not in project:
        found += poetic
    found = list(_sourced(reading, file, tool, found))
    for one in found:
        optional.pop(one.name, None)
    return Manifest(
        file=file, dependencies=tuple(found), optional=optional, installable=bool(project)
    )  # fmt: skip


def expand(reading: Reading) -> list[Dependency]:
    """What the app's own folders need that something wants installed."""
    found: list[Dependency] = []
    done: set[str] = set()
    while reading.local:
        one = reading.local.pop(0)
        if one.folder in done or len(done) >= LOCAL_MAX:
            continue
        done.add(one.folder)
        reading.tell(
            "dependencies.local", one.folder, "a folder of the app is installed", one.file, one.line
        )
        path = join(one.folder, "pyproject.toml")
        found += read(reading, path, one.extras).dependencies if path in reading.source else ()
        beside = setuptools.beside(reading, one.folder, one.extras)
        if beside is not None and not (path in reading.source and found):
            found += beside.dependencies
    return found


def _optional(tables: dict[str, Any]) -> dict[str, str]:
    """Names that only extras and groups ask for, with the extra or group."""
    found: dict[str, str] = {}

    def note(group: str, names: list[str]) -> None:
        for text in names:
            name = re.match(r"\s*([A-Za-z0-9][\w.\-]*)", text)
            if name:
                found.setdefault(canonicalize_name(name[1]), group)

    for source in (
        table(tables, "project", "optional-dependencies"), table(tables, "dependency-groups"),
        table(tables, "tool", "pdm", "dev-dependencies"),
    ):  # fmt: skip
        for group, names in source.items():
            note(str(group), texts(names))
    note("dev", texts(table(tables, "tool", "uv").get("dev-dependencies")))
    note("dev", list(table(tables, "tool", "poetry", "dev-dependencies")))
    for group, inner in table(tables, "tool", "poetry", "group").items():
        note(str(group), list(table(inner, "dependencies")))
    for name, value in table(tables, "tool", "poetry", "dependencies").items():
        if isinstance(value, dict) and value.get("optional") is True:
            note("an extra", [name])
    for group, inner in table(tables, "tool", "hatch", "envs").items():
        note(f"environment {group}", texts(table(inner).get("dependencies")))
    return found


def _dynamic(
    reading: Reading, file: str, tool: dict[str, Any], extras: tuple[str, ...]
) -> list[Dependency]:
    """Dependencies that the build backend takes from other files."""
    folder = parent(file)
    named = table(tool, "setuptools", "dynamic", "dependencies").get("file")
    hook = table(tool, "hatch", "metadata", "hooks", "requirements_txt").get("files")
    names = [named] if isinstance(named, str) else texts(named)
    found: list[Dependency] = []
    for name in [*names, *texts(hook)]:
        path = inside(folder, name)
        if path is not None and path in reading.source:
            found += requirements.read(reading, path).dependencies
    beside = setuptools.beside(reading, folder, extras) if not found else None
    if beside is not None:
        found += beside.dependencies
    if not found:
        line = reading.line_of(file, "dynamic")
        why = "computed when the package is built"
        reading.tell("dependencies.unread", "dependencies", why, file, line)
    return found


def _sourced(
    reading: Reading, file: str, tool: dict[str, Any], found: list[Dependency]
) -> list[Dependency]:
    """Dependencies with where uv takes them from: a folder of the app is no distribution."""
    listed = table(tool, "uv").get("index")
    pdm = table(tool, "pdm").get("source")
    indexes = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    others = [one for one in pdm if isinstance(one, dict)] if isinstance(pdm, list) else []
    cpu = {str(one.get("name")) for one in indexes if CPU_INDEX in str(one.get("url"))}
    reading.cpu |= any(
        CPU_INDEX in str(one.get("url")) and not one.get("explicit") for one in indexes + others
    )
    sources = {str(canonicalize_name(k)): v for k, v in table(tool, "uv", "sources").items()}
    kept: list[Dependency] = []
    for one in found:
        source = _chosen(reading, sources.get(one.name))
        reading.cpu |= source.get("index") in cpu
        folder: str | None = None
        if source.get("workspace") is True:
            folder = member(reading, one.name)
        elif isinstance(source.get("path"), str):
            folder = inside(parent(file), source["path"])
        if folder is not None:
            line = one.proof.line
            reading.local.append(Local(folder=folder, extras=(), file=file, line=line))
            continue
        where = git(source)
        kept.append(made(one.name, where, file, one.proof.line) if where else one)
    return kept


def member(reading: Reading, name: str) -> str | None:
    """The folder of a workspace member, by the name of its distribution."""
    for file in reading.source.files:
        if file.path.endswith("/pyproject.toml") and file.path.count("/") <= 4:
            asked = table(reading.toml(file.path), "project").get("name")
            if isinstance(asked, str) and canonicalize_name(asked) == name:
                return parent(file.path)
    return None


def _chosen(reading: Reading, source: Any) -> dict[str, Any]:
    for one in source[:20] if isinstance(source, list) else [source]:
        if isinstance(one, dict) and applies(reading, str(one.get("marker") or "")):
            return one
    return {}


def _python(reading: Reading, file: str, tables: dict[str, Any]) -> None:
    asked = table(tables, "project").get("requires-python")
    if isinstance(asked, str):
        line = reading.line_of(file, "requires-python")
        reading.asked.append(Asked(specifier=asked, file=file, line=line, pin=False))
    asked = table(tables, "tool", "poetry", "dependencies").get("python")
    if isinstance(asked, str):
        line = reading.line_of(file, "python =") or reading.line_of(file, "python=")
        specifier = poetry.constraint(asked)
        if specifier:
            reading.asked.append(Asked(specifier=specifier, file=file, line=line, pin=False))
