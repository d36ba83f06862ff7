"""What reading the dependencies of an app works with: its files, what was found, what to tell."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Dependency, Fact
from seatrial.profiler import rules
from seatrial.profiler.modules import join
from seatrial.profiler.source import Source

LINES_MAX = 20_000
LOCAL_MAX = 50
NAMES_SHOWN = 8


class Package(Value):
    """One distribution that gets installed, as a lock file or the table of wheels tells it.

    `wheel_bytes` is the compressed wheel's size, 0 when it is not known.
    """

    name: str
    version: str = ""
    requires: tuple[str, ...] = ()
    wheel_bytes: int = 0


class Lock(Value):
    """A lock file: all packages it would install, by canonical name."""

    file: str
    packages: dict[str, Package]


class Asked(Value):
    """The Python that one file asks for; `pin` says that it names one version."""

    specifier: str
    file: str
    line: int
    pin: bool


class Manifest(Value):
    """What one file asks to have installed.

    `optional` are names that only an extra or a group asks for, with the name of that.
    """

    file: str
    dependencies: tuple[Dependency, ...] = ()
    optional: dict[str, str] = {}
    installable: bool = True


class Install(Value):
    """What is installed: `requirements_file` is the file an installer is pointed at.

    It is empty when no installer can read the file; the list of `dependencies` is used then.
    `packages` are all that get installed as far as it is known, those that the dependencies
    need included; `unknown` are dependencies of which it is not known what they need. `cpu`
    says that PyTorch is taken from the index of its CPU builds.
    """

    dependencies: tuple[Dependency, ...]
    requirements_file: str
    python_requires: str
    facts: tuple[Fact, ...]
    lock: str = ""
    optional: dict[str, str] = {}
    packages: tuple[Package, ...] = ()
    unknown: tuple[str, ...] = ()
    cpu: bool = False


class Local(Value):
    """A folder of the app that some file wants installed, with its extras."""

    folder: str
    extras: tuple[str, ...]
    file: str
    line: int


@dataclass(eq=False)
class Reading:
    """One reading of an app's dependencies, filled as the files are read."""

    source: Source
    folder: str = "."
    python: str = "3.12"
    facts: list[Fact] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    local: list[Local] = field(default_factory=list)
    cpu: bool = False
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tell(self, rule: str, subject: str, value: str, file: str, line: int = 0) -> None:
        """Add a fact; said once."""
        made = rules.fact(rule, subject, value, file=file, line=line)
        if made not in self.facts:
            self.facts.append(made)

    def toml(self, path: str) -> dict[str, Any]:
        """The tables of a TOML file; empty, and told, when it is none."""
        if path not in self.tables:
            self.tables[path] = self._toml(path)
        return self.tables[path]

    def _toml(self, path: str) -> dict[str, Any]:
        text = self.source.read_text(path)
        if text is None:
            if path in self.source:
                self.tell("dependencies.unread", path, "the file cannot be read", path)
            return {}
        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            self.tell("dependencies.unread", path, f"not TOML: {error}"[:120], path)
            return {}

    def line_of(self, path: str, needle: str) -> int:
        """The first line of a file that holds a text; 0 when none does."""
        text = self.source.read_text(path) or ""
        at = text.find(needle) if needle else -1
        return text.count("\n", 0, at) + 1 if at >= 0 else 0


def table(value: Any, *keys: str) -> dict[str, Any]:
    """A table inside tables; empty when anything on the way is something else."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """The texts of a list; none when it is no list."""
    found = value if isinstance(value, list) else []
    return [text for text in found[:LINES_MAX] if isinstance(text, str)]


def inside(folder: str, name: str) -> str | None:
    """A path relative to a folder as one relative to the root; none when it leads out."""
    parts: list[str] = []
    if name.startswith("/") or "\\" in name or "\0" in name:
        return None
    for part in PurePosixPath(join(folder, name)).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


def shown(names: list[str] | tuple[str, ...]) -> str:
    """Some names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
