"""The compiled minutes of the fluid year, whatever happens in them.

Requests are a fluid. In each interval (a minute, or the policy's period if shorter) what comes
and what waits is served up to the capacity that is ready; the rest waits, and what would wait
longer than the time-out, or beyond the queues, is given up. A share of that is asked for again.
Below capacity the interval's requests are counted by utilisation; above, by the fluid's wait.
The policy sees the mean of the interval just past. Replicas count, and cost, from when they are
asked for. Each fleet is computed alone and in order, so threads do not change a bit.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from seatrial.assessor.simulate.waits import WAIT_FIRST_S, WAIT_LAST_S, WAITS
from seatrial.kernel import policies

FAST: dict[str, Any] = {"cache": True, "error_model": "numpy"}
track = njit(**FAST, inline="always")(policies.target_tracking)
_step = njit(**FAST)(policies.step_scaling)
hpa = njit(**FAST, inline="always")(policies.hpa)
_knative = njit(**FAST)(policies.knative)
_request = njit(**FAST)(policies.per_request)
_run = njit(**FAST)(policies.cloud_run)

HOURS = 168
LEVELS = 256
"""Utilisation is counted at so many points from 0 to 1, between two of them in shares."""
PENDING = 64
STATE = 4 + 2 * policies.RING
RING = policies.RING

KINDS = ("fixed", "target-tracking", "step", "hpa", "knative", "per-request", "cloud-run")
METRICS = ("cpu", "requests", "concurrency")
FIELDS = (
    "kind", "metric", "target", "cooldown_out", "cooldown_in", "ticks", "least", "most",
    "start", "timeout", "queue", "retry", "capacity", "cpu", "service", "vcpu", "slots", "cold",
)  # fmt: skip
(
    KIND, METRIC, TARGET, OUT, IN, TICKS, LEAST, MOST,
    START, TIMEOUT, QUEUE, RETRY, CAPACITY, CPU, SERVICE, VCPU, SLOTS, COLD,
) = range(len(FIELDS))  # fmt: skip
TOTALS = ("arrived", "served", "lost", "left", "replica_s", "peak")
ARRIVED, SERVED, LOST, LEFT, REPLICA_S, PEAK = range(len(TOTALS))
"""`lost` are errors; `left` is what waits or is to ask again when the year ends."""

_WIDTH = math.log(WAIT_LAST_S / WAIT_FIRST_S) / (WAITS - 1)


@njit(**FAST, inline="always")
def class_of(ready):
    """The class of CLASSES whose number of replicas is nearest by ratio."""
    if ready < 1.5:
        return 0
    if ready < 3.0:
        return 1
    if ready < 6.0:
        return 2
    if ready < 12.0:
        return 3
    return 4


@njit(**FAST, inline="always")
def count(level, use, requests):
    """Count requests at a utilisation below 1."""
    x = use * (LEVELS - 1)
    low = min(int(x), LEVELS - 2)
    level[low] += requests * (low + 1 - x)
    level[low + 1] += requests * (x - low)


@njit(**FAST)
def _waited(late, low, high, mass):
    """Count requests whose waits are spread evenly between two."""
    parts = 1 if abs(high - low) <= 0.1 * low else 4
    for part in range(parts):
        wait = max(low + (high - low) * (part + 0.5) / parts, WAIT_FIRST_S)
        x = min(math.log(wait / WAIT_FIRST_S) / _WIDTH, WAITS - 1.000001)
        at = int(x)
        late[at] += mass / parts * (at + 1 - x)
        late[at + 1] += mass / parts * (x - at)


@njit(**FAST)
def _overloaded(late, calm, p, fluid, offered, rate, span, capacity, ready):
    """An interval with a backlog: served and lost. `fluid` is backlog, to ask again, its age."""
    backlog = fluid[0]
    limit = p[TIMEOUT] * (capacity if capacity > 0 else rate)
    if p[QUEUE] > 0:
        limit = min(limit, p[QUEUE] * max(ready, 1.0))
    if capacity <= 0.0:
        fluid[2] += span
        given_up = max(0.0, backlog + offered - limit)
        fluid[0] = backlog + offered - given_up
        fluid[1] = given_up * p[RETRY]
        return 0.0, given_up - fluid[1]
    served = min(backlog + offered, capacity * span)
    rest = backlog + offered - served
    given_up = max(0.0, rest - limit)
    rest = rest - given_up
    first = max(backlog / capacity, min(fluid[2], p[TIMEOUT]))
    fluid[2] = 0.0
    last = rest / capacity
    if rest > 1e-9:
        _waited(late, min(first, p[TIMEOUT]), last, served)
    else:
        inflow = offered / span
        drain = min(1.0, backlog / max(capacity - inflow, 1e-12) / span)
        if capacity <= inflow:
            drain = 1.0
        delayed = min(served, backlog + inflow * span * drain)
        _waited(late, min(first, p[TIMEOUT]), 0.0, delayed)
        count(calm, min(1.0, inflow / capacity), served - delayed)
        rest = 0.0
    fluid[0] = rest
    fluid[1] = given_up * p[RETRY]
    return served, given_up - fluid[1]


@njit(**FAST, inline="always")
def metric_of(p, served, backlog, rate, ready):
    """What the policy sees of a replica; negative when there is none."""
    if ready <= 0.0:
        return -1.0
    if p[METRIC] == 0.0:
        return min(1.0, served * p[CPU] / (ready * p[VCPU]))
    if p[METRIC] == 1.0:
        return rate * 60.0 / ready
    return (served * p[SERVICE] + backlog) / ready


@njit(**FAST)
def _knative_tick(state, p, now, busy, desired, ready):
    """A tick of Knative; its windows are exponential averages, kept behind the policy's state."""
    span = 60.0 / p[TICKS]
    at = policies.KNATIVE_STATE
    state[at] += (busy - state[at]) * min(1.0, span / 60.0)
    state[at + 1] += (busy - state[at + 1]) * min(1.0, span / 6.0)
    return _knative(
        state, now, state[at], state[at + 1], ready, p[LEAST], p[MOST], p[TARGET], desired
    )


