"""The app's variables: which are plain text, which are secrets, which the design sets itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from seatrial.kernel.errors import SettingsError
from seatrial.kernel.values import Value

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIALS_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*:[^/@\s]+@")
_SECRET_LAST_WORDS = frozenset(
    {"KEY", "APIKEY", "TOKEN", "PWD", "CREDENTIAL", "CREDENTIALS", "DSN"}
)
_SECRET_WORDS = frozenset({"SECRET", "PASSWORD", "PASSWD", "PASSPHRASE"})

# "Reserved environment variables", docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html,
# read 2026-11-21; `TZ` and the unreserved ones may be set.
_LAMBDA_RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_.*"
    r"|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)

BYTES_MAX = {"aws-lambda": 4096}
"""Lambda's limit on all variables together, same page and date."""

BYTES_MAX_ELSEWHERE = 32_768
"""Half of the 64 KiB an ECS task definition may have; the rest is ours."""


class Environment(Value):
    """The app's variables: `plain` go into the files, of the `secret` ones only the names.

    `replaced` are those given in the settings that the design sets instead.
    """

    plain: dict[str, str]
    secret: tuple[str, ...]
    replaced: tuple[str, ...] = ()


def read_environment(
    given: Mapping[str, str], platform: str, replaced: Collection[str]
) -> Environment:
    """Sort the variables of `[app.env]`; raises `SettingsError` for what no container takes."""
    for name, value in given.items():
        _check(name, value, platform)
    size = sum(len(name.encode()) + len(value.encode()) for name, value in given.items())
    size_max = BYTES_MAX.get(platform, BYTES_MAX_ELSEWHERE)
    if size > size_max:
        raise SettingsError(
            f"the variables are {size} bytes together; {platform} takes {size_max}",
            where="seatrial.toml: app.env",
            fix="move large values into a file of the app",
        )
    kept = {name: given[name] for name in sorted(given) if name not in replaced}
    return Environment(
        plain={name: value for name, value in kept.items() if not is_secret(name, value)},
        secret=tuple(name for name, value in kept.items() if is_secret(name, value)),
        replaced=tuple(sorted(name for name in given if name in replaced)),
    )


def is_secret(name: str, value: str) -> bool:
    """Whether a variable looks like a secret, by its name or by credentials in its URL."""
    words = name.upper().split("_")
    return (
        words[-1] in _SECRET_LAST_WORDS
        or not _SECRET_WORDS.isdisjoint(words)
        or _CREDENTIALS_IN_URL.match(value) is not None
    )


def _check(name: str, value: str, platform: str) -> None:
    where = f"seatrial.toml: app.env.{name!a}"
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "this is not a variable's name",
            where=where,
            fix="use letters, digits and underscores, and start with a letter",
        )
    if name.startswith("SEATRIAL_"):
        raise SettingsError(
            "SEATRIAL_ variables are set from the design",
            where=where,
            fix="remove it; workers, threads and addresses come from the plan",
        )
    if platform == "aws-lambda" and _LAMBDA_RESERVED.fullmatch(name):
        raise SettingsError("Lambda sets this variable itself", where=where, fix="remove it")
    if "\0" in value or any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise SettingsError(
            "the value has a character that no process can be given (NUL or half a surrogate pair)",
            where=where,
            fix="encode it, with base64 for instance",
        )
