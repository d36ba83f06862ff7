"""The load trial: send a schedule's requests at their times, whatever the server does."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from seatrial.kernel.errors import InputError
from seatrial.kernel.values import Value
from seatrial.trials import generator
from seatrial.trials.client import Client, Kind
from seatrial.trials.generator import Schedule
from seatrial.trials.precise import PreciseLoop, quiet

IN_FLIGHT_MAX = 2_000
"""Most requests without an answer at one time; the next one counts as `not-sent`."""

TIMEOUT_S_MAX = 60.0
"""Longest time-out, the upper end of the latency histogram."""

LATE_S = 0.010
"""A request sent later than this after its time is a late send: the client was too slow."""

_PROGRESS_S = 0.5
_BATCH = 64
_SPARE_DESCRIPTORS = 256


class Progress(Value):
    """How far a trial is; `elapsed_s` is negative during the warm-up."""

    elapsed_s: float
    duration_s: float
    sent: int
    answered: int
    errors: int
    in_flight: int


class LoadResult(Value):
    """What happened to each request of `schedule`, in its order; the warm-up is left out.

    `latency_us` counts from the intended time to the end of the answer or of the attempt;
    for a time-out it is at least the time-out. `late_us` is how long after its intended time
    the request left the generator. `cpu_s` is the processor time of the generator's process,
    warm-up included, and `warm_up_requests` how many that were.
    """

    schedule: Schedule
    timeout_s: float
    kinds: tuple[Kind, ...]
    latency_us: tuple[int, ...]
    late_us: tuple[int, ...]
    warm_up_requests: int
    cpu_s: float


def run_load(
    url: str,
    schedule: Schedule,
    *,
    timeout_s: float = 10.0,
    warm_up_s: float = 2.0,
    progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> LoadResult:
    """Send the schedule to `url`, which is `http://host:port` on this machine.

    Open-loop: nothing a server does delays a send. A warm-up at the same rate, from a stream
    of its own of the same seed, comes first and is not counted. Ends at most `timeout_s` after
    the last intended send. `progress` is called twice a second, between requests: what it takes
    makes sends late. Raises `InputError` for a URL or a time that cannot be used.
    """
    address, host = _address(url)
    if not 0 < timeout_s <= TIMEOUT_S_MAX:
        raise InputError(
            f"time-out of {timeout_s} s",
            where="timeout_s",
            fix=f"give more than 0 and at most {TIMEOUT_S_MAX:g}",
        )
    if not schedule.at_us:
        raise InputError(
            f"no request falls into {schedule.duration_s:g} s at {schedule.rate_rps:g} requests/s",
            where="duration_s",
            fix="run longer, or at a higher rate",
        )
    warm_up = _warm_up(schedule, warm_up_s)
    with (
        quiet(IN_FLIGHT_MAX + _SPARE_DESCRIPTORS),
        asyncio.Runner(loop_factory=lambda: PreciseLoop(clock)) as runner,
    ):
        run = _Run(address, host, schedule, warm_up, warm_up_s, timeout_s, progress, clock)
        return runner.run(run.result())


def _warm_up(plan: Schedule, warm_up_s: float) -> Schedule | None:
    if warm_up_s == 0:
        return None
    return generator.schedule(plan.seed, plan.rate_rps, warm_up_s, plan.targets, stream=1)


class _Run:
    """One run: a timer sends, the client settles, a second timer gives up on the overdue."""

    def __init__(
        self,
        address: tuple[str, int],
        host: str,
        plan: Schedule,
        warm_up: Schedule | None,
        warm_up_s: float,
        timeout_s: float,
        progress: Callable[[Progress], None],
        clock: Callable[[], float],
    ) -> None:
        self._plan, self._timeout_s = plan, timeout_s
        self._progress, self._clock = progress, clock
        self._warm = len(warm_up.at_us) if warm_up else 0
        self._warm_up_s = warm_up_s
        self._client = Client(address, self._settle, clock)
        payloads = [_request(host, target.path) for target in plan.targets]
        targets = (*(warm_up.target if warm_up else ()), *plan.target)
        self._payloads = [payloads[target] for target in targets]
        # Seconds after the start of the warm-up; made absolute when the run starts.
        self._due_s = [at / 1e6 for at in (warm_up.at_us if warm_up else ())]
        self._due_s += [warm_up_s + at / 1e6 for at in plan.at_us]
        count = len(self._due_s)
        self._kinds: list[Kind | None] = [None] * count
        self._latency_s = [0.0] * count
        self._late_s = [0.0] * count
        self._next = self._settled = self._errors = 0
        self._open: deque[int] = deque()

    async def result(self) -> LoadResult:
        loop = asyncio.get_running_loop()
        self._loop, self._finished = loop, loop.create_future()
        # What fails inside a callback is a bug here, and must end the run instead of hanging it.
        loop.set_exception_handler(self._failed)
        cpu_s = time.process_time()
        self._start_s = self._clock() + 0.05
        self._due_s = [self._start_s + due for due in self._due_s]
        loop.call_at(self._due_s[0], self._send_due)
        loop.call_later(self._timeout_s, self._give_up_overdue)
        loop.call_soon(self._tell)
        try:
            await self._finished
        finally:
            self._client.close()
        cpu_s = time.process_time() - cpu_s
        self._progress(self._state())
        kinds = tuple(kind for kind in self._kinds[self._warm :] if kind is not None)
        assert len(kinds) == len(self._plan.at_us)
        return LoadResult(
            schedule=self._plan,
            timeout_s=self._timeout_s,
            kinds=kinds,
            latency_us=tuple(round(s * 1e6) for s in self._latency_s[self._warm :]),
            late_us=tuple(round(s * 1e6) for s in self._late_s[self._warm :]),
            warm_up_requests=self._warm,
            cpu_s=cpu_s,
        )

    def _send_due(self) -> None:
        """Send what is due, then sleep until the next one is."""
        for _ in range(_BATCH):
            if self._next == len(self._due_s):
                return
            index, now = self._next, self._clock()
            late_s = now - self._due_s[index]
            if late_s < 0:
                self._loop.call_at(self._due_s[index], self._send_due)
                return
            self._next += 1
            self._late_s[index] = late_s
            if self._full(index):
                self._settle(index, "not-sent", now)
                continue
            self._open.append(index)
            self._client.send(index, self._payloads[index])
        self._loop.call_soon(self._send_due)  # Behind: read answers too while catching up.

    def _full(self, index: int) -> bool:
        return index - self._settled >= IN_FLIGHT_MAX

    def _settle(self, index: int, kind: Kind, at_s: float) -> None:
        latency_s = max(0.0, at_s - self._due_s[index])
        if kind == "timeout" or (latency_s > self._timeout_s and kind != "not-sent"):
            kind, latency_s = "timeout", max(latency_s, self._timeout_s)
        self._kinds[index] = kind
        self._latency_s[index] = latency_s
        self._settled += 1
        self._errors += kind != "ok" and index >= self._warm
        if self._settled == len(self._due_s) and not self._finished.done():
            self._finished.set_result(None)

    def _give_up_overdue(self) -> None:
        """Time-outs are all equally long, so requests become overdue in the order of sending."""
        now = self._clock()
        while self._open:
            index = self._open[0]
            if self._kinds[index] is None:
                if now < self._due_s[index] + self._timeout_s:
                    break
                self._client.give_up(index, "timeout")
            self._open.popleft()
        if not self._finished.done():
            first = self._due_s[self._open[0]] if self._open else now
            self._loop.call_at(first + self._timeout_s, self._give_up_overdue)

    def _tell(self) -> None:
        if not self._finished.done():
            self._progress(self._state())
            self._loop.call_later(_PROGRESS_S, self._tell)

    def _state(self) -> Progress:
        return Progress(
            elapsed_s=self._clock() - self._start_s - self._warm_up_s,
            duration_s=self._plan.duration_s,
            sent=max(0, self._next - self._warm),
            answered=max(0, self._settled - self._warm),
            errors=self._errors,
            in_flight=self._next - self._settled,
        )

    def _failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self._finished.done():
            error = context.get("exception") or RuntimeError(context["message"])
            self._finished.set_exception(error)


def _address(url: str) -> tuple[tuple[str, int], str]:
    """The address behind a loopback URL, and the Host header; raises `InputError`."""
    fix = "give http://127.0.0.1:PORT, the address of a deployment on this machine"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError as error:
        raise InputError(str(error), where=f"url {url}", fix=fix) from error
    if parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InputError("not http://host:port", where=f"url {url}", fix=fix)
    if parts.username is not None or not host:
        raise InputError("not http://host:port", where=f"url {url}", fix=fix)
    if host == "localhost":
        return _localhost(port), f"localhost:{port}"
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InputError("a trial only loads this machine", where=f"url {url}", fix=fix)
    return (host, port), f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _localhost(port: int) -> tuple[str, int]:
    """Where something listens: `localhost` means IPv4 to some servers and IPv6 to others."""
    for host in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return host, port
    return "127.0.0.1", port


def _request(host: str, path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: seatrial-trial\r\nAccept: */*\r\n\r\n"
    ).encode("ascii")
