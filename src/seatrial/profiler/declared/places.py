"""Places: where a path that a command names lies in the app's own folders.

A Dockerfile's COPY lines say which folder of the app a path inside the image came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from seatrial.profiler.declared.project import Named
from seatrial.profiler.modules import join, locate
from seatrial.profiler.source import Source

PARTS_MAX = 40


@dataclass(frozen=True, eq=False)
class Around:
    """What surrounds a command while it is read.

    `folder` is where it runs: relative to the app, or absolute inside the image, which
    `copied` leads back from (path inside the image -> path in the app, later ones win).
    `base` is the folder of the file it stands in. `scripts` and `tasks` are what the project
    itself names. In a `strict` place, only programs that are known count, and only what they run
    in the app; where it `follows` nothing, no other file is opened. `container` says
    that its process is the first of a container, so that signals reach it alone, `bash` that a
    plain command text is run by bash.
    """

    source: Source | None = None
    folder: str = "."
    base: str = "."
    copied: tuple[tuple[str, str], ...] = ()
    scripts: Mapping[str, Named] = field(default_factory=dict)
    tasks: Mapping[str, Named] = field(default_factory=dict)
    strict: bool = False
    container: bool = False
    bash: bool = False
    follows: bool = True

    def at(self, folder: str) -> Around:
        """The same, in a folder that is named from here."""
        return replace(self, folder=normal(self.folder, folder)) if folder else self


def normal(folder: str, path: str) -> str:
    """A path from `folder`, without `.` and `..`; it does not leave the root."""
    parts: list[str] = []
    absolute = path.startswith(("/", "~")) or (folder.startswith("/"))
    whole = path if path.startswith(("/", "~")) else f"{folder}/{path}"
    for part in whole.split("/")[:PARTS_MAX]:
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", ".", "~"):
            parts.append(part)
    inner = "/".join(parts)
    return f"/{inner}" if absolute else inner or "."


def inside(around: Around, path: str) -> str:
    """The path in the app for a path as a command names it; '.' when it cannot be known.

    Where an absolute path was not copied from anywhere its longest end that the app has counts:
    `/home/me/shop/app.py` is `app.py`.
    """
    whole = normal(around.folder, path)
    if not whole.startswith("/"):
        return whole
    found = _copied(around, whole)
    if found is not None:
        return found
    return "." if around.source is None else _by_end(around.source, around.base, whole)


def _copied(around: Around, whole: str) -> str | None:
    """Back through the COPY lines, the last first; those that lead to a file first."""
    fallback = None
    for target, origin in reversed(around.copied):
        if whole == target or target == "/":
            rest = "" if whole == target else whole[1:]
        elif whole.startswith(target + "/"):
            rest = whole[len(target) + 1 :]
        else:
            continue
        path = normal(origin, rest) if rest else origin
        if around.source is None or path in around.source or path in around.source.folders:
            return path
        fallback = fallback or path
    if fallback is None:
        fallback = _above(around, whole)
    return fallback


def _above(around: Around, whole: str) -> str | None:
    """A folder into which others were copied under their own names: `COPY app /code/app`."""
    source = around.source
    # Folders tell more than single files do.
    order = sorted(around.copied, key=lambda pair: source is None or pair[1] not in source.folders)
    for target, origin in order:
        if not target.startswith(whole.rstrip("/") + "/"):
            continue
        tail = PurePosixPath(target).relative_to(whole).parts
        parts = PurePosixPath(origin).parts
        if parts[-len(tail) :] == tail:
            above = parts[: len(parts) - len(tail)]
            return "/".join(above) or "."
    return None


def _by_end(source: Source, base: str, whole: str) -> str:
    parts = PurePosixPath(whole).parts[1:]
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        for path in (join(base, tail), tail):
            if path in source or path in source.folders:
                return path
    return base


def module_folder(around: Around, module: str, folders: list[str]) -> str:
    """The first of the folders, as a command names them, in which the module is found."""
    places = [inside(around, folder) for folder in folders]
    if around.source is not None and module:
        for place in places:
            if (place == "." or place in around.source.folders) and locate(
                around.source, module, place
            ):
                return place
        # An installed package is found wherever the command runs.
        for place in dict.fromkeys((around.base, ".", "src")):
            known = place == "." or place in around.source.folders
            if known and locate(around.source, module, place):
                return place
    return places[0] if places else inside(around, ".")


def script(around: Around, path: str) -> tuple[str, str]:
    """Folder and file of a script: where the command runs and the path from there."""
    whole = inside(around, path)
    here = inside(around, ".")
    if around.source is not None and whole not in around.source and path in around.source:
        return ".", path
    if here != "." and whole.startswith(here + "/"):
        return here, whole[len(here) + 1 :]
    return (".", whole) if whole != "." else (here, path)
