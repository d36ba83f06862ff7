"""Charts of measurements: service times by route, and what the trial measured."""

from __future__ import annotations

from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Workload
from seatrial.reporter.charts.look import Chart, Spec, label, names_axis, spec, token
from seatrial.reporter.words import NEVER_EMPTIES, ms, quantile

ROUTES_SHOWN = 16


def service_time(workload: Workload) -> Chart | None:
    """p50 to p95 of every measured route, the slowest first."""
    found = [
        (f"{'/'.join(route.methods)} {route.path}", route.service_time.quantiles_ms)
        for component in workload.components
        for route in component.routes
        if route.service_time is not None and route.service_time.quantiles_ms
    ]
    if not found:
        return None
    ordered = sorted(found, key=lambda row: (-quantile(row[1], 0.95), row[0]))[:ROUTES_SHOWN]
    rows: list[Spec] = []
    for at, (name, times) in enumerate(ordered):
        low, high = quantile(times, 0.5), quantile(times, 0.95)
        rows.append({"key": at, "route": label(name, 48), "p50": low, "p95": high,
                     "said": f"{ms(low)} · {ms(high)}"})  # fmt: skip
    largest = max(row["p95"] for row in rows) or 1.0
    return Chart(
        title="Service time by route: half of the requests, and 95 of 100",
        description="; ".join(f"{row['route']} {row['said']}" for row in rows),
        spec=_service_time(rows, largest),
    )


def _service_time(rows: list[Spec], largest: float) -> Spec:
    x = {
        "type": "quantitative", "scale": {"domain": [0, largest * 1.3], "nice": False},
        "axis": {"title": "milliseconds", "tickCount": 6},
    }  # fmt: skip
    y = {"field": "route", "type": "nominal", "sort": None, "axis": names_axis(200)}
    tips = [{"field": "route", "title": "Route"}, {"field": "said", "title": "p50 · p95"}]
    layers = [
        {"mark": {"type": "bar", "height": 13, "color": token("load")},
         "encoding": {"x": {**x, "field": "p95"}}},
        {"mark": {"type": "bar", "height": 13, "color": token("accent")},
         "encoding": {"x": {**x, "field": "p50"}}},
        {"mark": {"type": "text", "align": "left", "dx": 6},
         "encoding": {"x": {**x, "field": "p95"}, "text": {"field": "said"}}},
    ]  # fmt: skip
    shown = {"data": {"values": rows}, "encoding": {"y": y, "tooltip": tips}, "layer": layers}
    return spec(shown, {"step": 25})


def measured(plan: Plan, evidence: LoadEvidence | None) -> Chart | None:
    """Promised and measured p50, p95 and p99 of the rehearsal, with a mark where the SLO is."""
    if evidence is None:
        return None
    told, slo, found = plan.rehearsal.promise, plan.demand.slo, evidence.latency_ms
    rows: list[Spec] = []
    asked: list[Spec] = []
    for name, promised, seen, limit in (
        ("p50", told.latency_ms_p50, found.p50, None),
        ("p95", told.latency_ms_p95, found.p95, slo.latency_ms_p95),
        ("p99", told.latency_ms_p99, found.p99, slo.latency_ms_p99),
    ):
        for kind, value in (("promised", promised), ("measured", seen)):
            said = NEVER_EMPTIES if value is None else ms(value)
            rows.append({"name": name, "kind": kind, "ms": value or 0.0, "said": said})
        if limit is not None:
            asked.append({"name": name, "ms": limit, "said": f"asked: {ms(limit)}"})
    return Chart(
        title="The trial: promised and measured latency",
        description="; ".join(f"{row['name']} {row['kind']} {row['said']}" for row in rows)
        + "; " + "; ".join(f"{row['name']} {row['said']}" for row in asked),
        spec=_measured(rows, asked),
    )  # fmt: skip


def _measured(rows: list[Spec], asked: list[Spec]) -> Spec:
    largest = max(row["ms"] for row in (*rows, *asked)) or 1.0
    x = {
        "field": "ms", "type": "quantitative",
        "scale": {"domain": [0, largest * 1.15], "nice": False},
        "axis": {"title": "milliseconds", "tickCount": 6},
    }  # fmt: skip
    y = {"field": "name", "type": "nominal", "sort": None, "axis": {**names_axis(), "minExtent": 0}}
    beside = {"field": "kind", "type": "nominal", "sort": ["promised", "measured"]}
    colours = {"domain": ["promised", "measured"], "range": [token("load"), token("accent")]}
    bars = {
        "y": y, "yOffset": beside, "x": x,
        "tooltip": [{"field": "name", "title": "Share"}, {"field": "kind", "title": "Figure"},
                    {"field": "said", "title": "Latency"}],
    }  # fmt: skip
    return spec(
        {
            "layer": [
                {
                    "data": {"values": rows},
                    "mark": {"type": "bar", "height": 13},
                    "encoding": {
                        **bars,
                        "color": {"field": "kind", "type": "nominal", "scale": colours},
                    },
                },
                {
                    "data": {"values": rows},
                    "mark": {"type": "text", "align": "left", "dx": 6},
                    "encoding": {**bars, "text": {"field": "said"}},
                },
                {
                    "data": {"values": asked},
                    "mark": {"type": "tick", "thickness": 2.5, "size": 40, "color": token("slo")},
                    "encoding": {"y": y, "x": x},
                },
                {
                    "data": {"values": asked},
                    "mark": {"type": "text", "align": "right", "dx": -7, "color": token("slo")},
                    "encoding": {"y": y, "x": x, "text": {"field": "said"}},
                },
            ]
        },
        170,
    )
