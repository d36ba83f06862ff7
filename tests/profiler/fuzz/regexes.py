"""Look for regular expressions of the profiler that take time that grows with the square.

    python tests/profiler/fuzz/regexes.py

Finds every pattern in the profiler's code and runs it over long strings made of its own letters
and of the usual suspects. Twice the length may take twice the time; where it takes about four
times, on a length that an app's file may have, it is told. Exit code 1 when there was any.
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import seatrial.profiler

LENGTH = 8_000
SLOW_S = 0.03
PAIRS = 60
SUSPECTS = "a0 -_./:\"'\\\n\t=[{($@#,;<%A"
FUNCTIONS = frozenset({"compile", "search", "match", "fullmatch", "findall", "finditer", "sub",
                       "split", "subn"})  # fmt: skip


def patterns(folder: Path) -> Iterator[tuple[str, int, str]]:
    """File, line and text of every constant pattern."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                and node.func.attr in FUNCTIONS and ast.unparse(node.func.value) == "re"
                and node.args
            ):  # fmt: skip
                try:
                    value = ast.literal_eval(node.args[0])
                except ValueError:
                    print(f"{file.name}:{node.lineno}: not a constant, look at it yourself")
                    continue
                if isinstance(value, bytes):
                    value = value.decode("latin-1")
                flags = " ".join(ast.unparse(arg) for arg in [*node.args, *node.keywords])
                known = ("VERBOSE", "MULTILINE", "IGNORECASE", "DOTALL")
                wanted = 0
                for name in known:
                    wanted |= getattr(re, name) if name in flags else 0
                yield f"{file.relative_to(folder)}:{node.lineno}", wanted, value


def used(folder: Path) -> Iterator[tuple[str, str]]:
    """Place of each pattern that is kept under a name, and the methods called on that name."""
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text())
        made: dict[str, int] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                if ast.unparse(node.value.func) == "re.compile":
                    made |= {ast.unparse(target): node.value.lineno for target in node.targets}
            elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
                name = ast.unparse(node.func)[3:]
                if name != "compile":
                    yield f"{file.relative_to(folder)}:{node.lineno}", name
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in made:
                yield f"{file.relative_to(folder)}:{made[ast.unparse(node.value)]}", node.attr


def seconds(pattern: re.Pattern[str], text: str, anchored: bool) -> float:
    """Processor time of a pattern on a text."""
    began = time.process_time()
    if anchored:
        pattern.match(text)
        pattern.fullmatch(text)
    else:
        sum(1 for _ in pattern.finditer(text))
    return time.process_time() - began


def main() -> int:
    found = 0
    folder = Path(seatrial.profiler.__path__[0])
    every = list(patterns(folder))
    # A pattern that is only ever matched from a text's start has no second chance to be slow.
    searched = {place for place, name in used(folder) if name not in ("match", "fullmatch")}
    for place, flags, text in every:
        pattern = re.compile(text, flags)
        letters = dict.fromkeys(re.sub(r"\\.|[\^$*+?|()\[\]{}]", "", text)[:40] + SUSPECTS)
        words = re.findall(r"[A-Za-z_.:/=-]{2,}", text)[:12]
        pairs = map("".join, itertools.permutations(list(letters)[:12], 2))
        seeds = [*letters, *itertools.islice(pairs, PAIRS), *words]
        starts, anchored = ["", *words], place not in searched
        for start, seed in itertools.product(starts[:4], seeds):
            short = start + seed * (LENGTH // len(seed)) + "\0"
            if seconds(pattern, short, anchored) < SLOW_S:
                continue
            long = start + seed * (2 * LENGTH // len(seed)) + "\0"
            ratio = seconds(pattern, long, anchored) / max(seconds(pattern, short, anchored), 1e-9)
            if ratio > 3:
                found += 1
                print(f"{place}: {text!r} on {start + seed!r}...: {ratio:.1f} times for twice")
                break
    print(f"{len(every)} patterns, {found} slow")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
