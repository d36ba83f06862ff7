"""A first seatrial.toml: the reference, with what was found in the source filled in."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

from msgspec.structs import asdict

from seatrial.files import write_atomic
from seatrial.kernel.demand import AppSettings
from seatrial.kernel.errors import SettingsError
from seatrial.kernel.started import Started
from seatrial.kernel.workload import Component, Workload
from seatrial.settings import FILE, parse

WIDTH = 98
KEY = re.compile(r"([a-z0-9_]+) = ")
LEVELS = ("high", "medium")


def write(workload: Workload, app_dir: Path, force: bool) -> Started:
    """Write the app's first seatrial.toml; one that is there is only replaced by `force`."""
    path = app_dir / FILE
    if path.exists() and not force:
        raise SettingsError(
            "is there already", where=str(path), fix="edit it, or give --force to replace it"
        )
    text = starter(workload)
    # What would not be read again is not written.
    usual, found = asdict(AppSettings()), asdict(parse(text, str(path)).app)
    write_atomic(path, text.encode())
    return Started(
        file=str(path), set_from_source=tuple(key for key in found if found[key] != usual[key])
    )


def starter(workload: Workload) -> str:
    """The text of a seatrial.toml for the app.

    Every setting stands there, commented out at its default; those that the source decides are
    set. So the file means what no file would mean, until something is changed.
    """
    found = _found(workload)
    lines, section = [], ""
    for line in files("seatrial").joinpath("seatrial.toml").read_text().splitlines()[3:]:
        header = re.fullmatch(r"\[([a-z]+)\]", line)
        if header:
            section = header[1]
        key = KEY.match(line)
        if key and (section, key[1]) in found:
            lines.append(found[section, key[1]])
        else:
            lines.append(f"# {line}" if key else line)
    return "\n".join([*_head(workload), "", *lines, *_routes(workload), ""])


def _head(workload: Workload) -> list[str]:
    """What was found, as comments: a person's first look at the profile."""
    lines = [
        f"# Settings of {_plain(workload.app)} for Seatrial. A line in comment is its default."
    ]
    for part in workload.components:
        lines += ["#", *_comment(f"{part.name}: {part.framework}, {_started(part)}")]
        for service in part.services:
            needed = "needs" if service.required else "can use"
            lines += _comment(f"{needed} {service.kind}, {service.proof}", "  ")
        for fact in part.facts:
            if fact.severity in LEVELS:
                lines += _comment(
                    f"{fact.severity}: {fact.rule} {fact.subject}, {fact.proof}", "  "
                )
    return lines


def _started(part: Component) -> str:
    return part.entry if part.interface != "command" else " ".join(part.command)


def _comment(text: str, indent: str = "") -> list[str]:
    told = _plain(text)
    return [f"# {indent}{told[:WIDTH]}" + ("…" if len(told) > WIDTH else "")]


def _plain(text: str) -> str:
    """Text of the app as one line without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def _found(workload: Workload) -> dict[tuple[str, str], str]:
    """Lines for the settings that the source decides, by section and key."""
    part = next((c for c in workload.components if c.kind == "web"), None)
    if part is None:
        return {}
    lines = {}
    if part.interface != "command" and part.entry:
        lines["app", "entry"] = f"entry = {_toml(part.entry)}"
    health = next((f for f in part.facts if f.rule == "health.route"), None)
    if health is not None:
        lines["app", "ready_path"] = f"ready_path = {_toml(health.subject)}{_place(health.proof)}"
    return lines


def _routes(workload: Workload) -> list[str]:
    """The routes to weigh, at the end of the file, where a table of their own may stand."""
    paths = [r.path for c in workload.components for r in c.routes if "GET" in r.methods]
    if not paths:
        return []
    told = ["", "# The routes that were found, to say how the requests are spread over them:"]
    return [*told, "# [demand.route_weights]", *(f"# {_toml(path)} = 1" for path in paths)]


def _place(proof: object) -> str:
    told = _plain(str(proof))
    return f"  # {told}" if told else ""


def _toml(text: str) -> str:
    """A TOML string; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
