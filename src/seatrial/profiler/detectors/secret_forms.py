"""Secrets that are told by their form: tokens of known makers, and addresses with a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import secret_words, tables
from seatrial.profiler.rules import fact

_URL = re.compile(
    r"://([^\s/:@\"'<>`{}$%()\[\]]{0,64}):([^\s/:@\"'<>`]{3,128})@([A-Za-z0-9][\w.-]{2,120})"
)
_LOCAL = re.compile(
    r"(?:localhost|127\.|0\.0\.0\.0|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|host\.docker)"
    r"|\.(?:local|localhost|internal|test|example|invalid|svc)(?:\.|$)|example\.(?:com|org|net)"
    r"|\.svc\."
)


class Form(Value):
    """One form of secrets; see data/secrets.toml."""

    title: str
    contains: tuple[str, ...]
    pattern: str


def in_text(path: str, text: str) -> Iterator[Fact]:
    """The secrets in one text, each line once."""
    lines: set[int] = set()
    for form, pattern in _forms():
        if not any(word in text for word in form.contains):
            continue
        for found in pattern.finditer(text):
            secret = found[1]
            if found.start() == found.start(1) and _goes_on(text, found.start()):
                continue
            line = text.count("\n", 0, found.start(1)) + 1
            if line not in lines and not secret_words.is_placeholder(secret):
                lines.add(line)
                yield fact(
                    "secret.committed", form.title, secret_words.masked(secret),
                    file=path, line=line,
                )  # fmt: skip
    for found in _URL.finditer(text) if "://" in text and "@" in text else ():
        line = text.count("\n", 0, found.start()) + 1
        if line not in lines and _is_real(found[1], found[2], found[3]):
            lines.add(line)
            yield fact(
                "secret.in-url", f"an address at {found[3]}", secret_words.masked(found[2]),
                file=path, line=line,
            )  # fmt: skip


def _goes_on(text: str, start: int) -> bool:
    """Whether a token is the end of a longer word."""
    return start > 0 and (text[start - 1].isalnum() or text[start - 1] in "-_")


def _is_real(user: str, password: str, host: str) -> bool:
    """Whether an address leads somewhere with a password that is one."""
    if "." not in host or _LOCAL.search(host.lower()):
        return False
    if any(mark in password for mark in "{}$<>%*[]()") or password.lower() == user.lower():
        return False
    return not secret_words.is_placeholder(password)


def has_form(text: str) -> bool:
    """Whether a text holds a token of a known maker."""
    return any(pattern.search(text) for _, pattern in _forms())


@cache
def _forms() -> tuple[tuple[Form, re.Pattern[str]], ...]:
    forms = [
        Form(title=one["title"], contains=tuple(one["contains"]), pattern=one["pattern"])
        for one in tables.read("secrets.toml")["format"]
    ]
    return tuple((form, re.compile(form.pattern)) for form in forms)


@cache
def words() -> frozenset[str]:
    """One of these stands in every text that is worth a closer look."""
    return frozenset({word for form, _ in _forms() for word in form.contains} | {"://"})
