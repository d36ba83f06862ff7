"""A Dockerfile, as far as it says what its last stage starts, and where its files come from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from seatrial.profiler.declared.places import normal
from seatrial.profiler.declared.shell import expand
from seatrial.profiler.modules import join
from seatrial.profiler.source import Source

INSTRUCTIONS_MAX = 500
LINE_MAX = 20_000
COPIES_MAX = 100
_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_]\w{0,40})[\"']?")
_WORDS = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|(\S+)')


@dataclass
class Stage:
    """One stage while its instructions are read. `entrypoint` and `command` are words, or text
    for a shell. `copied` are pairs of (path in the image, path in the build context)."""

    name: str = ""
    folder: str = "/"
    entrypoint: str | tuple[str, ...] | None = None
    command: str | tuple[str, ...] | None = None
    line: int = 0
    entrypoint_line: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    copied: list[tuple[str, str]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    port: int = 0
    user: tuple[str, int] = ("", 0)
    bash: bool = False
    image: str = ""

    def start(self) -> tuple[str | tuple[str, ...], int] | None:
        """The command of the stage's containers and its line; none when it states none."""
        entrypoint, command = self.entrypoint, self.command
        if isinstance(entrypoint, str):
            return entrypoint, self.entrypoint_line  # a shell's text takes no CMD
        if entrypoint:
            if isinstance(command, str):
                command = ("/bin/sh", "-c", command)
            return (*entrypoint, *(command or ())), self.entrypoint_line
        return (command, self.line) if command else None


def instructions(text: str) -> Iterator[tuple[str, str, int]]:
    """Name, rest and line of each instruction; comments, heredocs and continuations undone."""
    lines = text.splitlines()
    at = count = 0
    while at < len(lines) and count < INSTRUCTIONS_MAX:
        first = at
        parts: list[str] = []
        size = 0
        while at < len(lines):
            line = lines[at].strip()
            at += 1
            if line.startswith("#") or (parts and not line):
                continue
            size += len(line)
            if size > LINE_MAX:
                break
            if not line.endswith(("\\", "`")):
                parts.append(line)
                break
            parts.append(line[:-1])
        whole = " ".join(parts).strip()
        name, _, rest = whole.partition(" ")
        if name.upper() in ("RUN", "COPY", "ADD"):
            for found in _HEREDOC.finditer(whole):
                while at < len(lines) and lines[at].strip() != found[1]:
                    at += 1
                at += 1
        if whole:
            count += 1
            yield name.upper(), rest.strip(), first + 1


def read(text: str, target: str = "", context: str = ".") -> Stage | None:
    """The stage that is built, the last one unless `target` names it; none without a FROM."""
    stages: list[Stage] = []
    arguments: dict[str, str] = {}
    for name, rest, line in instructions(text):
        if name == "FROM":
            stages.append(_from(expand(rest, arguments), stages))
        elif name == "ARG" and not stages:
            key, _, value = rest.partition("=")
            arguments[key] = value.strip("\"'")
        elif stages:
            _apply(stages[-1], stages, name, rest, line, context)
    named = [stage for stage in stages if target and stage.name == target]
    return named[0] if named else stages[-1] if stages else None


def _from(rest: str, stages: list[Stage]) -> Stage:
    words = [word for word in rest.split() if not word.startswith("--")]
    name = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""
    base = next((one for one in stages if words and one.name == words[0].lower()), None)
    if base is None:
        return Stage(name=name, image=words[0][:200] if words else "")
    return Stage(
        name=name, folder=base.folder, entrypoint=base.entrypoint, command=base.command,
        line=base.line, entrypoint_line=base.entrypoint_line, variables=dict(base.variables),
        copied=list(base.copied), sources=list(base.sources), port=base.port, user=base.user,
        bash=base.bash, image=base.image,
    )  # fmt: skip


def _apply(
    stage: Stage, stages: list[Stage], name: str, rest: str, line: int, context: str
) -> None:
    """What one instruction changes in its stage."""
    if name == "WORKDIR":
        stage.folder = normal(stage.folder, expand(rest.strip("\"'"), stage.variables))
    elif name in ("ENV", "ARG"):
        for key, value in _assigned(rest):
            if name == "ENV" or (value and key not in stage.variables):
                stage.variables[key] = expand(value, stage.variables)
    elif name in ("COPY", "ADD"):
        _copy(stage, stages, rest, context)
    elif name == "CMD":
        stage.command, stage.line = _command(rest), line
    elif name == "ENTRYPOINT":
        stage.entrypoint, stage.entrypoint_line = _command(rest), line
        stage.command = None
    elif name == "EXPOSE" and not stage.port:
        first = expand(rest, stage.variables).split("/")[0].split()[:1]
        stage.port = (
            int(first[0])
            if first and first[0].isascii() and first[0].isdigit() and len(first[0]) < 6
            else 0
        )
    elif name == "USER":
        stage.user = (expand(rest, stage.variables).split(":")[0], line)
    elif name == "SHELL":
        stage.bash = "bash" in rest


