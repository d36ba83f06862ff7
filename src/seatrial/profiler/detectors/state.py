"""State that breaks with replicas: everything that one process, or one disk, keeps for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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


def detect(part: Part) -> Iterator[Fact]:
    """All of it, in the order of what it is about."""
    paths = part.paths
    if part.main or part.kind == "web":  # Others have only the files that they alone may run.
        paths = widened(part.source, paths, part.framework, part.entry)
    wide = part if paths == part.paths else replace(part, paths=paths)
    for detector in (memory, sessions, websockets, schedulers, stores, sqlite, files, locks):
        yield from detector.detect(wide)
