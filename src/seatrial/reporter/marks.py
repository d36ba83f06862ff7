"""Bars, lines and labels at exact places, and how Vega draws them."""

from __future__ import annotations

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

    The chart is a Vega specification as a plain value. Its marks are placed already, so it needs
    no scales, and Vega draws it eight times faster than the same chart in Vega-Lite.
    """
    # vl-convert starts a JavaScript engine: only who draws pays for it.
    import vl_convert

    place = {"x": {"field": "x", "mult": width}, "y": {"field": "y"}}
    span = {**place, "x2": {"field": "x2", "mult": width}, "y2": {"field": "y2"}}
    fill, stroke = {"fill": {"field": "colour"}}, {"stroke": {"field": "colour"}}
    dashes = {"strokeWidth": {"value": 1.5}, "strokeDash": {"value": [4, 3]}}
    layers = [
        ("rect", marks.bars, {**span, **fill, "opacity": {"field": "shade"}}),
        ("rule", marks.rules, {**span, **stroke, **dashes}),
    ]
    font = {"baseline": "alphabetic", "fontSize": 12, "font": svg.FONT}
    label: dict[str, Any] = {**place, **fill, "text": {"field": "text"}, "dx": {"field": "dx"}}
    label |= {key: {"value": value} for key, value in font.items()}
    for key, field in (("align", "align"), ("fontWeight", "weight")):
        label[key] = {"field": field}
    texts = [{**row, "limit": row["limit"] or width} for row in marks.texts]
    layers.append(("text", texts, {**label, "limit": {"field": "limit"}}))
    drawn = [(kind, rows, encode) for kind, rows, encode in layers if rows]
    return str(
        vl_convert.vega_to_svg(
            {
                "$schema": "https://vega.github.io/schema/vega/v6.json",
                "width": width,
                "height": marks.height,
                "padding": 0,
                "data": [{"name": kind, "values": rows} for kind, rows, _ in drawn],
                "marks": [
                    {"type": kind, "from": {"data": kind}, "encode": {"enter": encode}}
                    for kind, _, encode in drawn
                ],
            }
        )
    )
