"""All charts of a report, by name, in the order of the report."""

from __future__ import annotations

from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Workload
from seatrial.reporter.charts.curves import break_even
from seatrial.reporter.charts.hours import day, week
from seatrial.reporter.charts.look import Chart
from seatrial.reporter.charts.money import cost, front, options
from seatrial.reporter.charts.service import availability, latency
from seatrial.reporter.charts.shape import architecture, matrix
from seatrial.reporter.charts.trial import measured, service_time
from seatrial.reporter.naming import platform_labels

CURVES_SHOWN = 4


def charts(workload: Workload, plan: Plan, evidence: LoadEvidence | None) -> dict[str, Chart]:
    """Those that there are figures for."""
    labels = platform_labels(plan)
    drawn: dict[str, Chart | None] = {
        "options": options(plan),
        "architecture": architecture(workload, plan),
        "matrix": matrix(plan),
        "front": front(plan),
        "cost": cost(plan),
    }
    for at, curve in enumerate(plan.break_even[:CURVES_SHOWN], 1):
        drawn[f"break-even-{at}"] = break_even(curve, labels) if curve.points else None
    drawn |= {
        "latency": latency(plan),
        "day": day(plan),
        "week": week(plan),
        "availability": availability(plan),
        "service-time": service_time(workload),
        "measured": measured(plan, evidence),
    }
    return {name: chart for name, chart in drawn.items() if chart is not None}
