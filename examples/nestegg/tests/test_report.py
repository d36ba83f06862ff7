from __future__ import annotations

import math

import pypdfium2 as pdfium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nestegg.drawing import nice_step
from nestegg.plan import LIMITS, Plan
from nestegg.report import report
from nestegg.returns import MODELS
from nestegg.strategies import STRATEGIES
from nestegg.summary import compare

NARROW = Plan(scenarios=200)


def text_of(data: bytes) -> str:
    """All text of a PDF, with plain spaces."""
    document = pdfium.PdfDocument(data)
    pages = [page.get_textpage().get_text_bounded() for page in document]
    return " ".join(" ".join(pages).split())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_pdf_says_what_the_page_says(strategy: str) -> None:
    outcomes = compare(NARROW)
    data = report(NARROW, strategy, outcomes)
    assert data.startswith(b"%PDF-") and len(data) < 60_000
    text = text_of(data)
    assert "How long will it last?" in text
    assert f"{STRATEGIES[strategy].name}. The money lasts 30 years in" in text
    assert f"{outcomes[strategy].lasts.count} of 200 scenarios" in text
    for name, limit in LIMITS.items():
        if name not in ("correlation",) and not name.startswith(("equity_", "bond_")):
            assert limit.label in text
    for shown in ("$1,000,000", "$40,000", "60 %", "Damodaran", "not financial advice", "Page 1"):
        assert shown in text
    for other in STRATEGIES.values():
        assert other.name in text


def test_the_pdf_opens_and_is_drawn() -> None:
    document = pdfium.PdfDocument(report(NARROW, "guardrails", compare(NARROW)))
    assert len(document) == 2
    assert document.get_metadata_dict()["Title"] == "Nestegg: how long will it last?"
    image = document[0].render(scale=1).to_pil().convert("RGB")
    shades = {colour for _, colour in image.getcolors(image.width * image.height)}
    assert {(0xD5, 0xEA, 0xE9), (0xA5, 0xD2, 0xD1)} <= shades  # both bands of the fan


@pytest.mark.parametrize(
    "plan",
    [
        Plan(scenarios=10, years=1),
        Plan(scenarios=10, years=100, portfolio_usd=100_000_000, spending_usd=0),
        Plan(scenarios=10, years=2, portfolio_usd=1_000, spending_usd=1_000_000),
        *(Plan(scenarios=10, model=model) for model in MODELS),
    ],
)
def test_extreme_plans_have_a_pdf(plan: Plan) -> None:
    for strategy in STRATEGIES:
        text = text_of(report(plan, strategy, compare(plan)))
        assert plan.returns().name in text
        assert "nan" not in text.split() and "inf" not in text.split()


@given(st.floats(0, 1e12), st.integers(2, 10))
def test_axis_steps_are_round_and_few(top: float, most: int) -> None:
    step = nice_step(top, most)
    assert step * most >= top * (1 - 1e-9)
    digits = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(digits - nice) for nice in (1, 2, 5, 10)) < 1e-6
