"""Listing the files of an app's folder: which are looked at, and why the others are not."""

from __future__ import annotations

import os
import stat
from collections import deque
from itertools import islice
from pathlib import Path

from seatrial.kernel.errors import AppError, StorageError
from seatrial.kernel.values import Value

FILES_MAX = 50_000
FOLDERS_MAX = 50_000
DEPTH_MAX = 64
SKIPPED_MAX = 1_000

# Version control, our own state, caches and installed packages: not the app's source.
NEVER = frozenset({
    ".git", ".hg", ".svn", ".seatrial", "node_modules", "__pycache__", "site-packages",
    ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis",
    ".ipynb_checkpoints", ".idea", "__MACOSX",
})  # fmt: skip
# Build results and Flask's folder for run-time data, unless they are packages of that name.
UNLESS_PACKAGE = frozenset({"build", "dist", "target", "_build", "htmlcov", "instance"})


class AppFile(Value):
    """One regular file: posix path relative to the app's root, and its size."""

    path: str
    size_bytes: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Skipped(Value):
    """A file or folder that was not read, and why."""

    path: str
    reason: str


class Listing(Value):
    """What a folder holds, in the order of the paths."""

    files: tuple[AppFile, ...]
    skipped: tuple[Skipped, ...]


def walk(root: Path) -> Listing:
    """List the regular files under `root` without leaving it.

    Linked folders are not entered, so there are no loops; a linked file counts when its target
    is a regular file inside `root`. Special files are never opened.

    Raises `AppError` when `root` is not a folder, `StorageError` when it cannot be listed.
    """
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise AppError(what, where=str(root), fix="give the folder that holds the app")
    files: list[AppFile] = []
    skipped: list[Skipped] = []
    folders, base, listed = deque([("", 0)]), str(root), 0
    while folders:
        folder, depth = folders.popleft()  # by levels: what the limits leave out is far below
        listed += 1
        try:
            with os.scandir(f"{base}/{folder}") as found:
                entries = sorted(islice(found, FILES_MAX + 1), key=_name)
        except OSError as error:
            if not folder:
                raise StorageError(
                    f"cannot be listed: {error.strerror}", where=str(root),
                    fix="give the user who runs Seatrial the right to read it",
                ) from error  # fmt: skip
            skipped.append(Skipped(path=folder, reason=f"cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            reason = _sort_in(root, path, entry, depth, files, folders)
            if reason:
                skipped.append(Skipped(path=_printable(path), reason=reason))
        if len(files) > FILES_MAX or (listed >= FOLDERS_MAX and folders):
            del files[FILES_MAX:]
            many = f"{FILES_MAX:,} files" if listed < FOLDERS_MAX else f"{FOLDERS_MAX:,} folders"
            reason = f"more than {many}: the rest was not read"
            skipped.insert(0, Skipped(path=".", reason=reason))
            break
    if len(skipped) > SKIPPED_MAX:
        rest = Skipped(path=".", reason=f"{len(skipped) - SKIPPED_MAX} more were not read")
        skipped = [*skipped[:SKIPPED_MAX], rest]
    return Listing(
        files=tuple(sorted(files, key=lambda file: file.path)),
        skipped=tuple(sorted(skipped, key=lambda skip: (skip.path, skip.reason))),
    )


def _sort_in(
    root: Path,
    path: str,
    entry: os.DirEntry[str],
    depth: int,
    files: list[AppFile],
    folders: deque[tuple[str, int]],
) -> str:
    """Put one entry where it belongs; the reason when it belongs nowhere."""
    try:
        if not _is_text(path):
            return "its name is not UTF-8"
        if entry.is_symlink():
            return _linked(root, path, files)
        if entry.is_dir(follow_symlinks=False):
            if _ignored(entry.path, entry.name):
                return ""
            if depth >= DEPTH_MAX:
                return f"more than {DEPTH_MAX} folders deep"
            folders.append((path, depth + 1))
            return ""
        info = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(info.st_mode):
            return "not a regular file"
        files.append(AppFile(path=path, size_bytes=info.st_size))
        return ""
    except OSError as error:  # it vanished meanwhile
        return f"cannot be looked at: {error.strerror}"


def _linked(root: Path, path: str, files: list[AppFile]) -> str:
    try:
        target = (root / path).resolve(strict=True)
        info = target.stat()
    except RuntimeError:  # how Python 3.11 and 3.12 report a loop of links
        return "a link that leads to itself"
    except OSError as error:
        return f"a link that leads nowhere: {error.strerror}"
    if not target.is_relative_to(root):
        return "a link that leads out of the app"
    if stat.S_ISDIR(info.st_mode):
        return "a linked folder"
    if not stat.S_ISREG(info.st_mode):
        return "not a regular file"
    if any(part in NEVER for part in target.relative_to(root).parts):
        return "a link into a folder that is not the app's source"
    files.append(AppFile(path=path, size_bytes=info.st_size))
    return ""


def _ignored(folder: str, name: str) -> bool:
    if name in NEVER or name.endswith((".egg-info", ".dist-info")):
        return True
    if os.path.lexists(f"{folder}/pyvenv.cfg"):
        return True
    return name in UNLESS_PACKAGE and not os.path.lexists(f"{folder}/__init__.py")


def _name(entry: os.DirEntry[str]) -> bytes:
    return os.fsencode(entry.name)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(path: str) -> str:
    return path.encode(errors="backslashreplace").decode()
