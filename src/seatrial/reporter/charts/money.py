"""Charts of money: the bill of every platform, break-even curves, the Pareto front."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from seatrial.kernel.assessment import Assessment
from seatrial.kernel.plan import Plan
from seatrial.reporter.charts.look import (
    SERIES,
    Chart,
    Spec,
    by_legend,
    dollars_axis,
    label,
    names_axis,
    series,
    spec,
    token,
)
from seatrial.reporter.naming import in_order, platform_labels, shown
from seatrial.reporter.words import money, ms, percent

POINTS_SHOWN = 400
OPTIONS_SHOWN = 7


def cost(plan: Plan) -> Chart | None:
    """Stacked bars by line of the bill, one platform a row."""
    labels = platform_labels(plan)
    rows = [(verdict, item) for verdict in in_order(plan) if (item := shown(verdict)) is not None]
    if not rows:
        return None
    ordered = _components([item for _, item in rows])
    kept = ordered[: SERIES - 1] if len(ordered) > SERIES else ordered
    bars: list[Spec] = []
    totals: list[Spec] = []
    for verdict, item in rows:
        total, name = item.bill.monthly_usd, labels[verdict.platform]
        rejected = verdict.best is None
        said = money(total)
        totals.append({"platform": name, "usd": float(total or 0), "said": said})
        if total is None:
            continue
        sums: dict[str, Decimal] = {}
        for line in item.bill.lines:
            key = line.component if line.component in kept else "everything else"
            sums[key] = sums.get(key, Decimal(0)) + line.monthly_usd
        bars += [
            {
                "platform": name,
                "component": label(key, 28),
                "usd": float(value),
                "said": money(value),
                "place": _place(key, kept),
                "strength": 0.4 if rejected else 1.0,
            }
            for key, value in sums.items()
        ]
    names = [label(name, 28) for name in kept]
    names += ["everything else"] if len(ordered) > len(kept) else []
    largest = max((row["usd"] for row in totals), default=1.0) or 1.0
    said = "; ".join(f"{row['platform']} {row['said']}" for row in totals)
    made = _cost_spec(bars, totals, names, largest)
    return Chart(title="Cost a month by platform", description=said, spec=made)


def options(plan: Plan) -> Chart | None:
    """What the best design of each platform that does costs, with its latency and availability."""
    labels = platform_labels(plan)
    rows = []
    for verdict in in_order(plan):
        item = verdict.best
        if item is None:
            continue
        p95 = item.promise.latency_ms_p95
        if item.simulation is not None:
            p95 = item.simulation.latency_ms_p95.value
        rows.append(
            {
                "platform": labels[verdict.platform],
                "usd": float(item.bill.monthly_usd or 0),
                "cost": money(item.bill.monthly_usd),
                "more": f"p95 {ms(p95)}",
                "chosen": plan.chosen is not None
                and verdict.platform == plan.chosen.design.platform,
            }
        )
    if len(rows) < 2 or plan.chosen is None:
        return None
    rows = rows[:OPTIONS_SHOWN]
    said = "; ".join(f"{row['platform']} {row['cost']}, {row['more']}" for row in rows)
    return Chart(title="Cost a month", description=said, spec=_options_spec(rows))


def _options_spec(rows: list[Spec]) -> Spec:
    largest = max(row["usd"] for row in rows) or 1.0
    x = {
        "field": "usd", "type": "quantitative", "axis": None,
        "scale": {"domain": [0, largest * 1.25], "nice": False},
    }  # fmt: skip
    y = {"field": "platform", "type": "nominal", "sort": None, "axis": names_axis()}
    tips = [
        {"field": "platform", "title": "Platform"},
        {"field": "cost", "title": "A month"},
        {"field": "more", "title": "Simulated"},
    ]
    return spec(
        {
            "data": {"values": rows},
            "encoding": {"y": y, "x": x, "tooltip": tips},
            "layer": [
                {
                    "mark": {"type": "bar", "height": 15, "cornerRadiusEnd": 2},
                    "encoding": {
                        "color": {
                            "field": "chosen", "type": "nominal", "legend": None,
                            "scale": {"domain": [True, False],
                                      "range": [token("accent"), token("load")]},
                        }
                    },
                },
                {"mark": {"type": "text", "align": "left", "dx": 7, "fontWeight": 600},
                 "encoding": {"text": {"field": "cost"}}},
            ],
        },
        {"step": 25},
    )  # fmt: skip


def _components(items: list[Assessment]) -> list[str]:
    totals: dict[str, Decimal] = {}
    for item in items:
        for line in item.bill.lines if item.bill.monthly_usd is not None else ():
            totals[line.component] = totals.get(line.component, Decimal(0)) + line.monthly_usd
    return sorted(totals, key=lambda name: (-totals[name], name))


def _place(name: str, kept: list[str]) -> int:
    return kept.index(name) if name in kept else len(kept)


def _cost_spec(bars: list[Spec], totals: list[Spec], names: list[str], largest: float) -> Spec:
    rows = [row["platform"] for row in totals]
    # Room for the total behind the longest bar.
    across = {"domain": [0, largest * 1.3], "nice": False}
    y = {"field": "platform", "type": "nominal", "sort": rows, "axis": names_axis()}
    stack: Spec = {
        "data": {"values": bars},
        **by_legend("component"),
        "mark": {"type": "bar", "height": 14},
        "encoding": {
            "y": y,
            "x": {
                "field": "usd", "type": "quantitative", "scale": across, "axis": dollars_axis(),
                "stack": "zero",
            },
            "order": {"field": "place", "type": "quantitative"},
            "color": {"field": "component", "type": "nominal", "scale": series(names)},
            "opacity": {
                "condition": {
                    "param": "picked", "field": "strength", "type": "quantitative", "scale": None,
                },
                "value": 0.12,
            },
            "tooltip": [
                {"field": "platform", "title": "Platform"},
                {"field": "component", "title": "Part of the bill"},
                {"field": "said", "title": "A month"},
            ],
        },
    }  # fmt: skip
    ends: Spec = {
        "data": {"values": totals},
        "mark": {"type": "text", "align": "left", "dx": 6, "fontWeight": 600},
        "encoding": {
            "y": y,
            "x": {"field": "usd", "type": "quantitative"},
            "text": {"field": "said"},
        },
    }
    return spec({"layer": [stack, ends]}, {"step": 27})


def front(plan: Plan) -> Chart | None:
    """The Pareto front: cost and p95 of the designs that nothing beats in everything."""
    if not plan.front:
        return None
    labels = platform_labels(plan)
    points = sorted(plan.front, key=lambda p: (p.monthly_usd, p.latency_ms_p95, p.design))
    chosen = plan.chosen.design.id if plan.chosen else ""
    tally: dict[str, int] = {}
    for point in points:
        tally[point.platform] = tally.get(point.platform, 0) + 1
    first = plan.chosen.design.platform if plan.chosen else ""
    ordered = sorted(tally, key=lambda name: (name != first, -tally[name], name))
    kept = ordered[: SERIES - 1] if len(ordered) > SERIES else ordered
    names = [labels.get(name, label(name)) for name in kept]
    names += ["other platforms"] if len(ordered) > len(kept) else []
    rows = [
        {
            "platform": labels.get(point.platform, label(point.platform))
            if point.platform in kept
            else "other platforms",
            "design": label(point.design, 90),
            "usd": float(point.monthly_usd),
            "ms": point.latency_ms_p95,
            "cost": money(point.monthly_usd),
            "latency": ms(point.latency_ms_p95),
            "sla": percent(point.availability_percent),
            "chosen": point.design == chosen,
        }
        for point in points[:POINTS_SHOWN]
        if point.monthly_usd > 0 and point.latency_ms_p95 > 0
    ]
    more = f", the cheapest {POINTS_SHOWN} of them" if len(points) > POINTS_SHOWN else ""
    said = f"{len(points):,} designs{more}; {_said_of_chosen(rows)}"
    return Chart(
        title="Pareto front: cost and latency", description=said, spec=_front_spec(rows, names)
    )


def _said_of_chosen(rows: list[dict[str, Any]]) -> str:
    for row in rows:
        if row["chosen"]:
            return f"the chosen one at {row['cost']} and {row['latency']}"
    return "the chosen design is not on it"


def _front_spec(rows: list[Spec], names: list[str]) -> Spec:
    costs = [row["usd"] for row in rows] or [1.0]
    kind = "log" if max(costs) > 8 * min(costs) else "linear"
    scale = {"type": kind, "zero": False, "nice": kind == "linear", "padding": 14}
    x = {
        "field": "usd", "type": "quantitative", "scale": scale,
        "axis": {**dollars_axis(), "tickCount": 6},
    }  # fmt: skip
    y = {
        "field": "ms", "type": "quantitative", "scale": {"zero": True, "padding": 10},
        "axis": {"title": "p95, milliseconds", "tickCount": 5},
    }  # fmt: skip
    dots: Spec = {
        "data": {"values": rows},
        **by_legend("platform"),
        "mark": {"type": "point", "filled": True, "size": 75},
        "encoding": {
            "x": x,
            "y": y,
            "color": {"field": "platform", "type": "nominal", "scale": series(names),
                      "legend": {"columns": 3, "symbolType": "circle"}},
            "opacity": {"condition": {"param": "picked", "value": 0.9}, "value": 0.08},
            "tooltip": [
                {"field": "design", "title": "Design"},
                {"field": "cost", "title": "A month"},
                {"field": "latency", "title": "p95"},
                {"field": "sla", "title": "Agreed availability"},
            ],
        },
    }  # fmt: skip
    best = [row for row in rows if row["chosen"]]
    place = {
        "x": {"field": "usd", "type": "quantitative"},
        "y": {"field": "ms", "type": "quantitative"},
    }
    ring: Spec = {
        "data": {"values": best},
        "mark": {"type": "point", "size": 260, "color": token("ink"), "strokeWidth": 1.6},
        "encoding": place,
    }
    name: Spec = {
        "data": {"values": best},
        "mark": {"type": "text", "dy": -17, "fontWeight": 600, "text": "chosen"},
        "encoding": place,
    }
    return spec({"layer": [dots, *([ring, name] if best else [])]}, 300)
