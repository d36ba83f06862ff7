"""The settled options of one run, typed."""

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from seatrial_runtime.settings.options import ENVIRONMENTS, OPTIONS, Option
from seatrial_runtime.settings.parsers import Network, Rate, rate
from seatrial_runtime.settings.targets import TargetError, target_of
from seatrial_runtime.supervisor.address import Address


class SettingsError(Exception):
    """A value that cannot be used; the text names the option, the value and the fix."""

    exit_code = 2


class UnreachableError(SettingsError):
    """What the settings come from cannot be asked now; the same command may work later."""

    exit_code = 75


@dataclass(frozen=True)
class Found:
    """The text of one option, and where it was found: a flag, a variable, a file and line."""

    text: str
    origin: str


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
    task_timeout_s: float = 0.0
    security_headers: bool = False
    content_security_policy: str = ""
    request_log: bool = True


def options(command: str) -> tuple[Option, ...]:
    """The options of one subcommand."""
    return tuple(option for option in OPTIONS if not option.only or command in option.only)


def settle(
    command: str,
    target: str,
    argv: Sequence[str],
    found: Mapping[str, Found],
    folders: Sequence[str] = (".",),
) -> Settings:
    """Every option of one subcommand, from its text where one was found, else its default.

    A script is looked for in `folders`. Raises SettingsError for what cannot be used.
    """
    try:
        values: dict[str, object] = dict(target_of(command, target, argv, folders))
    except TargetError as error:
        raise SettingsError(str(error)) from None
    values["command"] = command
    environment = ENVIRONMENTS[0]
    for option in options(command):
        one = found.get(option.name)
        values[option.name] = parsed(option, one or Found(default(option, environment), ""))
        if option.name == "environment":
            environment = str(values[option.name])
    bind = values.get("bind")
    if bind == values["management"]:
        raise SettingsError(f"--bind and --management are both {bind}; make them differ")
    if command == "command" and isinstance(bind, Address) and not bind.port:
        raise SettingsError(f"--bind {bind}: a program listens on HOST:PORT")
    assert set(values) <= {field.name for field in fields(Settings)}
    return Settings(**values)  # type: ignore[arg-type]  # each `parse` returns its field's type


def default(option: Option, environment: str) -> str:
    """What an option is in an environment when nobody says otherwise."""
    return option.by_environment.get(environment, option.default)


def parsed(option: Option, found: Found) -> object:
    """The value of one option; SettingsError names where it was found, and an example."""
    try:
        return option.parse(found.text)
    except ValueError as error:
        shown = "its value (not shown)" if option.secret else repr(found.text)
        example = f"{option.flag} {option.default}".strip()
        where = found.origin or option.flag
        raise SettingsError(f"{where}: {shown} {error}; for example {example}") from None


def to_json(settings: Settings) -> str:
    """The settings as text, secrets and all: for a pipe, never for a command line or a log."""
    return json.dumps(
        {field.name: getattr(settings, field.name) for field in fields(settings)}, default=_tagged
    )


def from_json(text: str) -> Settings:
    """The settings that `to_json` wrote."""
    values = json.loads(text, object_hook=_untagged)
    frozen = {name: _frozen(value) for name, value in values.items()}
    return Settings(**frozen)  # type: ignore[arg-type]  # as it was before `to_json`


def _tagged(value: object) -> dict[str, object]:
    if isinstance(value, Address):
        return {"address": [value.host, value.port, value.path]}
    return {"rate" if isinstance(value, Rate) else "network": str(value)}


def _untagged(found: dict[str, object]) -> object:
    match found:
        case {"address": [str(host), int(port), str(path)]}:
            return Address(host, port, path)
        case {"rate": str(text)}:
            return rate(text)
        case {"network": str(text)}:
            return ipaddress.ip_network(text)
    return found


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
