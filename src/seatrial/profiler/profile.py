"""From an app's source to its Workload: read, never imported, never run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import AppError, SettingsError
from seatrial.kernel.workload import Component, Fact, Proof, Workload
from seatrial.profiler.detectors import (
    dependencies,
    env,
    flask_app,
    memory,
    models,
    routes,
    services,
    state,
)
from seatrial.profiler.entry import Entry, choose
from seatrial.profiler.modules import join
from seatrial.profiler.reach import reachable
from seatrial.profiler.source import Source

PORT = 8000
SKIPPED_TOLD_MAX = 50

FACTS: tuple[Callable[[Source, Sequence[str]], tuple[Fact, ...]], ...] = (
    routes.unread_extensions,
    env.detect,
    models.detect,
    state.detect,
    memory.detect,
)


def profile(source: Source, settings: AppSettings) -> Workload:
    """The workload of the app in `source`; the same source and settings give the same bytes.

    Raises `AppError` when there is no Flask app or a declared entry does not lead to one, and
    `SettingsError` when a build command cannot be split into words.
    """
    build = _build(settings.build)
    entry = choose(source, settings)
    app, complete = flask_app.app_thing(source, entry.path, entry.attr)
    if app is None:
        raise AppError(
            f"{entry.name} is not a Flask app when it is read by itself", where=entry.path,
            fix='name the app in seatrial.toml:\n[app]\nentry = "module:attr"',
        )  # fmt: skip
    paths = reachable(source, entry.path)
    found = routes.collect(app)
    install = dependencies.detect(source)
    facts = [*entry.facts, *found.facts, *install.facts]
    if not complete:
        facts.append(_incomplete(entry))
    for detect in FACTS:
        facts += detect(source, paths)
    facts += _undeclared(source, entry, install)
    used = services.detect(source, paths, install.dependencies)
    web = Component(
        name="web", kind="web", framework="flask", entry=entry.name, factory=entry.factory,
        app_dir=entry.app_dir, command=_command(entry), port=PORT,
        facts=(*facts, *_skipped(source)), routes=found.routes, services=used,
    )  # fmt: skip
    return Workload(
        app=settings.name or _name(source), source_digest=source.digest,
        python_requires=install.python_requires, dependencies=install.dependencies,
        requirements_file=install.requirements_file, build=build, components=(web,),
    )  # fmt: skip


def _command(entry: Entry) -> tuple[str, ...]:
    command = ["seatrial-run", "web", entry.name]
    if entry.factory:
        command.append("--factory")
    if entry.app_dir != ".":
        command += ["--app-dir", entry.app_dir]
    return (*command, "--bind", "127.0.0.1:{port}")


def _build(commands: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    build: list[tuple[str, ...]] = []
    for command in commands:
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise SettingsError(
                f"the build command {command!r} cannot be split into words: {error}",
                where="seatrial.toml [app] build", fix="close its quotes",
            ) from None  # fmt: skip
        if words:
            build.append(words)
    return tuple(build)


def _name(source: Source) -> str:
    """The folder's name, in the letters that every platform takes."""
    name = re.sub(r"[^a-z0-9]+", "-", source.root.name.lower()).strip("-")
    return name[:40].strip("-") or "app"


def _incomplete(entry: Entry) -> Fact:
    return Fact(
        rule="routes.unread", subject=entry.name,
        value="the program is too long to be walked to its end; routes may be missing",
        proof=Proof(kind="source", rule="routes.unread", file=entry.path),
    )  # fmt: skip


def _undeclared(source: Source, entry: Entry, install: dependencies.Install) -> tuple[Fact, ...]:
    """Flask itself is imported: when nothing installs it the app cannot start."""
    brings = {"flask", "apiflask", "flask-openapi3"}
    names = {dependency.name for dependency in install.dependencies}
    if names & brings or any(name.startswith("flask-") for name in names):
        return ()
    file = install.requirements_file or join(entry.app_dir, "requirements.txt")
    return (
        Fact(
            rule="dependencies.undeclared", subject="flask",
            value="the app imports it and nothing asks for it", confidence=0.9,
            proof=Proof(kind="source", rule="dependencies.undeclared", file=file),
        ),
    )  # fmt: skip


def _skipped(source: Source) -> list[Fact]:
    """What was not read, so that nobody takes silence for absence."""
    return [
        Fact(
            rule="source.skipped", subject=skip.path, value=skip.reason,
            proof=Proof(kind="source", rule="source.skipped", file=skip.path),
        )
        for skip in source.skipped[:SKIPPED_TOLD_MAX]
    ]  # fmt: skip
