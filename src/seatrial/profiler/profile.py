"""From an app's source to its Workload: read, never imported, never run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace as with_paths

from msgspec.structs import replace

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import SettingsError
from seatrial.kernel.workload import Component, ComponentKind, Fact, Workload
from seatrial.profiler import components, declared, dependencies, routes
from seatrial.profiler.candidates import app_thing
from seatrial.profiler.components import servers as model_servers
from seatrial.profiler.declared.start import Start
from seatrial.profiler.dependencies import imports
from seatrial.profiler.detectors import (
    addresses,
    commands,
    env,
    exposure,
    gpu,
    habits,
    health,
    injection,
    llm,
    llm_models,
    ml,
    ml_unsafe,
    models,
    secret_keys,
    secrets,
    servers,
    services,
    size,
    state,
    streaming,
    system,
    time,
    timeouts,
    uploads,
)
from seatrial.profiler.entry import choose
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.modules import join, parent
from seatrial.profiler.part import Part
from seatrial.profiler.reach import reachable
from seatrial.profiler.resolve import Entry
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source
from seatrial.profiler.syntax import collection_paused

SKIPPED_TOLD_MAX = 50
REST_BYTES_MAX = 256 * 1024
RUNNING = ("worker", "scheduler", "model")

FACTS: tuple[Callable[[Part], Iterable[Fact]], ...] = (
    routes.detect, imports.detect, system.detect,
    env.detect, secrets.detect, secret_keys.detect,
    models.detect, ml.detect, ml_unsafe.detect, llm.detect, llm_models.detect,
    model_servers.detect,
    size.detect, gpu.detect,
    state.detect, services.facts,
    time.detect, timeouts.detect, streaming.detect, uploads.detect,
    habits.detect, exposure.detect, addresses.detect, injection.detect, servers.detect,
)  # fmt: skip
"""The detectors, in the order in which their facts are told."""


def profile(source: Source, settings: AppSettings) -> Workload:
    """The workload of the app in `source`; the same source and settings give the same bytes.

    Raises `AppError` when there is no app or a declared entry does not lead to one, and
    `SettingsError` when a build command cannot be split into words.
    """
    with collection_paused():
        return _profile(source, settings)


def _profile(source: Source, settings: AppSettings) -> Workload:
    build = _build(settings.build)
    starts = declared.detect(source)

    def works() -> bool:
        alone = components.detect(source, starts, (), dependencies.detect(source))
        return any(one.kind in RUNNING for one in alone)

    entries = choose(source, settings, starts, works)
    install = dependencies.detect(source, parent(entries[0].path) if entries else ".")
    made: list[Component] = []
    inside: set[str] = set()
    for entry in entries:
        component, paths = _component(source, entry, install, starts, main=not made)
        made.append(component)
        inside.update(paths)
    for one in components.detect(source, starts, inside, install):
        made.append(_background(source, one, install, starts, inside, main=not made))
    return Workload(
        app=settings.name or _name(source), source_digest=source.digest,
        python_requires=install.python_requires, dependencies=install.dependencies,
        requirements_file=install.requirements_file, build=build, components=tuple(made),
    )  # fmt: skip


def _component(
    source: Source,
    entry: Entry,
    install: dependencies.Install,
    starts: Sequence[Start],
    *,
    main: bool,
) -> tuple[Component, tuple[str, ...]]:
    """A component of the app's own entry: how it starts, its routes, its files' facts; and the
    files it may run."""
    kind: ComponentKind = "web" if entry.is_web else "worker"
    framework = entry.framework
    app, machine = app_thing(source, entry.path, entry.attr, entry.factory)
    found = routes.collect(framework.name, app, machine, entry.path)
    part = Part(
        source=source, name=entry.process or kind, kind=kind, framework=framework.name,
        entry=entry.name, paths=_paths(source, entry, machine),
        dependencies={one.name: one for one in install.dependencies}, main=main,
    )  # fmt: skip
    facts = list(entry.facts)
    if source.tree(entry.path) is None:
        facts.append(fact("entry.unreadable", entry.name, file=entry.path))
    if machine.exhausted:
        facts.append(fact(
            "routes.unread", entry.name,
            "the program is too long to be walked to its end; routes may be missing",
            file=entry.path,
        ))  # fmt: skip
    facts += found.facts
    facts += commands.detect(part, starts)
    facts += _facts(part, install)
    if kind == "web":
        facts += health.detect(part, found.routes)
    component = Component(
        name=part.name, kind=kind, framework=framework.name, interface=framework.interface,
        entry=entry.name, factory=entry.factory, app_dir=entry.app_dir, command=command(entry),
        port=(entry.port or framework.port) if kind == "web" else 0,
        facts=tuple(facts), routes=found.routes, services=services.detect(part),
    )  # fmt: skip
    return component, part.paths


def _paths(source: Source, entry: Entry, machine: Interpreter) -> tuple[str, ...]:
    """The files an entry may run: what it imports, what it names for the framework to import
    (Django's settings and views), and the pages beside a Streamlit app."""
    named = [one.path for one in machine.modules.values() if one.path]
    if entry.framework.name == "streamlit":
        pages = join(parent(entry.path), "pages")
        named += [path for path in source.python_files if parent(path) == pages]
    return reachable(source, entry.path, *named)


def _background(
    source: Source,
    component: Component,
    install: dependencies.Install,
    starts: Sequence[Start],
    inside: Collection[str],
    *,
    main: bool,
) -> Component:
    """A background component with the facts of the files that only it may run."""
    path = components.entry_path(source, component)
    part = Part(
        source=source, name=component.name, kind=component.kind, framework=component.framework,
        entry=component.entry, paths=reachable(source, path) if path else (),
        dependencies={one.name: one for one in install.dependencies}, main=main,
    )  # fmt: skip
    own = tuple(path for path in part.paths if path not in inside)
    facts = [*component.facts, *(commands.detect(part, starts) if main else ())]
    facts += [
        one for one in _facts(with_paths(part, paths=own), install)
        if one.rule != "memory.worker-estimate"
    ]  # fmt: skip
    # Its process loads also what it shares with the others.
    facts += size.memory(part, install) if path or main else ()
    used = services.detect(part) if path else ()
    return replace(component, facts=tuple(facts), services=used)


def _look_at_the_rest(source: Source) -> None:
    """Parse what no component imports too, nearest to the root first, so that what cannot be
    read is told; within a budget, since nothing else comes of it."""
    left = REST_BYTES_MAX
    for path in sorted(source.python_files, key=lambda one: (one.count("/"), one)):
        left -= source.size_bytes(path)
        if left < 0:
            return
        source.tree(path)


def _facts(part: Part, install: dependencies.Install) -> list[Fact]:
    facts = list(install.facts) if part.main else []
    for detect in FACTS if part.main or part.paths else ():
        facts += detect(part)
    if part.main:
        _look_at_the_rest(part.source)
        facts += _skipped(part.source)
    return facts


def command(entry: Entry) -> tuple[str, ...]:
    """The start command as the framework's own documentation gives it."""
    if entry.script:
        return (entry.script,)
    if entry.name.startswith("-m "):
        return ("python", "-m", entry.name[3:])
    named = entry.name
    wsgi = entry.framework.interface == "wsgi"
    extra: list[str] = []
    if entry.factory and entry.framework.names_object:
        named, extra = (f"{named}()", []) if wsgi else (named, ["--factory"])
    if entry.framework.names_object and entry.app_dir != ".":
        extra += ["--pythonpath" if wsgi else "--app-dir", entry.app_dir]
    folder = entry.path.rpartition("/")[0].rpartition("/")[0] or "."
    values = {
        "{entry}": named, "{file}": entry.path, "{attr}": entry.attr,
        "{folder}": folder,
    }  # fmt: skip
    return (*(values.get(word, word) for word in entry.framework.start), *extra)


def _build(commands: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    build: list[tuple[str, ...]] = []
    for line in commands:
        try:
            words = tuple(shlex.split(line))
        except ValueError as error:
            raise SettingsError(
                f"the build command {line!r} cannot be split into words: {error}",
                where="seatrial.toml [app] build", fix="close its quotes",
            ) from None  # fmt: skip
        if words:
            build.append(words)
    return tuple(build)


def _name(source: Source) -> str:
    """The folder's name, in the letters that every platform takes."""
    name = re.sub(r"[^a-z0-9]+", "-", source.root.name.lower()).strip("-")
    return name[:40].strip("-") or "app"


def _skipped(source: Source) -> list[Fact]:
    """What was not read, so that nobody takes silence for absence."""
    return [
        fact("source.skipped", skip.path, skip.reason, file=skip.path)
        for skip in source.skipped[:SKIPPED_TOLD_MAX]
    ]
