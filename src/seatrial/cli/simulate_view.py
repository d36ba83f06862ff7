"""A simulation on one screen."""

from __future__ import annotations

from rich.markup import escape

from seatrial.cli.common import out
from seatrial.cli.render import table
from seatrial.kernel.simulation import Estimate, HourOutlook, Simulation

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BLOCKS = " ▁▂▃▄▅▆▇█"
AXIS = "0     6     12    18    "
OVERLOAD_PERCENT = 5.0
"""Errors above which what comes is said to be more than the replicas answer."""


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
    _verdict(made, busiest)
    _hours(made.worst, busiest)
    _day(made.week, busiest)
    _failures(made)
    out.print(f"\n{escape(made.method)}, seed {made.seed}", style="dim")
    out.print(f"{len(made.assumptions)} assumptions: --json lists them", style="dim")


def _verdict(made: Simulation, busiest: HourOutlook) -> None:
    """In words, what the figures cannot say: that too much comes, or hardly anything."""
    errors = made.error_percent.value
    if errors is None:
        out.print(
            "So few requests come that none fell into what was replayed: latency and errors "
            "are not known.\n", style="yellow",
        )  # fmt: skip
    elif errors > OVERLOAD_PERCENT:
        answered = "nothing is answered in time" if errors > 99.9 else f"{errors:.0f} % fail"
        out.print(
            f"It does not hold: up to {_count(busiest.rate_rps)} requests/s are more than "
            f"{_count(made.replicas_peak)} replicas answer, and {answered}.\n", style="bold red",
        )  # fmt: skip


def _hours(worst: HourOutlook, busiest: HourOutlook) -> None:
    right = ("requests/s", "replicas", "p95", "errors")
    shown = table("", "hour", "when", *right, right=right)
    for name, hour in (("worst", worst), ("busiest", busiest)):
        latency = hour.latency_ms_p95
        shown.add_row(
            name, f"{DAYS[hour.hour // 24]} {hour.hour % 24}:00", _count(hour.rate_rps),
            _count(hour.replicas), "grows" if latency is None else f"{latency:,.0f} ms",
            f"{hour.error_percent:.2f} %",
        )  # fmt: skip
    out.print(shown)


def _day(week: tuple[HourOutlook, ...], busiest: HourOutlook) -> None:
    first = busiest.hour // 24 * 24
    day = week[first : first + 24]
    out.print(f"\n[bold]{DAYS[busiest.hour // 24]}[/] by hour")
    for name, values in (
        ("requests/s", [hour.rate_rps for hour in day]),
        ("replicas", [hour.replicas for hour in day]),
    ):
        span = f"{_count(min(values))} to {_count(max(values))}"
        out.print(f"{name:<12}{_bars(values)}  {span}")
    out.print(f"{'':<12}{AXIS}", style="dim")


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


def _count(value: float) -> str:
    """Few with a digit, many without."""
    return f"{value:,.2g}" if value < 10 else f"{value:,.0f}"


def _interval(figure: Estimate, unit: str, digits: int) -> str:
    if figure.low is None and figure.high is None:
        return "-"
    low = "..." if figure.low is None else f"{figure.low:,.{digits}f}"
    high = "..." if figure.high is None else f"{figure.high:,.{digits}f}"
    # Nothing that chance decides.
    return "-" if low == high else f"{low} to {high}{unit}"


def _bars(values: list[float]) -> str:
    top = max(values) or 1.0
    # What is not nothing has a mark.
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[max(value > 0, round(value / top * steps))] for value in values)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
