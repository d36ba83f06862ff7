"""A simulation on one screen."""

from __future__ import annotations

from rich.markup import escape

from seatrial.cli.common import out
from seatrial.cli.render import table
from seatrial.kernel.simulation import Estimate, HourOutlook, Simulation

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BLOCKS = " ▁▂▃▄▅▆▇█"


def show(made: Simulation) -> None:
    """Promises with intervals, the worst hour, replicas over the day, and what can go wrong."""
    shown = table(
        escape(made.design), "figure", "value", "95 % interval", right=("value", "95 % interval")
    )
    rows = (
        ("latency p50", made.latency_ms_p50, " ms", 1),
        ("latency p95", made.latency_ms_p95, " ms", 1),
        ("latency p99", made.latency_ms_p99, " ms", 1),
        ("errors", made.error_percent, " %", 4),
        ("availability in a year", made.availability_percent, " %", 3),
        ("replica-hours a month", made.replica_hours_month, "", 0),
        ("cost a month", made.cost_usd_month, " USD", 2),
    )
    for name, figure, unit, digits in rows:
        shown.add_row(name, _number(figure.value, unit, digits), _interval(figure, unit, digits))
    out.print(shown)
    out.print()
    busiest = max(made.week, key=lambda hour: hour.rate_rps)
    out.print(f"worst hour: {_hour(made.worst)}; busiest: {_hour(busiest)}")
    day = made.week[busiest.hour // 24 * 24 : busiest.hour // 24 * 24 + 24]
    out.print(f"\n[bold]{DAYS[busiest.hour // 24]}[/] by hour from midnight")
    out.print(f"requests/s  {_bars([hour.rate_rps for hour in day])}  up to {busiest.rate_rps:.1f}")
    most = max(hour.replicas for hour in day)
    out.print(f"replicas    {_bars([hour.replicas for hour in day])}  up to {most:.1f}")
    _failures(made)
    out.print(f"\n{escape(made.method)}, seed {made.seed}", style="dim")
    out.print(f"{len(made.assumptions)} assumptions: --json lists them", style="dim")


def _failures(made: Simulation) -> None:
    shown = table(
        "What can go wrong", "event", "a year", "lasts", "errors then", "costs",
        right=("a year", "lasts", "errors then", "costs"),
    )  # fmt: skip
    for event in sorted(made.failures, key=lambda event: -event.unavailability_percent):
        shown.add_row(
            event.name, f"{event.per_year:.3g}", _time(event.degraded_s),
            f"{event.error_percent:.1f} %", f"{event.unavailability_percent:.5f} %",
        )  # fmt: skip
    out.print()
    out.print(shown)
    for recovery in made.recoveries:
        lost = "all data" if recovery.rpo_s is None else f"{_time(recovery.rpo_s)} of data"
        out.print(
            f"{recovery.name}: back in {_time(recovery.rto_s)}, {lost} lost; {escape(recovery.how)}"
        )


def _number(value: float | None, unit: str, digits: int) -> str:
    return "not known" if value is None else f"{value:,.{digits}f}{unit}"


def _interval(figure: Estimate, unit: str, digits: int) -> str:
    if figure.low is None and figure.high is None:
        return "-"
    low = "..." if figure.low is None else f"{figure.low:,.{digits}f}"
    high = "..." if figure.high is None else f"{figure.high:,.{digits}f}"
    return f"{low} to {high}{unit}"


def _hour(hour: HourOutlook) -> str:
    latency = (
        "the queue grows" if hour.latency_ms_p95 is None else f"p95 {hour.latency_ms_p95:.0f} ms"
    )
    return (
        f"{DAYS[hour.hour // 24]} {hour.hour % 24}:00, {hour.rate_rps:.1f} requests/s on "
        f"{hour.replicas:.1f} replicas, {latency}, {hour.error_percent:.2f} % errors"
    )


def _bars(values: list[float]) -> str:
    top = max(values) or 1.0
    return "".join(BLOCKS[round(value / top * (len(BLOCKS) - 1))] for value in values)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
