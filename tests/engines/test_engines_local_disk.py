"""The local engine on a full disk: a deploy fails cleanly, a deployment serves on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.engines import processes
from seatrial.engines.local.layout import layout_of
from seatrial.kernel.errors import DeployError, StorageError, TransientError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a file system of so many KiB, where this user may."""
    mounted: list[Path] = []

    def make(kib: int) -> Path:
        place = tmp_path / f"disk-{kib}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("this user cannot mount a small file system")
        mounted.append(place)
        return place

    if sys.platform != "linux":
        pytest.skip("needs tmpfs")
    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path, leave_bytes: int = 0) -> None:
    with contextlib.suppress(OSError), (place / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    if leave_bytes:
        size = (place / "ballast").stat().st_size
        os.truncate(place / "ballast", size - leave_bytes)


@pytest.mark.parametrize("pages", [0, 1, 2, 3])
def test_a_full_disk_stops_a_deploy_cleanly(
    bench: Any, small_disk: Callable[[int], Path], pages: int
) -> None:
    place = small_disk(256)
    bench.root = place / "root"
    layout = layout_of(bench.root)
    layout.create()
    fill(place, pages * 4096)
    with pytest.raises((StorageError, DeployError)) as caught:
        bench.deploy()
    assert isinstance(caught.value, StorageError) or "No space left" in str(caught.value)
    bench.stop()
    bench.assert_nothing_left()


def test_a_disk_that_fills_up_does_not_stop_the_app(
    bench: Any, small_disk: Callable[[int], Path]
) -> None:
    place = small_disk(512)
    bench.root = place / "root"
    bench.deploy()
    fill(place)
    killed = {bench.kill("replica-0"), bench.kill("proxy")}
    bench.wait_until(lambda: _serves(bench) and not killed & _listed(bench))
    (place / "ballast").unlink()
    bench.wait_until(bench.healthy)
    bench.stop()
    bench.assert_nothing_left()


def _serves(bench: Any) -> bool:
    with contextlib.suppress(TransientError, AssertionError):
        return len({bench.get()["pid"] for _ in range(6)}) == 2
    return False


def _listed(bench: Any) -> set[int]:
    return {item.identity.pid for item in processes.marked(layout_of(bench.root).mark)}
