"""The tables of services and of providers of language models, as values: data/*.toml."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from seatrial.kernel.values import Value
from seatrial.kernel.workload import ServiceKind


class Known(Value):
    """A service and how it shows; see data/services.toml for what the fields mean."""

    kind: ServiceKind
    provider: str = ""
    imports: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    embedded: tuple[str, ...] = ()


class Provider(Value):
    """One who serves language models; see data/llm.toml for what the fields mean."""

    id: str
    imports: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    timeout_s: int | None = None


Key = tuple[ServiceKind, str]
"""A service's kind and provider."""


@cache
def services() -> tuple[Known, ...]:
    """All services, in the order of the table."""
    return tuple(Known(**_tuples(table)) for table in read("services.toml")["service"])


@cache
def service_keys(field: str) -> dict[str, Key]:
    """The services by what stands in one of their fields: imports, schemes, drivers, images."""
    return {name: (s.kind, s.provider) for s in services() for name in getattr(s, field)}


@cache
def service_variables() -> tuple[tuple[re.Pattern[str], Key], ...]:
    """The services by the pattern of their variables' names."""
    return tuple(
        (re.compile(rf"(?:\w+_)?(?:{'|'.join(s.env)})"), (s.kind, s.provider))
        for s in services()
        if s.env
    )


@cache
def providers() -> dict[str, Provider]:
    """All providers of language models by their id."""
    return {name: Provider(id=name, **_tuples(table)) for name, table in read("llm.toml").items()}


@cache
def provider_ids(field: str) -> dict[str, str]:
    """The providers' ids by what stands in one of their fields."""
    return {name: p.id for p in providers().values() for name in getattr(p, field)}


def read(name: str) -> dict[str, Any]:
    """One data file."""
    return tomllib.loads((files("seatrial.profiler") / "data" / name).read_text(encoding="utf-8"))


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
