"""The compiled minutes of the fluid year of one fleet.

Requests are a fluid. In each interval (a minute, or the policy's period if shorter) what comes
and what waits is served up to the capacity that is ready; the rest waits, and what would wait
longer than the time-out, or beyond the queues, is given up. A share of that is asked for again.
Below capacity the interval's requests are counted by utilisation; above, by the fluid's wait.
The policy sees the mean of the interval just past, with the chance that is left in such a mean.
Replicas count, and cost, from when they are asked for. Each fleet is
computed alone and in order, so threads do not change a bit.

Few functions, none inside another more than needed, no views and no array expressions: compiling
is most of what a first run waits for.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seatrial.assessor.simulate.borrowed import INNER, borrowed
from seatrial.assessor.simulate.layout import (
    AGAIN,
    AGE,
    ARRIVED,
    BACKLOG,
    CAME,
    CAPACITY,
    COMING,
    DESIRED,
    DUE,
    FIXED,
    HOURS,
    HPA,
    JOINS,
    KIND,
    LATE,
    LEAST,
    LEFT,
    LOST,
    MANY,
    MOST,
    PEAK,
    PENDING,
    QUEUE,
    READY,
    REPLICA_S,
    REQUEST,
    RETRY,
    SERVED,
    SERVICE,
    SPOTS,
    START,
    STATE,
    TICKS,
    TIMEOUT,
)
from seatrial.assessor.simulate.steering import decide, quiet
from seatrial.assessor.simulate.waits import CELLS, WAIT_FIRST_S, WAIT_LAST_S, WAITS
from seatrial.kernel import policies

_request = njit(**INNER)(policies.per_request)

_WIDTH = math.log(WAIT_LAST_S / WAIT_FIRST_S) / (WAITS - 2)


@njit(**INNER)
def _count(c, place, tables, ready, use, requests):
    """Count requests of an hour at a utilisation below 1, in shares of the two rows about it."""
    cell = tables[int(use * (SPOTS - 1) + 0.5)]
    row = int(cell)
    part = cell - row
    at = place + row + int(tables[SPOTS + min(int(ready + 0.5), MANY)])
    c[at] += requests * (1.0 - part)
    c[at + 1] += requests * part


@njit(**INNER)
def _waited(c, place, low, high, mass):
    """Count requests whose waits are spread evenly between two."""
    parts = 1 if abs(high - low) <= 0.1 * low else 4
    for part in range(parts):
        wait = max(low + (high - low) * (part + 0.5) / parts, WAIT_FIRST_S)
        x = min(math.log(wait / WAIT_FIRST_S) / _WIDTH, WAITS - 1.000001)
        at = int(x)
        c[place + at] += mass / parts * (at + 1 - x)
        c[place + at + 1] += mass / parts * (x - at)


@njit(**INNER)
def _overloaded(c, place, w, offered, rate, span, capacity, ready):
    """An interval with a backlog.

    Returns what is served late, what without a wait, and what is lost.
    """
    backlog = w[BACKLOG]
    limit = w[TIMEOUT] * (capacity if capacity > 0.0 else rate)
    if w[QUEUE] > 0.0:
        limit = min(limit, w[QUEUE] * max(ready, 1.0))
    served = min(backlog + offered, capacity * span)
    rest = backlog + offered - served
    given_up = max(0.0, rest - limit)
    rest -= given_up
    delayed = 0.0
    if capacity <= 0.0:
        w[AGE] += span
    else:
        first = min(max(backlog / capacity, min(w[AGE], w[TIMEOUT])), w[TIMEOUT])
        w[AGE] = 0.0
        delayed = served
        if rest <= 1e-9:
            inflow = offered / span
            drain = 1.0
            if capacity > inflow:
                drain = min(1.0, backlog / max(capacity - inflow, 1e-12) / span)
            delayed = min(served, backlog + inflow * span * drain)
            rest = 0.0
        _waited(c, place, first, rest / capacity, delayed)
    w[BACKLOG] = rest
    w[AGAIN] = given_up * w[RETRY]
    return delayed, served - delayed, given_up - w[AGAIN]


@njit(**INNER)
def _resize(w, wanted, at):
    """Ask for more, or stop some: those that are not ready first."""
    change = wanted - w[DESIRED]
    size = int(w[COMING])
    w[DESIRED] = wanted
    w[PEAK] = max(w[PEAK], wanted)
    if change > 0.0:
        if size == PENDING:
            size -= 1
            change += w[JOINS + size]
        w[DUE + size] = at
        w[JOINS + size] = change
        w[COMING] = size + 1
        return
    while change < 0.0 and size > 0:
        taken = min(-change, w[JOINS + size - 1])
        w[JOINS + size - 1] -= taken
        change += taken
        if w[JOINS + size - 1] <= 0.0:
            size -= 1
    w[COMING] = size
    w[READY] += change


@njit(**INNER)
def _joined(w, now, span):
    """Take in replicas that become ready within [now, now + span); the mean of how many did."""
    part, kept = 0.0, 0
    for i in range(int(w[COMING])):
        if w[DUE + i] < now + span:
            w[READY] += w[JOINS + i]
            part += w[JOINS + i] * min(1.0, (now + span - w[DUE + i]) / span)
        else:
            w[DUE + kept] = w[DUE + i]
            w[JOINS + kept] = w[JOINS + i]
            kept += 1
    w[COMING] = kept
    return part


@njit(**INNER)
def _minute(minute, rate, hour, w, state, steps, tables, c):
    """All steps of a minute, whatever happens in it."""
    ticks = int(w[TICKS])
    span = 60.0 / ticks
    for tick in range(ticks):
        start = minute * 60.0 + tick * span
        desired = w[DESIRED]
        able = w[READY]
        if w[COMING] > 0.0:
            able += _joined(w, start, span)
        again = w[AGAIN]
        capacity = able * w[CAPACITY]
        flow = rate + again / span
        wanted = decide(
            state, w, steps, tables, minute, tick, span, min(flow, capacity), w[BACKLOG], flow,
            desired, able,
        )  # fmt: skip
        prompt = rate * span
        if w[BACKLOG] > 0.0 or again > 0.0 or flow >= capacity:
            delayed, prompt, lost = _overloaded(
                c, LATE + hour * WAITS, w, rate * span + again, flow, span, capacity, able
            )
            w[SERVED] += delayed
            w[LOST] += lost
        if prompt > 0.0:
            _count(c, hour * CELLS, tables, able, min(1.0, flow / capacity), prompt)
            w[SERVED] += prompt
        w[REPLICA_S] += desired * span
        if wanted != desired:
            _resize(w, wanted, start + span + w[START])


@njit(**INNER)
def _function(minute, rate, hour, w, state, c):
    """A minute of environments of one request each: none waits, but for a cold start.

    Requests at once vary like a Poisson count, so twice its deviation is kept beside their mean.
    """
    flow = rate + w[AGAIN] / 60.0
    busy = flow * w[SERVICE]
    many = busy + 2.0 * math.sqrt(busy)
    present = _request(state, minute * 60.0, many, w[DESIRED], w[LEAST], w[MOST])
    served = min(flow, present / w[SERVICE]) * 60.0
    given_up = flow * 60.0 - served
    w[AGAIN] = given_up * w[RETRY]
    cold = min(served, max(0.0, present - w[DESIRED]))
    _waited(c, LATE + hour * WAITS, w[START], w[START], cold)
    c[hour * CELLS] += served - cold
    w[DESIRED] = present
    w[REPLICA_S] += max(served * w[SERVICE], w[LEAST] * 60.0)
    w[SERVED] += served
    w[PEAK] = max(w[PEAK], present)
    w[LOST] += given_up - w[AGAIN]


@njit(cache=True, error_model="numpy", nogil=True)
def one(rates, w, steps, tables, c):
    """One fleet through the minutes of `rates`, whole hours from a Monday on, into `w` and `c`."""
    w, c = borrowed(w), borrowed(c)
    tables, steps = borrowed(tables), borrowed(steps)
    # A queue takes what its state leaves, and `_still` knows the queue of `hpa`.
    own = np.zeros(policies.HPA_STATE if w[KIND] == HPA else STATE)
    state = borrowed(own)
    w[DESIRED] = w[READY] = w[PEAK] = w[LEAST]
    fixed = w[KIND] == FIXED
    for begin in range(0, rates.size, 60):
        hour = (begin // 60) % HOURS
        lost, held, came = w[LOST], w[REPLICA_S], 0.0
        for minute in range(begin, begin + 60):
            rate = rates[minute]
            came += rate * 60.0
            room = w[READY] * w[CAPACITY]
            if w[KIND] == REQUEST:
                _function(minute, rate, hour, w, state, c)
            elif (
                rate < room and w[BACKLOG] <= 0.0 and w[AGAIN] <= 0.0 and w[COMING] <= 0.0
                and (fixed or quiet(rate, minute, w, state, tables))
            ):  # fmt: skip
                _count(c, hour * CELLS, tables, w[READY], rate / room, rate * 60.0)
                w[SERVED] += rate * 60.0
                w[REPLICA_S] += w[DESIRED] * 60.0
            else:
                _minute(minute, rate, hour, w, state, steps, tables, c)
        w[ARRIVED] += came
        c[CAME + 3 * hour] += came
        c[CAME + 3 * hour + 1] += w[LOST] - lost
        c[CAME + 3 * hour + 2] += w[REPLICA_S] - held
    w[LEFT] = w[BACKLOG] + w[AGAIN]
    return own.size
