"""setup.cfg and setup.py, read as text: never run."""

from __future__ import annotations

import ast
import configparser
import re

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies.reading import LINES_MAX, Asked, Manifest, Reading
from seatrial.profiler.dependencies.written import requirement
from seatrial.profiler.modules import join


def setup_cfg(reading: Reading, file: str, extras: tuple[str, ...] = ()) -> Manifest:
    """[options] of a setup.cfg."""
    text = reading.source.read_text(file) or ""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError) as error:
        why = f"not an INI file: {type(error).__name__}"
        reading.tell("dependencies.unread", file, why, file)
        return Manifest(file=file, installable=False)
    lines = _lines(parser.get("options", "install_requires", fallback=""))
    optional: dict[str, str] = {}
    if parser.has_section("options.extras_require"):
        for extra, value in parser.items("options.extras_require"):
            if extra in extras:
                lines += _lines(value)
            else:
                optional |= _names(_lines(value), extra)
    _python(reading, parser.get("options", "python_requires", fallback=""), file)
    return _manifest(reading, file, lines, optional)


def setup_py(reading: Reading, file: str, extras: tuple[str, ...] = ()) -> Manifest:
    """The arguments of setup() in a setup.py, as far as they are written out."""
    tree = reading.source.tree(file)
    values: dict[str, ast.expr] = {}
    call: ast.Call | None = None
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values.setdefault(node.targets[0].id, node.value)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            call = node if name == "setup" else call
    given = {one.arg: one.value for one in call.keywords if one.arg} if call else {}
    lines = _literal(given.get("install_requires"), values)
    optional: dict[str, str] = {}
    wanted = given.get("extras_require")
    if isinstance(wanted, ast.Name):
        wanted = values.get(wanted.id)
    if isinstance(wanted, ast.Dict):
        for key, value in zip(wanted.keys, wanted.values, strict=True):
            extra = key.value if isinstance(key, ast.Constant) else ""
            if extra in extras:
                lines += _literal(value, values)
            else:
                optional |= _names(_literal(value, values), str(extra))
    python = given.get("python_requires")
    if isinstance(python, ast.Constant) and isinstance(python.value, str):
        _python(reading, python.value, file)
    if "install_requires" in given and not lines:
        reading.tell(
            "dependencies.unread", "install_requires", "computed when setup.py runs", file,
            given["install_requires"].lineno,
        )  # fmt: skip
    return _manifest(reading, file, lines, optional)


def beside(reading: Reading, folder: str, extras: tuple[str, ...] = ()) -> Manifest | None:
    """The setup.cfg or setup.py of a folder, whichever says what is needed."""
    for name, read in (("setup.cfg", setup_cfg), ("setup.py", setup_py)):
        path = join(folder, name)
        if path in reading.source:
            found = read(reading, path, extras)
            if found.dependencies:
                return found
    return None


def _manifest(reading: Reading, file: str, lines: list[str], optional: dict[str, str]) -> Manifest:
    found: list[Dependency] = []
    for text in lines[:LINES_MAX]:
        one = requirement(reading, text, file, reading.line_of(file, text))
        found += [one] if one else []
    return Manifest(
        file=file, dependencies=tuple(found), optional=optional, installable=False
    )  # fmt: skip


def _lines(text: str) -> list[str]:
    lines = [re.sub(r"(^|\s+)#.*$", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("file:")]


def _literal(node: ast.expr | None, values: dict[str, ast.expr]) -> list[str]:
    """The texts of a list; one that is added up of two, or named before, included."""
    waiting, found, steps = [node], [], 0
    while waiting and steps < 1000:
        one = waiting.pop(0)
        steps += 1
        if isinstance(one, ast.Name):
            waiting.insert(0, values.get(one.id))
        elif isinstance(one, ast.BinOp):
            waiting[:0] = [one.left, one.right]
        elif isinstance(one, ast.List | ast.Tuple | ast.Set):
            found += [
                item.value
                for item in one.elts
                if isinstance(item, ast.Constant) and isinstance(item.value, str)
            ]
    return found


def _names(lines: list[str], extra: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name = re.match(r"[A-Za-z0-9][\w.\-]*", line)
        if name:
            found[re.sub(r"[-_.]+", "-", name[0]).lower()] = extra
    return found


def _python(reading: Reading, asked: str, file: str) -> None:
    if asked:
        line = reading.line_of(file, "python_requires")
        reading.asked.append(Asked(specifier=asked.strip(), file=file, line=line, pin=False))
