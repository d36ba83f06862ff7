"""How the runtime is told to start a component: the words after `seatrial-run`."""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from seatrial.kernel.workload import Interface

_OPTION = re.compile(r"--([a-z]+)\.([A-Za-z]+)(?:=(.*))?")
# What needs no quoting wherever a variable is written.
_PLAIN = re.compile(r"[A-Za-z0-9._:/,+#-]*")
_OURS = ("server.port", "server.address", "server.headless")


class Started(NamedTuple):
    """`subcommand` and `target` of seatrial-run, and the variables that stand for options.

    A program has its own words in `target`, in place of a name.
    """

    subcommand: str
    target: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()


class Startable(Protocol):
    """What says how it is started: a component, or the release that was made of one."""

    @property
    def interface(self) -> Interface: ...
    @property
    def entry(self) -> str: ...
    @property
    def command(self) -> tuple[str, ...]: ...
    @property
    def factory(self) -> bool: ...


def started(part: Startable) -> Started:
    """The start of a web component.

    A Streamlit page is served by the runtime itself, where probes, limits and a drain reach it;
    one whose script takes arguments of its own runs as the program it was written for.
    """
    if part.interface == "command":
        return streamlit_page(part.command) or Started("command", part.command)
    flags = ("--factory",) if part.factory else ()
    return Started("web", (part.entry, "--interface", part.interface, *flags))


def streamlit_page(command: tuple[str, ...]) -> Started | None:
    """The script of `streamlit run SCRIPT --section.option VALUE ..`; None for anything else."""
    words = command[3:] if command[:3] == ("python", "-m", "streamlit") else command[1:]
    if "streamlit" not in (*command[:1], *command[2:3]) or len(words) < 2 or words[0] != "run":
        return None
    script, env, rest = words[1], [], list(words[2:])
    while rest:
        match = _OPTION.fullmatch(rest.pop(0))
        if match is None or (match[3] is None and not rest):
            return None
        value = match[3] if match[3] is not None else rest.pop(0)
        if not _PLAIN.fullmatch(value) and "{port}" not in value:
            return None
        if f"{match[1]}.{match[2]}" not in _OURS:
            # As Streamlit itself reads its options from the environment.
            option = re.sub(r"([A-Z])", r"_\1", match[2]).upper()
            env.append((f"STREAMLIT_{match[1].upper()}_{option}", value))
    return Started("streamlit", (script,), tuple(env))
