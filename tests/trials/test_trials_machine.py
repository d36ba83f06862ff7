from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.trials.machine import describe

PLENTY = 64


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(PLENTY)), raising=False)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_machine() -> None:
    machine = describe()
    assert machine.cpu and machine.system and machine.python
    assert 1 <= machine.cores <= PLENTY
    assert machine.memory_gib > 0


def test_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 6}, raising=False)
    assert describe(tmp_path).cores == 3


def test_nothing_can_be_read(tmp_path: Path) -> None:
    machine = describe(tmp_path)
    assert machine.cores == PLENTY
    assert machine.cpu


def test_the_processor_has_a_name(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU @ 2.50GHz\n"})
    assert describe(tmp_path).cpu == "Some CPU @ 2.50GHz"


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", PLENTY), ("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)],
)
def test_the_quota_of_version_2_holds(tmp_path: Path, quota: str, cores: int) -> None:
    tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/app.slice/web\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory",
            "sys/fs/cgroup/app.slice/web/cpu.max": quota,
            "sys/fs/cgroup/app.slice/web/memory.max": "536870912",
        },
    )
    machine = describe(tmp_path)
    assert machine.cores == cores
    assert machine.memory_gib == 0.5


def test_a_limit_further_up_holds_too(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/app.slice/web\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory",
            "sys/fs/cgroup/app.slice/cpu.max": "300000 100000",
            "sys/fs/cgroup/app.slice/web/cpu.max": "max 100000",
            "sys/fs/cgroup/app.slice/memory.max": "1073741824",
            "sys/fs/cgroup/app.slice/web/memory.max": "max",
        },
    )
    machine = describe(tmp_path)
    assert (machine.cores, machine.memory_gib) == (3, 1.0)


def test_the_limits_of_version_1_hold(tmp_path: Path) -> None:
    """With the two controllers of a joint mount, and the container's path from outside."""
    tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456",
        },
    )
    machine = describe(tmp_path)
    assert (machine.cores, machine.memory_gib) == (2, 0.25)


def test_no_limit_in_version_1(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n2:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        },
    )
    unlimited = describe(tmp_path)
    assert unlimited.cores == PLENTY
    assert unlimited.memory_gib == describe(tmp_path / "nothing").memory_gib
