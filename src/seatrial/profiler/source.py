"""Source: the only door to the app's files. Reads, never imports or runs, what it is given."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field
from functools import cache, cached_property
from os.path import splitext
from pathlib import Path
from typing import Any

from seatrial.kernel.errors import AppError, StorageError
from seatrial.profiler import raw
from seatrial.profiler.syntax import Parsed, Recent, collection_paused, parse, read
from seatrial.profiler.walk import AppFile, Skipped, walk

__all__ = ["Source", "collection_paused", "parse"]

SETTINGS_FILE = "seatrial.toml"
TEXT_BYTES_MAX = 2 * 1024**2
PYTHON_BYTES_MAX = 12 * 1024**2
"""Python that is parsed beside what an entry reaches, each file counted once: bounds the time."""

LARGE_FILES = 5_000
KEPT_TEXT_BYTES = 80 * 1024**2
KEPT_PYTHON_BYTES = 5 * 1024**2
"""Python text whose trees are kept at a time; a tree takes 30 to 60 times its text."""

DIGEST_BYTES_MAX = 1024**3
"""What is read for the digest; past that, files of more than 1 MiB are sampled."""

# Written while the app runs: data and logs, not source. A request must not change the digest.
_RUNTIME_SUFFIXES = frozenset({
    ".db", ".sqlite", ".sqlite3", ".log", ".pid", ".pyc", ".pyo",
})  # fmt: skip
_RUNTIME_ENDINGS = ("-wal", "-shm", "-journal")
NOTEBOOKS_TOLD_MAX = 10


class _Memory:
    """What a source remembers of its files while it is looked at."""

    def __init__(self) -> None:
        self.bytes: Recent[bytes] = Recent(KEPT_TEXT_BYTES)
        self.parsed: Recent[Parsed] = Recent(KEPT_PYTHON_BYTES)
        self.digests: dict[str, bytes] = {}
        self.unreadable: set[str] = set()
        self.unparsed: set[str] = set()
        self.imports: dict[str, tuple[tuple[str, int], ...]] = {}
        self.counted: set[str] = set()
        self.mentioned: dict[frozenset[str], dict[str, bool]] = {}
        self.python_bytes = 0
        self.unread = 0


@dataclass(frozen=True, eq=False)
class Source:
    """The files of one app, as they were when it was opened.

    `files` are all regular files in the order of their paths. Texts and trees are kept while
    there is room and read anew when there was none. `memo` is for what others work out of the
    source once, each under a name of its own.
    """

    root: Path
    files: tuple[AppFile, ...]
    _sizes: dict[str, int]
    _skipped: dict[str, str]
    memo: dict[str, dict[Any, Any]] = field(default_factory=dict)
    _memory: _Memory = field(default_factory=_Memory)

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
        notebooks = [file.path for file in listing.files if file.path.endswith(".ipynb")]
        if not any(file.path.endswith(".py") for file in listing.files):
            raise _no_python(root, notebooks)
        source = Source(
            root=root, files=listing.files,
            _sizes={file.path: file.size_bytes for file in listing.files},
            _skipped={skip.path: skip.reason for skip in reversed(listing.skipped)},
        )  # fmt: skip
        for path in notebooks[:NOTEBOOKS_TOLD_MAX]:
            source.skip(path, "a notebook")
        if len(notebooks) > NOTEBOOKS_TOLD_MAX:
            source.skip(notebooks[0], f"a notebook, one of {len(notebooks)}")
        return source

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was not read so far and why, in the order of the paths."""
        told = dict(self._skipped)
        if self._memory.unread:
            mib, files = PYTHON_BYTES_MAX // 1024**2, self._memory.unread
            why = f"more than {mib} MiB of Python: {files} files were not parsed"
            told["."] = "; ".join((*filter(None, (told.get("."),)), why))
        return tuple(Skipped(path=path, reason=why) for path, why in sorted(told.items()))

    @cached_property
    def python_files(self) -> tuple[str, ...]:
        """The paths of all Python files."""
        return tuple(file.path for file in self.files if file.path.endswith(".py"))

    @cached_property
    def folders(self) -> frozenset[str]:
        """All folders that hold a Python file somewhere below them; the root is '.'."""
        found = {"."}
        for path in self.python_files:
            folder = path.rpartition("/")[0]
            while folder and folder not in found:
                found.add(folder)
                folder = folder.rpartition("/")[0]
        return frozenset(found)

    @property
    def reach_bytes_max(self) -> int:
        """How much Python is looked at for one entry: less where listing already takes long."""
        return 4 * 1024**2 if len(self.files) < LARGE_FILES else 3 * 1024**2 // 2

    def __contains__(self, path: str) -> bool:
        return path in self._sizes

    def size_bytes(self, path: str) -> int:
        """Size of a file; `KeyError` when there is no such file."""
        return self._sizes[path]

    def skip(self, path: str, reason: str) -> None:
        """Tell that a file was not read, or not all of it; '.' is told with all its reasons."""
        before = self._skipped.get(path, "") if path == "." else ""
        if reason not in before:
            self._skipped[path] = f"{before}; {reason}" if before else reason

    def reserve(self, path: str) -> None:
        """Parse this file when asked to, however much was parsed before it."""
        self._memory.counted.add(path)

    def read_head(self, path: str, size_bytes: int) -> bytes:
        """The first bytes of any file; empty when it cannot be read."""
        try:
            return raw.read_bytes(self._place(path), size_bytes)
        except OSError as error:
            self.skip(path, f"cannot be read: {error.strerror}")
            return b""

    def read_text(self, path: str) -> str | None:
        """The text of a file; none, and listed under `skipped`, when there is none to be had."""
        data = self._bytes(path)
        if data is None:
            return None
        try:
            text, remark = raw.decode(data, python=path.endswith(".py"))
        except raw.NoTextError as error:
            self._unreadable(path, str(error))
            return None
        if remark:
            self.skip(path, remark)
        return text

    def mentions(self, path: str, words: frozenset[str]) -> bool:
        """Whether a file holds one of these words somewhere: a cheap test before parsing.

        Looks at the bytes; nothing is decoded or parsed. False for what cannot be read.
        """
        known = self._memory.mentioned.setdefault(words, {})
        if path not in known:
            known[path] = self._mentions(path, words)
        return known[path]

    def _mentions(self, path: str, words: frozenset[str]) -> bool:
        data = self._bytes(path)
        if data is None:
            return False
        for word in _encoded(words):  # half the time of any()
            if word in data:
                return True
        return raw.has_bom(data)

    def tree(self, path: str) -> ast.Module | None:
        """The syntax tree of a Python file; none when it cannot be parsed."""
        parsed = self._parsed(path)
        return None if parsed is None else parsed.tree

    def nodes(self, path: str) -> tuple[ast.AST, ...]:
        """All nodes of a file from the top down, none when it cannot be parsed.

        Contexts and operators are left out: they are in the fields of the nodes they belong to.
        """
        parsed = self._parsed(path)
        return () if parsed is None else parsed.nodes

    def nodes_of(self, path: str, *kinds: type[ast.AST]) -> list[Any]:
        """The nodes of exactly these types, from the top down; a fraction of the cost of looking
        through all of them."""
        parsed = self._parsed(path)
        return [] if parsed is None else parsed.of(kinds)

    def import_nodes(self, path: str) -> list[ast.Import | ast.ImportFrom]:
        """The import statements of a file, wherever they stand."""
        return self.nodes_of(path, ast.Import, ast.ImportFrom)

    def imports(self, path: str) -> tuple[tuple[str, int], ...]:
        """The dotted names a file imports, absolute ones only, with their lines."""
        known = self._memory.imports
        if path not in known:
            found: list[tuple[str, int]] = []
            for node in self.import_nodes(path):
                if isinstance(node, ast.Import):
                    found += [(alias.name, node.lineno) for alias in node.names]
                elif not node.level and node.module:
                    found.append((node.module, node.lineno))
            known[path] = tuple(found)
        return known[path]

    @cached_property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 over all paths and contents.

        Databases, logs and the like, which a running app writes, are left out, and so is
        seatrial.toml: what is asked of an app does not change what it is. Files of 64 MiB and
        more are sampled (`raw.digest`), and those of 1 MiB and more once 1 GiB was read.
        """
        total, left = hashlib.sha256(), DIGEST_BYTES_MAX
        for file in self.files:
            name, suffix = file.name, splitext(file.name)[1]
            if suffix in _RUNTIME_SUFFIXES or name.endswith(_RUNTIME_ENDINGS):
                continue
            if file.path == SETTINGS_FILE:
                continue
            inner = self._memory.digests.get(file.path)
            if inner is None:
                inner = self._digest(file, left)
            left -= file.size_bytes if file.size_bytes < raw.SAMPLED_BYTES else 0
            encoded = file.path.encode()
            total.update(len(encoded).to_bytes(8, "big") + encoded + inner)
        return total.hexdigest()[:16]

    def _digest(self, file: AppFile, left: int) -> bytes:
        sampled = file.size_bytes >= raw.SAMPLED_BYTES or (
            left < file.size_bytes and file.size_bytes >= 1024**2
        )
        try:
            return raw.digest(self._place(file.path), sampled)
        except OSError as error:
            self.skip(file.path, f"cannot be read: {error.strerror}")
            return b"unreadable".ljust(32)

    def _place(self, path: str) -> str:
        return f"{self._root}/{path}"

    @cached_property
    def _root(self) -> str:
        return str(self.root)

    def _bytes(self, path: str) -> bytes | None:
        """A file's content, and its digest on the way, so that it is read once."""
        if path in self._memory.unreadable or path not in self._sizes:
            return None
        data = self._memory.bytes.get(path)
        if data is not None:
            return data
        try:
            if self._sizes[path] <= TEXT_BYTES_MAX:
                data = raw.read_bytes(self._place(path), TEXT_BYTES_MAX + 1)
        except OSError as error:
            self._unreadable(path, f"cannot be read: {error.strerror}")
            return None
        if data is None or len(data) > TEXT_BYTES_MAX:
            self._unreadable(path, f"larger than {TEXT_BYTES_MAX // 1024**2} MiB")
            return None
        self._memory.digests[path] = hashlib.sha256(data).digest()
        self._memory.bytes.keep(path, data, len(data))
        return data

    def _unreadable(self, path: str, reason: str) -> None:
        self._memory.unreadable.add(path)
        self.skip(path, reason)

    def _parsed(self, path: str) -> Parsed | None:
        memory = self._memory
        parsed = memory.parsed.get(path)
        if parsed is not None or path in memory.unparsed:
            return parsed
        text = self.read_text(path)
        if text is not None and path not in memory.counted:
            memory.counted.add(path)
            memory.python_bytes += len(text)
            if memory.python_bytes > PYTHON_BYTES_MAX:
                memory.unread += 1
                text = None
        if text is not None:
            parsed = read(text, lambda reason: self.skip(path, reason))
        if parsed is None:
            memory.unparsed.add(path)
        else:
            memory.parsed.keep(path, parsed, len(text or ""))
        return parsed


@cache
def _encoded(words: frozenset[str]) -> tuple[bytes, ...]:
    return tuple(sorted(word.encode() for word in words))


def _no_python(root: Path, notebooks: list[str]) -> AppError:
    if notebooks:
        return AppError(
            f"holds no Python file, only notebooks ({notebooks[0]})", where=str(root),
            fix="export what is to run as a .py file: jupyter nbconvert --to script",
        )  # fmt: skip
    return AppError(
        "holds no Python file", where=str(root), fix="give the folder that holds the app"
    )
