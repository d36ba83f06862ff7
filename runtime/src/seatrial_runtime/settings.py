"""Every option of `seatrial-run`: its flag, environment variable, check and default."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from seatrial_runtime.address import Address, parse_address


class SettingsError(Exception):
    """A value that cannot be used; the text names the option, the value and the fix."""


@dataclass(frozen=True)
class Settings:
    """How one app is run. Field names are the flags with `_` for `-`.

    `target` is MODULE:ATTR, or for a command what it is called in logs; then `argv` is the
    program, and what only an app object has keeps its default.
    """

    target: str
    bind: Address
    management: Address
    graceful_timeout_s: int
    ready_path: str
    app_dir: str
    start_timeout_s: float
    drain_delay_s: float
    interface: str = "command"
    factory: bool = False
    workers: int = 1
    threads: int = 1
    keep_alive_s: int = 75
    cwd: str = "."
    port_env: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()


@dataclass(frozen=True)
class Option:
    """One option. `parse` raises ValueError with the words that follow the quoted value.

    `only` names the one subcommand that has it.
    """

    name: str
    metavar: str
    default: str
    help: str
    parse: Callable[[str], object]
    only: str = ""

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The option in the environment."""
        return "SEATRIAL_" + self.name.upper()


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or not low <= float(text) <= high:
            raise ValueError(f"is not a number of seconds from {low:g} to {high:g}")
        return float(text)

    return parse


def _path(text: str) -> str:
    if not re.fullmatch(r"/[!-~]*", text):
        raise ValueError("is not a URL path: start it with '/', without spaces")
    return text


def _directory(text: str) -> str:
    if not Path(text).is_dir():
        raise ValueError("is not a directory")
    return str(Path(text).resolve())


def _switch(text: str) -> bool:
    choices = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in choices:
        raise ValueError("is neither true nor false")
    return choices[text.lower()]


def _interface(text: str) -> str:
    if text not in ("auto", "wsgi", "asgi"):
        raise ValueError("is not one of auto, wsgi and asgi")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ValueError("is not a list of variable names")
    return names


_ADDRESS = "HOST:PORT|unix:PATH"

OPTIONS = (
    Option(
        "interface",
        "auto|wsgi|asgi",
        "auto",
        "what MODULE:ATTR is; auto looks at it, which for an ASGI app costs a second import",
        _interface,
        only="web",
    ),
    Option(
        "factory",
        "",
        "false",
        "MODULE:ATTR is a function that returns the app",
        _switch,
        only="web",
    ),
    Option("cwd", "DIR", ".", "folder the program is started in", _directory, only="command"),
    Option("port_env", "NAME,..", "", "variables that tell the port", _names, only="command"),
    Option("bind", _ADDRESS, "127.0.0.1:8000", "where the app is served", parse_address),
    Option("management", _ADDRESS, "127.0.0.1:9090", "where the probes answer", parse_address),
    Option("workers", "N", "1", "worker processes", _whole(1, 512), only="web"),
    Option(
        "threads", "N", "8", "threads in each worker of a WSGI app", _whole(1, 1024), only="web"
    ),
    Option(
        "graceful_timeout_s",
        "S",
        "30",
        "longest wait for requests in flight when stopping, whole seconds",
        _whole(1, 3600),
    ),
    Option(
        "keep_alive_s",
        "S",
        # Load balancers keep idle connections for 60 s; the side that closes first loses requests.
        "75",
        "how long an idle connection is kept; longer than the load balancer does",
        _whole(1, 86400),
        only="web",
    ),
    Option(
        "ready_path",
        "PATH",
        "/",
        "requested at start until it answers with a status below 500",
        _path,
    ),
    Option(
        "app_dir", "DIR", ".", "import path of the app, and for MODULE:ATTR its folder", _directory
    ),
    Option("start_timeout_s", "S", "120", "exit 1 when not ready by then", _seconds(0.1, 86400)),
    Option(
        "drain_delay_s",
        "S",
        "0",
        "on SIGTERM, keep serving this long with /ready at 503",
        _seconds(0, 3600),
    ),
)

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(.*\))?")


def options(command: str) -> tuple[Option, ...]:
    """The options of one subcommand."""
    return tuple(option for option in OPTIONS if option.only in ("", command))


def make_settings(
    target: str, flags: Mapping[str, str | None], environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settle every option of `web`: flag, else environment variable, else default."""
    if not _TARGET.fullmatch(target):
        raise SettingsError(f"{target!r} is not MODULE:ATTR; write it like myapp.web:app")
    return _settle("web", {"target": target}, flags, environ)


def make_command_settings(
    argv: Sequence[str], flags: Mapping[str, str | None], environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settle every option of `command`, likewise."""
    words = list(argv[1:] if argv[:1] == ["--"] else argv)
    if not words or not words[0]:
        raise SettingsError("no program is given; write it after --, like -- python app.py")
    # The name only: arguments may hold a secret, and the target is logged.
    given = {"target": os.path.basename(words[0]), "argv": tuple(words)}
    made = _settle("command", given, flags, environ)
    if not made.bind.port:
        raise SettingsError(f"--bind {made.bind}: a program listens on HOST:PORT")
    return made


def _settle(
    command: str,
    given: Mapping[str, object],
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
) -> Settings:
    values = dict(given)
    for option in options(command):
        source, text = option.flag, flags.get(option.name)
        if text is None:
            # A variable set to nothing is how many deploy files say "not set".
            source, text = option.variable, environ.get(option.variable) or option.default
        try:
            values[option.name] = option.parse(text)
        except ValueError as error:
            example = f"{option.flag} {option.default}".strip()
            raise SettingsError(f"{source}: {text!r} {error}; for example {example}") from None
    if values["bind"] == values["management"]:
        raise SettingsError(f"--bind and --management are both {values['bind']}; make them differ")
    assert set(values) <= {field.name for field in fields(Settings)}
    return Settings(**values)  # type: ignore[arg-type]  # each `parse` returns its field's type
