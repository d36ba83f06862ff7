"""`seatrial-run config`: every option as it is settled, and where it comes from."""

import json
import re
import sys
import textwrap

from seatrial_runtime.settings.layers import Resolved
from seatrial_runtime.settings.options import OPTIONS, Option
from seatrial_runtime.settings.settings import default
from seatrial_runtime.telemetry.masking import is_secret_name

_WIDTH = 80
_MASK = "***"
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@]*@")
_QUERY = re.compile(r"\?[^\s,]+")


def show(resolved: Resolved, *, as_json: bool) -> int:
    """Print the options and variables of a run; warnings go to stderr. Returns the exit code."""
    rows = _options(resolved)
    variables = _variables(resolved)
    if as_json:
        document = {
            "command": resolved.given.command,
            "environment": resolved.settings.environment,
            "options": [dict(zip(("name", "value", "origin"), row, strict=True)) for row in rows],
            "variables": [
                dict(zip(("name", "value", "origin"), row, strict=True)) for row in variables
            ],
            "warnings": list(resolved.warnings),
        }
        print(json.dumps(document, indent=2))
    else:
        _table("option", rows)
        print()
        _table("variable of the app", variables)
    for warning in resolved.warnings:
        print(f"seatrial-run: warning: {warning}", file=sys.stderr)
    return 0


Row = tuple[str, str, str]


def _options(resolved: Resolved) -> list[Row]:
    by_name = {option.name: option for option in OPTIONS}
    return [
        (name, _value(by_name[name], resolved), origin) for name, origin in resolved.origins.items()
    ]


def _value(option: Option, resolved: Resolved) -> str:
    text = resolved.texts[option.name]
    if not option.secret or text == default(option, resolved.settings.environment):
        return masked(text, resolved)
    return _QUERY.sub(f"?{_MASK}", _URL_LOGIN.sub(f"{_MASK}@", masked(text, resolved)))


def _variables(resolved: Resolved) -> list[Row]:
    """Those that a file or the secrets source has; what only the environment has is not listed."""
    rows = []
    for name, origin in resolved.app_origins.items():
        told = resolved.app_environment[name]
        if name in resolved.private or is_secret_name(name):
            rows.append((name, _MASK if told else "", origin))
        else:
            rows.append((name, _URL_LOGIN.sub(f"{_MASK}@", masked(told, resolved)), origin))
    return rows


def masked(text: str, resolved: Resolved) -> str:
    """A text without any of the secret values."""
    for value in sorted(resolved.secret_values, key=len, reverse=True):
        text = text.replace(value, _MASK)
    return text


def _table(title: str, rows: list[Row]) -> None:
    """Three columns in 80 characters; what is longer goes on below, cut nowhere."""
    name_width = max([len(title), *(len(name) for name, _, _ in rows)])
    name_width = min(name_width, 28)
    value_width = min(max([5, *(len(value) for _, value, _ in rows)]), 24)
    origin_width = _WIDTH - name_width - value_width - 4
    widths = (name_width, value_width, origin_width)
    for row in [(title, "value", "from"), *rows]:
        cells = [
            textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
            for cell, width in zip(row, widths, strict=True)
        ]
        for number in range(max(map(len, cells))):
            line = [
                (cell[number] if number < len(cell) else "").ljust(width)
                for cell, width in zip(cells, widths, strict=True)
            ]
            print("  ".join(line).rstrip())
