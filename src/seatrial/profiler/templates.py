"""URL rules with parameters: which paths they match, and how they are filled in."""

from __future__ import annotations

import re
from urllib.parse import quote

from seatrial.kernel.values import Value

# `<int(min=1):race_id>`: a converter, its arguments, the parameter's name (werkzeug.routing,
# and Django's without arguments); `{race_id:int}`: the name, a converter or a pattern (Starlette,
# Litestar, Sanic, aiohttp).
_PARAMETER = re.compile(
    r"<(?:([a-zA-Z_]\w*)(?:\(([^)]*)\))?:)?([a-zA-Z_]\w*)>"
    r"|\{([a-zA-Z_]\w*)(?::([^{}]{0,100}))?\}"
)
_PATTERNS = {
    "int": r"\d+", "float": r"\d+\.\d+", "path": r"[^/].*?", "uuid": r"[0-9A-Fa-f-]{36}",
}  # fmt: skip


class Parameter(Value):
    """One parameter of a rule, and the text before it."""

    name: str
    converter: str
    before: str


def parameters(rule: str) -> tuple[Parameter, ...]:
    """The parameters of a rule, in order."""
    return tuple(
        Parameter(name=_name(found), converter=_converter(found), before=rule[: found.start()])
        for found in _PARAMETER.finditer(rule)
    )


def pattern(rule: str) -> re.Pattern[str]:
    """A pattern that the paths of a rule match, its groups the parameters' values."""
    parts: list[str] = []
    end = 0
    for found in _PARAMETER.finditer(rule):
        inner = _PATTERNS.get(_converter(found), r"[^/]+")
        if found[1] == "any" and found[2]:
            inner = "|".join(re.escape(one.strip(" '\"")) for one in found[2].split(","))
        parts += [re.escape(rule[end : found.start()]), f"({inner})"]
        end = found.end()
    return re.compile("".join(parts) + re.escape(rule[end:]))


def fits(parameter: Parameter, value: str) -> bool:
    """Whether a value may stand for a parameter."""
    if not value or len(value) > 200:
        return False
    return re.fullmatch(_PATTERNS.get(parameter.converter, r"[^/]+"), value) is not None


def fill(rule: str, values: dict[str, str]) -> str:
    """The path of a rule with its parameters filled in, percent-encoded."""
    return _PARAMETER.sub(
        lambda found: quote(values[_name(found)], safe="/" if _converter(found) == "path" else ""),
        rule,
    )


def _name(found: re.Match[str]) -> str:
    return found[3] or found[4]


def _converter(found: re.Match[str]) -> str:
    """Its name; a pattern of digits is `int`, any other pattern no converter that is known."""
    told = found[1] or found[5] or "string"
    return "int" if told in (r"\d+", "[0-9]+") else told
