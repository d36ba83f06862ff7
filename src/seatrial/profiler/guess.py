"""Guessing the entry where nothing declares it: every app and file that could be it, weighed.

The weights are points: where it lies, what it is called, what is done with it. They were settled
on public repositories whose start is known; `make bench-profile` shows what they find.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from msgspec import structs

from seatrial.kernel.values import Value
from seatrial.profiler import runs
from seatrial.profiler.candidates import Candidate
from seatrial.profiler.frameworks import frameworks
from seatrial.profiler.scripts import Script
from seatrial.profiler.source import Source

USUAL = ("wsgi", "asgi", "app", "main", "streamlit_app", "application", "server")
_WEB_NAMES = {
    "wsgi": 9.0, "asgi": 8.5, "app": 8.0, "main": 8.0, "streamlit_app": 9.0, "application": 7.0,
    "server": 6.0, "index": 5.0, "api": 5.0, "run": 4.0, "serve": 4.0, "web": 4.0, "home": 5.0,
    "chatbot": 4.0, "__init__": 4.0, "__main__": 4.0, "webapp": 5.0, "start": 4.0,
}  # fmt: skip
_SCRIPT_NAMES = {
    "main": 9.0, "app": 8.0, "bot": 7.0, "__main__": 7.0, "run": 6.0, "server": 6.0, "start": 6.0,
    "index": 4.0, "worker": 4.0, "cli": 2.0, "hello": 2.0,
}  # fmt: skip
ATTRS = ("app", "application", "create_app", "make_app", "asgi_app", "api", "server", "handler")
# Folders whose code is seldom what is deployed.
_ASIDE = re.compile(
    r"(demos?|scripts?|tools?|utils?|notebooks?|tutorials?|legacy|old|archived?|deprecated|backup|"
    r"templates?|playground|experiments?|vendor(ed)?|third_party|plugins?|contrib|cookbook|"
    r"snippets|dev|devtools|ci|hack|\..*|.*\{\{.*)",
    re.IGNORECASE,
)
# Folders that do not make a file lie deep.
_HOMES = frozenset({"src", "app", "backend", "server", "api", "web", "service"})


class Weighed(Value):
    """One possible entry with its points: an app object or a file that is run."""

    points: float
    candidate: Candidate | None
    script: Script | None

    @property
    def path(self) -> str:
        """The file."""
        one = self.candidate or self.script
        assert one is not None
        return one.path


def place_points(path: str) -> float:
    """What a file's folder says: the root is best, a folder of tools worst."""
    folders = PurePosixPath(path).parts[:-1]
    deep = sum(0.5 if folder.lower() in _HOMES else 1.5 for folder in folders)
    aside = 12.0 if any(_ASIDE.fullmatch(folder) for folder in folders) else 0.0
    return -deep - aside


def apps(source: Source, candidates: Sequence[Candidate]) -> list[Weighed]:
    """The app objects, the likeliest first."""
    found: list[Weighed] = []
    for one in candidates:
        stem = PurePosixPath(one.path).stem.lower()
        points = place_points(one.path) + _WEB_NAMES.get(stem, 2.0 if "app" in stem else 0.0)
        points += min(5.0, 3.0 * math.log10(1 + one.routes) + (1.0 if one.routes else 0.0))
        points += 1.5 if one.attr in ATTRS[:2] else 0.5 if one.attr in ATTRS else 0.0
        points -= 1.5 * one.factory + 0.75 * one.imported - 1.0 * one.wraps
        if any(run.target.partition(".")[0] == one.attr for run in runs.detect(source, one.path)):
            points += 2.0
        if one.framework in ("wsgi", "asgi"):  # any callable of that shape
            points -= 3.0
        found.append(Weighed(points=points, candidate=one, script=None))
    return sorted(_made_over_maker(found), key=_order)


def _made_over_maker(found: Sequence[Weighed]) -> list[Weighed]:
    """An app that a file of a usual name makes by a factory is meant to be served: it goes before
    the factory, which such a file is there to call."""
    makers: dict[tuple[str, int], float] = {}
    for one in found:
        inner = one.candidate
        if inner is not None and inner.factory:
            place = (inner.file, inner.line)
            makers[place] = max(one.points, makers.get(place, -math.inf))
    raised: list[Weighed] = []
    for one in found:
        inner = one.candidate
        assert inner is not None
        factory = None if inner.factory else makers.get((inner.file, inner.line))
        usual = PurePosixPath(one.path).stem.lower() in _WEB_NAMES
        if factory is not None and usual and one.points > -5:
            one = structs.replace(one, points=max(one.points, factory + 1 + one.points / 100))
        raised.append(one)
    return raised


def files(source: Source, scripts: Sequence[Script]) -> list[Weighed]:
    """The files that a framework runs, the likeliest first."""
    found: list[Weighed] = []
    for one in scripts:
        path = PurePosixPath(one.path)
        points = place_points(one.path)
        points += _WEB_NAMES.get(path.stem.lower(), 3.0 if "app" in path.stem.lower() else 1.5)
        if path.parent.name == "pages" or re.match(r"\d+_", path.name):
            points -= 15.0  # a page of a Streamlit app, which its entry finds
        points -= 6.0 * one.imported
        points += 1.0 * one.main + 1.5 * one.acts
        if one.framework in ("mcp", "http-server", "dash-script", "django-script"):
            points -= 5.0 if one.framework == "django-script" else 2.0
        runs_itself = any(run.program in ("launch", "run") for run in runs.detect(source, one.path))
        points += 1.0 * runs_itself
        found.append(Weighed(points=points, candidate=None, script=one))
    return sorted(found, key=_order)


def scripts(source: Source, plain: Sequence[Script]) -> list[Weighed]:
    """The plain scripts, the likeliest first."""
    found: list[Weighed] = []
    own = re.sub(r"\W+", "_", source.root.name.lower())
    for one in plain:
        stem = PurePosixPath(one.path).stem.lower()
        points = 2.0 * place_points(one.path) + _SCRIPT_NAMES.get(stem, 0.0)
        points += 4.0 if stem == own else 2.0 if "bot" in stem else 0.0
        points += 3.0 * one.main + 2.0 * one.acts - 4.0 * one.imported
        found.append(Weighed(points=points, candidate=None, script=one))
    return sorted(found, key=_order)


def _order(one: Weighed) -> tuple[object, ...]:
    inner = one.candidate
    attr = ATTRS.index(inner.attr) if inner is not None and inner.attr in ATTRS else len(ATTRS)
    order = list(frameworks())
    kind = inner.framework if inner is not None else one.script.framework if one.script else ""
    rank = order.index(kind) if kind in order else len(order)
    return (-one.points, one.path.count("/"), attr, one.path, rank, inner.attr if inner else "")
