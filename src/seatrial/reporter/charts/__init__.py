"""The charts of a report: Vega-Lite specifications, drawn by the browser or to SVG."""

from __future__ import annotations

from seatrial.reporter.charts.curves import break_even
from seatrial.reporter.charts.every import charts
from seatrial.reporter.charts.look import Chart
from seatrial.reporter.charts.svg import svg

__all__ = ["Chart", "break_even", "charts", "svg"]
