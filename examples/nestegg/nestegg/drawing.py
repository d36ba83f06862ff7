"""A fan chart as PDF graphics."""

from __future__ import annotations

import math

from reportlab.graphics.shapes import Drawing, Line, Polygon, PolyLine, String
from reportlab.lib import colors

from nestegg import words
from nestegg.plan import Plan
from nestegg.returns import Array

TEAL, MUTED = colors.HexColor("#12908e"), colors.HexColor("#5f6f6d")
OUTER, INNER = colors.HexColor("#d5eae9"), colors.HexColor("#a5d2d1")
GRID = colors.HexColor("#e4e0d6")
LEFT, BOTTOM, TOP = 44.0, 16.0, 4.0
FONT, SIZE = "Helvetica", 7.5


def nice_step(top: float, most: int) -> float:
    """1, 2 or 5 times a power of ten, so that at most so many steps reach the top."""
    raw = max(top, 1e-9) / most
    power = float(10 ** math.floor(math.log10(raw)))
    return next((m * power for m in (1.0, 2.0, 5.0) if m * power >= raw), 10 * power)


def fan(plan: Plan, values: Array, width: float, height: float) -> Drawing:
    """Percentiles (5, years) as bands and a median line, by age."""
    drawing = Drawing(width, height)
    count = values.shape[1]
    step = nice_step(float(values.max()), 4)
    top = step * max(1, math.ceil(float(values.max()) / step))

    def x(index: float) -> float:
        return float(LEFT + (width - LEFT) * index / max(count - 1, 1))

    def y(value: float) -> float:
        return float(BOTTOM + (height - BOTTOM - TOP) * value / top)

    for tick in range(round(top / step) + 1):
        at = y(tick * step)
        drawing.add(Line(LEFT, at, width, at, strokeColor=GRID, strokeWidth=0.5))
        label = words.money(tick * step).replace(".00", "")
        drawing.add(String(LEFT - 4, at - 2.5, label, fontName=FONT, fontSize=SIZE,
                           fillColor=MUTED, textAnchor="end"))  # fmt: skip
    for low, high, colour in ((0, 4, OUTER), (1, 3, INNER)):
        there = [(x(i), y(v)) for i, v in enumerate(values[high].tolist())]
        back = [(x(i), y(v)) for i, v in enumerate(values[low].tolist())]
        points = [number for point in (*there, *reversed(back)) for number in point]
        drawing.add(Polygon(points, fillColor=colour, strokeColor=None))
    median = [n for i, v in enumerate(values[2].tolist()) for n in (x(i), y(v))]
    if count > 1:
        drawing.add(PolyLine(median, strokeColor=TEAL, strokeWidth=1.4))
    every = max(1, round(nice_step(count, 8)))
    for index in range(0, count, every):
        anchor = "start" if index == 0 else "end" if x(index) > width - 8 else "middle"
        drawing.add(String(x(index), 4, str(plan.age + index), fontName=FONT, fontSize=SIZE,
                           fillColor=MUTED, textAnchor=anchor))  # fmt: skip
    return drawing
