"""Turning hostile text into names and into literals of the languages a bundle is written in."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence

NAME_LENGTH_MAX = 24
"""Leaves 8 of the 32 characters a load balancer's or a target group's name may have."""

# A load balancer may not be called `internal-...`; ECS keeps the other three for itself.
_RESERVED = ("internal", "aws", "ecs", "fargate")

_HCL_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def slug(text: str) -> str:
    """A name of 2 to 24 characters of [a-z0-9-] that starts with a letter.

    What does not fit is replaced by six hex digits of the text's SHA-256, so that two long names
    stay two names.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(name) < 2 or not name[0].isalpha() or name.startswith(_RESERVED):
        name = f"app-{name}".strip("-")
    if name != "app" and len(name) <= NAME_LENGTH_MAX:
        return name
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{name[: NAME_LENGTH_MAX - len(mark) - 1].rstrip('-')}-{mark}"


def hcl_string(text: str) -> str:
    """`text` as a quoted HCL string; templates (`${`, `%{`) in it stay text."""
    parts: list[str] = []
    for index, char in enumerate(text):
        if char in "$%" and text[index + 1 : index + 2] == "{":
            # Not doubled: parsers differ in how they read a run of several.
            parts.append(f"\\u{ord(char):04x}")
        elif char in _HCL_ESCAPES:
            parts.append(_HCL_ESCAPES[char])
        elif unicodedata.category(char) in ("Cc", "Zl", "Zp"):
            parts.append(f"\\u{ord(char):04x}")
        else:
            parts.append(char)
    return '"' + "".join(parts) + '"'


def hcl_map(entries: Mapping[str, str], indent: int) -> str:
    """The lines of an HCL object, `=` aligned the way `terraform fmt` aligns it."""
    width = max((len(hcl_string(key)) for key in entries), default=0)
    lines = (f"{hcl_string(key):<{width}} = {hcl_string(value)}" for key, value in entries.items())
    return ("\n" + " " * indent).join(lines)


def exec_form(argv: Sequence[str]) -> str:
    """An argv as the JSON array a Dockerfile instruction takes; no shell reads it.

    `<` is escaped because BuildKit looks for here-documents before it looks for JSON.
    """
    return json.dumps(list(argv)).replace("<", "\\u003c")


def yaml_string(text: str) -> str:
    """`text` as a double-quoted YAML string, in ASCII."""
    parts: list[str] = []
    for char in text:
        if ord(char) < 0x80:
            parts.append(json.dumps(char)[1:-1] if char != "\x7f" else "\\x7f")
        else:
            parts.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return '"' + "".join(parts) + '"'


def compose_string(text: str) -> str:
    """`text` as a YAML string in which Docker Compose interpolates nothing."""
    return yaml_string(text.replace("$", "$$"))


def code_span(text: str) -> str:
    """`text` as a Markdown code span on one line."""
    line = "".join(char if char.isprintable() else " " for char in text).replace("`", "'")
    return f"`{line}`" if line.strip() else "` `"
