"""Where dependencies may be written, in the order in which they count."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies import (
    conda,
    locks,
    pipenv,
    pyproject,
    requirements,
    setuptools,
)
from seatrial.profiler.dependencies.images import images
from seatrial.profiler.dependencies.reading import Manifest, Reading
from seatrial.profiler.dependencies.written import made
from seatrial.profiler.modules import join
from seatrial.profiler.source import Source

BELOW_MAX = 20
_FOLDERS = ("requirements", "reqs", "requires")
# Of several requirements files, the one for servers; what is not among them is for developers.
_ORDER = (
    "production", "prod", "deploy", "deployment", "server", "requirements", "base", "common",
    "main", "core", "app", "web", "default", "runtime", "cpu",
)  # fmt: skip
_REQUIREMENTS = re.compile(r"(?:requirements?[\w.\-]*|[\w.\-]*[_.\-]requirements?)\.(?:txt|in|pip)")
_NOT_HERE = frozenset({"tests", "test", "docs", "doc", "examples", "example", "samples", "scripts",
                       "benchmarks", "tools", "ci", ".github", "tutorials"})  # fmt: skip


def inside(source: Source, folder: str) -> Iterator[tuple[Reading, Manifest]]:
    """What the files of one folder ask for, the strongest first.

    A requirements file that the Dockerfile installs counts before all; requirements.txt,
    pyproject.toml, Pipfile, environment.yml, requirements for production, setup.cfg, setup.py.
    """
    paths = [
        *_named_by_images(source, folder), join(folder, "requirements.txt"),
        join(folder, "pyproject.toml"), join(folder, "Pipfile"),
        *(join(folder, name) for name in conda.FILES), *_variants(source, folder),
        join(folder, "setup.cfg"), join(folder, "setup.py"), join(folder, "pylock.toml"),
    ]  # fmt: skip
    for path in dict.fromkeys(paths):
        found = one(source, path) if path in source else None
        if found is not None:
            yield found


def one(source: Source, path: str, python: str = "3.12") -> tuple[Reading, Manifest] | None:
    """What one file asks for, with what was noticed on the way; none for one about nothing."""
    reading = Reading(source=source, python=python)
    name = path.rpartition("/")[2]
    read = _READERS.get(name, requirements.read)
    manifest = read(reading, path)
    if name in conda.FILES:
        lines = iter(conda.pip_lines(reading, path))
        piped = tuple(requirements.listed(reading, path, lines, {}))
        manifest = _with(manifest, (*manifest.dependencies, *piped))
    if reading.local:
        own = {one.name for one in manifest.dependencies}
        more = [one for one in pyproject.expand(reading) if one.name not in own]
        manifest = _with(manifest, (*manifest.dependencies, *more))
    # Configuration of tools and of setuptools without dependencies says nothing.
    about = manifest.dependencies or reading.asked or reading.facts or name not in _READERS
    return (reading, manifest) if about else None


def below(source: Source) -> tuple[str, ...]:
    """Files that may say what is installed in any folder, the shallowest first."""
    found: list[str] = []
    for file in source.files:
        path = PurePosixPath(file.path)
        if _NOT_HERE.intersection(part.lower() for part in path.parts[:-1]):
            continue
        if path.name in ("pyproject.toml", "Pipfile") or _REQUIREMENTS.fullmatch(path.name):
            found.append(file.path)
    return tuple(sorted(found, key=lambda path: (*_rank(path), path))[:BELOW_MAX])


def obvious(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `below` that may be taken without being asked: none where several fit as well."""
    if len(paths) > 1 and _rank(paths[0]) == _rank(paths[1]):
        return ()
    return paths


def _rank(path: str) -> tuple[int, int, int]:
    parts = PurePosixPath(path).parts
    among = any(part.lower() in _FOLDERS for part in parts[:-1])
    stem = PurePosixPath(path).stem
    return (0 if among else 1, len(parts), 0 if stem in ("requirements", "pyproject") else 1)


def _variants(source: Source, folder: str) -> list[str]:
    """The requirements files of a folder that are for servers: `requirements/prod.txt`."""
    ranked: list[tuple[int, int, str]] = []
    prefix = "" if folder == "." else f"{folder}/"
    for file in source.files:
        if not file.path.startswith(prefix) or not file.path.endswith((".txt", ".in", ".pip")):
            continue
        parts = file.path[len(prefix) :].split("/")
        among = len(parts) == 2 and parts[0].lower() in _FOLDERS
        if not among and not (len(parts) == 1 and _REQUIREMENTS.fullmatch(parts[0].lower())):
            continue
        stem = re.sub(r"[_.\-]?requirements?[_.\-]?", "", PurePosixPath(parts[-1].lower()).stem)
        stem = stem or "requirements"
        if stem in _ORDER:
            ranked.append((_ORDER.index(stem), 0 if file.path.endswith(".txt") else 1, file.path))
    return [path for _, _, path in sorted(ranked)]


def _named_by_images(source: Source, folder: str) -> Iterator[str]:
    """The requirements files that a Dockerfile's pip is pointed at, those for tests left out."""
    for image in images(source, folder):
        for name in image.requirements:
            if re.search(r"dev|test|lint|docs", name):
                continue
            # Where the file lies in the image is not where it lies here; its last part is.
            parts = [part for part in name.split("/") if part not in ("", ".", "..", "tmp", "app")]
            for start in range(len(parts)):
                path = join(folder, "/".join(parts[start:]))
                if path in source:
                    yield path
                    break


def _conda(reading: Reading, path: str) -> Manifest:
    return conda.read(reading, path)


def _pyproject(reading: Reading, path: str) -> Manifest:
    return pyproject.read(reading, path)


def _setup_cfg(reading: Reading, path: str) -> Manifest:
    return setuptools.setup_cfg(reading, path)


def _setup_py(reading: Reading, path: str) -> Manifest:
    return setuptools.setup_py(reading, path)


def _pylock(reading: Reading, path: str) -> Manifest:
    """All packages of a lock: it does not say which of them the app asks for itself."""
    lock = locks.pylock(reading, path)
    found = tuple(
        made(one.name, f"=={one.version}" if one.version else "", path, 0)
        for one in lock.packages.values()
    )
    return Manifest(file=path, dependencies=found, installable=False)


def _with(manifest: Manifest, dependencies: tuple[Dependency, ...]) -> Manifest:
    return Manifest(
        file=manifest.file, dependencies=dependencies, optional=manifest.optional,
        installable=manifest.installable,
    )  # fmt: skip


_READERS: dict[str, Callable[[Reading, str], Manifest]] = {
    "pyproject.toml": _pyproject, "Pipfile": pipenv.read, "setup.cfg": _setup_cfg,
    "setup.py": _setup_py, "pylock.toml": _pylock, **dict.fromkeys(conda.FILES, _conda),
}  # fmt: skip
