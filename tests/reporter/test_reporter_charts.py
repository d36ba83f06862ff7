"""Charts: every specification compiles, says what the plan says, and loads nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import vl_convert

from seatrial.reporter.charts import break_even, svg
from seatrial.reporter.charts.svg import VEGA_LITE

EVERY = {
    "options", "architecture", "matrix", "front", "cost", "break-even-1", "break-even-2",
    "latency", "day", "week", "availability", "service-time", "measured",
}  # fmt: skip


def rows(spec: Any) -> list[dict[str, Any]]:
    """All data of a specification."""
    if isinstance(spec, dict):
        own = spec["data"]["values"] if "values" in spec.get("data", {}) else []
        return own + [row for key, value in spec.items() if key != "data" for row in rows(value)]
    return [row for value in spec for row in rows(value)] if isinstance(spec, list) else []


def test_every_chart_is_there(cases: dict[str, Any]) -> None:
    assert set(cases["rich"].charts) == EVERY
    assert set(cases["bare"].charts) == EVERY - {"measured"}
    assert set(cases["none"].charts) == {"cost", "matrix", "service-time"} & set(
        cases["none"].charts
    )


def test_every_specification_compiles_and_has_data(case: Any) -> None:
    for name, chart in case.charts.items():
        made = vl_convert.vegalite_to_vega(
            json.dumps(chart.spec), vl_version=VEGA_LITE, show_warnings=True
        )
        assert made["marks"], name
        assert rows(chart.spec), name
        assert chart.title and chart.description, name
        assert "url" not in json.dumps(chart.spec["config"])
        assert all("url" not in str(key) for row in rows(chart.spec) for key in row)


def test_bars_add_up_to_the_bill(cases: dict[str, Any]) -> None:
    case = cases["rich"]
    bars = [row for row in rows(case.charts["cost"].spec) if "component" in row]
    own = sum(row["usd"] for row in bars if row["platform"] == "AWS Fargate")
    assert own == pytest.approx(float(case.plan.chosen.bill.monthly_usd))
    assert {row["strength"] for row in bars if row["platform"] == "AWS Lambda"} == {0.4}


def test_the_matrix_holds_every_score(cases: dict[str, Any]) -> None:
    case = cases["rich"]
    cells = rows(case.charts["matrix"].spec)
    scores = {(row["platform"], row["dimension"]): row["score"] for row in cells}
    assert len(scores) == 5 * 15
    for one in case.plan.chosen.dimensions:
        assert scores["AWS Fargate", one.name] == one.score
    assert list(scores.values()).count(None) == 1


def test_availability_budget_is_what_the_slo_allows(cases: dict[str, Any]) -> None:
    data = rows(cases["rich"].charts["availability"].spec)
    allowed = [row for row in data if str(row.get("said", "")).startswith("allowed")]
    assert allowed[0]["minutes"] == pytest.approx(43.8)
    total = next(row for row in data if row.get("name") == "All together")
    parts = {row["name"]: row["minutes"] for row in data if row.get("often")}
    assert total["minutes"] == pytest.approx(sum(parts.values()))


def test_the_week_has_168_hours_and_the_day_24(cases: dict[str, Any]) -> None:
    charts = cases["rich"].charts
    assert len({row["hour"] for row in rows(charts["week"].spec) if "rate" in row}) == 169
    hours = [row["hour"] for row in rows(charts["day"].spec) if "rate" in row]
    assert hours == list(range(120, 145)) and "Saturday" in charts["day"].title


def test_a_gap_in_a_curve_is_left_out_and_crossings_are_told(cases: dict[str, Any]) -> None:
    curve = cases["rich"].plan.break_even[0]
    chart = break_even(curve)
    drawn = [row for row in rows(chart.spec) if row.get("platform") == "gcp-cloud-run"]
    assert len(drawn) == len(curve.points) - 1
    assert chart.description == "from 5,420 users a day on aws-fargate is cheaper"


def test_files_stand_alone(drawn: Any) -> None:
    for name, data in drawn.files.items():
        if name.endswith(".svg"):
            text = data.decode()
            assert 'fill="#ffffff"' in text and 'role="img"' in text and "<title>" in text
            assert "href" not in re.sub(r"xmlns:xlink=\S+", "", text).replace("xlink:href", "")
            assert "<script" not in text.replace("&lt;script", "") and "<image" not in text
            assert "var(--" not in text


def test_the_latency_chart_shows_figures_and_targets(cases: dict[str, Any]) -> None:
    text = svg(cases["rich"].charts["latency"]).decode()
    for figure in ("258 ms", "471 ms", "asked 500 ms", "asked 1,500 ms"):
        assert f">{figure}</text>" in text
