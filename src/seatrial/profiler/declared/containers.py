"""What containers start: Dockerfiles, and the services of compose files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from seatrial.profiler.declared import compose, dockerfile, platforms
from seatrial.profiler.declared.commandline import parse
from seatrial.profiler.declared.compose import Own
from seatrial.profiler.declared.dockerfile import Stage
from seatrial.profiler.declared.found import Found
from seatrial.profiler.declared.places import Around, normal
from seatrial.profiler.declared.start import Start
from seatrial.profiler.declared.targets import parse_target
from seatrial.profiler.modules import join

_SUFFIX = re.compile(r"(?i)^(?:([\w-]+)\.)?(?:dockerfile|containerfile)(?:[._-]([\w-]+))?$")


def from_dockerfile(file: Found, around: Around) -> Iterator[Start]:
    """What the image of a Dockerfile, or of a captain-definition, starts."""
    source = around.source
    text = (source.read_text(file.path) if source else None) or ""
    if file.kind == "captain":
        text, context = platforms.captain(text), file.folder
    elif source is not None:
        context = dockerfile.context_of(source, file.path, text)
    else:
        context = file.folder
    stage = dockerfile.read(text, context=context)
    start = stage.start() if stage is not None else None
    if stage is None or start is None:
        return
    name = _SUFFIX.match(file.path.rpartition("/")[2])
    process = ((name[1] or name[2] or "") if name else "").lower()
    line = 0 if file.kind == "captain" else start[1]
    yield from _started(
        stage, start[0], _inside(around, stage, context), process, file.path, line, stage.variables
    )


def _inside(around: Around, stage: Stage, context: str) -> Around:
    return replace(
        around, folder=stage.folder if stage.copied else context, base=context,
        copied=tuple(stage.copied), container=True, bash=stage.bash,
    )  # fmt: skip


def _started(
    stage: Stage,
    command: str | tuple[str, ...],
    around: Around,
    process: str,
    file: str,
    line: int,
    variables: dict[str, str],
) -> Iterator[Start]:
    if "lambda" in stage.image and isinstance(command, tuple):
        target = parse_target(":".join(command[-1].rsplit(".", 1))) if command else None
        if target is not None:
            yield Start(
                process=process,
                command=" ".join(command)[:300],
                program="lambda",
                module=target[0],
                attr=target[1],
                file=file,
                line=line,
                role="web",
            )
        return
    found = parse(
        command, process=process, file=file, line=line, variables=variables, around=around
    )
    for start in found:
        alone = start.role in ("web", "") and not start.port and stage.port
        yield msgspec.structs.replace(start, port=stage.port) if alone else start


def from_compose(file: Found, around: Around, with_dockerfile: bool) -> Iterator[Start]:
    """What the app's own services of a compose file start."""
    source = around.source
    text = (source.read_text(file.path) if source else None) or ""
    for service in compose.own(text, file.path):
        stage, path = Stage(), ""
        if source is not None and service.context and with_dockerfile:
            path = _dockerfile_path(service)
            inner = source.read_text(path)
            read = dockerfile.read(inner, service.target, service.context) if inner else None
            stage, path = (read, path) if read is not None else (stage, "")
        start = _compose_command(service, stage, file.path, path)
        if start is None:
            continue
        command, where, line = start
        stage.copied += service.mounts
        if service.folder:
            stage.folder = normal("/", service.folder)
        elif not stage.copied:
            stage.folder = "/"
        place = _inside(around, stage, service.context or file.folder)
        variables = {**stage.variables, **service.variables}
        if service.port and not stage.port:
            stage.port = service.port
        yield from _started(stage, command, place, service.service, where, line, variables)


def _dockerfile_path(service: Own) -> str:
    if service.dockerfile:
        return normal(service.context, service.dockerfile)
    return join(service.context, "Dockerfile")


def _compose_command(
    service: Own, stage: Stage, file: str, path: str
) -> tuple[str | tuple[str, ...], str, int] | None:
    """Command, file and line: of the service, or of the image that it leaves as it is."""
    if service.command is None and service.entrypoint is None:
        started = stage.start()
        return (started[0], path, started[1]) if started and path else None
    own = _split(service.command)
    entrypoint: str | tuple[str, ...] = _split(service.entrypoint)
    if service.entrypoint is None and stage.entrypoint:
        entrypoint = stage.entrypoint
    if isinstance(entrypoint, str):
        return entrypoint, path or file, stage.entrypoint_line
    words = (*entrypoint, *own)
    return (words, file, service.line) if words else None


def _split(command: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if not isinstance(command, str):
        return command or ()
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return tuple(command.split())
