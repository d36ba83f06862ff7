"""A document to try Prism with, made so that every rule has something to find."""

from __future__ import annotations

import io

from docx import Document as new_docx

NAME = "Warehouse project (sample).docx"
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Purpose",
        (
            "The company will move its stock to one automated warehouse in Leeds. The total budget "
            "is 1.8 million EUR and the project takes 14 months. The new site replaces three older "
            "buildings, whose leases end in 2027.",
            "The move should reduce picking errors and improve delivery times significantly.",
        ),
    ),
    (
        "Scope",
        (
            "The scope covers the building, the conveyor system, the WMS and the training of "
            "staff. Existing interfaces to the web shop will be adapted as needed. A migration "
            "plan must be approved before the first delivery.",
            "The conveyor system must be tested with real orders. The peak load is 4,200 orders "
            "per day; the system must handle 6000 without manual work.",
        ),
    ),
    (
        "Risks",
        (
            "The schedule depends on one supplier of conveyor parts. There is no backup if that "
            "supplier fails. We assume that the building permit arrives in March, but it is not "
            "yet approved.",
            "If the switch of the stock system fails at the weekend of the move, orders cannot be "
            "shipped and penalties towards retail partners may follow, which would in addition to "
            "the direct loss of revenue harm the relations that the sales team has built up over "
            "the past ten years.",
        ),
    ),
    (
        "Timeline",
        (
            "The project takes 18 months from the signature of the contract. The go-live date is "
            "to be decided. Acceptance will be carried out in a timely manner.",
        ),
    ),
)
COSTS = (
    ("Item", "Cost (EUR)"),
    ("Building works", "740,000"),
    ("Conveyor system", "690,000"),
    ("Software", "210,000"),
    ("Training", ""),
    ("Reserve", "120,000"),
)
TOTALS = (
    ("Phase", "Weeks", "People"),
    ("Design", "12", "6"),
    ("Build", "38", "14"),
    ("Move", "9", "22"),
    ("Total", "62", "42"),
)


def build() -> bytes:
    """The sample as the bytes of a DOCX."""
    document = new_docx()
    document.core_properties.title = "Warehouse project"
    document.add_heading("Warehouse project", 0)
    for title, paragraphs in SECTIONS:
        document.add_heading(title, 1)
        for paragraph in paragraphs:
            document.add_paragraph(paragraph)
        if title == "Scope":
            for item in ("Stock counts by RFID gates", "Training of 85 employees", "TBD: security"):
                document.add_paragraph(item, style="List Bullet")
        if title == "Timeline":
            _table(document, TOTALS)
    document.add_heading("Costs", 1)
    document.add_paragraph("The total budget is 1.76 million EUR. The fee of the planner is fixed.")
    _table(document, COSTS)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _table(document: object, rows: tuple[tuple[str, ...], ...]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]))  # type: ignore[attr-defined]
    table.style = "Light Grid Accent 1"
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
