"""Ids of language models, and whose each is."""

from __future__ import annotations

import re
from functools import cache

from seatrial.profiler.detectors import tables

_ID = re.compile(r"[A-Za-z][\w.:/@-]{1,79}")


def maker(text: str) -> str:
    """Whose a model is, by the beginning of its id; '' when the text is no model's id."""
    plain = text.rpartition("/")[2] if text.count("/") == 1 else text
    for one in dict.fromkeys((text, plain, text.partition(":")[2])):
        if not one or not _ID.fullmatch(one):
            continue
        if one in tables.provider_ids("exact"):
            return tables.provider_ids("exact")[one]
        start = _starts().match(one)
        if start and len(one) > start.end():
            return tables.provider_ids("models")[start[0]]
        if start and not one.endswith(("-", ".", "/")):
            return tables.provider_ids("models")[start[0]]
    return ""


def provider_of(text: str) -> str:
    """Whose a model is by what a router is told: `openai/gpt-4o`, `anthropic:claude-x`."""
    for mark in (":", "/"):
        first, found, _ = text.partition(mark)
        if found and first in tables.provider_ids("names"):
            return tables.provider_ids("names")[first]
    return maker(text)


@cache
def _starts() -> re.Pattern[str]:
    names = sorted(tables.provider_ids("models"), key=len, reverse=True)
    return re.compile("|".join(re.escape(name) for name in names))
