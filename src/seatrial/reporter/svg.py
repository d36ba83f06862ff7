"""From what Vega draws to the SVG that is shown: small, without ids of its own, coloured by token.

Only drawing elements and attributes of a list pass, whatever a text in the chart contained.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

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
_TOKENS = {colour: name for name, colour in reversed(COLOURS.items())}
_DRAWN = {"g", "path", "line", "text", "rect"}
_KEPT = {
    "d",
    "transform",
    "x",
    "y",
    "x2",
    "y2",
    "width",
    "height",
    "opacity",
    "stroke-width",
    "stroke-dasharray",
    "text-anchor",
    "font-size",
    "font-weight",
}
_NUMBER = re.compile(r"-?\d+\.\d{3,}")


def inline(raw: str, name: str, title: str, description: str) -> str:
    """For the page: colours are classes, `fill-ink`, so that the page's scheme decides."""
    root = _shaped(raw, name, title, description)
    for element in root.iter():
        classes = []
        for paint in ("fill", "stroke"):
            colour = element.attrib.pop(paint, "")
            if colour in _TOKENS:
                classes.append(f"{paint}-{_TOKENS[colour]}")
        if classes:
            element.set("class", " ".join(classes))
    return _written(root)


def standalone(raw: str, name: str, title: str, description: str) -> str:
    """As a file: the colours themselves, on a light card that a dark page can carry."""
    root = _shaped(raw, name, title, description)
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    pad = 20
    root.set("viewBox", f"{-pad} {-pad} {width + 2 * pad:g} {height + 2 * pad:g}")
    root.set("width", f"{width + 2 * pad:g}")
    root.set("height", f"{height + 2 * pad:g}")
    card = ElementTree.Element(
        "rect",
        {
            "x": str(-pad),
            "y": str(-pad),
            "width": root.get("width", ""),
            "height": root.get("height", ""),
            "rx": "10",
            "fill": "#ffffff",
        },
    )
    root.insert(2, card)
    return _written(root) + "\n"


def _shaped(raw: str, name: str, title: str, description: str) -> ElementTree.Element:
    source = ElementTree.fromstring(raw)
    width, height = source.get("width", "0"), source.get("height", "0")
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": SVG,
            "viewBox": f"0 0 {width} {height}",
            "width": width,
            "height": height,
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
            "font-family": FONT,
        },
    )
    ElementTree.SubElement(root, "title", {"id": f"{name}-title"}).text = title
    ElementTree.SubElement(root, "desc", {"id": f"{name}-desc"}).text = description
    for child in source:
        kept = _kept(child)
        if kept is not None:
            root.append(kept)
    return root


def _kept(source: ElementTree.Element) -> ElementTree.Element | None:
    """The element with what draws something; none when nothing of it does."""
    tag = source.tag.removeprefix(f"{{{SVG}}}")
    if tag not in _DRAWN:
        return None
    marks = {
        key: _NUMBER.sub(_short, value) for key, value in source.attrib.items() if key in _KEPT
    }
    for paint in ("fill", "stroke"):
        if source.get(paint, "none") in _TOKENS:
            marks[paint] = source.attrib[paint]
    if marks.get("opacity") == "1":
        del marks["opacity"]
    kept = ElementTree.Element(tag, marks)
    kept.text = source.text if tag == "text" else None
    kept.extend(child for child in map(_kept, source) if child is not None)
    painted = "fill" in marks or "stroke" in marks
    if (tag == "g" and len(kept)) or (tag != "g" and painted):
        return kept
    return None


def _short(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")


def _written(root: ElementTree.Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")
