"""The chain of models on Amazon Bedrock; the only place that calls them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial_runtime import LlmError, Price, bedrock, fallback

from prism.config import Config, ConfigError
from prism.results import Usage


class NoAnswer(RuntimeError):
    """No model answered; the message says why, without the prompt."""


@dataclass(frozen=True)
class Reply:
    """What a model said. ``notes`` tell of models that failed before it."""

    text: str
    model: str
    usage: Usage
    notes: list[str] = field(default_factory=list)


class Chain:
    """Models in their order, each with its own time and circuit, one deadline over all."""

    def __init__(self, config: Config) -> None:
        read = _read(config.models_file)
        try:
            models = [_model(entry, read.get("region")) for entry in read["models"]]
            self._settings = {
                "max_tokens": int(read.get("max_tokens", 4096)),
                "temperature": float(read.get("temperature", 0.0)),
            }
            self._chain = fallback(models, deadline_s=config.chain_deadline_s)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise ConfigError(f"{config.models_file}: {error!r}") from error

    def ask(self, system: str, prompt: str) -> Reply:
        """The first answer of the chain. Raises NoAnswer."""
        try:
            answer = self._chain.ask(prompt, system=system, **self._settings)
        except LlmError as error:
            raise NoAnswer(_reason(error)) from error
        usage = Usage(
            calls=1,
            input_tokens=answer.usage.input_tokens or 0,
            output_tokens=answer.usage.output_tokens or 0,
            cost_usd=None if answer.cost_usd is None else float(answer.cost_usd),
        )
        notes = [_tried(answer.attempts)] if len(answer.attempts) > 1 else []
        if answer.stop_reason == "max_tokens":
            notes.append("The model's answer was cut at its longest length.")
        return Reply(answer.text, answer.model, usage, notes)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _model(entry: dict[str, Any], region: str | None) -> Any:
    price = None
    if "input_usd" in entry and "output_usd" in entry:
        price = Price(entry["input_usd"], entry["output_usd"])
    timeout_s = float(entry.get("timeout_s", 30))
    return bedrock(entry["id"], region=region, price=price, timeout_s=timeout_s)


def _tried(attempts: Any) -> str:
    """The models that failed before another answered, in words."""
    failed = [
        f"{attempt.model} {attempt.outcome.replace('_', ' ')}"
        for attempt in attempts
        if attempt.outcome != "answered"
    ]
    return f"Tried before: {', '.join(dict.fromkeys(failed))}."


def _reason(error: LlmError) -> str:
    """Why nobody answered. The provider's own words may quote the prompt and stay out."""
    attempts = getattr(error, "attempts", ())
    if not attempts:
        return error.outcome.replace("_", " ")
    outcomes = dict.fromkeys(attempt.outcome.replace("_", " ") for attempt in attempts)
    asked = len({attempt.model for attempt in attempts})
    return f"{asked} of the chain tried: {', '.join(outcomes)}"
