"""The secrets source: a folder of files, or a secret manager of a cloud."""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seatrial_runtime.settings.settings import SettingsError

MAX_SECRETS = 500
MAX_BYTES = 64 * 1024  # The largest value that any of the cloud's managers takes.
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,255}")


@dataclass(frozen=True)
class Secrets:
    """Values by variable name, and in words where they are from. Never show `values`."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: str = ""
    warnings: tuple[str, ...] = ()


def read_secrets(source: str, environ: Mapping[str, str]) -> Secrets:
    """The secrets of a source like `files:/run/secrets`; none for an empty one.

    `environ` holds what a cloud's client needs to sign in. Raises SettingsError for what is wrong,
    UnreachableError when the source does not answer now.
    """
    if not source:
        return Secrets()
    kind, _, place = source.partition(":")
    if kind == "files":
        return _files(Path(place))
    # Not needed by those whose secrets are files or variables.
    from seatrial_runtime.settings.cloud import fetch

    return Secrets(named(fetch(kind, place, environ), source), source)


def named(found: Mapping[str, str], source: str) -> dict[str, str]:
    """Names of secrets as names of variables: in capitals, with `_` for what else stands there.

    Azure's names cannot have a `_`, those of files mostly are in small letters.
    """
    values: dict[str, str] = {}
    for name in sorted(found):
        variable = re.sub(r"[.-]", "_", name).upper()
        if not _NAME.fullmatch(variable):
            raise SettingsError(f"--secrets {source}: {name!r} cannot be a variable's name")
        if variable in values:
            raise SettingsError(f"--secrets {source}: two secrets are both {variable}; rename one")
        if "\0" in found[name] or len(found[name].encode()) > MAX_BYTES:
            raise SettingsError(
                f"--secrets {source}: {name} is binary or over {MAX_BYTES} bytes; no variable "
                "can hold it, so let the app read it from its file"
            )
        values[variable] = found[name]
    return values


def _files(folder: Path) -> Secrets:
    """One file a secret, as Docker and Kubernetes mount them; a last line end is not part of it."""
    source = f"files:{folder}"
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SettingsError(
            f"--secrets {source}: {error.strerror}; give the folder of the mounted secrets"
        ) from None
    # Kubernetes keeps the versions in folders like ..data, and links each name into the newest.
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    if len(entries) > MAX_SECRETS:
        raise SettingsError(f"--secrets {source} has over {MAX_SECRETS} files; give another folder")
    found, warnings = {}, []
    for entry in entries:
        try:
            about = entry.stat()
            if not stat.S_ISREG(about.st_mode):
                warnings.append(f"--secrets {source}: {entry.name} is not a file, so not a secret")
                continue
            with open(entry.path, "rb") as file:
                data = file.read(MAX_BYTES + 2)
            found[entry.name] = data.decode().removesuffix("\n").removesuffix("\r")
        except OSError as error:
            raise SettingsError(
                f"--secrets {source}: {entry.name}: {error.strerror}; make it readable"
            ) from None
        except UnicodeDecodeError:
            raise SettingsError(f"--secrets {source}: {entry.name} is not UTF-8 text") from None
        if about.st_mode & stat.S_IWOTH:
            warnings.append(f"--secrets {source}: anyone may write {entry.name}; chmod o-w it")
    return Secrets(named(found, source), source, tuple(warnings))
