"""Does the simulator predict real servers? Measured and predicted latency, side by side:

    python benchmarks/simulator/bench_real.py --out benchmarks/results/sim-real.json [--quick]

gunicorn (sync and gthread) and granian serve work of known length on one processor, behind the
local engine's proxy; the project's open-loop generator asks from the other processors. The
simulator predicts each run twice: from its recorded requests, whose work it knows one by one,
and blind, from the law of the work and the rate, as the 95 % interval of runs of this length.

A run counts when it was calm: the hypervisor and other processes took little of the machine, and
the generator sent in time. Before each run it is waited for calm (`--patience`); a run that was
not calm is repeated (`--repeats`) and shown as not calm if it never was.

With Ctrl-C the servers end, and what was measured is kept.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import real_furlong as furlong
import real_noise as noise
import real_report as report
import real_run
import real_servers as servers
from real_cells import SERVERS, Cell, Overhead, Server, cells
from rich.console import Console

from seatrial.trials.machine import describe

CONSOLE = Console(stderr=True)
ROOT = Path(__file__).parents[2]


def options() -> argparse.Namespace:
    """What the command line asks for."""
    limits = noise.Limits()
    parser = argparse.ArgumentParser(description="Measured and predicted latency of real servers")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/sim-real.json")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="TEXT",
        help="cells whose names have one of these, such as sync/waiting",
    )
    parser.add_argument("--quick", action="store_true", help="few cells, 5 s each")
    parser.add_argument("--seconds", type=float, help="length of a run (default 15)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of a cell until one is calm")
    parser.add_argument(
        "--patience",
        type=float,
        default=20.0,
        metavar="S",
        help="how long to wait for calm before a run",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-app", action="store_true", help="leave the example app out")
    parser.add_argument("--list", action="store_true", help="show the cells and end")
    for name, value in limits._asdict().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=value,
                            help=f"limit of calm (default {value:g})")  # fmt: skip
    args = parser.parse_args()
    args.seconds = args.seconds or (5.0 if args.quick else 15.0)
    args.limits = noise.Limits(*(getattr(args, name) for name in limits._fields))
    return args


def wait_for_calm(args: argparse.Namespace) -> None:
    """Until the machine was calm for a second, or patience ends."""
    until = time.monotonic() + args.patience
    while time.monotonic() < until:
        before = noise.read(())
        time.sleep(1.0)
        if noise.between(before, noise.read(()), 0.0).calm(args.limits):
            return


def calibrated(server: Server, args: argparse.Namespace) -> Overhead:
    """The calmest of several calibrations: whatever disturbs one only adds."""
    found = []
    for _ in range(2 if args.quick else 3):
        wait_for_calm(args)
        found.append(real_run.calibrate(server))
    return min(found, key=lambda one: one.added_s)


def run_cell(cell: Cell, overhead: Overhead, args: argparse.Namespace) -> dict[str, Any]:
    """The first calm run of a cell, or the least disturbed of those that were not."""
    warm_up = real_run.planned(cell, overhead, 1.0, args.seed + cell.seed + 1)
    plan = real_run.planned(cell, overhead, args.seconds, args.seed + cell.seed)
    runs = []
    for _ in range(max(1, args.repeats)):
        wait_for_calm(args)
        runs.append(real_run.measured(cell, plan, warm_up))
        if runs[-1].noise.calm(args.limits):
            break
    run = min(runs, key=lambda one: not one.noise.calm(args.limits) and sum(one.noise))
    interval = real_run.blind(cell, overhead, args.seconds, args.seed + cell.seed)
    row = real_run.row(cell, plan, run, overhead, args.limits, interval)
    return {**row, "runs": len(runs)}


def stopped(number: int, _: FrameType | None) -> None:
    """SIGTERM ends as Ctrl-C does."""
    raise KeyboardInterrupt


def versions() -> dict[str, str]:
    """Of what was measured."""
    return {name: importlib.metadata.version(name) for name in ("gunicorn", "granian", "numba")}


def measure(chosen: list[Cell], args: argparse.Namespace, document: dict[str, Any]) -> None:
    """Fill the document, which is written after each cell."""
    for number, cell in enumerate(chosen, 1):
        if cell.server not in document["overhead"]:
            CONSOLE.print(f"calibrating {cell.server}")
            document["overhead"][cell.server] = calibrated(cell.server, args)._asdict()
        row = run_cell(cell, Overhead(**document["overhead"][cell.server]), args)
        keep(document, row, args.out)
        errors = " ".join(
            f"{name} {one['error_percent']:+.1f} %" for name, one in row["quantiles"].items()
        )
        calm = "calm" if row["calm"] else f"not calm {tuple(row['noise'].values())}"
        CONSOLE.print(f"{number}/{len(chosen)} {cell.name}: {errors}; {calm}", highlight=False)
    if not args.no_app and not args.only:
        CONSOLE.print("the example app: profile, predict, measure; a minute or two")
        row = furlong.row(
            ROOT / "examples/furlong", args.seconds, args.seed,
            Overhead(**document["overhead"]["gthread"]), args.limits,
        )  # fmt: skip
        keep(document, row, args.out)


def keep(document: dict[str, Any], row: dict[str, Any], out: Path) -> None:
    """Add a row to the document and write it."""
    document["rows"].append(row)
    document["summary"] = report.summary(document["rows"])
    report.save(document, out)


def main() -> int:
    """Measure, compare, write."""
    args = options()
    chosen = [
        cell for cell in cells(args.quick)
        if not args.only or any(text in cell.name for text in args.only)
    ]  # fmt: skip
    if args.list:
        print(*(cell.name for cell in chosen), sep="\n")
        return 0
    if not chosen:
        CONSOLE.print("no cell has such a name; --list shows them")
        return 2
    signal.signal(signal.SIGTERM, stopped)
    machine = msgspec.to_builtins(describe())
    servers.settle_down()
    document: dict[str, Any] = {
        "benchmark": "simulator/real",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine, "versions": versions(),
        "calm_limits": args.limits._asdict(), "seconds": args.seconds, "seed": args.seed,
        "servers": [name for name in SERVERS if any(cell.server == name for cell in chosen)],
        "overhead": {}, "rows": [],
    }  # fmt: skip
    try:
        measure(chosen, args, document)
    except KeyboardInterrupt:
        CONSOLE.print(f"stopped after {len(document['rows'])} rows, which are kept")
        code = 130
    else:
        code = 0
    if document["rows"]:
        # A table that is not on a terminal is not to be cut to its usual 80 columns.
        report.show(document, Console() if sys.stdout.isatty() else Console(width=170))
    return code


if __name__ == "__main__":
    sys.exit(main())
