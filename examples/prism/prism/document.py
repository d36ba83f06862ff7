"""A document as Prism keeps it: a title and sections of blocks, plain values that fit JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

MAX_SECTION_CHARACTERS = 16_000


@dataclass(frozen=True)
class Block:
    """A paragraph, a list item or a table (``rows`` of cell texts)."""

    kind: str  # "paragraph", "item" or "table"
    text: str
    rows: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it. ``number`` counts from 1."""

    number: int
    title: str
    level: int
    blocks: list[Block]

    @property
    def text(self) -> str:
        """The section's text, one block a line, tables as rows with bars."""
        return "\n".join(block.text for block in self.blocks)


@dataclass(frozen=True)
class Document:
    """What was read of an upload. ``found_by`` says how the headings were recognised."""

    title: str
    found_by: str  # "styles", "look" or "none"
    sections: list[Section]

    @property
    def words(self) -> int:
        """Number of words in all sections."""
        return sum(len(section.text.split()) for section in self.sections)


def to_json(document: Document) -> bytes:
    """The document as it is kept in a session."""
    return json.dumps(asdict(document), ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes) -> Document:
    """The document that ``to_json`` wrote."""
    read: dict[str, Any] = json.loads(data)
    sections = [
        Section(
            number=section["number"],
            title=section["title"],
            level=section["level"],
            blocks=[Block(**block) for block in section["blocks"]],
        )
        for section in read["sections"]
    ]
    return Document(read["title"], read["found_by"], sections)
