"""Processor time of processes, and which processes belong to a worker."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import psutil


def family(pids: Sequence[int]) -> tuple[int, ...]:
    """The processes and all below them, each once."""
    found = list(dict.fromkeys(pids))
    for pid in found:  # Grows while it is walked.
        found += [child for child in _children(pid) if child not in found]
    return tuple(found)


def _children(pid: int) -> list[int]:
    try:
        # Small files, one a thread, where listing all processes of the machine takes longer.
        texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        if texts:
            return [int(word) for text in texts for word in text.split()]
    except (OSError, ValueError):
        pass
    with contextlib.suppress(psutil.Error):
        return [child.pid for child in psutil.Process(pid).children()]
    return []


def cpu_s(pids: Sequence[int]) -> dict[int, float]:
    """Processor time of each process so far, in seconds, with that of its ended children.

    Linux has a clock for each process, exact to the nanosecond; its id is made of the process
    id as the kernel's `MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)` does
    (include/linux/posix-timers_types.h). Elsewhere, and for ended children, psutil tells, in
    steps of the scheduler's tick.
    """
    found: dict[int, float] = {}
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
            own = time.clock_gettime(~pid << 3 | 2) if psutil.LINUX else times.user + times.system
            ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        except (OSError, psutil.Error):
            continue
        found[pid] = own + ended
    return found


def spent_s(before: dict[int, float], after: dict[int, float]) -> float | None:
    """Processor time between two readings; none when a process of the first is gone.

    A child that ended meanwhile is in its parent's reading, so only the loss of a worker counts.
    """
    if not before or not before.keys() <= after.keys():
        return None
    return sum(after.values()) - sum(before.values())
