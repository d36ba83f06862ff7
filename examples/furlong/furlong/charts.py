"""Calibration charts as plain SVG text."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 520, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 52

_STANDALONE_STYLE = """<style>
svg{font:13px system-ui,sans-serif;background:#fff;color:#1d2723}
.chart-grid{stroke:#d9dfdb}.chart-ideal{stroke:#7a8a82;stroke-dasharray:5 4}
.chart-bar{stroke:#0b6b4b;stroke-width:1.5}.chart-dot{fill:#0b6b4b}
.chart-text{fill:#1d2723}
@media (prefers-color-scheme:dark){svg{background:#131a17;color:#e4ebe7}
.chart-grid{stroke:#2c3833}.chart-bar{stroke:#5fd0a3}.chart-dot{fill:#5fd0a3}
.chart-text{fill:#e4ebe7}}
</style>"""


def calibration_svg(
    rows: Sequence[dict[str, float]], title: str, top: float | None = None, alone: bool = False
) -> str:
    """Observed frequency against forecast, with bars of two standard errors.

    ``top`` is the end of both axes; ``alone`` adds the style an SVG file of its own needs (the
    pages style the same classes from their stylesheet).
    """
    if top is None:
        highest = max((max(row["forecast"], row["observed"]) for row in rows), default=0.1)
        top = min(1.0, (int(highest * 10 + 0.5) + 1) / 10)
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return round(LEFT + inner_w * min(max(value / top, 0.0), 1.0), 1)

    def y(value: float) -> float:
        return round(TOP + inner_h * (1.0 - min(max(value / top, 0.0), 1.0)), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{title}">',
        _STANDALONE_STYLE if alone else "",
        f"<title>{title}</title>",
    ]
    steps = 5
    for step in range(steps + 1):
        value = top * step / steps
        label = f"{100 * value:.0f}%"
        parts.append(
            f'<line class="chart-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value)}" '
            f'y2="{y(value)}"/><text class="chart-text" x="{LEFT - 8}" y="{y(value) + 4}" '
            f'text-anchor="end">{label}</text><text class="chart-text" x="{x(value)}" '
            f'y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{label}</text>'
        )
    parts.append(f'<line class="chart-ideal" x1="{x(0)}" y1="{y(0)}" x2="{x(top)}" y2="{y(top)}"/>')
    for row in rows:
        at = x(row["forecast"])
        low, high = row["observed"] - 2 * row["error"], row["observed"] + 2 * row["error"]
        note = (
            f"{row['runners']:.0f} runners: forecast {100 * row['forecast']:.1f}%, "
            f"observed {100 * row['observed']:.1f}%"
        )
        parts.append(
            f'<line class="chart-bar" x1="{at}" x2="{at}" y1="{y(low)}" y2="{y(high)}"/>'
            f'<circle class="chart-dot" cx="{at}" cy="{y(row["observed"])}" r="4.5">'
            f"<title>{note}</title></circle>"
        )
    middle = LEFT + inner_w / 2
    parts.append(
        f'<text class="chart-text" x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">'
        f'forecast probability</text><text class="chart-text" transform="translate(14 '
        f'{TOP + inner_h / 2}) rotate(-90)" text-anchor="middle">observed frequency</text></svg>'
    )
    return "".join(parts)
