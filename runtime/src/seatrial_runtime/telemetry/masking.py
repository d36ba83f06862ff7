"""Takes secrets out of text: by value where the value is known, by their look where it is not."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

NAMES = "SEATRIAL_SECRET_NAMES"
"""Lists, with commas, the variables that a secrets source gave: those may have any names."""

MASK = "[redacted]"
MAX_TEXT_CHARS = 65536
_CUT = " ...[cut]"
_MIN_SECRET_CHARS = 6  # Shorter values ("1", "true") would blank out innocent text.
_MIN_PART_CHARS = 16  # Of one line of a secret that has many, like a private key.
_MAX_DEPTH = 12
MAX_PATH_CHARS = 2048

_SECRET_VARIABLE = re.compile(
    r"secret|token|passw|passphrase|credential|api_?key|access_?key|private_?key|_dsn$|_key$", re.I
)
_SECRET_FIELD = re.compile(
    r"(?:^|[^a-z])(?:pass(?:word|wd|phrase)|pwd|secret(?:[_-]?key)?|token|credentials?|(?:proxy-)?"
    r"authorization|(?:set-)?cookie|(?:api|access|private|secret)[_-]?key)$",
    re.I,
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):([^\s/@]+)@")

# Each with the words one of which must be in the lower-case text: most text holds none, and a
# search for a word costs a tenth of a search by pattern. None of them backtracks far on hostile
# text: what repeats is bounded by a character that it cannot hold.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (("://",), _URL_PASSWORD, rf"\1:{MASK}@"),
    (
        ("authorization",),
        re.compile(r"((?:proxy-)?authorization\\?[\"']?\s*[:=,]\s*b?\\?[\"']?)[^\"'\r\n]+", re.I),
        rf"\1{MASK}",
    ),
    (
        ("cookie",),
        re.compile(r"((?:set-)?cookie\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\"'\r\n]+", re.I),
        rf"\1{MASK}",
    ),
    (("bearer",), re.compile(r"\b(bearer\s+)[A-Za-z0-9._~+/=-]{6,}", re.I), rf"\1{MASK}"),
    (("basic",), re.compile(r"\b(basic\s+)[A-Za-z0-9+/]{8,}={0,2}", re.I), rf"\1{MASK}"),
    (("eyj",), re.compile(r"\beyJ[\w-]{5,1000}\.[\w-]{5,}\.[\w-]*"), MASK),
    (("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (
        ("sk-", "gh", "xox", "aiza", "sk_", "rk_", "glpat-"),
        re.compile(
            r"\b(?:sk-[\w-]{20,}|gh[pousr]_\w{30,}|github_pat_\w{30,}|xox[abeprs]-[\w-]{10,}"
            r"|AIza[\w-]{35}|[sr]k_live_\w{16,}|glpat-[\w-]{20})"
        ),
        MASK,
    ),
    (
        ("private key",),
        re.compile(r"(?s)(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----).*?(?:-----END|\Z)"),
        rf"\1{MASK}",
    ),
    (
        ("pass", "pwd", "secret", "key", "token"),
        re.compile(
            r"((?:pass(?:word|wd|phrase)|pwd|secret(?:[_-]?key)?|token"
            r"|(?:api|access|private)[_-]?key)"
            r"(?:\\?[\"']\s*[:=]\s*b?|\s*=\s*|:\s?(?=\S)))"
            r"(\\?\"[^\"\r\n]*\"?|\\?'[^'\r\n]*'?|[^\s&;,\"')}\]]+)",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    # What follows a question mark in an address; a lone one, as in SQL, is left.
    (("?",), re.compile(r"(?<=[\w/.~%-])\?(?=[^\s'\"?]*=)[^\s'\"]+"), f"?{MASK}"),
)


class _Known:
    """The values that are secret, as they may stand in text and in a finished JSON line."""

    texts: tuple[str, ...] = ()
    lines: tuple[bytes, ...] = ()
    values: frozenset[str] = frozenset()
    caches: list[dict[Any, Any]] = []  # noqa: RUF012  # Of what was masked with these.


def _forms(value: str) -> set[str]:
    """How one value may have been written: as it is, escaped, or in an address."""
    escaped = json.dumps(value)[1:-1]
    forms = {value, escaped, json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    forms |= {quote(value, safe=""), quote(value), quote_plus(value)}
    forms.add(repr(value.encode("utf-8", "surrogatepass"))[2:-1])
    parts = {part.strip() for part in value.splitlines()} if "\n" in value else set()
    return forms | {part for part in parts if len(part) >= _MIN_PART_CHARS}


def add_secrets(values: Iterable[str]) -> None:
    """From now on these never come out. Values below 6 characters are not taken."""
    added = {value.strip() for value in values} | _Known.values
    known = frozenset(value for value in added if len(value) >= _MIN_SECRET_CHARS)
    if known == _Known.values:
        return
    texts = {form for value in known for form in _forms(value)}
    lines = {json.dumps(text)[1:-1] for text in texts}
    lines |= {json.dumps(text, ensure_ascii=False)[1:-1] for text in texts}
    # Longest first, so that a secret which contains another is removed whole.
    _Known.texts = tuple(sorted(texts, key=len, reverse=True))
    _Known.lines = tuple(
        sorted((line.encode("utf-8", "replace") for line in lines), key=len, reverse=True)
    )
    _Known.values = known
    for cache in _Known.caches:
        cache.clear()


def forgets(cache: dict[Any, Any]) -> None:
    """Have `cache`, of masked text, emptied when another secret becomes known."""
    _Known.caches.append(cache)


def learn(environ: Mapping[str, str]) -> None:
    """Take the secrets that an environment holds."""
    add_secrets(secrets_in(environ))


def secrets_in(environ: Mapping[str, str]) -> set[str]:
    """The values of variables with secret names, and the passwords in addresses."""
    named = set(environ.get(NAMES, "").split(","))
    found = {value for name, value in environ.items() if name in named or is_secret_name(name)}
    for value in environ.values():
        found.update(password for _, password in _URL_PASSWORD.findall(value))
    return {value for value in found if len(value) >= _MIN_SECRET_CHARS}


def is_secret_name(name: str) -> bool:
    """Whether a variable of that name holds a secret, as names go."""
    return _SECRET_VARIABLE.search(name) is not None


def redact(text: str) -> str:
    """`text` without secrets, at most 64 Ki characters of it."""
    if len(text) > 2 * MAX_TEXT_CHARS:
        text = text[: 2 * MAX_TEXT_CHARS]  # The rest would be cut below; it need not be searched.
    for value in _Known.texts:
        if value in text:
            text = text.replace(value, MASK)
    lower = text.lower()
    for words, pattern, instead in _PATTERNS:
        for word in words:
            if word in lower:
                text = pattern.sub(instead, text)
                break
    # Cut last: half a secret would not be known again.
    return text if len(text) <= MAX_TEXT_CHARS else text[:MAX_TEXT_CHARS] + _CUT


def redact_value(value: object, name: str = "", depth: int = 0) -> object:
    """The same for what may stand in a log field; a text under a secret's name goes whole."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        if name and value and _SECRET_FIELD.search(name):
            return MASK
        return redact(value)
    if isinstance(value, (bytes, bytearray)):
        return redact_value(bytes(value).decode("utf-8", "backslashreplace"), name)
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            return {
                redact(str(key)): redact_value(one, str(key), depth + 1)
                for key, one in value.items()
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            return [redact_value(one, name, depth + 1) for one in value]
    try:
        return redact(str(value))
    except Exception as error:  # The app's own __str__ may do anything.
        return f"({type(value).__name__}: {type(error).__name__} in __str__)"


def clean_path(path: str) -> str:
    """`redact` for the path of a request, without its query."""
    return redact(path.partition("?")[0])[:MAX_PATH_CHARS]


def holds_secret(text: str) -> bool:
    """Whether a known secret stands in a short text. On the path of every request."""
    for value in _Known.texts:  # noqa: SIM110  # any() with a generator costs three times this.
        if value in text:
            return True
    return False


def line_holds_secret(line: bytes) -> bool:
    """Whether a known secret stands in a finished line."""
    return any(value in line for value in _Known.lines)


def blank(line: bytes) -> bytes:
    """A finished line without the known secrets."""
    for value in _Known.lines:
        line = line.replace(value, MASK.encode())
    return line


learn(os.environ)
