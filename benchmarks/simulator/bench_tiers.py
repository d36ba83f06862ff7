"""How far is the fluid year from exact windows, and how long do both take?

- agreement: random fleets under random demands (tiers_cases.py), each by its fluid year (T1) and by
  exact windows of its first week (T2 or T3). Left out, by rule: fleets whose most replicas cannot
  hold 105 % of the usual peak hour, and those with more than 1 % errors in the exact windows.
  Relative differences at the median and beyond, beside half the exact interval, which is how far
  two exact runs differ by chance; and of the pairs of fleets under one demand whose exact p95
  intervals are apart, how many the fluid year orders alike.
- screening: 1,000 fluid years, for each policy and mixed.
- first look: the mixed thousand from nothing, with the short replays of all its shapes.
- finalists: the best 50 of a mixed space exactly, with 95 % intervals.

    python benchmarks/simulator/bench_tiers.py --out result.json
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from tiers_cases import KINDS, Demand, can_hold, demand, fleet

from seatrial.assessor.simulate import lookup, waits
from seatrial.assessor.simulate.fluid import YearOutlook, year
from seatrial.assessor.simulate.weeks import Week, covered, weeks
from seatrial.kernel.simulation import Fleet
from seatrial.trials.machine import describe

GOALS = {
    "p95": "2 % at the median", "p99": "5 % at the median", "replica_hours": "2 % at the median",
    "screening_s": 3.0, "finalists_s": 60.0,
}  # fmt: skip
DEMANDS, FLEETS = 18, 14
"""Demands, and fleets under each, two of each policy: enough that 200 are left."""
REQUESTS = 300_000
ERRORS_MOST_PERCENT = 1.0
FIGURES = ("p50", "p95", "p99", "replica_hours")
SCREENED, FINALISTS, FINALIST_REQUESTS = 1000, 50, 300_000


class Case(NamedTuple):
    """One fleet under one demand, by both tiers."""

    demand: int
    fleet: Fleet
    outlook: YearOutlook
    week: Week
    contended: bool


def cases(seed: int, demands: int, requests: int) -> tuple[list[Case], dict[str, int]]:
    """What is compared, and how many were left out for which reason."""
    chance = np.random.default_rng(seed)
    found, out = [], {"cannot hold the peak": 0, "more than 1 % errors": 0}
    for number in range(demands):
        given = demand(chance)
        drawn = [fleet(chance, given, KINDS[i % len(KINDS)]) for i in range(FLEETS)]
        fleets = [one for one in drawn if can_hold(given, one)]
        out["cannot hold the peak"] += len(drawn) - len(fleets)
        outlooks = year(given.arrivals, given.laws, fleets, seed)
        done = weeks(given.arrivals, given.laws, fleets, outlooks, seed, requests=requests)
        for one, outlook, week in zip(fleets, outlooks, done, strict=True):
            p99, errors = week.latency_ms[2].value, week.error_percent.value
            if p99 is None or errors is None or errors > ERRORS_MOST_PERCENT:
                out["more than 1 % errors"] += 1
                continue
            contended = not covered(one, given.laws)
            found.append(Case(number, one, outlook, week, contended))
    return found, out


def differences(case: Case) -> tuple[list[float], list[float]]:
    """T1 over exact, less one, of each of FIGURES; and half the exact intervals, relative."""
    one = case.outlook
    hours = one.replica_hours / 8760
    fluid = (one.latency_ms_p50, one.latency_ms_p95, one.latency_ms_p99, hours)
    exact = (*case.week.latency_ms, case.week.replicas)
    found, half = [], []
    for mine, figure in zip(fluid, exact, strict=True):
        value = figure.value or 1e-9
        found.append(float("inf") if mine is None else mine / value - 1)
        ends = (figure.low, figure.high)
        known = ends[0] is not None and ends[1] is not None
        half.append((ends[1] - ends[0]) / 2 / value if known else float("inf"))
    return found, half


def spread(rows: Sequence[Case]) -> dict[str, object]:
    """Of each figure: relative difference at ranks, its sign, and the exact interval's half."""
    pairs = [differences(row) for row in rows]
    found: dict[str, object] = {"fleets": len(rows)}
    for at, name in enumerate(FIGURES):
        signed = np.array([pair[0][at] for pair in pairs])
        half = np.array([pair[1][at] for pair in pairs])
        found[name] = {
            "median_percent": _percent(np.quantile(np.abs(signed), 0.5)),
            "p75_percent": _percent(np.quantile(np.abs(signed), 0.75)),
            "p90_percent": _percent(np.quantile(np.abs(signed), 0.9)),
            "worst_percent": _percent(np.abs(signed).max()),
            "signed_median_percent": _percent(np.quantile(signed, 0.5)),
            "exact_half_interval_percent": _percent(np.quantile(half, 0.5)),
            "inside_interval_percent": _percent((np.abs(signed) <= half).mean()),
        }
    return found


def _percent(share: float) -> float | None:
    return round(100 * float(share), 2) if np.isfinite(share) else None


def ranks(rows: Sequence[Case]) -> dict[str, float]:
    """Pairs of one demand with p95 intervals apart: the share that T1 orders as exact does."""
    alike = apart = 0
    for number in sorted({row.demand for row in rows}):
        some = [row for row in rows if row.demand == number]
        for at, one in enumerate(some):
            for other in some[at + 1 :]:
                mine, its = one.week.latency_ms[1], other.week.latency_ms[1]
                if not (
                    (mine.high or 1e99) < (its.low or 0) or (its.high or 1e99) < (mine.low or 0)
                ):
                    continue
                apart += 1
                first = one.outlook.latency_ms_p95 or 1e99
                second = other.outlook.latency_ms_p95 or 1e99
                alike += (first < second) == ((mine.value or 0) < (its.value or 0))
    return {"pairs_apart": apart, "ordered_alike_percent": round(100 * alike / max(1, apart), 2)}


