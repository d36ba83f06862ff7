"""How figures and foreign texts are written."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from seatrial.reporter import words

AMOUNTS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=0, max_value=10**15, places=9
)


@given(st.text())
def test_clean_texts_are_one_visible_line(text: str) -> None:
    shown = words.clean(text)
    assert all(unicodedata.category(char)[0] != "C" for char in shown)
    assert not set(shown) & {"\n", "\r", "\t", "\u2028", "\u2029"}


@given(st.text(alphabet=st.sampled_from("ab1 .-+=#*_`[](){}<>|\\~!&@:/\n\u202e"), max_size=40))
def test_markdown_shows_the_text_itself(text: str) -> None:
    cell = words.markdown(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*\|", re.sub(r"\\\|", "", cell))
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable(["table", "strikethrough"])
        .render(f"| head |\n| --- |\n| x{cell}x |\n")
    )
    body = re.search(r"<td>(.*)</td>", html)
    assert body is not None and html.count("<td") == 1
    shown = body[1]
    assert not re.search("<[^>]*>", shown)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        shown = shown.replace(entity, char)
    assert shown == f"x{words.clean(text)}x"


@given(st.text(alphabet=st.sampled_from("12a .-+=#*>)"), min_size=1, max_size=12))
def test_markdown_starts_no_block(text: str) -> None:
    html = MarkdownIt("commonmark").render(words.markdown(text))
    assert re.fullmatch(r"(<p>[^<]*</p>\n)?", html)


@given(AMOUNTS)
def test_money_is_the_amount_to_the_cent(amount: Decimal) -> None:
    shown = words.money(amount)
    back = Decimal(shown.replace("$", "").replace(",", ""))
    assert abs(back - amount) <= Decimal("0.005") and shown[-3] == "."


@given(AMOUNTS)
def test_unit_prices_keep_every_digit(amount: Decimal) -> None:
    assert Decimal(words.unit_price(amount).replace("$", "").replace(",", "")) == amount


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60).map(sorted), st.floats(0, 1, width=32))
def test_quantile_reads_like_numpy_hazen(values: list[float], share: float) -> None:
    expected = float(np.quantile(values, share, method="hazen"))
    assert words.quantile(tuple(values), share) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (words.ms(None), "∞ (queue never empties)"),
        (words.ms(float("inf")), "∞ (queue never empties)"),
        (words.ms(0.457), "0.457 ms"),
        (words.ms(248.4), "248 ms"),
        (words.ms(1500.0), "1,500 ms"),
        (words.ms(73_200.0), "73.2 s"),
        (words.money(None), "unpriced"),
        (words.money(Decimal("-1234.5")), "-$1,234.50"),
        (words.unit_price(Decimal("0.0000166667")), "$0.0000166667"),
        (words.unit_price(Decimal("39")), "$39.00"),
        (words.quantity(Decimal("5256000.00000")), "5,256,000"),
        (words.percent(99.95), "99.95 %"),
        (words.percent(None), "no SLA"),
        (words.share(0.004), "< 1 %"),
        (words.count(3, "route"), "three routes"),
        (words.link("https://aws.amazon.com/fargate/pricing/"), "https://aws.amazon.com/fargate/pricing/"),
        (words.link("javascript:alert(1)"), ""),
        (words.link('https://x.example/"><script>'), ""),
        (words.bare("https://aws.amazon.com/fargate/pricing/"), "aws.amazon.com/fargate/pricing"),
    ],
)  # fmt: skip
def test_figures(shown: str, wanted: str) -> None:
    assert shown == wanted
