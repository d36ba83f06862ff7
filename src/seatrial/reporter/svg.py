"""Placed marks as SVG: small, the same bytes on every machine, coloured by token."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from seatrial.reporter.marks import Marks

SVG = "http://www.w3.org/2000/svg"
FONT = "Inter, Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
SERIES = tuple(f"c{at}" for at in range(8))
COLOURS = {
    "ink": "#14212b",
    "muted": "#5b6b78",
    "grid": "#d5dce2",
    "measured": "#0b6b78",
    "promised": "#a9ccd1",
    "slo": "#b4481e",
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
}
FONT_PX = 12
CHARACTER_PX = 6.6
"""Mean width of a character at that size; labels are cut by it, since fonts differ by machine."""

CARD_PAD = 20

Paint = Callable[[ElementTree.Element, str, str], None]


def inline(marks: Marks, width: int, name: str, title: str, description: str) -> str:
    """For the page: colours are classes, `fill-ink`, so that the page's scheme decides."""
    root = _root(width, marks.height, name, title, description)
    _draw(root, marks, width, _as_class)
    return ElementTree.tostring(root, encoding="unicode")


def standalone(marks: Marks, width: int, name: str, title: str, description: str) -> str:
    """As a file: the colours themselves, on a light card that a dark page can carry."""
    root = _root(width, marks.height, name, title, description)
    wide, high = width + 2 * CARD_PAD, marks.height + 2 * CARD_PAD
    root.set("viewBox", f"{-CARD_PAD} {-CARD_PAD} {wide} {high}")
    root.set("width", str(wide))
    root.set("height", str(high))
    card = {"x": str(-CARD_PAD), "y": str(-CARD_PAD), "width": str(wide), "height": str(high)}
    ElementTree.SubElement(root, "rect", {**card, "rx": "10", "fill": "#ffffff"})
    _draw(root, marks, width, _as_colour)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _root(width: int, height: int, name: str, title: str, said: str) -> ElementTree.Element:
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": SVG,
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
            "font-family": FONT,
            "font-size": f"{FONT_PX}px",
        },
    )
    ElementTree.SubElement(root, "title", {"id": f"{name}-title"}).text = title
    ElementTree.SubElement(root, "desc", {"id": f"{name}-desc"}).text = said
    return root


def _as_class(element: ElementTree.Element, paint: str, colour: str) -> None:
    element.set("class", f"{paint}-{colour}")


def _as_colour(element: ElementTree.Element, paint: str, colour: str) -> None:
    element.set(paint, COLOURS[colour])


def _draw(root: ElementTree.Element, marks: Marks, width: int, paint: Paint) -> None:
    for bar in marks.bars:
        size = {"width": _px((bar.right - bar.left) * width), "height": _px(bar.height)}
        place = {"x": _px(bar.left * width), "y": _px(bar.top)}
        drawn = ElementTree.SubElement(root, "rect", {**place, **size})
        if bar.shade != 1:
            drawn.set("opacity", f"{bar.shade:g}")
        paint(drawn, "fill", bar.colour)
    for rule in marks.rules:
        ends = {"x1": _px(rule.left * width), "x2": _px(rule.right * width)}
        ends |= {"y1": _px(rule.top), "y2": _px(rule.bottom)}
        dashes = {"stroke-width": "1.5", "stroke-dasharray": "4,3"}
        paint(ElementTree.SubElement(root, "line", {**ends, **dashes}), "stroke", rule.colour)
    for curve in marks.curves:
        points = " ".join(f"{_px(x * width)},{_px(y)}" for x, y in curve.points)
        shape = {"points": points, "fill": "none", "stroke-width": "2", "stroke-linejoin": "round"}
        paint(ElementTree.SubElement(root, "polyline", shape), "stroke", curve.colour)
    for label in marks.texts:
        place = {"x": _px(label.left * width + label.dx), "y": _px(label.baseline)}
        if label.align != "left":
            place["text-anchor"] = "end" if label.align == "right" else "middle"
        if label.bold:
            place["font-weight"] = "bold"
        drawn = ElementTree.SubElement(root, "text", place)
        drawn.text = _cut(label.said, label.limit or width)
        paint(drawn, "fill", label.colour)


def _cut(said: str, limit_px: float) -> str:
    """A label that would be longer than its room ends in an ellipsis."""
    room = max(1, int(limit_px / CHARACTER_PX))
    return said if len(said) <= room else said[: room - 1].rstrip() + "\u2026"


def _px(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