def groups(rows: Sequence[Case]) -> dict[str, object]:
    """The same by policy, and by exact tier."""
    found: dict[str, object] = {}
    for kind in KINDS:
        found[kind] = spread([row for row in rows if row.fleet.policy.kind == kind])
    for contended, name in ((False, "exact in lanes"), (True, "exactly replayed")):
        found[name] = spread([row for row in rows if row.contended == contended])
    return found


def screening(seed: int, rounds: int) -> dict[str, object]:
    """Seconds of SCREENED fluid years under one demand, by policy.

    The first round compiles, and plays the tables of the designs' shapes, which later ones share.
    """
    chance = np.random.default_rng(seed)
    given = demand(chance)
    lists = {kind: [fleet(chance, given, kind) for _ in range(SCREENED)] for kind in KINDS}
    lists["mixed"] = [lists[KINDS[i % len(KINDS)]][i] for i in range(SCREENED)]
    found: dict[str, object] = {}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in lists}
    for _ in range(rounds + 1):
        for name, fleets in lists.items():
            began, cpu = time.perf_counter(), time.process_time()
            year(given.arrivals, given.laws, fleets, seed)
            taken[name].append((time.perf_counter() - began, time.process_time() - cpu))
    for name, seconds in taken.items():
        wall, cpu = np.median(np.array(seconds[1:]), axis=0)
        found[name] = {
            "seconds": round(float(wall), 3),
            "processor_seconds": round(float(cpu), 3),
            "first_round_processor_seconds": round(seconds[0][1], 3),
            "rounds_s": [round(value, 3) for value, _ in seconds[1:]],
        }
        print(f"  {SCREENED} years, {name:16} {wall:8.2f} s, {cpu:8.2f} s on processors")
    return found


def first_look(seed: int, rounds: int) -> dict[str, object]:
    """Seconds of SCREENED fluid years of mixed policies when nothing of them is known."""
    chance = np.random.default_rng(seed)
    given = demand(chance)
    fleets = [fleet(chance, given, KINDS[i % len(KINDS)]) for i in range(SCREENED)]
    taken = []
    for _ in range(rounds + 1):
        for known in (waits.table, waits.requests, waits.even_arrivals, lookup.tables):
            known.cache_clear()
        began, cpu = time.perf_counter(), time.process_time()
        year(given.arrivals, given.laws, fleets, seed)
        taken.append((time.perf_counter() - began, time.process_time() - cpu))
    wall, cpu = np.median(np.array(taken[1:]), axis=0)
    print(f"  {SCREENED} years, first look       {wall:8.2f} s, {cpu:8.2f} s on processors")
    return {
        "seconds": round(float(wall), 3),
        "processor_seconds": round(float(cpu), 3),
        "rounds_s": [round(value, 3) for value, _ in taken[1:]],
        "shapes": waits.table.cache_info().currsize,
    }


def finalists(seed: int, rounds: int) -> dict[str, object]:
    """Seconds of FINALISTS exactly, those with the shortest p95 of a screened space."""
    chance = np.random.default_rng(seed)
    given: Demand = demand(chance)
    space = [fleet(chance, given, KINDS[i % len(KINDS)]) for i in range(6 * FINALISTS)]
    space = [one for one in space if can_hold(given, one)]
    outlooks = year(given.arrivals, given.laws, space, seed)
    order = np.argsort([one.latency_ms_p95 or np.inf for one in outlooks])[:FINALISTS]
    best, known = [space[i] for i in order], [outlooks[i] for i in order]
    seconds, done = [], []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        done = weeks(given.arrivals, given.laws, best, known, seed, requests=FINALIST_REQUESTS)
        seconds.append(time.perf_counter() - began)
    half = [differences(Case(0, best[i], known[i], week, False))[1] for i, week in enumerate(done)]
    print(f"  {FINALISTS} finalists exactly {np.median(seconds[1:]):18.2f} s")
    return {
        "seconds": round(float(np.median(seconds[1:])), 2),
        "rounds_s": [round(value, 2) for value in seconds[1:]],
        "requests_each": FINALIST_REQUESTS,
        "in_lanes": sum(week.tier == "T2" for week in done),
        "half_interval_percent": {
            name: _percent(np.median([row[at] for row in half])) for at, name in enumerate(FIGURES)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The tiers beside each other")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--demands", type=int, default=DEMANDS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    rows, out = cases(args.seed, args.demands, args.requests)
    every, ordered = spread(rows), ranks(rows)
    print(json.dumps({"all": every, "ranks": ordered, "left_out": out}, indent=1))
    result: dict[str, object] = {
        "benchmark": "tiers",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": msgspec.to_builtins(describe()),
        "load_average": os.getloadavg(),
        "goals": GOALS,
        "agreement": {"all": every, "ranks": ordered, "left_out": out, "by_kind": groups(rows)},
    }
    for part in (screening, first_look, finalists) if args.rounds else ():
        # What is known is kept: the first part takes longest.
        args.out.write_text(json.dumps(result, indent=2) + "\n")
        result[part.__name__] = part(args.seed, args.rounds)
    args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
