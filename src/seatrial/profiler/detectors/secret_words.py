"""What a text looks like: a secret, or something that stands where one belongs."""

from __future__ import annotations

import math
import re
from collections import Counter

_WORDS = re.compile(
    r"x{4,}|\*{3,}|\.{3,}|0{6,}|1{6,}|a{6,}|"
    r"change.?(me|this|it)|replace|your|example|sample|placeholder|dummy|fake|fixme|todo|insert|"
    r"secret.?(key|here|value)|my.?(secret|token|key|password)|password|passwd|test|default|"
    r"redacted|removed|hidden|none|null|undefined|foo|bar|dev.?(key|secret)|insecure|"
    r"1234567|abcdef|qwerty|lorem|<|>|\{|\$\(|not.?real|not.?a.?(key|secret)|demo|local|"
    r"(?<![a-z])(postgres|root|admin|guest|user|rabbitmq|redis|minio|django|airflow)(?![a-z])",
    re.IGNORECASE,
)
_KEY = re.compile(r"[\w+/=.:~!@#$%&*-]+", re.ASCII)
_SEPARATORS = re.compile(r"[-_.:/]+")
_WORD = re.compile(r"[A-Za-z]*\d{0,2}")
_MASKED = 3
_STRONG_LENGTH = 16
_STRONG_BITS = 3.2
"""Bits of each character: an English sentence has about 4 with spaces, a word of 8 letters less
than 3, random hexadecimals just under 4."""


def is_placeholder(text: str) -> bool:
    """Whether a text only shows where a secret belongs."""
    if len(set(text)) < 5 and len(text) > 6:
        return True
    return bool(_WORDS.search(text))


def is_strong(text: str) -> bool:
    """Whether a text looks made by chance, as keys are: long, mixed and without words."""
    if len(text) < _STRONG_LENGTH or not _KEY.fullmatch(text) or is_placeholder(text):
        return False
    if all(_WORD.fullmatch(word) for word in _SEPARATORS.split(text)):
        return False  # words with a number, like a header's name
    mixed = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    path = text.count("/") > 2 or text.startswith(("/", "http", "./", "~", "arn:", "projects/"))
    return mixed and not path and bits(text) >= _STRONG_BITS


def bits(text: str) -> float:
    """Shannon's entropy of the characters of a text."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def masked(text: str) -> str:
    """The first characters of a secret and its length, nothing else."""
    return f"{text[:_MASKED]}... ({len(text)} characters)" if len(text) > 8 else "masked"
