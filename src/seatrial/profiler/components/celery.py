"""Celery: the app object, its tasks and settings, whether a scheduler belongs to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact
from seatrial.profiler.components.draft import (
    Draft,
    Installed,
    files_with,
    for_production,
    module,
)
from seatrial.profiler.interpret import Interpreter
from seatrial.profiler.objects import Thing
from seatrial.profiler.reach import FunctionNode, dotted, literal
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

_MAKERS = frozenset({"celery.Celery", "celery.app.Celery", "celery.app.base.Celery",
                     "flask_celeryext.FlaskCeleryExt", "flask_celery.Celery"})  # fmt: skip
_STEPS_PER_FILE, _STEPS_ALL = 60_000, 600_000
_FOR_WORKERS = ("celery_worker", "run_celery", "make_celery", "worker", "celery_app")
_TASKS = frozenset({"task", "shared_task", "periodic_task"})
# Settings by their present name and by those before Celery 4, with and without the namespace
# that Django puts before them: docs.celeryq.dev, "Configuration and defaults", read 2026-11.
_SETTINGS = {
    "task_always_eager": "task_always_eager", "always_eager": "task_always_eager",
    "task_acks_late": "task_acks_late", "acks_late": "task_acks_late",
    "task_time_limit": "task_time_limit", "celeryd_task_time_limit": "task_time_limit",
    "task_soft_time_limit": "task_soft_time_limit",
    "celeryd_task_soft_time_limit": "task_soft_time_limit",
    "worker_max_tasks_per_child": "worker_max_tasks_per_child",
    "celeryd_max_tasks_per_child": "worker_max_tasks_per_child",
    "worker_max_memory_per_child": "worker_max_memory_per_child",
    "worker_concurrency": "worker_concurrency", "celeryd_concurrency": "worker_concurrency",
    "worker_prefetch_multiplier": "worker_prefetch_multiplier",
    "celeryd_prefetch_multiplier": "worker_prefetch_multiplier",
    "task_default_queue": "task_default_queue", "result_backend": "result_backend",
    "task_routes": "task_routes", "task_reject_on_worker_lost": "task_reject_on_worker_lost",
    "beat_schedule": "beat_schedule", "celerybeat_schedule": "beat_schedule",
    "beat_scheduler": "beat_scheduler", "celerybeat_scheduler": "beat_scheduler",
}  # fmt: skip
_HOLDS = frozenset({"Celery(", "celery(", "celery_app(", "celery_init_app(", "extensions["})
_SETTING_WORDS = frozenset(
    {word for name in _SETTINGS for word in (name, name.upper())} | {"periodic_task"}
)
_BEAT_PACKAGES = {
    "django-celery-beat": "django_celery_beat.schedulers:DatabaseScheduler",
    "celery-redbeat": "redbeat.RedBeatScheduler",
    "celery-sqlalchemy-scheduler": "celery_sqlalchemy_scheduler.schedulers:DatabaseScheduler",
}  # fmt: skip


class _Object(Value):
    """A name that a Celery app has; `made` is where it was made."""

    path: str
    attr: str
    made: tuple[str, int]


class _Setting(Value):
    name: str
    value: str
    path: str
    line: int


def detect(source: Source, install: Installed) -> list[Draft]:
    """The worker, and the scheduler and the dashboard where the source asks for them."""
    paths = files_with(source, "celery", "Celery", "CELERY")
    objects = _objects(source, [path for path in paths if _may_hold(source, path)])
    if not objects:
        return []
    best = min(objects, key=_preference)
    name, app_dir = module(source, best.path)
    entry = f"{name}:{best.attr}"
    held = frozenset(module(source, one.path)[0] for one in objects)
    setting = [path for path in paths if source.mentions(path, _SETTING_WORDS)]
    settings = list(_settings(source, setting))
    file, line = best.made
    why = f"the Celery app is made in {file}"
    base = ("celery", "-A", entry)
    worker = Draft(
        "worker", "worker", "celery", entry, (*base, "worker", "--loglevel", "INFO"),
        best.path, app_dir, modules=held,
        facts=[fact("worker.found", entry, why, file=file, line=line)],
    )  # fmt: skip
    worker.facts += _facts(source, paths, settings)
    drafts = [worker]
    beat = _beat(source, setting, settings, install)
    if beat is not None:
        scheduler, why_beat = beat
        given = ("--scheduler", scheduler) if scheduler else ()
        drafts.append(Draft(
            "beat", "scheduler", "celery", entry, (*base, "beat", "--loglevel", "INFO", *given),
            best.path, app_dir, modules=held, facts=[why_beat, _single(entry, why_beat)],
        ))  # fmt: skip
    flower = next((one for one in install.dependencies if one.name == "flower"), None)
    if flower is not None:
        # A page for those who run the app, never its public face: so it is no web component.
        told = fact("worker.found", "flower", "the requirements ask for it",
                    file=flower.proof.file, line=flower.proof.line)  # fmt: skip
        drafts.append(Draft(
            "flower", "worker", "flower", entry, (*base, "flower", "--port={port}"),
            best.path, app_dir, 5555, [told], held,
        ))  # fmt: skip
    return drafts


def _may_hold(source: Source, path: str) -> bool:
    """Whether a file makes an app object, or is by its name where a worker starts.

    Files that only import the object, as every file with tasks does, are not walked.
    """
    stem = PurePosixPath(path).stem.lower()
    return "celery" in stem or stem in _FOR_WORKERS or source.mentions(path, _HOLDS)


def _single(entry: str, why: Fact) -> Fact:
    return fact("scheduler.single", entry, file=why.proof.file, line=why.proof.line)


def _objects(source: Source, paths: list[str]) -> list[_Object]:
    """Every name at the top of a module that is a Celery app."""
    machine, left = Interpreter(source), _STEPS_ALL
    found: list[_Object] = []
    for path in paths:
        machine.steps = budget = min(_STEPS_PER_FILE, left)
        for attr, value in list(machine.run(path).scope.names.items()):
            if isinstance(value, Thing) and value.is_a(_MAKERS):
                place = value.made.place
                found.append(_Object(path=path, attr=attr, made=(place.file, place.line)))
        left -= budget - max(machine.steps, 0)
        found += _from_extensions(source, path)
    return [one for one in found if one.attr.isidentifier()]


def _from_extensions(source: Source, path: str) -> Iterator[_Object]:
    """`celery_app = flask_app.extensions["celery"]`, as Flask's documentation has it."""
    tree = source.tree(path)
    for node in tree.body if tree is not None else ():
        if (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript)
            and literal(node.value.slice) == "celery"
            and dotted(node.value.value).endswith(".extensions")
            and isinstance(node.targets[0], ast.Name)
        ):  # fmt: skip
            yield _Object(path=path, attr=node.targets[0].id, made=(path, node.lineno))


