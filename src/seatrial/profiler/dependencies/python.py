"""The Python an app asks for: by range and by pin, and whether that is still maintained."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import files

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from seatrial.kernel.values import Value
from seatrial.profiler.dependencies.images import images
from seatrial.profiler.dependencies.reading import Asked, Reading, table
from seatrial.profiler.modules import join, parent

_VERSION = re.compile(r"(?:c?python-?)?([23])\.(\d{1,2})(?:\.\d+)?t?(?:-dev)?")
_PATCHES = 60  # No release line of Python has had as many patch releases.


class Lives(Value):
    """When release lines of Python end, as it was known on a day."""

    as_of: date
    end_of_life: dict[str, date]


@cache
def lives() -> Lives:
    """The table of release lines."""
    text = (files("seatrial.profiler") / "data" / "python.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return Lives(as_of=tables["as_of"], end_of_life=tables["end_of_life"])


def pins(reading: Reading, folder: str) -> Iterator[Asked]:
    """The versions that files beside the manifest name, the strongest first."""
    for place in dict.fromkeys((folder, ".")):
        for name in (".python-version", "runtime.txt"):
            path = join(place, name)
            text = reading.source.read_text(path) or ""
            words = [
                line.strip() for line in text.splitlines() if line.strip()[:1] not in ("", "#")
            ]
            yield from _pin(reading, words[0].split()[0] if words else "", path, 1)
        path = join(place, ".tool-versions")
        for number, line in enumerate((reading.source.read_text(path) or "").splitlines(), 1):
            words = line.split()
            if words[:1] == ["python"] and len(words) > 1:
                yield from _pin(reading, words[1], path, number)
        for name in ("mise.toml", ".mise.toml"):
            path = join(place, name)
            if path in reading.source:
                asked = table(reading.toml(path), "tools").get("python")
                asked = asked[0] if isinstance(asked, list) and asked else asked
                asked = asked.get("version") if isinstance(asked, dict) else asked
                if isinstance(asked, str | float):
                    yield from _pin(reading, str(asked), path, reading.line_of(path, "python"))
        for image in images(reading.source, place):
            if image.python:
                specifier = f"=={image.python}.*"
                yield Asked(specifier=specifier, file=image.file, line=image.line, pin=True)


def decide(reading: Reading, folder: str) -> str:
    """The specifier that holds, told where files disagree: a pin inside the range, or the range."""
    asked = [one for one in reading.asked if _valid(reading, one)]
    ranges = [one for one in asked if not one.pin]
    named = [*pins(reading, folder), *(one for one in asked if one.pin)]
    limit = str(SpecifierSet(ranges[0].specifier)) if ranges else ""
    allowed = SpecifierSet(limit)
    chosen: Asked | None = None
    for pin in named:
        minor = pin.specifier.removeprefix("==").removesuffix(".*")
        if limit and not any(f"{minor}.{patch}" in allowed for patch in range(_PATCHES)):
            where = f"{ranges[0].file} asks for {limit}"
            reading.tell("python.disagrees", f"Python {minor}", where, pin.file, pin.line)
        elif chosen is None:
            chosen = pin
        elif chosen.specifier != pin.specifier:
            where = f"{chosen.file} names {chosen.specifier[2:-2]}"
            reading.tell("python.disagrees", f"Python {minor}", where, pin.file, pin.line)
    decided = chosen.specifier if chosen else limit
    _end_of_life(reading, decided, chosen or (ranges[0] if ranges else None))
    return decided


def _pin(reading: Reading, text: str, path: str, line: int) -> Iterator[Asked]:
    found = _VERSION.fullmatch(text.lower())
    if found:
        yield Asked(specifier=f"=={found[1]}.{found[2]}.*", file=path, line=line, pin=True)
    elif re.match(r"(?:c?python-?)?\d", text):
        reading.tell("python.unread", text[:80], "not a version like 3.12", path, line)


def _valid(reading: Reading, one: Asked) -> bool:
    try:
        SpecifierSet(one.specifier)
    except InvalidSpecifier:
        reading.tell(
            "python.unread", one.specifier[:80], "not a version specifier", one.file, one.line
        )
        return False
    return True


def _end_of_life(reading: Reading, decided: str, why: Asked | None) -> None:
    """Told when every release line that is allowed gets no more fixes."""
    if why is None or not decided:
        return
    known, allowed = lives(), SpecifierSet(decided)
    fit = [
        (end, minor)
        for minor, end in known.end_of_life.items()
        if any(f"{minor}.{patch}" in allowed for patch in range(_PATCHES))
    ]
    if fit and max(fit)[0] < known.as_of:
        end, minor = max(fit)
        ended = f"no fixes since {end.isoformat()} (devguide.python.org/versions)"
        reading.tell("python.end-of-life", f"Python {minor}", ended, why.file, why.line)


def folder_of(manifest: str) -> str:
    """The folder whose files say the Python of a manifest; that above `requirements/`."""
    folder = parent(manifest) if manifest else "."
    last = folder.rpartition("/")[2]
    return parent(folder) if last in ("requirements", "reqs") and folder != "." else folder
