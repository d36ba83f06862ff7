"""`.seatrial/`: nothing half-written, damage is told with what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from seatrial.files import write_atomic
from seatrial.kernel.demand import Settings
from seatrial.kernel.errors import MissingStageError, StorageError
from seatrial.project import Project


def test_saved_nouns_come_back_and_old_ones_stay(tmp_path: Path) -> None:
    project = Project(tmp_path)
    first, second = {"a": 1}, {"a": 2}
    assert project.save("plan", first) == project.save("plan", first)
    project.save("plan", second)
    assert project.load("plan", dict[str, int]) == second
    assert len(list((tmp_path / ".seatrial/objects").iterdir())) == 2
    assert (tmp_path / ".seatrial/.gitignore").read_text() == "*\n"


def test_missing_names_the_verb(tmp_path: Path) -> None:
    with pytest.raises(MissingStageError, match="seatrial trial load"):
        Project(tmp_path).load("evidence", Settings)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"other": 1}', b"\x00" * 10])
def test_damage_is_told(tmp_path: Path, damage: bytes) -> None:
    project = Project(tmp_path)
    project.save("plan", Settings()).write_bytes(damage)
    with pytest.raises(StorageError, match="seatrial plan"):
        project.load("plan", Settings)
    (project.root / "current.json").write_bytes(damage)
    assert project.find("workload", Settings) is None


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if failing == "write":
        real = os.fdopen

        def fdopen(*args: Any) -> Any:
            file = real(*args)
            file.write = full
            return file

        monkeypatch.setattr(os, "fdopen", fdopen)
    else:
        monkeypatch.setattr(os, failing, full)
    with pytest.raises(StorageError, match="No space left"):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
