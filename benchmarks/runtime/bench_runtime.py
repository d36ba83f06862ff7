"""What does seatrial-runtime cost, beside the same server without it?

    python benchmarks/runtime/bench_runtime.py --out result.json

- request: hello apps of Flask and FastAPI, two workers, 32 keep-alive connections that always
  have a request under way; processor time of all server processes for each request, and the
  rate. Bare is gunicorn gthread and uvicorn, each also with its own access log, written to the
  same file; granian is shown for what else could be had. With the runtime: request log, metrics,
  rate limit, ids, time-outs and headers are on. Gunicorn's parser in C serves both sides where it
  is installed, which the result names.
- latency: one connection, so that nothing queues; p50 beside the bare server.
- health: `/health` asked for while every thread sleeps, and while the event loop is blocked.
- start: process start to the first answer.
- size: the installed files of the runtime and what it needs, without bytecode.

Rounds are interleaved; medians of the rounds are shown, every round is in the result.
"""

from __future__ import annotations

import argparse
import datetime
import http.client
import importlib.metadata
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import closed_loop
import msgspec
import numpy as np
from packaging.requirements import Requirement
from servers import serving

from seatrial.trials.machine import describe

KINDS = (
    "flask-bare",
    "flask-seatrial",
    "flask-logging",
    "flask-granian",
    "fastapi-bare",
    "fastapi-seatrial",
    "fastapi-logging",
)
PAIRS = tuple(
    (f"{app}-{peer}", f"{app}-seatrial")
    for app in ("flask", "fastapi")
    for peer in ("bare", "logging")
)
CONNECTIONS = 32


def request_round(kind: str, log: Path, seconds: float) -> dict[str, float]:
    """One server, warmed up, then driven."""
    with serving(kind, log) as server:
        closed_loop.drive(server.port, CONNECTIONS, 1)
        before_s = server.cpu_s()
        run = closed_loop.drive(server.port, CONNECTIONS, seconds)
        cpu_s = server.cpu_s() - before_s
        assert not run.failed, f"{run.failed} requests failed"
        calm = closed_loop.drive(server.port, 1, min(seconds, 2))
    count = len(run.latency_ms)
    return {
        "cpu_us_request": round(cpu_s / count * 1e6, 1),
        "rate_rps": round(count / run.elapsed_s),
        "latency_ms_p50": round(float(np.percentile(calm.latency_ms, 50)), 3),
        "boot_ms": round(server.boot_s * 1000, 1),
    }


def health_while(kind: str, busy_path: str, log: Path, seconds: float) -> dict[str, float]:
    """Percentiles of `/health` in milliseconds while every thread, or the loop, is busy."""
    with serving(kind, log, workers=1) as server:
        stop = threading.Event()
        clients = [
            threading.Thread(target=_keep_busy, args=(server.port, busy_path, stop))
            for _ in range(16)
        ]
        for client in clients:
            client.start()
        time.sleep(0.5)
        times_ms = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            connection = http.client.HTTPConnection("127.0.0.1", server.management, timeout=10)
            connection.request("GET", "/health")
            assert connection.getresponse().status == 200
            connection.close()
            times_ms.append((time.perf_counter() - began) * 1000)
        stop.set()
        for client in clients:
            client.join()
    return {
        "asked": len(times_ms),
        **{f"ms_p{q}": round(float(np.percentile(times_ms, q)), 2) for q in (50, 99, 99.9)},
        "ms_max": round(max(times_ms), 2),
    }


def _keep_busy(port: int, path: str, stop: threading.Event) -> None:
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()


def installed_mb(name: str = "seatrial-runtime") -> dict[str, float]:
    """Megabytes (10^6 bytes) of each installed distribution that the runtime brings."""
    found: dict[str, float] = {}
    wanted = [name]
    for one in wanted:
        distribution = importlib.metadata.distribution(one)
        files = [distribution.locate_file(f) for f in distribution.files or ()]
        sizes = [Path(str(f)).stat().st_size for f in files if ".pyc" not in str(f)]
        found[one] = round(sum(sizes) / 1e6, 2)
        for text in distribution.requires or ():
            need = Requirement(text)
            here = need.marker is None or need.marker.evaluate({"extra": ""})
            if here and need.name not in wanted:
                wanted.append(need.name)
    return {"total": round(sum(found.values()), 1), **found}


def summary(rounds: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians of the rounds, and what the runtime adds to each of its peers."""
    medians = {
        kind: {name: statistics.median(one[name] for one in of) for name in of[0]}
        for kind, of in rounds.items()
    }
    added = {
        bare: {
            name: _median_difference(rounds[bare], rounds[ours], name)
            for name in ("cpu_us_request", "latency_ms_p50", "boot_ms")
        }
        for bare, ours in PAIRS
    }
    return {"medians": medians, "added": added}


def _median_difference(
    bare: list[dict[str, float]], ours: list[dict[str, float]], name: str
) -> float:
    return round(statistics.median(b[name] - a[name] for a, b in zip(bare, ours, strict=True)), 3)


def main() -> None:
    """Measure, print a table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    args = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "servers.log")
        for turn in range(args.rounds):
            for kind in KINDS:
                rounds[kind].append(request_round(kind, log, args.seconds))
                print(f"round {turn + 1} {kind:17} {rounds[kind][-1]}", flush=True)
        health = {
            "flask, every thread asleep": health_while(
                "flask-seatrial", "/sleep/0.5", log, args.seconds * 2
            ),
            "fastapi, the loop blocked": health_while(
                "fastapi-seatrial", "/block/0.5", log, args.seconds * 2
            ),
        }
    packages = ("gunicorn", "gunicorn_h1c", "uvicorn", "granian", "flask", "fastapi")
    installed = {d.name.lower() for d in importlib.metadata.distributions()}
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": msgspec.to_builtins(describe()),
        "versions": {p: importlib.metadata.version(p) for p in packages if p in installed},
        **summary(rounds),
        "health_ms": health,
        "installed_mb": installed_mb(),
        "rounds": rounds,
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    for name in ("medians", "added", "health_ms", "installed_mb"):
        print(name)
        for key, value in result[name].items():
            print(f"  {key:27} {value}")


main()