@njit(**FAST)
def _decide(state, p, steps, now, served, backlog, rate, desired, ready):
    """One step of the fleet's policy."""
    kind = p[KIND]
    least, most = p[LEAST], p[MOST]
    if kind == 0.0:
        return least
    if kind == 5.0:
        return _request(state, now, rate * p[SERVICE], desired, least, most)
    if kind == 4.0 or kind == 6.0:
        busy = served * p[SERVICE] + backlog
        if kind == 4.0:
            return _knative_tick(state, p, now, busy, desired, ready)
        cpu = rate * p[CPU]
        return _run(state, now, cpu, busy, p[VCPU], p[SLOTS], least, most, p[TARGET])
    metric = metric_of(p, served, backlog, rate, ready)
    if kind == 1.0:
        return track(state, now, metric, desired, least, most, p[TARGET], p[OUT], p[IN])
    if kind == 2.0:
        return _step(
            state, now, metric, desired, least, most, steps, p[OUT], p[IN],
            policies.POINTS_OUT, policies.POINTS_IN,
        )  # fmt: skip
    return hpa(state, now, metric, desired, ready, least, most, p[TARGET])


@njit(**FAST)
def _arrived(due, joins, now, span):
    """Replicas that become ready within [now, now + span): how many, and their share of it."""
    count, part, kept = 0.0, 0.0, 0
    for i in range(int(joins[PENDING])):
        if due[i] < now + span:
            count += joins[i]
            part += joins[i] * min(1.0, (now + span - due[i]) / span)
        else:
            due[kept] = due[i]
            joins[kept] = joins[i]
            kept += 1
    joins[PENDING] = kept
    return count, part


@njit(**FAST)
def resize(due, joins, ready, wanted, desired, at):
    """Ask for more, or stop some: those that are not ready first."""
    change = wanted - desired
    size = int(joins[PENDING])
    if change > 0.0:
        if size == PENDING:
            size -= 1
            change += joins[size]
        due[size] = at
        joins[size] = change
        joins[PENDING] = size + 1
        return ready
    while change < 0.0 and size > 0:
        taken = min(-change, joins[size - 1])
        joins[size - 1] -= taken
        change += taken
        if joins[size - 1] <= 0.0:
            size -= 1
    joins[PENDING] = size
    return ready + change


@njit(**FAST)
def function(state, p, calm, late, fluid, rate, now, desired):
    """A minute of environments of one request each: none waits, but for a cold start.

    Returns environments, served, lost. Requests at once vary like a Poisson count, so twice its
    deviation is kept beside their mean.
    """
    flow = rate + fluid[1] / 60.0
    busy = flow * p[SERVICE]
    present = _request(state, now, busy + 2.0 * math.sqrt(busy), desired, p[LEAST], p[MOST])
    served = min(flow, present / p[SERVICE]) * 60.0
    given_up = flow * 60.0 - served
    fluid[1] = given_up * p[RETRY]
    cold = min(served, max(0.0, present - desired))
    _waited(late, p[COLD], p[COLD], cold)
    calm[0] += served - cold
    return present, served, given_up - fluid[1]


@njit(**FAST)
def busy(rates, minute, end, tick, state, p, steps, calm, late, fluid, due, joins, fleet):
    """Minutes from `tick` on until calm again, whatever happens in them; also what is lost.

    `fleet` is desired, ready, replica-seconds, served and the most that ran.
    """
    ticks = int(p[TICKS])
    span = 60.0 / ticks
    lost_here = 0.0
    steady = p[KIND] != 0.0 and p[KIND] != 1.0 and p[KIND] != 3.0
    while True:
        start = minute * 60.0 + tick * span
        rate, desired, able = rates[minute], fleet[0], fleet[1]
        if joins[PENDING] > 0.0:
            joined, part = _arrived(due, joins, start, span)
            able = fleet[1] + part
            fleet[1] += joined
        again = fluid[1]
        capacity = able * p[CAPACITY]
        flow = rate + again / span
        wanted = _decide(
            state, p, steps, start + span, min(flow, capacity), fluid[0], flow, desired, able
        )
        if fluid[0] <= 0.0 and again <= 0.0 and flow < capacity:
            count(calm[class_of(able)], flow / capacity, rate * span)
            fleet[3] += rate * span
        else:
            served, lost = _overloaded(
                late,
                calm[class_of(able)],
                p,
                fluid,
                rate * span + again,
                flow,
                span,
                capacity,
                able,
            )
            fleet[3] += served
            lost_here += lost
        fleet[2] += desired * span
        if wanted != desired:
            fleet[1] = resize(due, joins, fleet[1], wanted, desired, start + span + p[START])
            fleet[0] = wanted
            fleet[4] = max(fleet[4], wanted)
        tick += 1
        if tick == ticks:
            tick = 0
            minute += 1
            calm_now = fluid[0] <= 0.0 and fluid[1] <= 0.0 and joins[PENDING] == 0.0
            if minute == end or (calm_now and not steady and rates[minute] < capacity):
                return minute, lost_here
