"""The files of platforms, each as the lines of what it starts. None of them raises."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

from seatrial.profiler.declared.lines import COMMAND_MAX, Line, line_of, parse_json
from seatrial.profiler.declared.yaml_lines import Node, load

ROWS_MAX = 60


def appengine(text: str) -> Iterator[Line]:
    """The `entrypoint` of an App Engine app.yaml; the name is DigitalOcean's, too."""
    root = load(text)
    entrypoint = root.get("entrypoint")
    if entrypoint.scalar:
        yield Line(
            process="web",
            command=entrypoint.scalar[:COMMAND_MAX],
            line=entrypoint.line,
            variables=_variables(root.get("env_variables")),
        )
    yield from _digitalocean(root)


def digitalocean(text: str) -> Iterator[Line]:
    """The components of a DigitalOcean App Platform spec."""
    yield from _digitalocean(load(text))


def _digitalocean(root: Node) -> Iterator[Line]:
    spec = root.get("spec") or root
    for group in ("services", "workers"):
        for one in spec.get(group).items[:ROWS_MAX]:
            command = one.get("run_command")
            if command.scalar:
                port = one.get("http_port").scalar
                yield Line(
                    process=one.get("name").scalar[:80], command=command.scalar[:COMMAND_MAX],
                    line=command.line, folder=one.get("source_dir").scalar.strip("/"),
                    port=int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0,
                )  # fmt: skip


def _variables(node: Node) -> dict[str, str]:
    return {name: value.scalar for name, value in list(node.pairs())[:ROWS_MAX]}


def railway(text: str) -> Iterator[Line]:
    """`deploy.startCommand` of railway.json, railway.toml or railpack.json."""
    yield from _key(text, "deploy", "startCommand")


def nixpacks(text: str) -> Iterator[Line]:
    """`[start] cmd` of nixpacks.toml."""
    yield from _key(text, "start", "cmd")


def _key(text: str, table: str, key: str) -> Iterator[Line]:
    data = parse_json(text) if text.lstrip()[:1] == "{" else _toml(text)
    inner = data.get(table) if isinstance(data, dict) else None
    command = inner.get(key) if isinstance(inner, dict) else None
    if isinstance(command, str) and command.strip():
        yield Line(process="", command=command[:COMMAND_MAX], line=line_of(text, key))


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def fly(text: str) -> Iterator[Line]:
    """The processes of a fly.toml; Fly splits them into words itself."""
    data = _toml(text)
    service = data.get("http_service")
    port = service.get("internal_port") if isinstance(service, dict) else 0
    env = data.get("env")
    variables = (
        {str(k): str(v) for k, v in list(env.items())[:ROWS_MAX]} if isinstance(env, dict) else {}
    )
    listed: list[tuple[str, Any]] = []
    processes, old = data.get("processes"), data.get("experimental")
    if isinstance(processes, dict):
        listed = list(processes.items())[:ROWS_MAX]
    elif isinstance(old, dict):
        listed = [("cmd", old.get("cmd")), ("entrypoint", old.get("entrypoint"))]
    for name, command in listed:
        words = tuple(map(str, command)) if isinstance(command, list) else _split(command)
        if words:
            yield Line(
                process="" if name in ("cmd", "entrypoint") else str(name)[:80], command=words,
                line=line_of(text, str(name)), variables=variables,
                port=port if isinstance(port, int) and 0 < port < 65_536 else 0,
            )  # fmt: skip


def _split(command: object) -> tuple[str, ...]:
    if not isinstance(command, str):
        return ()
    try:
        return tuple(shlex.split(command[:COMMAND_MAX]))
    except ValueError:
        return tuple(command[:COMMAND_MAX].split())


def render(text: str) -> Iterator[Line]:
    """The services of a Render blueprint."""
    root = load(text)
    projects = [
        one
        for project in root.get("projects").items[:10]
        for one in project.get("environments").items[:10]
    ]
    for group in (root, *projects):
        for one in group.get("services").items[:ROWS_MAX]:
            command = one.get("startCommand") or one.get("dockerCommand")
            if not command.scalar:
                continue
            kind = one.get("type").scalar
            pairs = {
                e.get("key").scalar: e.get("value").scalar
                for e in one.get("envVars").items[:ROWS_MAX]
            }
            yield Line(
                process={"web": "web", "worker": "worker"}.get(kind, one.get("name").scalar[:80]),
                command=command.scalar[:COMMAND_MAX],
                line=command.line,
                folder=one.get("rootDir").scalar,
                variables={k: v for k, v in pairs.items() if k and v},
            )


def heroku(text: str) -> Iterator[Line]:
    """The `run` section of a heroku.yml."""
    for name, node in list(load(text).get("run").fields.items())[:ROWS_MAX]:
        inner = node.get("command") if node.fields else node
        texts = inner.texts()
        if texts:
            # Heroku hands a list to the shell, too.
            yield Line(process=name[:80], command=" ".join(texts)[:COMMAND_MAX], line=inner.line)


def apprunner(text: str) -> Iterator[Line]:
    """The `run` section of an apprunner.yaml."""
    run = load(text).get("run")
    port = run.get("network", "port").scalar
    if run.get("command").scalar:
        yield Line(
            process="web",
            command=run.get("command").scalar[:COMMAND_MAX],
            line=run.get("command").line,
            port=int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0,
        )


def taskfile(text: str) -> Iterator[Line]:
    """The tasks of a Taskfile.yml."""
    for name, node in list(load(text).get("tasks").fields.items())[:ROWS_MAX]:
        listed = node.items or node.get("cmds").items or [node.get("cmd")]
        for item in listed[:20]:
            command = item.scalar or item.get("cmd").scalar
            if command:
                line = item.line or node.line
                folder = node.get("dir").scalar
                yield Line(
                    process=name[:80], command=command[:COMMAND_MAX], line=line, folder=folder
                )


def vercel(text: str) -> Iterator[Line]:
    """The Python files that a vercel.json builds."""
    data = parse_json(text)
    builds = data.get("builds") if isinstance(data, dict) else None
    for build in builds[:ROWS_MAX] if isinstance(builds, list) else ():
        file = build.get("src") if isinstance(build, dict) else None
        if isinstance(file, str) and file.endswith(".py") and "*" not in file:
            yield Line(process="web", command=("vercel", file[:300]), line=line_of(text, file))


def azure(text: str) -> Iterator[Line]:
    """A startup.txt is one command; a startup.sh is read as a script elsewhere."""
    command = " ".join(line for line in text.splitlines()[:50] if not line.startswith("#"))
    if command.strip():
        yield Line(process="web", command=command[:COMMAND_MAX], line=1)


def captain(text: str) -> str:
    """The lines of the Dockerfile that a CapRover captain-definition holds."""
    data = parse_json(text)
    listed = data.get("dockerfileLines") if isinstance(data, dict) else None
    return "\n".join(map(str, listed[:500])) if isinstance(listed, list) else ""


READERS: dict[str, tuple[str, Callable[[str], Iterator[Line]]]] = {
    "appengine": ("app.yaml", appengine),
    "digitalocean": ("digitalocean", digitalocean),
    "railway": ("railway", railway),
    "nixpacks": ("nixpacks", nixpacks),
    "railpack": ("railpack", railway),
    "fly": ("fly.toml", fly),
    "render": ("render.yaml", render),
    "heroku": ("heroku.yml", heroku),
    "apprunner": ("apprunner.yaml", apprunner),
    "vercel": ("vercel.json", vercel),
}
"""By the kind of file: its origin, and its reader."""
