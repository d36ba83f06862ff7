"""`make bench`: every benchmark, each beside a peer or a limit; results in benchmarks/results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ALL = {
    "cli": [HERE / "cli/bench_cli.py"],
    "profiler": [HERE / "profiler/bench_profiler.py", "--rounds", "3"],
    "search": [HERE / "search/bench_search.py"],
    "plan": [HERE / "planner/bench_plan.py"],
    "simulator": [HERE / "simulator/bench_simulator.py"],
    "tiers": [HERE / "simulator/bench_tiers.py"],
    "generator": [HERE / "trials/bench_generator.py", "--seconds", "5"],
    "guard": [HERE / "runtime/bench_guard.py"],
    "optin": [HERE / "runtime/bench_optin.py"],
    "runtime": [HERE / "runtime/bench_runtime.py"],
}


def main() -> None:
    """Run those named on the command line, or all; stop at the first that fails."""
    for name in sys.argv[1:] or ALL:
        print(f"== {name}", flush=True)
        out = HERE / "results" / f"{name}.json"
        subprocess.run([sys.executable, *ALL[name], "--out", out], check=True)


main()
