"""From the bytes of a DOCX to a Document: headings, paragraphs, lists and tables in order."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from docx import Document as open_docx
from docx.document import Document as Docx
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from lxml import etree

from prism import archive
from prism.archive import Refused
from prism.document import MAX_SECTION_CHARACTERS, Block, Document, Section

MAX_BLOCKS = 20_000
MAX_CHARACTERS = 1_500_000
MAX_TITLE = 160
HEADING_WORDS = 12
CONTAINERS = {qn(name) for name in ("w:sdt", "w:sdtContent", "w:ins", "w:customXml", "w:smartTag")}
P, TBL, TR, TC, T = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc"), qn("w:t")
SPACES, VALUE = (qn("w:tab"), qn("w:br"), qn("w:cr")), qn("w:val")
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
NUMBERED = re.compile(
    r"^(?:(?:section|chapter|part|article)\s+)?(\d{1,2}(?:\.\d{1,2}){0,4})[.):]?\s+\S", re.I
)
HEADING_NAME = re.compile(r"^heading ([1-9])$", re.I)


@dataclass(frozen=True)
class Line:
    """A paragraph or table before sections are known. ``level`` 0 is no heading by style."""

    block: Block
    level: int = 0
    title: bool = False
    bold: bool = False


def read(data: bytes, fallback_title: str, max_sections: int) -> Document:
    """The document in ``data``; ``fallback_title`` names it when it has no title itself.

    Raises Refused, in words for the sender, when it is unsafe, damaged, empty or too long.
    """
    archive.check(data)
    try:
        docx = open_docx(io.BytesIO(data))
        lines = list(_lines(docx))
        title = docx.core_properties.title or ""
    except Refused:
        raise
    except (OpcError, KeyError, ValueError, AttributeError, etree.XMLSyntaxError) as error:
        raise Refused("The file is damaged: Word's own structure in it is broken.") from error
    lines = [line for line in lines if line.block.text.strip()]
    if not any(len(line.block.text.split()) > 1 for line in lines):
        raise Refused("The document has no text.")
    if sum(len(line.block.text) for line in lines) > MAX_CHARACTERS:
        raise Refused(f"The document has more than {MAX_CHARACTERS:,} characters of text.")
    styled = [line.block.text for line in lines if line.title]
    title = (styled[0] if styled else title.strip() or fallback_title)[:MAX_TITLE]
    found_by = "styles"
    if not any(line.level for line in lines):
        lines = _by_look(lines)
        found_by = "look" if any(line.level for line in lines) else "none"
    return Document(title, found_by, _sections(lines, title, max_sections))


def _lines(docx: Docx) -> Iterator[Line]:
    levels, titles, lists, bolds = _styles(docx)
    count = 0
    for element in _flat(docx.element.body):
        count += 1
        if count > MAX_BLOCKS:
            raise Refused(f"The document has more than {MAX_BLOCKS:,} paragraphs and tables.")
        if element.tag == TBL:
            yield Line(_table(element))
            continue
        text = " ".join(_text(element).split())
        properties = element.find(qn("w:pPr"))
        style = _child(properties, "w:pStyle")
        outline = _child(properties, "w:outlineLvl")
        level = levels.get(style or "", 0)
        if outline is not None and outline.isdigit() and int(outline) < 9:
            level = int(outline) + 1
        is_list = (properties is not None and properties.find(qn("w:numPr")) is not None) or (
            style in lists
        )
        yield Line(
            Block("item" if is_list and not level else "paragraph", text),
            level=level if text else 0,
            title=style in titles and bool(text),
            bold=style in bolds or _all_bold(element),
        )


def _flat(body: etree._Element) -> Iterator[etree._Element]:
    """Paragraphs and tables in order, also inside content controls and tracked insertions."""
    for child in body:
        if child.tag in (P, TBL):
            yield child
        elif child.tag in CONTAINERS:
            yield from _flat(child)


def _child(properties: etree._Element | None, name: str) -> str | None:
    found = properties.find(qn(name)) if properties is not None else None
    return found.get(VALUE) if found is not None else None


def _text(element: etree._Element) -> str:
    """All shown text: deleted text has another tag, and fallbacks only repeat what is there."""
    pieces: list[str] = []
    walker = etree.iterwalk(element, events=("start",))
    for _event, node in walker:
        if node.tag == FALLBACK:
            walker.skip_subtree()
        elif node.tag == T:
            pieces.append(node.text or "")
        elif node.tag in SPACES or (node.tag == P and pieces):
            pieces.append(" ")
    return "".join(pieces)


def _on(mark: etree._Element | None) -> bool:
    return mark is not None and mark.get(VALUE, "1") not in ("0", "false", "off")


def _all_bold(paragraph: etree._Element) -> bool:
    """Whether every run with text is bold by itself."""
    runs = [
        run
        for run in paragraph.iter(qn("w:r"))
        if any(part.strip() for part in map(str, run.itertext(T)))
    ]
    bold = qn("w:rPr") + "/" + qn("w:b")
    return bool(runs) and all(_on(run.find(bold)) for run in runs)


def _styles(docx: Docx) -> tuple[dict[str, int], set[str], set[str], set[str]]:
    """Style ids: level of heading styles, titles, lists, bold ones; a style inherits."""
    elements = {
        style.get(qn("w:styleId")) or "": style for style in docx.styles.element.iter(qn("w:style"))
    }
    levels: dict[str, int] = {}
    titles, lists, bolds = set(), set(), set()
    for key in elements:
        seen: set[str] = set()
        at: str | None = key
        while at and at in elements and at not in seen:
            seen.add(at)
            style = elements[at]
            name = _child(style, "w:name") or ""
            heading = HEADING_NAME.match(name)
            if heading:
                levels.setdefault(key, int(heading[1]))
            if name.lower() == "title":
                titles.add(key)
            if name.lower().startswith("list") or style.find(f".//{qn('w:numPr')}") is not None:
                lists.add(key)
            if _on(style.find(f"{qn('w:rPr')}/{qn('w:b')}")):
                bolds.add(key)
            at = _child(style, "w:basedOn")
    return levels, titles, lists, bolds


def _table(table: etree._Element) -> Block:
    rows = [
        [" ".join(_text(cell).split()) for cell in row.iter(TC) if cell.getparent() is row]
        for row in table.iter(TR)
        if row.getparent() is table
    ]
    rows = [row for row in rows if any(row)]
    return Block("table", "\n".join(" | ".join(row) for row in rows), rows)


def _by_look(lines: list[Line]) -> list[Line]:
    """Headings where no style says so: short bold lines, numbered lines and capitals."""
    found: list[Line] = []
    for place, line in enumerate(lines):
        text = line.block.text
        following = lines[place + 1] if place + 1 < len(lines) else None
        number = NUMBERED.match(text)
        candidate = (
            line.block.kind == "paragraph"
            and not line.title
            and following is not None
            and len(text) <= 100
            and len(text.split()) <= HEADING_WORDS
            and text[-1] not in ".,;!?"
            and (line.bold or _capitals(text) or (number and following.block.kind != "item"))
        )
        # Several numbered lines in a row are a list; headings have text below them.
        in_row = (
            bool(number)
            and not line.bold
            and following is not None
            and bool(NUMBERED.match(following.block.text))
        )
        if candidate and not in_row:
            found.append(replace(line, level=number[1].count(".") + 1 if number else 1))
        else:
            found.append(line)
    return found


def _capitals(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return len(letters) >= 5 and text == text.upper()


def _sections(lines: list[Line], title: str, most: int) -> list[Section]:
    """Group below headings; when there are too many, deeper headings become text."""
    for deepest in (9, 3, 2, 1, 0):
        grouped = _grouped(lines, title, deepest)
        if 0 < len(grouped) <= most:
            return [replace(section, number=at) for at, section in enumerate(grouped, 1)]
    longest = most * MAX_SECTION_CHARACTERS
    raise Refused(f"The document is too long: at most {longest:,} characters are analysed.")


def _grouped(lines: list[Line], title: str, deepest: int) -> list[Section]:
    sections: list[Section] = []
    heading, level = title, 1
    blocks: list[Block] = []
    for line in lines:
        if 0 < line.level <= deepest:
            sections += _split(heading, level, blocks)
            heading, level, blocks = line.block.text[:MAX_TITLE], line.level, []
        elif not (line.title and line.block.text == title):
            blocks.append(line.block)
    return sections + _split(heading, level, blocks)


def _split(title: str, level: int, blocks: list[Block]) -> list[Section]:
    """One section, or several parts when it is longer than one analysis takes."""
    parts: list[list[Block]] = [[]]
    size = 0
    for piece in (piece for block in blocks for piece in _pieces(block)):
        if size and size + len(piece.text) > MAX_SECTION_CHARACTERS:
            parts.append([])
            size = 0
        parts[-1].append(piece)
        size += len(piece.text) + 1
    if not blocks:
        return []
    if len(parts) == 1:
        return [Section(0, title, level, parts[0])]
    return [Section(0, f"{title} (part {at})", level, part) for at, part in enumerate(parts, 1)]


def _pieces(block: Block) -> Iterator[Block]:
    """A block no longer than a section may be."""
    if len(block.text) <= MAX_SECTION_CHARACTERS:
        yield block
    elif block.rows:
        half = max(1, len(block.rows) // 2)
        if half == len(block.rows):
            yield Block("table", block.text[:MAX_SECTION_CHARACTERS], block.rows)
            return
        for rows in (block.rows[:half], block.rows[half:]):
            yield from _pieces(Block("table", "\n".join(" | ".join(row) for row in rows), rows))
    else:
        cut = block.text.rfind(" ", 0, MAX_SECTION_CHARACTERS)
        cut = cut if cut > 0 else MAX_SECTION_CHARACTERS
        yield Block(block.kind, block.text[:cut])
        yield from _pieces(Block(block.kind, block.text[cut:].strip()))
