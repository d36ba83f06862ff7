"""How long does a whole plan take, and for how many designs?

The command `seatrial plan` on the example app and on every described app of examples/plans, each
in a process of its own: wall and processor seconds beside a limit of 5 s of wall, which holds for
two cores that do nothing else. Modules and the simulator's kernels are compiled before, as they are
after an installation and a first run: in a run that does not count. Beside it the parts of one
more run, in processor seconds.

    python benchmarks/planner/bench_plan.py --out result.json
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LIMIT_S = 5.0
PARTS = ("question", "search", "advice")
"""The planner's steps that run alone, by the names under which `planner.plan` calls them."""


def cases() -> dict[str, Path]:
    """The example app, and the described ones."""
    files = sorted((EXAMPLES / "plans").glob("*.toml"))
    return {"furlong": EXAMPLES / "furlong", **{file.stem: file for file in files}}


def command(path: Path, folder: Path) -> list[str]:
    """The command for an app in a folder of its own, or for a described one."""
    start = [sys.executable, "-m", "seatrial", "plan"]
    if path.is_file():
        return [*start, "--workload", str(path), "--json"]
    app = folder / path.name
    if not app.exists():
        ignored = shutil.ignore_patterns(".seatrial", "__pycache__", ".git")
        shutil.copytree(path, app, ignore=ignored)
    return [*start, str(app), "--state-dir", str(folder / "state"), "--json"]


def environment(folder: Path) -> dict[str, str]:
    """This process's, with a place for compiled modules whatever it says about writing them."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "modules")}


def once(args: list[str], env: dict[str, str]) -> tuple[float, float, dict[str, Any]]:
    """Wall and processor seconds of one run, and what it printed."""
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(args, capture_output=True, text=True, env=env)
    wall, after = time.perf_counter() - began, os.times()
    if not done.stdout:  # exit code 1 with a plan is an answer: no design keeps every rule
        sys.exit(done.stderr)
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system, json.loads(done.stdout)


def child(path: Path) -> None:
    """Print the processor seconds of each part of one plan.

    The rest is mostly the places behind the first, which are simulated beside `whatif`.
    """
    began = time.process_time()
    from seatrial import planning, settings, traits
    from seatrial.planner import plan as planner
    from seatrial.reporter.report import report

    parts = {"imports": time.process_time() - began}

    def timed(owner: Any, name: str, clock: Callable[[], float] = time.process_time) -> None:
        inner = getattr(owner, name)

        def outer(*args: Any, **options: Any) -> Any:
            started = clock()
            made = inner(*args, **options)
            parts[name] = parts.get(name, 0.0) + clock() - started
            return made

        setattr(owner, name, outer)

    for name in PARTS:
        timed(planner, name)
    timed(planner.Race, "winner")
    timed(planner, "whatif", time.thread_time)
    started = time.process_time()
    if path.is_file():
        workload, wanted = traits.read(path)
    else:
        from seatrial.profiler.profile import profile
        from seatrial.profiler.source import Source

        wanted = settings.read(path)
        workload = profile(Source.open(path), wanted.app)
    parts["reading"] = time.process_time() - started
    made = planning.decided(workload, wanted, None, None, lambda text: None)
    started = time.process_time()
    report(workload, made, None, None, ("md",))
    parts["report"] = time.process_time() - started
    whole = time.process_time() - began
    parts |= {"rest": whole - sum(parts.values()), "all": whole}
    print(json.dumps({name: round(seconds, 3) for name, seconds in parts.items()}))


def measured(path: Path, rounds: int) -> dict[str, Any]:
    """One app: the command some times, then its parts."""
    with tempfile.TemporaryDirectory() as name:
        args, env = command(path, Path(name)), environment(Path(name))
        once(args, env)
        runs = [once(args, env) for _ in range(rounds)]
        told = subprocess.run(
            [sys.executable, __file__, "--child", str(path)],
            stdout=subprocess.PIPE, check=True, env=env,
        )  # fmt: skip
    made = runs[0][2]
    wall_s = statistics.median(run[0] for run in runs)
    return {
        "considered": made["considered"],
        "feasible": made["feasible"],
        "chosen": made["chosen"]["design"]["platform"] if made["chosen"] else None,
        "wall_s": round(wall_s, 2),
        "cpu_s": round(statistics.median(run[1] for run in runs), 2),
        "limit_s": LIMIT_S,
        "designs_per_s": round(made["considered"] / wall_s),
        "parts_cpu_s": json.loads(told.stdout),
        "rounds": [{"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)} for wall, cpu, _ in runs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a whole plan takes")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the apps")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child)
        return
    results = {}
    for name, path in cases().items():
        if args.only and name not in args.only:
            continue
        row = results[name] = measured(path, args.rounds)
        print(
            f"{name:12} {row['considered']:>11,} designs  {row['wall_s']:6.2f} s wall  "
            f"{row['cpu_s']:6.2f} s processor  limit {LIMIT_S:g} s",
            flush=True,
        )
    from seatrial.trials.machine import describe  # only who measures waits for it

    machine = describe()
    result = {
        "benchmark": "plan",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {name: getattr(machine, name) for name in machine.__struct_fields__},
        "load_average": os.getloadavg(),
        "results": results,
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
