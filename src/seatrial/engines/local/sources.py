"""The app's files: which belong to a release, what identifies them, and how they are copied."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tomllib
from pathlib import Path

from seatrial.engines.engine import Progress
from seatrial.engines.runner import storage_error
from seatrial.files import read_limited
from seatrial.kernel.errors import AppError, StorageError
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Workload

MAX_FILES = 100_000
_MAX_REQUIREMENT_BYTES = 1 << 20
_MAX_REQUIREMENT_FILES = 50
_HASHED_BYTES = 1 << 20

# Version control, caches and environments: never part of an app. `instance` is where Flask apps
# keep data and secrets of one machine; it belongs to the data folder, not to a release.
_SKIPPED = frozenset(
    {
        *(".git", ".hg", ".svn", ".seatrial", "__pycache__", ".tox", ".nox", ".hypothesis"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints", "node_modules"),
    }
)
_SKIPPED_AT_TOP = frozenset(("instance",))
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", re.MULTILINE)
_LOCAL = re.compile(r"^\s*(?:-e\b|--editable\b|\.|/|file:)|@\s*(?:file:|\.)", re.MULTILINE)


class Requirements(Value):
    """What to install: a file in the app, or else `text`.

    `texts` are all files that take part; `local` says that something in the app's own folder is
    installed, which ties the environment to one release.
    """

    file: str = ""
    text: str = ""
    texts: tuple[bytes, ...] = ()
    local: bool = False


class Entry(Value):
    """One file, or link inside the app, by its path relative to the app's root."""

    path: str
    link: str = ""


class Listing(Value):
    """The files of an app in order, and a digest of what is in them."""

    entries: tuple[Entry, ...]
    fingerprint: str


def requirements(app_dir: Path, workload: Workload) -> Requirements:
    """What the app asks to have installed; raises AppError for files outside its folder."""
    name = workload.requirements_file
    if name.endswith((".txt", ".in")):
        return _from_file(app_dir, name)
    if Path(name).name == "pyproject.toml":
        data = read_limited(_inside(app_dir, app_dir, name), _MAX_REQUIREMENT_BYTES)
        try:
            standard = "project" in tomllib.loads(data.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise AppError(f"is not TOML: {error}", where=name, fix="correct it") from error
        if standard:
            return Requirements(file=name, texts=(data,))
    lines = [f"{item.name}{item.specifier}" for item in workload.dependencies]
    text = "\n".join(lines) + "\n"
    return Requirements(text=text, texts=(text.encode(),))


def _from_file(app_dir: Path, name: str) -> Requirements:
    waiting = [_inside(app_dir, app_dir, name)]
    texts: dict[Path, str] = {}
    while waiting:
        path = waiting.pop()
        if path in texts:
            continue
        if len(texts) >= _MAX_REQUIREMENT_FILES:
            raise AppError(f"includes over {_MAX_REQUIREMENT_FILES} files", where=name)
        data = read_limited(path, _MAX_REQUIREMENT_BYTES)
        texts[path] = data.decode(errors="replace")
        for included in _INCLUDE.findall(texts[path]):
            if "://" not in included:
                waiting.append(_inside(app_dir, path.parent, included))
    local = any(_LOCAL.search(text) for text in texts.values())
    ordered = tuple(texts[path].encode() for path in sorted(texts))
    return Requirements(file=name, texts=ordered, local=local)


def _inside(app_dir: Path, start: Path, name: str) -> Path:
    path = (start / name).resolve()
    if not path.is_relative_to(app_dir.resolve()):
        raise AppError(
            "leads out of the app's folder", where=name, fix="keep requirement files in the app"
        )
    return path


def listing(app_dir: Path, progress: Progress) -> Listing:
    """Every file of the app, in a fixed order.

    Links that lead out of the app, and things that are neither file nor folder, are left out
    and told. Raises AppError above 100,000 files, StorageError for what cannot be read.
    """
    root = app_dir.resolve()
    entries: list[Entry] = []
    whole = hashlib.sha256()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            found = sorted(os.scandir(folder), key=lambda item: item.name)
        except OSError as error:
            storage_error(folder, error)
        for item in found:
            path = Path(item.path)
            relative = path.relative_to(root)
            if _skipped(item, relative):
                continue
            if item.is_dir(follow_symlinks=False):
                waiting.append(path)
                continue
            entry = _entry(root, path, relative, progress)
            if entry is not None:
                entries.append(entry)
                mark = _mark(path, entry)
                whole.update(f"{entry.path}\0{entry.link}\0{mark}\0".encode())
        if len(entries) > MAX_FILES:
            raise AppError(
                f"has more than {MAX_FILES} files",
                where=str(root),
                fix="move data that is not part of the app out of its folder",
            )
    ordered = tuple(sorted(entries, key=lambda entry: entry.path))
    return Listing(entries=ordered, fingerprint=whole.hexdigest())


def _skipped(item: os.DirEntry[str], relative: Path) -> bool:
    if item.name in _SKIPPED or item.name.endswith(".pyc"):
        return True
    if len(relative.parts) == 1 and item.name in _SKIPPED_AT_TOP:
        return True
    # Whatever its name, a virtual environment has this file.
    return item.is_dir() and os.path.exists(os.path.join(item.path, "pyvenv.cfg"))


def _entry(root: Path, path: Path, relative: Path, progress: Progress) -> Entry | None:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        return Entry(path=str(relative))
    if stat.S_ISLNK(mode):
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            progress(f"Left out: {relative} is a link that leads nowhere")
            return None
        if target.is_relative_to(root):
            return Entry(path=str(relative), link=os.path.relpath(target, path.parent))
        progress(f"Left out: {relative} is a link out of the app's folder")
        return None
    progress(f"Left out: {relative} is neither a file nor a folder")
    return None


def _mark(path: Path, entry: Entry) -> str:
    """What changes when a file does: its content, or for a large one size and time."""
    if entry.link:
        return ""
    try:
        about = path.stat()
        if about.st_size > _HASHED_BYTES:
            return f"{about.st_size}:{about.st_mtime_ns}:{about.st_mode}"
        return f"{hashlib.sha256(path.read_bytes()).hexdigest()}:{about.st_mode}"
    except OSError as error:
        storage_error(path, error)


def copy(files: Listing, app_dir: Path, target: Path) -> None:
    """Copy the listed files to `target`, which is emptied first. Raises StorageError."""
    root = app_dir.resolve()
    shutil.rmtree(target, ignore_errors=True)
    try:
        target.mkdir(mode=0o700, parents=True)
        for entry in files.entries:
            source, copied = root / entry.path, target / entry.path
            copied.parent.mkdir(parents=True, exist_ok=True)
            if entry.link:
                copied.symlink_to(entry.link)
            else:
                shutil.copyfile(source, copied, follow_symlinks=False)
                shutil.copymode(source, copied, follow_symlinks=False)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, OSError):
            storage_error(Path(error.filename or target), error)
        raise StorageError(str(error), where=str(target)) from error
