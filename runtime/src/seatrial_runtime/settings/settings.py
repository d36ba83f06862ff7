"""The settled options of one run, typed."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from seatrial_runtime.settings.options import ENVIRONMENTS, OPTIONS, Option
from seatrial_runtime.settings.parsers import Network, Rate
from seatrial_runtime.supervisor.address import Address


class SettingsError(Exception):
    """A value that cannot be used; the text names the option, the value and the fix."""


_NOWHERE = Address()


@dataclass(frozen=True)
class Settings:
    """How one app is run. Field names are the flags with `_` for `-`; `options` says each.

    `command` is the subcommand. `target` is MODULE:ATTR or the script, and for a program what it
    is called in logs; `argv` is then the program. What a subcommand has no option for keeps the
    default given here.
    """

    command: str
    target: str
    management: Address
    environment: str
    app_dir: str
    secrets: str
    start_timeout_s: float
    checks: tuple[tuple[str, str], ...] | None
    check_timeout_s: float
    drain_delay_s: float
    graceful_timeout_s: int
    log_level: str
    bind: Address = _NOWHERE
    argv: tuple[str, ...] = ()
    interface: str = "command"
    factory: bool = False
    cwd: str = "."
    port_env: tuple[str, ...] = ()
    workers: int | None = 1
    threads: int = 1
    worker_memory: int = 0
    max_worker_memory: int = 0
    stuck_s: float = 30.0
    keep_alive_s: int = 75
    ready_path: str = ""
    stream_timeout_s: float = 0.0
    rate_limit: Rate | None = None
    rate_limit_user: Rate | None = None
    user_header: str = ""
    rate_limit_store: str = "memory"
    rate_limit_exempt: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    allowed_hosts: tuple[str, ...] = ("*",)
    max_body: int = 0
    max_header: int = 16384
    upload_types: tuple[str, ...] = ()
    request_timeout_s: float = 0.0
    request_timeouts: tuple[tuple[str, float], ...] = ()
    security_headers: bool = False
    content_security_policy: str = ""
    request_log: bool = True


_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(.*\))?")


def options(command: str) -> tuple[Option, ...]:
    """The options of one subcommand."""
    return tuple(option for option in OPTIONS if not option.only or command in option.only)


def make_settings(
    target: str, flags: Mapping[str, str | None], environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settle every option of `web`: flag, else environment variable, else default."""
    if not _TARGET.fullmatch(target):
        raise SettingsError(f"{target!r} is not MODULE:ATTR; write it like myapp.web:app")
    return _settle({"command": "web", "target": target}, flags, environ)


def make_command_settings(
    argv: Sequence[str], flags: Mapping[str, str | None], environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settle every option of `command`, likewise."""
    words = list(argv[1:] if argv[:1] == ["--"] else argv)
    if not words or not words[0]:
        raise SettingsError("no program is given; write it after --, like -- python app.py")
    # The name only: arguments may hold a secret, and the target is logged.
    given = {"command": "command", "target": os.path.basename(words[0]), "argv": tuple(words)}
    made = _settle(given, flags, environ)
    if not made.bind.port:
        raise SettingsError(f"--bind {made.bind}: a program listens on HOST:PORT")
    return made


def _settle(
    given: Mapping[str, object], flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> Settings:
    values = dict(given)
    environment = ENVIRONMENTS[0]
    for option in options(str(given["command"])):
        source, text = option.flag, flags.get(option.name)
        default = option.by_environment.get(environment, option.default)
        if text is None:
            # A variable set to nothing is how many deploy files say "not set".
            source, text = option.variable, environ.get(option.variable) or default
        try:
            values[option.name] = option.parse(text)
        except ValueError as error:
            example = f"{option.flag} {option.default}".strip()
            raise SettingsError(f"{source}: {text!r} {error}; for example {example}") from None
        if option.name == "environment":
            environment = text
    if values.get("bind") == values["management"]:
        raise SettingsError(f"--bind and --management are both {values['bind']}; make them differ")
    assert set(values) <= {field.name for field in fields(Settings)}
    return Settings(**values)  # type: ignore[arg-type]  # each `parse` returns its field's type
