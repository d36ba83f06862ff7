"""Regular expressions as paths: the named and unnamed groups become parameters."""

from __future__ import annotations

import re

_ANCHORS = re.compile(r"\\[AZz]|[$^]")
_NAME = re.compile(r"\(\?P<(\w+)>")
LENGTH_MAX = 1_000


def plain_regex(regex: str) -> str:
    r"""`^blog/(?P<year>[0-9]{4})/$` as `blog/<year>/`; what is no group stays as written."""
    parts: list[str] = []
    position = unnamed = 0
    regex = regex[:LENGTH_MAX]
    while position < len(regex):
        letter = regex[position]
        anchor = _ANCHORS.match(regex, position)
        if anchor:
            position = anchor.end()
        elif letter == "\\":
            parts.append(regex[position + 1 : position + 2])
            position += 2
        elif letter == "(":
            name = _NAME.match(regex, position)
            if name is None:
                unnamed += 1
            parts.append(f"<{name[1] if name else f'arg{unnamed}'}>")
            position = _closing(regex, position) + 1
        elif letter == "?" and parts:
            position += 1  # an optional letter, nearly always the last slash
        else:
            parts.append(letter)
            position += 1
    return "".join(parts)


def _closing(regex: str, start: int) -> int:
    """Where the group that opens at `start` closes; brackets inside a set do not count."""
    deep, inside, position = 0, False, start
    while position < len(regex):
        letter = regex[position]
        if letter == "\\":
            position += 1
        elif inside:
            inside = letter != "]"
        elif letter == "[":
            inside = True
        elif letter == "(":
            deep += 1
        elif letter == ")":
            deep -= 1
            if deep == 0:
                return position
        position += 1
    return len(regex)
