"""Line: one command as it stands in a file, before it is taken apart; and the plain formats.

Each reader is a function from a file's text to its lines. They never raise on any text.
"""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.kernel.values import Value
from seatrial.profiler.declared.wrappers import assignment

LINES_MAX = 2_000
COMMAND_MAX = 8_000
_PROCESS = re.compile(r"([A-Za-z0-9_][\w.-]{0,60}):[ \t]*(\S.*)")
_FENCE = re.compile(r"\s{0,6}(```|~~~)\s*([\w+-]*)")
_SHELLS = frozenset({"", "bash", "sh", "shell", "console", "zsh", "terminal", "text", "cmd",
                     "shell-session", "powershell"})  # fmt: skip
_INTERPOLATION = re.compile(r"%\((ENV_)?([\w-]{1,80})\)[sd]?")
_SYSTEMD_PREFIX = re.compile(r"^[-@+!:|]+")


class Line(Value):
    """A command: text, or words when no shell reads it. `folder` is where it runs, relative to
    the file's own folder or absolute; `port` and `dev` what its place says of it."""

    process: str
    command: str | tuple[str, ...]
    line: int
    folder: str = ""
    variables: dict[str, str] = {}
    port: int = 0
    dev: bool = False


def procfile(text: str) -> Iterator[Line]:
    """The process types of a Procfile."""
    for number, line in enumerate(text.splitlines()[:LINES_MAX], 1):
        found = _PROCESS.fullmatch(line.strip()[:COMMAND_MAX])
        if found:
            yield Line(process=found[1], command=found[2], line=number)


def makefile(text: str) -> Iterator[Line]:
    """The recipe of each target, its commands one a line; variables of the file filled in."""
    known: dict[str, str] = {}
    targets: list[str] = []
    exported: dict[str, str] = {}
    for number, line in _joined(text):
        if line.startswith("\t"):
            command = line.strip().lstrip("@-+").strip()
            for target in targets[:4] if command else []:
                filled = _make_variables(command, known)
                yield Line(process=target, command=filled, line=number, variables=dict(exported))
            continue
        bare = line.split("#")[0].strip()
        export = bare.startswith("export ")
        name, equals, value = bare.removeprefix("export ").partition("=")
        name = name.rstrip(":?+").strip()
        if equals and re.fullmatch(r"[\w.-]{1,80}", name):
            known[name] = _make_variables(value.strip(), known)
            if export and len(exported) < 40:
                exported[name] = known[name]
            continue
        if line[:1] in (" ", "#", "") or ":" not in bare:
            continue
        names, _, rest = bare.partition(":")
        targets = [name for name in names.split() if not name.startswith(".")]
        recipe = rest.partition(";")[2].strip()
        for target in targets[:4] if recipe else []:
            yield Line(process=target, command=_make_variables(recipe, known), line=number)


