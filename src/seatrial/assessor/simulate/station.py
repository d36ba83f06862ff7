"""The compiled replay of a few equal replicas at a constant load, for the tables of `waits`.

It is the fleet of `exact` without what does not happen at a constant load (scaling, time-outs,
recycling): a balancer, queues by replica or by worker, slots, and processors that a worker's
computing slots share, of which a worker uses one at most, and that busy workers share evenly.
A request computes first and waits then.
"""

# Kernels take their types from the compiler: numba reads the arrays it is given.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.kernels import kernel, part

Floats = npt.NDArray[np.float64]

ARRIVAL, CPU_S, WAIT_S, LUCK, BEGUN, LATENCY, WORKER, NEXT = range(8)
"""Columns of a request; the luck is one uniform draw, which is used up digit by digit."""
CLOCK, CLOCK_AT, DUE, BUSY, DUE_WORKER = range(5)
"""Columns of a replica: its clock runs slower when its processors are shared."""
DONE, DONE_AT, COMPUTING, HELD, END = range(5)
"""Columns of a worker: what each computing slot has got done, when on the replica's clock, how
many compute and are held, and when on that clock the first ends."""
HEAD, TAIL, LENGTH = range(3)
REQUESTS, REPLICAS, WORKERS, SLOTS, SHARED, BALANCER, ZONES, LONGEST = range(8)
REPLICA_AT, WORKER_AT, SLOT_AT, QUEUE_AT, TIMER_AT, CLIENT_AT, PROXY_AT, VCPU, FRESH, ZERO = range(
    8, 18
)
"""How many there are, and where in the arena each kind begins. Numbers are kept as floats there:
one array is quick to compile and to pass."""
TURNS, RANDOM, LEAST = range(3)
CLIENTS = 64

REFUSED = -1.0


class Places(NamedTuple):
    """Replicas, and how requests reach them: see `Fleet`.

    `fresh` is the chance of a new connection, `longest` the longest queue (0: any).
    """

    replicas: int
    workers: int
    slots: int
    vcpu: float
    shared: bool
    balancer: int
    zones: int = 1
    fresh: float = 1.0
    longest: int = 0


@part
def _plan(now, r, m, o):
    """When the next computation of a replica ends, and in which of its workers."""
    each = o[WORKERS]
    best = r * each
    for k in range(best + 1, best + each):
        if m[o[WORKER_AT] + 8 * k + END] < m[o[WORKER_AT] + 8 * best + END]:
            best = k
    busy = m[o[REPLICA_AT] + 8 * r + BUSY]
    slower = busy / m[o[VCPU]] if busy > m[o[VCPU]] else 1.0
    m[o[REPLICA_AT] + 8 * r + DUE_WORKER] = best
    m[o[REPLICA_AT] + 8 * r + DUE] = (
        now + (m[o[WORKER_AT] + 8 * best + END] - m[o[REPLICA_AT] + 8 * r + CLOCK]) * slower
    )


@part
def _first(k, m, o):
    """The slot of a worker that ends first; -1 when none computes."""
    base = k * o[SLOTS]
    computing = int(m[o[WORKER_AT] + 8 * k + COMPUTING])
    if computing == 0:
        m[o[WORKER_AT] + 8 * k + END] = np.inf
        return -1
    best = base
    for s in range(base + 1, base + computing):
        if m[o[SLOT_AT] + 2 * s] < m[o[SLOT_AT] + 2 * best]:
            best = s
    m[o[WORKER_AT] + 8 * k + END] = (
        m[o[WORKER_AT] + 8 * k + DONE_AT]
        + (m[o[SLOT_AT] + 2 * best] - m[o[WORKER_AT] + 8 * k + DONE]) * computing
    )
    return best


