"""report.html: one well-formed, self-contained, accessible page; foreign texts stay texts."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import html5lib
import pytest

from seatrial.reporter.charts.look import LIGHT

VOID = {"meta", "link", "img", "br", "hr", "input", "source"}


class Page(HTMLParser):
    """Elements with their attributes, and the text of the page outside of styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.inside: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.inside.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.inside and self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.inside):
            self.text.append(data)


def test_page_is_strictly_well_formed(case: Any) -> None:
    html5lib.HTMLParser(strict=True).parse(case.html)
    assert Page(case.html).inside == []


def test_page_loads_nothing(case: Any) -> None:
    page = Page(case.html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base", "form", "use"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert "src" not in attributes and "srcset" not in attributes and "style" not in attributes
        target = attributes.get("href")
        if target is not None:
            assert tag == "a" and (target.startswith("#") or target.startswith("https://"))
    style = case.html[case.html.index("<style>") : case.html.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_only_the_scripts_of_the_page_may_run(case: Any) -> None:
    page = Page(case.html)
    policy = next(a["content"] for _, a in page.elements if "http-equiv" in a)
    scripts = re.findall(r"<script>(.*?)</script>", case.html, re.S)
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes) or "'none'"
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"
    kinds = [a.get("type") for tag, a in page.elements if tag == "script"]
    assert kinds in ([], ["application/json", None, None])
    assert len(scripts) == (2 if case.charts else 0)


def test_every_chart_has_its_place_and_its_specification(case: Any) -> None:
    places = [a["data-chart"] for _, a in Page(case.html).elements if "data-chart" in a]
    assert sorted(places) == sorted(case.charts)
    for _, attributes in Page(case.html).elements:
        if "data-chart" in attributes:
            assert attributes["role"] == "img" and ": " in (attributes["aria-label"] or "")
    if places:
        told = re.search(r'id="specs">(.*?)</script>', case.html, re.S)
        assert told is not None and "<" not in told[1]
        assert json.loads(told[1]) == {name: one.spec for name, one in case.charts.items()}


def test_a_page_without_charts_has_no_script(cases: dict[str, Any]) -> None:
    assert "<script" not in cases["minimal"].html or cases["minimal"].charts


def test_references_lead_somewhere_and_ids_are_unique(case: Any) -> None:
    page = Page(case.html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"] for tag, a in page.elements if tag == "a" and a["href"].startswith("#")}
    assert {target[1:] for target in targets} <= set(ids)
    labelled = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    assert {one for label in labelled for one in label.split()} <= set(ids)


def test_tables_have_captions_scopes_and_whole_rows(case: Any) -> None:
    tree = html5lib.parse(case.html, namespaceHTMLElements=False)
    tables = tree.findall(".//table")
    assert tables
    for table in tables:
        caption = table.find("caption")
        assert caption is not None and caption.text
        head = table.findall("thead/tr/th")
        assert head and all(cell.get("scope") == "col" for cell in head)
        rows = table.findall("tbody/tr") + table.findall("tfoot/tr")
        for row in rows:
            cells = list(row)
            assert len(cells) == len(head)
            assert cells[0].tag == "th" and cells[0].get("scope") == "row"
            assert [cell.get("data-label") for cell in cells] == [cell.text for cell in head]


def test_hostile_texts_stay_texts(cases: dict[str, Any], factory: Any) -> None:
    hostile, rich = Page(cases["hostile"].html), Page(cases["missed"].html)
    # The same page but for texts: not one element more than the harmless report has. (A hostile
    # source is no link any more, and a chart leaves out the labels that do not fit.)
    free = ("a", "span", "text", "g")
    plain = [tag for tag, _ in rich.elements if tag not in free]
    assert [tag for tag, _ in hostile.elements if tag not in free] == plain
    shown = "".join(hostile.text)
    assert '<script>alert("1")</script>' in shown and "{{7*7}}" in shown and "49}" not in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", cases["hostile"].html)
    assert "\\u202e" in shown
    assert "evil.example" not in "".join(
        str(value) for _, attributes in hostile.elements for name, value in attributes.items()
        if name in ("href", "src", "class", "id")
    )  # fmt: skip


@pytest.mark.parametrize("name", ["rich", "missed", "unpriced", "many", "huge"])
def test_every_price_source_is_in_the_appendix(cases: dict[str, Any], name: str) -> None:
    case = cases[name]
    start, end = case.html.index('<section id="sources"'), case.html.rindex("</section>")
    appendix = "".join(Page(case.html[start:end] + "</section>").text)
    for line in case.plan.chosen.bill.lines:
        source = line.source.removeprefix("https://").rstrip("/")
        assert source in appendix and line.as_of in appendix and line.sku in appendix


def test_numbers_of_page_one_carry_references(cases: dict[str, Any]) -> None:
    tree = html5lib.parse(cases["rich"].html, namespaceHTMLElements=False)
    cards = {
        card.find("dt").text: card.findall(".//a")
        for card in tree.findall(".//dl[@class='cards']/div")
    }
    assert set(cards) >= {"Cost a month", "95 of 100 answered in", "Measured p95", "Available"}
    for label, links in cards.items():
        assert links or label == "Runs as"
    assert cards["95 of 100 answered in"][0].text == "S1"
    assert cards["Cost a month"][0].text.startswith("P1")
    assert cards["Measured p95"][0].text == "M1"


def test_dark_narrow_and_print_are_styled(cases: dict[str, Any]) -> None:
    html = cases["rich"].html
    assert "prefers-color-scheme: dark" in html and "@media print" in html and "size: A4" in html
    style = html[html.index("<style>") : html.index("</style>")]
    for name in re.findall(r"var\(--([a-z0-9]+)\)", json.dumps(specs(cases["rich"]))):
        assert style.count(f"--{name}: ") == 2, name
        assert name in LIGHT


def specs(case: Any) -> dict[str, Any]:
    return {name: chart.spec for name, chart in case.charts.items()}
