"""Memory of processes, and how it grows with the requests they serve."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

import psutil

from seatrial.profiler.measure_cpu import family

MIB = 1024**2
_SETTLING_SHARE = 0.4
_SAMPLES_MIN = 7
_PARTS = 3
_NOISE_MIB = 0.5
"""Less than this over all samples is what allocators do by themselves."""


def memory_mib(pids: Sequence[int]) -> float:
    """Memory of all these processes together, shared pages counted by their share.

    Proportional set size, else unique, else resident; 0 when unknown.
    """
    total = 0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            try:
                full = process.memory_full_info()
                total += int(getattr(full, "pss", 0) or full.uss)
            except psutil.AccessDenied:
                total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / MIB


def worker_mib(workers: Sequence[int]) -> float:
    """Memory of one worker and what it started: the mean of all workers, in MiB."""
    return round(memory_mib(family(workers)) / len(workers), 2) if workers else 0.0


def growth_mib_per_1000(samples: Sequence[tuple[int, float]]) -> float | None:
    """How much memory a thousand requests add, from samples of (requests so far, MiB).

    The first part of the samples is left out: caches fill. The rest is cut in three; what a leak
    adds it adds in each, so the middle one of the three slopes is told, and a single step is not
    growth. None when there are too few samples.
    """
    settled = samples[int(len(samples) * _SETTLING_SHARE) :]
    if len(settled) < _SAMPLES_MIN:
        return None
    if settled[-1][1] - settled[0][1] < _NOISE_MIB:
        return 0.0
    bounds = [round(part * (len(settled) - 1) / _PARTS) for part in range(_PARTS + 1)]
    slopes = [_slope(settled[first : last + 1]) for first, last in itertools.pairwise(bounds)]
    known = [slope for slope in slopes if slope is not None]
    return round(max(0.0, statistics.median(known) * 1000), 2) if known else None


def _slope(samples: Sequence[tuple[int, float]]) -> float | None:
    """The median of all slopes between two samples (Theil-Sen)."""
    slopes = [
        (late[1] - early[1]) / (late[0] - early[0])
        for early, late in itertools.combinations(samples, 2)
        if late[0] > early[0]
    ]
    return statistics.median(slopes) if slopes else None
