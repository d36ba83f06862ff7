"""The compiled minutes of the fluid year of one fleet.

Requests are a fluid. In each step (a minute, or less where the policy looks more often) what comes
and what is there is served as `lookup` has it; beyond the most that replicas have at once at a
constant load the rest waits, and what would wait longer than the time-out, or beyond the queues,
is given up. A share of that is asked for again. The step's requests are counted by the utilisation
that is reached; beyond, by the fluid's wait. The policy sees the mean of the step just past, with
the chance that is left in such a mean. Replicas count, and cost, from when they are asked for. Each
fleet is computed alone and in order, so threads do not change a bit.

Few functions, none inside another more than needed, no views and no array expressions: that is
quick to compile.
"""

from __future__ import annotations

import math

import numpy as np

from seatrial.assessor.simulate.chance import mix
from seatrial.assessor.simulate.kernels import kernel, part
from seatrial.assessor.simulate.layout import (
    AGAIN,
    AGE,
    ARRIVED,
    BACKLOG,
    BUSY_LEVELS,
    BUSY_RANKS,
    CAME,
    CAPACITY,
    COMING,
    DELAY,
    DESIRED,
    DUE,
    ENVIRONMENTS,
    FIXED,
    HOURS,
    JOINS,
    KIND,
    LATE,
    LEAST,
    LEFT,
    LOOKS,
    LOST,
    MANY,
    MOST,
    PEAK,
    PENDING,
    PLACE,
    QUEUE,
    READY,
    REPLICA_S,
    REQUEST,
    RETRY,
    ROOM,
    SEEN,
    SEEN_ROW,
    SERVED,
    SERVICE,
    START,
    TIMEOUT,
    TURNS,
)
from seatrial.assessor.simulate.mixing import COUNTED, SPOTS
from seatrial.assessor.simulate.steering import decide
from seatrial.assessor.simulate.waits import WAIT_FIRST_S, WAIT_LAST_S, WAITS
from seatrial.kernel import policies

_request = part(policies.per_request)

_WIDTH = math.log(WAIT_LAST_S / WAIT_FIRST_S) / (WAITS - 2)
_RANKS = np.uint64(BUSY_RANKS - 1)


@part
def _waited(c, place, low, high, mass):
    """Count requests whose waits are spread evenly between two."""
    parts = 1 if abs(high - low) <= 0.1 * low else 4
    for number in range(parts):
        wait = max(low + (high - low) * (number + 0.5) / parts, WAIT_FIRST_S)
        x = min(math.log(wait / WAIT_FIRST_S) / _WIDTH, WAITS - 1.000001)
        at = int(x)
        c[place + at] += mass / parts * (at + 1 - x)
        c[place + at + 1] += mass / parts * (x - at)


@part
def _overloaded(c, place, w, offered, span, able, capacity, delay, within, inside):
    """A step that serves some late; returns what it serves without a wait.

    `within` requests were there as at a constant load, and `inside` are at its end. The others are
    a backlog, and wait `delay` more than the fluid does.
    """
    backlog = w[BACKLOG]
    limit = max(0.0, w[TIMEOUT] - delay) * (capacity if capacity > 0.0 else offered / span)
    if w[QUEUE] > 0.0:
        limit = min(limit, w[QUEUE] * max(able, 1.0))
    rest = max(0.0, within + backlog + offered - capacity * span - inside)
    rest = min(rest, backlog + offered)
    given_up = max(0.0, rest - limit)
    rest -= given_up
    done = backlog + offered - rest - given_up
    delayed = 0.0
    if capacity <= 0.0:
        w[AGE] += span
    else:
        first = min(delay + max(backlog / capacity, w[AGE]), w[TIMEOUT])
        w[AGE] = 0.0
        delayed = done
        if rest <= 1e-9:
            inflow = offered / span
            drain = 1.0
            if capacity > inflow:
                drain = min(1.0, backlog / max(capacity - inflow, 1e-12) / span)
            delayed = min(done, backlog + inflow * span * drain)
            rest = 0.0
        _waited(c, place, first, min(delay + rest / capacity, w[TIMEOUT]), delayed)
    w[BACKLOG] = rest
    w[AGAIN] = given_up * w[RETRY]
    w[LOST] += given_up - w[AGAIN]
    w[SERVED] += done
    return done - delayed


@part
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


@part
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


@part
def _function(minute, rate, hour, w, state, tables, c):
    """A minute of environments of one request each: none waits, but for a cold start.

    So many environments are there as requests were at once at most in the last minutes. Of requests
    at once in the mean TABLES know the most of a minute, by chance.
    """
    flow = rate + w[AGAIN] / 60.0
    rank = int(mix(np.uint64(minute)) & _RANKS)
    first, width = tables[ENVIRONMENTS], tables[ENVIRONMENTS + 1]
    place = 0.0
    if flow * w[SERVICE] > first:
        place = min(math.log(flow * w[SERVICE] / first) / width, BUSY_LEVELS - 1.0)
    many = tables[ENVIRONMENTS + 2 + int(place + 0.5) * BUSY_RANKS + rank]
    present = _request(state, minute * 60.0, many, w[DESIRED], w[LEAST], w[MOST])
    served = min(flow, present / w[SERVICE]) * 60.0
    given_up = flow * 60.0 - served
    w[AGAIN] = given_up * w[RETRY]
    cold = min(served, max(0.0, present - w[DESIRED]))
    _waited(c, LATE + hour * WAITS, w[START], w[START], cold)
    c[hour * COUNTED] += served - cold
    w[DESIRED] = present
    w[REPLICA_S] += present * 60.0
    w[SERVED] += served
    w[PEAK] = max(w[PEAK], present)
    w[LOST] += given_up - w[AGAIN]


