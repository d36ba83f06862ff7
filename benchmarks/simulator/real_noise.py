"""Is the machine calm? What others and the hypervisor took of it during a run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")


class Limits(NamedTuple):
    """A run counts as calm when nothing is above these."""

    steal_percent: float = 0.5
    others_percent: float = 3.0
    late_ms_p99: float = 1.0


class Reading(NamedTuple):
    """Processor seconds since the machine's start: of all, stolen, and of our own processes."""

    at_s: float
    busy_s: float
    stolen_s: float
    ours_s: float


class Noise(NamedTuple):
    """What disturbed a run, in per cent of the machine, and the generator's own delay."""

    steal_percent: float
    others_percent: float
    late_ms_p99: float

    def calm(self, limits: Limits) -> bool:
        """Whether nothing is above its limit."""
        return all(value <= limit for value, limit in zip(self, limits, strict=True))


def read(roots: tuple[int, ...]) -> Reading:
    """The state now; `roots` are our processes, which count with their children."""
    # Ticks of /proc/stat; what runs between interrupts counts too where the kernel accounts so.
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    user, nice, system, _, _, _, _, steal = (int(field) / _TICKS for field in fields[:8])
    ours = sum(_cpu_s(process) for process in family(roots))
    return Reading(time.monotonic(), user + nice + system, steal, ours)


def between(before: Reading, after: Reading, late_ms_p99: float) -> Noise:
    """The noise of the time between two readings."""
    whole = (after.at_s - before.at_s) * (os.cpu_count() or 1) / 100.0
    ours = after.ours_s - before.ours_s
    return Noise(
        round((after.stolen_s - before.stolen_s) / whole, 2),
        round(max(0.0, after.busy_s - before.busy_s - ours) / whole, 2),
        round(late_ms_p99, 3),
    )


def family(roots: tuple[int, ...]) -> list[psutil.Process]:
    """Processes with all that they started."""
    found: dict[int, psutil.Process] = {}
    for root in roots:
        process = psutil.Process(root)
        for member in (process, *process.children(recursive=True)):
            found[member.pid] = member
    return list(found.values())


def computed_s(roots: tuple[int, ...]) -> float:
    """Processor seconds of these processes, to the nanosecond (proc_pid_schedstat)."""
    total = 0
    for process in family(roots):
        for file in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            total += int(file.read_text(encoding="ascii").split()[0])
    return total / 1e9


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
