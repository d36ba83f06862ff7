"""The charts of a report, in exact pixels, once wide and once for a phone.

Positions are computed here and all labels lie inside the plot, so no layout depends on which
fonts a machine has. Colours are tokens that `svg.py` turns into classes (dark mode) or keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from markupsafe import Markup

from seatrial.kernel.evidence import LoadEvidence
from seatrial.kernel.plan import Plan
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Workload
from seatrial.reporter import svg
from seatrial.reporter.marks import Marks, bar, legend, rule, text
from seatrial.reporter.naming import in_order, shown
from seatrial.reporter.words import NEVER_EMPTIES, clean, money, ms, quantile, share

WIDTHS = (860, 330)
"""Of a page and of a phone, in pixels."""
COMPONENTS_SHOWN = 7
ROUTES_SHOWN = 16


class Chart(Value):
    """One chart: `wide` and `narrow` for the page, which colours them, and as a file of its own."""

    title: str
    description: str
    wide: Markup
    narrow: Markup
    standalone: str


def draw(workload: Workload, plan: Plan, evidence: LoadEvidence | None) -> dict[str, Chart]:
    """All charts there are figures for, by name."""
    wanted: dict[str, tuple[str, Callable[[int], Marks | None]]] = {
        "cost": ("Cost a month by platform", lambda width: cost(plan, width)),
        "utilisation": ("Processors busy by hour", lambda width: utilisation(plan, width)),
        "service-time": ("Service time by route", lambda width: service_time(workload, width)),
        "latency": ("Promised and measured latency", lambda width: latency(plan, evidence, width)),
    }
    charts = {}
    for name, (title, marks_at) in wanted.items():
        wide, narrow = (marks_at(width) for width in WIDTHS)
        if wide is None or narrow is None:
            continue
        said = "; ".join(label.said for label in wide.texts)
        charts[name] = Chart(
            title=title,
            description=said,
            wide=Markup(svg.inline(wide, WIDTHS[0], f"{name}-wide", title, said)),
            narrow=Markup(svg.inline(narrow, WIDTHS[1], f"{name}-narrow", title, said)),
            standalone=svg.standalone(wide, WIDTHS[0], name, title, said),
        )
    return charts


def cost(plan: Plan, width: int) -> Marks | None:
    """Stacked bars by component, one platform a row; an unpriced design has a label and no bar."""
    rows = [(verdict, shown(verdict)) for verdict in in_order(plan)]
    totals: dict[str, Decimal] = {}
    for _, item in rows:
        if item is not None and item.bill.monthly_usd is not None:
            for line in item.bill.lines:
                totals[line.component] = totals.get(line.component, Decimal(0)) + line.monthly_usd
    if not any(item is not None for _, item in rows):
        return None
    ordered = sorted(totals, key=lambda name: (-totals[name], name))
    colours = {name: svg.SERIES[at] for at, name in enumerate(ordered[:COMPONENTS_SHOWN])}
    entries = [(clean(name), colour) for name, colour in colours.items()]
    if len(ordered) > COMPONENTS_SHOWN:
        entries.append(("other", svg.SERIES[COMPONENTS_SHOWN]))
    marks, top = legend(entries, width)
    largest = max(
        (float(item.bill.monthly_usd) for _, item in rows if item and item.bill.monthly_usd),
        default=1.0,
    )
    chosen = plan.chosen.design.platform if plan.chosen else ""
    for verdict, item in rows:
        if item is None:
            continue
        is_chosen = verdict.platform == chosen
        name = verdict.name + (" · chosen" if is_chosen else "")
        name += " · rejected, nearest" if verdict.best is None else ""
        ink = "ink" if verdict.best is not None else "muted"
        marks.texts.append(text(name, 0, top + 10, ink, bold=is_chosen, limit=width * 0.66))
        priced = item.bill.monthly_usd
        figure = money(priced)
        marks.texts.append(text(figure, 1, top + 10, ink if priced else "muted", bold=is_chosen))
        shade = 1.0 if is_chosen or not chosen else 0.55
        left = 0.0
        by_colour: dict[str, float] = {}
        for line in item.bill.lines if priced is not None else ():
            colour = colours.get(line.component, svg.SERIES[COMPONENTS_SHOWN])
            by_colour[colour] = by_colour.get(colour, 0.0) + float(line.monthly_usd)
        for colour in (colour for colour in svg.SERIES if colour in by_colour):
            right = left + by_colour[colour] / largest
            marks.bars.append(bar(left, right, top + 18, 14, colour, shade))
            left = right
        if priced is None:
            marks.rules.append(rule(0, 1, top + 25, top + 25, "grid"))
        top += 46
    return Marks(height=top - 8, bars=marks.bars, texts=marks.texts, rules=marks.rules)


def latency(plan: Plan, evidence: LoadEvidence | None, width: int) -> Marks | None:
    """Promised and measured p50, p95 and p99 of the rehearsal, with a line where the SLO is."""
    if evidence is None:
        return None
    told, slo = plan.rehearsal.promise, plan.demand.slo
    rows = (
        ("p50", told.latency_ms_p50, evidence.latency_ms.p50, None),
        ("p95", told.latency_ms_p95, evidence.latency_ms.p95, slo.latency_ms_p95),
        ("p99", told.latency_ms_p99, evidence.latency_ms.p99, slo.latency_ms_p99),
    )
    figures = [value for row in rows for value in row[1:] if value is not None]
    # A bar's own figure is written behind it: leave room for it right of the longest one.
    largest = max(figures, default=1.0) * (1.15 if width > 500 else 1.3) or 1.0
    marks, top = legend([("promised", "promised"), ("measured", "measured")], width)
    for name, promised, measured, asked in rows:
        marks.texts.append(text(name, 0, top + 10, "ink", bold=True))
        if asked is not None:
            at = asked / largest
            side = "right" if at > 0.5 else "left"
            marks.texts.append(text(f"asked: {ms(asked)}", at, top + 10, "slo", align=side))
            marks.rules.append(rule(at, at, top + 16, top + 52, "slo"))
        for offset, value, colour in ((18, promised, "promised"), (36, measured, "measured")):
            share_of = 0.0 if value is None else value / largest
            marks.bars.append(bar(0, share_of, top + offset, 14, colour))
            label = NEVER_EMPTIES if value is None else ms(value)
            marks.texts.append(text(label, share_of, top + offset + 11, "ink", dx=6))
        top += 66
    return Marks(height=top - 8, bars=marks.bars, texts=marks.texts, rules=marks.rules)


def service_time(workload: Workload, width: int) -> Marks | None:
    """p50 within p95 of every measured route, the slowest first."""
    found = [
        (f"{'/'.join(route.methods)} {route.path}", route.service_time.quantiles_ms)
        for component in workload.components
        for route in component.routes
        if route.service_time is not None and route.service_time.quantiles_ms
    ]
    if not found:
        return None
    rows = [(name, quantile(times, 0.5), quantile(times, 0.95)) for name, times in found]
    rows = sorted(rows, key=lambda row: (-row[2], row[0]))[:ROUTES_SHOWN]
    largest = max(row[2] for row in rows) or 1.0
    marks, top = legend([("p50", "measured"), ("p95", "promised")], width)
    for name, median, high in rows:
        marks.texts.append(text(name, 0, top + 10, "ink", limit=width * 0.55))
        marks.texts.append(text(f"{ms(median)} · {ms(high)}", 1, top + 10, "ink"))
        marks.bars.append(bar(0, high / largest, top + 17, 10, "promised"))
        marks.bars.append(bar(0, median / largest, top + 17, 10, "measured"))
        top += 40
    return Marks(height=top - 6, bars=marks.bars, texts=marks.texts, rules=marks.rules)


def busiest_day(weights: tuple[float, ...]) -> tuple[float, ...]:
    """The 24 hours around the highest of a day's or a week's weights."""
    start = weights.index(max(weights)) // 24 * 24
    return weights[start : start + 24]


def utilisation(plan: Plan, width: int) -> Marks | None:
    """Busy share of the processors by hour of the busiest day, in proportion to the hour's rate."""
    if plan.chosen is None or not plan.chosen.promise.rate_rps:
        return None
    weights, told = busiest_day(plan.demand.traffic.hourly_weights), plan.chosen.promise
    if not sum(weights):
        return None
    per_weight = plan.demand.traffic.peak_rps / max(weights)
    busy = [told.utilisation * weight * per_weight / told.rate_rps for weight in weights]
    top_share = max(1.0, *busy)
    high, base = 120, 136
    marks = Marks(height=base + 22, bars=[], texts=[], rules=[])
    for level in (0.5, 1.0):
        y = base - high * level / top_share
        marks.rules.append(rule(0, 1, y, y, "grid"))
        marks.texts.append(text(share(level), 0, y - 4, "muted"))
    step = (1 - 34 / width) / 24
    peak = busy.index(max(busy))
    for hour, value in enumerate(busy):
        left = 34 / width + hour * step
        height = high * value / top_share
        colour = "slo" if value >= 1 else "measured" if hour == peak else "promised"
        marks.bars.append(bar(left, left + step * 0.72, base - height, height, colour))
        if hour % 6 == 0:
            marks.texts.append(text(f"{hour:02d}:00", left, base + 16, "muted"))
    at = min(34 / width + peak * step, 1 - 40 / width)
    marks.texts.append(
        text(share(busy[peak]), at, base - high * busy[peak] / top_share - 5, "ink", bold=True)
    )
    return marks
