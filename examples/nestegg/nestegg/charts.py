"""The charts on the page (Altair). Mid-tone colours, so that they work on light and dark."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from nestegg.plan import Plan
from nestegg.returns import Array
from nestegg.strategies import STRATEGIES
from nestegg.summary import Outcome

TEAL = "#12908e"
COLOURS = (TEAL, "#d97706", "#7c6ee6", "#d6487e", "#5b8c2a")
#: d3 formats: 1.2M is shortened by "s"; G is what it calls a thousand millions.
DOLLARS = "replace(format(datum.value, '$.3~s'), 'G', 'B')"
HEIGHT = 340


def _axis_y(title: str) -> alt.Y:
    axis = alt.Axis(labelExpr=DOLLARS, tickCount=6)
    return alt.Y("p50:Q", title=title, axis=axis, scale=alt.Scale(domainMin=0))


def _axis_age() -> alt.X:
    axis = alt.Axis(format="d", tickMinStep=1, grid=False)
    return alt.X("age:Q", title="Age", axis=axis, scale=alt.Scale(zero=False, nice=False))


def _rows(first_age: int, values: Array) -> list[dict[str, float]]:
    return [
        {"age": first_age + i, "p5": a, "p25": b, "p50": c, "p75": d, "p95": e}
        for i, (a, b, c, d, e) in enumerate(values.T.tolist())
    ]


def fan(plan: Plan, values: Array, title: str) -> alt.LayerChart:
    """Percentiles over the years: 5 to 95 %, 25 to 75 % and the median."""
    base = alt.Chart(alt.InlineData(values=_rows(plan.age, values))).encode(
        x=_axis_age(),
    )
    tips = [
        alt.Tooltip("age:Q", title="Age"),
        alt.Tooltip("p95:Q", title="95th percentile", format="$,.0f"),
        alt.Tooltip("p75:Q", title="75th percentile", format="$,.0f"),
        alt.Tooltip("p50:Q", title="Median", format="$,.0f"),
        alt.Tooltip("p25:Q", title="25th percentile", format="$,.0f"),
        alt.Tooltip("p5:Q", title="5th percentile", format="$,.0f"),
    ]
    y_low, y_mid = _axis_y(title), _axis_y(title)
    y_low.shorthand, y_mid.shorthand = "p5:Q", "p25:Q"
    near = alt.selection_point(fields=["age"], nearest=True, on="pointerover", empty=False)
    outer = base.mark_area(color=TEAL, opacity=0.22).encode(y=y_low, y2="p95:Q")
    inner = base.mark_area(color=TEAL, opacity=0.36).encode(y=y_mid, y2="p75:Q")
    median = base.mark_line(color=TEAL, strokeWidth=2.5).encode(y=_axis_y(title), tooltip=tips)
    dots = base.mark_point(color=TEAL, filled=True, size=70).encode(
        y="p50:Q",
        tooltip=tips,
        opacity=alt.condition(near, alt.value(1), alt.value(0)),
    )
    return alt.LayerChart(layer=[outer, inner, median, dots.add_params(near)], height=HEIGHT)


def end_values(outcome: Outcome) -> alt.Chart:
    """Histogram of the value at the end, without the highest hundredth."""
    rows = [
        {"low": low, "high": high, "count": count}
        for low, high, count in zip(
            outcome.end_edges[:-1].tolist(),
            outcome.end_edges[1:].tolist(),
            outcome.end_counts.tolist(),
            strict=True,
        )
    ]
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color=TEAL, opacity=0.75)
        .encode(
            x=alt.X(
                "low:Q",
                title="Value at the end, today's dollars",
                bin="binned",
                axis=alt.Axis(labelExpr=DOLLARS, grid=False, tickCount=6),
            ),
            x2="high:Q",
            y=alt.Y("count:Q", title="Scenarios"),
            tooltip=[
                alt.Tooltip("low:Q", title="From", format="$,.0f"),
                alt.Tooltip("high:Q", title="To", format="$,.0f"),
                alt.Tooltip("count:Q", title="Scenarios", format=",d"),
            ],
        )
        .properties(height=HEIGHT)
    )
    return chart


def lasting(plan: Plan, outcomes: Sequence[Outcome]) -> alt.Chart:
    """Share of scenarios with money left, by age, for every strategy."""
    rows = [
        {"age": plan.age + year, "share": share, "strategy": STRATEGIES[outcome.strategy].name}
        for outcome in outcomes
        for year, share in enumerate(outcome.lasted_share.tolist())
    ]
    names = [strategy.name for strategy in STRATEGIES.values()]
    shown = [STRATEGIES[outcome.strategy].name for outcome in outcomes]
    colours = [COLOURS[names.index(name)] for name in shown]
    lowest = min(float(outcome.lasted_share.min()) for outcome in outcomes)
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_line(interpolate="step-after", strokeWidth=2.5)
        .encode(
            x=_axis_age(),
            y=alt.Y(
                "share:Q",
                title="Scenarios with money left",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0 if lowest < 0.5 else 0.5, 1]),
            ),
            color=alt.Color(
                "strategy:N",
                title=None,
                scale=alt.Scale(domain=shown, range=colours),
                legend=alt.Legend(orient="bottom", columns=3),
            ),
            tooltip=[
                alt.Tooltip("strategy:N", title="Strategy"),
                alt.Tooltip("age:Q", title="Age"),
                alt.Tooltip("share:Q", title="Money left", format=".1%"),
            ],
        )
        .properties(height=HEIGHT)
    )
    return chart
