"""Imports that nothing installs: a third-party name that no dependency brings."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from msgspec import structs
from packaging.utils import canonicalize_name

from seatrial.kernel.workload import Fact
from seatrial.profiler.dependencies.install import of
from seatrial.profiler.dependencies.names import Provided, development
from seatrial.profiler.dependencies.reading import shown
from seatrial.profiler.dependencies.statements import Import, imports, started
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact

# Modules of older Pythons, and of the interpreter itself: never a distribution's.
_LIBRARY = frozenset(sys.stdlib_module_names) | {
    "__main__", "asynchat", "asyncore", "distutils", "imp", "smtpd", "cgi", "cgitb", "crypt",
    "audioop", "imghdr", "sndhdr", "telnetlib", "nntplib", "pipes", "uu", "xdrlib", "msilib",
    "ConfigParser", "Queue", "StringIO", "cPickle", "urllib2", "urlparse", "httplib", "thread",
    "__builtin__", "cStringIO", "HTMLParser", "Cookie", "cookielib", "commands", "compression",
    "annotationlib", "Tkinter", "ttk", "tkMessageBox",
}  # fmt: skip


_DEVELOPMENT = frozenset({
    "dev", "develop", "development", "dev-packages", "test", "tests", "testing", "lint", "docs",
    "doc", "typing", "ci", "format", "quality", "style", "types",
})  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """Imports that nothing brings, and development tools that production installs."""
    install = of(part)
    provided = Provided(part, install)
    own = _tops(part.source.python_files)
    absent: dict[str, tuple[str, Import]] = {}
    told: set[str] = set()
    for path in part.paths:
        doubted: set[str] = set()
        for name, line in part.source.imports(path):
            top = name.split(".")[0]
            if top in _LIBRARY or top in own or provided.directly(name):
                continue
            through = provided.through(name)
            if not through:
                doubted.add(top)
            elif top not in told:
                told.add(top)
                yield fact("dependencies.transitive", top, through, file=path, line=line)
        # Few files have such an import: only those are walked for what guards it.
        for one in imports(part, path) if doubted else ():
            top = one.name.split(".")[0]
            if top not in doubted or provided.directly(one.name) or provided.through(one.name):
                continue
            if top not in absent or (absent[top][1].late and not one.late):
                absent[top] = (path, one)
    if any(not one.late for _, one in absent.values()):
        at_start = started(part)
        absent = {
            top: (path, one if path in at_start else structs.replace(one, late=True))
            for top, (path, one) in absent.items()
        }
    elsewhere = any(one.rule == "dependencies.other-file" for one in install.facts)
    yield from _absent(part, provided, absent, bool(install.dependencies), elsewhere)
    if part.main:
        yield from _tools(part, provided)


def _tops(paths: tuple[str, ...]) -> frozenset[str]:
    """The names of all modules and folders of the app: paths are added at run time."""
    found: set[str] = set()
    for path in paths:
        parts = path.split("/")
        found.add(parts[-1].removesuffix(".py"))
        found.update(parts[:-1])
    return frozenset(found)


def _absent(
    part: Part,
    provided: Provided,
    absent: dict[str, tuple[str, Import]],
    declared: bool,
    elsewhere: bool,
) -> Iterator[Fact]:
    if not declared and elsewhere:
        return  # Which of several files is installed is not known.
    if not declared and absent:
        names = sorted(absent)
        path, one = min(absent.values(), key=lambda pair: (pair[1].late, pair[0], pair[1].line))
        yield fact(
            "dependencies.none", shown(names), "imported, and no file says what to install",
            file=path, line=one.line, confidence=0.7 if one.late else None,
        )  # fmt: skip
        return
    for top, (path, one) in sorted(absent.items()):
        group = provided.optional(one.name)
        sure = provided.certainty(top)
        if not sure or (group and group not in _DEVELOPMENT):
            continue  # Something may bring it; or whoever installs the app may choose it.
        if group:
            yield fact(
                "dependencies.development-only", top, f"only {group} asks for it", file=path,
                line=one.line, confidence=0.5 if one.late else None,
            )  # fmt: skip
            continue
        rule = "dependencies.undeclared-late" if one.late else "dependencies.undeclared"
        yield fact(
            rule, top, f"the app imports it and nothing asks for {provided.likely(top)}",
            file=path, line=one.line, confidence=round(sure * (0.8 if one.late else 1), 2),
        )  # fmt: skip


def _tools(part: Part, provided: Provided) -> Iterator[Fact]:
    wanted = {
        name: one
        for name, one in sorted(part.dependencies.items())
        if name in development() or name.startswith(("pytest-", "flake8-", "types-"))
    }
    used = {canonicalize_name(name) for name in part.packages}
    words = frozenset(spelt for name in wanted for spelt in (name, name.replace("-", "_")))
    for path in part.source.python_files if wanted else ():
        if "test" not in path.lower() and part.source.mentions(path, words):
            used |= {canonicalize_name(n.split(".")[0]) for n, _ in part.source.imports(path)}
    found = [one for name, one in wanted.items() if name not in used]
    if found:
        first = found[0].proof
        yield fact(
            "dependencies.development", shown([one.name for one in found]),
            "not imported by the app", file=first.file, line=first.line,
        )  # fmt: skip
