"""report.pdf: pages, contents, page numbers, links; foreign texts stay texts."""

from __future__ import annotations

import io
import re
from functools import cache
from typing import Any

import pytest
from pypdf import PdfReader

from seatrial.reporter.pdf import breakable


@cache
def opened(data: bytes) -> tuple[PdfReader, tuple[str, ...]]:
    """A document and the texts of its pages, which take seconds to read."""
    made = PdfReader(io.BytesIO(data))
    return made, tuple(page.extract_text() for page in made.pages)


def reader(case: Any) -> PdfReader:
    return opened(case.files["report.pdf"])[0]


def texts(case: Any) -> tuple[str, ...]:
    return opened(case.files["report.pdf"])[1]


def squeezed(text: str) -> str:
    """Without what line breaking adds."""
    return re.sub(r"[\s\u200b\u00ad]", "", text)


def test_pages_are_numbered_and_dated(drawn: Any) -> None:
    pages = texts(drawn)
    assert len(pages) > 4
    for at, text in enumerate(pages, 1):
        if at > 1 or drawn.name != "hostile":
            assert f"{at} of {len(pages)}" in text
        assert "Prices up to 2026-1" in text


def test_contents_lead_to_every_section(drawn: Any) -> None:
    made = reader(drawn)
    heads = re.findall(r"^## \d+\. (.*)$", drawn.markdown, re.M)
    outline = [str(one.title) for one in made.outline if not isinstance(one, list)]
    assert [re.sub(r"^\d+\.? ", "", title) for title in outline] == heads
    listed = next(text for text in texts(drawn) if "Contents" in text)
    for title, one in zip(heads, made.outline, strict=True):
        where = made.get_destination_page_number(one) + 1
        assert squeezed(f"{title}{where}") in squeezed(listed)
        assert squeezed(title) in squeezed(texts(drawn)[where - 1])


def test_page_one_answers_alone(drawn: Any) -> None:
    if drawn.name != "rich":
        pytest.skip("page one of a decision")
    text = squeezed(texts(drawn)[0])
    for told in ("Run furlong on AWS Fargate for $128.93 a month.", "Where", "How much",
                 "How sure this is", "What could change it", "258 ms", "99.957 %",
                 "at 159,000 a day", "Held in trial", "P1\u2013P11", "Contents"):  # fmt: skip
        assert (squeezed(told) in text) == (told != "Contents"), told


def test_fonts_are_embedded_and_never_the_machines(drawn: Any) -> None:
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in reader(drawn).pages
        for font in page["/Resources"].get("/Font", {}).values()
    }
    assert any("Inter" in name for name in fonts)
    for name in fonts:
        assert re.match(r"/[A-Z]{6}\+(Inter|DejaVu|Libertinus|NewCM)", name), name


def test_links_stay_inside_or_lead_to_sources(drawn: Any) -> None:
    for page in reader(drawn).pages:
        for one in page.get("/Annots", []):
            action = one.get_object().get("/A", {})
            if "/URI" in action:
                assert str(action["/URI"]).startswith("https://")
                assert "evil.example" not in str(action["/URI"])


def test_hostile_texts_stay_texts(drawn: Any) -> None:
    if drawn.name != "hostile":
        pytest.skip("only where texts are hostile")
    text = squeezed("".join(texts(drawn)))
    assert '<script>alert("1")</script>' in text and "{{7*7}}" in text
    assert "\\u202e" in text and "\u202e" not in text


def test_pdf_carries_no_clock(drawn: Any) -> None:
    found = reader(drawn).metadata
    assert found is not None and found.creation_date is not None
    assert found.creation_date.strftime("%Y-%m-%d") in ("2026-10-02", "2026-11-03")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two words", "two words"),
        ("us-east-1/1vcpu-2gbx2", "us-\u200beast-\u200b1/\u200b1vcpu-\u200b2gbx2"),
        ("a" * 40, "a" * 24 + "\u200b" + "a" * 16),
        ("line\u202ebreak", "line\\u202ebreak"),
    ],
)
def test_long_words_may_break(text: str, shown: str) -> None:
    assert breakable(text) == shown
