"""How the app's processes start, as far as somebody wrote it down.

One reader a kind of file, one parser of command lines; nothing is run. What a weaker kind of
file says is believed only where no stronger one speaks: see `ORIGINS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from seatrial.profiler.declared import platforms, project
from seatrial.profiler.declared.commandline import parse
from seatrial.profiler.declared.containers import from_compose, from_dockerfile
from seatrial.profiler.declared.found import Found, declarations
from seatrial.profiler.declared.places import Around
from seatrial.profiler.declared.project import Named, Project
from seatrial.profiler.declared.readers import READERS, by_line, pyproject, setup, variables
from seatrial.profiler.declared.start import Start, Step
from seatrial.profiler.source import Source

__all__ = ["ORIGINS", "Start", "Step", "detect", "parse"]

ORIGINS: dict[str, int] = {
    "Procfile": 100,
    "tool.fastapi": 96,
    "tool.vercel": 95,
    "railway": 92,
    "railpack": 92,
    "nixpacks": 92,
    "fly.toml": 92,
    "render.yaml": 92,
    "app.yaml": 92,
    "heroku.yml": 92,
    "digitalocean": 92,
    "apprunner.yaml": 92,
    "captain-definition": 91,
    "Dockerfile": 90,
    "azure": 89,
    "compose": 88,
    "vercel.json": 86,
    "langgraph.json": 85,
    "gunicorn.conf.py": 80,
    "uwsgi.ini": 79,
    "supervisord": 71,
    "systemd": 70,
    "FLASK_APP": 65,
    "Makefile": 60,
    "justfile": 60,
    "Taskfile": 60,
    "package.json": 59,
    "tasks": 58,
    "scripts": 40,
    "README": 30,
    "launch.json": 20,
    "DJANGO_SETTINGS_MODULE": 10,
}
"""The origins of declarations and how strong each one is."""

DEV_STRENGTH = 50
"""The most that a declaration for development counts (Procfile.dev, `make dev`)."""

STARTS_MAX = 200
FILES_MAX = 120


def detect(source: Source, hide: frozenset[str] = frozenset()) -> tuple[Start, ...]:
    """All declared starts, the strongest first; `hide` names origins that are not looked at.

    The order: strength; then files nearer to the root; then production before development.
    One-off jobs come last, with a strength of 0.
    """
    found: list[Start] = []
    files = declarations(source)[:FILES_MAX]
    projects = _projects(files, source)
    for file in files:
        scripts, tasks = _names(projects, file.folder)
        around = Around(
            source=source, folder=file.folder, base=file.folder, scripts=scripts, tasks=tasks
        )
        for start in _of_file(file, around, hide):
            if len(found) < STARTS_MAX and start.origin not in hide and start not in found[-20:]:
                found.append(start)
    depth = {start.declared_in: start.declared_in.count("/") for start in found}
    order = sorted(
        enumerate(found),
        key=lambda pair: (
            -pair[1].strength, depth[pair[1].declared_in], pair[1].dev,
            pair[1].role == "frontend", pair[0],
        ),
    )  # fmt: skip
    return tuple(start for _, start in order)


def _projects(found: tuple[Found, ...], source: Source) -> dict[str, Project]:
    """What each folder's own project files name."""
    projects: dict[str, Project] = {}
    readers = {
        "pyproject.toml": project.pyproject, "setup.cfg": project.setup_cfg,
        "setup.py": project.setup_py,
    }  # fmt: skip
    for file in found:
        reader = readers.get(file.path.rpartition("/")[2])
        if reader is None:
            continue
        one, known = reader(source.read_text(file.path) or ""), projects.get(file.folder, Project())
        projects[file.folder] = Project(
            scripts=(*known.scripts, *one.scripts), tasks=(*known.tasks, *one.tasks)
        )
    return projects


def _names(
    projects: dict[str, Project], folder: str
) -> tuple[Mapping[str, Named], Mapping[str, Named]]:
    """Scripts, which are known wherever they are installed, and tasks of the folder or root."""
    here = projects.get(folder, projects.get(".", Project()))
    scripts = {row.name: row for one in projects.values() for row in one.scripts}
    return {**scripts, **project.names(here.scripts)}, project.names(here.tasks)


def _of_file(file: Found, around: Around, hide: frozenset[str]) -> Iterator[Start]:
    kind = file.kind
    if kind in ("dockerfile", "captain"):
        origin = "Dockerfile" if kind == "dockerfile" else "captain-definition"
        yield from _told(from_dockerfile(file, around), origin, file)
    elif kind == "compose":
        yield from _told(from_compose(file, around, "Dockerfile" not in hide), "compose", file)
    elif kind in platforms.READERS:
        origin, reader = platforms.READERS[kind]
        yield from _told(by_line(file, around, reader), origin, file)
    elif kind in READERS:
        origin, own = READERS[kind]
        yield from _told(own(file, around), origin, file)
    elif kind == "pyproject":
        yield from _told(pyproject(file, around), "tasks", file)
    elif kind == "setup":
        yield from _told(setup(file, around), "scripts", file)
    elif kind == "env":
        yield from _told(variables(file, around), "FLASK_APP", file)


def _told(starts: Iterator[Start], origin: str, file: Found) -> Iterator[Start]:
    """The starts with where they come from and how strong that is."""
    for start in starts:
        origin_own = start.origin or origin
        strength = ORIGINS[origin_own]
        by_name = file.dev and file.kind != "env"
        if by_name or (start.dev and strength < ORIGINS["FLASK_APP"]):
            strength = min(strength, DEV_STRENGTH + strength // 20)
        if start.role == "job":
            strength = 0
        yield msgspec.structs.replace(
            start, origin=origin_own, strength=strength, dev=by_name or start.dev,
            declared_in=file.path,
        )  # fmt: skip
