"""The result as a PDF: two A4 pages, vector graphics, no temporary files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from nestegg import words
from nestegg.drawing import fan
from nestegg.plan import LIMITS, Plan
from nestegg.strategies import STRATEGIES
from nestegg.summary import Outcome

INK, MUTED = colors.HexColor("#1d2b2a"), colors.HexColor("#5f6f6d")
TEAL, RULE = colors.HexColor("#0b7a75"), colors.HexColor("#dcd8cc")
MARGIN = 20 * mm
WIDTH = A4[0] - 2 * MARGIN
PADDING = 6  # points that a frame keeps free inside its margins

BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13.5, textColor=INK)
SMALL = ParagraphStyle("small", BODY, fontSize=8, leading=11, textColor=MUTED)
TITLE = ParagraphStyle("title", BODY, fontName="Helvetica-Bold", fontSize=22, leading=27)
HEAD = ParagraphStyle(
    "head",
    BODY,
    fontName="Helvetica-Bold",
    fontSize=12,
    leading=16,
    spaceBefore=12,
    spaceAfter=4,
    keepWithNext=1,
)
LEAD = ParagraphStyle("lead", BODY, fontSize=12, leading=17, textColor=TEAL)
CELL = ParagraphStyle("cell", BODY, fontSize=8.5, leading=11)
RIGHT = ParagraphStyle("right", CELL, alignment=TA_RIGHT)
RIGHT_HEAD = ParagraphStyle("right-head", RIGHT, textColor=MUTED)
LEFT_HEAD = ParagraphStyle("left-head", CELL, textColor=MUTED)

INPUTS = (
    "portfolio_usd", "spending_usd", "years", "age", "equity_percent", "fee_percent",
    "inflation_percent", "floor_percent", "scenarios", "seed",
)  # fmt: skip


def _inputs(plan: Plan) -> Table:
    """The plan in two columns of label and value."""
    cells = []
    for name in INPUTS:
        limit, value = LIMITS[name], getattr(plan, name)
        shown = str(value) if name == "seed" else limit.show(value)
        cells.append((Paragraph(limit.label, LEFT_HEAD), Paragraph(shown, RIGHT)))
    half = (len(cells) + 1) // 2
    rows = [[*left, "", *right] for left, right in zip(cells[:half], cells[half:], strict=True)]
    gap = 10 * mm
    label, value_width = (WIDTH - gap) * 0.31, (WIDTH - gap) * 0.19
    table = Table(rows, colWidths=[label, value_width, gap, label, value_width])
    style = [("LINEBELOW", (c, 0), (c + 1, -1), 0.4, RULE) for c in (0, 3)]
    table.setStyle(TableStyle([*style, ("LEFTPADDING", (0, 0), (-1, -1), 0),
                               ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                               ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]))  # fmt: skip
    return table


def _comparison(outcomes: Mapping[str, Outcome], chosen: str) -> Table:
    """All strategies; the chosen one is set off."""
    heads = ("Strategy", "Money lasts", "95 % interval", "Keeps to floor", "Typical spending",
             "Lean year", "End, median", "End, poor")  # fmt: skip
    rows = [[Paragraph(heads[0], LEFT_HEAD), *(Paragraph(h, RIGHT_HEAD) for h in heads[1:])]]
    for name, o in outcomes.items():
        values = (
            words.percent(o.lasts.value), words.interval(o.lasts),
            words.percent(o.keeps_floor.value), words.money(o.mean_spending[2]),
            words.money(o.worst_spending[0]), words.money(o.end[2]), words.money(o.end[0]),
        )  # fmt: skip
        shown = STRATEGIES[name].name
        first = f"<b>{shown}</b>" if name == chosen else shown
        rows.append([Paragraph(first, CELL), *(Paragraph(v, RIGHT) for v in values)])
    widths = [0.18, 0.10, 0.15, 0.11, 0.13, 0.11, 0.11, 0.11]
    table = Table(rows, colWidths=[WIDTH * w for w in widths], repeatRows=1)
    table.setStyle(TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
                               ("LEFTPADDING", (0, 0), (-1, -1), 2),
                               ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                               ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]))  # fmt: skip
    return table


def _assumptions(plan: Plan) -> list[Flowable]:
    """Where the figures come from, and what is left out."""
    model = plan.returns()
    m = model.moments
    texts = [
        "Everything is real: in today's dollars, after inflation. Spending is taken at the start "
        "of each year; the rest earns the year's return, less fees, and is rebalanced.",
        f"<b>Returns: {escape(model.name)}.</b> {escape(model.source)} Real yearly return of "
        f"equity {m.equity_mean:.2%} ± {m.equity_sd:.2%}, of bonds {m.bond_mean:.2%} ± "
        f"{m.bond_sd:.2%} (mean ± standard deviation), correlation {m.correlation:.2f}; lognormal, "
        "each year independent.",
        "The interval is Wilson's, for the number of scenarios. It says nothing about whether the "
        "future is like the past, which is by far the larger doubt.",
        *(f"<b>{s.name}.</b> {escape(s.about)}" for s in STRATEGIES.values()),
        "Not considered: taxes, pensions, health costs, how long anyone lives. This is a "
        "simulation, not financial advice.",
    ]
    return [part for text in texts for part in (Paragraph(text, BODY), Spacer(1, 5))]


def _footer(canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(MUTED)
    canvas.drawString(MARGIN, 11 * mm, "Nestegg: a simulation, not financial advice")
    canvas.drawRightString(A4[0] - MARGIN, 11 * mm, f"Page {document.page}")


def report(plan: Plan, chosen: str, outcomes: Mapping[str, Outcome]) -> bytes:
    """The PDF for a checked plan and the strategy that is looked at."""
    outcome, strategy = outcomes[chosen], STRATEGIES[chosen]
    page = io.BytesIO()
    document = SimpleDocTemplate(
        page, pagesize=A4, leftMargin=MARGIN - PADDING, rightMargin=MARGIN - PADDING,
        topMargin=14 * mm, bottomMargin=18 * mm, lang="en", author="Nestegg",
        title="Nestegg: how long will it last?",
        subject=f"{strategy.name}: {words.lasts(plan, outcome)}",
    )  # fmt: skip
    made = f"{datetime.now(UTC):%-d %B %Y}"
    story: list[Flowable] = [
        Paragraph("How long will it last?", TITLE),
        Spacer(1, 3),
        Paragraph(f"{made} · today's dollars · {escape(plan.returns().name)}", SMALL),
        Spacer(1, 8),
        Paragraph(f"<b>{strategy.name}.</b> {words.lasts(plan, outcome)}", LEAD),
        Spacer(1, 3),
        Paragraph(words.runs_out(outcome), BODY),
        Paragraph("The plan", HEAD),
        _inputs(plan),
        KeepTogether([Paragraph("Balance", HEAD), fan(plan, outcome.balance, WIDTH, 50 * mm)]),
        KeepTogether([Paragraph("Spending a year", HEAD),
                      fan(plan, outcome.spending, WIDTH, 34 * mm),
                      Paragraph("By age. Line: median; dark band: half of the scenarios; both "
                                "bands: 90 %.", SMALL)]),
        KeepTogether([Paragraph("Strategies side by side", HEAD), _comparison(outcomes, chosen),
                      Spacer(1, 4),
                      Paragraph("Keeps to floor: spending never falls below "
                                f"{words.money(plan.spending_usd * plan.floor_percent / 100)}. "
                                "Lean year and poor end: 5th percentile of the worst year and of "
                                "the end value.", SMALL)]),
        Paragraph("How this was worked out", HEAD),
        *_assumptions(plan),
    ]  # fmt: skip
    document.build(story, onFirstPage=_footer, onLaterPages=_footer)
    return page.getvalue()
