"""Fuzz the profiler for minutes, with the trees of `test_profiler_fuzz.py`.

    python tests/profiler/fuzz/run.py --minutes 10               # hypothesis, one process a core
    python tests/profiler/fuzz/run.py --minutes 10 --atheris     # guided by coverage (atheris)

What breaks the profiler is written as a folder below `--out`, beside `error.txt`; each place
is kept once. Exit code 1 when there was anything.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
SLOW_S = 10.0


class Findings:
    """What was found, each place in the code once."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.cases = 0
        self.refused = 0
        self.slowest = 0.0

    def run(self, tree: dict[str, bytes], wish: object) -> None:
        """Check one tree and keep it when it breaks something or takes long."""
        import test_profiler_fuzz as fuzz  # below --atheris, which has to see it imported

        self.cases += 1
        try:
            took = fuzz.check(tree, wish, twice=self.cases % 8 == 0)  # type: ignore[arg-type]
        except (Exception, RecursionError) as error:
            self.keep(tree, wish, error)
            return
        if took > max(self.slowest, SLOW_S):
            self.keep(tree, wish, TimeoutError(f"{took:.1f} s"))
        self.slowest = max(self.slowest, took)

    def keep(self, tree: dict[str, bytes], wish: object, error: BaseException) -> None:
        """Write the tree down, named after the last line of the profiler in the trace."""
        inside = [
            frame for frame in traceback.extract_tb(error.__traceback__)
            if "seatrial" in frame.filename
        ]  # fmt: skip
        place = f"{Path(inside[-1].filename).stem}-{inside[-1].lineno}" if inside else "check"
        folder = self.out / f"{type(error).__name__}-{place}"
        if folder.exists():
            return
        for name, data in tree.items():
            path = folder / "app" / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            except OSError:
                continue
        folder.mkdir(parents=True, exist_ok=True)
        told = "".join(traceback.format_exception(error))[-6_000:]
        (folder / "error.txt").write_text(f"{wish}\n\n{told}")
        print(f"found {folder}", flush=True)


def hypothesis_run(seed: int, seconds: float, out: Path) -> dict[str, float]:
    """Random trees until the time is over."""
    import test_profiler_fuzz as fuzz
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    findings, end, rounds = Findings(out), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        rounds += 1

        @seeded(seed * 1_000_003 + rounds)
        @settings(
            max_examples=400, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(fuzz.trees(), fuzz.SETTINGS)
        def some(tree: dict[str, bytes], wish: object) -> None:
            if time.monotonic() < end:
                findings.run(tree, wish)

        some()
    return {"cases": findings.cases, "slowest_s": findings.slowest}


def worker(seed: int, seconds: float, out: Path) -> None:
    """One process; a line of JSON at its end."""
    sys.path.insert(0, str(HERE.parent))
    print(json.dumps({"seed": seed, **hypothesis_run(seed, seconds, out)}), flush=True)


def atheris_run(seconds: float, out: Path) -> None:
    """Let coverage lead; the bytes choose the tree through the same strategies."""
    import atheris  # type: ignore[import-not-found]

    sys.path.insert(0, str(HERE.parent))
    with atheris.instrument_imports(include=["seatrial.profiler"]):
        import test_profiler_fuzz as fuzz
    from hypothesis import HealthCheck, given, settings

    findings, end = Findings(out), time.monotonic() + seconds

    @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(fuzz.trees(), fuzz.SETTINGS)
    def one(tree: dict[str, bytes], wish: object) -> None:
        findings.run(tree, wish)

    def step(data: bytes) -> None:
        if time.monotonic() > end:
            print(json.dumps({"cases": findings.cases, "slowest_s": findings.slowest}), flush=True)
            os._exit(1 if any(out.iterdir()) else 0)  # libFuzzer has no other way to be stopped
        one.hypothesis.fuzz_one_input(data)  # type: ignore[attr-defined]

    atheris.Setup(
        [sys.argv[0], "-max_len=16384", "-len_control=0", "-rss_limit_mb=4096", "-timeout=120"],
        step,
    )
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the profiler")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--atheris", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    seconds = args.minutes * 60
    if args.atheris:
        atheris_run(seconds, args.out)
    context = multiprocessing.get_context("spawn")
    jobs = [
        context.Process(target=worker, args=(args.seed + number, seconds, args.out))
        for number in range(args.jobs)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    found = sorted(path.name for path in args.out.iterdir() if path.is_dir())
    print(f"{len(found)} findings in {args.out}: {', '.join(found) or 'none'}")
    return 1 if found or any(job.exitcode for job in jobs) else 0


if __name__ == "__main__":
    raise SystemExit(main())
