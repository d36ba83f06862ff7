"""What kind of function a decorator was put on."""

import inspect
from collections.abc import Callable
from typing import Any


def refuse_generators(function: Callable[..., Any], decorator: str) -> None:
    """Raise TypeError for a generator: its body runs after the decorator has seen it return."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"@{decorator} does not fit the generator {name_of(function)}:"
            f" use it inside, around what may fail"
        )


def name_of(function: Callable[..., Any]) -> str:
    """Module and qualified name: what the function is called in metrics and shared stores."""
    kind = type(function)
    module = getattr(function, "__module__", None) or kind.__module__
    return f"{module}.{getattr(function, '__qualname__', kind.__qualname__)}"
