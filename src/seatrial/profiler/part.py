"""Part: what a detector of facts looks at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from seatrial.kernel.workload import ComponentKind, Dependency
from seatrial.profiler.code import Code
from seatrial.profiler.source import Source


@dataclass(frozen=True, eq=False)
class Part:
    """One component while its facts are gathered.

    `paths` are the Python files it may run, from its entry, sorted; `dependencies` what the
    app asks to be installed, by canonical name. `main` says that it is the first component,
    which also tells what concerns the whole source.
    """

    source: Source
    name: str
    kind: ComponentKind
    framework: str
    entry: str
    paths: tuple[str, ...]
    dependencies: dict[str, Dependency]
    main: bool = True

    @cached_property
    def code(self) -> Code:
        """Its functions, and which of them answer requests."""
        return Code(self.source, self.paths, self.framework)

    def imports(self, *packages: str) -> bool:
        """Whether one of its files imports one of these top-level packages."""
        return any(package in self.packages for package in packages)

    @cached_property
    def packages(self) -> frozenset[str]:
        """The top-level packages that its files import, from inside and outside the app."""
        return frozenset(
            name.split(".")[0] for path in self.paths for name, _ in self.source.imports(path)
        )
