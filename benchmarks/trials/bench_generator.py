"""How late does a load generator send, and what does a request cost it?

Seatrial's generator beside what one would write with common clients, all with the same Poisson
schedule, each in a process of its own, against a light server in another one:

    python benchmarks/trials/bench_generator.py --out result.json [--rates 20 200 1000]

- seatrial: `run_load` as the trial uses it
- seatrial-epoll: the same on asyncio's own loop, which rounds sleeps up to a millisecond
- aiohttp, httpx: a task for each request, started by `asyncio.sleep`, with one shared session
- streams: the same on bare asyncio streams, with a hand-made pool and the least parsing
- closed-loop: ten aiohttp workers, each of which sends when its last answer has come and its
  turn in the schedule has passed, and starts its clock then, as many simple tools do

`late` is from the intended time to the call that sends; `latency` from the intended time to
the answer, except for closed-loop, which does not know of intended times. `cpu_us_request` is
the processor time of the whole client process during the run. A client that is
not installed or fails at a rate has a reason instead of figures. Rounds are interleaved; the
median of the rounds is shown, and every round is in the result.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from seatrial.trials import load
from seatrial.trials.generator import Schedule, Target, schedule
from seatrial.trials.machine import describe

HERE = Path(__file__).parent
CLIENTS = ("seatrial", "seatrial-epoll", "aiohttp", "httpx", "streams", "closed-loop")
FIGURES = ("late_ms_p50", "late_ms_p99", "latency_ms_p50", "latency_ms_p99", "cpu_us_request")
Send = Callable[[], Awaitable[None]]


def seatrial(url: str, plan: Schedule) -> tuple[list[float], list[float]]:
    result = load.run_load(url, plan, warm_up_s=0)
    assert set(result.kinds) == {"ok"}, result.kinds
    return [us / 1000 for us in result.late_us], [us / 1000 for us in result.latency_us]


def seatrial_epoll(url: str, plan: Schedule) -> tuple[list[float], list[float]]:
    load.PreciseLoop = lambda _: asyncio.SelectorEventLoop()  # type: ignore[assignment,misc]
    return seatrial(url, plan)


async def open_loop(send: Send, plan: Schedule) -> tuple[list[float], list[float]]:
    late_ms: list[float] = []
    latency_ms: list[float] = []

    async def one(due: float) -> None:
        late_ms.append((time.monotonic() - due) * 1000)
        await send()
        latency_ms.append((time.monotonic() - due) * 1000)

    start = time.monotonic() + 0.05
    tasks = []
    for at_us in plan.at_us:
        due = start + at_us / 1e6
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return late_ms, latency_ms


async def closed_loop(send: Send, plan: Schedule) -> tuple[list[float], list[float]]:
    late_ms: list[float] = []
    latency_ms: list[float] = []
    start = time.monotonic() + 0.05
    turns = iter(plan.at_us)

    async def worker() -> None:
        for at_us in turns:
            due = start + at_us / 1e6
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            sent = time.monotonic()
            late_ms.append((sent - due) * 1000)
            await send()
            latency_ms.append((time.monotonic() - sent) * 1000)

    await asyncio.gather(*(worker() for _ in range(10)))
    return late_ms, latency_ms


async def with_aiohttp(url: str, plan: Schedule, closed: bool) -> tuple[list[float], list[float]]:
    import aiohttp  # Optional: only this client needs it.

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def send() -> None:
            async with session.get(url) as answer:
                assert answer.status == 200
                await answer.read()

        return await (closed_loop if closed else open_loop)(send, plan)


async def with_httpx(url: str, plan: Schedule) -> tuple[list[float], list[float]]:
    import httpx  # Optional: only this client needs it.

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as session:

        async def send() -> None:
            assert (await session.get(url)).status_code == 200

        return await open_loop(send, plan)


async def with_streams(url: str, plan: Schedule) -> tuple[list[float], list[float]]:
    host, port = url.removeprefix("http://").split(":")
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    request = f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n\r\n".encode()

    async def send() -> None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection(host, int(port))
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200")
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        idle.append((reader, writer))

    try:
        return await open_loop(send, plan)
    finally:
        for _, writer in idle:
            writer.close()


RUN: dict[str, Callable[[str, Schedule], tuple[list[float], list[float]]]] = {
    "seatrial": seatrial,
    "seatrial-epoll": seatrial_epoll,
    "aiohttp": lambda url, plan: asyncio.run(with_aiohttp(url, plan, closed=False)),
    "httpx": lambda url, plan: asyncio.run(with_httpx(url, plan)),
    "streams": lambda url, plan: asyncio.run(with_streams(url, plan)),
    "closed-loop": lambda url, plan: asyncio.run(with_aiohttp(url, plan, closed=True)),
}


def measure(client: str, url: str, plan: Schedule) -> dict[str, float]:
    """One run in this process; a first second that is not counted warms the client up."""
    RUN[client](url, schedule(plan.seed, plan.rate_rps, 1, plan.targets, stream=1))
    cpu_s = time.process_time()
    late_ms, latency_ms = RUN[client](url, plan)
    cpu_s = time.process_time() - cpu_s
    values = (
        *np.percentile(late_ms, (50, 99)),
        *np.percentile(latency_ms, (50, 99)),
        cpu_s / len(late_ms) * 1e6,
    )
    return {name: round(float(value), 3) for name, value in zip(FIGURES, values, strict=True)}


def in_process_of_its_own(client: str, url: str, rate: float, args: argparse.Namespace) -> Any:
    """The figures, or why there are none."""
    command = (sys.executable, __file__, "--child", client, url, str(rate))
    options = ("--seconds", str(args.seconds), "--seed", str(args.seed))
    longest_s = 10 + 5 * args.seconds
    try:
        done = subprocess.run(
            (*command, *options), capture_output=True, text=True, timeout=longest_s
        )
    except subprocess.TimeoutExpired:
        return f"not done after {longest_s:g} s: it cannot send at this rate"
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    return json.loads(done.stdout)


def compare(url: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for rate in args.rates:
        rounds: dict[str, list[Any]] = {client: [] for client in args.clients}
        for turn in range(args.rounds):
            # Each round starts with another client: none always follows the same neighbour.
            first = turn % len(args.clients)
            for client in (*args.clients[first:], *args.clients[:first]):
                rounds[client].append(in_process_of_its_own(client, url, rate, args))
        for client, runs in rounds.items():
            row: dict[str, Any] = {"client": client, "rate_rps": rate}
            if failed := [run for run in runs if isinstance(run, str)]:
                row["failed"] = failed[0]
            else:
                for name in FIGURES:
                    row[name] = statistics.median(run[name] for run in runs)
                row["rounds"] = runs
            rows.append(row)
            shown = row.get("failed") or "  ".join(f"{name} {row[name]:8.2f}" for name in FIGURES)
            print(f"{rate:6g}/s {client:15} {shown}", file=sys.stderr)
    return rows


def versions() -> dict[str, str]:
    names = ("aiohttp", "httpx", "httptools", "numpy")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def save(path: Path, document: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Send lateness and cost of load generators")
    parser.add_argument("--out", type=Path, help="where the result goes, as JSON")
    parser.add_argument("--rates", type=float, nargs="+", default=[20, 200, 1000])
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        client, url, rate = args.child
        plan = schedule(args.seed, float(rate), args.seconds, (Target(route="/", path="/"),))
        print(json.dumps(measure(client, url, plan)))
        return
    if args.out is None:
        parser.error("--out is needed")
    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    load_before = os.getloadavg()
    with subprocess.Popen(
        (sys.executable, str(HERE / "plain_server.py")), stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            rows = compare(f"http://127.0.0.1:{int(server.stdout.readline())}", args)
        finally:
            server.kill()
    save(
        args.out,
        {
            "benchmark": "trials/generator",
            "started_at": started_at,
            "machine": msgspec.to_builtins(describe()),
            "load_average": {"before": load_before, "after": os.getloadavg()},
            "versions": versions(),
            "seed": args.seed,
            "seconds": args.seconds,
            "rounds": args.rounds,
            "results": rows,
        },
    )


if __name__ == "__main__":
    main()