def _preference(one: _Object) -> tuple[object, ...]:
    stem = PurePosixPath(one.path).stem
    for_workers = _FOR_WORKERS.index(stem) if stem in _FOR_WORKERS else len(_FOR_WORKERS)
    private = one.attr.startswith("_")
    return for_workers, one.made[0] != one.path, private, one.path.count("/"), one.path, one.attr


def _facts(source: Source, paths: list[str], settings: list[_Setting]) -> list[Fact]:
    facts: list[Fact] = []
    tasks = sorted(_tasks(source, paths), key=lambda task: (task[1], task[2]))
    if tasks:
        names = ", ".join(name for name, _, _ in tasks)
        count = f"{len(tasks)} task{'s' if len(tasks) > 1 else ''}"
        facts.append(fact("worker.tasks", count, names,
                          file=tasks[0][1], line=tasks[0][2]))  # fmt: skip
    for one in settings:
        if one.name in ("beat_schedule", "beat_scheduler"):
            continue
        if one.name == "task_always_eager":
            if one.value == "True":
                told = fact("worker.always-eager", one.name, file=one.path, line=one.line)
                facts.append(told)
            continue
        facts.append(fact("worker.setting", one.name, one.value, file=one.path, line=one.line))
    return facts


def _tasks(source: Source, paths: list[str]) -> Iterator[tuple[str, str, int]]:
    for path in paths:
        for node in source.nodes(path):
            if isinstance(node, FunctionNode):
                for one in node.decorator_list:
                    called = one.func if isinstance(one, ast.Call) else one
                    if dotted(called).rpartition(".")[2] in _TASKS:
                        yield node.name, path, node.lineno
                        break


def _settings(source: Source, paths: list[str]) -> Iterator[_Setting]:
    """Celery's settings, however they are written: assigned, passed by name, in a dict."""
    for path in paths:
        for node in for_production(source, path):
            for key, value in _pairs(node):
                lower = key.lower()
                name = _SETTINGS.get(lower) or _SETTINGS.get(lower.removeprefix("celery_"))
                if name and value is not None:
                    line = getattr(value, "lineno", 0)
                    yield _Setting(name=name, value=_shown(name, value), path=path, line=line)


def _pairs(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            key = (
                literal(target.slice) if isinstance(target, ast.Subscript)
                else dotted(target).rpartition(".")[2]
            )  # fmt: skip
            if key:
                yield key, node.value
    elif isinstance(node, ast.AnnAssign):
        yield dotted(node.target).rpartition(".")[2], node.value
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Dict):
        for one, value in zip(node.keys, node.values, strict=True):
            key = literal(one)
            if key:
                yield key, value


def _shown(name: str, value: ast.expr) -> str:
    """A constant; of an address only its scheme, of a dict its keys: neither may hold a secret."""
    if name == "result_backend":
        return (literal(value) or "").partition("://")[0][:30]
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.Dict):
        return ", ".join(key for key in map(literal, value.keys) if key)
    return ""


def _beat(
    source: Source, paths: list[str], settings: list[_Setting], install: Installed
) -> tuple[str, Fact] | None:
    """The scheduler's class, '' for the usual one, and why; none when there is no scheduler."""
    chosen = next((one for one in settings if one.name == "beat_scheduler"), None)
    named = {one.name: one for one in install.dependencies}
    for one in settings:
        if one.name == "beat_schedule" and one.value != "None":
            value = one.value or "a schedule"
            return "", fact("worker.schedule", "beat_schedule", value, file=one.path, line=one.line)
    for path in paths:
        for node in for_production(source, path):
            if isinstance(node, ast.Call) and dotted(node.func).endswith("add_periodic_task"):
                return "", fact("worker.schedule", "add_periodic_task", file=path, line=node.lineno)
            if isinstance(node, FunctionNode) and any(
                dotted(d.func if isinstance(d, ast.Call) else d).endswith("periodic_task")
                for d in node.decorator_list
            ):
                return "", fact("worker.schedule", node.name, file=path, line=node.lineno)
    for package, scheduler in _BEAT_PACKAGES.items():
        if package in named:
            proof = named[package].proof
            told = fact("worker.schedule", package, "the requirements ask for it",
                        file=proof.file, line=proof.line)  # fmt: skip
            return ("" if chosen is not None else scheduler), told
    return None
