"""Background processes that somebody wrote down: what each declared start comes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from seatrial.kernel.workload import ComponentKind
from seatrial.profiler.components import servers
from seatrial.profiler.components.draft import Draft
from seatrial.profiler.declared.start import Start
from seatrial.profiler.modules import join, locate, name_of
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

# Programs that run a task queue's worker, with the framework's name.
_FRAMEWORKS = {
    "celery": "celery", "rq": "rq", "rqscheduler": "rq", "arq": "arq", "dramatiq": "dramatiq",
    "huey_consumer": "huey", "taskiq": "taskiq", "faust": "faust", "procrastinate": "procrastinate",
    "faststream": "faststream", "saq": "saq", "streaq": "streaq", "airflow": "airflow",
    "prefect": "prefect", "dagster-daemon": "dagster",
}  # fmt: skip
_COMMANDS = {
    "rqworker": "rq", "rqworker-pool": "rq", "rqscheduler": "rq", "qcluster": "django-q",
    "run_huey": "huey", "rundramatiq": "dramatiq", "celery": "celery",
    "process_tasks": "django-background-tasks", "procrastinate": "procrastinate", "rq": "rq",
    "db_worker": "django-tasks", "runapscheduler": "apscheduler",
}  # fmt: skip
_BACKGROUND = re.compile(
    r"work|consum|queue|job|task|bot|listen|process|cron|clock|beat|sched|ingest|poll|daemon|"
    r"background|notif|crawl|scrap|stream"
)
_CLOCK = re.compile(r"cron|clock|beat|sched")
_NOT_STAYING = re.compile(r"release|migrat|init|setup|build|test|lint|seed|prestart|install")
_SHELL = re.compile(r"[$|<>*;&`]")


def drafts(source: Source, starts: Iterable[Start]) -> Iterator[Draft]:
    """What the declared starts run in the background, the strongest declarations first.

    A development start counts only where nothing else starts the same process; another file
    that starts a process of the same kind and framework does not add a second one.
    """
    seen: dict[tuple[str, str], str] = {}
    told: set[tuple[str, str, str, str]] = set()
    for start in sorted(starts, key=lambda one: (one.dev, -one.strength)):
        draft = _draft(source, start)
        if draft is None:
            continue
        place = start.declared_in or start.file
        if seen.setdefault(draft.key, place) != place and draft.framework != "python":
            continue
        same = (*draft.key, draft.entry, draft.queues)
        if same not in told:
            told.add(same)
            yield draft


def _draft(source: Source, start: Start) -> Draft | None:
    words = _words(start)
    model = servers.draft(start, words)
    if model is not None:
        return model
    command = start.option("command") or ""
    if start.program == "celery" and command == "flower":
        return _flower(start, words)
    framework = _FRAMEWORKS.get(start.program, "")
    if start.program == "django":
        # A manage.py need not be Django's: Flask apps have one too.
        django = source.mentions(_path(source, start), frozenset({"django"}))
        framework = _COMMANDS.get(command, "django" if django else "python")
    kind: ComponentKind = "scheduler" if start.role == "scheduler" else "worker"
    if start.role not in ("worker", "scheduler"):
        if start.program != "python" or start.role or not _stays(start):
            return None
        framework = "python"
        kind = "scheduler" if _CLOCK.search(start.process.lower()) else "worker"
    name = (start.process or kind).lower()
    path = _path(source, start)
    draft = Draft(
        name, kind, framework or start.program or "python", _entry(start), words, path,
        start.app_dir, declared=True, modules=frozenset({start.module} if start.module else ()),
        facts=[fact("worker.declared", name, start.command, file=start.file, line=start.line,
                    kind="declared", note=start.origin)],
    )  # fmt: skip
    owner, _, attr = start.module.rpartition(".")
    if framework == "celery" and path and not start.attr and name_of(source, path).module == owner:
        draft.entry = f"{owner}:{attr}"
    _options(start, draft)
    return draft


def _stays(start: Start) -> bool:
    """Whether a plain Python process is a background process, by the name it was given."""
    name = start.process.lower()
    if start.port or start.dev or not (start.script_file or start.run_module):
        return False
    if start.run_module.rpartition(".")[2] == "manage":
        return False
    if start.origin == "Procfile":
        return name not in ("web", "release") and not _NOT_STAYING.search(name)
    return bool(_BACKGROUND.search(name)) and not _NOT_STAYING.search(name)


def _words(start: Start) -> tuple[str, ...]:
    """The words of the process itself; through a shell where they hold more than words."""
    staying = [step for step in start.steps if not step.job and step.words]
    named = [step for step in staying if step.program == start.program]
    chosen = named or staying
    plain = chosen[-1].words if chosen else tuple(start.command.split())
    if any(_SHELL.search(word) for word in plain):
        return ("sh", "-c", f"exec {' '.join(plain)}")
    return plain


def _entry(start: Start) -> str:
    if start.module:
        return f"{start.module}:{start.attr}" if start.attr else start.module
    if start.script_file:
        return join(start.app_dir, start.script_file)
    if start.run_module:
        return f"-m {start.run_module}"
    return start.script or start.option("app") or start.program


def _path(source: Source, start: Start) -> str:
    """The file of the app that the process starts with; '' when there is none."""
    if start.script_file:
        path = str(PurePosixPath(join(start.app_dir, start.script_file)))
        return path if path in source else ""
    dotted = start.module or start.run_module
    if not dotted:
        return ""
    bases = dict.fromkeys((start.app_dir, ".", "src"))
    # Celery takes `shop.app.celery` for the name `celery` in shop.app.
    names = [dotted, dotted.rpartition(".")[0]] if start.program == "celery" else [dotted]
    found = [
        locate(source, name, base)
        for name in filter(None, names)
        for base in bases
        if base == "." or base in source.folders
    ]
    if start.run_module:
        main = [locate(source, f"{dotted}.__main__", b) for b in bases]
        found = [*(one for one in main if one is not None), *found]
    return next((one.path for one in found if one is not None and one.path), "")


def _options(start: Start, draft: Draft) -> None:
    """Queues, concurrency and limits that stand in the command."""
    queues = start.option("queues") or ", ".join(v for n, v in start.options if n == "queue")
    if queues:
        draft.queues = queues
        draft.facts.append(fact("worker.queues", queues, file=start.file, line=start.line))
    for name in ("concurrency", "max-tasks-per-child", "time-limit", "soft-time-limit", "pool",
                 "processes", "threads", "autoscale"):  # fmt: skip
        value = start.option(name)
        if value:
            draft.facts.append(
                fact("worker.setting", name, value, file=start.file, line=start.line)
            )
    if draft.framework == "celery" and draft.kind == "worker" and start.option("beat") is not None:
        draft.facts.append(
            fact("worker.beat-embedded", draft.name, file=start.file, line=start.line)
        )
    if draft.kind == "scheduler":
        draft.facts.append(fact("scheduler.single", draft.name, file=start.file, line=start.line))


def _flower(start: Start, words: tuple[str, ...]) -> Draft:
    draft = Draft(
        "flower", "worker", "flower", _entry(start), words, "", start.app_dir,
        start.port or 5555, declared=True,
        facts=[fact("worker.declared", "flower", start.command, file=start.file, line=start.line,
                    kind="declared", note=start.origin)],
    )  # fmt: skip
    guarded = start.option("basic-auth", "basic_auth", "auth", "auth-provider", "auth_provider",
                           "conf", "oauth2-key", "oauth2_key")  # fmt: skip
    if guarded is None and "FLOWER_BASIC_AUTH" not in dict(start.variables):
        draft.facts.append(fact("worker.flower-open", "flower", file=start.file, line=start.line))
    return draft
