"""Workers of the other task queues: RQ, arq, Dramatiq, Huey, TaskIQ, Procrastinate and more."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import ComponentKind
from seatrial.profiler.components.draft import (
    Draft,
    Installed,
    calls,
    files_with,
    manage_py,
    module,
)
from seatrial.profiler.reach import FunctionNode, aliases, dotted, full_name, literal
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

MODULES_MAX = 20


def detect(source: Source, install: Installed) -> Iterator[Draft]:
    """One draft for each queue whose worker the source asks for."""
    yield from _rq(source)
    yield from _arq(source)
    yield from _dramatiq(source)
    yield from _objects(source)
    yield from _django_q(source, install)


def _draft(
    source: Source, name: str, kind: ComponentKind, framework: str, entry: str,
    command: tuple[str, ...], path: str, line: int, why: str,
) -> Draft:  # fmt: skip
    owner, app_dir = module(source, path)
    return Draft(
        name, kind, framework, entry, command, path, app_dir, modules=frozenset({owner}),
        facts=[fact("worker.found", entry, why, file=path, line=line)],
    )  # fmt: skip


def _rq(source: Source) -> Iterator[Draft]:
    """A queue that is filled; a script that makes a Worker is how it is run then."""
    queues: list[str] = []
    first, script, scheduler = None, None, None
    django = False
    for path in files_with(source, "rq"):
        names = aliases(source, path)
        if not any(n.partition(".")[0] in _RQ for n in names.values()):
            continue
        for node in calls(source, path):
            called = full_name(node.func, names)
            if called in ("rq.Queue", "django_rq.get_queue", "rq.queue.Queue"):
                first = first or (path, node.lineno, called)
                queues += [literal(node.args[0]) or ""] if node.args else []
            elif called in ("rq.Worker", "rq.SimpleWorker", "rq.worker.Worker"):
                script = script or (path, node.lineno)
            elif called == "rq_scheduler.Scheduler":
                scheduler = scheduler or (path, node.lineno)
            elif called in ("flask_rq2.RQ", "django_rq.enqueue"):
                first = first or (path, node.lineno, called)
            django = django or called.startswith("django_rq.")
        django = django or any(n.startswith("django_rq") for n in names.values())
        if first is None and django:
            first = next(_decorated(source, path, "job"), None)
    named = tuple(dict.fromkeys(q for q in queues if q)) or ("default",)
    if script is not None:
        path, line = script
        yield _draft(source, "worker", "worker", "rq", path, ("python", path), path, line,
                     "a script that makes an RQ worker")  # fmt: skip
    elif first is not None:
        path, line, _ = first
        manage = manage_py(source) if django else ""
        run = ("python", manage, "rqworker") if manage else ("rq", "worker")
        why = "jobs are put into an RQ queue; the worker's Redis is in RQ_REDIS_URL"
        one = _draft(
            source, "worker", "worker", "rq", manage or "rq", (*run, *named), path, line, why
        )
        one.facts.append(fact("worker.queues", ", ".join(named), file=path, line=line))
        yield one
    if scheduler is not None:
        path, line = scheduler
        one = _draft(source, "scheduler", "scheduler", "rq", "rqscheduler", ("rqscheduler",), path,
                     line, "jobs are planned with rq-scheduler")  # fmt: skip
        one.facts.append(fact("scheduler.single", "rqscheduler", file=path, line=line))
        yield one


_RQ = frozenset({"rq", "django_rq", "flask_rq2", "rq_scheduler"})


def _decorated(source: Source, path: str, name: str) -> Iterator[tuple[str, int, str]]:
    """Functions below a decorator of that last name: file, line, decorator."""
    for node in source.nodes(path):
        if isinstance(node, FunctionNode):
            for one in node.decorator_list:
                called = dotted(one.func if isinstance(one, ast.Call) else one)
                if called.rpartition(".")[2] == name:
                    yield path, node.lineno, called


def _arq(source: Source) -> Iterator[Draft]:
    """A class of settings that names the functions."""
    for path in files_with(source, "arq", "WorkerSettings"):
        imports = any(name.split(".")[0] == "arq" for name, _ in source.imports(path))
        for node in source.nodes(path):
            if not isinstance(node, ast.ClassDef) or not _holds(node, "functions", "cron_jobs"):
                continue
            if not imports and node.name != "WorkerSettings":
                continue
            entry = f"{module(source, path)[0]}.{node.name}"
            draft = _draft(source, "worker", "worker", "arq", entry, ("arq", entry), path,
                           node.lineno, "its settings name the functions")  # fmt: skip
            if _holds(node, "cron_jobs"):
                draft.facts.append(
                    fact("worker.schedule", "cron_jobs", "the worker itself starts them",
                         file=path, line=node.lineno)
                )  # fmt: skip
            yield draft
            return


def _holds(node: ast.ClassDef, *names: str) -> bool:
    for one in node.body:
        targets = one.targets if isinstance(one, ast.Assign) else [getattr(one, "target", None)]
        if any(isinstance(t, ast.Name) and t.id in names for t in targets):
            return True
    return False


def _dramatiq(source: Source) -> Iterator[Draft]:
    """The modules that hold actors."""
    actors: list[tuple[str, int]] = []
    for path in files_with(source, "dramatiq"):
        found = next(_decorated(source, path, "actor"), None)
        if found is not None:
            actors.append((path, found[1]))
    if not actors:
        return
    path, line = actors[0]
    manage = manage_py(source)
    if manage and any("django_dramatiq" in n for p in source.python_files if not p.startswith(".")
                      for n in _texts(source, p)):  # fmt: skip
        run: tuple[str, ...] = ("python", manage, "rundramatiq")
        entry = manage
    else:
        names = [module(source, p)[0] for p, _ in actors[:MODULES_MAX]]
        entry, run = names[0], ("dramatiq", *names)
    draft = _draft(source, "worker", "worker", "dramatiq", entry, run, path, line,
                   f"{len(actors)} files hold actors")  # fmt: skip
    draft.modules = frozenset(module(source, p)[0] for p, _ in actors)
    yield draft


def _texts(source: Source, path: str) -> list[str]:
    if not source.mentions(path, frozenset({"django_dramatiq"})):
        return []
    return [n.value for n in source.nodes(path)
            if isinstance(n, ast.Constant) and isinstance(n.value, str)]  # fmt: skip


# What makes the object a worker is pointed at: framework, kind, how the entry is written, command.
_MADE: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    **{f"huey.{name}": ("huey", "worker", "{module}.{attr}", ("huey_consumer", "{entry}"))
       for name in ("RedisHuey", "SqliteHuey", "FileHuey", "PriorityRedisHuey", "RedisExpireHuey")},
    "procrastinate.App": ("procrastinate", "worker", "{module}.{attr}",
                          ("procrastinate", "--app", "{entry}", "worker")),
    "faust.App": ("faust", "worker", "{module}:{attr}",
                  ("faust", "-A", "{entry}", "worker", "--loglevel", "info")),
    "faststream.FastStream": ("faststream", "worker", "{module}:{attr}",
                              ("faststream", "run", "{entry}")),
    **{f"{package}.{name}": ("taskiq", "worker", "{module}:{attr}",
                             ("taskiq", "worker", "{entry}", "--fs-discover"))
       for package, name in (
           ("taskiq_redis", "ListQueueBroker"), ("taskiq_redis", "RedisStreamBroker"),
           ("taskiq_redis", "PubSubBroker"), ("taskiq_aio_pika", "AioPikaBroker"),
           ("taskiq_nats", "NatsBroker"), ("taskiq_nats", "PullBasedJetStreamBroker"),
           ("taskiq", "ZeroMQBroker"))},
    "taskiq.TaskiqScheduler": ("taskiq", "scheduler", "{module}:{attr}",
                               ("taskiq", "scheduler", "{entry}", "--fs-discover")),
}  # fmt: skip


def _objects(source: Source) -> Iterator[Draft]:
    """Objects at the top of a module; the one whose file also holds tasks is taken first."""
    best: dict[tuple[str, str], tuple[tuple[object, ...], Draft]] = {}
    for path in files_with(source, "huey", "procrastinate", "faust", "taskiq", "faststream"):
        names = aliases(source, path)
        tree = source.tree(path)
        for node in tree.body if tree is not None else ():
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            made = _made(node.value, names)
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if not made or not isinstance(target, ast.Name):
                continue
            framework, kind, form, run = _MADE[made]
            where = _with_tasks(source, path, target.id) if framework == "huey" else path
            owner = module(source, where)[0]
            entry = form.format(module=owner, attr=target.id)
            command = tuple(word.format(entry=entry) for word in run)
            background: ComponentKind = "scheduler" if kind == "scheduler" else "worker"
            draft = _draft(source, kind, background, framework, entry, command, where, 0,
                           f"made by {made}")  # fmt: skip
            draft.facts = [fact("worker.found", entry, f"made by {made}", file=path,
                                line=node.lineno)]  # fmt: skip
            if background == "scheduler":
                draft.facts.append(fact("scheduler.single", entry, file=path, line=node.lineno))
            rank = (path.count("/"), path)
            if draft.key not in best or rank < best[draft.key][0]:
                best[draft.key] = (rank, draft)
    yield from (draft for _, draft in best.values())


def _made(value: ast.expr, names: dict[str, str]) -> str:
    """The maker at the bottom of `Maker(...).with_result_backend(...)`."""
    while isinstance(value, ast.Call):
        called = full_name(value.func, names)
        if called in _MADE:
            return called
        value = value.func.value if isinstance(value.func, ast.Attribute) else ast.Constant(None)
    return ""


def _with_tasks(source: Source, path: str, attr: str) -> str:
    """A file whose tasks are decorated with the object: importing it registers them."""
    own = set(_task_files(source, attr))
    if path in own or not own:
        return path
    return min(own, key=lambda p: (p.count("/"), p))


def _task_files(source: Source, attr: str) -> Iterator[str]:
    for path in files_with(source, f"@{attr}."):
        if any(called.startswith(f"{attr}.") for name in ("task", "periodic_task")
               for _, _, called in _decorated(source, path, name)):  # fmt: skip
            yield path


def _django_q(source: Source, install: Installed) -> Iterator[Draft]:
    """Clusters that manage.py starts, when their app is installed and used."""
    manage = manage_py(source)
    if not manage:
        return
    for package, command, framework in (
        ("django_q", "qcluster", "django-q"), ("huey.contrib.djhuey", "run_huey", "huey"),
        ("background_task", "process_tasks", "django-background-tasks"),
    ):  # fmt: skip
        for path in files_with(source, package):
            node = next((n for n in source.nodes(path)
                         if isinstance(n, ast.Constant) and n.value == package), None)  # fmt: skip
            if node is not None:
                yield _draft(source, "worker", "worker", framework, manage,
                             ("python", manage, command), path, node.lineno,
                             f"{package} is an installed app")  # fmt: skip
                break
