"""How many workers fit: by what the cgroup allows, not by what the host has."""

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

_MEMORY_PART = 0.8  # The rest is for the supervisor, the page cache and a worker being replaced.
_WORKERS_PART = 0.9
_LEAST_BYTES = 64 * 2**20
_NO_LIMIT_BYTES = 1 << 60  # cgroup v1 says "none" by a number near 2**63.
_MAX_WORKERS = 512


@dataclass(frozen=True)
class Limits:
    """What this process may use: bytes of memory, 0 for no limit; processors, maybe a part."""

    memory_bytes: int
    processors: float


def read_limits(root: str = "/", affinity: int | None = None) -> Limits:
    """The limits of the cgroup, v2 or v1, of this process and of those above it.

    `root` is where the system's files are found; `affinity` the processors that the scheduler may
    use, asked of the system when None.
    """
    usable = affinity if affinity is not None else _usable()
    memory, quotas = [], [float(usable)]
    for folder in _folders(Path(root), "memory"):
        memory.append(_number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes"))
    for folder in _folders(Path(root), "cpu"):
        quotas.append(_quota(folder))
    limits = [value for value in memory if 0 < value < _NO_LIMIT_BYTES]
    return Limits(min(limits, default=0), min(value for value in quotas if value > 0))


def workers(limits: Limits, worker_memory_bytes: int) -> int:
    """As many as have a processor each and fit into memory; at least one."""
    count = math.floor(limits.processors + 1e-6)
    if limits.memory_bytes and worker_memory_bytes:
        fitting = math.floor(limits.memory_bytes * _MEMORY_PART / worker_memory_bytes)
        count = min(count, fitting)
    return max(1, min(count, _MAX_WORKERS))


def memory_limit(limits: Limits, wanted_bytes: int, count: int) -> int:
    """Above how many bytes one of `count` workers is replaced; 0 for never."""
    share = wanted_bytes or int(limits.memory_bytes * _WORKERS_PART / count)
    return max(share, _LEAST_BYTES) if share else 0


def _usable() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _folders(root: Path, controller: str) -> list[Path]:
    """The cgroup of this process and each one above it, for one controller."""
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if names and controller not in names.split(","):
                continue
            base = root / "sys/fs/cgroup" / (names and controller)
            # Inside a container the path is often the host's, which is not there.
            inner = base / path.lstrip("/")
            chain = [inner, *inner.parents] if inner.is_dir() else [base]
            return [folder for folder in chain if folder == base or base in folder.parents]
    return [root / "sys/fs/cgroup", root / "sys/fs/cgroup" / controller]


def _number(path: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return 0


def _quota(folder: Path) -> float:
    """Processors by the quota of one cgroup; 0 for none."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return int(quota) / int(period)
    quota_us, period_us = (_number(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return quota_us / period_us if quota_us > 0 and period_us > 0 else 0.0
