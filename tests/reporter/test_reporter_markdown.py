"""report.md: well-formed tables, literal foreign texts, charts beside it."""

from __future__ import annotations

import re
from typing import Any

from markdown_it import MarkdownIt

PIPE = re.compile(r"(?<!\\)\|")


def tables(markdown: str) -> list[list[str]]:
    """The tables: runs of lines that begin with a pipe."""
    found: list[list[str]] = [[]]
    for line in markdown.splitlines():
        if line.startswith("|"):
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_tables_are_well_formed(case: Any) -> None:
    found = tables(case.markdown)
    assert found
    for table in found:
        assert re.fullmatch(r"\|( :--? \|| --: \|)+", table[1]), table[:2]
        assert {len(PIPE.findall(line)) for line in table} == {len(PIPE.findall(table[1]))}
        assert all(line.endswith("|") for line in table)


def test_a_renderer_sees_every_table(case: Any) -> None:
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(case.markdown)
    assert html.count("<table>") == len(tables(case.markdown))
    rows = sum(len(table) - 1 for table in tables(case.markdown))
    assert html.count("<tr>") == rows


def test_hostile_texts_stay_texts(cases: dict[str, Any]) -> None:
    renderer = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    html = renderer.render(cases["hostile"].markdown)
    tags = set(re.findall(r"<([a-z0-9]+)", html))
    assert tags <= {"h1", "h2", "h3", "p", "strong", "table", "thead", "tbody", "tr", "th", "td",
                    "ul", "ol", "li", "br", "a", "blockquote"}  # fmt: skip
    images = re.findall(r"<img[^>]*>", html)
    assert not images
    assert "evil.example" not in "".join(re.findall(r'(?:href|src)="([^"]*)"', html))
    assert html.count("<h1") == 1
    assert (
        "://evil" not in cases["hostile"].markdown and "@someone" not in cases["hostile"].markdown
    )
    assert "alert(" in html


def test_charts_named_are_charts_written(drawn: Any) -> None:
    named = set(re.findall(r"\]\((charts/[a-z0-9-]+\.svg)\)", drawn.markdown))
    written = {name for name in drawn.files if name.startswith("charts/")}
    assert named == written and len(written) == len(list(drawn.charts))


def test_without_charts_none_is_named(case: Any) -> None:
    assert "](charts/" not in case.markdown


def test_references_are_in_the_appendix(case: Any) -> None:
    body, appendix = case.markdown.split(". Where every number comes from")
    cited = set(re.findall(r"\[([PMADFCSW]\d+)\]", body))
    cited |= {end for pair in re.findall(r"\[(\w\d+)\u2013(\w\d+)\]", body) for end in pair}
    rows = set(re.findall(r"^\| \*\*([PMADFCSW]\d+)\*\* \|", appendix, re.M))
    assert cited <= rows


def test_every_price_source_is_in_the_appendix(cases: dict[str, Any]) -> None:
    appendix = cases["rich"].markdown.split(". Where every number comes from")[1]
    for line in cases["rich"].plan.chosen.bill.lines:
        source = line.source.removeprefix("https://").rstrip("/").split("@")[0]
        assert source in appendix and line.as_of in appendix and line.sku in appendix
