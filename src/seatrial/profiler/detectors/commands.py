"""Start commands: what in them is fit for the author's machine and not for a server."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence

from seatrial.kernel.workload import Fact
from seatrial.profiler.declared.found import is_dev
from seatrial.profiler.declared.start import Start, Step
from seatrial.profiler.declared.targets import host
from seatrial.profiler.modules import join, locate, parent
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact

_CONTAINERS = frozenset({"Dockerfile", "compose", "captain-definition", "fly.toml"})
_SERVED = _CONTAINERS | {
    "Procfile", "railway", "railpack", "nixpacks", "render.yaml", "app.yaml", "heroku.yml",
    "digitalocean", "apprunner.yaml", "azure", "supervisord", "systemd",
}  # fmt: skip
_STRONG = 70
# Servers that listen on 127.0.0.1 unless told otherwise: their own references, read 2026-11.
_LOCAL = frozenset({"uvicorn", "flask", "quart", "django", "hypercorn", "granian", "daphne",
                    "litestar", "sanic", "chainlit", "mlflow", "marimo", "shiny"})  # fmt: skip
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PROXIES = frozenset({"nginx", "caddy", "haproxy", "envoy", "traefik"})
_CPUS = re.compile(r"\bnproc\b|cpu_count|getconf _NPROCESSORS|/proc/cpuinfo")
_ON = frozenset({"1", "true", "yes", "on", "t"})
_TIMEOUTS = {"gunicorn": "timeout", "uwsgi": "harakiri", "daphne": "http-timeout"}
_TIMEOUT_S_MAX = 900
_CONCURRENCY = ("workers", "processes", "threads", "concurrency", "web-concurrency", "num-procs")
_RUN_MAKERS = frozenset({"flask", "quart", "dash"})

Told = tuple[str, str, str, str, int]


def detect(part: Part, starts: Sequence[Start]) -> Iterator[Fact]:
    """The dangers in the commands that start the app, told once, with its first component.

    Only what is declared for production is looked at.
    """
    if not part.main:
        return
    serving = _ours(part, [
        one for one in starts
        if one.origin in _SERVED and one.strength >= _STRONG and not is_dev(one.file)
    ])  # fmt: skip
    seen: set[tuple[str, str, int]] = set()
    for start in serving:
        checks: list[Callable[[Part, Start], Iterator[Told]]] = [
            _migrates, _no_exec, _several, _root, _limits, _workers,
        ]  # fmt: skip
        if not _develops(start, serving):
            checks += [_development, _loopback]
        for check in checks:
            for rule, subject, value, file, line in check(part, start):
                if (rule, file, line) not in seen:
                    seen.add((rule, file, line))
                    yield fact(rule, subject, value, file=file, line=line, kind="declared")


def _ours(part: Part, starts: Sequence[Start]) -> list[Start]:
    """Those that start this app: a repository may hold many, each in a folder of its own."""
    leading = [one for one in starts if _leads(part, one)]
    home = parent((leading or list(starts))[0].declared_in) if starts else "."
    return [one for one in starts if one in leading or parent(one.declared_in) in (home, ".")]


def _leads(part: Part, start: Start) -> bool:
    if start.script_file:
        return join(start.app_dir, start.script_file) in part.paths
    located = locate(part.source, start.module, start.app_dir) if start.module else None
    return located is not None and located.path in part.paths


def _develops(start: Start, serving: Sequence[Start]) -> bool:
    """A compose file beside something stronger is how the app runs on a developer's machine."""
    return start.origin == "compose" and any(
        one.origin != "compose" and one.role == start.role and not one.dev for one in serving
    )


def _own(start: Start) -> list[tuple[str, str]]:
    """The options of the command itself, without those of a configuration file behind it."""
    found: list[tuple[str, str]] = []
    for name, value in start.options:
        if name == "config":
            break
        found.append((name, value))
    return found


def _development(part: Part, start: Start) -> Iterator[Told]:
    if start.origin == "Procfile" and start.process != "web":
        return  # process managers on developers' machines read Procfiles, too
    given, place = dict(_own(start)), (start.file, start.line)
    variables = dict(start.variables)
    command = given.get("command", "")
    dev = start.program in ("flask", "quart", "django", "fastapi", "mcp", "langgraph", "gradio")
    if dev and (command in _DEV_COMMANDS.get(start.program, ()) or start.program == "gradio"):
        yield ("command.dev-server", f"{start.program} {command}".strip(), start.origin, *place)
    line = _own_server(part, start)
    if line:
        yield (
            "command.dev-server", start.script_file,
            f"{start.origin}; it calls run() in line {line}", *place,
        )  # fmt: skip
    debug = given.get("debug") == "" or given.get("dev") == ""
    by_variable = variables.get("FLASK_DEBUG", "").lower() in _ON
    if start.program in ("flask", "quart") and command == "run":
        by_variable |= variables.get("FLASK_ENV") == "development"
        if debug or by_variable:
            yield ("command.debug", f"{start.program} run", start.origin, *place)
    elif debug and start.program in ("sanic", "litestar"):
        yield ("command.debug", start.program, start.origin, *place)
    reload = [name for name in ("reload", "py-autoreload", "watch", "autoreload") if name in given]
    if reload and start.program not in ("flask", "arq"):
        yield ("command.reload", f"--{reload[0]}", f"{start.program}, {start.origin}", *place)


