"""What is installed: which of the app's files says it, with what exact versions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.specifiers import SpecifierSet

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies import closure, locks, manifests, python
from seatrial.profiler.dependencies.reading import Install, Lock, Manifest, Reading, shown
from seatrial.profiler.dependencies.written import extras, made, preferred, version
from seatrial.profiler.modules import parent
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

OTHERS_TOLD_MAX = 10


def detect(source: Source, folder: str = ".") -> Install:
    """What the app, or the component in a folder of it, asks to be installed.

    The folder's own files are looked at first, then those of the folders above it, then, when
    none says anything, those of any folder below. Read once for each folder.
    """
    known: dict[str, Install] = source.memo.setdefault("dependencies.install", {})
    if folder not in known:
        known[folder] = _detect(source, folder)
    return known[folder]


def of(part: Part) -> Install:
    """What the app of a component asks to be installed."""
    found = sorted(
        {python.folder_of(one.proof.file) for one in part.dependencies.values()}, key=len
    )
    return detect(part.source, found[0] if found else ".")


def _detect(source: Source, folder: str) -> Install:
    candidates: list[tuple[Reading, Manifest]] = []
    for place in _upwards(folder):
        candidates = list(manifests.inside(source, place))
        if any(one.dependencies for _, one in candidates):
            break
    named = [pair for pair in candidates if pair[1].dependencies] or candidates
    below: tuple[str, ...] = ()
    if not named or not named[0][1].dependencies:
        below = manifests.below(source)
        told = (manifests.one(source, path) for path in manifests.obvious(below))
        found = next((pair for pair in told if pair and pair[1].dependencies), None)
        named = [found] if found else named
    if not named:
        return _nothing(source, folder, below)
    reading, manifest = named[0]
    home = python.folder_of(manifest.file)
    reading.asked = [one for other, _ in candidates or named for one in other.asked]
    reading.asked = list(dict.fromkeys(reading.asked))
    asked = python.decide(reading, home)
    if preferred(asked) != reading.python:
        again = manifests.one(source, manifest.file, preferred(asked))
        assert again is not None, "it was read before"
        again[0].facts = [*again[0].facts, *(f for f in reading.facts if f.rule[:7] == "python.")]
        reading, manifest = again
    install = _locked(reading, manifest, home, asked)
    return _told(reading, manifest, [other for _, other in named[1:]], below, install)


def _upwards(folder: str) -> Iterator[str]:
    while folder not in (".", ""):
        yield folder
        folder = parent(folder)
    yield "."


def _nothing(source: Source, folder: str, below: tuple[str, ...]) -> Install:
    reading = Reading(source=source, folder=folder)
    asked = python.decide(reading, folder)
    for path in below[:OTHERS_TOLD_MAX]:
        reading.tell("dependencies.other-file", path, "not what is installed from", path)
    return Install(
        dependencies=(), requirements_file="", python_requires=asked, facts=tuple(reading.facts)
    )


def _locked(reading: Reading, manifest: Manifest, home: str, asked: str) -> Install:
    """The dependencies with the exact versions of the lock, and what they need in turn."""
    found = {one.name: one for one in reversed(manifest.dependencies)}
    lock: Lock | None = None
    if not manifest.file.endswith((".txt", ".in")):
        for place in _upwards(home):
            lock = lock or locks.beside(reading, place, manifest.file.rpartition("/")[2])
    if lock is not None:
        absent = sorted(name for name in found if name not in lock.packages)
        if absent:
            line = reading.line_of(manifest.file, absent[0])
            why = f"{lock.file} does not have {shown(absent)}"
            reading.tell("dependencies.lock-stale", lock.file, why, manifest.file, line)
        found = {name: _exact(one, lock) for name, one in found.items()}
    dependencies = tuple(found[name] for name in sorted(found))
    packages, unknown = closure.of(dependencies, lock, reading.cpu)
    return Install(
        dependencies=dependencies, requirements_file=manifest.file if manifest.installable else "",
        python_requires=asked, facts=(), lock=lock.file if lock else "",
        optional=manifest.optional, packages=packages, unknown=unknown,
        cpu=reading.cpu or any("+cpu" in one.version for one in packages),
    )  # fmt: skip


def _exact(one: Dependency, lock: Lock) -> Dependency:
    package = lock.packages.get(one.name)
    if package is None or not package.version or "@" in one.specifier:
        return one
    asked = tuple(sorted(extras(one)))
    return made(one.name, f"=={package.version}", one.proof.file, one.proof.line, asked)


def _told(
    reading: Reading, manifest: Manifest, others: Sequence[Manifest], below: tuple[str, ...],
    install: Install,
) -> Install:  # fmt: skip
    """The same, with the facts."""
    names = {one.name for one in install.packages} | {one.name for one in install.dependencies}
    if others or install.lock:
        value = f"{len(install.dependencies)} dependencies"
        value += f"; versions from {install.lock}" if install.lock else ""
        value += f"; also there: {shown([other.file for other in others])}" if others else ""
        reading.tell("dependencies.source", manifest.file, value, manifest.file)
    for other in others:
        more = sorted({one.name for one in other.dependencies} - names)
        # Files that share nothing are about different things, not two versions of one.
        if more and len(more) < len(other.dependencies):
            value = f"asks also for {shown(more)}, which {manifest.file} does not install"
            line = next(one.proof.line for one in other.dependencies if one.name == more[0])
            reading.tell("dependencies.disagree", other.file, value, other.file, line)
    for path in below:
        if path != manifest.file:
            reading.tell("dependencies.other-file", path, "not what is installed from", path)
    if not install.lock:
        _unpinned(reading, manifest.file, install)
    return Install(
        dependencies=install.dependencies, requirements_file=install.requirements_file,
        python_requires=install.python_requires, facts=tuple(reading.facts), lock=install.lock,
        optional=install.optional, packages=install.packages, unknown=install.unknown,
        cpu=install.cpu,
    )  # fmt: skip


def _unpinned(reading: Reading, file: str, install: Install) -> None:
    """Dependencies that any new major release may reach."""
    loose = [one for one in install.dependencies if not _bounded(one)]
    if loose:
        value = f"{len(loose)} of {len(install.dependencies)} may take any newer release: "
        value += shown([one.name for one in loose])
        reading.tell("dependencies.unpinned", file, value, file, loose[0].proof.line)


def _bounded(one: Dependency) -> bool:
    if "@" in one.specifier or version(one):
        return True
    versions = re.sub(r"^\[[^\]]*\]", "", one.specifier)
    operators = {part.operator for part in SpecifierSet(versions)}
    return bool(operators & {"==", "===", "~=", "<", "<="})
