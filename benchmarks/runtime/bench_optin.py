"""What do the opt-in helpers cost, and what do they save?

Breaker and cache beside pybreaker and cachetools, in CPU time of one call, best of interleaved
rounds; ten slow calls at once through each breaker; and a chain of seven models of which five fail
and one hangs, against a provider on a real socket, with circuits closed and then open.

    python benchmarks/runtime/bench_optin.py --out result.json
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cachetools
import pybreaker

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "runtime/src"), str(ROOT / "runtime/tests/llm")]

from stand_in import StandIn  # noqa: E402

from seatrial_runtime import (  # noqa: E402
    Cache,
    CircuitBreaker,
    MemoryStore,
    Price,
    bedrock,
    cache,
    deadline,
    fallback,
    retry,
)
from seatrial_runtime.resilience.stores import MISSING  # noqa: E402
from seatrial_runtime.telemetry import metrics  # noqa: E402

CALLS = 50_000
HANG_S = 3.0


def nothing(x: int = 1) -> int:
    return x


def sides() -> dict[str, Callable[[], Any]]:
    """One call each; all functions do nothing, so that what is left is the wrapper."""
    ours = CircuitBreaker("bench")
    peer = pybreaker.CircuitBreaker(fail_max=5)
    decorated = ours(nothing)
    held = Cache("bench", store=MemoryStore(500_000_000))
    kept = cache(within=held)(nothing)
    kept(1)
    held.put("k", 1)
    lock = threading.Lock()
    kept_by_peer = cachetools.cached(cachetools.TTLCache(1000, 60), lock=lock)(nothing)
    kept_by_peer(1)
    tried = retry(OSError)(nothing)

    def with_deadline() -> None:
        with deadline(5):
            nothing()

    return {
        "plain call": nothing,
        "breaker.call": lambda: ours.call(nothing),
        "breaker decorator": decorated,
        "pybreaker.call": lambda: peer.call(nothing),
        "cache decorator, hit": lambda: kept(1),
        "cache.get_or_compute, hit": lambda: held.get_or_compute("k", nothing),
        "cachetools.cached with lock, hit": lambda: kept_by_peer(1),
        "retry decorator, no failure": tried,
        "deadline": with_deadline,
    }


def bound() -> dict[str, int]:
    """1,200 values of a megabyte into a store of 500 MB: what it keeps, and what that is."""
    store = MemoryStore(500_000_000)
    driven_out = sum(store.put(number, bytes(1_000_000), 60) for number in range(1200))
    kept = sum(store.get(number) is not MISSING for number in range(1200))
    return {"bytes_held": store.bytes_held, "kept": kept, "driven_out": driven_out}


def per_call(rounds: int) -> dict[str, dict[str, Any]]:
    took: dict[str, list[float]] = {}
    calls = sides()
    gc.disable()
    for turn in range(rounds + 1):
        for name, call in calls.items():
            number = CALLS // (10 if "retry" in name else 1)
            began = time.thread_time()
            for _ in range(number):
                call()
            if turn:
                took.setdefault(name, []).append((time.thread_time() - began) / number * 1e6)
    gc.enable()
    return {
        name: {"best_us": round(min(us), 3), "median_us": round(statistics.median(us), 3)}
        for name, us in took.items()
    }


def side_by_side() -> dict[str, float]:
    """Seconds for ten calls of 50 ms that begin at once."""

    def run(call: Callable[..., Any]) -> float:
        threads = [threading.Thread(target=call, args=(time.sleep, 0.05)) for _ in range(10)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return round(time.perf_counter() - began, 4)

    ours, peer = CircuitBreaker("parallel"), pybreaker.CircuitBreaker()
    return {
        "ours_s": min(run(ours.call) for _ in range(3)),
        "pybreaker_s": min(run(peer.call) for _ in range(3)),
    }


def chain() -> dict[str, Any]:
    """Seconds until the seventh model answers."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
        AWS_SECRET_ACCESS_KEY="example",
        AWS_EC2_METADATA_DISABLED="true",
    )
    server = StandIn().start()
    names = [f"model-{number}" for number in range(1, 8)]
    steps = ["throttle", "error", "hang", "denied", "malformed", {"do": "error", "status": 503}]
    server.script({name: [step] for name, step in zip(names, steps, strict=False)})
    models = [
        bedrock(
            name, region="us-east-1", endpoint_url=server.url, timeout_s=HANG_S, price=Price(3, 15)
        )
        for name in names
    ]
    models[0]._client()  # Making the client is not a part of a question.
    asked = fallback(models)
    took: list[float] = []
    outcomes: list[list[str]] = []
    for _ in range(8):
        began = time.perf_counter()
        answer = asked.ask("How long does it take?")
        took.append(round(time.perf_counter() - began, 4))
        outcomes.append([attempt.outcome for attempt in answer.attempts])
        assert answer.model == "model-7"
    server.end()
    return {"hang_s": HANG_S, "seconds": took, "first": outcomes[0], "last": outcomes[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of the opt-in helpers")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    folder = tempfile.mkdtemp()
    result: dict[str, Any] = {
        "benchmark": "optin",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count()},
        "load_average": os.getloadavg(),
        "peers": {name: version(name) for name in ("pybreaker", "cachetools", "cachebox")},
        "per_call": per_call(args.rounds),
        "bound": bound(),
        "ten_calls_of_50_ms": side_by_side(),
        "seven_models": chain(),
    }
    metrics.collect_in(folder)  # As in a worker of the runtime.
    result["per_call_collected"] = per_call(args.rounds)
    shutil.rmtree(folder)
    for name, row in result["per_call"].items():
        collected = result["per_call_collected"][name]
        print(f"{name:34} {row['best_us']:8.2f} us, with metrics {collected['best_us']:8.2f} us")
    print("500 MB               ", result["bound"])
    print("ten calls of 50 ms   ", result["ten_calls_of_50_ms"])
    print("seven models         ", result["seven_models"])
    args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
