"""Break-even curves: what two designs cost over daily users, both axes in powers of ten."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from seatrial.kernel.quote import BreakEven, UserCost
from seatrial.reporter import svg
from seatrial.reporter.marks import Curve, Marks, legend, rule, text

WIDTH = 860
HEIGHT = 320
LEFT = 0.09
"""Share of the width that the dollars beside the axis take."""

COLOURS = ("measured", "slo")


def break_even(curve: BreakEven) -> bytes:
    """The curves as an SVG file with a light card behind them."""
    title = f"Cost a month by daily users: {curve.platforms[0]} and {curve.platforms[1]}"
    said = "; ".join(
        f"from {crossing.daily_users:,} daily users on {crossing.cheaper} is cheaper"
        for crossing in curve.crossings
    )
    marks = draw(curve, WIDTH)
    return svg.standalone(marks, WIDTH, "break-even", title, said or "no crossing").encode()


def draw(curve: BreakEven, width: int) -> Marks:
    """Both curves, a grid at each power of ten, and a label at each crossing."""
    marks, top = legend(list(zip(curve.platforms, COLOURS, strict=True)), width)
    axes = Axes(curve.points, top + 24)
    for users in axes.decades(axes.users):
        marks.rules.append(rule(axes.x(users), axes.x(users), axes.top, axes.bottom, "grid"))
        side = "right" if axes.x(users) > 0.95 else "middle"
        label = text(f"{users:,.0f}", axes.x(users), axes.bottom + 18, "muted", align=side)
        marks.texts.append(label)
    for dollars in axes.decades(axes.dollars):
        marks.rules.append(rule(LEFT, 1, axes.y(dollars), axes.y(dollars), "grid"))
        label = text(f"${dollars:,.0f}", LEFT, axes.y(dollars) + 4, "muted", dx=-8, align="right")
        marks.texts.append(label)
    for at, colour in enumerate(COLOURS):
        for points in _known(curve.points, at):
            placed = tuple((axes.x(users), axes.y(float(cost))) for users, cost in points)
            marks.curves.append(Curve(points=placed, colour=colour))
    for number, crossing in enumerate(curve.crossings):
        x = axes.x(crossing.daily_users)
        marks.rules.append(rule(x, x, axes.top, axes.bottom, "ink"))
        side = "right" if x > 0.6 else "left"
        said = f"{crossing.daily_users:,} users"
        baseline = axes.top + 14 + 16 * (number % 4)
        marks.texts.append(
            text(said, x, baseline, "ink", bold=True, dx=-6 if side == "right" else 6, align=side)
        )
    marks.texts.append(text("USD a month", 0, axes.top - 8, "muted"))
    marks.texts.append(text("daily users", 1, axes.bottom + 38, "muted"))
    return Marks(
        height=axes.bottom + 48, bars=marks.bars, texts=marks.texts, rules=marks.rules,
        curves=marks.curves,
    )  # fmt: skip


class Axes:
    """Where a number of users and a cost lie; both logarithmic."""

    def __init__(self, points: tuple[UserCost, ...], top: int) -> None:
        costs = [float(c) for p in points for c in p.monthly_usd if c is not None and c > 0]
        self.top, self.bottom = top, top + HEIGHT
        self.users = (float(points[0].daily_users), float(points[-1].daily_users))
        low, high = (min(costs), max(costs)) if costs else (1.0, 10.0)
        self.dollars = (max(low, 0.01) / 1.2, max(high, 0.02) * 1.2)

    def x(self, users: float) -> float:
        """Share of the width."""
        return LEFT + (1 - LEFT) * _share(users, self.users)

    def y(self, dollars: float) -> float:
        """Pixels from the top."""
        return self.bottom - HEIGHT * _share(max(dollars, self.dollars[0]), self.dollars)

    @staticmethod
    def decades(span: tuple[float, float]) -> Iterator[float]:
        """The powers of ten within an axis."""
        for power in range(math.ceil(math.log10(span[0])), math.floor(math.log10(span[1])) + 1):
            yield 10.0**power


def _share(value: float, span: tuple[float, float]) -> float:
    return (math.log10(value) - math.log10(span[0])) / (math.log10(span[1]) - math.log10(span[0]))


def _known(points: tuple[UserCost, ...], at: int) -> Iterator[list[tuple[int, Decimal]]]:
    """Runs of points with a known cost; a missing price leaves a gap."""
    run: list[tuple[int, Decimal]] = []
    for point in points:
        cost = point.monthly_usd[at]
        if cost is None:
            if run:
                yield run
            run = []
        else:
            run.append((point.daily_users, cost))
    if run:
        yield run
