"""What a program's words say is run: a module and its attribute, a file, an address."""

from __future__ import annotations

import re

_NAME = r"[^\W\d]\w*"
_TARGET = re.compile(
    rf"({_NAME}(?:\.{_NAME})*)(?::({_NAME}(?:\.{_NAME})*)\s*(\(.*\))?)?", re.DOTALL
)
_PORT = re.compile(r"(?:.*:)?(\d{1,5})/?")
TARGET_MAX = 500


def parse_target(text: str) -> tuple[str, str, str] | None:
    """Module, attribute and arguments of `module:attr` or `module:attr(...)`; none for others."""
    found = _TARGET.fullmatch(text.strip()[:TARGET_MAX])
    if found is None:
        return None
    return found[1], found[2] or "", (found[3] or "").strip()[1:-1].strip()


def file_target(text: str) -> tuple[str, str, str] | None:
    """A target that may be written as a file: `src/hello.py`, `hello`, `./app/web.py:app`.

    A file in a folder gives its dotted name from where the command runs.
    """
    path, colon, attr = text.strip()[:TARGET_MAX].partition(":")
    module = path.removesuffix(".py").removeprefix("./").strip("/").replace("/", ".")
    return parse_target(f"{module}{colon}{attr}")


def port(text: str) -> int:
    """The port of `8000`, `:8000`, `0.0.0.0:8000` or `[::]:8000`; 0 when there is none."""
    text = text.strip()[:TARGET_MAX].partition(",")[0]
    text = text.rpartition("://")[2] or text
    found = _PORT.fullmatch(text)
    number = int(found[1]) if found else 0
    return number if number < 65_536 else 0


def host(text: str) -> str:
    """The host of `host:port` or `host`; '' when only a port is given."""
    text = text.strip()[:TARGET_MAX].partition(",")[0]
    text = text.rpartition("://")[2] or text
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, colon, _ = text.rpartition(":")
    if colon:
        return name
    return "" if text.isdigit() or text.startswith("$") else text
