"""What a short window of lost capacity does to requests: a fluid queue, counted exactly.

A window is a sequence of steps with constant capacity. Requests come at a constant rate, wait in
order of arrival, and give up when they waited `timeout_s`. They are a fluid, so the only error is
that chance within a second is not seen; every request that arrives is answered or fails, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

SLIVER_S = 1e-12
"""Times this near, relative to the window, are the same: below it is rounding."""


class Step(NamedTuple):
    """So many seconds in which the fleet answers `capacity_rps` at most.

    `refused` is the share of requests that fail at once and take no capacity, sent to a replica
    that is gone; `wrong` the share of those answered that are answered with an error.
    """

    seconds: float
    capacity_rps: float
    refused: float = 0.0
    wrong: float = 0.0


class Window(NamedTuple):
    """What became of the requests that arrived in a window; shares of those that arrived.

    `latency_ms_p95` is of those that were answered, none when none was.
    """

    arrived: float
    answered: float
    failed: float
    latency_ms_p95: float | None

    @property
    def error_share(self) -> float:
        """Failed requests over arrived ones, 0 when none arrived."""
        return min(1.0, self.failed / self.arrived) if self.arrived > 0 else 0.0


Evaluate = Callable[[float, Sequence[Step]], Window]
"""What judges a window: `evaluate(rate_rps, steps)`. The last step's capacity goes on after it."""


class _Served(NamedTuple):
    """An amount of requests whose waits are spread evenly between two ends."""

    amount: float
    wait_from: float
    wait_to: float


def fluid(timeout_s: float = 60.0, service_ms_p95: float = 0.0) -> Evaluate:
    """The evaluator that needs no simulation: fluid arrivals, first come first served.

    `service_ms_p95` is added to the wait's 95th percentile, which is an upper bound of the sum's.
    """
    patience = max(0.0, timeout_s)

    def evaluate(rate_rps: float, steps: Sequence[Step]) -> Window:
        rate = max(0.0, rate_rps)
        arrived = rate * sum(step.seconds for step in steps)
        if arrived <= 0 or not math.isfinite(arrived):
            return Window(0.0, 0.0, 0.0, None)
        refused = sum(rate * step.seconds * _share(step.refused) for step in steps)
        served, wrong = _queue(rate, steps, patience)
        answered = min(arrived - refused, sum(part.amount for part in served))
        wait = _quantile(served, 0.95)
        p95 = None if wait is None else 1000 * wait + service_ms_p95
        return Window(arrived, answered - wrong, arrived - answered + wrong, p95)

    return evaluate


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _queue(rate: float, steps: Sequence[Step], patience: float) -> tuple[list[_Served], float]:
    """Follows the request at the head of the queue, by the second in which it arrived.

    The head's arrival time moves at capacity over arrival rate; it never lags further behind
    than the patience, and those it then skips have failed. After the window nothing arrives that
    matters, and the last step's capacity empties the queue.
    """
    ends, total = [], 0.0
    for step in steps:
        total += step.seconds
        ends.append(total)
    served: list[_Served] = []
    wrong = now = head = 0.0
    at = coming = 0
    last = len(steps) - 1
    # Between two boundaries of either clock the queue fills or empties once at most.
    for _ in range(8 * len(steps) + 16):
        lag = now - head
        if lag < SLIVER_S * (1 + now):
            lag, head = 0.0, now
        elif lag > patience - SLIVER_S * (1 + now):
            lag = patience
        if head >= total:
            break
        while at < last and now >= ends[at]:
            at += 1
        while coming < last and head >= ends[coming]:
            coming += 1
        step, arriving = steps[at], rate * (1 - _share(steps[coming].refused))
        capacity = max(0.0, step.capacity_rps)
        until = ends[at] if at < last or now < total else math.inf
        took, moved, lost = _advance(
            now, head, lag, patience, capacity, arriving, until, ends[coming]
        )
        if not math.isfinite(took):
            break
        amount = max(0.0, arriving * moved - lost)
        if amount > 0:
            served.append(_Served(amount, now - head, now + took - head - moved))
            wrong += amount * _share(step.wrong)
        now = _snapped(now + took, until)
        head = min(now, _snapped(head + moved, ends[coming]))
    else:
        raise AssertionError("the queue's boundaries are counted wrongly")
    return served, wrong


