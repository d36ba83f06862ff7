"""How charts look: one set of colour tokens and one configuration for all of them.

Colours in a specification are CSS variables, `var(--ink)`. In the page its style sheet decides
what they are (light, dark, print); in an SVG file they are replaced by the light ones.
"""

from __future__ import annotations

import math
from typing import Any

from seatrial.kernel.values import Value
from seatrial.reporter.words import clean

Spec = dict[str, Any]
"""A Vega-Lite specification; `width` is what the file has, the page sets its own."""

WIDTH = 760
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
FONT = "Inter, Helvetica Neue, Helvetica, Arial, sans-serif"
SERIES = 8
LIGHT = {
    "paper": "#ffffff",
    "ink": "#14212b",
    "soft": "#3d4d59",
    "muted": "#5b6b78",
    "grid": "#e3e8ec",
    "faint": "#eef2f4",
    "accent": "#0b6b78",
    "slo": "#b4481e",
    "load": "#a9ccd1",
    # Eight hues that stay apart for the colour-blind in neighbouring order (after Okabe and Ito
    # 2008, darkened to reach 3:1 on white).
    "c0": "#0c6c79",
    "c1": "#d08a1d",
    "c2": "#4d7fb8",
    "c3": "#a85a86",
    "c4": "#5f9e6e",
    "c5": "#8f7b5a",
    "c6": "#7c74b8",
    "c7": "#93a1ab",
    # One hue from light to dark: order is read without telling hues apart.
    "h0": "#edf3f4",
    "h1": "#c9e0e3",
    "h2": "#93c3c9",
    "h3": "#3f8f9a",
    "h4": "#0a5560",
    "hot": "#ffffff",
}


class Chart(Value):
    """One chart: what it is called, what it shows in a sentence, and its specification."""

    title: str
    description: str
    spec: Spec


def token(name: str) -> str:
    """A colour by its name."""
    return f"var(--{name})"


def label(text: str, limit: int = 60) -> str:
    """A foreign text as a label: one line of visible characters, cut to `limit`."""
    shown = clean(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def spec(content: Spec, height: Any = None) -> Spec:
    """A whole specification around its marks."""
    made: Spec = {"$schema": SCHEMA, "config": config(), "background": None}
    if "vconcat" not in content:
        made |= {"width": WIDTH, "autosize": {"type": "fit-x", "contains": "padding"}}
        made["height"] = height
    return made | content


def config() -> Spec:
    """Fonts, axes and legends of every chart."""
    words = {"labelFontSize": 11.5, "titleFontSize": 11.5}
    quiet = {"labelColor": token("muted"), "titleColor": token("muted")}
    return {
        "font": FONT,
        "padding": 2,
        "view": {"stroke": None},
        "axis": {
            **words,
            **quiet,
            "domain": False,
            "ticks": False,
            "gridColor": token("grid"),
            "labelPadding": 7,
            "titlePadding": 10,
            "titleFontWeight": "normal",
        },
        "legend": {
            **words,
            "labelColor": token("soft"),
            "titleColor": token("muted"),
            "orient": "top",
            "title": None,
            "symbolType": "square",
            "symbolSize": 110,
            "columns": 4,
            "labelLimit": 150,
            "offset": 12,
            "symbolOpacity": 1,
        },
        "text": {"fontSize": 11.5, "color": token("ink")},
        "bar": {"color": token("accent")},
        "line": {"strokeWidth": 2.2, "color": token("accent")},
        "title": {
            "fontSize": 12, "fontWeight": 600, "anchor": "start",
            "color": token("soft"), "offset": 8,
        },
    }  # fmt: skip


def names_axis(limit: int = 170) -> Spec:
    """The axis that names rows."""
    return {
        "title": None, "labelLimit": limit, "grid": False, "labelColor": token("ink"),
        "minExtent": 60,
    }  # fmt: skip


def ticks(values: list[float]) -> list[float]:
    """1, 2 and 5 times powers of ten across a logarithmic axis, only powers when that is many."""
    low, high = min(values, default=1.0), max(values, default=10.0)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) <= 4 else (1,)
    every = max(1, len(powers) // 7)
    return [step * 10.0**power for power in powers[::every] for step in steps]


def dollars_axis(title: str = "USD a month") -> Spec:
    """The axis of money."""
    return {"title": title, "format": "$,~s", "tickCount": 5}


def series(names: list[str]) -> Spec:
    """A colour scale that gives the first seven names a hue each, and what follows the last."""
    return {"domain": names, "range": [token(f"c{at}") for at in range(len(names))]}


def by_legend(field: str) -> Spec:
    """A click on the legend brings one of them forward."""
    return {
        "params": [
            {"name": "picked", "select": {"type": "point", "fields": [field]}, "bind": "legend"}
        ]
    }
