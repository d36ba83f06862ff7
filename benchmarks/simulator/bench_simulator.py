"""How many requests a second do simulators get through, SimPy, Ciw and ours side by side?

Two models. `pool`: M/M/10 at 80 % load, one queue. `fleet`: Poisson arrivals that triple for the
middle third of each window, replicas of four workers with a queue each behind round robin, the
Kubernetes autoscaler every 15 s, starts of 20 s and more. SimPy and ours get the same arrivals and
services, and must agree on every quantile to a bucket. Ciw draws its own and has no autoscaler, so
its fleet stays as large as SimPy's was at its peak. Ours counts a request once for each design
it went through. Rounds are interleaved, the order turns; the first only compiles and warms.

    python benchmarks/simulator/bench_simulator.py --out result.json
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from peers import SimpyFleet, ciw_fleet, ciw_pool, simpy_pool

from seatrial.assessor.simulate import lanes
from seatrial.assessor.simulate.histogram import quantiles
from seatrial.kernel.simulation import Fleet, Policy
from seatrial.trials.machine import describe

GOAL = 1000.0
DESIGNS = 96
POOL = Fleet(replicas_min=1, replicas_max=1, workers=10, slots=1, vcpu=10.0)
WORKERS, MEAN_S, RATE_RPS = 4, 0.1, 60.0
SECONDS = 900.0
WINDOWS = 8
RANKS = (0.5, 0.95, 0.99)
Job = Callable[[], tuple[int, object]]


def scaled(row: int) -> Fleet:
    """Design number `row`: another target, minimum and start."""
    return Fleet(
        replicas_min=2 + row % 3, replicas_max=40, workers=WORKERS, slots=1, vcpu=float(WORKERS),
        start_s=20.0 + row, policy=Policy(kind="hpa", target=0.5 + 0.05 * (row % 5)),
        timeout_s=600.0,
    )  # fmt: skip


def window(seed: int, rate: float, seconds: float, mean: float, middle: float) -> lanes.Span:
    """Poisson arrivals, `middle` times as many in the second third; exponential services."""
    chance = np.random.default_rng(seed)
    third = seconds / 3
    times = np.sort(np.concatenate([
        chance.uniform(part * third, (part + 1) * third, chance.poisson(rate * third * factor))
        for part, factor in enumerate((1.0, middle, 1.0))
    ]))  # fmt: skip
    services = chance.exponential(mean, times.size)
    return lanes.Span(0.0, 0.0, seconds, times, services, np.zeros(times.size))


def ours(spans: list[lanes.Span], fleets: list[Fleet], threads: int) -> Job:
    def run() -> tuple[int, object]:
        windows = lanes.shared(spans, 1)
        outcome = lanes.simulate(windows, fleets, threads=threads)
        return windows.times_s.size * len(fleets), outcome

    return run


def jobs(cores: int) -> dict[str, dict[str, Job]]:
    """What is run, by model and simulator: each gives the requests and what came out."""
    pool = [window(seed, 8.0, 5000.0, 1.0, 1.0) for seed in range(WINDOWS)]
    fleet = [window(seed, RATE_RPS, SECONDS, MEAN_S, 3.0) for seed in range(WINDOWS)]
    lists = [(w.times_s.tolist(), w.cpu_s.tolist()) for w in (pool[0], fleet[0])]
    one = SimpyFleet(scaled(0), 2)
    one.run(*lists[1], SECONDS)

    def counted(stayed: list[float]) -> tuple[int, object]:
        return len(stayed), stayed

    designs = [scaled(row) for row in range(DESIGNS)]
    return {
        "pool": {
            "SimPy": lambda: counted(simpy_pool(*lists[0], 10)),
            "Ciw": lambda: counted(ciw_pool(8.0, 1.0, 10, 2500.0, 1)),
            "ours, 1 design, 1 thread": ours(pool, [POOL], 1),
            f"ours, {DESIGNS} designs, 1 thread": ours(pool, [POOL] * DESIGNS, 1),
            f"ours, {DESIGNS} designs, {cores} threads": ours(pool, [POOL] * DESIGNS, cores),
        },
        "fleet": {
            "SimPy": lambda: counted(SimpyFleet(scaled(0), 2).run(*lists[1], SECONDS)),
            "Ciw": lambda: counted(ciw_fleet(RATE_RPS, MEAN_S, WORKERS, one.peak, 300.0, 1)),
            "ours, 1 design, 1 thread": ours(fleet, [scaled(0)], 1),
            f"ours, {DESIGNS} designs, 1 thread": ours(fleet, designs, 1),
            f"ours, {DESIGNS} designs, {cores} threads": ours(fleet, designs, cores),
        },
    }


def agreement(stayed: list[float], outcome: lanes.Outcome) -> dict[str, list[float]]:
    """SimPy's quantiles and ours, in seconds, of the same requests in the same design."""
    found = quantiles(outcome.histograms(0)[0], ranks=RANKS)
    theirs = [float(value) for value in np.quantile(stayed, RANKS)]
    mine = [float("inf") if value is None else value for value in found]
    for one, other in zip(theirs, mine, strict=True):
        if not abs(one - other) <= 0.004 * one:
            raise SystemExit(f"SimPy and ours do not agree: {theirs} and {mine}")
    return {"ranks": list(RANKS), "SimPy": theirs, "ours": mine}


def main() -> None:
    parser = argparse.ArgumentParser(description="Throughput of simulators")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    cores = describe().cores
    models = jobs(cores)
    rates: dict[str, dict[str, list[float]]] = {m: {n: [] for n in models[m]} for m in models}
    agreed = {}
    for turn in range(args.rounds + 1):
        for model, runs in models.items():
            names = list(runs)[turn % len(runs) :] + list(runs)[: turn % len(runs)]
            said = {}
            for name in names:
                began = time.perf_counter()
                requests, said[name] = runs[name]()
                if turn:  # The first round compiles.
                    rates[model][name].append(requests / (time.perf_counter() - began))
            agreed[model] = agreement(said["SimPy"], said["ours, 1 design, 1 thread"])
    results = {model: table(model, rows) for model, rows in rates.items()}
    result = {
        "benchmark": "simulator",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": msgspec.to_builtins(describe()),
        "load_average": os.getloadavg(),
        "goal": f"fleet: {GOAL:g} x SimPy on {cores} threads",
        "agreement_s": agreed,
        "results": results,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")


def table(model: str, rows: dict[str, list[float]]) -> dict[str, object]:
    """Medians, and medians of each round's ratio to SimPy in the same round."""
    print(f"{model:34} {'requests/s':>14} {'x SimPy':>9}")
    found: dict[str, object] = {}
    for name, rates in rows.items():
        ratio = statistics.median(a / b for a, b in zip(rates, rows["SimPy"], strict=True))
        rate = statistics.median(rates)
        print(f"  {name:32} {rate:14,.0f} {ratio:9,.1f}")
        found[name] = {
            "requests_s": round(rate),
            "times_simpy": round(ratio, 2),
            "rounds_requests_s": [round(value) for value in rates],
        }
    return found


if __name__ == "__main__":
    main()