def _snapped(moment: float, boundary: float) -> float:
    """The boundary itself when rounding left the moment just short of it."""
    return boundary if moment >= boundary - SLIVER_S * (1 + moment) else moment


def _advance(
    now: float, head: float, lag: float, patience: float, capacity: float, arriving: float,
    until: float, arrived_until: float,
) -> tuple[float, float, float]:  # fmt: skip
    """The next stretch in which nothing changes: its seconds, how far the head moves, who gives up.

    `lag` is how long the head has waited. The capacity changes at `until`, and the rate at which
    requests arrived changed at `arrived_until`.
    """
    if arriving <= 0:  # nobody arrived in this stretch: the head passes it, at most up to now
        if lag > 0:
            return 0.0, min(lag, arrived_until - head), 0.0
        stretch = min(until, arrived_until) - now
        return stretch, stretch, 0.0
    speed = capacity / arriving
    if lag <= 0 and speed >= 1:
        stretch = min(until, arrived_until) - now
        return stretch, stretch, 0.0
    if lag >= patience and speed < 1:
        stretch = min(until - now, arrived_until - head)
        return stretch, stretch, stretch * (arriving - capacity)
    limits = [until - now]
    if speed > 0:
        limits.append((arrived_until - head) / speed)
    if speed > 1:
        limits.append(lag / (speed - 1))
    elif speed < 1:
        limits.append((patience - lag) / (1 - speed))
    stretch = max(0.0, min(limits))
    return stretch, stretch * speed if math.isfinite(stretch) else 0.0, 0.0


def _quantile(served: Sequence[_Served], probability: float) -> float | None:
    """Of a mixture of evenly spread waits, exactly: its distribution is piecewise linear."""
    total = sum(part.amount for part in served)
    if total <= 0:
        return None
    spans = [(min(p.wait_from, p.wait_to), max(p.wait_from, p.wait_to), p.amount) for p in served]
    wanted = probability * total
    points = sorted({max(0.0, edge) for low, high, _ in spans for edge in (low, high)})
    before, reached = points[0], _below(spans, points[0])
    if reached >= wanted:
        return before
    for point in points[1:]:
        left = _below(spans, point, closed=False)
        if left >= wanted:
            share = (wanted - reached) / (left - reached) if left > reached else 1.0
            return before + share * (point - before)
        reached = _below(spans, point)
        if reached >= wanted:
            return point
        before = point
    return points[-1]


def _below(spans: Sequence[tuple[float, float, float]], wait: float, closed: bool = True) -> float:
    """How many waited up to `wait`; those who waited exactly so long only when `closed`."""
    counted = 0.0
    for low, high, amount in spans:
        if high <= low:
            counted += amount if wait > low or (closed and wait == low) else 0.0
        elif wait > low:
            counted += amount * min(1.0, (wait - low) / (high - low))
    return counted


def overlay(one: Sequence[Step], other: Sequence[Step]) -> tuple[Step, ...]:
    """Two things at once, from the same moment: the lower capacity, both kinds of errors.

    After its last step each goes on with that step's capacity and no errors.
    """
    ends: set[float] = set()
    for steps in (one, other):
        total = 0.0
        for step in steps:
            total += step.seconds
            ends.add(total)
    merged: list[Step] = []
    before = 0.0
    for end in sorted(ends):
        if end > before:
            a, b = _at(one, before), _at(other, before)
            merged.append(
                Step(
                    end - before,
                    min(a.capacity_rps, b.capacity_rps),
                    1 - (1 - a.refused) * (1 - b.refused),
                    1 - (1 - a.wrong) * (1 - b.wrong),
                )
            )
        before = end
    after = min(_at(one, before).capacity_rps, _at(other, before).capacity_rps)
    return (*merged, Step(0.0, after))


def _at(steps: Sequence[Step], moment: float) -> Step:
    """The step that holds at a moment; nothing is wrong any more after the last."""
    total = 0.0
    for step in steps:
        total += step.seconds
        if moment < total:
            return step
    return Step(0.0, steps[-1].capacity_rps if steps else math.inf)
