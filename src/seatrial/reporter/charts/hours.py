"""Charts of time: load, replicas and latency, hour by hour, over the week and the worst day."""

from __future__ import annotations

import math

from seatrial.kernel.plan import Plan
from seatrial.kernel.simulation import HourOutlook
from seatrial.reporter.charts.look import WIDTH, Chart, Spec, spec, token
from seatrial.reporter.words import ms, number

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_LABEL = "['Mon','Tue','Wed','Thu','Fri','Sat','Sun'][floor(datum.value / 24) % 7]"
_HOUR_LABEL = "pad(datum.value % 24, 2, '0', 'left') + ':00'"


def week(plan: Plan) -> Chart | None:
    """Load, replicas and latency over the hours of the simulated week, the worst day marked."""
    if plan.chosen is None or plan.chosen.simulation is None:
        return None
    made = plan.chosen.simulation
    if not made.week:
        return None
    day = made.worst.hour // 24 % 7
    return Chart(
        title="The simulated week: load, replicas and latency",
        description=f"{_peaks(made.week)}; the worst hour is {_when(made.worst.hour)}",
        spec=_hours(made.week, plan.demand.slo.latency_ms_p95, marked=day),
    )


def day(plan: Plan) -> Chart | None:
    """The same for the day of the worst hour."""
    if plan.chosen is None or plan.chosen.simulation is None:
        return None
    made = plan.chosen.simulation
    at = made.worst.hour // 24 % 7
    hours = tuple(hour for hour in made.week if hour.hour // 24 % 7 == at)
    if not hours:
        return None
    return Chart(
        title=f"The worst day: {DAY_NAMES[at]}",
        description=f"{_peaks(hours)}; the worst hour is {_when(made.worst.hour)}",
        spec=_hours(hours, plan.demand.slo.latency_ms_p95),
    )


def _when(hour: int) -> str:
    return f"{DAY_NAMES[hour // 24 % 7]} {hour % 24:02d}:00"


def _peaks(hours: tuple[HourOutlook, ...]) -> str:
    return (
        f"up to {number(max(hour.rate_rps for hour in hours))} requests a second on "
        f"{number(min(hour.replicas for hour in hours))} to "
        f"{number(max(hour.replicas for hour in hours))} replicas"
    )


def _hours(hours: tuple[HourOutlook, ...], asked: float, marked: int | None = None) -> Spec:
    rows: list[Spec] = [
        {
            "hour": hour.hour,
            "end": hour.hour + 1,
            "when": _when(hour.hour),
            "rate": hour.rate_rps,
            "replicas": hour.replicas,
            "p95": hour.latency_ms_p95,
            "latency": ms(hour.latency_ms_p95),
            "errors": f"{hour.error_percent:.3g} %",
        }
        for hour in hours
    ]
    first, last = hours[0].hour, hours[-1].hour + 1
    # Steps end where the next hour begins: the last one needs an end of its own.
    rows.append({**rows[-1], "hour": last, "end": last})
    whole = last - first > 24
    across: Spec = {
        "type": "quantitative",
        "scale": {"domain": [first, last], "nice": False},
        "axis": {
            "title": None, "grid": whole, "values": list(range(first, last, 24 if whole else 3)),
            "labelExpr": _DAY_LABEL if whole else _HOUR_LABEL, "labelFlush": False,
            **({"labelAlign": "left", "labelOffset": 4} if whole else {}),
        },
    }  # fmt: skip
    band = [] if marked is None else [{"start": marked * 24, "end": marked * 24 + 24}]
    views = [
        _panel(across, band, "Requests a second", "rate", 92),
        _panel(across, band, "Replicas", "replicas", 62, whole=_whole(hours)),
    ]
    known = [hour.latency_ms_p95 for hour in hours if hour.latency_ms_p95 is not None]
    if known:
        # A week of calm hours under a far target would be a flat line at its foot.
        top = max(known)
        views.append(
            _panel(across, band, "p95, milliseconds", "p95", 92,
                   asked=asked if asked < 4 * top else None)
        )  # fmt: skip
    return spec({"data": {"values": rows}, "vconcat": views, "spacing": 18})


def _whole(hours: tuple[HourOutlook, ...]) -> list[int]:
    """At most four whole numbers from 0 to the most replicas."""
    most = max(1, math.ceil(max(hour.replicas for hour in hours)))
    return list(range(0, most + 1, math.ceil(most / 3)))


def _panel(
    across: Spec, band: list[Spec], title: str, field: str, height: int, *,
    whole: list[int] | None = None, asked: float | None = None,
) -> Spec:  # fmt: skip
    y: Spec = {
        "field": field, "type": "quantitative", "scale": {"zero": True, "nice": True},
        "axis": {"title": None, "tickCount": 3, "minExtent": 46, "maxExtent": 46,
                 "format": "~s", **({"values": whole} if whole else {})},
    }  # fmt: skip
    mark: Spec = {"type": "area", "color": token("load"), "interpolate": "step-after",
                  "line": {"color": token("accent"), "strokeWidth": 1.6}}  # fmt: skip
    if field != "rate":
        mark = {"type": "line", "interpolate": "step-after", "strokeWidth": 2}
    layers: list[Spec] = []
    if band:
        layers.append(
            {
                "data": {"values": band},
                "mark": {"type": "rect", "color": token("faint")},
                "encoding": {"x": {**across, "field": "start"}, "x2": {"field": "end"}},
            }
        )
    layers.append({"mark": mark, "encoding": {"x": {**across, "field": "hour"}, "y": y}})
    if asked is not None:
        layers.append(
            {
                "data": {"values": [{"asked": asked}]},
                "mark": {"type": "rule", "color": token("slo"), "strokeDash": [4, 3],
                         "strokeWidth": 1.5},
                "encoding": {"y": {"field": "asked", "type": "quantitative"}},
            }
        )  # fmt: skip
    layers.append(_hover(across))
    return {"title": title, "width": WIDTH - 62, "height": height, "layer": layers}


def _hover(across: Spec) -> Spec:
    """An unseen bar over each hour that tells its figures."""
    return {
        "mark": {"type": "rect", "opacity": 0},
        "encoding": {
            "x": {**across, "field": "hour"},
            "x2": {"field": "end"},
            "tooltip": [
                {"field": "when", "title": "From"},
                {"field": "rate", "title": "Requests a second", "format": ",.3~r"},
                {"field": "replicas", "title": "Replicas", "format": ",.3~r"},
                {"field": "latency", "title": "p95"},
                {"field": "errors", "title": "Errors"},
            ],
        },
    }
