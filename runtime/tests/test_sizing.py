"""How many workers fit, told from files as the kernel writes them."""

from pathlib import Path

import pytest

from seatrial_runtime.supervisor.sizing import Limits, memory_limit, read_limits, workers

MIB = 2**20


def system(root: Path, cgroup: str, files: dict[str, str]) -> str:
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return str(root)


def test_version_2_inside_a_container(tmp_path: Path) -> None:
    base = "sys/fs/cgroup"
    files = {f"{base}/memory.max": str(512 * MIB), f"{base}/cpu.max": "150000 100000"}
    assert read_limits(system(tmp_path, "0::/", files), 8) == Limits(512 * MIB, 1.5)


def test_version_2_without_limits(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/cpu.max": "max 100000"}
    assert read_limits(system(tmp_path, "0::/", files), 8) == Limits(0, 8.0)


def test_the_least_of_a_cgroup_and_those_above_it_holds(tmp_path: Path) -> None:
    base = "sys/fs/cgroup"
    files = {
        f"{base}/pod/memory.max": str(300 * MIB),
        f"{base}/pod/cpu.max": "max 100000",
        f"{base}/pod/app/memory.max": str(400 * MIB),
        f"{base}/pod/app/cpu.max": "400000 100000",
        f"{base}/memory.max": str(9000 * MIB),
    }
    assert read_limits(system(tmp_path, "0::/pod/app", files), 2) == Limits(300 * MIB, 2.0)


def test_the_path_of_the_host_is_not_there_inside(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": str(256 * MIB)}
    assert read_limits(system(tmp_path, "0::/kubepods/x/y", files), 4) == Limits(256 * MIB, 4.0)


def test_version_1(tmp_path: Path) -> None:
    base = "sys/fs/cgroup"
    files = {
        f"{base}/memory/docker/abc/memory.limit_in_bytes": str(1024 * MIB),
        f"{base}/memory/memory.limit_in_bytes": "9223372036854771712",
        f"{base}/cpu/docker/abc/cpu.cfs_quota_us": "50000",
        f"{base}/cpu/docker/abc/cpu.cfs_period_us": "100000",
        f"{base}/cpu/cpu.cfs_quota_us": "-1",
        f"{base}/cpu/cpu.cfs_period_us": "100000",
    }
    text = "11:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc"
    assert read_limits(system(tmp_path, text, files), 16) == Limits(1024 * MIB, 0.5)


def test_version_1_beside_an_empty_version_2(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": str(100 * MIB)}
    assert read_limits(system(tmp_path, "5:memory:/\n0::/", files), 2) == Limits(100 * MIB, 2.0)


@pytest.mark.parametrize("text", ["", "nonsense", "0::"])
def test_a_system_that_tells_nothing(tmp_path: Path, text: str) -> None:
    assert read_limits(system(tmp_path, text, {}), 3) == Limits(0, 3.0)


def test_this_machine_has_a_processor() -> None:
    assert read_limits().processors > 0


@pytest.mark.parametrize(
    ("limits", "worker_memory", "count"),
    [
        (Limits(0, 4.0), 256 * MIB, 4),
        (Limits(512 * MIB, 4.0), 256 * MIB, 1),
        (Limits(1024 * MIB, 4.0), 256 * MIB, 3),
        (Limits(100 * MIB, 4.0), 256 * MIB, 1),
        (Limits(0, 0.25), 256 * MIB, 1),
        (Limits(0, 1.9), 256 * MIB, 1),
        (Limits(0, 4.0), 0, 4),
        (Limits(0, 9999.0), 1, 512),
    ],
)
def test_workers(limits: Limits, worker_memory: int, count: int) -> None:
    assert workers(limits, worker_memory) == count


@pytest.mark.parametrize(
    ("limits", "wanted", "count", "limit"),
    [
        (Limits(1000 * MIB, 4.0), 0, 2, 450 * MIB),
        (Limits(100 * MIB, 4.0), 0, 4, 64 * MIB),
        (Limits(0, 4.0), 0, 4, 0),
        (Limits(0, 4.0), 200 * MIB, 4, 200 * MIB),
        (Limits(1000 * MIB, 4.0), 1, 1, 64 * MIB),
    ],
)
def test_memory_limit(limits: Limits, wanted: int, count: int, limit: int) -> None:
    assert memory_limit(limits, wanted, count) == limit
