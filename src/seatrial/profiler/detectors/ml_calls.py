"""Calls that load models: from a file, or from a hub over the network."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from seatrial.profiler.detectors import tables
from seatrial.profiler.detectors.index import Index
from seatrial.profiler.reach import last

# What holds more than models, so that a call alone does not say that it loads one.
_ALSO_DATA = frozenset({"pickle.load", "numpy.load"})
_FROM = frozenset({"from_pretrained", "from_model_id", "from_single_file"})
_WEIGHTS = ("weights", "pretrained")


def loads(index: Index, call: ast.Call) -> str | None:
    """The full name of a call that loads a model, none of any other; '' when it has no name."""
    method = last(call.func)
    if method in _FROM:
        return index.full_name(call.func)
    called = index.foreign(call.func)
    if not called:
        return None
    if called in table()["files"] or called in _ALSO_DATA or is_hub(called):
        return called if _fetches(called, call) else None
    return None


def is_heavy(called: str) -> bool:
    """Whether a call loads a model and nothing else."""
    return called not in _ALSO_DATA


def is_hub(called: str) -> bool:
    """Whether a call, by its full name, may fetch weights over the network."""
    first, _, name = called.rpartition(".")
    if name in _FROM:
        return True
    above = first.rpartition(".")[0]
    module = first in _modules() or above in _modules()
    return called in table()["hub"] or module


def nameless(called: str) -> bool:
    """Whether a hub call fetches something even when no name is given."""
    return called in table()["nameless"] or called.startswith(tuple(f"{m}." for m in _modules()))


def may_load(index: Index) -> bool:
    """Whether a file can hold such a call: by far the most cannot."""
    return bool(index.packages & _packages()) or index.source.mentions(index.path, _FROM)


@cache
def _packages() -> frozenset[str]:
    names = (*table()["files"], *table()["hub"], *_ALSO_DATA)
    return frozenset(name.split(".")[0] for name in names)


@cache
def table() -> dict[str, frozenset[str]]:
    """data/ml.toml."""
    data: dict[str, Any] = tables.read("ml.toml")
    return {key: frozenset(values) for key, values in data.items()}


@cache
def _modules() -> frozenset[str]:
    return frozenset({"keras.applications", "tensorflow.keras.applications", "torchvision.models"})


def _fetches(called: str, call: ast.Call) -> bool:
    """Whether a call for an architecture also asks for its weights."""
    if not called.startswith(("torchvision.models.", "timm.", *(f"{m}." for m in _modules()))):
        return True
    if not called.rpartition(".")[2][:1].isupper() and called.endswith(("_input", "predictions")):
        return False
    given = [one.value for one in call.keywords if one.arg in _WEIGHTS]
    if not given:
        # Keras fetches ImageNet's weights unless it is told not to; torchvision fetches none.
        return "applications." in called and called.rpartition(".")[2][:1].isupper()
    return not all(isinstance(one, ast.Constant) and not one.value for one in given)
