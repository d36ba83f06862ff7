"""What does the guard cost a request, telemetry and everything in it switched on?

A hello app is called in process, WSGI and ASGI, bare and behind the guard, with limits in memory,
time-outs, host list, security headers, ids, metrics and the request line on. The rounds are short
and take turns, and the least of each is the figure: other work on the machine only ever adds.
Beside it the time of one `json.dumps` of a small record, for comparing machines and moments.
Limit: 25 us a request.

    python benchmarks/runtime/bench_guard.py --out result.json
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import datetime
import json
import os
import platform
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime/src"))

from seatrial_runtime.guard import asgi, wsgi
from seatrial_runtime.guard.flights import Flights
from seatrial_runtime.settings.settings import Found, Settings, settle
from seatrial_runtime.telemetry import logs, metrics

Run = Callable[[int], None]
LIMIT_US = 25.0
RECORD = {"timestamp": "2026-11-21T16:45:00.000Z", "level": "info", "path": "/", "status": 200}
FLAGS = {
    "environment": "production",
    "rate_limit": "1000000/s",
    "allowed_hosts": "example.org,*.example.org",
    "request_timeout_s": "60",
    "request_timeouts": "/export=120,/slow=300",
    "trusted_proxies": "127.0.0.0/8,10.0.0.0/8",
}
GIVEN = {
    "host": "www.example.org",
    "user-agent": "curl/8.9",
    "accept": "*/*",
    "x-forwarded-for": "203.0.113.9, 10.0.0.2",
    "x-forwarded-proto": "https",
}


def settings() -> Settings:
    return settle("web", "app:app", (), {name: Found(text, "") for name, text in FLAGS.items()})


def wsgi_call(app: Any) -> Callable[[], None]:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "127.0.0.1"}
    environ |= {"SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http"}
    environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in GIVEN.items()}

    def call() -> None:
        answer = app(dict(environ), lambda status, headers, exc_info=None: None)
        for _ in answer:
            pass
        if hasattr(answer, "close"):
            answer.close()

    return call


def hello_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


async def hello_asgi(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


async def asgi_calls(app: Any, count: int) -> None:
    headers = [(name.encode(), value.encode()) for name, value in GIVEN.items()]
    base = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": headers}
    base |= {"client": ("127.0.0.1", 5), "root_path": "", "query_string": b""}

    async def nothing(message: Any = None) -> None:
        return

    for _ in range(count):
        await app(dict(base), nothing, nothing)


def least_us(name: str, bare: Run, guarded: Run, args: Any) -> Any:
    rounds: dict[str, list[float]] = {"bare": [], "guarded": [], "json": []}
    for _ in range(args.rounds):
        for kind, run in (("bare", bare), ("guarded", guarded), ("json", dumps)):
            began = time.process_time()
            run(args.calls)
            rounds[kind].append((time.process_time() - began) / args.calls * 1e6)
    least = {kind: min(times) for kind, times in rounds.items()}
    cost = least["guarded"] - least["bare"]
    ratio = cost / least["json"]
    print(f"{name}: bare {least['bare']:.2f} us, guard and telemetry {cost:.2f} us more")
    print(f"      limit {LIMIT_US:g} us; json.dumps {least['json']:.2f} us, ratio {ratio:.1f}")
    return {"least_us": least, "cost_us": cost, "json_dumps": ratio, "rounds": rounds}


def dumps(count: int) -> None:
    for _ in range(count):
        json.dumps(RECORD)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--calls", type=int, default=150)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    sink = os.open(os.devnull, os.O_WRONLY)
    logs.use(sink, sink)
    with tempfile.TemporaryDirectory() as folder:
        metrics.collect_in(folder)
        bare_wsgi, our_wsgi = (
            wsgi_call(hello_wsgi),
            wsgi_call(wsgi.guarded(hello_wsgi, settings(), Flights())),
        )

        def repeat(call: Callable[[], None]) -> Callable[[int], None]:
            return lambda count: [call() for _ in range(count)] and None

        our_asgi = asgi.guarded(hello_asgi, settings(), Flights())

        def loop(app: Any) -> Callable[[int], None]:
            return lambda count: asyncio.run(asgi_calls(app, count))

        rows = {
            "wsgi": least_us("wsgi", repeat(bare_wsgi), repeat(our_wsgi), args),
            "asgi": least_us("asgi", loop(hello_asgi), loop(our_asgi), args),
        }
        if args.profile:
            profiler = cProfile.Profile()
            profiler.runcall(repeat(our_wsgi), 20000)
            profiler.runcall(loop(our_asgi), 20000)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(28)
    result = {
        "benchmark": "guard",
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()} {platform.python_version()} {os.cpu_count()} processors",
        "load_average": os.getloadavg(),
        "results": rows,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
