"""Which calls take long: data/time_calls.toml as values."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

# Objects of the LangChain family whose `invoke` asks no model.
_NOT_A_MODEL = ("Prompt", "Retriever", "retriever", "Embeddings", "Loader", "Splitter", "Parser",
                "Memory", "Tool", "Search", "Tokenizer", "Processor", "FeatureExtractor",
                "Config")  # fmt: skip
_TORCH_MODELS = (".load", ".Module", ".compile", ".eval", ".to")


@cache
def tables() -> dict[str, Any]:
    """All tables of the file."""
    data = (files("seatrial.profiler") / "data" / "time_calls.toml").read_text(encoding="utf-8")
    return tomllib.loads(data)


@cache
def _table(name: str) -> dict[str, frozenset[str]]:
    return {package: frozenset(calls) for package, calls in tables()[name].items()}


def package_of(origin: str, table: str) -> str:
    """The package whose call of that table `origin` is; '' when it is none."""
    if not origin or origin[0] == "@":
        return ""
    held, _, tail = origin.rpartition("()")
    for package in _packages(origin):
        calls = _table(table).get(package)
        if calls is None:
            continue
        name = tail.lstrip(".")
        if not held:
            name = origin[len(package) + 1 :]
        elif not name:
            name = "__call__"
        if name in calls or name.rpartition(".")[2] in calls:
            return package if _is_model(held, table) else ""
    return ""


def _packages(origin: str) -> tuple[str, ...]:
    """The packages an origin may be listed under: `google.genai`, `google`."""
    parts = origin.partition("(")[0].split(".")
    if parts[0].startswith("langchain"):
        return (parts[0], "langchain")
    return tuple(".".join(parts[:count]) for count in (3, 2, 1))


def _is_model(held: str, table: str) -> bool:
    """Whether the object that was made last is one that asks a model."""
    made = held.rpartition("()")[2]
    if table == "inference" and made.startswith("torch."):
        return made.endswith(_TORCH_MODELS)
    return table not in ("llm", "inference") or not any(word in made for word in _NOT_A_MODEL)


def model_name(origin: str) -> str:
    """What to call it: `openai chat.completions.create`."""
    package = origin.partition(".")[0]
    if origin.startswith("google."):
        package = ".".join(origin.split(".")[:2]).removesuffix("()")
    held, _, tail = origin.rpartition("()")
    name = tail.lstrip(".") if held else origin.partition(".")[2]
    return f"{package} {name}".strip()


@cache
def call_names() -> frozenset[str]:
    """The last names of all calls of the tables: a cheap test before an origin is looked for."""
    found = {"__call__"}
    for name in ("llm", "inference", "heavy", "blocking", "database"):
        for calls in _table(name).values():
            found.update(call.rpartition(".")[2] for call in calls)
    return frozenset(found)


@cache
def package_top(package: str, kind: str) -> bool:
    """Whether a top-level package asks models (`llm`), or has objects that are models and are
    `called` themselves."""
    name = "langchain" if package.startswith("langchain") else package
    rows = [
        (row, calls) for table in ("llm", "inference") for row, calls in _table(table).items()
        if row.partition(".")[0] == name
    ]  # fmt: skip
    if kind == "called":
        return any("__call__" in calls for _, calls in rows)
    return any(row in _table("llm") for row, _ in rows)
