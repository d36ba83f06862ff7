"""Sections by style and by look; tables and lists kept; limits."""

from __future__ import annotations

import random

import pytest
from docx.document import Document as Docx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given, settings
from hypothesis import strategies as st

from prism import reading
from prism.archive import Refused
from prism.document import MAX_SECTION_CHARACTERS, Document, from_json, to_json
from tests import made


def read(build: object, most: int = 200) -> Document:
    return reading.read(made.docx(build), "paper", most)  # type: ignore[arg-type]


def test_sections_by_heading_styles() -> None:
    def build(document: Docx) -> None:
        document.add_heading("The title", 0)
        document.add_paragraph("Before any heading.")
        document.add_heading("First", 1)
        document.add_paragraph("One.")
        document.add_heading("Deeper", 2)
        document.add_paragraph("Two.")

    found = read(build)
    assert found.title == "The title" and found.found_by == "styles"
    said = [
        (section.number, section.title, section.level, section.text) for section in found.sections
    ]
    assert said == [
        (1, "The title", 1, "Before any heading."),
        (2, "First", 1, "One."),
        (3, "Deeper", 2, "Two."),
    ]


def test_a_style_based_on_a_heading_and_outline_levels() -> None:
    def build(document: Docx) -> None:
        own = document.styles.add_style("Kapitel", 1)
        own.base_style = document.styles["Heading 2"]
        document.add_paragraph("Own style", style="Kapitel")
        document.add_paragraph("Text below.")
        outlined = document.add_paragraph("Outlined")
        outlined._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="2"/>'))
        document.add_paragraph("More text.")

    found = read(build)
    assert [(section.title, section.level) for section in found.sections] == [
        ("Own style", 2),
        ("Outlined", 3),
    ]


def test_sections_by_look() -> None:
    def build(document: Docx) -> None:
        for title, text in (
            ("Overview", "This text says what it is about."),
            ("2.1 Costs of the plan", "It costs 3 million EUR."),
            ("RISKS AND LIMITS", "There are some."),
        ):
            line = document.add_paragraph()
            line.add_run(title).bold = title == "Overview"
            document.add_paragraph(text)
        document.add_paragraph("This line is bold but a sentence.").runs[0].bold = True
        document.add_paragraph("1. first thing to do")
        document.add_paragraph("2. second thing to do")
        document.add_paragraph("3. third thing to do")

    found = read(build)
    assert found.found_by == "look"
    assert [(section.title, section.level) for section in found.sections] == [
        ("Overview", 1),
        ("2.1 Costs of the plan", 2),
        ("RISKS AND LIMITS", 1),
    ]
    assert "second thing to do" in found.sections[2].text


def test_no_headings_at_all() -> None:
    found = read(lambda document: document.add_paragraph("Only a line of text, nothing else."))
    assert found.found_by == "none"
    assert [section.title for section in found.sections] == ["paper"]


def test_only_headings() -> None:
    found = read(lambda document: document.add_heading("A heading and nothing below", 1))
    assert "A heading and nothing below" in found.sections[0].text


def test_tables_and_lists() -> None:
    def build(document: Docx) -> None:
        document.add_heading("Lists", 1)
        document.add_paragraph("an item", style="List Bullet")
        table = document.add_table(rows=2, cols=2)
        for place, text in enumerate(("Name", "Size", "North", "4 km")):
            table.cell(place // 2, place % 2).text = text

    section = read(build).sections[0]
    assert [block.kind for block in section.blocks] == ["item", "table"]
    assert section.blocks[1].rows == [["Name", "Size"], ["North", "4 km"]]
    assert section.text == "an item\nName | Size\nNorth | 4 km"


def test_insertions_controls_and_links_are_read_and_deletions_are_not() -> None:
    w = nsdecls("w")

    def build(document: Docx) -> None:
        line = document.add_paragraph("Kept ")._p
        line.append(parse_xml(f"<w:ins {w}><w:r><w:t>inserted </w:t></w:r></w:ins>"))
        line.append(parse_xml(f"<w:del {w}><w:r><w:delText>deleted</w:delText></w:r></w:del>"))
        line.append(parse_xml(f"<w:hyperlink {w}><w:r><w:t>linked</w:t></w:r></w:hyperlink>"))
        line.addnext(
            parse_xml(
                f"<w:sdt {w}><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p>"
                "</w:sdtContent></w:sdt>"
            )
        )

    assert read(build).sections[0].text == "Kept inserted linked\nIn a control."


def test_long_sections_are_split_and_nothing_is_lost() -> None:
    words = " ".join(f"word{at}" for at in range(6000))

    def build(document: Docx) -> None:
        document.add_heading("Long", 1)
        document.add_paragraph(words)
        document.add_paragraph("The end.")

    found = read(build)
    assert [section.title for section in found.sections][:2] == ["Long (part 1)", "Long (part 2)"]
    assert all(len(section.text) <= MAX_SECTION_CHARACTERS for section in found.sections)
    whole = " ".join(section.text for section in found.sections)
    assert whole.split() == [*words.split(), "The", "end."]


def test_too_many_sections_are_folded() -> None:
    def build(document: Docx) -> None:
        for chapter in range(4):
            document.add_heading(f"Chapter {chapter}", 1)
            for part in range(10):
                document.add_heading(f"Part {chapter}.{part}", 2)
                document.add_paragraph("Text.")

    assert len(read(build).sections) == 40
    folded = read(build, most=10)
    assert [section.title for section in folded.sections] == [f"Chapter {at}" for at in range(4)]
    assert "Part 3.9" in folded.sections[3].text


def test_limits_in_words() -> None:
    with pytest.raises(Refused, match="no text"):
        read(lambda document: document.add_paragraph("   "))
    with pytest.raises(Refused, match="at most 160,000 characters"):
        read(lambda document: document.add_paragraph("a word " * 30_000), most=10)
    noise = random.Random(3)
    many = " ".join(f"{noise.getrandbits(40)}" for _word in range(140_000))
    with pytest.raises(Refused, match="1,500,000 characters"):
        read(lambda document: document.add_paragraph(many))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=60)))
def test_any_text_survives(texts: list[str]) -> None:
    data = made.plain("A first line.", *texts)
    found = reading.read(data, "paper", 200)
    kept = " ".join(section.text for section in found.sections).split()
    assert kept == " ".join(["A first line.", *texts]).split()
    assert from_json(to_json(found)) == found