def _command(rest: str) -> str | tuple[str, ...]:
    """Words when it is a JSON list, as Docker decides it; else text for a shell."""
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except (ValueError, RecursionError):
            return rest
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return tuple(words)
    return rest


def _assigned(rest: str) -> list[tuple[str, str]]:
    first = rest.split(maxsplit=1)
    if first and "=" not in first[0]:  # ENV NAME value, the old form
        return [(first[0], first[1].strip("\"'"))] if len(first) > 1 else []
    found = re.findall(r'([A-Za-z_]\w{0,80})=("(?:[^"\\]|\\.)*"|\'[^\']*\'|(?:\\.|[^\s\\])*)', rest)
    return [(key, value.strip("\"'")) for key, value in found[:60]]


def _copy(stage: Stage, stages: list[Stage], rest: str, context: str) -> None:
    flags = [word for word in rest.split()[:10] if word.startswith("--")]
    body = rest
    for flag in flags:
        body = body.replace(flag, "", 1)
    body = body.strip()
    words: list[str] = []
    if body.startswith("["):
        listed = _command(body)
        words = list(listed) if isinstance(listed, tuple) else []
    words = words or [a or b or c for a, b, c in _WORDS.findall(body)[:60]]
    words = [expand(word, stage.variables) for word in words]
    origin = next(
        (flag.partition("=")[2].lower() for flag in flags if flag.startswith("--from=")), ""
    )
    if len(words) < 2 or any("<<" in word for word in words) or len(stage.copied) > COPIES_MAX:
        return
    *sources, target = words
    where = normal(stage.folder, target)
    folder = target.endswith("/") or target in (".", "./") or len(sources) > 1
    for source in sources:
        if "://" in source:
            continue
        if origin:
            _from_stage(stage, stages, origin, source, where)
            continue
        stage.sources.append(source)
        path = normal(context, source.lstrip("/")) if source.strip("/") else context
        name = PurePosixPath(path).name
        if "*" in name or "?" in name:
            path = str(PurePosixPath(path).parent)
            stage.copied.append((where, path))
        elif folder and "." in name and not source.endswith("/") and path != ".":
            stage.copied.append((where.rstrip("/") + "/" + name, path))
        else:
            stage.copied.append((where, path))


def _from_stage(stage: Stage, stages: list[Stage], origin: str, source: str, where: str) -> None:
    """Copied out of another stage: what was copied in there, at its new place."""
    number = int(origin) if origin.isascii() and origin.isdigit() and len(origin) < 4 else -1
    for at, other in enumerate(stages[:-1]):
        if other.name != origin and at != number:
            continue
        place = normal("/", source)
        for target, path in other.copied[:COPIES_MAX]:
            if target == place or target.startswith(place.rstrip("/") + "/"):
                stage.copied.append((normal(where, target[len(place) :].lstrip("/")), path))
            elif place.startswith(target.rstrip("/") + "/"):
                stage.copied.append((where, normal(path, place[len(target) :].lstrip("/"))))


def context_of(source: Source, file: str, text: str) -> str:
    """The folder a Dockerfile is built from: its own or one above, where its COPY lines fit."""
    stage_sources = [
        word
        for name, rest, _ in instructions(text)
        if name in ("COPY", "ADD") and "--from" not in rest
        for word in rest.split()[:-1]
        if not word.startswith(("--", "[")) and word.strip("./*")
    ][:40]
    own = str(PurePosixPath(file).parent)
    above = [own, *(str(parent) for parent in PurePosixPath(own).parents)] if own != "." else ["."]
    best, best_score = own, -1.0
    for folder in above[:6]:
        fits = sum(_exists(source, join(folder, word.strip("./\"',"))) for word in stage_sources)
        has_python = folder in source.folders
        score = fits + (0.5 if has_python else 0.0)
        if score > best_score:
            best, best_score = folder, score
    return best


def _exists(source: Source, path: str) -> bool:
    if "*" in path:
        path = str(PurePosixPath(path).parent)
    return path in source or path in source.folders
