"""What the app's own Dockerfile says: its Python, its base image, what it installs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from seatrial.kernel.values import Value
from seatrial.profiler.modules import join
from seatrial.profiler.source import Source

NAMES = ("Dockerfile", "Containerfile", "docker/Dockerfile", ".docker/Dockerfile")
LINES_MAX = 5_000
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_PYTHON = re.compile(r"(?:.*/)?python:([23]\.\d{1,2})(?:\.\d+)?(?:-.*)?")
_DEBIAN = re.compile(r"(?:.*/)?(?:python|debian|ubuntu)(?::.*)?")


class Image(Value):
    """The last stage of a Dockerfile, with the stages that it stands on.

    `base` is the image that it begins with, `python` the Python of that where its name says so.
    `packages` are the Debian packages it installs, `requirements` the files that pip is pointed
    at. `complete` is false where something is run that may install more. `text` is all of it.
    """

    file: str
    line: int
    base: str
    python: str
    packages: tuple[str, ...]
    requirements: tuple[str, ...]
    complete: bool
    text: str

    @property
    def debian(self) -> bool:
        """Whether its packages are Debian's, as far as its name tells."""
        return _DEBIAN.fullmatch(self.base) is not None and "alpine" not in self.base


def images(source: Source, folder: str) -> Iterator[Image]:
    """The Dockerfiles of a folder, read once."""
    known: dict[str, Image | None] = source.memo.setdefault("dependencies.images", {})
    for name in NAMES:
        path = join(folder, name)
        if path not in known:
            text = source.read_text(path) if path in source else None
            known[path] = _read(path, text) if text is not None else None
        image = known[path]
        if image is not None:
            yield image


def _read(path: str, text: str) -> Image | None:
    defaults: dict[str, str] = {}
    stages: dict[str, tuple[str, int]] = {}
    runs: dict[str, list[str]] = {}
    current = ""
    for line, entry in _instructions(text):
        word, _, rest = entry.partition(" ")
        if word.upper() == "ARG" and "=" in rest:
            name, _, value = rest.partition("=")
            defaults.setdefault(name.strip(), value.strip().strip("'\""))
        found = _FROM.match(entry)
        if found:
            current = (found[2] or f"stage {len(stages)}").lower()
            stages[current] = (_filled(found[1], defaults), line)
            runs[current] = []
        elif word.upper() == "RUN" and current:
            runs[current].append(rest)
    if not current:
        return None
    mine, seen = list(runs[current]), {current}
    base, line = stages[current]
    while base.lower() in stages and base.lower() not in seen:
        seen.add(base.lower())
        mine += runs[base.lower()]
        base, line = stages[base.lower()]
    python = _PYTHON.fullmatch(base)
    words = [word for run in mine for word in _commands(run)]
    everywhere = [word for some in runs.values() for run in some for word in _commands(run)]
    return Image(
        file=path, line=line, base=base, python=python[1] if python else "",
        packages=tuple(sorted({name for one in words for name in _apt(one)})),
        requirements=tuple(name for one in everywhere for name in _pip(one)),
        complete=not any(_opaque(one) for one in words), text=text,
    )  # fmt: skip


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    start, held = 0, ""
    for number, raw in enumerate(text.splitlines()[:LINES_MAX], 1):
        line = raw.strip()
        if line.startswith("#"):
            continue
        start = start or number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        if held + line:
            yield start, (held + line).strip()
        start, held = 0, ""


def _filled(text: str, defaults: dict[str, str]) -> str:
    """An image's name with the defaults of its arguments put in."""
    return re.sub(
        r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))",
        lambda m: defaults.get(m[1] or m[3], m[2] or ""), text,
    )  # fmt: skip


def _commands(run: str) -> list[list[str]]:
    """The commands of one RUN line, each as its words."""
    run = re.sub(r"^(?:--\S+\s+)+", "", run.strip())
    if run.startswith("["):
        run = re.sub(r"[\[\],]", " ", run)
    try:
        words = shlex.split(run.replace("&&", " ; ").replace("||", " ; "), comments=True)
    except ValueError:
        words = run.replace("&&", " ; ").split()
    found: list[list[str]] = [[]]
    for word in words:
        if word == ";":
            found.append([])
        elif word.endswith(";"):
            found[-1].append(word[:-1])
            found.append([])
        else:
            found[-1].append(word)
    return [one for one in found if one]


def _apt(words: list[str]) -> Iterator[str]:
    names = [word.rpartition("/")[2] for word in words]
    if "install" in names and any(name in ("apt-get", "apt", "aptitude") for name in names):
        for word in words[names.index("install") + 1 :]:
            name = word.partition("=")[0].partition("/")[0]
            if re.fullmatch(r"[a-z0-9][a-z0-9+.\-]+(?::\w+)?", name):
                yield name.partition(":")[0]


def _pip(words: list[str]) -> Iterator[str]:
    names = [word.rpartition("/")[2] for word in words]
    if "install" not in names or not any(re.fullmatch(r"pip[\d.]*|uv", name) for name in names):
        return
    for here, after in zip(words, [*words[1:], ""], strict=True):
        if here in ("-r", "--requirement"):
            yield after
        elif here.startswith("--requirement=") or (here.startswith("-r") and len(here) > 2):
            yield here.partition("=")[2] if "=" in here else here[2:]


def _opaque(words: list[str]) -> bool:
    """Whether a command may install packages that do not stand here."""
    first = words[0].rpartition("/")[2]
    return (
        first in ("sh", "bash", "curl", "wget", "make") or words[0].endswith(".sh")
        or "$" in " ".join(words[words.index("install") :] if "install" in words else [])
        or "install-deps" in words or "--with-deps" in words
    )  # fmt: skip