@part
def _scaled(rates, roots, chances, w, state, steps, tables, c):
    """A fleet of replicas, step by step."""
    kind, ticks = w[KIND], int(w[LOOKS])
    span = 60.0 / ticks
    desired, able, known = w[LEAST], w[LEAST], -1.0
    within, room, scale, counted, place, at = 0.0, 0.0, 0.0, 0, 0, 0
    for minute in range(rates.size):
        rate, hour = rates[minute], minute // 60 % HOURS
        if minute % 60 == 0:
            lost, held, came = w[LOST], 0.0, 0.0
        came += rate * 60.0
        for tick in range(ticks):
            if w[COMING] > 0.0:
                able = w[READY]
                able += _joined(w, minute * 60.0 + tick * span, span)
            else:
                able = w[READY]
            if able != known:
                known = able
                level = int(tables[min(int(able + 0.5), MANY)])
                counted = level * SPOTS
                place, at = PLACE + level * (TURNS + 1), SEEN + level * SEEN_ROW
                room = able * tables[ROOM + level]
                scale = TURNS / room if able > 0.0 else 0.0
            offered = rate * span + w[AGAIN]
            before, backlog = within, w[BACKLOG]
            total = offered + before + backlog
            x = tables[place + int(min(total * scale, TURNS + 0.0) + 0.5)]
            spot = int(x)
            part = x - spot
            seen = at + 3 * spot
            within = able * (tables[seen] * (1.0 - part) + tables[seen + 3] * part)
            if backlog <= 0.0 and w[AGAIN] <= 0.0 and total <= room:
                prompt = offered
                w[SERVED] += prompt
            else:
                prompt = _overloaded(
                    c, LATE + hour * WAITS, w, offered, span, able, able * w[CAPACITY],
                    tables[DELAY + level], before, within,
                )  # fmt: skip
            count = hour * COUNTED + counted + spot
            c[count] += prompt * (1.0 - part)
            c[count + 1] += prompt * part
            held += desired
            if kind == FIXED:
                continue
            served = max(0.0, min((total - within) / span, able * w[CAPACITY]))
            busy = 0.5 * (before + within + backlog + w[BACKLOG])
            wanted = decide(
                state, w, steps, chances, minute, tick, span, served, busy, tables[seen + 1],
                tables[seen + 2], rate, roots[minute], desired, able,
            )  # fmt: skip
            if wanted != desired:
                _resize(w, wanted, minute * 60.0 + (tick + 1) * span + w[START])
                desired = wanted
        if minute % 60 == 59:
            _hour(w, c, hour, came, lost, held * span)


@part
def _hour(w, c, hour, came, lost, held):
    """Note what came, what was lost of it and what was held in an hour."""
    w[ARRIVED] += came
    w[REPLICA_S] += held
    c[CAME + 3 * hour] += came
    c[CAME + 3 * hour + 1] += w[LOST] - lost
    c[CAME + 3 * hour + 2] += held


@part
def _functions(rates, w, state, tables, c):
    """Environments of one request each, minute by minute: none waits, but for a cold start.

    So many environments are there as requests were at once at most in the last minutes. Of requests
    at once in the mean TABLES know the most of a minute, by chance.
    """
    first, width, place = tables[ENVIRONMENTS], tables[ENVIRONMENTS + 1], 0.0
    present = w[LEAST]
    for minute in range(rates.size):
        rate, hour = rates[minute], minute // 60 % HOURS
        before, lost = present, w[LOST]
        flow = rate + w[AGAIN] / 60.0
        place = 0.0
        if flow * w[SERVICE] > first:
            place = min(math.log(flow * w[SERVICE] / first) / width, BUSY_LEVELS - 1.0)
        rank = int(mix(np.uint64(minute)) & _RANKS)
        many = tables[ENVIRONMENTS + 2 + int(place + 0.5) * BUSY_RANKS + rank]
        present = _request(state, minute * 60.0, many, before, w[LEAST], w[MOST])
        served = min(flow, present / w[SERVICE]) * 60.0
        given_up = flow * 60.0 - served
        w[AGAIN] = given_up * w[RETRY]
        w[LOST] += given_up - w[AGAIN]
        cold = min(served, max(0.0, present - before))
        _waited(c, LATE + hour * WAITS, w[START], w[START], cold)
        c[hour * COUNTED] += served - cold
        w[SERVED] += served
        w[PEAK] = max(w[PEAK], present)
        _hour(w, c, hour, rate * 60.0, lost, present * 60.0)


@kernel("f8[:]", "f8*", "f8*", "f8*", "f8[:]", "f8[:,:]", "f8*", "f8*")
def one(rates, roots, chances, w, state, steps, tables, c):
    """One fleet through the minutes of `rates`, whole hours from a Monday on, into `w` and `c`.

    `roots` are one over the roots of the rates, `chances` normal variables by minute and step.
    """
    w[DESIRED] = w[READY] = w[PEAK] = w[LEAST]
    if w[KIND] == REQUEST:
        _functions(rates, w, state, tables, c)
    else:
        _scaled(rates, roots, chances, w, state, steps, tables, c)
    w[LEFT] = w[BACKLOG] + w[AGAIN]
