"""Conda: environment.yml, and the list that `conda list --export` writes."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from packaging.utils import canonicalize_name

from seatrial.kernel.workload import Dependency
from seatrial.profiler.dependencies.reading import LINES_MAX, Asked, Manifest, Reading
from seatrial.profiler.dependencies.written import made
from seatrial.profiler.modules import join

FILES = ("environment.yml", "environment.yaml", "conda.yml", "conda.yaml")
_YAML_CHARACTERS_MAX = 200_000
_LISTED = re.compile(r"([a-z0-9_][\w.\-]*)=([^=\s]+)=([^=\s]+)", re.IGNORECASE)
_SPEC = re.compile(r"(?:[\w./-]+::)?([a-z0-9_][\w.\-]*)(?:\[[^\]]*\])?\s*(.*)", re.IGNORECASE)
# A build of a Python package says so: py311h5eee18b_0, pyhd8ed1ab_0, pypi_0.
_PYTHON_BUILD = re.compile(r"py(?:\d|h|pi|thon)", re.IGNORECASE)


@cache
def _names() -> tuple[dict[str, str], frozenset[str]]:
    """Conda's names that differ from the index's, and those that are no Python packages."""
    text = (files("seatrial.profiler") / "data" / "conda.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return tables["renamed"], frozenset(tables["not_python"]["names"])


def is_list(text: str) -> bool:
    """Whether a requirements.txt was written by `conda list --export`."""
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()[:LINES_MAX]]
    lines = [line for line in lines if line and not line.startswith("#")]
    fit = sum(1 for line in lines[:200] if len(line) < 300 and _LISTED.fullmatch(line))
    return fit > 0 and fit * 2 > min(len(lines), 200)


def from_list(reading: Reading, file: str, text: str) -> tuple[Dependency, ...]:
    """The Python packages of an exported list; the others come from the system or not at all."""
    found: list[Dependency] = []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines()[:LINES_MAX], 1):
        entry = _LISTED.fullmatch(line.strip()) if len(line) < 300 else None
        if entry is None:
            continue
        name, version, build = entry[1], entry[2], entry[3]
        if name == "python":
            _asked(reading, f"={version}", file, number)
        elif _PYTHON_BUILD.match(build) and _renamed(name):
            found.append(made(_renamed(name), f"=={version}", file, number))
    return tuple(found)


def environment(reading: Reading, folder: str) -> tuple[str, list[tuple[int, str]]] | None:
    """An environment file in a folder, and the lines that pip is given there."""
    for name in FILES:
        path = join(folder, name)
        if path in reading.source:
            return path, pip_lines(reading, path)
    return None


def read(reading: Reading, file: str) -> Manifest:
    """What an environment file asks of Conda; its pip part is read by the caller."""
    found: list[Dependency] = []
    for entry in _entries(reading, file):
        if not isinstance(entry, str):
            continue
        parts = _SPEC.fullmatch(entry.strip()) if len(entry) < 300 else None
        if parts is None:
            continue
        line = reading.line_of(file, entry)
        name = parts[1].lower()
        if name == "python":
            _asked(reading, parts[2], file, line)
        elif name == "cpuonly":
            reading.cpu = True
        elif _renamed(name):
            found.append(made(_renamed(name), specifier(parts[2]), file, line))
    return Manifest(file=file, dependencies=tuple(found), installable=False)


def pip_lines(reading: Reading, file: str) -> list[tuple[int, str]]:
    """The lines under `pip:`, with where they stand."""
    lines: list[tuple[int, str]] = []
    for entry in _entries(reading, file):
        if isinstance(entry, dict) and isinstance(entry.get("pip"), list):
            for text in entry["pip"][:LINES_MAX]:
                if isinstance(text, str):
                    lines.append((reading.line_of(file, text), text.split(" #")[0].strip()))
    return lines


def specifier(text: str) -> str:
    """PEP 440 for one of Conda's: `=1.2` is any 1.2, `==1.2` or `=1.2=build` that one."""
    text = text.replace(" ", "")
    exact = re.fullmatch(r"==?([\w.!+]+)=[\w.*]+", text)
    if exact:
        return f"=={exact[1]}"
    loose = re.fullmatch(r"=([\w.!+]+?)(?:\.?\*)?", text)
    if loose:
        return f"=={loose[1]}.*"
    plain = re.fullmatch(r"[\d][\w.]*", text)
    if plain:
        return f"=={text}.*" if text.count(".") < 2 else f"=={text}"
    fits = re.fullmatch(r"(?:[<>=!~]=?[\w.!+*]+,?)+", text)
    return text.strip(",") if fits else ""


def _asked(reading: Reading, text: str, file: str, line: int) -> None:
    asked = specifier(text)
    minor = re.fullmatch(r"==(\d+\.\d+)(?:\.[\w.*]+)?", asked)
    if minor:
        asked = f"=={minor[1]}.*"
    if asked:
        reading.asked.append(Asked(specifier=asked, file=file, line=line, pin=minor is not None))


def _renamed(name: str) -> str:
    """The name in the package index; '' for what is no Python package."""
    renamed, not_python = _names()
    name = canonicalize_name(name)
    if name in not_python or (name.startswith("lib") and name not in renamed):
        return "" if not name.startswith(("libcst", "librosa", "libsass")) else name
    return renamed.get(name, name)


def _entries(reading: Reading, file: str) -> list[Any]:
    text = reading.source.read_text(file)
    if text is None or len(text) > _YAML_CHARACTERS_MAX:
        if file in reading.source:
            reading.tell("dependencies.unread", file, "the file cannot be read", file)
        return []
    try:
        loaded = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = f"not YAML: {type(error).__name__}"
        reading.tell("dependencies.unread", file, why, file)
        return []
    entries = loaded.get("dependencies") if isinstance(loaded, dict) else None
    return entries[:LINES_MAX] if isinstance(entries, list) else []
