"""System packages: what the app needs from Debian, and whether its image installs it."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact, Proof
from seatrial.profiler.dependencies import closure
from seatrial.profiler.dependencies.images import Image, images
from seatrial.profiler.dependencies.install import of
from seatrial.profiler.dependencies.python import folder_of
from seatrial.profiler.dependencies.written import extras, is_vcs
from seatrial.profiler.modules import join
from seatrial.profiler.part import Part
from seatrial.profiler.reach import literal
from seatrial.profiler.rules import fact

_RUNS = frozenset({
    "subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call",
    "subprocess.check_output", "os.system", "os.popen", "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell", "asyncio.subprocess.create_subprocess_exec",
    "shutil.which", "subprocess.getoutput", "subprocess.getstatusoutput", "anyio.run_process",
})  # fmt: skip
_LAST = frozenset(name.rpartition(".")[2] for name in _RUNS)
_LISTS = ("Aptfile", "packages.txt", "apt-packages", "apt.txt")


class Need(Value):
    """One Debian package and what it is needed for; `optional` when the app may do without."""

    package: str
    why: str
    build: bool
    optional: bool
    proof: Proof


@cache
def _table() -> dict[str, Any]:
    text = (files("seatrial.profiler") / "data" / "system.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def detect(part: Part) -> Iterator[Fact]:
    """What the main component and its dependencies need, what is installed, what is missing."""
    needs = list(_distributions(part)) if part.main else []
    needs += _programs(part)
    first: dict[tuple[str, bool], Need] = {}
    for need in needs:
        first.setdefault((need.package, need.build), need)
    for need in first.values():
        when = "to build" if need.build else "at run time"
        yield fact(
            "system.package", need.package, f"{when}, for {need.why}", file=need.proof.file,
            line=need.proof.line, confidence=0.6 if need.optional else 0.9,
        )  # fmt: skip
    if not part.main:
        return
    image, listed = _declared(part)
    for package, file in sorted(listed.items()):
        yield fact("system.declared", package, f"installed by {file}", file=file)
    if image is None and not listed:
        return
    there = _there(image, listed)
    if there is None:
        return
    for need in first.values():
        if not need.build and not need.optional and not _among(need.package, there, image):
            where = image.file if image is not None else next(iter(listed.values()))
            yield fact(
                "system.missing", need.package, f"needed for {need.why}", file=where,
                line=image.line if image is not None else 0,
            )  # fmt: skip


def _distributions(part: Part) -> Iterator[Need]:
    install = of(part)
    table: dict[str, dict[str, Any]] = _table()["distribution"]
    names = {one.name for one in install.packages}
    for name in sorted(table.keys() & names):
        about = table[name]
        direct = part.dependencies.get(name)
        if any(other in names for other in about.get("unless", ())):
            continue
        if direct is not None and extras(direct) & set(about.get("without_extras", ())):
            continue
        used = about.get("imported")
        # What another package brings is there for a part that the app may not use.
        if direct is None and used is not None and not part.imports(*used):
            continue
        by = closure.bringer(tuple(part.dependencies.values()), install.packages, name)
        if by is None:
            continue
        optional = bool(about.get("optional")) or (used is not None and not part.imports(*used))
        for key in ("run", "build"):
            for package in about.get(key, ()):
                yield Need(
                    package=package, why=f"{name}: {about['reason']}", build=key == "build",
                    optional=optional, proof=by.proof,
                )  # fmt: skip
    for one in part.dependencies.values():
        if is_vcs(one):
            yield Need(
                package="git", why=f"{one.name}: it is installed from a repository", build=True,
                optional=False, proof=one.proof,
            )  # fmt: skip


def _programs(part: Part) -> Iterator[Need]:
    """The programs that the code starts by name."""
    programs: dict[str, str] = _table()["program"]
    for path in part.paths:
        for node in part.source.nodes_of(path, ast.Call):
            if not node.args:
                continue
            last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            last = node.func.id if isinstance(node.func, ast.Name) else last
            called = part.code.full_name(path, node.func) if last in _LAST else ""
            if called not in _RUNS:
                continue
            name = _program(node.args[0])
            if name in programs:
                yield Need(
                    package=programs[name], why=f"the program {name}, which is started",
                    build=False, optional=called == "shutil.which",
                    proof=Proof(kind="source", rule="system.package", file=path, line=node.lineno),
                )  # fmt: skip


def _program(node: ast.expr) -> str:
    if isinstance(node, ast.List | ast.Tuple) and node.elts:
        node = node.elts[0]
    text = literal(node) or ""
    words = text.split(maxsplit=1)
    return PurePosixPath(words[0]).name if words else ""


def _declared(part: Part) -> tuple[Image | None, dict[str, str]]:
    """The app's image, and the packages that its files list for a platform's builder."""
    source = part.source
    found = sorted({folder_of(one.proof.file) for one in part.dependencies.values()}, key=len)
    folders = list(dict.fromkeys([*found, "."]))
    image = next((one for folder in folders for one in images(source, folder)), None)
    listed: dict[str, str] = {}
    for folder in folders:
        for name in _LISTS:
            path = join(folder, name)
            for line in (source.read_text(path) or "").splitlines()[:500]:
                package = line.split("#")[0].strip().removeprefix(":repo:")
                if package and " " not in package and "://" not in package:
                    listed.setdefault(package, path)
        for name in ("nixpacks.toml", "railpack.json"):
            path = join(folder, name)
            for package in _of_builder(source.read_text(path) or "", name):
                listed.setdefault(package, path)
    if image is not None:
        for package in image.packages:
            listed.setdefault(package, image.file)
    return image, listed


def _of_builder(text: str, name: str) -> list[str]:
    """The Debian packages in a file of Nixpacks or Railpack."""
    try:
        tables = tomllib.loads(text) if name.endswith(".toml") else json.loads(text or "{}")
    except (ValueError, RecursionError):
        return []
    found: list[Any] = []
    if not isinstance(tables, dict):
        return []
    phases = tables.get("phases")
    for phase in phases.values() if isinstance(phases, dict) else ():
        if isinstance(phase, dict) and isinstance(phase.get("aptPkgs"), list):
            found += phase["aptPkgs"]
    for place in (tables, tables.get("deploy")):
        for key in ("aptPackages", "buildAptPackages"):
            if isinstance(place, dict) and isinstance(place.get(key), list):
                found += place[key]
    return [one for one in found if isinstance(one, str) and one != "..."]


def _among(package: str, there: set[str], image: Image | None) -> bool:
    """Whether a package is there, or its program comes some other way, by COPY or a script."""
    if package in there or image is None or package.startswith("lib"):
        return package in there
    return re.search(rf"\b{re.escape(package.split('-')[0])}\b", image.text) is not None


def _there(image: Image | None, listed: dict[str, str]) -> set[str] | None:
    """All packages that are there; none when that cannot be told."""
    tables = _table()
    there = set(listed)
    if image is not None:
        if not image.debian or not image.complete:
            return None
        plain = image.base.partition(":")[2]
        if "python" in image.base and "slim" not in plain:
            there |= set(tables["full_image"]["packages"])
    waiting = list(there)
    while waiting:
        for other in tables["brings"].get(waiting.pop(), ()):
            if other not in there:
                there.add(other)
                waiting.append(other)
    return there
