"""What the environment decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Limits of this installation."""

    max_scenarios: int  # the most scenarios one plan may ask for
    cache_ttl_s: int  # how long a result is kept


def whole_number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """An integer variable within limits; ValueError says which one is wrong and how."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {text[:40]!r}.")
    return number


def read(environ: Mapping[str, str]) -> Settings:
    """The settings; ValueError when one is wrong."""
    return Settings(
        max_scenarios=whole_number(environ, "MAX_SCENARIOS", 10_000, 10, 10_000),
        cache_ttl_s=whole_number(environ, "CACHE_TTL", 3600, 1, 86_400),
    )
