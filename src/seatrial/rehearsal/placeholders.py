"""Stand-ins for what an app insists on and nobody gave: never a real secret, always named."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from seatrial.kernel.workload import Component, Service

# 32 bytes in URL-safe base64: what a Fernet key has to be, and long enough for any other secret.
_SECRET = base64.urlsafe_b64encode(b"placeholder, and not a secret.  ").decode()
_NOWHERE = "127.0.0.1:9"  # The discard port: nobody listens there.
_SCHEMES = {
    "postgresql": "postgresql", "mysql": "mysql", "mongodb": "mongodb", "redis": "redis",
    "rabbitmq": "amqp", "sqlserver": "mssql", "neo4j": "bolt", "smtp": "smtp",
}  # fmt: skip
# The first pattern that stands as a word in the name decides.
_BY_NAME: tuple[tuple[str, str], ...] = (
    (r"UR[LI]|DSN|ENDPOINT|ORIGINS?|WEBHOOK", f"http://{_NOWHERE}/"),
    (r"HOST|HOSTNAME|SERVER|ADDRESS", "127.0.0.1"),
    (r"PORT", "9"),
    (r"DEBUG|ENABLED?|DISABLED?|USE|IS|FLAG|VERBOSE", "0"),
    (r"REGION", "us-east-1"),
    (r"EMAIL|MAIL|SENDER", "nobody@example.invalid"),
    (r"TIMEOUT|LIMIT|SIZE|COUNT|NUM|MAX|MIN|WORKERS|THREADS|SECONDS|MINUTES|HOURS|DAYS|TTL", "1"),
)
_FOLDER = r"DIR|DIRECTORY|FOLDER|PATH|ROOT"


def required(component: Component) -> tuple[str, ...]:
    """The variables that the component's source fails without."""
    return tuple(
        fact.subject
        for fact in component.facts
        if fact.rule == "env.read" and fact.value.startswith("required")
    )


def read(component: Component) -> tuple[str, ...]:
    """Every variable that the component's source reads."""
    return tuple(fact.subject for fact in component.facts if fact.rule == "env.read")


def placeholders(
    names: Sequence[str], services: Sequence[Service], given: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """Harmless values for the variables of `names` that are not `given`.

    The address of a service leads to a port where nobody listens, a folder to `folder`.
    """
    kinds = {service.env: service.kind for service in services if service.env}
    found: dict[str, str] = {}
    for name in (*names, *(one.env for one in services if one.required and one.env)):
        if name not in given and name not in found:
            found[name] = _value(name, kinds.get(name, ""), folder)
    return found


def _value(name: str, kind: str, folder: Path) -> str:
    words = name.upper()
    if kind in _SCHEMES and _has(words, r"UR[LI]|DSN|BROKER|BACKEND"):
        return f"{_SCHEMES[kind]}://placeholder:placeholder@{_NOWHERE}/placeholder"
    for pattern, value in _BY_NAME:
        if _has(words, pattern):
            return value
    return str(folder) if _has(words, _FOLDER) else _SECRET


def _has(name: str, pattern: str) -> bool:
    return re.search(rf"(^|_)({pattern})(_|$)", name) is not None
