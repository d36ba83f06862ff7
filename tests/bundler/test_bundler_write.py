"""Writing: same input, same bytes; whole or not at all; what is not ours stays."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.bundler.files import BundleFiles, digest_of
from seatrial.bundler.write import MANIFEST, write
from seatrial.kernel.errors import StorageError

Files = Callable[..., BundleFiles]
OnDisk = Callable[[Path], str | None]

PRINT_DIGESTS = """
import runpy, sys
cases = runpy.run_path(sys.argv[1])
for case in cases["matrix"]():
    platform, kind, scales, nasty = case
    files = cases["files_for"](platform, kind, scales=scales, nasty=nasty)
    print(*case, files.digest)
"""


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_input_same_bytes_in_every_process() -> None:
    def digests(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed,
                       "PYTHONPATH": os.pathsep.join(sys.path)}  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS, str(Path(__file__).with_name("conftest.py"))],
            env=environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    first, second = digests("1"), digests("2")
    assert first == second
    assert len(set(line.split()[-1] for line in first.splitlines())) == len(first.splitlines()) > 40


def test_written_as_described(make_files: Files, tmp_path: Path, digest_on_disk: OnDisk) -> None:
    files = make_files("aws-fargate", "single")
    made = write(files, tmp_path / "bundle")
    folder = Path(made.directory)
    assert [file.path for file in made.files] == sorted(file.path for file in made.files)
    for file in made.files:
        content = (folder / file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)
        assert file.purpose
    assert made.digest == digest_of({file.path: file.sha256 for file in made.files})
    assert digest_on_disk(folder) == made.digest
    assert set(snapshot(folder)) == {file.path for file in made.files} | {MANIFEST}
    assert os.access(folder / "build-and-push.sh", os.X_OK)
    assert not os.access(folder / "Dockerfile", os.X_OK) or os.geteuid() == 0
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", MANIFEST], cwd=folder, check=False, timeout=30
    )
    assert checked.returncode == 0


def test_the_same_bundle_is_left_alone(
    make_files: Files, tmp_path: Path, digest_on_disk: OnDisk
) -> None:
    files = make_files("aws-fargate")
    write(files, tmp_path / "bundle")
    before = (tmp_path / "bundle").stat()
    write(files, tmp_path / "bundle")
    assert (tmp_path / "bundle").stat().st_ino == before.st_ino
    (tmp_path / "bundle/Dockerfile").write_text("FROM scratch\n")
    assert digest_on_disk(tmp_path / "bundle") is None
    write(files, tmp_path / "bundle")
    assert digest_on_disk(tmp_path / "bundle") == files.digest


def test_what_is_not_ours_stays(make_files: Files, tmp_path: Path, digest_on_disk: OnDisk) -> None:
    folder = tmp_path / "bundle"
    write(make_files("aws-fargate", "single"), folder)
    (folder / "terraform/terraform.tfstate").write_text("the state")
    (folder / "terraform/image.auto.tfvars").write_text('image = "x"')
    (folder / "terraform/.terraform/providers/big").mkdir(parents=True)
    (folder / "terraform/.terraform/providers/big/binary").write_text("700 MB")
    (folder / "terraform/.terraform/environment").write_text("production")
    (folder / "link").symlink_to("terraform")
    files = make_files("aws-lambda")
    write(files, folder)
    assert (folder / "terraform/terraform.tfstate").read_text() == "the state"
    assert (folder / "terraform/image.auto.tfvars").read_text() == 'image = "x"'
    assert (folder / "terraform/.terraform/environment").read_text() == "production"
    assert not (folder / "terraform/.terraform/providers").exists()
    assert (folder / "link").is_symlink()
    assert not (folder / "terraform/service.tf").exists()  # ours, and not in this bundle
    assert digest_on_disk(folder) == files.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_a_foreign_folder_is_refused(make_files: Files, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StorageError, match="something else than a bundle"):
        write(make_files("aws-fargate"), tmp_path)
    assert snapshot(tmp_path) == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("after", range(0, 24, 3))
def test_disk_full_leaves_the_old_bundle(
    after: int, make_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bundle"
    write(make_files("aws-fargate"), folder)
    (folder / "terraform/terraform.tfstate").write_text("the state")
    before = snapshot(folder)
    real, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left") as caught:
            write(make_files("aws-fargate", "single"), folder)
    assert caught.value.fix
    assert snapshot(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_swap_that_fails_is_undone(
    failing: int, make_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bundle"
    write(make_files("aws-fargate"), folder)
    before = snapshot(folder)
    real, calls = Path.rename, 0

    def rename(self: Path, target: Any) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        with pytest.raises(StorageError, match="Input/output error"):
            write(make_files("aws-lambda"), folder)
    assert snapshot(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_a_crash_between_the_renames_is_finished(
    make_files: Files, tmp_path: Path, digest_on_disk: OnDisk
) -> None:
    folder = tmp_path / "bundle"
    write(make_files("aws-fargate"), folder)
    (folder / "terraform/terraform.tfstate").write_text("the state")
    folder.rename(tmp_path / ".bundle.previous")  # what a crash leaves behind
    write(make_files("aws-lambda"), folder)
    assert (folder / "terraform/terraform.tfstate").read_text() == "the state"
    assert digest_on_disk(folder) == make_files("aws-lambda").digest


def test_writers_take_turns(make_files: Files, tmp_path: Path, digest_on_disk: OnDisk) -> None:
    folder = tmp_path / "bundle"
    bundles = [make_files("aws-fargate"), make_files("aws-lambda"), make_files("aws-lightsail")]
    failures: list[BaseException] = []

    def run(files: BundleFiles) -> None:
        try:
            for _ in range(3):
                write(files, folder)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(files,)) for files in bundles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert digest_on_disk(folder) in {files.digest for files in bundles}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_through_a_link(make_files: Files, tmp_path: Path, digest_on_disk: OnDisk) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for platform in ("aws-fargate", "aws-lambda"):
        write(make_files(platform), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert digest_on_disk(tmp_path / "real") == make_files("aws-lambda").digest
