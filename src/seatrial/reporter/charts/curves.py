"""Break-even curves: what two designs cost over daily users."""

from __future__ import annotations

from seatrial.kernel.quote import BreakEven
from seatrial.reporter.charts.look import (
    Chart,
    Spec,
    by_legend,
    dollars_axis,
    label,
    spec,
    ticks,
    token,
)
from seatrial.reporter.words import money


def break_even(curve: BreakEven, names: dict[str, str] | None = None) -> Chart:
    """What two platforms cost over daily users, and where they cross."""
    called = [label((names or {}).get(one, one), 40) for one in curve.platforms]
    by_id = dict(zip(curve.platforms, called, strict=True))
    rows = [
        {
            "users": point.daily_users,
            "usd": float(cost),
            "platform": called[at],
            "said": money(cost),
            "replicas": point.replicas[at],
        }
        for at in (0, 1)
        for point in curve.points
        if (cost := point.monthly_usd[at]) is not None and cost > 0 and point.daily_users > 0
    ]
    crossings = [
        {
            "users": one.daily_users,
            "said": f"{one.daily_users:,} users",
            "cheaper": f"{by_id.get(one.cheaper, label(one.cheaper, 40))} is cheaper",
            "row": at % 4,
        }
        for at, one in enumerate(curve.crossings)
        if one.daily_users > 0
    ]
    said = "; ".join(f"from {one['said']} a day on {one['cheaper']}" for one in crossings)
    first = by_id.get(curve.cheaper_at_first, label(curve.cheaper_at_first, 40))
    said = said or f"{first} is cheaper throughout"
    return Chart(
        title=f"Cost a month by daily users: {called[0]} and {called[1]}",
        description=said,
        spec=_break_even_spec(rows, crossings, called),
    )


def _break_even_spec(rows: list[Spec], crossings: list[Spec], called: list[str]) -> Spec:
    log = {"type": "log", "nice": False}
    x = {
        "field": "users", "type": "quantitative", "scale": log,
        "axis": {"title": "daily users", "format": "~s", "grid": False,
                 "values": ticks([row["users"] for row in rows])},
    }  # fmt: skip
    y = {
        "field": "usd", "type": "quantitative", "scale": log,
        "axis": {**dollars_axis(), "values": ticks([row["usd"] for row in rows])},
    }  # fmt: skip
    lines: Spec = {
        "data": {"values": rows},
        **by_legend("platform"),
        "mark": {"type": "line", "point": {"size": 26, "filled": True}},
        "encoding": {
            "x": x,
            "y": y,
            "color": {
                "field": "platform", "type": "nominal",
                "scale": {"domain": called, "range": [token("c0"), token("slo")]},
                "legend": {"columns": 2, "labelLimit": 260},
            },
            "opacity": {"condition": {"param": "picked", "value": 1}, "value": 0.15},
            "tooltip": [
                {"field": "platform", "title": "Platform"},
                {"field": "users", "title": "Daily users", "format": ","},
                {"field": "said", "title": "A month"},
                {"field": "replicas", "title": "Replicas at the peak"},
            ],
        },
    }  # fmt: skip
    across = {"x": {"field": "users", "type": "quantitative"}}
    rule: Spec = {
        "data": {"values": crossings},
        "mark": {"type": "rule", "color": token("ink"), "strokeDash": [3, 3]},
        "encoding": across,
    }
    text = {"type": "text", "align": "left", "dx": 6, "fontWeight": 600}
    told = [
        {
            "data": {"values": [one]},
            "mark": {**text, "y": 8 + 16 * one["row"], "align": "left" if at < 2 else "right",
                     "dx": 6 if at < 2 else -6},
            "encoding": {**across, "text": {"field": "said"}},
        }
        for at, one in enumerate(crossings)
    ]  # fmt: skip
    return spec({"layer": [lines, *([rule] if crossings else []), *told]}, 280)
