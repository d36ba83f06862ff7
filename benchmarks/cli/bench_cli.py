"""How fast does the command line answer?

`seatrial --help` beside other Python command lines and the bare interpreter, and `seatrial plan`
on an app that was not measured, with an empty state folder each time; limits 150 ms and 3 s.
Rounds are interleaved; medians are shown, every round is in the result.

    python benchmarks/cli/bench_cli.py --out result.json
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from seatrial.trials.machine import describe

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LIMIT_S = {"seatrial --help": 0.150, "seatrial plan furlong": 3.0}


def commands(state: str) -> dict[str, list[str]]:
    return {
        "seatrial --help": [f"{BIN}/seatrial", "--help"],
        "flask --help": [f"{BIN}/flask", "--help"],
        "pip --help": [f"{BIN}/pip", "--help"],
        "python -c pass": [f"{BIN}/python", "-c", "pass"],
        "seatrial plan furlong": [
            f"{BIN}/seatrial", "plan", str(ROOT / "examples/furlong"), "--state-dir", state,
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Start-up of the command line")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    took: dict[str, list[float]] = {}
    for turn in range(args.rounds + 1):
        with tempfile.TemporaryDirectory() as state:
            for name, argv in commands(state).items():
                began = time.perf_counter()
                subprocess.run(argv, check=True, capture_output=True)
                if turn:  # The first round warms the disk cache.
                    took.setdefault(name, []).append(round(time.perf_counter() - began, 4))
    rows = {
        name: {"median_s": statistics.median(t), "limit_s": LIMIT_S.get(name), "rounds_s": t}
        for name, t in took.items()
    }
    for name, row in rows.items():
        limit = f"  limit {row['limit_s']} s" if row["limit_s"] else ""
        print(f"{name:24} {row['median_s']:.3f} s{limit}")
    result = {
        "benchmark": "cli",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": msgspec.to_builtins(describe()),
        "load_average": os.getloadavg(),
        "results": rows,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
