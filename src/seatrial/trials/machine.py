"""Where a trial runs: processor, cores and memory that this process may use."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

import psutil

from seatrial.kernel.evidence import Machine
from seatrial.kernel.platform import Size

_UNLIMITED_BYTES = 1 << 62
"""Version 1 of control groups writes 'no limit' as a number near 2**63."""


def describe(root: Path = Path("/")) -> Machine:
    """This machine as a container sees it; `root` is where /proc and /sys are read from.

    `cores` is what the scheduler lets this process use: its CPU affinity, cut by the CPU quota
    of its control groups (rounded down, at least 1). `memory_gib` is the machine's memory or
    the control groups' limit, whichever is less. Never raises: what cannot be read is left out.
    """
    cores = float(_affinity())
    memory = float(psutil.virtual_memory().total)
    for folder in _groups(root, "cpu"):
        cores = min(cores, _quota(folder))
    for folder in _groups(root, "memory"):
        memory = min(memory, _memory_limit(folder))
    return Machine(
        cpu=_cpu(root),
        cores=max(1, int(cores)),
        memory_gib=round(memory / 2**30, 2),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def share(machine: Machine, replicas: int) -> Size:
    """What one of `replicas` gets of this machine."""
    return Size(
        name="share",
        vcpu=machine.cores / replicas,
        memory_mib=int(machine.memory_gib * 1024 / replicas),
    )


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return psutil.cpu_count() or 1


def _cpu(root: Path) -> str:
    """The processor's name: /proc/cpuinfo on x86 Linux, sysctl on macOS, else its architecture."""
    for line in _read(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    if platform.system() == "Darwin" and (name := _sysctl(b"machdep.cpu.brand_string")):
        return name
    return platform.processor() or platform.machine()


def _sysctl(name: bytes) -> str:
    """A text the macOS kernel knows; empty when it does not (sysctlbyname(3))."""
    buffer = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(buffer))
    try:
        failed = ctypes.CDLL(None).sysctlbyname(name, buffer, ctypes.byref(size), None, 0)
    except (OSError, AttributeError):
        return ""
    return "" if failed else buffer.value.decode("utf-8", "replace").strip()


def _groups(root: Path, controller: str) -> list[Path]:
    """The folders of the control groups this process is in: its own and all above it.

    A limit of any of them holds. Inside a container /proc/self/cgroup may name a path that only
    exists outside; then the top folder, which is the container's own, is what can be read.
    """
    top = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if controller in names.split(","):
            base = top / names if (top / names).is_dir() else top / controller
        elif number == "0" and not names and (top / "cgroup.controllers").is_file():
            base = top
        else:
            continue
        own = base / path.lstrip("/")
        above = [folder for folder in own.parents if folder.is_relative_to(base)]
        return [own, *above]
    return []


def _quota(folder: Path) -> float:
    """Cores allowed by a control group's quota, in version 2 or 1; infinite without a quota."""
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota = _read(folder / "cpu.cfs_quota_us")
        period = _read(folder / "cpu.cfs_period_us")
    used, per = _number(quota), _number(period)
    return used / per if used > 0 and per > 0 else float("inf")


def _memory_limit(folder: Path) -> float:
    """Bytes allowed by a control group, in version 2 or 1; infinite without a limit."""
    text = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
    limit = _number(text)
    return float(limit) if 0 < limit < _UNLIMITED_BYTES else float("inf")


def _number(text: str) -> int:
    """The number in a control group's file; -1 for 'max', nothing, or anything else."""
    try:
        return int(text)
    except ValueError:
        return -1


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20).strip()
    except OSError:
        return ""
