"""The report as a typeset PDF: the same blocks, handed to typst as data, never as markup."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import msgspec

from seatrial.reporter.charts.svg import assets
from seatrial.reporter.model import Cell, Column, Report, Table
from seatrial.reporter.words import brief, clean

LONG_WORD = 16
_BREAK = re.compile(r"(?<=[/_.:,=@&+-])(?=[^\s/_.:,=@&+-])")
_RUN = re.compile(r"\S{17,}")
_EVEN = re.compile(r"(\S{24})(?=\S{8})")
ZERO_WIDTH = "\u200b"


def pdf(report: Report, drawn: dict[str, bytes]) -> bytes:
    """Typeset the report with its charts as SVG; same report, same bytes on every machine.

    Fonts are the ones of the package, dates the report's own. Foreign texts reach typst inside a
    JSON document, so nothing in them is markup.
    """
    # The typesetter is 30 MB: only those who ask for a PDF load it.
    import typst

    pictures = {f"chart:{name}": picture.decode() for name, picture in drawn.items()}
    template = (resources.files("seatrial.reporter") / "templates/report.typ").read_bytes()
    compiler = typst.Compiler(
        template,
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(assets())]),
        ignore_system_fonts=True,
        sys_inputs={"report": json.dumps(_document(report)), **pictures},
    )
    made = compiler.compile(format="pdf", timestamp=_day(report.dated))
    assert isinstance(made, bytes)
    return made


def _day(dated: str) -> datetime:
    """The day of the newest price; without any price the first of 2000."""
    try:
        return datetime.strptime(dated, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return datetime(2000, 1, 1, tzinfo=UTC)


def _document(report: Report) -> dict[str, Any]:
    """The report as plain data, its texts made visible and breakable, its tables with widths."""
    made: dict[str, Any] = _texts(msgspec.to_builtins(report))
    made["dated"] = _day(report.dated).date().isoformat() if report.dated else ""
    made["decision"]["answers"] = [
        made["decision"][name] for name in ("where", "much", "sure", "change")
    ]
    for section, source in zip(made["sections"], report.sections, strict=True):
        for block, was in zip(section["blocks"], source.blocks, strict=True):
            if isinstance(was, Table):
                block["widths"] = _widths(was)
                for row in (*block["rows"], block["total"]):
                    _keep_together(was.columns, row)
    made["name"] = breakable(brief(report.app))
    made["anchors"] = sorted(_anchors(report))
    return made


def _keep_together(columns: tuple[Column, ...], row: list[dict[str, Any]]) -> None:
    """A figure and its unit stay on one line."""
    for column, cell in zip(columns, row, strict=bool(row)):
        if column.numeric:
            cell["text"] = cell["text"].replace(" ", "\u00a0")


def _texts(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        return value if key in ("href", "anchor", "kind", "tone", "chart") else breakable(value)
    if isinstance(value, list | tuple):
        return [_texts(item, key) for item in value]
    if isinstance(value, dict):
        return {name: _texts(item, name) for name, item in value.items()}
    return value


def breakable(text: str) -> str:
    """A foreign text on visible characters, whose long words may break."""

    def broken(found: re.Match[str]) -> str:
        return _EVEN.sub(r"\1" + ZERO_WIDTH, _BREAK.sub(ZERO_WIDTH, found[0]))

    return _RUN.sub(broken, clean(text))


def _anchors(report: Report) -> set[str]:
    return {
        cell.anchor
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Table)
        for row in block.rows
        for cell in row
        if cell.anchor
    }


def _widths(table: Table) -> list[float]:
    """Shares of the width by what a column has to hold: no column is wider than it needs."""
    shares = []
    for at, column in enumerate(table.columns):
        cells = [row[at] for row in (*table.rows, *((table.total,) if table.total else ()))]
        shares.append(_share(column, cells))
    return shares


def _share(column: Column, cells: list[Cell]) -> float:
    longest = max((_length(cell) for cell in cells), default=0)
    if column.numeric:
        return float(max(6, head_of(column), min(max(map(_figure, cells), default=0), 17)))
    words = [word for cell in cells for word in f"{cell.text} {cell.detail}".split()]
    word = max((min(len(part), LONG_WORD) for part in words), default=0)
    most = 44 if column.wide else 20
    return float(max(6, head_of(column), word + 1, min(longest, most)))


def head_of(column: Column) -> int:
    """Room for the longest word of a column's head."""
    longest = max((len(part) for part in column.label.split()), default=0)
    return max(longest + 1, round(min(len(column.label), 16) * 0.7))


def _figure(cell: Cell) -> int:
    refs = sum(len(ref.label) + 1 for ref in cell.refs[:2]) * 0.7
    return int(max(len(cell.text) + 1, len(cell.detail) * 0.9, refs))


def _length(cell: Cell) -> int:
    pill = 3 if cell.pill else 0
    refs = sum(len(ref.label) + 1 for ref in cell.refs) * 0.8
    return int(max(len(cell.text) + refs + pill, len(cell.detail) * 0.85))
