"""Commands that start what another file says: scripts, `make run`, `npm start`, `honcho start`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.profiler.declared import lines as read
from seatrial.profiler.declared.lines import Line
from seatrial.profiler.declared.places import Around, inside
from seatrial.profiler.modules import join
from seatrial.profiler.source import Source

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_PROCFILE_RUNNERS = frozenset({"honcho", "foreman", "overmind", "hivemind", "forego", "goreman"})
_MANAGERS = frozenset({"npm", "yarn", "pnpm", "bun"})
_SCRIPT_BYTES_MAX = 64_000
PYTHON = "python"
SHELL = "shell"


class Led(Value):
    """Where a command leads: the lines of another file, or a script with its arguments."""

    file: str = ""
    lines: tuple[Line, ...] = ()
    script: str = ""
    arguments: tuple[str, ...] = ()
    language: str = ""


def lead(words: Sequence[str], around: Around) -> Led | None:
    """The file that says what the words start; none when they start it themselves."""
    source = around.source
    if source is None:
        return None
    name = PurePosixPath(words[0]).name
    if name in SHELLS or name in (".", "source"):
        free = [word for word in words[1:] if not word.startswith(("-", "+"))]
        return _script(source, around, free[0], tuple(free[1:])) if free else None
    if name in _PROCFILE_RUNNERS and "".join(words[1:2]) in ("", "start", "run"):
        return _procfile(source, around, words)
    if name in ("supervisord", "supervisor"):
        return _supervisor(source, around, words)
    if name == "make":
        return _target(source, around, words, ("Makefile", "makefile", "GNUmakefile"))
    if name == "just":
        return _target(source, around, words, ("justfile", "Justfile", ".justfile"))
    if name in _MANAGERS:
        return _package(source, around, words)
    if "/" in words[0] or name.endswith((".sh", ".bash")) or _copied_name(around, name):
        return _script(source, around, _copied_name(around, words[0]) or words[0], tuple(words[1:]))
    return None


def task(words: Sequence[str], around: Around) -> Led | None:
    """The project's own task of that name, which a task or package runner was asked for."""
    row = around.tasks.get(words[0]) if words else None
    if row is None:
        return None
    line = Line(
        process="", command=f"{row.target} {' '.join(words[1:])}".strip(), line=row.line,
        folder=row.folder, variables=row.variables,
    )  # fmt: skip
    return Led(file=join(around.base, "pyproject.toml"), lines=(line,))


def _copied_name(around: Around, name: str) -> str:
    """The path inside the image of a script that is called by its bare name."""
    if "/" in name:
        return ""
    places = ("/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/sbin/")
    return next((t for t, _ in reversed(around.copied) if t in {p + name for p in places}), "")


def _script(source: Source, around: Around, path: str, arguments: tuple[str, ...]) -> Led | None:
    file = inside(around, path)
    if file not in source:
        return None
    head = source.read_head(file, 120).split(b"\n")[0].decode("utf-8", "replace")
    if file.endswith(".py") or ("python" in head and head.startswith("#!")):
        return Led(script=file, arguments=arguments, language=PYTHON)
    shell = file.endswith((".sh", ".bash")) or (
        head.startswith("#!") and any(head.rstrip().endswith(s) or f"{s} " in head for s in SHELLS)
    )
    if not shell and head.startswith("#!"):
        return None
    plain = "." not in PurePosixPath(file).name or file.endswith(".txt")
    if not (shell or plain) or source.size_bytes(file) > _SCRIPT_BYTES_MAX:
        return None
    return Led(script=file, arguments=arguments, language=SHELL)


def _file(source: Source, around: Around, names: Sequence[str]) -> str:
    here = inside(around, ".")
    places = [join(folder, name) for folder in dict.fromkeys((here, around.base)) for name in names]
    return next((path for path in places if path in source), "")


def _option(words: Sequence[str], *names: str) -> str:
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else after
    return ""


def _procfile(source: Source, around: Around, words: Sequence[str]) -> Led | None:
    named = _option(words, "-f", "--procfile")
    file = inside(around, named) if named else _file(source, around, ("Procfile",))
    chosen = {word for word in words[2:] if not word.startswith("-") and word != named}
    found = tuple(read.procfile(source.read_text(file) or ""))
    wanted = tuple(line for line in found if line.process in chosen) or found
    return Led(file=file, lines=wanted) if wanted else None


def _supervisor(source: Source, around: Around, words: Sequence[str]) -> Led | None:
    named = _option(words, "-c", "--configuration")
    file = inside(around, named) if named else ""
    if file not in source and "/" in named:
        # Debian's place for it, copied there under another name.
        file = next(
            (p for t, p in around.copied if t.rpartition("/")[2] == named.rpartition("/")[2]), ""
        )
    if not file or file not in source:
        file = next(
            (p for t, p in reversed(around.copied) if "supervisor" in p and p in source), ""
        )
    file = file or _file(source, around, ("supervisord.conf",))
    found = tuple(read.supervisor(source.read_text(file) or ""))
    return Led(file=file, lines=found) if found else None


def _target(
    source: Source, around: Around, words: Sequence[str], names: Sequence[str]
) -> Led | None:
    folder = _option(words, "-C", "--directory")
    file = _file(source, around.at(folder) if folder else around, names)
    reader = read.makefile if words[0].endswith("make") else read.justfile
    wanted = [w for w in words[1:] if not w.startswith("-") and "=" not in w and w != folder]
    found = tuple(reader(source.read_text(file) or ""))
    target = wanted[0] if wanted else (found[0].process if found else "")
    chosen = tuple(line for line in found if line.process == target)
    return Led(file=file, lines=chosen) if chosen else None


def _package(source: Source, around: Around, words: Sequence[str]) -> Led | None:
    """A script of package.json; npm's own name for it, else the program that npm runs."""
    folder = _option(words, "--prefix", "-C", "--dir", "--cwd")
    file = _file(source, around.at(folder) if folder else around, ("package.json",))
    free = [word for word in words[1:] if not word.startswith("-") and word != folder]
    name = free[1] if free[:1] in (["run"], ["run-script"]) and len(free) > 1 else "".join(free[:1])
    found = tuple(
        line for line in read.package_json(source.read_text(file) or "") if line.process == name
    )
    return Led(file=file, lines=found) if found else None
