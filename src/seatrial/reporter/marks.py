"""Bars, lines and labels at exact places, and how Vega-Lite draws them."""

from __future__ import annotations

from collections.abc import Callable
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
    """Draw the marks; x counts in shares of the width, y in pixels."""
    # Altair and vl-convert take most of a second to load: only who draws pays for it.
    import altair as alt
    import vl_convert

    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1], range=[0, width]), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, marks.height], range=[0, marks.height]), axis=None)
    data: Callable[..., Any] = alt.Data  # Altair leaves it untyped.
    colour = alt.Color("colour:N", scale=None)
    layers = [
        alt.Chart(data(values=marks.bars))
        .mark_rect()
        .encode(
            x=x, x2="x2:Q", y=y, y2="y2:Q", color=colour, opacity=alt.Opacity("shade:Q", scale=None)
        ),
        alt.Chart(data(values=marks.rules))
        .mark_rule(strokeWidth=1.5, strokeDash=[4, 3])
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=colour),
    ]
    by_style: dict[tuple[str, str, float], list[Row]] = {}
    for label in marks.texts:
        placed = {**label, "x": label["x"] + label["dx"] / width}
        by_style.setdefault((label["align"], label["weight"], label["limit"]), []).append(placed)
    for (align, weight, limit), labels in by_style.items():
        style: dict[str, Any] = {"align": align, "fontWeight": weight, "limit": limit or width}
        layers.append(
            alt.Chart(data(values=labels))
            .mark_text(baseline="alphabetic", fontSize=12, font=svg.FONT, **style)
            .encode(x=x, y=y, text="text:N", color=colour)
        )
    chart = (
        alt.layer(*[layer for layer in layers if layer.data.values])
        .properties(
            width=width,
            height=marks.height,
            padding=0,
            background="transparent",
            autosize=alt.AutoSizeParams(type="none"),
        )
        .configure_view(stroke=None)
    )
    # Vega-Lite checks the chart itself; Altair's own check takes longer than the drawing.
    return str(vl_convert.vegalite_to_svg(chart.to_dict(validate=False)))
