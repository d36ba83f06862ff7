"""Charts of the promise: latency against the SLO, and the availability budget."""

from __future__ import annotations

from seatrial.kernel.plan import Plan
from seatrial.reporter.charts.look import Chart, Spec, label, names_axis, spec, token
from seatrial.reporter.words import NEVER_EMPTIES, ms, number, percent

FAILURES_SHOWN = 12
MINUTES_MONTH = 730 * 60


def latency(plan: Plan) -> Chart | None:
    """p50, p95 and p99 of the chosen design with their intervals, and what is asked of them."""
    if plan.chosen is None or plan.chosen.simulation is None:
        return None
    made, told, slo = plan.chosen.simulation, plan.chosen.promise, plan.demand.slo
    rows = []
    for name, found, model, asked in (
        ("p50", made.latency_ms_p50, told.latency_ms_p50, None),
        ("p95", made.latency_ms_p95, told.latency_ms_p95, slo.latency_ms_p95),
        ("p99", made.latency_ms_p99, told.latency_ms_p99, slo.latency_ms_p99),
    ):
        low = found.value if found.low is None else found.low
        high = found.value if found.high is None else found.high
        said = NEVER_EMPTIES if found.value is None else ms(found.value)
        between = "" if low is None or high is None else f"{ms(low)} to {ms(high)}"
        rows.append(
            {
                "name": name, "value": found.value, "low": low, "high": high, "said": said,
                "between": between, "model": model, "asked": asked,
                "wanted": "" if asked is None else f"asked {ms(asked)}",
                "computed": ms(model),
            }
        )  # fmt: skip
    told_all = "; ".join(
        f"{row['name']} {row['said']}" + (f", {row['wanted']}" if row["wanted"] else "")
        for row in rows
    )
    return Chart(
        title="Simulated latency and what is asked", description=told_all, spec=_latency(rows)
    )


def _latency(rows: list[Spec]) -> Spec:
    figures = [row[key] for row in rows for key in ("value", "high", "asked") if row[key]]
    across = {"domain": [0, max(figures, default=1.0) * 1.28], "nice": False}
    y = {"field": "name", "type": "nominal", "sort": None, "axis": {**names_axis(), "minExtent": 0}}

    def x(field: str) -> Spec:
        return {
            "field": field, "type": "quantitative", "scale": across,
            "axis": {"title": "milliseconds at the load balancer", "tickCount": 6},
        }  # fmt: skip

    tips = [
        {"field": "name", "title": "Share of requests"},
        {"field": "said", "title": "Simulated"},
        {"field": "between", "title": "95 % interval"},
        {"field": "computed", "title": "Queueing model"},
        {"field": "wanted", "title": "Asked"},
    ]
    asked = [row for row in rows if row["asked"] is not None]
    return spec(
        {
            "data": {"values": rows},
            "encoding": {"y": y, "tooltip": tips},
            "layer": [
                {
                    "mark": {"type": "bar", "height": 16, "color": token("load"),
                             "cornerRadiusEnd": 3},
                    "encoding": {"x": x("value")},
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 5, "color": token("accent"),
                             "strokeCap": "round"},
                    "encoding": {"x": x("low"), "x2": {"field": "high"}},
                },
                {
                    "mark": {"type": "point", "shape": "diamond", "size": 60, "filled": True,
                             "color": token("ink")},
                    "encoding": {"x": x("model")},
                },
                {
                    "mark": {"type": "text", "align": "left", "dx": 9, "fontWeight": 600},
                    "encoding": {"x": x("high"), "text": {"field": "said"}},
                },
                {
                    "data": {"values": asked},
                    "mark": {"type": "tick", "thickness": 2.5, "size": 34, "color": token("slo")},
                    "encoding": {"x": x("asked")},
                },
                {
                    "data": {"values": asked},
                    "mark": {"type": "text", "align": "left", "dx": 7, "color": token("slo")},
                    "encoding": {"x": x("asked"), "text": {"field": "wanted"}},
                },
            ],
        },
        {"step": 46},
    )  # fmt: skip


def availability(plan: Plan) -> Chart | None:
    """What each kind of failure costs in availability, beside what the SLO allows."""
    if plan.chosen is None or plan.chosen.simulation is None:
        return None
    failures = plan.chosen.simulation.failures
    if not failures:
        return None
    ordered = sorted(failures, key=lambda f: (-f.unavailability_percent, f.name))
    rows: list[Spec] = [
        _spent(label(one.name, 44), one.unavailability_percent, one.per_year, "")
        for one in ordered[:FAILURES_SHOWN]
    ]
    if rest := ordered[FAILURES_SHOWN:]:
        said = f"{len(rest)} kinds more"
        rows.append(_spent(said, sum(one.unavailability_percent for one in rest), None, ""))
    total = sum(one.unavailability_percent for one in failures)
    rows.insert(0, _spent("All together", total, None, "all"))
    allowed = (100 - plan.demand.slo.availability_percent) / 100 * MINUTES_MONTH
    said = f"{rows[0]['said']} of {number(allowed)} minutes a month allowed"
    return Chart(
        title="Availability budget: minutes down a month",
        description=said,
        spec=_availability(rows, allowed),
    )


def _spent(name: str, share_percent: float, per_year: float | None, kind: str) -> Spec:
    minutes = share_percent / 100 * MINUTES_MONTH
    return {
        "name": name, "minutes": minutes, "said": f"{minutes:,.2g}" if minutes < 10 else
        f"{minutes:,.0f}", "share": percent(round(share_percent, 6)),
        "often": "" if per_year is None else f"{number(per_year)} a year", "kind": kind or "one",
    }  # fmt: skip


def _availability(rows: list[Spec], allowed: float) -> Spec:
    largest = max([allowed, *(row["minutes"] for row in rows)])
    across = {"domain": [0, largest * 1.12], "nice": False}
    x = {
        "field": "minutes", "type": "quantitative", "scale": across,
        "axis": {"title": "minutes a month", "tickCount": 6},
    }  # fmt: skip
    y = {"field": "name", "type": "nominal", "sort": None, "axis": names_axis(230)}
    limit = [{"minutes": allowed, "said": f"allowed: {number(round(allowed, 1))}"}]
    return spec(
        {
            "layer": [
                {
                    "data": {"values": rows},
                    "mark": {"type": "bar", "height": 14, "cornerRadiusEnd": 2},
                    "encoding": {
                        "y": y,
                        "x": x,
                        "color": {
                            "field": "kind", "type": "nominal", "legend": None,
                            "scale": {"domain": ["all", "one"],
                                      "range": [token("accent"), token("c2")]},
                        },
                        "tooltip": [
                            {"field": "name", "title": "Failure"},
                            {"field": "often", "title": "How often"},
                            {"field": "said", "title": "Minutes a month"},
                            {"field": "share", "title": "Of the time"},
                        ],
                    },
                },
                {
                    "data": {"values": rows},
                    "mark": {"type": "text", "align": "left", "dx": 6},
                    "encoding": {"y": y, "x": x, "text": {"field": "said"}},
                },
                {
                    "data": {"values": limit},
                    "mark": {"type": "rule", "color": token("slo"), "strokeWidth": 2},
                    "encoding": {"x": x},
                },
                {
                    "data": {"values": limit},
                    "mark": {"type": "text", "align": "right", "dx": -7,
                             "y": {"expr": "height - 6"}, "color": token("slo"), "fontWeight": 600},
                    "encoding": {"x": x, "text": {"field": "said"}},
                },
            ],
        },
        {"step": 25},
    )  # fmt: skip
