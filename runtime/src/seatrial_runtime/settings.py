"""Every option of `seatrial-run web`: its flag, environment variable, check and default."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from seatrial_runtime.address import Address, parse_address


class SettingsError(Exception):
    """A value that cannot be used; the text names the option, the value and the fix."""


@dataclass(frozen=True)
class Settings:
    """How one app is run. Field names are the flags with `_` for `-`."""

    target: str
    factory: bool
    bind: Address
    management: Address
    workers: int
    threads: int
    graceful_timeout_s: int
    keep_alive_s: int
    ready_path: str
    app_dir: str
    start_timeout_s: float
    drain_delay_s: float


@dataclass(frozen=True)
class Option:
    """One option. `parse` raises ValueError with the words that follow the quoted value."""

    name: str
    metavar: str
    default: str
    help: str
    parse: Callable[[str], object]

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


_ADDRESS = "HOST:PORT|unix:PATH"

OPTIONS = (
    Option("factory", "", "false", "MODULE:ATTR is a function that returns the app", _switch),
    Option("bind", _ADDRESS, "127.0.0.1:8000", "where the app is served", parse_address),
    Option("management", _ADDRESS, "127.0.0.1:9090", "where the probes answer", parse_address),
    Option("workers", "N", "1", "worker processes", _whole(1, 512)),
    Option("threads", "N", "8", "threads in each worker process", _whole(1, 1024)),
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
    ),
    Option(
        "ready_path",
        "PATH",
        "/",
        "requested at start until it answers with a status below 500",
        _path,
    ),
    Option("app_dir", "DIR", ".", "working directory and import path of the app", _directory),
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


def make_settings(
    target: str, flags: Mapping[str, str | None], environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settle every option: flag, else environment variable, else default."""
    if not _TARGET.fullmatch(target):
        raise SettingsError(f"{target!r} is not MODULE:ATTR; write it like myapp.web:app")
    values: dict[str, object] = {"target": target}
    for option in OPTIONS:
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
    assert {field.name for field in fields(Settings)} == set(values)
    return Settings(**values)  # type: ignore[arg-type]  # each `parse` returns its field's type
