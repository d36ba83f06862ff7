"""What a report says: nothing lost, nothing invented, and every missing part said."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seatrial.reporter import report
from seatrial.reporter.words import NEVER_EMPTIES


def cell_rows(markdown: str, caption: str) -> list[list[str]]:
    """The cells of the table under a bold caption, without head and rule."""
    after = markdown.split(f"**{caption}")[1].splitlines()[2:]
    rows = []
    for line in after:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows[2:]


def test_decision_names_place_and_cost(cases: dict[str, Any]) -> None:
    text = cases["rich"].markdown
    cost = sum((line.monthly_usd for line in cases["rich"].plan.chosen.bill.lines), Decimal(0))
    assert text.startswith(f"# Run furlong on AWS Fargate for ${cost:.2f} a month.\n")
    assert "**Held in trial.**" in text
    assert "Runner-up elsewhere: Google Cloud Run" in text and "$40.97 more a month" in text
    assert "oldest price" in text and "2024-07-01" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "**No feasible design.**"),
        ("bare", "**Not yet measured.**"),
        ("missed", "**Missed in trial.**"),
        ("minimal", "**No feasible design.**"),
    ],
)
def test_verdicts(cases: dict[str, Any], name: str, said: str) -> None:
    assert said in cases[name].markdown


def test_missing_parts_are_said(cases: dict[str, Any]) -> None:
    bare = cases["bare"].markdown
    assert "No trial has run" in bare and "No bundle has been generated" in bare
    assert "charts/latency.svg" not in cases["bare"].files
    none = cases["none"].markdown
    assert "No design was chosen, so there is no bill" in none
    assert "24 designs fail only budget.month. Allow $412.10 a month." in none
    minimal = cases["minimal"].markdown
    assert "This trial measured source another" in minimal
    assert "The trial compared nothing" in minimal and NEVER_EMPTIES in minimal


def test_every_section_is_there(case: Any) -> None:
    heads = re.findall(r"^## \d\. (.*)$", case.markdown, re.M)
    assert heads == [
        "Where it could run", "What it costs", "What the app is", "What is promised",
        "What was measured", "What speaks against it", "What was rejected, and why",
        "What was generated", "Where every number comes from",
    ]  # fmt: skip


def test_unpriced_is_never_zero(cases: dict[str, Any]) -> None:
    text = cases["unpriced"].markdown
    assert text.startswith(
        "# Run furlong on DigitalOcean App Platform; what it costs is not fully known."
    )
    total = cell_rows(text, "The bill of do-app-platform")[-1]
    assert total[4].startswith("**unpriced**") and not re.search(r"\$0\.00(?!\d)", text)
    assert "no row for this SKU in nyc3" in text
    assert "unpriced" in cases["unpriced"].files["charts/cost.svg"].decode()


def test_every_rejected_design_is_counted_once(cases: dict[str, Any]) -> None:
    case = cases["many"]
    rows = cell_rows(case.markdown, "400 designs rejected")
    counts = [int(row[2].strip("*").split("<")[0]) for row in rows]
    assert counts[:-1] == [250, 149, 1] and counts[-1] == 400
    assert "(no reason recorded)" in case.markdown
    accounts = cell_rows(case.markdown, "Nothing disappears")
    numbers = [[int(cell.strip("*").replace(",", "")) for cell in row[1:]] for row in accounts]
    assert numbers[-1] == [406, 6, 400]
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    assert all(considered == feasible + rejected for considered, feasible, rejected in numbers)
    assert len(case.files["report.html"]) < 300_000


def test_feasible_designs_behind_the_ranking_are_counted(cases: dict[str, Any]) -> None:
    text = cases["rich"].markdown
    assert "6 feasible, 54 rejected" in text and "the first 4 of 6 feasible designs" in text


def test_chosen_platform_comes_first_and_rejected_ones_last(cases: dict[str, Any]) -> None:
    rows = cell_rows(cases["rich"].markdown, "Every platform")
    verdicts = [row[1].strip("*") for row in rows]
    assert verdicts[:3] == ["chosen", "feasible", "unpriced"]
    assert set(verdicts[3:]) == {"rejected", "not considered"}


def test_a_count_that_does_not_add_up_is_told(factory: Any) -> None:
    plan = msgspec.structs.replace(factory.plan(), considered=999)
    text = report(factory.workload(), plan, None, None)["report.md"].decode()
    assert "The count does not add up: 999 considered, 6 feasible, 54 rejected." in text


def test_a_bundle_of_another_design_is_told(cases: dict[str, Any]) -> None:
    assert "which is not the chosen design" in cases["unpriced"].markdown
    assert "which is not the chosen design" not in cases["rich"].markdown


def test_huge_figures_are_written(cases: dict[str, Any]) -> None:
    text = cases["huge"].markdown
    assert NEVER_EMPTIES in text and "$123,456,788,999,876,544,211.00 a month" in text
    assert "are missing of $200.00" in text


def test_facts_and_routes_carry_file_and_line(cases: dict[str, Any]) -> None:
    case = cases["rich"]
    for component in case.workload.components:
        for item in (*component.facts, *component.routes, *component.services):
            line = f"{item.proof.file}:{item.proof.line}".replace("__", r"\_\_")
            assert line in case.markdown


def test_finding_has_fix_and_proof(cases: dict[str, Any]) -> None:
    rows = cell_rows(cases["rich"].markdown, "What the rules say")
    assert rows[0][0] == "**risk**" and "[R:state.local-files]" in rows[0][1]
    assert rows[0][2].startswith("Write them to PostgreSQL")
    assert rows[0][3].startswith("furlong/cards.py:118")


def test_charts_are_images_for_dark_pages_too(case: Any) -> None:
    for name, data in case.files.items():
        if name.endswith(".svg"):
            text = data.decode()
            assert 'fill="#ffffff"' in text and 'role="img"' in text and "<title" in text
            assert "href" not in text and "<script" not in text and "<style" not in text
            ids = re.findall(r' id="([^"]*)"', text)
            assert len(ids) == len(set(ids)) == 2


def test_latency_chart_shows_promise_measurement_and_slo(cases: dict[str, Any]) -> None:
    chart = cases["rich"].files["charts/latency.svg"].decode()
    for figure in ("171 ms", "189 ms", "asked: 500 ms", "asked: 1,500 ms"):
        assert f">{figure}</text>" in chart


SCRIPT = """
import hashlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("factory", sys.argv[1])
factory = importlib.util.module_from_spec(spec)
spec.loader.exec_module(factory)
from seatrial.reporter import report
files = report(factory.workload(), factory.plan(), factory.bundle(), factory.evidence())
for name in sorted(files):
    print(name, hashlib.sha256(files[name]).hexdigest())
"""


def test_same_input_same_bytes_in_any_process(cases: dict[str, Any]) -> None:
    files = cases["rich"].files
    here = [f"{name} {hashlib.sha256(files[name]).hexdigest()}" for name in sorted(files)]
    for seed in ("0", "1", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(Path(__file__).with_name("factory.py"))],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8",
                 "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        assert done.stdout.splitlines() == here
