"""Compose files: which of their services are the app's own, and which others stand beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from seatrial.kernel.values import Value
from seatrial.kernel.workload import ServiceKind
from seatrial.profiler.declared import found
from seatrial.profiler.declared.places import normal
from seatrial.profiler.declared.shell import expand
from seatrial.profiler.declared.yaml_lines import Node, load
from seatrial.profiler.modules import parent
from seatrial.profiler.source import Source

SERVICES_MAX = 100


class Image(Value):
    """A service that runs somebody else's image; `kind` is '' when that is not known."""

    service: str
    image: str
    kind: ServiceKind | None = None
    file: str
    line: int


class Own(Value):
    """A service of the app: `context` and `dockerfile` say how it is built ('' when it is not:
    a plain Python image with the app mounted), `command` replaces that of its image.

    Text for `command` or `entrypoint` is split into words by compose: no shell reads it.
    """

    service: str
    command: str | tuple[str, ...] | None = None
    entrypoint: str | tuple[str, ...] | None = None
    context: str = ""
    dockerfile: str = ""
    target: str = ""
    folder: str = ""
    mounts: tuple[tuple[str, str], ...] = ()
    variables: dict[str, str] = {}
    port: int = 0
    line: int
    build_line: int = 0


@cache
def _kinds() -> dict[str, ServiceKind]:
    file = files("seatrial.profiler.declared") / "images.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: kind for kind, names in tables.items() for name in names}  # type: ignore[misc]


def kind_of(image: str) -> ServiceKind | None:
    """What an image serves, by its name; none when that is not known."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()
    return _kinds().get(name)


def services(source: Source) -> tuple[Image, ...]:
    """The images of others that the app's compose files name, each service once."""
    seen: dict[tuple[str, str], Image] = {}
    for file in found.of_kind(source, "compose"):
        for name, node in _services(source.read_text(file.path) or ""):
            image = expand(node.get("image").scalar, {})
            if image and not node.get("build") and _language(image) == "":
                one = Image(
                    service=name, image=image[:200], kind=kind_of(image), file=file.path,
                    line=node.get("image").line,
                )  # fmt: skip
                seen.setdefault((name, kind_of(image) or image), one)
    return tuple(seen.values())


def _services(text: str) -> Iterator[tuple[str, Node]]:
    root = load(text)
    listed = root.get("services").fields
    if not listed and "version" not in root.fields:
        # The first format had its services at the top.
        listed = {n: s for n, s in root.fields.items() if s.get("image") or s.get("build")}
    yield from list(listed.items())[:SERVICES_MAX]


def _language(image: str) -> str:
    name = image.rpartition("/")[2].partition(":")[0]
    return "python" if name in ("python", "uv", "pytorch", "miniconda3") else ""


def own(text: str, path: str) -> Iterator[Own]:
    """The services of a compose file that are the app's own."""
    for name, node in _services(text):
        build = node.get("build")
        image = node.get("image").scalar
        if not build and not (_language(image) and (node.get("command") or node.get("entrypoint"))):
            continue
        folder = parent(path)
        written = build.get("context").scalar if build.fields else build.scalar
        context = normal(folder, expand(written or ".", {})) if build else ""
        port = next(
            (_port(text) for text in map(_short_port, node.get("ports").items) if _port(text)), 0
        )
        yield Own(
            service=name,
            command=_words(node.get("command")),
            entrypoint=_words(node.get("entrypoint")),
            context=context,
            dockerfile=build.get("dockerfile").scalar,
            target=build.get("target").scalar,
            folder=node.get("working_dir").scalar,
            mounts=_mounts(node.get("volumes"), folder),
            variables=dict(_environment(node, build)),
            port=port,
            line=(node.get("command") or node.get("entrypoint") or build).line,
            build_line=build.line,
        )


def _words(node: Node) -> str | tuple[str, ...] | None:
    if node.items:
        return tuple(item.scalar.replace("$$", "$") for item in node.items[:200])
    return node.scalar.replace("$$", "$") if node.scalar else None


def _environment(node: Node, build: Node) -> Iterator[tuple[str, str]]:
    for name, value in list(build.get("args").pairs())[:60]:
        yield name, expand(value.scalar, {})
    for name, value in list(node.get("environment").pairs())[:100]:
        yield name, expand(value.scalar, {})


def _mounts(node: Node, folder: str) -> tuple[tuple[str, str], ...]:
    """Folders of the app that are mounted: (path inside, path in the app)."""
    mounts: list[tuple[str, str]] = []
    for item in node.items[:40]:
        origin, target = item.get("source").scalar, item.get("target").scalar
        if item.scalar:
            origin, _, rest = item.scalar.partition(":")
            target = rest.partition(":")[0]
        if origin.startswith(".") and target.startswith("/"):
            mounts.append((normal("/", target), normal(folder, origin)))
    return tuple(mounts)


def _short_port(node: Node) -> str:
    return node.get("target").scalar or expand(node.scalar, {})


def _port(text: str) -> int:
    """The port inside the container of `8080:80`, `127.0.0.1:80:80/tcp` or `80`."""
    last = text.partition("/")[0].rpartition(":")[2].strip("}")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 6 else 0
