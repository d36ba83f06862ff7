"""Source: the only door to the app's files. Reads, never imports or runs, what it is given."""

from __future__ import annotations

import ast
import codecs
import hashlib
import io
import os
import platform
import tokenize
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from seatrial.kernel.errors import AppError, StorageError
from seatrial.profiler.walk import AppFile, Skipped, walk

SETTINGS_FILE = "seatrial.toml"
TEXT_BYTES_MAX = 2 * 1024**2
PYTHON_BYTES_MAX = 32 * 1024**2
"""All Python files together: a parsed tree takes about a hundred times its text."""

# Written while the app runs: data and logs, not source. A request must not change the digest.
_RUNTIME_SUFFIXES = frozenset({
    ".db", ".sqlite", ".sqlite3", ".log", ".pid", ".pyc", ".pyo",
})  # fmt: skip
_RUNTIME_ENDINGS = ("-wal", "-shm", "-journal")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, eq=False)
class Source:
    """The files of one app, as they were when it was opened; texts and trees are kept.

    `files` are all regular files in the order of their paths.
    """

    root: Path
    files: tuple[AppFile, ...]
    _sizes: dict[str, int]
    _skipped: dict[str, str]
    _texts: dict[str, str | None] = field(default_factory=dict)
    _trees: dict[str, ast.Module | None] = field(default_factory=dict)
    _nodes: dict[str, tuple[ast.AST, ...]] = field(default_factory=dict)
    _parsed: list[int] = field(default_factory=lambda: [0])

    @staticmethod
    def open(root: Path) -> Source:
        """Open the app in `root`.

        Raises `AppError` when that is no folder or holds no Python file, `StorageError` when it
        cannot be listed.
        """
        try:
            root = root.resolve()
        except (OSError, RuntimeError) as error:
            raise StorageError(
                f"cannot be opened: {error}", where=str(root), fix="give a folder that is readable"
            ) from error
        listing = walk(root)
        if not any(file.path.endswith(".py") for file in listing.files):
            raise AppError(
                "holds no Python file", where=str(root), fix="give the folder that holds the app"
            )
        return Source(
            root=root, files=listing.files,
            _sizes={file.path: file.size_bytes for file in listing.files},
            _skipped={skip.path: skip.reason for skip in reversed(listing.skipped)},
        )  # fmt: skip

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was not read so far and why, in the order of the paths."""
        return tuple(Skipped(path=path, reason=why) for path, why in sorted(self._skipped.items()))

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        """The paths of all Python files."""
        return tuple(file.path for file in self.files if file.path.endswith(".py"))

    @cached_property
    def folders(self) -> frozenset[str]:
        """All folders that hold a Python file somewhere below them; the root is '.'."""
        found = {"."}
        for path in self.python_files:
            found.update(str(parent) for parent in PurePosixPath(path).parents)
        return frozenset(found)

    def __contains__(self, path: str) -> bool:
        return path in self._sizes

    def size_bytes(self, path: str) -> int:
        """Size of a file; `KeyError` when there is no such file."""
        return self._sizes[path]

    def read_head(self, path: str, size_bytes: int) -> bytes:
        """The first bytes of any file; empty when it cannot be read."""
        try:
            with self._open(path) as file:
                return file.read(size_bytes)
        except OSError as error:
            self._skipped[path] = f"cannot be read: {error.strerror}"
            return b""

    def read_text(self, path: str) -> str | None:
        """The text of a file; none, and listed under `skipped`, when there is none to be had."""
        if path not in self._texts:
            self._texts[path] = self._read_text(path) if path in self._sizes else None
        return self._texts[path]

    def tree(self, path: str) -> ast.Module | None:
        """The syntax tree of a Python file, parsed once; none when it cannot be parsed."""
        if path not in self._trees:
            self._trees[path] = self._parse(path)
        return self._trees[path]

    def nodes(self, path: str) -> tuple[ast.AST, ...]:
        """All nodes of a file's tree, listed once; none when it cannot be parsed."""
        if path not in self._nodes:
            tree = self.tree(path)
            self._nodes[path] = () if tree is None else tuple(ast.walk(tree))
        return self._nodes[path]

    @cached_property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 over all paths and contents.

        Databases, logs and the like, which a running app writes, are left out, and so is
        seatrial.toml: what is asked of an app does not change what it is.
        """
        total = hashlib.sha256()
        for file in self.files:
            name = PurePosixPath(file.path)
            if name.suffix in _RUNTIME_SUFFIXES or name.name.endswith(_RUNTIME_ENDINGS):
                continue
            if file.path == SETTINGS_FILE:
                continue
            try:
                with self._open(file.path) as content:
                    inner = hashlib.file_digest(content, "sha256").digest()
            except OSError as error:
                self._skipped[file.path] = f"cannot be read: {error.strerror}"
                inner = b"unreadable".ljust(32)
            encoded = file.path.encode()
            total.update(len(encoded).to_bytes(8, "big") + encoded + inner)
        return total.hexdigest()[:16]

    def _open(self, path: str) -> io.BufferedReader:
        # O_NONBLOCK: should a pipe have taken the file's place, opening it does not hang.
        def opener(name: str, flags: int) -> int:
            return os.open(name, flags | os.O_NONBLOCK)

        return open(self.root / path, "rb", opener=opener)

    def _read_text(self, path: str) -> str | None:
        if self._sizes[path] > TEXT_BYTES_MAX:
            return self._skip(path, f"larger than {TEXT_BYTES_MAX // 1024**2} MiB")
        try:
            with self._open(path) as file:
                data = file.read(TEXT_BYTES_MAX + 1)
        except OSError as error:
            return self._skip(path, f"cannot be read: {error.strerror}")
        if len(data) > TEXT_BYTES_MAX:
            return self._skip(path, f"larger than {TEXT_BYTES_MAX // 1024**2} MiB")
        encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
        if path.endswith(".py") and encoding == "utf-8":
            try:
                encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
            except (SyntaxError, ValueError) as error:
                return self._skip(path, f"its encoding is unknown: {_short(error)}")
        try:
            return data.decode(encoding)
        except (UnicodeError, LookupError):
            return self._skip(path, f"not {encoding} text")

    def _parse(self, path: str) -> ast.Module | None:
        text = self.read_text(path)
        if text is None:
            return None
        self._parsed[0] += len(text)
        if self._parsed[0] > PYTHON_BYTES_MAX:
            self._skip(path, f"more than {PYTHON_BYTES_MAX // 1024**2} MiB of Python before it")
            return None
        return parse(text, lambda reason: self._skip(path, reason))

    def _skip(self, path: str, reason: str) -> str | None:
        self._skipped[path] = reason
        return None


def parse(text: str, refuse: Callable[[str], object]) -> ast.Module | None:
    """Parse Python source without a word; `refuse` is told why there is no tree."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        version = ".".join(platform.python_version_tuple()[:2])
        refuse(f"not Python {version}: line {error.lineno or 0}: {_short(error)}")
    except ValueError as error:  # a NUL byte
        refuse(f"not Python: {_short(error)}")
    except (RecursionError, MemoryError):
        refuse("nested too deeply to be read")
    return None


def _short(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return text.encode(errors="backslashreplace").decode()[:120]
