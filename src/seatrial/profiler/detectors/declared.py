"""What a Procfile or FLASK_APP declares as the entry."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from seatrial.kernel.values import Value
from seatrial.profiler.source import Source

_TARGET = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::([^\W\d]\w*)(\(.*\))?)?", re.DOTALL)
_SERVERS = ("gunicorn", "waitress-serve", "granian", "uwsgi", "hypercorn", "uvicorn", "mod_wsgi")
_FOLDER_FLAGS = ("--chdir", "--pythonpath", "--app-dir", "--directory")


class Declared(Value):
    """An entry somebody wrote down: module, attribute ('' leaves it open), call arguments."""

    module: str
    attr: str
    arguments: str
    app_dir: str
    file: str
    line: int


def parse_target(text: str) -> tuple[str, str, str] | None:
    """Module, attribute and arguments of `module:attr` or `module:attr(...)`."""
    found = _TARGET.fullmatch(text.strip())
    if found is None:
        return None
    arguments = (found[3] or "").strip()[1:-1].strip()
    return found[1], found[2] or "", arguments


def detect(source: Source) -> tuple[Declared, ...]:
    """All declared entries, the strongest first. No other variable of .env is looked at."""
    return (*_procfile(source), *_flask_app(source, ".flaskenv"), *_flask_app(source, ".env"))


def _procfile(source: Source) -> tuple[Declared, ...]:
    for number, line in enumerate((source.read_text("Procfile") or "").splitlines(), 1):
        kind, colon, command = line.partition(":")
        if colon and kind.strip() == "web":
            declared = _from_command(command, number)
            return (declared,) if declared else ()
    return ()


def _from_command(command: str, line: int) -> Declared | None:
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    folder = "."
    for here, after in zip(words, [*words[1:], ""], strict=True):
        flag, _, value = here.partition("=")
        if here == "cd" or flag in _FOLDER_FLAGS:
            folder = str(PurePosixPath(value or after))
    names = [PurePosixPath(word).name for word in words]
    if any(name in _SERVERS for name in names):
        start = next(i for i, name in enumerate(names) if name in _SERVERS)
        targets = [parse_target(word) for word in words[start + 1 :] if ":" in word]
        # `gunicorn wsgi` means wsgi:application; a plain word is only one when it stands first.
        plain = [parse_target(f"{word}:application") for word in words[start + 1 : start + 2]]
        target = next(filter(None, [*targets, *plain]), None)
        if target and target[1]:
            return _declared(target, folder, "Procfile", line)
    if "--app" in words and "flask" in names:
        target = _file_target(words[words.index("--app") + 1 : words.index("--app") + 2])
        return _declared(target, folder, "Procfile", line) if target else None
    if any(re.fullmatch(r"python[\d.]*", name) for name in names):
        target = _file_target([word for word in words if word.endswith(".py")][:1])
        return _declared(target, folder, "Procfile", line) if target else None
    return None


def _file_target(words: list[str]) -> tuple[str, str, str] | None:
    """A target that may be written as a file: `src/hello.py`, `hello`, `hello:app`."""
    if not words:
        return None
    path, colon, attr = words[0].partition(":")
    module = path.removesuffix(".py").removeprefix("./").strip("/").replace("/", ".")
    return parse_target(f"{module}{colon}{attr}")


def _flask_app(source: Source, file: str) -> tuple[Declared, ...]:
    for number, line in enumerate((source.read_text(file) or "").splitlines(), 1):
        found = re.match(r"\s*(?:export\s+)?FLASK_APP\s*=\s*(.*)$", line)
        if found is None:
            continue
        written = found[1].split(" #")[0].strip().strip("'\"")
        target = _file_target([written])
        if target is not None:
            return (_declared(target, ".", file, number),)
    return ()


def _declared(target: tuple[str, str, str], folder: str, file: str, line: int) -> Declared:
    module, attr, arguments = target
    return Declared(
        module=module, attr=attr, arguments=arguments, app_dir=folder, file=file, line=line
    )
