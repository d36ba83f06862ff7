"""Charts as SVG files, for Markdown and for the typeset report: no browser, the same bytes."""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from types import ModuleType

from seatrial.reporter.charts.look import LIGHT, Chart

VEGA_LITE = "6.4"
"""The version of the language that the page's script has too."""

_TOKEN = re.compile(r"var\(--([a-z0-9]+)\)")
_NAME = re.compile(r"(?<=[\"#])clip\d+(?=[\")])")
_PAD = 12


def svg(chart: Chart) -> bytes:
    """The chart as a file, on a light card that a dark page can carry."""
    spec = chart.spec | {"background": LIGHT["paper"], "padding": _PAD}
    source = _TOKEN.sub(lambda found: LIGHT.get(found[1], LIGHT["ink"]), json.dumps(spec))
    drawn: str = _engine().vegalite_to_svg(
        source, vl_version=VEGA_LITE, allowed_base_urls=[], show_warnings=False
    )
    head, _, body = _renumbered(drawn).partition(">")
    told = f"<title>{escape(chart.title)}</title><desc>{escape(chart.description)}</desc>"
    return f'{head} role="img">{told}{body}\n'.encode()


def _renumbered(drawn: str) -> str:
    """The engine counts the names of its clips through its whole life; a file's begin at 0."""
    names = list(dict.fromkeys(_NAME.findall(drawn)))
    return _NAME.sub(lambda found: f"clip-{names.index(found[0])}", drawn)


@cache
def _engine() -> ModuleType:
    """The drawing engine, which knows the fonts of the package."""
    # It takes a second to start: only those who ask for files wait for it.
    import vl_convert

    vl_convert.register_font_directory(str(assets()))
    return vl_convert


def assets() -> Path:
    """The folder of the fonts and the page's script."""
    return Path(str(resources.files("seatrial.reporter"))) / "assets"
