"""Lock files: exact versions of all that gets installed, and the wheels' sizes where they say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from packaging.utils import canonicalize_name

from seatrial.profiler.dependencies.reading import Lock, Package, Reading, table, texts
from seatrial.profiler.dependencies.written import applies
from seatrial.profiler.modules import join

PACKAGES_MAX = 20_000
_WHEEL = re.compile(r"-(?:cp3(\d+)|py3|py2\.py3)-(\w+)-([\w.]+)\.whl")


def uv(reading: Reading, file: str) -> Lock:
    """uv.lock: a universal lock; what no marker lets onto a Linux server is left out."""
    packages: dict[str, Package] = {}
    for one in _packages(reading.toml(file).get("package")):
        markers = one.get("resolution-markers")
        forks = texts(markers)
        if forks and not any(applies(reading, marker) for marker in forks):
            continue
        local = any(key in table(one, "source") for key in ("virtual", "editable", "directory"))
        needs = _named(reading, one.get("dependencies"))
        # Extras that somebody asks for: their packages stand in the lock as well.
        for extra in table(one, "optional-dependencies").values() if not local else ():
            needs += _named(reading, extra)
        _add(packages, one, needs, _wheel_bytes(one.get("wheels")))
    return Lock(file=file, packages=packages)


def poetry(reading: Reading, file: str) -> Lock:
    """poetry.lock."""
    packages: dict[str, Package] = {}
    for one in _packages(reading.toml(file).get("package")):
        if not applies(reading, one["markers"] if isinstance(one.get("markers"), str) else ""):
            continue
        needs = [
            str(canonicalize_name(name))
            for name, value in table(one, "dependencies").items()
            if not isinstance(value, dict)
            or (not value.get("optional") and applies(reading, str(value.get("markers") or "")))
        ]
        _add(packages, one, needs, 0)
    return Lock(file=file, packages=packages)


def pdm(reading: Reading, file: str) -> Lock:
    """pdm.lock."""
    packages: dict[str, Package] = {}
    for one in _packages(reading.toml(file).get("package")):
        if not applies(reading, one["marker"] if isinstance(one.get("marker"), str) else ""):
            continue
        needs = _written(reading, one.get("dependencies"))
        _add(packages, one, needs, 0)
    return Lock(file=file, packages=packages)


def pylock(reading: Reading, file: str) -> Lock:
    """pylock.toml (PEP 751)."""
    packages: dict[str, Package] = {}
    for one in _packages(reading.toml(file).get("packages")):
        if applies(reading, one["marker"] if isinstance(one.get("marker"), str) else ""):
            needs = _named(reading, one.get("dependencies"))
            _add(packages, one, needs, _wheel_bytes(one.get("wheels")))
    return Lock(file=file, packages=packages)


def pipfile(reading: Reading, file: str) -> Lock:
    """Pipfile.lock: it does not say who needs what."""
    packages: dict[str, Package] = {}
    try:
        tables = json.loads(reading.source.read_text(file) or "{}")
    except (ValueError, RecursionError):
        reading.tell("dependencies.unread", file, "not JSON", file)
        tables = {}
    for name, value in list(table(tables, "default").items())[:PACKAGES_MAX]:
        one = table(value)
        if applies(reading, str(one.get("markers") or "")):
            version = one["version"] if isinstance(one.get("version"), str) else ""
            _add(packages, {"name": name, "version": version.lstrip("=")}, [], 0)
    return Lock(file=file, packages=packages)


READERS: tuple[tuple[str, Callable[[Reading, str], Lock]], ...] = (
    ("uv.lock", uv), ("poetry.lock", poetry), ("pdm.lock", pdm), ("pylock.toml", pylock),
    ("Pipfile.lock", pipfile),
)  # fmt: skip


def beside(reading: Reading, folder: str, manifest: str) -> Lock | None:
    """The lock that belongs to a manifest in a folder; a Pipfile's is its own alone."""
    for name, read in READERS:
        path = join(folder, name)
        fits = (name == "Pipfile.lock") == (manifest == "Pipfile")
        if fits and path in reading.source and path != join(folder, manifest):
            lock = read(reading, path)
            if lock.packages:
                return lock
    return None


def _packages(value: Any) -> Iterator[dict[str, Any]]:
    for one in value[:PACKAGES_MAX] if isinstance(value, list) else []:
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one


def _add(
    packages: dict[str, Package], one: dict[str, Any], needs: list[str], wheel_bytes: int
) -> None:
    name = canonicalize_name(one["name"])
    version = one["version"] if isinstance(one.get("version"), str) else ""
    packages.setdefault(name, Package(
        name=name, version=version, requires=tuple(sorted(set(needs))), wheel_bytes=wheel_bytes
    ))  # fmt: skip


def _named(reading: Reading, value: Any) -> list[str]:
    """The names in `[{name = "x", marker = "..."}]` that hold here."""
    return [
        canonicalize_name(one["name"])
        for one in _packages(value)
        if applies(reading, one["marker"] if isinstance(one.get("marker"), str) else "")
    ]


def _written(reading: Reading, value: Any) -> list[str]:
    """The names in a list of requirements that hold here."""
    found: list[str] = []
    for text in value[:PACKAGES_MAX] if isinstance(value, list) else []:
        name = re.match(r"[A-Za-z0-9][\w.\-]*", text) if isinstance(text, str) else None
        if name and applies(reading, text.partition(";")[2].strip()):
            found.append(canonicalize_name(name[0]))
    return found


def _wheel_bytes(value: Any) -> int:
    """The size of the wheel that a Linux server takes; 0 when the lock does not say."""
    best = (-1, 0)
    for one in value[:500] if isinstance(value, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("size"), int):
            continue
        where = next((one[k] for k in ("url", "name", "path", "filename") if k in one), "")
        tags = _WHEEL.search(where) if isinstance(where, str) and len(where) < 1000 else None
        if tags is None:
            continue
        platform = tags[3]
        linux = "linux" in platform and "x86_64" in platform and "musl" not in platform
        if platform != "any" and not linux:
            continue
        # CPython 3.12 first: the Python that is taken where the app leaves it open.
        rank = 0 if tags[1] is None else (3 if tags[1] == "12" else 1)
        best = max(best, (rank if "t" not in tags[2][-1:] else 0, one["size"]))
    return best[1]
