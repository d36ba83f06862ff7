"""SkyPilot's half of the side-by-side; runs in its own virtual environment, without a network.

Its optimizer is asked for the cheapest machine of at least 4 vCPU and 8 GiB on AWS, Google Cloud
and Azure, as its own tests do: with the clouds enabled by a patch, because there is no account.
Lines on stdin: one question each; answers as JSON on stdout.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time


def no_network(*args: object) -> None:
    raise OSError("this benchmark has no network")


def main() -> None:
    socket.socket.connect = no_network
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # its tables go to stderr
    began = time.perf_counter()
    import sky
    from sky import check
    from sky.optimizer import Optimizer

    logging.disable(logging.WARNING)
    enabled = [sky.AWS(), sky.GCP(), sky.Azure()]
    check.get_cached_enabled_clouds_or_refresh = lambda *a, **k: enabled
    ready = round((time.perf_counter() - began) * 1000)
    print(json.dumps({"ready_ms": ready, "version": sky.__version__}), file=out, flush=True)
    seen: dict[str, object] = {}
    inner = Optimizer._estimate_nodes_cost_or_time

    def counted(*args: object, **kwargs: object) -> object:
        costs, candidates = inner(*args, **kwargs)
        seen["costs"] = costs
        return costs, candidates

    Optimizer._estimate_nodes_cost_or_time = staticmethod(counted)
    for _ in sys.stdin:
        with sky.Dag() as dag:
            task = sky.Task(run="true")
            task.set_resources(sky.Resources(cpus="4+", memory="8+"))
        wall, cpu = time.perf_counter(), time.process_time()
        Optimizer.optimize(dag, quiet=True)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        best = task.best_resources
        every = [
            (str(one.cloud).lower(), one.instance_type, one.zone or one.region, usd)
            for one, usd in seen["costs"][task].items()
        ]
        answer = {
            "wall_ms": round(wall * 1000, 2), "cpu_ms": round(cpu * 1000, 2),
            "candidates": len(every), "every": every,
            "cheapest": {"cloud": str(best.cloud).lower(), "type": best.instance_type,
                         "place": best.zone or best.region, "usd_hour": best.get_cost(3600)},
        }  # fmt: skip
        print(json.dumps(answer), file=out, flush=True)


main()
