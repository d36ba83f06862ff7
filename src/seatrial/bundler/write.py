"""write: put a bundle on disk, whole or not at all.

A bundle's folder is also where Terraform is run, so it holds files that are not ours and cannot be
made again, the state above all. Writing keeps every file that the bundle there did not bring.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from seatrial.bundler.files import BundleFiles
from seatrial.kernel.bundle import Bundle
from seatrial.kernel.errors import StorageError

MANIFEST = "SHA256SUMS"
"""What the bundle brought, in the format of sha256sum(1): `sha256sum --check SHA256SUMS`."""

# Terraform's copy of the provider: 700 MB that `terraform init` makes again. What lies beside it,
# the selected workspace for one, is kept.
_NOT_KEPT = (".terraform", "providers")

_MANIFEST_BYTES_MAX = 1_000_000


def write(files: BundleFiles, directory: Path) -> Bundle:
    """Write the bundle into `directory`, and return what is there.

    The new folder is built beside the old one and swapped in. A bundle with the same content is
    left alone. Raises `StorageError` when the disk refuses, or when the folder holds something
    else than a bundle; then what was there is untouched.
    """
    directory = directory.resolve()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(directory.parent):
            _recover(directory)
            if _manifest_if_intact(directory) != {f.path: f.sha256 for f in files.described}:
                _replace(files, directory)
    except OSError as error:
        raise StorageError(
            f"the bundle cannot be written: {error.strerror or error}",
            where=str(error.filename or directory),
            fix="free space or fix the permissions; what was there is untouched",
        ) from error
    return Bundle(
        app=files.app,
        design=files.design,
        digest=files.digest,
        directory=str(directory),
        files=files.described,
    )


@contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """Hold the folder's lock: two writers of one bundle take turns."""
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _previous(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.previous")


def _recover(directory: Path) -> None:
    """Finish a swap that a crash cut in two."""
    previous = _previous(directory)
    if not previous.exists():
        return
    if directory.exists():
        shutil.rmtree(previous)
    else:
        previous.rename(directory)


def _replace(files: BundleFiles, directory: Path) -> None:
    ours = _manifest(directory)
    if ours is None and directory.exists() and any(directory.iterdir()):
        raise StorageError(
            "the folder holds something else than a bundle",
            where=str(directory),
            fix="choose an empty folder, or move away what is in it",
        )
    staged = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        staged.chmod(0o755)
        for file in files.files:
            _put(staged / _inside(file.path), file.content, 0o755 if file.executable else 0o644)
        lines = "".join(f"{file.sha256}  {file.path}\n" for file in files.described)
        _put(staged / MANIFEST, lines.encode(), 0o644)
        _keep(directory, staged, {*(ours or {}), MANIFEST})
        for folder, _, _ in os.walk(staged):
            _sync(Path(folder))
        if directory.exists():
            directory.rename(_previous(directory))
        try:
            staged.rename(directory)
        except OSError:
            _recover(directory)
            raise
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    shutil.rmtree(_previous(directory), ignore_errors=True)


def _keep(directory: Path, staged: Path, ours: set[str]) -> None:
    """Copy what the bundle there did not bring, unless the new one brings a file of that name."""
    for folder, folders, names in os.walk(directory):
        inside = Path(folder).name
        folders[:] = [name for name in folders if (inside, name) != _NOT_KEPT]
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in (*names, *linked):
            source = Path(folder) / name
            path = source.relative_to(directory)
            target = staged / path
            if path.as_posix() in ours or os.path.lexists(target):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
            if not target.is_symlink():
                _sync(target)


def _put(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    path.chmod(mode)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _inside(path: str) -> PurePosixPath:
    pure = PurePosixPath(path)
    assert not pure.is_absolute() and ".." not in pure.parts, path
    return pure


def _manifest(directory: Path) -> dict[str, str] | None:
    """The paths and digests that the manifest in `directory` names; none when there is none."""
    try:
        with (directory / MANIFEST).open("rb") as stream:
            text = stream.read(_MANIFEST_BYTES_MAX).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    pairs = (line.partition("  ") for line in text.splitlines())
    return {path: sha256 for sha256, _, path in pairs if path}


def _manifest_if_intact(directory: Path) -> dict[str, str] | None:
    manifest = _manifest(directory)
    if manifest is None:
        return None
    for path, sha256 in manifest.items():
        file = directory / path
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                return None
    return manifest