@part
def _push(now, job, m, o):
    """Let a request wait; the heap has its size in its first row."""
    at = int(m[o[TIMER_AT]]) + 1
    m[o[TIMER_AT]] = at
    due = now + m[8 * job + WAIT_S]
    while at > 1 and m[o[TIMER_AT] + 2 * (at // 2)] > due:
        m[o[TIMER_AT] + 2 * at], m[o[TIMER_AT] + 2 * at + 1] = (
            m[o[TIMER_AT] + 2 * (at // 2)],
            m[o[TIMER_AT] + 2 * (at // 2) + 1],
        )
        at //= 2
    m[o[TIMER_AT] + 2 * at], m[o[TIMER_AT] + 2 * at + 1] = due, job


@part
def _pop(m, o):
    """The request whose wait ends first, out of the heap."""
    job = int(m[o[TIMER_AT] + 2 * 1 + 1])
    size = int(m[o[TIMER_AT]])
    due, last = m[o[TIMER_AT] + 2 * size], m[o[TIMER_AT] + 2 * size + 1]
    size -= 1
    m[o[TIMER_AT]] = size
    at = 1
    while 2 * at <= size:
        child = 2 * at
        if child < size and m[o[TIMER_AT] + 2 * (child + 1)] < m[o[TIMER_AT] + 2 * child]:
            child += 1
        if m[o[TIMER_AT] + 2 * child] >= due:
            break
        m[o[TIMER_AT] + 2 * at], m[o[TIMER_AT] + 2 * at + 1] = (
            m[o[TIMER_AT] + 2 * child],
            m[o[TIMER_AT] + 2 * child + 1],
        )
        at = child
    m[o[TIMER_AT] + 2 * at], m[o[TIMER_AT] + 2 * at + 1] = due, last
    return job


@part
def _begin(now, job, k, m, o):
    """A request gets a slot of a worker."""
    r = k // o[WORKERS]
    m[o[WORKER_AT] + 8 * k + HELD] += 1.0
    m[8 * job + WORKER] = k
    m[8 * job + BEGUN] = now
    if m[8 * job + CPU_S] <= 0.0:
        _push(now, job, m, o)
        return
    busy = m[o[REPLICA_AT] + 8 * r + BUSY]
    slower = busy / m[o[VCPU]] if busy > m[o[VCPU]] else 1.0
    m[o[REPLICA_AT] + 8 * r + CLOCK] += (now - m[o[REPLICA_AT] + 8 * r + CLOCK_AT]) / slower
    m[o[REPLICA_AT] + 8 * r + CLOCK_AT] = now
    computing = m[o[WORKER_AT] + 8 * k + COMPUTING]
    if computing == 0.0:
        m[o[WORKER_AT] + 8 * k + DONE] = 0.0
        m[o[REPLICA_AT] + 8 * r + BUSY] = busy + 1.0
    else:
        m[o[WORKER_AT] + 8 * k + DONE] += (
            m[o[REPLICA_AT] + 8 * r + CLOCK] - m[o[WORKER_AT] + 8 * k + DONE_AT]
        ) / computing
    m[o[WORKER_AT] + 8 * k + DONE_AT] = m[o[REPLICA_AT] + 8 * r + CLOCK]
    s = k * o[SLOTS] + int(computing)
    m[o[SLOT_AT] + 2 * s] = m[o[WORKER_AT] + 8 * k + DONE] + m[8 * job + CPU_S]
    m[o[SLOT_AT] + 2 * s + 1] = job
    m[o[WORKER_AT] + 8 * k + COMPUTING] = computing + 1.0
    _first(k, m, o)
    _plan(now, r, m, o)


@part
def _computed(now, r, m, o):
    """The computation of a replica that is due ends; the request that did it."""
    k = int(m[o[REPLICA_AT] + 8 * r + DUE_WORKER])
    best = _first(k, m, o)
    m[o[REPLICA_AT] + 8 * r + CLOCK] = m[o[WORKER_AT] + 8 * k + END]
    m[o[REPLICA_AT] + 8 * r + CLOCK_AT] = now
    m[o[WORKER_AT] + 8 * k + DONE] = m[o[SLOT_AT] + 2 * best]
    m[o[WORKER_AT] + 8 * k + DONE_AT] = m[o[REPLICA_AT] + 8 * r + CLOCK]
    job = int(m[o[SLOT_AT] + 2 * best + 1])
    last = k * o[SLOTS] + int(m[o[WORKER_AT] + 8 * k + COMPUTING]) - 1
    m[o[SLOT_AT] + 2 * best], m[o[SLOT_AT] + 2 * best + 1] = (
        m[o[SLOT_AT] + 2 * last],
        m[o[SLOT_AT] + 2 * last + 1],
    )
    m[o[WORKER_AT] + 8 * k + COMPUTING] -= 1.0
    if m[o[WORKER_AT] + 8 * k + COMPUTING] == 0.0:
        m[o[REPLICA_AT] + 8 * r + BUSY] -= 1.0
    _first(k, m, o)
    _plan(now, r, m, o)
    return job


@part
def _balance(luck, proxy, m, o):
    """The replica that a proxy chooses, by its own count of what is outstanding and of turns."""
    many = o[REPLICAS]
    if o[BALANCER] == RANDOM:
        return int(luck * many)
    turn = int(m[o[PROXY_AT] + proxy * (o[REPLICAS] + 1) + many])
    m[o[PROXY_AT] + proxy * (o[REPLICAS] + 1) + many] = turn + 1 if turn + 1 < many else 0
    if o[BALANCER] == TURNS:
        return turn
    best = turn
    for step in range(1, many):
        other = turn + step if turn + step < many else turn + step - many
        if (
            m[o[PROXY_AT] + proxy * (o[REPLICAS] + 1) + other]
            < m[o[PROXY_AT] + proxy * (o[REPLICAS] + 1) + best]
        ):
            best = other
    return best


@part
def _choose(job, m, o):
    """Replica, worker and proxy of a request: of its open connection or of a new one."""
    luck = m[8 * job + LUCK] * o[ZONES]
    proxy = int(luck)
    luck -= proxy
    client = 0
    if m[o[FRESH]] < 1.0:
        luck *= CLIENTS
        client = int(luck)
        luck -= client
        if luck >= m[o[FRESH]] and m[o[CLIENT_AT] + 2 * client] >= 0.0:
            return int(m[o[CLIENT_AT] + 2 * client]), int(m[o[CLIENT_AT] + 2 * client + 1]), proxy
        luck = (
            luck / m[o[FRESH]] if luck < m[o[FRESH]] else (luck - m[o[FRESH]]) / (1.0 - m[o[FRESH]])
        )
    luck *= o[WORKERS]
    worker = int(luck)
    r = _balance(luck - worker, proxy, m, o)
    m[o[CLIENT_AT] + 2 * client] = r
    m[o[CLIENT_AT] + 2 * client + 1] = worker
    return r, worker, proxy


@part
def _arrive(job, m, o):
    """A request comes: to a free slot, into a queue, or it is refused."""
    r, worker, proxy = _choose(job, m, o)
    each = o[WORKERS]
    k = r * each + worker
    q = k
    if o[SHARED] > 0:
        q = k = r * each
        for other in range(k + 1, k + each):
            if m[o[WORKER_AT] + 8 * other + HELD] < m[o[WORKER_AT] + 8 * k + HELD]:
                k = other
    m[8 * job + LUCK] = proxy
    if m[o[WORKER_AT] + 8 * k + HELD] < o[SLOTS]:
        m[o[PROXY_AT] + proxy * (o[REPLICAS] + 1) + r] += 1.0
        _begin(m[8 * job + ARRIVAL], job, k, m, o)
    elif o[LONGEST] > 0 and m[o[QUEUE_AT] + 4 * q + LENGTH] >= o[LONGEST]:
        m[8 * job + LATENCY] = REFUSED
    else:
        m[o[PROXY_AT] + proxy * (o[REPLICAS] + 1) + r] += 1.0
        if m[o[QUEUE_AT] + 4 * q + LENGTH] == 0.0:
            m[o[QUEUE_AT] + 4 * q + HEAD] = job
        else:
            m[8 * int(m[o[QUEUE_AT] + 4 * q + TAIL]) + NEXT] = job
        m[o[QUEUE_AT] + 4 * q + TAIL] = job
        m[o[QUEUE_AT] + 4 * q + LENGTH] += 1.0


@part
def _finish(now, job, m, o):
    """A request is answered, and its worker takes the next of its queue."""
    k = int(m[8 * job + WORKER])
    r = k // o[WORKERS]
    m[8 * job + LATENCY] = now - m[8 * job + ARRIVAL]
    m[o[PROXY_AT] + int(m[8 * job + LUCK]) * (o[REPLICAS] + 1) + r] -= 1.0
    m[o[WORKER_AT] + 8 * k + HELD] -= 1.0
    q = r * o[WORKERS] if o[SHARED] > 0 else k
    if m[o[QUEUE_AT] + 4 * q + LENGTH] > 0.0:
        other = int(m[o[QUEUE_AT] + 4 * q + HEAD])
        m[o[QUEUE_AT] + 4 * q + HEAD] = m[8 * other + NEXT]
        m[o[QUEUE_AT] + 4 * q + LENGTH] -= 1.0
        _begin(now, other, k, m, o)


@kernel("f8*", "i8*")
def play(m, o):
    """Serve all requests of an arena, which are sorted by arrival; fills BEGUN and LATENCY."""
    # Not plain zeros: calls with a literal are compiled once more for it.
    zero = o[ZERO]
    coming = zero
    while True:
        soon = zero
        now = m[o[REPLICA_AT] + DUE]
        for r in range(1, o[REPLICAS]):
            if m[o[REPLICA_AT] + 8 * r + DUE] < now:
                now = m[o[REPLICA_AT] + 8 * r + DUE]
                soon = r
        waited = m[o[TIMER_AT]] > 0.0 and m[o[TIMER_AT] + 2] < now
        if waited:
            now = m[o[TIMER_AT] + 2]
        if coming < o[REQUESTS] and m[8 * coming + ARRIVAL] <= now:
            _arrive(coming, m, o)
            coming += 1
            continue
        if now == np.inf:
            break
        job = _pop(m, o) if waited else _computed(now, soon, m, o)
        if not waited and m[8 * job + WAIT_S] > 0.0:
            _push(now, job, m, o)
        else:
            _finish(now, job, m, o)


def arena(requests: Floats, places: Places) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The one array that `play` works on, which begins with the requests, and where things are."""
    total = places.replicas * places.workers
    sizes = {
        REPLICA_AT: 8 * places.replicas, WORKER_AT: 8 * total, SLOT_AT: 2 * total * places.slots,
        QUEUE_AT: 4 * total, TIMER_AT: 2 * (total * places.slots + 2), CLIENT_AT: 2 * CLIENTS,
        PROXY_AT: places.zones * (places.replicas + 1), VCPU: 1, FRESH: 1,
    }  # fmt: skip
    found = np.zeros(18, dtype=np.int64)
    found[:8] = (
        len(requests), places.replicas, places.workers, places.slots, places.shared,
        places.balancer, places.zones, places.longest,
    )  # fmt: skip
    end = requests.size
    for what, size in sizes.items():
        found[what] = end
        end += size
    made = np.zeros(end)
    made[: requests.size] = requests.ravel()
    made[found[VCPU]], made[found[FRESH]] = places.vcpu, places.fresh
    made[found[REPLICA_AT] + DUE : found[WORKER_AT] : 8] = np.inf
    made[found[WORKER_AT] + END : found[SLOT_AT] : 8] = np.inf
    made[found[CLIENT_AT] : found[PROXY_AT]] = -1.0
    return made, found
