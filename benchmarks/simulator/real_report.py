"""The table of the comparison: on the terminal, as JSON and as Markdown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

WITHIN_PERCENT = {"waiting": 5.0, "cpu": 10.0, "mixed": 10.0, "app": 10.0}
"""How near a prediction from the recorded requests is to be, by kind of work."""


def within(row: dict[str, Any]) -> bool:
    """Whether all quantiles of a row are predicted as near as they are to be."""
    limit = WITHIN_PERCENT[row["kind"]]
    return all(abs(one["error_percent"]) <= limit for one in row["quantiles"].values())


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Shares over calm rows only, with the number of rows that were not calm."""
    calm = [row for row in rows if row["calm"]]
    kinds = {}
    for kind in WITHIN_PERCENT:
        some = [row for row in calm if row["kind"] == kind]
        if some:
            errors = [abs(q["error_percent"]) for row in some for q in row["quantiles"].values()]
            kinds[kind] = {
                "rows": len(some), "within": sum(within(row) for row in some),
                "limit_percent": WITHIN_PERCENT[kind], "worst_percent": max(errors),
            }  # fmt: skip
    blind = {
        name: round(sum(row["quantiles"][name]["inside"] for row in calm) / len(calm), 3)
        for name in ("p50", "p95", "p99")
        if calm
    }
    return {
        "rows": len(rows), "calm": len(calm), "not_calm": len(rows) - len(calm),
        "traced": kinds, "blind_inside_share": blind,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> Table:
    """All rows: measured and predicted milliseconds, the error, and the blind interval."""
    shown = Table(title="Measured and predicted, ms")
    for name in ("cell", "req/s", "calm"):
        shown.add_column(name, justify="left" if name == "cell" else "right")
    for name in ("p50", "p95", "p99"):
        shown.add_column(f"{name} measured / predicted", justify="right")
        shown.add_column("blind", justify="right")
    for row in rows:
        cells = [row["cell"], f"{row['rate_rps']:.1f}", "yes" if row["calm"] else "[red]no[/red]"]
        for one in row["quantiles"].values():
            good = abs(one["error_percent"]) <= WITHIN_PERCENT[row["kind"]]
            color = "green" if good else "red"
            error = f"[{color}]{one['error_percent']:+.1f} %[/{color}]"
            cells.append(f"{one['measured_ms']:.1f} / {one['predicted_ms']:.1f} {error}")
            low, high = one["blind_ms"]
            cells.append(f"{low:.0f}-{high:.0f}" + ("" if one["inside"] else " [red]out[/red]"))
        shown.add_row(*cells)
    return shown


def show(document: dict[str, Any], console: Console) -> None:
    """Print the table and what it comes to."""
    console.print(table(document["rows"]))
    for line in told(document):
        console.print(line)


def told(document: dict[str, Any]) -> list[str]:
    """The result in sentences."""
    found = document["summary"]
    limits = document["calm_limits"]
    lines = [
        f"{found['calm']} of {found['rows']} runs were calm: steal at most "
        f"{limits['steal_percent']:g} % and others at most {limits['others_percent']:g} % of the "
        f"machine, 99 % of sends at most {limits['late_ms_p99']:g} ms late."
    ]
    for kind, one in found["traced"].items():
        lines.append(
            f"From recorded requests, {kind}: {one['within']} of {one['rows']} runs with p50, p95 "
            f"and p99 within {one['limit_percent']:g} %; worst {one['worst_percent']:.1f} %."
        )
    if found["blind_inside_share"]:
        shares = ", ".join(f"{k} {v:.0%}" for k, v in found["blind_inside_share"].items())
        lines.append(f"Blind, inside the 95 % interval: {shares} of the runs.")
    return lines


def markdown(document: dict[str, Any]) -> str:
    """The page that is committed."""
    machine, lines = document["machine"], ["# The simulator beside real servers", ""]
    lines += [f"{line}  " for line in told(document)]
    lines += [
        "",
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
        f"{machine['python']}; {document['started_at']}; {document['seconds']:g} s a run; "
        + ", ".join(f"{name} {version}" for name, version in document["versions"].items())
        + ".",
        "",
        "A cell is server/kind of work/replicas x workers x slots/rho. The last processor "
        "carries all replicas. Error: predicted from the recorded requests over measured. "
        "In brackets: the blind 95 % interval.",
        "",
        "| server | its computing per request, ms | added to a request in calm, ms |",
        "|---|---|---|",
    ]
    for server, one in document["overhead"].items():
        lines.append(f"| {server} | {one['cpu_s'] * 1e3:.2f} | {one['added_s'] * 1e3:.2f} |")
    lines += [
        "",
        "| cell | req/s | calm: steal, others %, late ms | p50 ms | p95 ms | p99 ms |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_line(row) for row in document["rows"]]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    noise = row["noise"]
    cells = [
        row["cell"], f"{row['rate_rps']:.1f}",
        f"{'yes' if row['calm'] else '**no**'}: {noise['steal_percent']:.1f}, "
        f"{noise['others_percent']:.1f}, {noise['late_ms_p99']:.2f}",
    ]  # fmt: skip
    for one in row["quantiles"].values():
        low, high = one["blind_ms"]
        cells.append(
            f"{one['measured_ms']:.1f}, {one['error_percent']:+.1f} % ({low:.1f}-{high:.1f}"
            + (")" if one["inside"] else ", **outside**)")
        )
    return "| " + " | ".join(cells) + " |"


def save(document: dict[str, Any], path: Path) -> None:
    """Write the JSON file and the Markdown page beside it."""
    write(path, json.dumps(document, indent=2) + "\n")
    write(path.with_suffix(".md"), markdown(document))


def write(path: Path, text: str) -> None:
    """Replace a file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
