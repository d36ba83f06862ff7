"""The layers: flag, environment, .env, secrets source, seatrial.toml, default. First one wins."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from seatrial_runtime.settings import dotenv_file, toml_file
from seatrial_runtime.settings.dotenv_file import Line, read_dotenv
from seatrial_runtime.settings.options import ENVIRONMENTS, OPTIONS
from seatrial_runtime.settings.secrets import Secrets, read_secrets
from seatrial_runtime.settings.settings import (
    Found,
    Settings,
    SettingsError,
    default,
    options,
    parsed,
    settle,
)
from seatrial_runtime.settings.toml_file import nearest, read_toml
from seatrial_runtime.telemetry.masking import NAMES, secrets_in

_BY_NAME = {option.name: option for option in OPTIONS}
_VARIABLES = [option.variable for option in OPTIONS]
_NOT_OPTIONS = {NAMES, "SEATRIAL_ENVOY", "SEATRIAL_OWNER", "SEATRIAL_ROLE"}
_NOT_OPTIONS |= {"SEATRIAL_DEPLOYMENT", "SEATRIAL_COMPLETE", "SEATRIAL_TERRAFORM_PLUGIN_DIR"}
# Of who ships the app; and what Kubernetes tells each pod of a service that is called so.
_OTHERS = re.compile(r"SEATRIAL_(PRICES_|(\w+_)?SERVICE_(HOST|PORT)|(\w+_)?PORT(_\d|$))")


@dataclass(frozen=True)
class Given:
    """What a run was started with; all that changes later are the files."""

    command: str
    target: str
    argv: tuple[str, ...]
    flags: Mapping[str, str]
    environ: Mapping[str, str]
    folder: str


@dataclass(frozen=True)
class Resolved:
    """One run, settled. `app_environment` is the whole environment of the app's processes.

    `texts` has each option as it was written, `origins` where that is; `app_origins` the same for
    the variables that a file or the secrets source gave. Of those, `private` names the ones whose
    value must not be shown, as none of `secret_values` must anywhere.
    """

    settings: Settings
    app_environment: dict[str, str]
    texts: dict[str, str]
    origins: dict[str, str]
    app_origins: dict[str, str]
    secrets: Secrets
    private: frozenset[str]
    secret_values: tuple[str, ...]
    warnings: tuple[str, ...]
    given: Given


@dataclass(frozen=True)
class Reloaded:
    """What the layers say now: the log level, and what else changed but needs a restart.

    `error` is empty, or says why they cannot be read; then the log level is the one before.
    """

    log_level: str
    restart: tuple[str, ...] = ()
    error: str = ""


def resolve(
    command: str,
    target: str,
    argv: Sequence[str],
    flags: Mapping[str, str],
    environ: Mapping[str, str] = os.environ,
    folder: str = ".",
) -> Resolved:
    """Settle one run of a subcommand from all layers.

    `flags` are the options given on the command line, by name; `folder` is the working folder.
    Raises SettingsError for what is wrong and UnreachableError for a secrets source that does not
    answer now.
    """
    given = Given(command, target, tuple(argv), dict(flags), dict(environ), folder)
    return _Layers(given).settled()


def reload(resolved: Resolved) -> Reloaded:
    """Read the layers anew. Never raises and never waits: of secrets, only files are read again."""
    before = resolved.settings
    try:
        after = _Layers(resolved.given, resolved.secrets).settled()
    except SettingsError as error:
        return Reloaded(before.log_level, error=str(error))
    changed = [
        "--" + field.name.replace("_", "-")
        for field in fields(Settings)
        if field.name != "log_level"
        and getattr(before, field.name) != getattr(after.settings, field.name)
    ]
    old, new = resolved.app_environment, after.app_environment
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    changed += [name for name in names if name not in ("LOG_LEVEL", NAMES)]
    return Reloaded(after.settings.log_level, tuple(changed))


class _Layers:
    """The layers of one run, read in the order in which each may say where the next one is."""

    def __init__(self, given: Given, known: Secrets | None = None) -> None:
        """`known` are the secrets that a cloud gave before; it is not asked again."""
        self._given = given
        self._dotenv: Mapping[str, Line] = {}
        self._secrets = Secrets()
        self._environment = ENVIRONMENTS[0]
        # Neither file can say where it lies itself.
        app_dir = self._look("app_dir")
        self._app_dir = Found(str(Path(given.folder, app_dir.text)), app_dir.origin)
        self._folders = (str(parsed(_BY_NAME["app_dir"], self._app_dir)), given.folder)
        self._dotenv = read_dotenv(self._file(dotenv_file.FILE))
        toml = read_toml(self._file(toml_file.FILE))
        self._environment = str(self._parsed("environment", toml.environment()))
        self._tables = toml.tables(self._environment)
        source = str(self._parsed("secrets", self._tables.options.get("secrets")))
        if known is None or source.startswith("files:"):
            known = read_secrets(source, {**self._dotenv_values(), **given.environ})
        self._secrets = known

    def settled(self) -> Resolved:
        """Every option and variable, from the first layer that has it."""
        given, tables = self._given, self._tables
        found = {
            option.name: self._look(option.name, tables.options.get(option.name))
            for option in options(given.command)
        }
        found["app_dir"] = self._app_dir
        self._refuse_workers()
        set_somewhere = {name: one for name, one in found.items() if one.origin}
        folders = (given.folder, self._folders[0])
        settings = settle(given.command, given.target, given.argv, set_somewhere, folders)
        variables = {
            **{name: one.text for name, one in tables.variables.items()},
            **self._secrets.values,
            **self._dotenv_values(),
            **given.environ,
        }
        variables.setdefault("LOG_LEVEL", settings.log_level)
        variables.setdefault("ENVIRONMENT", settings.environment)
        if self._secrets.values:
            variables[NAMES] = ",".join(sorted(self._secrets.values))
        return Resolved(
            settings,
            variables,
            {name: one.text for name, one in found.items()},
            {name: one.origin or _default_origin(name, settings) for name, one in found.items()},
            self._app_origins(),
            self._secrets,
            frozenset((*self._secrets.values, *self._dotenv)),
            secret_values(variables, self._secrets.values),
            tuple(self._warnings(settings)),
            given,
        )

    def _file(self, name: str) -> Path:
        """In the app's folder, else in the working folder, where a project's often are."""
        paths = [Path(folder, name) for folder in self._folders]
        return next((path for path in paths if path.exists()), paths[0])

    def _dotenv_values(self) -> dict[str, str]:
        return {name: line.value for name, line in self._dotenv.items()}

    def _look(self, name: str, in_file: Found | None = None) -> Found:
        """One option in the layers that have been read so far; its origin is empty by default."""
        option, given = _BY_NAME[name], self._given
        variable = option.variable
        if name in given.flags:
            return Found(given.flags[name], option.flag)
        # A variable set to nothing is how many deploy files say "not set".
        if given.environ.get(variable):
            return Found(given.environ[variable], variable)
        if variable in self._dotenv and self._dotenv[variable].value:
            line = self._dotenv[variable]
            return Found(line.value, f"{dotenv_file.FILE}:{line.number} {variable}")
        if self._secrets.values.get(variable):
            return Found(self._secrets.values[variable], f"{self._secrets.origin} {variable}")
        return in_file or Found(default(option, self._environment), "")

    def _parsed(self, name: str, in_file: Found | None) -> object:
        return parsed(_BY_NAME[name], self._look(name, in_file))

    def _refuse_workers(self) -> None:
        """Streamlit and Gradio keep each user's session in the memory of one process."""
        if self._given.command not in ("streamlit", "gradio"):
            return
        found = self._look("workers", self._tables.options.get("workers"))
        if found.text not in ("auto", "1"):
            raise SettingsError(
                f"{found.origin}: {found.text!r} workers cannot share the sessions of a "
                f"{self._given.command} app, which are in the memory of one process; remove it, "
                "and run more replicas behind a balancer with sticky sessions"
            )

    def _app_origins(self) -> dict[str, str]:
        """By variable of the app that a file or the secrets source has: the layer that won."""
        origins = {name: one.origin for name, one in self._tables.variables.items()}
        origins |= dict.fromkeys(self._secrets.values, self._secrets.origin)
        lines = self._dotenv.items()
        origins |= {name: f"{dotenv_file.FILE}:{line.number}" for name, line in lines}
        origins |= dict.fromkeys(("LOG_LEVEL", "ENVIRONMENT") - origins.keys(), "seatrial-run")
        return {
            name: "environment" if name in self._given.environ else origin
            for name, origin in sorted(origins.items())
            if name not in _VARIABLES
        }

    def _warnings(self, settings: Settings) -> Iterator[str]:
        yield from self._secrets.warnings
        for name in sorted({*self._given.environ, *self._dotenv, *self._secrets.values}):
            other = name in _NOT_OPTIONS or _OTHERS.match(name)
            if name.startswith("SEATRIAL_") and name not in _VARIABLES and not other:
                # Without what all begin with, which would make everything near.
                short = name.removeprefix("SEATRIAL_")
                like = nearest(short, [one.removeprefix("SEATRIAL_") for one in _VARIABLES])
                like = like.replace("mean ", "mean SEATRIAL_")
                yield f"{name} is not an option of seatrial-run{like}"
        told = self._given.environ.get("ENVIRONMENT", "").lower()
        if told in ENVIRONMENTS and told != settings.environment:
            yield (
                f"ENVIRONMENT is {told}, but the defaults are those of {settings.environment}; "
                f"set SEATRIAL_ENVIRONMENT={told}"
            )


def _default_origin(name: str, settings: Settings) -> str:
    own = settings.environment in _BY_NAME[name].by_environment
    return f"default of {settings.environment}" if own else "default"


def secret_values(variables: Mapping[str, str], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """Every value that must not be shown: of the secrets source, by name, and in URLs."""
    return tuple(sorted({*secrets.values()} | secrets_in(variables)))
