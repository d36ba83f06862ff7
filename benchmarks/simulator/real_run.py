"""Measures one cell, and predicts it twice: from the recorded requests, and blind."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import real_cells as cells
import real_noise as noise
import real_servers as servers
from real_cells import Cell, Overhead

from seatrial.assessor.simulate.exact import replay
from seatrial.trials.generator import Schedule, Target, schedule
from seatrial.trials.load import LoadResult, run_load

Floats = npt.NDArray[np.float64]

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
CALM_REQUESTS, CALM_GAP_S, CALM_WAIT_S = 300, 0.010, 0.002
BLIND_RUNS = 200
TIMEOUT_S = 30.0


class Plan(NamedTuple):
    """What is sent: when, and the work of each request."""

    schedule: Schedule
    cpu_s: Floats
    wait_s: Floats


class Measured(NamedTuple):
    """What came of it: when each request was sent, its latency from then, and the noise.

    `worker` is the process that served each; -1 where none did.
    """

    sent_s: Floats
    latency_s: Floats
    worker: npt.NDArray[np.int64]
    failed: int
    noise: noise.Noise
    cpu_us_request: float
    loads: dict[str, int]


def calibrate(server: cells.Server) -> Overhead:
    """What server and proxy add to a request that is alone: processor time, and all of it."""
    cell = Cell(server, "waiting", 1, 1, 1 if server == "sync" else 4, 0.0)
    cpu_s, wait_s = np.zeros(CALM_REQUESTS), np.full(CALM_REQUESTS, CALM_WAIT_S)
    at_us = tuple(round(n * CALM_GAP_S * 1e6) for n in range(CALM_REQUESTS))
    plan = Plan(_schedule(at_us, 1.0 / CALM_GAP_S, cpu_s, wait_s, 0), cpu_s, wait_s)
    with tempfile.TemporaryDirectory() as folder, servers.running(cell, Path(folder)) as fleet:
        _send(fleet, plan)
        before = noise.computed_s(fleet.servers)
        result = _send(fleet, plan)
        computed = noise.computed_s(fleet.servers) - before
    latency_s = (np.array(result.latency_us) - np.array(result.late_us)) / 1e6
    return Overhead(computed / CALM_REQUESTS, float(np.median(latency_s)) - CALM_WAIT_S)


def planned(cell: Cell, overhead: Overhead, seconds: float, seed: int) -> Plan:
    """Poisson arrivals, and the work of each request, drawn from a seed."""
    rate = cells.rate_rps(cell, overhead)
    drawn = schedule(seed, rate, seconds, (Target(route="/serve", path="/serve"),))
    cpu_s, wait_s = cells.draw(cell, len(drawn.at_us), np.random.default_rng([seed, 1]))
    return Plan(_schedule(drawn.at_us, rate, cpu_s, wait_s, seed, seconds), cpu_s, wait_s)


def _schedule(
    at_us: tuple[int, ...], rate: float, cpu_s: Floats, wait_s: Floats, seed: int,
    seconds: float = 0.0,
) -> Schedule:  # fmt: skip
    targets = tuple(
        Target(route="/serve", path=f"/serve/{n}/{round(cpu * 1e6)}/{round(wait * 1e6)}")
        for n, (cpu, wait) in enumerate(zip(cpu_s, wait_s, strict=True))
    )
    return Schedule(
        seed=seed, rate_rps=rate, duration_s=seconds or at_us[-1] / 1e6 + 1.0, targets=targets,
        at_us=at_us, target=tuple(range(len(at_us))),
    )  # fmt: skip


def _send(fleet: servers.Running, plan: Plan) -> LoadResult:
    return run_load(fleet.url, plan.schedule, timeout_s=TIMEOUT_S, warm_up_s=0)


def measured(cell: Cell, plan: Plan, warm_up: Plan) -> Measured:
    """Run the plan against real servers; a first run warms them up and is not counted."""
    with tempfile.TemporaryDirectory() as folder, servers.running(cell, Path(folder)) as fleet:
        _send(fleet, warm_up)
        time.sleep(2 * cells.POOL_IDLE_S)  # The proxy's connections are closed again.
        roots = (os.getpid(), *fleet.servers, fleet.proxy)
        before, computed = noise.read(roots), noise.computed_s(fleet.servers)
        loads = _loads(fleet)
        fleet.served.write_bytes(b"")  # Only this run's.
        result = _send(fleet, plan)
        after, computed_after = noise.read(roots), noise.computed_s(fleet.servers)
        loads = {pid: used - loads.get(pid, 0) for pid, used in _loads(fleet).items()}
        worker = np.full(len(result.late_us), -1, np.int64)
        for line in fleet.served.read_text(encoding="ascii").splitlines():
            number, pid = line.split()
            worker[int(number)] = int(pid)
    late_s = np.array(result.late_us) / 1e6
    own_s = (computed_after - computed - float(plan.cpu_s.sum())) / len(late_s)
    return Measured(
        sent_s=np.array(result.schedule.at_us) / 1e6 + late_s,
        latency_s=np.array(result.latency_us) / 1e6 - late_s,
        worker=worker,
        failed=sum(kind != "ok" for kind in result.kinds),
        noise=noise.between(before, after, float(np.quantile(late_s, 0.99)) * 1e3),
        cpu_us_request=own_s * 1e6,
        loads=loads,
    )


def _loads(fleet: servers.Running) -> dict[str, int]:
    """Processor microseconds of each process of the servers, to see how even they are."""
    return {
        str(member.pid): round(noise.computed_s((member.pid,)) * 1e6)
        for member in noise.family(fleet.servers)
    }


def traced(cell: Cell, plan: Plan, run: Measured, overhead: Overhead) -> Floats:
    """The latencies that the simulator gives the very requests that were sent.

    Where the kernel's hash decides which worker a request meets, each worker is replayed alone,
    with those that it got.
    """
    order = np.argsort(run.sent_s, kind="stable")
    fleet, parts = cells.fleet(cell), [order]
    if cell.by_chance:
        fleet = msgspec.structs.replace(fleet, replicas_min=1, replicas_max=1, workers=1)
        met = run.worker[order]
        parts = [order[met == worker] for worker in np.unique(met)]
    played = []
    for part in parts:
        asked = cells.requests(run.sent_s[part], plan.cpu_s[part], plan.wait_s[part], overhead)
        played.append(replay(fleet, asked, habits=cells.habits(cell)).latency_s)
    return np.concatenate(played) + (overhead.added_s - overhead.cpu_s)


def blind(cell: Cell, overhead: Overhead, seconds: float, seed: int) -> dict[str, list[float]]:
    """For each quantile the 95 % interval of a run of this length, from law and rate alone.

    Middle 95 % of the quantiles of many simulated runs, each with arrivals and work of its own.
    """
    rate = cells.rate_rps(cell, overhead)
    found = []
    for number in range(BLIND_RUNS):
        chance = np.random.default_rng([seed, 2, number])
        arrival_s = np.sort(chance.random(chance.poisson(rate * seconds)) * seconds)
        cpu_s, wait_s = cells.draw(cell, len(arrival_s), chance)
        asked = cells.requests(arrival_s, cpu_s, wait_s, overhead)
        played = replay(cells.fleet(cell), asked, seed=number, habits=cells.habits(cell))
        added = overhead.added_s - overhead.cpu_s
        found.append(np.quantile(played.latency_s + added, list(QUANTILES.values())))
    low, high = np.quantile(found, (0.025, 0.975), axis=0)
    return {
        name: [round(float(low[i]) * 1e3, 3), round(float(high[i]) * 1e3, 3)]
        for i, name in enumerate(QUANTILES)
    }


def row(
    cell: Cell, plan: Plan, run: Measured, overhead: Overhead, limits: noise.Limits,
    interval: dict[str, list[float]],
) -> dict[str, Any]:  # fmt: skip
    """One cell as it is reported, in milliseconds."""
    predicted = traced(cell, plan, run, overhead)
    quantiles = {}
    for name, q in QUANTILES.items():
        got = float(np.quantile(run.latency_s, q)) * 1e3
        said = float(np.quantile(predicted, q)) * 1e3
        low, high = interval[name]
        quantiles[name] = {
            "measured_ms": round(got, 3), "predicted_ms": round(said, 3),
            "error_percent": round((said / got - 1.0) * 100.0, 2),
            "blind_ms": [low, high], "inside": low <= got <= high,
        }  # fmt: skip
    return {
        "cell": cell.name, **cell._asdict(), "rate_rps": round(plan.schedule.rate_rps, 3),
        "requests": len(run.sent_s), "failed": run.failed,
        "calm": run.noise.calm(limits) and run.failed == 0, "noise": run.noise._asdict(),
        "overhead_cpu_us": round(run.cpu_us_request, 1), "quantiles": quantiles,
    }  # fmt: skip
