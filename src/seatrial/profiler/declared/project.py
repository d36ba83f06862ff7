"""What a project's own tables name: installed scripts, tasks, and apps for a platform."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.kernel.values import Value
from seatrial.profiler.declared.lines import COMMAND_MAX, LINES_MAX, ini, line_of

_ENTRY_POINT = re.compile(
    r"""["']?\s*([A-Za-z_][\w.-]{0,80})\s*=\s*([\w.]{1,200}(?::[\w.]{1,200})?)"""
)
_LIST = re.compile(r"(?:console_scripts|gui_scripts)[\"']?\s*[:=]\s*\[([^\]]{0,8000})\]")
ROWS_MAX = 200


class Named(Value):
    """One row of a table: `target` is `module:attr`, or a command for a task."""

    name: str
    target: str
    line: int
    folder: str = ""
    variables: dict[str, str] = {}


class Project(Value):
    """`apps` are entries that a framework's or platform's own table names, by that table."""

    scripts: tuple[Named, ...] = ()
    tasks: tuple[Named, ...] = ()
    apps: tuple[Named, ...] = ()


def pyproject(text: str) -> Project:
    """The tables of a pyproject.toml; none of it when it is not TOML."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        return Project()
    tool = _table(data, "tool")
    scripts = [
        row
        for path in (
            ("project", "scripts"),
            ("project", "gui-scripts"),
            ("tool", "poetry", "scripts"),
            ("tool", "flit", "scripts"),
        )
        for row in _rows(data, path, text)
    ]
    tasks: list[Named] = []
    for path in (("tool", "pdm", "scripts"), ("tool", "poe", "tasks"), ("tool", "taskipy", "tasks"),
                 ("tool", "rye", "scripts"), ("tool", "pixi", "tasks")):  # fmt: skip
        tasks += _rows(data, path, text)
    for name in list(_table(tool, "hatch", "envs"))[:40]:
        tasks += _rows(data, ("tool", "hatch", "envs", name, "scripts"), text)
    apps = [
        Named(
            name=table, target=value[:COMMAND_MAX], line=_line(text, f"tool.{table}", "entrypoint")
        )
        for table in ("fastapi", "vercel")
        if isinstance(value := _table(tool, table).get("entrypoint"), str)
    ]
    return Project(scripts=tuple(scripts), tasks=tuple(tasks), apps=tuple(apps))


def _table(data: Any, *path: str) -> dict[str, Any]:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _rows(data: Any, path: tuple[str, ...], text: str) -> Iterator[Named]:
    header = ".".join(path)
    for name, value in list(_table(data, *path).items())[:ROWS_MAX]:
        command, folder, env = _command(value)
        if command:
            yield Named(
                name=str(name)[:80],
                target=command[:COMMAND_MAX],
                line=_line(text, header, str(name)),
                folder=folder,
                variables=env,
            )


def _command(value: Any) -> tuple[str, str, dict[str, str]]:
    """A task's command, folder and variables, in the forms that task runners take."""
    if isinstance(value, str):
        return value, "", {}
    if isinstance(value, list):
        return " && ".join(one for one in value[:20] if isinstance(one, str)), "", {}
    if not isinstance(value, dict):
        return "", "", {}
    for key in ("cmd", "shell", "command", "call", "script", "sequence", "reference"):
        inner = value.get(key)
        if key in ("call", "script", "reference") and not (isinstance(inner, str) and ":" in inner):
            continue
        if isinstance(inner, list):
            inner = (" " if key == "cmd" else " && ").join(
                one for one in inner[:40] if isinstance(one, str)
            )
        if isinstance(inner, str):
            env = value.get("env")
            named = env if isinstance(env, dict) else {}
            return (
                inner, str(value.get("cwd") or value.get("working_dir") or ""),
                {str(k): str(v) for k, v in list(named.items())[:40] if isinstance(v, str | int)},
            )  # fmt: skip
    return "", "", {}


def _line(text: str, header: str, key: str) -> int:
    """The line of a key below its table's header, or the header's own; 0 when neither is found."""
    at = text.find(f"[{header}]")
    if at < 0:
        return line_of(text, key)
    found = re.compile(rf"(?m)^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=").search(text, at)
    return text.count("\n", 0, found.end()) + 1 if found else text.count("\n", 0, at) + 1


def setup_cfg(text: str) -> Project:
    """The console scripts of a setup.cfg."""
    table = ini(text).get("options.entry_points", {})
    rows: list[Named] = []
    for key in ("console_scripts", "gui_scripts"):
        rows += _points(text, table.get(key, ""))
    return Project(scripts=tuple(rows[:ROWS_MAX]))


def setup_py(text: str) -> Project:
    """The console scripts that stand in a setup.py as text."""
    rows: list[Named] = []
    for found in _LIST.finditer(text[: LINES_MAX * 100]):
        rows += _points(text, found[1].replace(",", "\n"))
    return Project(scripts=tuple(rows[:ROWS_MAX]))


def _points(text: str, block: str) -> Iterator[Named]:
    for row in block.splitlines()[:ROWS_MAX]:
        found = _ENTRY_POINT.match(row.strip()[:400])
        if found:
            yield Named(name=found[1], target=found[2], line=line_of(text, row.strip()[:400]))


def names(rows: tuple[Named, ...]) -> Mapping[str, Named]:
    """Rows by their name; the first one counts."""
    return {row.name: row for row in reversed(rows)}
