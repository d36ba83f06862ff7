"""The example app as a user has it: profiled, deployed, and predicted from its profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import real_noise as noise
import real_servers as servers
from real_cells import POOL_IDLE_S, Overhead
from real_run import QUANTILES, TIMEOUT_S

from seatrial import settings
from seatrial.assessor.simulate.exact import Habits, Requests, replay
from seatrial.assessor.simulate.service import laws_of, samples
from seatrial.engines.engine import Release
from seatrial.engines.ports import free_ports
from seatrial.kernel.simulation import Fleet, RouteLaw
from seatrial.kernel.workload import Workload
from seatrial.project import Project
from seatrial.rehearsal import targets
from seatrial.trials.generator import schedule
from seatrial.trials.load import LoadResult, run_load
from seatrial.trials.machine import describe, share

Floats = npt.NDArray[np.float64]

RHO = 0.3
"""Busy share of the machine that the app is asked for: generator and proxy are on it too."""

REPLAYS = 30
VERBS_S_MAX = 600.0


def row(
    app: Path, seconds: float, seed: int, overhead: Overhead, limits: noise.Limits
) -> dict[str, Any]:
    """Profile and deploy the app, ask it in proportion to its routes, compare.

    The prediction knows arrivals and routes of the run, and the laws of the profile. Its interval
    is that of replays with other times drawn from these laws.
    """
    os.sched_setaffinity(0, servers.USABLE)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        try:
            _seatrial("profile", app, state, "--measure")
            (port,) = free_ports(1)
            _seatrial("deploy", app, state, "--port", str(port))
            return _compared(app, state, f"http://127.0.0.1:{port}", seconds, seed, overhead,
                             limits)  # fmt: skip
        finally:
            _seatrial("stop", app, state, check=False)


def _compared(
    app: Path, state: Path, url: str, seconds: float, seed: int, overhead: Overhead,
    limits: noise.Limits,
) -> dict[str, Any]:  # fmt: skip
    asked = settings.read_file(app / "seatrial.toml")
    workload = Project(app, state).load("workload", Workload)
    laws = laws_of(workload.web, asked.demand)
    weights = np.array([law.weight for law in laws])
    cpu_s = [float(np.mean(law.wall_s)) * law.cpu_share for law in laws]
    rate = RHO * len(servers.USABLE) / float(np.average(cpu_s, weights=weights))
    fleet = _fleet(asked.deploy.replicas)
    plan = schedule(seed, rate, seconds, targets(workload, asked.demand))
    ours = (os.getpid(), *_processes(app, state))
    before = noise.read(ours)
    result = run_load(url, plan, timeout_s=TIMEOUT_S, warm_up_s=2.0)
    after = noise.read(ours)
    late_s = np.array(result.late_us) / 1e6
    seen = noise.between(before, after, float(np.quantile(late_s, 0.99)) * 1e3)
    played = _played(result, laws, fleet, overhead)
    quantiles = {}
    for name, q in QUANTILES.items():
        got = float(np.quantile(np.array(result.latency_us) / 1e3 - late_s * 1e3, q))
        said = np.quantile(played, q, axis=1) * 1e3
        low, high = (float(edge) for edge in np.quantile(said, (0.025, 0.975)))
        quantiles[name] = {
            "measured_ms": round(got, 3), "predicted_ms": round(float(said.mean()), 3),
            "error_percent": round((float(said.mean()) / got - 1.0) * 100.0, 2),
            "blind_ms": [round(low, 3), round(high, 3)], "inside": low <= got <= high,
        }  # fmt: skip
    failed = sum(kind != "ok" for kind in result.kinds)
    shape = f"{fleet.replicas_min}x{fleet.workers}x{fleet.slots}"
    calm = seen.calm(limits) and failed == 0
    return {
        "cell": f"{app.name}/app/{shape}/{RHO:g}", "kind": "app", "rate_rps": round(rate, 3),
        "requests": len(result.kinds), "failed": failed, "calm": calm, "noise": seen._asdict(),
        "quantiles": quantiles,
    }  # fmt: skip


def _fleet(replicas: int) -> Fleet:
    """What the local engine starts of an app."""
    size = share(describe(), replicas)
    slots = {field.name: field.default for field in msgspec.structs.fields(Release)}["threads"]
    return Fleet(
        replicas_min=replicas, replicas_max=replicas, workers=max(1, int(size.vcpu)),
        slots=slots, vcpu=size.vcpu, queue="worker", start_s=0.0,
    )  # fmt: skip


def _played(
    result: LoadResult, laws: tuple[RouteLaw, ...], fleet: Fleet, overhead: Overhead
) -> Floats:
    """Replays of the recorded arrivals, each with times of its own from the routes' laws."""
    plan = result.schedule
    at_s = (np.array(plan.at_us) + np.array(result.late_us)) / 1e6
    order = np.argsort(at_s, kind="stable")
    numbers = {law.path: number for number, law in enumerate(laws)}
    route = np.array([numbers[plan.targets[target].route] for target in plan.target])[order]
    habits = Habits(
        machine_vcpu=float(len(servers.USABLE)), pool_idle_s=POOL_IDLE_S, accept="turns"
    )
    found = []
    for seed in range(REPLAYS):
        cpu_s, wait_s = np.empty(len(route)), np.empty(len(route))
        for number, law in enumerate(laws):
            some = np.flatnonzero(route == number)
            _, cpu_s[some], wait_s[some] = samples((law,), some.size, 1_000 * seed + number)
        asked = Requests(at_s[order], route.astype(np.int64), cpu_s, wait_s)
        played = replay(fleet, asked, seed=seed, habits=habits)
        found.append(played.latency_s + (overhead.added_s - overhead.cpu_s))
    return np.array(found)


def _processes(app: Path, state: Path) -> tuple[int, ...]:
    """What the local engine runs for the app."""
    document = json.loads(_seatrial("status", app, state, "--json"))
    return tuple(process["pid"] for process in document["processes"])


def _seatrial(verb: str, app: Path, state: Path, *more: str, check: bool = True) -> str:
    argv = [sys.executable, "-m", "seatrial", verb, str(app), "--state-dir", str(state), *more]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=VERBS_S_MAX)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(argv[2:4])} ended with {done.returncode}: {done.stderr}")
    return done.stdout
