"""seatrial.toml, as far as it is meant for the runtime: `[runtime]` and the app's variables."""

import difflib
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial_runtime.settings.dotenv_file import read_text
from seatrial_runtime.settings.options import ENVIRONMENTS, OPTIONS
from seatrial_runtime.settings.settings import Found, SettingsError, parsed

FILE = "seatrial.toml"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")

# The folder of the app is where this file is looked for, so it cannot say which that is.
_OPTIONS = {option.name: option for option in OPTIONS if option.name != "app_dir"}
_NOT_CHECKED = {"cwd"}  # A folder of production need not be there on the machine that reads it.


@dataclass(frozen=True)
class Tables:
    """What the file says: options and variables of one environment, each with its place."""

    options: Mapping[str, Found] = field(default_factory=dict)
    variables: Mapping[str, Found] = field(default_factory=dict)


class TomlFile:
    """A file that was read and checked whole: a mistake for production is told in development."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._lines = path, text.splitlines()
        tables = _load(path, text)
        self._app = self._table("app.env", self._table("app", tables.get("app", {})).get("env", {}))
        nearest = difflib.get_close_matches("runtime", tables, n=1, cutoff=0.75)
        if nearest and nearest[0] != "runtime":
            raise self._error(nearest[0], "", f"[{nearest[0]}] is unknown; did you mean [runtime]?")
        self._runtime = self._table("runtime", tables.get("runtime", {}))
        self._check()

    def environment(self) -> Found | None:
        """The environment that the file asks for when nobody else does."""
        return self._options("runtime", self._runtime).get("environment")

    def tables(self, environment: str) -> Tables:
        """What holds in one environment: its own tables over the common ones."""
        own = self._runtime.get(environment, {})
        variables = {
            **self._variables("app.env", self._app),
            **self._variables("runtime.env", self._runtime.get("env", {})),
            **self._variables(f"runtime.{environment}.env", own.get("env", {})),
        }
        options = {
            **self._options("runtime", self._runtime),
            **self._options(f"runtime.{environment}", own),
        }
        return Tables(options, variables)

    def _check(self) -> None:
        """Every table of every environment, so that none surprises where it is used first."""
        self._known("runtime", self._runtime, (*_OPTIONS, "env", *ENVIRONMENTS))
        tables = {"runtime": self._runtime}
        for environment in ENVIRONMENTS:
            where = f"runtime.{environment}"
            own = self._table(where, self._runtime.get(environment, {}))
            self._known(where, own, (*(name for name in _OPTIONS if name != "environment"), "env"))
            tables[where] = own
        self._variables("app.env", self._app)
        for where, table in tables.items():
            for name, found in self._options(where, table).items():
                if name not in _NOT_CHECKED:
                    parsed(_OPTIONS[name], found)
            env = self._table(f"{where}.env", table.get("env", {}))
            self._variables(f"{where}.env", env)
            for name in env:
                if name in self._app:
                    # Who starts the process may pass [app] env on, and then that one would win.
                    raise self._error(
                        f"{where}.env", name, f"{name} is in [app] env too; keep it in one of them"
                    )

    def _known(self, where: str, table: Mapping[str, object], known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                raise self._error(where, key, f"[{where}] {key} is unknown{nearest(key, known)}")

    def _table(self, where: str, found: object) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise self._error(where, "", f"[{where}] is not a table")
        return found

    def _options(self, where: str, table: Mapping[str, object]) -> dict[str, Found]:
        return {
            name: Found(self._text(where, name, table[name]), self._origin(where, name))
            for name in _OPTIONS
            if name in table
        }

    def _variables(self, where: str, table: Mapping[str, object]) -> dict[str, Found]:
        found = {}
        for name, value in table.items():
            if not VARIABLE.fullmatch(name):
                raise self._error(where, name, f"[{where}] {name!r} is not a variable's name")
            if name.startswith("SEATRIAL_"):
                raise self._error(
                    where, name, f"[{where}] {name}: write options of seatrial-run in [runtime]"
                )
            if not isinstance(value, str) or "\0" in value:
                raise self._error(
                    where, name, f'[{where}] {name} is not text; write it like {name} = "5"'
                )
            found[name] = Found(value, self._origin(where, name))
        return found

    def _text(self, where: str, name: str, value: object) -> str:
        """The value as it would be written in a flag: with commas where it is a list."""
        match value:
            case bool():
                return str(value).lower()
            case int() | float() | str():
                return str(value)
            case list() if all(isinstance(one, str) and "," not in one for one in value):
                return ",".join(value)
            case dict() if all(isinstance(one, (str, int, float)) for one in value.values()):
                return ",".join(f"{key}={one}" for key, one in value.items())
        raise self._error(where, name, f"[{where}] {name} is not a value of --{_dashed(name)}")

    def _origin(self, where: str, key: str) -> str:
        number = self._line(where, key)
        place = f"{self._path.name}:{number}" if number else self._path.name
        return f"{place} [{where}]"

    def _error(self, where: str, key: str, message: str) -> SettingsError:
        number = self._line(where, key)
        return SettingsError(f"{self._path}{f':{number}' if number else ''}: {message}")

    def _line(self, where: str, key: str) -> int:
        """The line of a key, as well as one can tell without the parser's help; 0 for none."""
        table, header = "", 0
        wanted = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=") if key else None
        for number, line in enumerate(self._lines, 1):
            if match := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
                table = match[1]
                if key and f"{table}.".startswith(f"{where}.{key}."):
                    return number
                header = header or (number if table == where else 0)
            elif table == where and wanted and wanted.match(line):
                return number
        parent, dot, last = where.rpartition(".")
        # A table may also be written inside its parent, like env = { DEBUG = "1" }.
        return header or (self._line(parent, last) if dot else 0)


def nearest(name: str, known: Sequence[str]) -> str:
    """What was probably meant, as the end of a sentence; nothing when nothing is near."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]}?" if found else ""


def read_toml(path: Path) -> TomlFile:
    """The file, checked whole; without a file one that says nothing. Raises SettingsError."""
    return TomlFile(path, read_text(path) or "")


def _load(path: Path, text: str) -> dict[str, Any]:
    # Costs start-up time, which only those pay who have such a file.
    # The same parser, which Python itself has from 3.11 on.
    parser = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        tables: dict[str, Any] = parser.loads(text)
    except ValueError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    return tables


def _dashed(name: str) -> str:
    return name.replace("_", "-")
