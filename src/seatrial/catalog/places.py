"""Where a value stands in a TOML text, so that errors name its line."""

from __future__ import annotations

import re

_STEP = re.compile(r"([\w-]+)(?:\[(\d+)\])?")


def line_of(text: str, path: str, what: str = "") -> int:
    """Line of a value in a TOML text, by its path (`$.bill[3].meter`); the nearest known one.

    An unknown key is named in `what`, not in the path, so it is looked for as well.
    """
    lines = text.split("\n")
    start, stop = 0, len(lines)
    keys = _STEP.findall(path.removeprefix("$"))
    unknown = re.search(r"unknown field `([\w-]+)`", what)
    if unknown:
        keys.append((unknown.group(1), ""))
    section = ""
    for key, index in keys:
        section = f"{section}.{key}" if section else key
        at = _nth(lines, f"[[{section}]]", int(index)) if index else None
        if at is None:
            at = _nth(lines, f"[{section}]", 0)
        if at is not None:
            start, stop = at, _table_end(lines, at)
        elif (at := _assigned(lines, key, start, stop)) is not None:
            start, stop = _element(lines, int(index), at, stop) if index else (at, stop)
    return start + 1


def _nth(lines: list[str], opening: str, count: int) -> int | None:
    """Index of the `count`-th line that begins with `opening`."""
    found = [at for at, line in enumerate(lines) if line.strip().startswith(opening)]
    return found[count] if count < len(found) else None


def _table_end(lines: list[str], start: int) -> int:
    """Index of the line after a table: the header of the next one, or the end."""
    later = range(start + 1, len(lines))
    return next((at for at in later if lines[at].strip().startswith("[")), len(lines))


def _assigned(lines: list[str], key: str, start: int, stop: int) -> int | None:
    """The line that sets a key: at its beginning, else inside an inline table."""
    for form in (rf"\s*{key}\s*=", rf".*[{{,]\s*{key}\s*="):
        for at in range(start, stop):
            if re.match(form, lines[at]):
                return at
    return None


def _element(lines: list[str], index: int, at: int, stop: int) -> tuple[int, int]:
    """First line and end of an array's element, when each begins a line; else the array's."""
    if lines[at].split("#")[0].rstrip().endswith("]"):
        return at, at + 1
    closed = next((n for n in range(at + 1, stop) if lines[n].startswith("]")), stop)
    elements = [n for n in range(at + 1, closed) if lines[n].strip()[:1] not in ("", "#")]
    return (elements[index], elements[index] + 1) if index < len(elements) else (at, closed)
