"""The checks: what tools say, what is skipped, and that nothing stays behind."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from seatrial.bundler.files import BundleFiles
from seatrial.bundler.verify import verify
from seatrial.bundler.write import write
from seatrial.kernel.bundle import Check
from seatrial.kernel.errors import InputError

Files = Callable[..., BundleFiles]
OnDisk = Callable[[Path], str | None]


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def fake(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_all_pass(
    make_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terraform: str,
    plugin_dir: Path, digest_on_disk: OnDisk,
) -> None:  # fmt: skip
    beside = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{beside}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "bundle"
    made = write(make_files("aws-fargate", "single", scales=True, nasty=True), folder)
    names = sorted(path.name for path in (folder / "terraform").iterdir())
    (folder / "terraform/terraform.tfstate").write_text("not JSON, and nobody's business")
    found = by_name(verify(folder, plugin_dir))
    wanted = {"terraform fmt", "terraform validate"}
    wanted |= {tool for tool in ("hadolint", "shellcheck") if shutil.which(tool)}
    assert {name for name, check in found.items() if check.status == "passed"} == wanted, found
    assert digest_on_disk(folder) == made.digest
    left = sorted(path.name for path in (folder / "terraform").iterdir())
    assert left == sorted([*names, "terraform.tfstate"])


def test_faults_are_found(
    make_files: Files, tmp_path: Path, terraform: str, plugin_dir: Path
) -> None:
    folder = tmp_path / "bundle"
    write(make_files("aws-fargate"), folder)
    (folder / "terraform/mine.tf").write_text('resource "aws_vpc" "x" {\n      nonsense = 1\n}\n')
    found = by_name(verify(folder, plugin_dir))
    assert found["terraform fmt"].status == "failed"
    assert "mine.tf" in found["terraform fmt"].detail
    assert found["terraform validate"].status == "failed"
    assert "mine.tf" in found["terraform validate"].detail
    assert "nonsense" in found["terraform validate"].detail


def test_without_tools_everything_is_skipped(
    make_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(make_files("aws-fargate"), tmp_path / "bundle")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    checks = verify(tmp_path / "bundle")
    assert {check.name for check in checks} == {
        "terraform fmt", "terraform validate", "hadolint", "shellcheck",
    }  # fmt: skip
    for check in checks:
        assert check.status == "skipped"
        assert "is not on the PATH" in check.detail and "install" in check.detail


def test_without_provider_it_is_skipped(make_files: Files, tmp_path: Path, terraform: str) -> None:
    write(make_files("aws-fargate"), tmp_path / "bundle")
    (tmp_path / "empty").mkdir()
    check = by_name(verify(tmp_path / "bundle", tmp_path / "empty"))["terraform validate"]
    assert check.status == "skipped"
    assert "no provider" in check.detail and "SEATRIAL_TERRAFORM_PLUGIN_DIR" in check.detail
    gone = by_name(verify(tmp_path / "bundle", tmp_path / "gone"))["terraform validate"]
    assert gone.status == "skipped" and "is not a folder" in gone.detail


def test_syntax_errors_are_not_taken_for_a_missing_provider(
    make_files: Files, tmp_path: Path, terraform: str
) -> None:
    write(make_files("aws-fargate"), tmp_path / "bundle")
    (tmp_path / "bundle/terraform/mine.tf").write_text("resource {{{\n")
    (tmp_path / "empty").mkdir()
    check = by_name(verify(tmp_path / "bundle", tmp_path / "empty"))["terraform validate"]
    assert check.status == "failed" and "mine.tf" in check.detail


def test_a_hanging_tool_is_ended_with_its_children(
    make_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(make_files("this-machine"), tmp_path / "bundle")
    (tmp_path / "bin").mkdir()
    pids = tmp_path / "pids"
    fake(tmp_path / "bin", "hadolint", f'sleep 600 & echo "$$ $!" >"{pids}"; wait')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    check = by_name(verify(tmp_path / "bundle", timeout_s=2.0))["hadolint"]
    assert check.status == "failed" and "took longer than 2 s" in check.detail
    # Killed at once; that a process is gone takes the system a moment.
    deadline = time.monotonic() + 60
    while any(map(alive, map(int, pids.read_text().split()))):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_credentials_are_not_passed_on(
    make_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(make_files("this-machine"), tmp_path / "bundle")
    (tmp_path / "bin").mkdir()
    fake(tmp_path / "bin", "hadolint", "env; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    check = by_name(verify(tmp_path / "bundle"))["hadolint"]
    assert "PATH=" in check.detail and "planted" not in check.detail


def test_long_output_is_cut(
    make_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(make_files("this-machine"), tmp_path / "bundle")
    (tmp_path / "bin").mkdir()
    fake(tmp_path / "bin", "hadolint", "head -c 3000000 /dev/zero | tr '\\0' x; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    check = by_name(verify(tmp_path / "bundle"))["hadolint"]
    assert check.status == "failed" and len(check.detail) < 2100


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bundle"):
        verify(tmp_path / "nothing")