_DEV_COMMANDS = {
    "flask": ("run",), "quart": ("run",), "fastapi": ("dev",), "mcp": ("dev",),
    "django": ("runserver", "runserver_plus", "runsslserver"), "langgraph": ("dev",),
}  # fmt: skip


def _own_server(part: Part, start: Start) -> int:
    """The line in which the started file runs the framework's development server; else 0."""
    if start.program != "python" or not start.script_file or part.framework not in _RUN_MAKERS:
        return 0
    path = join(start.app_dir, start.script_file)
    if path not in part.source or part.imports("waitress", "gevent", "eventlet", "cheroot"):
        return 0
    for node in part.source.nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = isinstance(node.func.value, ast.Name)
            if named and node.func.attr in ("run", "run_server") and _is_app(node.func.value):
                return node.lineno
    return 0


def _is_app(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("app", "application", "server", "dash_app")


def _migrates(part: Part, start: Start) -> Iterator[Told]:
    if start.role != "web":
        return
    for step in start.steps:
        if step.job == "migrate" and not step.conditional:
            yield ("command.migrates", _shown(step), start.origin, step.file, step.line)


def _no_exec(part: Part, start: Start) -> Iterator[Told]:
    stays = start.role in ("web", "worker", "scheduler") or start.program == "python"
    if start.waits and stays and start.origin in _CONTAINERS:
        name = start.program or start.script
        yield (
            "command.no-exec",
            name,
            f"{start.origin}; a shell waits for it",
            start.file,
            start.line,
        )


def _several(part: Part, start: Start) -> Iterator[Told]:
    """Processes sent to the background beside another one that nobody watches them with."""
    stay = [step for step in start.steps if not step.job and step.program]
    if len(stay) < 2 or any(step.words[:2] == ("wait", "-n") for step in start.steps):
        return
    for step in stay:
        if step.background:
            beside = next((o.program for o in stay if o is not step), "")
            yield (
                "command.several-processes",
                _shown(step),
                f"beside {beside}",
                step.file,
                step.line,
            )


def _root(part: Part, start: Start) -> Iterator[Told]:
    for step in start.steps:
        if step.words[:1] == ("sudo",) and not step.job:
            yield ("command.root", "sudo", step.program, step.file, step.line)
    given = dict(_own(start))
    if given.get("user") == "root" or given.get("uid") in ("root", "0"):
        yield ("command.root", "root", start.program, start.file, start.line)
    forced = dict(start.variables).get("C_FORCE_ROOT", "").lower() in _ON
    if forced and start.program == "celery":
        yield ("command.root", "C_FORCE_ROOT", start.program, start.file, start.line)


def _limits(part: Part, start: Start) -> Iterator[Told]:
    given, place = dict(_own(start)), (start.file, start.line)
    name = _TIMEOUTS.get(start.program, "")
    text = given.get(name, "") if name else ""
    if text.isascii() and text.isdigit() and len(text) < 9:
        seconds = int(text)
        yield ("command.timeout", start.program, f"{name} {seconds} s", *place)
        if start.program == "gunicorn" and (not seconds or seconds > _TIMEOUT_S_MAX):
            yield ("command.timeout-off", start.program, f"{name} {seconds}", *place)
    if given.get("forwarded-allow-ips", "").strip("'\"") == "*":
        yield ("command.trusts-proxies", "--forwarded-allow-ips=*", start.program, *place)


def _workers(part: Part, start: Start) -> Iterator[Told]:
    given, place = dict(_own(start)), (start.file, start.line)
    told = [f"{name} {given[name]}" for name in _CONCURRENCY if given.get(name)]
    by_cpu = [one for one in told if _CPUS.search(one)]
    if by_cpu:
        yield ("command.workers-by-cpu", start.program, by_cpu[0], *place)
    if told:
        yield ("command.concurrency", start.program, ", ".join(told), *place)


def _loopback(part: Part, start: Start) -> Iterator[Told]:
    """A server in a container that only the container itself can reach."""
    if start.origin not in _CONTAINERS or start.role != "web" or _behind_proxy(start):
        return
    given = dict(start.options)
    if any(name in given for name in ("uds", "fd", "unix-socket", "endpoint", "unix")):
        return
    named = next((given[n] for n in ("host", "bind", "listen", "http-socket") if n in given), None)
    if named is None:
        if start.program not in _LOCAL or any(n.endswith("HOST") for n, _ in start.variables):
            return
        value = "listens on 127.0.0.1 unless it is told otherwise"
    elif host(named) in _LOOPBACK or (start.program == "django" and named.isdigit()):
        value = named
    else:
        return
    yield ("command.loopback", start.program, value, start.file, start.line)


def _behind_proxy(start: Start) -> bool:
    return any(step.program in _PROXIES for step in start.steps)


def _shown(step: Step) -> str:
    return " ".join(step.words[:6])
