"""Many designs at once, exactly, on shared windows of arrivals.

Each design is simulated in each window: first come, first served queues of its own fleet, scaled
by its own policy, on the same arrivals, services and chances as every other design, so that
designs differ by what they are and by nothing else. A replica has one queue or one for each worker
(`Fleet.queue`); a request's worker is drawn with equal chances, its replica by turns or drawn.
What these lanes leave to the exact replay: keep-alive stickiness, retries, a limit of the queue,
recycling, least-outstanding balancing, scaling per request, and shares of processors that
change while a request is served (`lane_columns` has what is put in their place).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate import lane_columns as hot
from seatrial.assessor.simulate import lane_scaling as scaling
from seatrial.assessor.simulate.lane_blocks import Given, simulate_block, space
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Fleet

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BLOCK_COLUMNS = 96
"""Queues served together: wide enough for SIMD, few enough for the first caches."""

QUEUES_MOST = hot.ROOM
"""A fleet may have so many queues, all its replicas together."""

KINDS = {
    "fixed": scaling.FIXED, "target-tracking": scaling.TRACKING, "step": scaling.STEP,
    "hpa": scaling.HPA, "knative": scaling.KNATIVE, "cloud-run": scaling.CLOUD_RUN,
}  # fmt: skip
METRICS = {"cpu": scaling.CPU, "requests": scaling.REQUESTS, "concurrency": scaling.CONCURRENCY}
PERIODS_S = {"hpa": 15.0, "knative": 2.0, "cloud-run": 5.0}
"""How often each of them looks, whatever the policy's own period."""


class Span(NamedTuple):
    """One window: from `begin_s` to `end_s`, counted from `counts_from_s` on, and its requests.

    What comes before `counts_from_s` fills the queues. `times_s` are in order, on the same clock;
    `cpu_s` and `wait_s` are each request's processor time and waiting while it holds its slot.
    """

    begin_s: float
    counts_from_s: float
    end_s: float
    times_s: Floats
    cpu_s: Floats
    wait_s: Floats


class Shared(NamedTuple):
    """Windows as the lanes read them; `pick` has a request's chance of each worker, 32 bits."""

    first: Counts
    begins_s: Floats
    counts_from_s: Floats
    ends_s: Floats
    times_s: Floats
    cpu_s: Floats
    wait_s: Floats
    pick: Counts


class Outcome(NamedTuple):
    """What came out, lanes first and windows second.

    `table` is (lanes, windows, ROW) counts of latencies with two buckets more than `histogram` has;
    `timed_out` are requests that waited for the time-out and left. `replica_s` charges a replica
    from when it was asked for until it is idle after its end.
    """

    table: npt.NDArray[np.int32]
    timed_out: Counts
    replica_s: Floats
    replicas_peak: Counts

    def histograms(self, lane: int) -> Counts:
        """Counts of a lane's latencies (windows, histogram.BUCKETS), for `estimate`."""
        counts: Counts = self.table[lane, :, 1:-1].astype(np.int64)
        return counts

    def served(self) -> Counts:
        """Requests answered (lanes, windows)."""
        counts: Counts = self.table[:, :, 1:-1].sum(axis=2, dtype=np.int64)
        return counts


def shared(spans: Sequence[Span], seed: int) -> Shared:
    """Windows for all designs; `InputError` for times out of order or services that cannot be."""
    if not spans:
        raise InputError("there is no window", where="spans", fix="give one or more")
    for number, span in enumerate(spans):
        _check_span(span, f"spans[{number}]")
    sizes = [span.times_s.size for span in spans]
    chance = np.random.Generator(np.random.Philox(seed))
    return Shared(
        first=np.cumsum([0, *sizes]).astype(np.int64),
        begins_s=np.array([span.begin_s for span in spans], np.float64),
        counts_from_s=np.array([span.counts_from_s for span in spans], np.float64),
        ends_s=np.array([span.end_s for span in spans], np.float64),
        times_s=np.concatenate([span.times_s for span in spans]).astype(np.float64),
        cpu_s=np.concatenate([span.cpu_s for span in spans]).astype(np.float64),
        wait_s=np.concatenate([span.wait_s for span in spans]).astype(np.float64),
        pick=chance.integers(0, 1 << 32, sum(sizes), dtype=np.int64),
    )


