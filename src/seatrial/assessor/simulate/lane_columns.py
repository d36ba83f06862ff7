"""The hot loops of `lanes`: first come, first served queues, one a column, in SIMD.

A column is the sorted vector of the times at which the slots of one queue become free (Kiefer and
Wolfowitz, "On the theory of queues with many servers", Trans. AMS 78, 1955). A request of service
s that comes at t starts at x = max(t, a[0]) and leaves the vector, still sorted, as
min(a[j + 1], max(a[j], x + s)): no branch, so columns of many designs advance together. A value
of -infinity leaves the vector as it is: that is a request that timed out, or no request.

All of it is rows of one flat array, ROOM apart. As ROOM is known when this is compiled and the
number of columns is not, LLVM vectorises every loop over columns, and need not ask at run time
whether rows overlap.
"""

from __future__ import annotations

import math

import numpy as np

from seatrial.assessor.simulate.histogram import BUCKETS, SHORTEST_S
from seatrial.assessor.simulate.kernels import part

ROOM = 1096
"""Most columns. A processor takes a load for one that depends on a store just before it when their
addresses are a multiple of 4096 bytes apart. Rows 576 bytes apart, modulo 4096, and in the order
below keep what the loops store and what they load next out of each other's way."""
SHIFT = 44
FIRST = int(np.float64(SHORTEST_S).view(np.int64) >> SHIFT) - 1
"""A bucket of `histogram` is a latency's bits, shifted, above those of the shortest."""
ROW = BUCKETS + 2
NOT_COUNTED, TIMED_OUT = 0, BUCKETS + 1
"""A histogram here has two more buckets: in front what is not counted, at the end time-outs."""

# Rows of whole numbers: the bucket found, how many steps a column has, where its histogram starts.
BUCKET, STEPS_OF, BASE = 0, ROOM, 2 * ROOM
WHOLES = 3
# Rows of reals, after those. A request's time, processor time and waiting; what its processor time
# is multiplied by; when its slot is free again; sums of the slots' busy time, of waiting for a
# slot, of processor time; the time-out; since when requests count; the factor when nobody else
# computes; cold requests left and their factor; what `_contention` needs; the slots.
(
    TIME, CPU, IDLE, STRETCH, NEXT, BUSY_S, WAIT_S, CPU_S, TIMEOUT_S, COUNTS_FROM_S, FACTOR, LEFT,
    COLD_FACTOR, VCPU, OTHERS, LOCK, OMEGA, PADS, BESIDE,
) = range(0, 19 * ROOM, ROOM)  # fmt: skip
FREE = 22 * ROOM
ROWS = WHOLES + 22
"""Rows in all, without the slots."""


@part
def _fetch(numbers, first, times_s, cpu_s, wait_s, real, n):
    for k in range(n):
        number = numbers[first + k]
        real[TIME + k] = times_s[number]
        real[CPU + k] = cpu_s[number]
        real[IDLE + k] = wait_s[number]


@part
def _begin(step, real, whole, n):
    """Waiting and service of a step's requests, when their slots are free again, their buckets."""
    for k in range(n):
        time = real[TIME + k]
        start = max(time, real[FREE + k])
        wait = start - time
        service = real[IDLE + k] + real[CPU + k] * real[STRETCH + k]
        here = step < whole[STEPS_OF + k]
        in_time = wait <= real[TIMEOUT_S + k]
        served = here & in_time
        real[NEXT + k] = start + service if served else -np.inf
        real[BUSY_S + k] += service if served else 0.0
        real[WAIT_S + k] += wait if served else 0.0
        real[CPU_S + k] += real[CPU + k] if served else 0.0
        bits = np.float64(wait + service).view(np.int64)
        found = 1 + max(0, min((bits >> SHIFT) - FIRST, BUCKETS - 1))
        found = found if in_time else TIMED_OUT
        counted = here & (time >= real[COUNTS_FROM_S + k])
        whole[BUCKET + k] = whole[BASE + k] + (found if counted else NOT_COUNTED)


@part
def _insert(ends, free, slots, n):
    """Every column's new value to its place among the slots."""
    for slot in range(slots - 1):
        at = slot * ROOM
        for k in range(n):
            free[at + k] = min(free[at + ROOM + k], max(free[at + k], ends[k]))
    at = (slots - 1) * ROOM
    for k in range(n):
        free[at + k] = max(free[at + k], ends[k])


@part
def _count(whole, histogram, n):
    for k in range(n):
        histogram[whole[BUCKET + k]] += 1


@part
def _alone(real, n):
    for k in range(n):
        real[STRETCH + k] = real[FACTOR + k]


@part
def _cold(step, real, n):
    for k in range(n):
        real[STRETCH + k] *= real[COLD_FACTOR + k] if step < real[LEFT + k] else 1.0


@part
def _beside(free, real, slots, n):
    """Requests in service in the same queue when this one starts."""
    for k in range(n):
        real[BESIDE + k] = -real[PADS + k]
    for slot in range(1, slots):
        at = slot * ROOM
        for k in range(n):
            start = max(real[TIME + k], free[k])
            real[BESIDE + k] += 1.0 if free[at + k] > start else 0.0


@part
def _contention(real, n):
    """Processor time is multiplied by the number that compute at once over the processors.

    Of the requests in service beside this one (those of its queue, and a mean of the replica's
    other queues), each computes for the share f/(f + omega) of its time, omega being waiting over
    computing and f this factor itself: v f = 1 + b f/(f + omega), a quadratic. Once for the machine
    (v = vCPUs) and once for the interpreter lock (v = 1). The factor is frozen at the start; by
    Little's law and PASTA that has the mean of processor sharing exactly where one processor
    computes only, and its proportionality to the service time too.
    """
    for k in range(n):
        beside, omega, vcpu = real[BESIDE + k], real[OMEGA + k], real[VCPU + k]
        half = 1.0 + beside + real[OTHERS + k] - vcpu * omega
        machine = (half + math.sqrt(half * half + 4.0 * vcpu * omega)) / (2.0 * vcpu)
        half = 1.0 + real[LOCK + k] * beside - omega
        lock = (half + math.sqrt(half * half + 4.0 * omega)) / 2.0
        real[STRETCH + k] = max(real[FACTOR + k], max(machine, lock))


@part
def serve(times_s, cpu_s, wait_s, numbers, real, whole, slots, contended, cold, histogram, n):
    """Serve step after step of `n` columns; `numbers` are of their requests, a row a step."""
    steps = 0
    for k in range(n):
        steps = max(steps, whole[STEPS_OF + k])
    ends, free = real[NEXT : NEXT + ROOM], real[FREE:]
    _alone(real, n)
    for step in range(steps):
        _fetch(numbers, step * ROOM, times_s, cpu_s, wait_s, real, n)
        if contended:
            _beside(free, real, slots, n)
            _contention(real, n)
        elif cold:
            _alone(real, n)
        if cold:
            _cold(step, real, n)
        _begin(step, real, whole, n)
        _insert(ends, free, slots, n)
        _count(whole, histogram, n)
