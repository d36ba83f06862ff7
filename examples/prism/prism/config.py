"""The settings, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
MAX_FILE_BYTES = 10 * MIB
MODELS_FILE = Path(__file__).with_name("models.toml")


class ConfigError(ValueError):
    """A setting that cannot be used; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that can be set. ``redis_url`` may hold a password: it is never printed."""

    analyser: str = "built-in"  # or "bedrock"
    models_file: Path = MODELS_FILE
    chain_deadline_s: float = 90.0
    redis_url: str | None = None
    s3_bucket: str | None = None
    s3_prefix: str = "prism/"
    threads: int = 2
    waiting_documents: int = 20
    memory_bytes: int = 256 * MIB
    memory_entries: int = 500
    keep_s: int = 24 * 3600
    max_sections: int = 200
    https: bool = False


def _whole(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ConfigError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in ("", "0", "1", "true", "false", "yes", "no"):
        raise ConfigError(f"{name} must be 1 or 0, not {text!r}")
    return text in ("1", "true", "yes")


def from_environment(environ: Mapping[str, str]) -> Config:
    """The settings of this process.

    Raises ConfigError naming the variable when a value cannot be used.
    """
    analyser = environ.get("PRISM_ANALYSER", "built-in").strip() or "built-in"
    if analyser not in ("built-in", "bedrock"):
        raise ConfigError(f"PRISM_ANALYSER must be built-in or bedrock, not {analyser!r}")
    redis_url = environ.get("REDIS_URL", "").strip() or None
    if redis_url and not redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigError("REDIS_URL must begin with redis://, rediss:// or unix://")
    models_file = Path(environ.get("PRISM_MODELS_FILE", "").strip() or MODELS_FILE)
    if not models_file.is_file():
        raise ConfigError(f"PRISM_MODELS_FILE: there is no file {models_file}")
    return Config(
        analyser=analyser,
        models_file=models_file,
        chain_deadline_s=_whole(environ, "PRISM_CHAIN_DEADLINE_S", 90, 1, 600),
        redis_url=redis_url,
        s3_bucket=environ.get("PRISM_S3_BUCKET", "").strip() or None,
        s3_prefix=environ.get("PRISM_S3_PREFIX", "prism/").strip().lstrip("/"),
        threads=_whole(environ, "PRISM_THREADS", 2, 1, 32),
        waiting_documents=_whole(environ, "PRISM_WAITING_DOCUMENTS", 20, 1, 1000),
        memory_bytes=_whole(environ, "PRISM_MEMORY_MIB", 256, 16, 65536) * MIB,
        keep_s=_whole(environ, "PRISM_KEEP_HOURS", 24, 1, 24 * 90) * 3600,
        max_sections=_whole(environ, "PRISM_MAX_SECTIONS", 200, 10, 2000),
        https=_flag(environ, "PRISM_HTTPS"),
    )
