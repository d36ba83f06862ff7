"""The simple commands of shell text, in their order: which of them a shell may come to run.

Both branches of an `if` count, a loop's body once, a function where it is called. A `case` on a
word that is known (`case "$1"` of an entrypoint with its CMD) runs the branch that fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from seatrial.kernel.values import Value
from seatrial.profiler.declared.shell import Token

_PREFIXES = frozenset({"then", "else", "do", "{", "}", "!", "if", "elif", "while", "until", "time"})
_ENDS = frozenset({"fi", "done", "esac", "}"})
_REDIRECTIONS = frozenset({"<", ">", ">>", "<<", "<<<", ">&", "<&", "&>", "&>>", ">|"})
_SEPARATORS = frozenset({";", "\n", "&&", "||", "|", "|&", "&", "(", ")", ";;"})
COMMANDS_MAX = 400
DEPTH_MAX = 8

Expand = Callable[[Token], str]


class Simple(Value):
    """One simple command, not yet expanded, without redirections; `after` is what follows it,
    `conditional` that it stands in a branch of an `if`."""

    words: tuple[Token, ...]
    after: str
    line: int
    last: bool = False
    conditional: bool = False


def functions(tokens: Sequence[Token]) -> tuple[dict[str, tuple[Token, ...]], tuple[Token, ...]]:
    """The functions that a script defines, and the script without them."""
    bodies: dict[str, tuple[Token, ...]] = {}
    rest: list[Token] = []
    at = 0
    while at < len(tokens):
        name, body = _function_head(tokens, at)
        if not name:
            rest.append(tokens[at])
            at += 1
            continue
        depth, end = 1, body
        while end < len(tokens) and depth:
            if tokens[end].kind == "word" and not tokens[end].quoted:
                depth += (tokens[end].text == "{") - (tokens[end].text == "}")
            end += 1
        bodies[name] = tuple(tokens[body : end - 1])
        at = end
    return bodies, tuple(rest)


def _function_head(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    """The name of the function defined at `at` and where its body begins; '' when there is none."""
    texts = [token.text for token in tokens[at : at + 6]]
    if not texts or tokens[at].kind != "word" or (at and tokens[at - 1].kind == "word"):
        return "", at
    name, skip = texts[0], 1
    if name == "function" and len(texts) > 1:
        name, skip = texts[1], 2
    elif texts[1:3] != ["(", ")"]:
        return "", at
    if texts[skip : skip + 2] == ["(", ")"]:
        skip += 2
    if texts[skip : skip + 1] == ["\n"]:
        skip += 1
    if texts[skip : skip + 1] != ["{"]:
        return "", at
    return name, at + skip + 1


def commands(tokens: Sequence[Token], expand: Expand, depth: int = 0) -> Iterator[Simple]:
    """The simple commands; `expand` fills in the word of a `case` with what is known by then."""
    at = count = branches = 0
    while at < len(tokens) and count < COMMANDS_MAX:
        token = tokens[at]
        if token.kind == "op":
            at += 2 if token.text in _REDIRECTIONS else 1
            continue
        if not token.quoted and token.text == "case":
            body, at = _case(tokens, at, expand)
            if depth < DEPTH_MAX:
                yield from commands(body, expand, depth + 1)
            continue
        if not token.quoted and token.text in ("for", "select"):
            while at < len(tokens) and tokens[at].text not in (";", "\n", "do"):
                at += 1
            continue
        if not token.quoted and (token.text in _PREFIXES or token.text in _ENDS):
            branches = max(0, branches + (token.text == "then") - (token.text in ("elif", "fi")))
            at += 1
            continue
        words: list[Token] = []
        while (at < len(tokens) and tokens[at].text not in _SEPARATORS) or _is_word(tokens, at):
            if tokens[at].kind == "op":
                at += 2
            else:
                words.append(tokens[at])
                at += 1
        after = tokens[at].text if at < len(tokens) else ""
        last = all(t.kind == "op" for t in tokens[at:]) if len(tokens) - at < 4 else False
        count += 1
        if words:
            yield Simple(
                words=tuple(words), after=after, line=words[0].line, last=last,
                conditional=branches > 0,
            )  # fmt: skip


def _is_word(tokens: Sequence[Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].kind == "word"


def _case(tokens: Sequence[Token], at: int, expand: Expand) -> tuple[list[Token], int]:
    """The bodies of a `case` that may run, and the place after its `esac`."""
    subject = expand(tokens[at + 1]) if at + 1 < len(tokens) else ""
    known = "$" not in subject
    at += 2
    while at < len(tokens) and tokens[at].text in ("in", "\n"):
        at += 1
    kept: list[Token] = []
    taken = False
    while at < len(tokens) and not (tokens[at].kind == "word" and tokens[at].text == "esac"):
        patterns: list[str] = []
        while at < len(tokens) and tokens[at].text != ")":
            if tokens[at].kind == "word":
                patterns.append(tokens[at].text)
            at += 1
        depth, start = 0, at + 1
        at = start
        while at < len(tokens) and not (depth == 0 and tokens[at].text in (";;", "esac")):
            if tokens[at].kind == "word" and not tokens[at].quoted:
                depth += (tokens[at].text == "case") - (tokens[at].text == "esac")
            at += 1
        fits = not known or (not taken and any(fnmatchcase(subject, p) for p in patterns))
        if fits:
            taken = True
            kept += tokens[start:at]
            kept.append(Token(kind="op", text=";", line=tokens[min(start, len(tokens)) - 1].line))
        while at < len(tokens) and tokens[at].text in (";;", "\n"):
            at += 1
    return kept, at + 1
