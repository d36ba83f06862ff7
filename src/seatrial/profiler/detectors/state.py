"""State that breaks with replicas: everything that one process, or one disk, keeps for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from msgspec import structs

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import (
    files,
    locks,
    memory,
    schedulers,
    sessions,
    sqlite,
    stores,
    websockets,
)
from seatrial.profiler.named import widened
from seatrial.profiler.part import Part

# Told once for each file, with how many more there are: an app that writes files writes many.
_MERGED = frozenset({
    "state.file", "state.single-writer", "state.log-file", "state.temp-file",
    "state.module-singleton", "state.module-cache",
})  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """All of it, in the order of what it is about."""
    groups: dict[tuple[str, ...], list[Fact]] = {}
    for number, one in enumerate(_found(part)):
        key = (one.rule, one.proof.file, "" if one.rule in _MERGED else str(number))
        groups.setdefault(key, []).append(one)
    for facts in groups.values():
        lines = {one.proof.line for one in facts[1:]} - {facts[0].proof.line}
        more = f" (and {len(lines)} more in this file)" if lines else ""
        yield structs.replace(facts[0], value=facts[0].value + more)


def _found(part: Part) -> Iterator[Fact]:
    paths = part.paths
    if part.main or part.kind == "web":  # Others have only the files that they alone may run.
        paths = widened(part.code.symbols, paths, part.framework, part.entry)
    wide = part if paths == part.paths else replace(part, paths=paths)
    for detector in (memory, sessions, websockets, schedulers, stores, sqlite, files, locks):
        yield from detector.detect(wide)