def _check_span(span: Span, where: str) -> None:
    times = span.times_s
    if not -np.inf < span.begin_s <= span.counts_from_s < span.end_s < np.inf:
        raise InputError(
            f"begin {span.begin_s:g}, counted from {span.counts_from_s:g}, end {span.end_s:g}",
            where=where, fix="give finite times in this order",
        )  # fmt: skip
    if not times.size == span.cpu_s.size == span.wait_s.size:
        raise InputError("times and services differ in number", where=where, fix="give one each")
    inside = times.size == 0 or (times[0] >= span.begin_s and times[-1] <= span.end_s)
    if not inside or not (np.diff(times) >= 0).all():
        raise InputError("times are out of order or outside", where=where, fix="sort and cut them")
    for name, values in (("cpu_s", span.cpu_s), ("wait_s", span.wait_s)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise InputError(
                "a service is negative or not finite", where=f"{where}.{name}",
                fix="give seconds from 0 up",
            )  # fmt: skip


class _Settings(NamedTuple):
    whole: Counts
    real: Floats
    steps: Floats


def simulate(
    windows: Shared, fleets: Sequence[Fleet], initial: npt.ArrayLike | None = None,
    threads: int | None = None,
) -> Outcome:  # fmt: skip
    """Every fleet in every window: same input, same bits, on any number of threads.

    `initial` (lanes, windows) is how many replicas there are when a window begins; least replicas
    when not given. `InputError` for fleets that cannot be, or not be simulated here.
    """
    spans = windows.first.size - 1
    cpu, wait = float(windows.cpu_s.sum()), float(windows.wait_s.sum())
    settings = _settings(fleets, cpu > 0)
    least, most = settings.whole[:, scaling.LEAST], settings.whole[:, scaling.MOST]
    if initial is None:
        begin = np.repeat(least[:, None], spans, axis=1)
    else:
        begin = np.asarray(initial, np.int64).reshape(len(fleets), spans)
        begin = np.clip(begin, least[:, None], most[:, None])
    table = np.zeros((len(fleets), spans, hot.ROW), np.int32)
    replica_s, peak = np.zeros(len(fleets) * spans), np.zeros(len(fleets) * spans)
    given = Given(
        np.stack((windows.first[:-1], windows.first[1:]), axis=1),
        np.stack((windows.begins_s, windows.counts_from_s, windows.ends_s), axis=1),
        windows.times_s, windows.cpu_s, windows.wait_s, windows.pick, *settings,
        begin.reshape(-1), table.reshape(-1), replica_s, peak,
    )  # fmt: skip
    omega = wait / cpu if cpu > 0 else 0.0
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        list(pool.map(lambda runs: _simulate(runs, given, omega), _blocks(settings.whole, begin)))
    # What is not counted depends on how runs were put into blocks, and is nobody's business.
    table[:, :, hot.NOT_COUNTED] = 0
    return Outcome(
        table=table,
        timed_out=table[:, :, hot.TIMED_OUT].astype(np.int64),
        replica_s=replica_s.reshape(len(fleets), spans),
        replicas_peak=peak.reshape(len(fleets), spans).astype(np.int64),
    )


def _simulate(runs: Counts, given: Given, omega: float) -> None:
    lanes = runs // given.spans.shape[0]
    mine = given.settings[lanes]
    slots = int(mine[:, scaling.SLOTS].max())
    columns = int((mine[:, scaling.MOST] * mine[:, scaling.QUEUES]).max())
    simulate_block(
        runs, lanes, given, omega, bool((mine[:, scaling.COLD_REQUESTS] > 0).any()),
        bool((mine[:, scaling.CONTENDED] == 1).any()), slots, space(runs.size, columns, slots),
    )  # fmt: skip


def _blocks(whole: Counts, begin: Counts) -> list[Counts]:
    """Runs that are alike together, as many as fill a block; those with most requests first.

    Alike means as many slots and columns, and the same extras, so that no lane pays for another's.
    """
    lane = np.repeat(np.arange(begin.shape[0]), begin.shape[1])
    columns = np.maximum(begin.reshape(-1), 1) * whole[lane, scaling.QUEUES]
    keys = np.stack((
        whole[lane, scaling.CONTENDED], whole[lane, scaling.COLD_REQUESTS] > 0,
        whole[lane, scaling.SLOTS], whole[lane, scaling.KIND],
    ))  # fmt: skip
    order = np.lexsort((columns, *keys[::-1]))
    edges, room = [0], 0
    for at in range(1, order.size):
        room += int(columns[order[at - 1]])
        other = (keys[:, order[at]] != keys[:, order[at - 1]]).any()
        if other or room + columns[order[at]] > BLOCK_COLUMNS:
            edges.append(at)
            room = 0
    blocks = [runs.astype(np.int64) for runs in np.split(order, edges[1:]) if runs.size]
    return sorted(blocks, key=len, reverse=True)


def _settings(fleets: Sequence[Fleet], computes: bool) -> _Settings:
    """Fleets as arrays for the kernel, a row each."""
    count = max((len(fleet.policy.steps) for fleet in fleets), default=0)
    whole = np.zeros((len(fleets), scaling.WHOLES), np.int64)
    real = np.zeros((len(fleets), scaling.REALS))
    steps = np.zeros((len(fleets), max(1, count), 2))
    for row, fleet in enumerate(fleets):
        check(fleet, f"fleets[{row}]")
        shared_queue = fleet.queue == "replica"
        slots = fleet.workers * fleet.slots
        policy = fleet.policy
        contended = computes and (slots > max(1.0, fleet.vcpu) or fleet.slots > 1)
        whole[row] = (
            KINDS[policy.kind], METRICS[policy.metric], fleet.replicas_min, fleet.replicas_max,
            1 if shared_queue else fleet.workers, slots if shared_queue else fleet.slots,
            fleet.balancer == "round-robin", contended,
            # Of a replica's first requests, each of its queues has its share.
            -(-fleet.warmup_requests // (1 if shared_queue else fleet.workers)),
        )  # fmt: skip
        # Others in one queue hold the lock of this request's worker; in a replica's queue, of it
        # one in as many as there are workers.
        lock = 0.0 if fleet.slots == 1 else 1.0 / fleet.workers if shared_queue else 1.0
        real[row] = (
            policy.target, PERIODS_S.get(policy.kind, policy.period_s), policy.cooldown_out_s,
            policy.cooldown_in_s, fleet.start_s, fleet.vcpu, fleet.timeout_s,
            max(1.0, 1.0 / fleet.vcpu), lock, fleet.warmup_factor,
        )  # fmt: skip
        if policy.steps:
            steps[row, : len(policy.steps)] = policy.steps
    return _Settings(whole, real, steps)


def check(fleet: Fleet, where: str) -> None:
    """`InputError` for a fleet that cannot be, or that only the exact replay can simulate."""
    policy = fleet.policy
    for name, value in (
        ("vcpu", fleet.vcpu), ("timeout_s", fleet.timeout_s), ("policy.target", policy.target),
        ("policy.period_s", policy.period_s), ("warmup_factor", fleet.warmup_factor),
    ):  # fmt: skip
        if not value > 0:
            raise InputError(f"{value:g} is not above 0", where=f"{where}.{name}", fix="raise it")
    if fleet.workers < 1 or fleet.slots < 1:
        raise InputError(
            f"{fleet.workers} workers with {fleet.slots} slots", where=where, fix="give one or more"
        )
    if not 0 <= fleet.replicas_min <= fleet.replicas_max or fleet.replicas_max < 1:
        raise InputError(
            f"from {fleet.replicas_min} to {fleet.replicas_max} replicas", where=where,
            fix="give a minimum from 0 and a maximum from 1 that is not below it",
        )  # fmt: skip
    if not 0 <= fleet.start_s < np.inf or fleet.warmup_requests < 0:
        raise InputError("a start takes negative or endless time", where=where, fix="give seconds")
    if policy.kind not in KINDS or fleet.balancer == "least-outstanding":
        raise InputError(
            f"{policy.kind} with {fleet.balancer} depends on every request's end", where=where,
            fix="simulate it with the exact replay",
        )  # fmt: skip
    queues = fleet.replicas_max * (1 if fleet.queue == "replica" else fleet.workers)
    if queues > hot.ROOM:
        raise InputError(
            f"{queues} queues, and {hot.ROOM} fit", where=f"{where}.replicas_max",
            fix="give a lower maximum, or simulate it with the exact replay",
        )  # fmt: skip
