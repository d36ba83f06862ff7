"""What a report is made of, before it is Markdown or HTML: sections of tables, texts and charts.

Both templates walk the same blocks, so the two reports cannot say different things. Texts here
are raw; escaping belongs to the templates' environments.
"""

from __future__ import annotations

from typing import Literal

from seatrial.kernel.values import Value

Tone = Literal["", "good", "warn", "bad", "muted", "strong"]


class Ref(Value):
    """A pointer into the appendix: the label in brackets, and the anchor of its row."""

    label: str
    anchor: str


class Cell(Value):
    """One cell of a table, or one sentence.

    `detail` is a quieter second line, `pill` draws the text as a coloured label, `code` in the
    fixed-width face, `href` links it, `anchor` makes it the target of references.
    """

    text: str
    refs: tuple[Ref, ...] = ()
    tone: Tone = ""
    detail: str = ""
    code: bool = False
    pill: bool = False
    href: str = ""
    anchor: str = ""


class Column(Value):
    """One column; numbers are set right-aligned with tabular figures. `wide` asks for room."""

    label: str
    numeric: bool = False
    wide: bool = False


class Table(Value):
    """A table with its caption; `total` is its last row, `marked` the row that is emphasised."""

    kind: Literal["table"] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    marked: int = -1


class Text(Value):
    """Sentences under one another; `bullets` sets them as a list, `numbered` as steps."""

    kind: Literal["text"] = "text"
    sentences: tuple[Cell, ...]
    heading: str = ""
    bullets: bool = False
    numbered: bool = False


class Notice(Value):
    """A sentence that must not be missed."""

    kind: Literal["notice"] = "notice"
    tone: Tone
    sentence: Cell


class Facts(Value):
    """Short pairs of a name and what it is."""

    kind: Literal["facts"] = "facts"
    pairs: tuple[tuple[str, Cell], ...]


class Checks(Value):
    """A checklist: each item is done, with what showed it, or open."""

    kind: Literal["checks"] = "checks"
    heading: str
    items: tuple[tuple[bool, Cell], ...]


class Figure(Value):
    """A chart by its name, with its caption and a line that says how to read it."""

    kind: Literal["figure"] = "figure"
    chart: str
    caption: str
    note: str = ""


Block = Table | Text | Notice | Facts | Figure | Checks


class Section(Value):
    """One numbered section of the report."""

    id: str
    title: str
    blocks: tuple[Block, ...]


class Card(Value):
    """One key figure of page one."""

    label: str
    figure: str
    unit: str = ""
    note: Cell
    tone: Tone = ""


class Decision(Value):
    """Page one: the verdict, the figures, and the four questions."""

    verdict: str
    tone: Tone
    headline: str
    lead: Cell
    cards: tuple[Card, ...]
    where: Text
    much: Text
    sure: Text
    change: Text
    figure: Figure | None

    @property
    def answers(self) -> tuple[Text, ...]:
        """Where, how much, how sure, what could change it."""
        return self.where, self.much, self.sure, self.change


class Report(Value):
    """The whole report, independent of its format; `dated` is the day of its newest price."""

    app: str
    dated: str
    identity: tuple[tuple[str, str], ...]
    decision: Decision
    sections: tuple[Section, ...]