def _make_variables(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` filled in; `$(shell ...)` and `$$` become the shell's own."""

    def fill(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name = found[1] or found[2]
        if name.startswith("shell "):
            return f"$({name.removeprefix('shell ')})"
        return known.get(name, "$" + name if name.isidentifier() else "")[:1_000]

    return re.sub(r"\$\$|\$\(([^()]{1,200})\)|\$\{(\w{1,80})\}", fill, text[:COMMAND_MAX])[
        :COMMAND_MAX
    ]


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a file with continued ones joined, by the number of the first."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines()[:LINES_MAX], 1):
        first = first if parts else number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield first, "".join([*parts, line])
        parts = []
    if parts:
        yield first, "".join(parts)


def justfile(text: str) -> Iterator[Line]:
    """The recipes of a justfile."""
    target = ""
    for number, line in enumerate(text.splitlines()[:LINES_MAX], 1):
        if line[:1] in (" ", "\t"):
            command = line.strip().lstrip("@-").strip()
            if target and command and not command.startswith("#"):
                yield Line(process=target, command=command[:COMMAND_MAX], line=number)
        else:
            found = re.match(r"@?([A-Za-z_][\w-]{0,60})(?:\s[^:]{0,200})?:(?!=)", line[:400])
            target = found[1] if found else ""


def package_json(text: str) -> Iterator[Line]:
    """The scripts of a package.json."""
    data = parse_json(text)
    scripts = data.get("scripts") if isinstance(data, dict) else None
    for name, command in list(scripts.items())[:200] if isinstance(scripts, dict) else ():
        if isinstance(command, str):
            line = line_of(text, json.dumps(name))
            yield Line(process=str(name)[:80], command=command[:COMMAND_MAX], line=line)


def parse_json(text: str) -> Any:
    """What JSON text holds; none when it is not JSON. Comments at line starts are let pass."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        bare = re.sub(r"(?m)^[ \t]*//.*$", "", text)
        return json.loads(re.sub(r",(\s*[\]}])", r"\1", bare))
    except (ValueError, RecursionError):
        return None


def line_of(text: str, needle: str, after: int = 0) -> int:
    """The line on which a text first stands; 0 when it does not."""
    at = text.find(needle, after)
    return text.count("\n", 0, at) + 1 if at >= 0 else 0


def ini(text: str) -> dict[str, dict[str, str]]:
    """The sections of an INI file, without interpolation; empty when it cannot be read."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError, AttributeError):
        # The last: a key without a value and an indented line after it, on which it fails.
        return {}
    return {name: {k: v or "" for k, v in parser.items(name)} for name in parser.sections()}


def supervisor(text: str) -> Iterator[Line]:
    """The programs of a supervisord.conf; those not started are left out."""
    for section, keys in ini(text).items():
        kind, _, name = section.partition(":")
        command = keys.get("command", "").partition(" ;")[0].strip()
        if kind not in ("program", "fcgi-program") or not command:
            continue
        if keys.get("autostart", "").lower() in ("false", "no", "0"):
            continue
        filled = _INTERPOLATION.sub(lambda m: f"${m[2]}" if m[1] else "0", command)
        start = text.find(f"[{section}]")
        yield Line(
            process=name.strip(), command=" ".join(filled.split("\n"))[:COMMAND_MAX],
            line=line_of(text, "command", max(start, 0)), folder=keys.get("directory", "").strip(),
            variables=_pairs(keys.get("environment", "")),
        )  # fmt: skip


def _pairs(text: str) -> dict[str, str]:
    """`A="b",C=d` as supervisord writes an environment."""
    found = re.findall(
        r'([A-Za-z_]\w{0,80})=(?:"([^"]{0,500})"|([^,\s]{0,500}))', text[:COMMAND_MAX]
    )
    return {name: quoted or plain for name, quoted, plain in found[:60]}


def systemd(text: str) -> Iterator[Line]:
    """What a systemd unit starts; a unit may set a key more than once."""
    section, folder = "", ""
    variables: dict[str, str] = {}
    starts: list[tuple[int, str]] = []
    for number, line in _joined(text):
        line = line.strip()
        if line.startswith("["):
            section = line
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if section != "[Service]" or not equals:
            continue
        if key == "WorkingDirectory":
            folder = value.lstrip("-").replace("%h", "/home")
        elif key == "Environment":
            for word in re.findall(r'"[^"]*"|\S+', value):
                assigned = assignment(word.strip('"'))
                if assigned:
                    variables[assigned[0]] = assigned[1]
        elif key == "ExecStart" and value:
            starts.append((number, _SYSTEMD_PREFIX.sub("", value).replace("%%", "%")))
    for number, command in starts[:4]:
        yield Line(
            process="", command=command[:COMMAND_MAX], line=number, folder=folder,
            variables=variables,
        )  # fmt: skip


def readme(text: str) -> Iterator[Line]:
    """The commands in the fenced shell blocks of a README."""
    fence = language = ""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines()[:LINES_MAX], 1):
        found = _FENCE.match(line)
        if found and (not fence or found[1] == fence):
            fence, language = ("", "") if fence else (found[1], found[2].lower())
            parts = []
            continue
        if not fence or language not in _SHELLS:
            continue
        bare = line.strip().removeprefix("$ ").removeprefix("> ").removeprefix("% ")
        first = first if parts else number
        if bare.endswith("\\"):
            parts.append(bare[:-1])
            continue
        command, parts = " ".join([*parts, bare]), []
        if command and not command.startswith("#"):
            yield Line(process="", command=command[:COMMAND_MAX], line=first)


def launch_json(text: str) -> Iterator[Line]:
    """What an editor's launch configurations start."""
    data = parse_json(text)
    listed = data.get("configurations") if isinstance(data, dict) else None
    for one in listed[:40] if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("type") not in ("python", "debugpy"):
            continue
        given = one.get("args")
        args = (
            [str(word) for word in given][:60]
            if isinstance(given, list)
            else str(given or "").split()
        )
        env = one.get("env") if isinstance(one.get("env"), dict) else {}
        start = ["-m", str(one["module"])] if one.get("module") else [str(one.get("program") or "")]
        if not start[-1] or "${file}" in start[-1]:
            continue
        words = [_workspace(word) for word in ("python", *start, *args)]
        name = str(one.get("name") or "")
        yield Line(
            process="", command=tuple(words), line=line_of(text, json.dumps(name)[:80]), dev=True,
            folder=_workspace(str(one.get("cwd") or "")),
            variables={str(k): str(v) for k, v in list((env or {}).items())[:40]},
        )  # fmt: skip


def _workspace(text: str) -> str:
    for name in ("${workspaceFolder}", "${workspaceRoot}"):
        if text.startswith(name):
            return text.removeprefix(name).lstrip("/\\").replace("\\", "/") or "."
    return text


def variables(text: str) -> Iterator[tuple[str, str, int]]:
    """FLASK_APP and DJANGO_SETTINGS_MODULE of a .env file, and nothing else of it."""
    for number, line in enumerate(text.splitlines()[:LINES_MAX], 1):
        found = re.match(
            r"\s*(?:export\s+)?(FLASK_APP|DJANGO_SETTINGS_MODULE)\s*=\s*([^#]{1,300})", line[:500]
        )
        if found:
            yield found[1], found[2].strip().strip("'\""), number
