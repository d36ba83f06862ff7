"""Environment variables the app reads, and whether it does without them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import env_calls, env_classes, env_params, settings_files
from seatrial.profiler.detectors.env_read import Read
from seatrial.profiler.detectors.settings_modules import with_settings
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact
from seatrial.profiler.source import Source

_SECRET = re.compile(
    r"(.*_)?(KEYS?|SECRETS?|TOKENS?|PASSWORDS?|PASSWD|PASS|PWD|PASSPHRASE|CREDENTIALS?|SALT|"
    r"APIKEY|PASSCODE|WEBHOOK|WEBHOOK_URL|DSN|PAT|CONNECTION_STRING|KEY_ID|KEY_BASE|AUTH)"
    r"|(.*_)?(SECRET|PRIVATE_KEY|API_KEY|ACCESS_KEY|PASSWORD|SERVICE_ACCOUNT)(_.*)?"
)
_NO_SECRET = re.compile(
    r".*(PUBLIC_KEY|PUBLISHABLE|SITE_KEY|_KEY_(NAME|PREFIX|LEN|LENGTH|SIZE|FILE|PATH|ARN)|"
    r"(MAX|MIN|NUM|LIMIT|BUDGET|COUNT|USE|ENABLE|DISABLE|REQUIRE|HAS)_.*|EXPIR\w*|"
    r"TTL|SECONDS|MINUTES|HOURS|DAYS|_(FILE|PATH|DIR|LENGTH|REGEX|POLICY|ARN|NAME)|PRIMARY_KEY)"
)
_ADDRESS = re.compile(
    r"(.*_)?(DATABASE|DB|POSTGRES\w*|PG|MYSQL|MARIADB|MONGO\w*|REDIS|VALKEY|AMQP|RABBITMQ|BROKER|"
    r"CLOUDAMQP|CELERY_BROKER|CELERY_RESULT)_?(UR[LI]|DSN)|CELERY_RESULT_BACKEND"
)
# Read by the platform's or the shell's own doing.
_GIVEN = frozenset({"PORT", "HOME", "PATH", "USER", "HOSTNAME", "PWD", "TMPDIR", "LANG", "TZ"})
_TELLS = ("readme", "dockerfile", "procfile", "app.json", "render.yaml", "fly.toml", "railway.",
          "app.yaml", "makefile", "install", "setup.md", "deploy")  # fmt: skip
TELLING_FILES_MAX = 100
TELLING_BYTES_MAX = 512 * 1024


def reads(part: Part) -> tuple[Read, ...]:
    """Every read of a variable by its name, in the order of the files."""
    memo = part.source.memo.setdefault("env.reads", {})
    if part not in memo:
        found: list[Read] = []
        helpers = env_calls.helpers(part)
        settings = env_classes.settings_classes(part)
        names = env_params.environments(part)
        for index in with_settings(part):
            found += env_calls.reads(index, helpers, names.get(index.path, frozenset()))
            found += env_classes.reads(index, settings)
        for setting in settings_files.loaded(part):
            if setting.env:
                found.append(Read(
                    name=setting.env, required=setting.required, default=setting.default,
                    has_default=bool(setting.default), file=setting.file, line=setting.line,
                ))  # fmt: skip
        memo[part] = tuple(sorted(set(found), key=lambda r: (r.file, r.line, r.name, r.default)))
    result: tuple[Read, ...] = memo[part]
    return result


def detect(part: Part) -> Iterator[Fact]:
    """One fact a variable: `required`, `default` or `optional`. Values are never told."""
    by_name: dict[str, list[Read]] = {}
    for read in reads(part):
        by_name.setdefault(read.name, []).append(read)
    for name, places in sorted(by_name.items()):
        place = next((read for read in places if read.required), places[0])
        value = "optional"
        if place.required:
            value = "required"
        elif any(read.has_default for read in places):
            value = "default"
        yield fact("env.read", name, value, file=place.file, line=place.line, note=place.via)
        if is_secret(name):
            yield fact("env.secret", name, value, file=place.file, line=place.line)
        elif _ADDRESS.fullmatch(name.upper()):
            yield fact(
                "env.secret", name, f"{value}; an address that may hold a password",
                file=place.file, line=place.line, confidence=0.7,
            )  # fmt: skip
        if name == "PORT":
            default = next((r.default for r in places if r.default.isdigit()), "")
            shown = f"default {default}" if default else value
            yield fact("env.port", name, shown, file=place.file, line=place.line)
    yield from _untold(part, by_name)


def is_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a secret."""
    upper = name.upper()
    return bool(_SECRET.fullmatch(upper)) and not _NO_SECRET.fullmatch(upper)


def _untold(part: Part, by_name: dict[str, list[Read]]) -> Iterator[Fact]:
    """Required variables that no example, README or start file names."""
    required = {
        name: next(read for read in places if read.required)
        for name, places in by_name.items()
        if name not in _GIVEN and any(read.required and not read.via for read in places)
    }
    if not required:
        return
    told = "\n".join(part.source.read_text(path) or "" for path in _telling(part.source))
    for name, read in sorted(required.items()):
        if name not in told:
            yield fact("env.undocumented", name, file=read.file, line=read.line)


def _telling(source: Source) -> list[str]:
    """Files that tell people which variables there are."""
    found: list[str] = []
    for file in source.files:
        name = PurePosixPath(file.path).name.lower()
        if file.size_bytes <= TELLING_BYTES_MAX and (
            settings_files.is_env_file(name)
            or settings_files.is_compose(name)
            or name.startswith(_TELLS)
            or name.endswith(".md")
            or (name.endswith(".example") or ".example." in name)
        ):
            found.append(file.path)
    return found[:TELLING_FILES_MAX]
