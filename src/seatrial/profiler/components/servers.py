"""Model servers: declared processes, container images in compose files, MLflow folders."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact
from seatrial.profiler.components.draft import Draft
from seatrial.profiler.declared.start import Start
from seatrial.profiler.modules import beside
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

_COMPOSE = re.compile(r"(?:docker-)?compose[\w.-]{0,40}\.ya?ml")
_IMAGE = re.compile(r"\s*image:\s*[\"']?([^\s\"'#]{1,300})")
_FLAVOR = re.compile(r"^  (\w{1,40}):\s*$")
_PYTHON_VERSION = re.compile(r"^\s+python_version:\s*[\"']?([\d.]{1,20})")
FOUND_MAX = 50


class Server(Value):
    """One model server; see servers.toml for what the fields mean."""

    id: str
    programs: tuple[str, ...]
    command: str = ""
    model: tuple[str, ...] = ()
    port: int = 0
    images: tuple[str, ...] = ()


@cache
def servers() -> tuple[Server, ...]:
    """All model servers that are known."""
    text = (files("seatrial.profiler.components") / "servers.toml").read_text(encoding="utf-8")
    return tuple(
        Server(
            id=name, programs=tuple(table["programs"]), command=table.get("command", ""),
            model=tuple(table.get("model", ())), port=table["port"],
            images=tuple(table.get("images", ())),
        )
        for name, table in tomllib.loads(text).items()
    )  # fmt: skip


def draft(start: Start, words: Sequence[str]) -> Draft | None:
    """The model server that a declared process is; none when it is none."""
    name = PurePosixPath(words[0]).name if words else ""
    rest = list(words[1:])
    if name.startswith("python") and "-m" in rest[:3] and rest[-1] != "-m":
        at = rest.index("-m")
        name, rest = rest[at + 1], rest[at + 2 :]
    for one in servers():
        if name not in one.programs:
            continue
        if one.command and "." not in name and one.command not in rest[:2]:
            continue
        model = _model(one, rest)
        entry = model or name
        told = fact("model-server.declared", start.process or one.id, model or name,
                    file=start.file, line=start.line, kind="declared")  # fmt: skip
        return Draft(
            start.process or "model", "model", one.id, entry, tuple(words), "", start.app_dir,
            start.port or one.port, [told], declared=True,
        )  # fmt: skip
    return None


def _model(one: Server, words: Sequence[str]) -> str:
    for position, word in enumerate(words):
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name in one.model:
            after = words[position + 1] if position + 1 < len(words) else ""
            return value if equals else after
    free = [word for word in words if not word.startswith("-") and word != one.command]
    return free[0] if free and words and words[0] == one.command and words[1:2] == free[:1] else ""


def detect(part: Part) -> Iterator[Fact]:
    """Images of model servers in compose files, and MLflow's model folders."""
    if not part.main:
        return
    for file in part.source.files:
        name = file.name
        if beside(file.path):
            continue
        if name == "MLmodel":
            yield from _mlflow(part.source, file.path)
        elif _COMPOSE.fullmatch(name):
            yield from _images(part.source, file.path)


def _images(source: Source, path: str) -> Iterator[Fact]:
    for number, line in enumerate((source.read_text(path) or "").splitlines(), 1):
        found = _IMAGE.match(line)
        if found is None:
            continue
        for one in servers():
            if any(image in found[1] for image in one.images):
                yield fact("model-server.image", found[1], one.id, file=path, line=number)


def _mlflow(source: Source, path: str) -> Iterator[Fact]:
    flavors: list[str] = []
    python = ""
    lines = (source.read_text(path) or "").splitlines()[:500]
    for line in lines:
        flavor = _FLAVOR.match(line)
        version = _PYTHON_VERSION.match(line)
        if flavor:
            flavors.append(flavor[1])
        elif version:
            python = version[1]
    folder = str(PurePosixPath(path).parent)
    value = ", ".join([*flavors[:10], *([f"Python {python}"] if python else [])])
    yield fact("model-server.mlflow", folder, value, file=path, line=1)
