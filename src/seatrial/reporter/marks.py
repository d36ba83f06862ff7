"""Bars, lines and labels at exact places: what charts are made of."""

from __future__ import annotations

from seatrial.kernel.values import Value
from seatrial.reporter.words import clean


class Bar(Value):
    """A filled bar; `left` and `right` in shares of the width, the rest in pixels."""

    left: float
    right: float
    top: float
    height: float
    colour: str
    shade: float = 1


class Rule(Value):
    """A dashed line; across in shares of the width, down in pixels."""

    left: float
    right: float
    top: float
    bottom: float
    colour: str


class Curve(Value):
    """A line through points: across in shares of the width, down in pixels."""

    points: tuple[tuple[float, float], ...]
    colour: str


class Text(Value):
    """A label, `dx` pixels beside `left` (in shares of the width), at most `limit` pixels long."""

    said: str
    left: float
    baseline: float
    colour: str
    bold: bool = False
    dx: float = 0
    limit: float = 0
    align: str = "left"


class Marks(Value):
    """What to draw, in pixels from the top and in shares of the width from the left."""

    height: int
    bars: list[Bar]
    texts: list[Text]
    rules: list[Rule]
    curves: list[Curve] = []


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


def bar(left: float, right: float, top: float, height: float, colour: str, shade: float = 1) -> Bar:
    """A filled bar."""
    return Bar(left=left, right=right, top=top, height=height, colour=colour, shade=shade)


def rule(left: float, right: float, top: float, bottom: float, colour: str) -> Rule:
    """A dashed line."""
    return Rule(left=left, right=right, top=top, bottom=bottom, colour=colour)


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
) -> Text:
    """A label; at the right edge (`left` is 1) it is set flush right unless `align` says."""
    return Text(
        said=clean(said),
        left=left,
        baseline=baseline,
        colour=colour,
        bold=bold,
        dx=dx,
        limit=limit,
        align=align or ("right" if left == 1 else "left"),
    )
