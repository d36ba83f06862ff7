"""Packages that are loaded by calls, later than by importing what is called."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from seatrial.kernel.values import Value
from seatrial.profiler.part import Part


class Load(Value):
    """Calls of a package, by their last names, and the distributions that they load."""

    package: str
    calls: tuple[str, ...]
    loads: tuple[str, ...]


@cache
def table() -> tuple[Load, ...]:
    """All of data/loads.toml, which says where each row is from."""
    text = (files("seatrial.profiler") / "data" / "loads.toml").read_text(encoding="utf-8")
    return tuple(
        Load(package=row["package"], calls=tuple(row["calls"]), loads=tuple(row["loads"]))
        for row in tomllib.loads(text)["load"]
    )


def late_loads(part: Part) -> frozenset[str]:
    """The distributions that the calls of a component load."""
    found: set[str] = set()
    for row in table():
        if not part.imports(row.package):
            continue
        for path in part.paths:
            imports = {name.split(".")[0] for name, _ in part.source.imports(path)}
            if row.package in imports and part.code.file(path).calls(row.calls):
                found.update(row.loads)
                break
    return frozenset(found)
