"""Bars, lines and labels at exact places, and how Vega-Lite draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.kernel.values import Value
from seatrial.reporter import svg
from seatrial.reporter.words import clean

Row = dict[str, Any]


class Marks(Value):
    """What to draw, in pixels from the top and in shares of the width from the left."""

    height: int
    bars: list[Row]
    texts: list[Row]
    rules: list[Row]


def legend(entries: list[tuple[str, str]], width: int) -> tuple[Marks, int]:
    """Swatches with names in equal columns; returns what to draw and where the rows begin."""
    marks = Marks(height=0, bars=[], texts=[], rules=[])
    columns = 4 if width > 500 else 2
    for at, (name, colour) in enumerate(entries):
        left, top = at % columns / columns, at // columns * 20
        marks.bars.append(bar(left, left + 10 / width, top + 3, 10, colour))
        limit = width / columns - 22
        marks.texts.append(text(name, left, top + 12, "muted", dx=15, limit=limit))
    return marks, -(-len(entries) // columns) * 20 + 12 if entries else 0


def bar(left: float, right: float, top: float, height: float, colour: str, shade: float = 1) -> Row:
    """A filled bar; x in shares of the width, y in pixels from the top."""
    return {
        "x": left,
        "x2": right,
        "y": top,
        "y2": top + height,
        "colour": svg.COLOURS[colour],
        "shade": shade,
    }


def rule(left: float, right: float, top: float, bottom: float, colour: str) -> Row:
    """A dashed line."""
    return {"x": left, "x2": right, "y": top, "y2": bottom, "colour": svg.COLOURS[colour]}


def text(
    said: str,
    left: float,
    baseline: float,
    colour: str,
    *,
    bold: bool = False,
    dx: float = 0,
    limit: float = 0,
    align: str = "",
) -> Row:
    """A label; at the right edge (`left` is 1) it is set flush right unless `align` says."""
    style = "bold" if bold else "normal"
    return {
        "text": clean(said),
        "x": left,
        "y": baseline,
        "colour": svg.COLOURS[colour],
        "align": align or ("right" if left == 1 else "left"),
        "weight": style,
        "dx": dx,
        "limit": limit,
    }


def draw_marks(marks: Marks, width: int) -> str:
    """Draw the marks; x counts in shares of the width, y in pixels.

    The chart is a Vega-Lite specification as a plain value: Altair's classes over the same
    specification take longer to load and to check than the drawing takes.
    """
    # vl-convert starts a JavaScript engine: only who draws pays for it.
    import vl_convert

    across = {"type": "quantitative", "axis": None, "scale": _scale([0, 1], width)}
    down = {
        "type": "quantitative",
        "axis": None,
        "scale": _scale([0, marks.height], marks.height),
    }
    place = {
        "x": {"field": "x", **across},
        "y": {"field": "y", **down},
        "color": {"field": "colour", "type": "nominal", "scale": None},
    }
    span = {**place, "x2": {"field": "x2"}, "y2": {"field": "y2"}}
    shade = {"field": "shade", "type": "quantitative", "scale": None}
    layers = [
        _layer(marks.bars, {"type": "rect"}, {**span, "opacity": shade}),
        _layer(marks.rules, {"type": "rule", "strokeWidth": 1.5, "strokeDash": [4, 3]}, span),
    ]
    by_style: dict[tuple[str, str, float], list[Row]] = {}
    for label in marks.texts:
        placed = {**label, "x": label["x"] + label["dx"] / width}
        by_style.setdefault((label["align"], label["weight"], label["limit"]), []).append(placed)
    text = {**place, "text": {"field": "text", "type": "nominal"}}
    for (align, weight, limit), labels in by_style.items():
        style = {"align": align, "fontWeight": weight, "limit": limit or width}
        font = {"baseline": "alphabetic", "fontSize": 12, "font": svg.FONT}
        layers.append(_layer(labels, {"type": "text", **font, **style}, text))
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": marks.height,
        "padding": 0,
        "background": "transparent",
        "autosize": {"type": "none"},
        "config": {"view": {"stroke": None}},
        "layer": [layer for layer in layers if layer["data"]["values"]],
    }
    return str(vl_convert.vegalite_to_svg(chart))


def _scale(domain: list[float], pixels: int) -> dict[str, Any]:
    return {"domain": domain, "range": [0, pixels]}


def _layer(rows: Sequence[Row], mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}
