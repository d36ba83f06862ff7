"""Reading shell text: words, operators and variables, without running anything.

Quoting is undone, `$(...)` stays as it is written. What is expanded is only what variables
given by the caller say, so a word may still hold `$PORT`. Written by hand because `shlex`
forgets which words were quoted, and the shell parsers on PyPI are GPL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from seatrial.kernel.values import Value

TEXT_MAX = 64_000
TOKENS_MAX = 8_000
WORD_MAX = 4_000
_NESTED_MAX = 500
_LITERAL_DOLLAR = "\ue000"
_PLAIN = re.compile(r"[^\\'\"$`\s<>|&;()\x01]+")
_BRACKETS = re.compile(r"[{}()]")
_OPERATORS = ("<<<", "&>>", ">>", "<<", "&&", "||", ";;", "|&", "&>", ">&", "<&", ">|",
              "<", ">", "|", "&", ";", "(", ")")  # fmt: skip


class Token(Value):
    """A word, an operator or the end of a line; `quoted` tells that a word has quotes in it."""

    kind: Literal["word", "op"]
    text: str
    line: int
    quoted: bool = False


def scan(text: str, line: int = 1) -> tuple[Token, ...]:
    """The tokens of shell text; an end of line is the operator `;` with a line of its own.

    What is not closed ends with the text: nothing is refused. Longer texts are cut.
    """
    text = text[:TEXT_MAX].replace("\r\n", "\n").replace("\\\n", "\x01")
    found: list[Token] = []
    pairs = _pairs(text)
    at, heredocs = 0, list[str]()
    while at < len(text) and len(found) < TOKENS_MAX:
        char = text[at]
        if char in " \t\r\x01":
            line += char == "\x01"
            at += 1
        elif char == "\n":
            found.append(Token(kind="op", text="\n", line=line))
            line, at = line + 1, at + 1
            at, line = _skip_heredocs(text, at, line, heredocs)
        elif char == "#":
            end = text.find("\n", at)
            comment = text[at : end if end >= 0 else len(text)]
            # A continued comment is one for the eye only: the shell's ends with the line.
            line, at = line + comment.count("\x01"), at + len(comment)
        else:
            if char in "<>|&;()":
                operator = next(one for one in _OPERATORS if text.startswith(one, at))
                if operator[0] in "<>" and text[at - 1 : at].isdigit() and found[-1].text.isdigit():
                    found.pop()  # the number of a redirected stream: 2>&1
                found.append(Token(kind="op", text=operator, line=line))
                at += len(operator)
                continue
            word, quoted, end = _word(text, at, pairs)
            if len(found) and found[-1].kind == "op" and found[-1].text == "<<":
                heredocs.append(word.lstrip("-"))
            found.append(Token(kind="word", text=word[:WORD_MAX], line=line, quoted=quoted))
            line += text.count("\n", at, end) + text.count("\x01", at, end)
            at = end
    return tuple(found)


def _skip_heredocs(text: str, at: int, line: int, waiting: list[str]) -> tuple[int, int]:
    while waiting and at < len(text):
        end = text.find("\n", at)
        end = end if end >= 0 else len(text)
        if text[at:end].strip() == waiting[0]:
            waiting.pop(0)
        at, line = end + 1, line + 1
    return min(at, len(text)), line


def _word(text: str, at: int, pairs: Mapping[int, int]) -> tuple[str, bool, int]:
    """The word that begins at `at`, without its quotes, and where it ends."""
    parts: list[str] = []
    quoted = False
    while at < len(text):
        char = text[at]
        if char == "\x01":
            break
        if char == "\\":
            parts.append(text[at + 1 : at + 2].replace("$", _LITERAL_DOLLAR))
            at += 2
        elif char == "'":
            end = text.find("'", at + 1)
            end = end if end >= 0 else len(text)
            parts.append(text[at + 1 : end].replace("$", _LITERAL_DOLLAR).replace("\x01", "\\\n"))
            quoted, at = True, end + 1
        elif char == '"':
            inner, at = _double(text, at + 1, pairs)
            parts.append(inner)
            quoted = True
        elif char in "$`":
            end = _substitution(text, at, pairs)
            parts.append(_plain(text[at:end]))
            at = end
        elif char in " \t\r\n<>|&;()":
            break
        else:
            plain = _PLAIN.match(text, at)
            parts.append(plain[0] if plain else char)
            at += len(parts[-1])
    return "".join(parts), quoted, at


def _double(text: str, at: int, pairs: Mapping[int, int]) -> tuple[str, int]:
    """What stands in double quotes from `at` on, and the place after them."""
    parts: list[str] = []
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and text[at + 1 : at + 2] in ("$", "`", '"', "\\"):
            parts.append(text[at + 1].replace("$", _LITERAL_DOLLAR))
            at += 2
        elif text[at] in "$`":
            end = _substitution(text, at, pairs)
            parts.append(_plain(text[at:end]))
            at = end
        else:
            parts.append("" if text[at] == "\x01" else text[at])
            at += 1
    return "".join(parts), at + 1


def _plain(substitution: str) -> str:
    """Backquotes as `$(...)`."""
    if len(substitution) > 1 and substitution[0] == substitution[-1] == "`":
        return f"$({substitution[1:-1]})"
    return substitution


def _pairs(text: str) -> dict[int, int]:
    """Where each opening brace and parenthesis is closed, in one pass over the text."""
    waiting: dict[str, list[int]] = {"}": [], ")": []}
    pairs: dict[int, int] = {}
    for found in _BRACKETS.finditer(text):
        if found[0] in "{(":
            waiting["}" if found[0] == "{" else ")"].append(found.start())
        elif waiting[found[0]]:
            pairs[waiting[found[0]].pop()] = found.start()
    return pairs


def _substitution(text: str, at: int, pairs: Mapping[int, int]) -> int:
    """Where the `$(...)`, `${...}` or backquoted command at `at` ends; after the `$` if nowhere."""
    if text[at] == "`":
        end = text.find("`", at + 1, at + _NESTED_MAX)
        return end + 1 if end >= 0 else at + 1
    if text[at + 1 : at + 2] not in ("(", "{"):
        return at + 1
    end = pairs.get(at + 1, -1)
    return end + 1 if 0 <= end <= at + _NESTED_MAX else at + 2


def expand(text: str, variables: Mapping[str, str], depth: int = 0) -> str:
    """A word with its variables filled in; those not known stay as written.

    `${NAME:-default}` gives the default when the name is not known. `$(...)` is kept.
    """
    parts: list[str] = []
    pairs = _pairs(text) if "$" in text else {}
    at = size = 0
    while at < len(text) and size < WORD_MAX:
        dollar = text.find("$", at)
        if dollar < 0:
            dollar = len(text)
        parts.append(text[at:dollar])
        if dollar < len(text):
            value, at = _variable(text, dollar, variables, depth, pairs)
            parts.append(value)
        else:
            at = dollar
        size += len(parts[-1]) + len(parts[-2] if len(parts) > 1 else "")
    done = "".join(parts)[:WORD_MAX]
    return done if depth else done.replace(_LITERAL_DOLLAR, "$")


def _variable(
    text: str, at: int, known: Mapping[str, str], depth: int, pairs: Mapping[int, int]
) -> tuple[str, int]:
    follow = text[at + 1 : at + 2]
    if follow == "{":
        end = _substitution(text, at, pairs)
        if end > at + 3:
            return _braces(text[at:end], known, depth), end
        return text[at:end], end
    if follow == "(":
        end = _substitution(text, at, pairs)
        return text[at:end], end
    end = at + 1
    if follow in ("@", "*") or follow.isdigit():
        end += 1
    else:
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
    name = text[at + 1 : end]
    return known.get(name, text[at:end]), end


def _braces(text: str, known: Mapping[str, str], depth: int) -> str:
    inner = text[2:-1]
    end = 0
    while end < len(inner) and (inner[end].isalnum() or inner[end] in "_@*"):
        end += 1
    name, rest = inner[:end], inner[end:]
    operator = rest[:2] if rest[:1] == ":" else rest[:1]
    other = rest[len(operator) :]
    value = known.get(name)
    if operator in (":-", "-", ":=", "="):
        missing = value is None or (operator[0] == ":" and not value)
        if missing and depth < 5:
            return expand(other, known, depth + 1)
        return value or ""
    if operator in (":+", "+"):
        return expand(other, known, depth + 1) if value and depth < 5 else ""
    if operator in ("", ":?", "?"):
        return text if value is None else value
    return text
