"""The compiled replay of a few equal replicas at a constant load, for the tables of `waits`.

It is the fleet of `exact` without what does not happen at a constant load (scaling, time-outs,
recycling): a balancer, queues by replica or by worker, slots, and processors that a worker's
computing slots share, of which a worker uses one at most, and that busy workers share evenly.
A request computes first and waits then.

A balancer that goes by turns or by chance does not look at its replicas. So each is replayed alone,
and where neither a queue nor processors are shared each worker, with little to look through for the
next event; without events where requests share no processor.
"""

# Kernels take their types from the compiler: numba reads the arrays it is given.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate.kernels import inlined, kernel, part

Floats = npt.NDArray[np.float64]

COUNT, REPLICAS, WORKERS, SLOTS, SHARED, BALANCER, ZONES, LONGEST, COMPUTES = range(9)
"""Whole numbers of a replay: of requests, then as in `Places`, and whether any request computes."""
TURNS, RANDOM, LEAST = range(3)
CLOCK, CLOCK_AT, DUE, BUSY, DUE_WORKER, SLOWER = range(6)
"""Columns of a replica: its clock runs slower when its processors are shared."""
DONE, DONE_AT, COMPUTING, HELD, END, HEAD, TAIL, LENGTH, REPLICA, FIRST = range(10)
"""Columns of a worker: what each computing slot has got done, when on the replica's clock, how
many compute and are held, when on that clock the first ends, its queue, where its replica is, and
the first worker there. Then of each computing slot, the first to end last, its end and request."""
REPLICA_WIDE, WORKER_WIDE = 8, 10
CLIENTS = 64
SERVERS_MOST = 64
"""More places than that are not looked through one by one."""

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


@inlined
def _busy(s, r, change, vcpu):
    """One worker more computes, or one less."""
    s[r + BUSY] += change
    s[r + SLOWER] = max(1.0, s[r + BUSY] / vcpu)


@inlined
def _plan(s, now, r, row, computing, rows, wide):
    """When the next computation of a replica ends, and in which of its workers; `row` changed."""
    s[row + END] = np.inf
    if computing > 0:
        next_end = s[row + WORKER_WIDE + 2 * computing - 2]
        s[row + END] = s[row + DONE_AT] + (next_end - s[row + DONE]) * computing
    best = first = int(s[row + FIRST])
    for other in range(first + wide, first + rows, wide):
        if s[other + END] < s[best + END]:
            best = other
    s[r + DUE_WORKER] = best
    s[r + DUE] = now + (s[best + END] - s[r + CLOCK]) * s[r + SLOWER]


@part
def _push(s, heap, due, job):
    """Let a request wait; the heap has its size in its first row."""
    at = int(s[heap]) + 1
    s[heap] = at
    while at > 1 and s[heap + 2 * (at // 2)] > due:
        s[heap + 2 * at] = s[heap + 2 * (at // 2)]
        s[heap + 2 * at + 1] = s[heap + 2 * (at // 2) + 1]
        at //= 2
    s[heap + 2 * at], s[heap + 2 * at + 1] = due, job


@part
def _pop(s, heap):
    """The request whose wait ends first, out of the heap."""
    job, size = int(s[heap + 3]), int(s[heap])
    due, last = s[heap + 2 * size], s[heap + 2 * size + 1]
    size -= 1
    s[heap] = size
    at = 1
    while 2 * at <= size:
        child = 2 * at
        if child < size and s[heap + 2 * (child + 1)] < s[heap + 2 * child]:
            child += 1
        if s[heap + 2 * child] >= due:
            break
        s[heap + 2 * at], s[heap + 2 * at + 1] = s[heap + 2 * child], s[heap + 2 * child + 1]
        at = child
    s[heap + 2 * at], s[heap + 2 * at + 1] = due, last
    return job


@part
def _compute(s, now, job, work, row, rows, wide, vcpu):
    """A request computes in a slot of a worker."""
    r, computing = int(s[row + REPLICA]), int(s[row + COMPUTING])
    clock = s[r + CLOCK] + (now - s[r + CLOCK_AT]) / s[r + SLOWER]
    s[r + CLOCK], s[r + CLOCK_AT] = clock, now
    done = 0.0
    if computing == 0:
        _busy(s, r, 1.0, vcpu)
    else:
        done = s[row + DONE] + (clock - s[row + DONE_AT]) / computing
    s[row + DONE], s[row + DONE_AT] = done, clock
    ends = done + work
    slot = row + WORKER_WIDE + 2 * computing
    while slot > row + WORKER_WIDE and s[slot - 2] < ends:
        s[slot], s[slot + 1] = s[slot - 2], s[slot - 1]
        slot -= 2
    s[slot], s[slot + 1] = ends, job
    s[row + COMPUTING] = computing + 1
    _plan(s, now, r, row, computing + 1, rows, wide)


@part
def _computed(s, now, r, rows, wide, vcpu):
    """The computation of a replica that is due ends; the request that did it."""
    row = int(s[r + DUE_WORKER])
    computing = int(s[row + COMPUTING]) - 1
    slot = row + WORKER_WIDE + 2 * computing
    s[r + CLOCK], s[r + CLOCK_AT] = s[row + END], now
    s[row + DONE], s[row + DONE_AT] = s[slot], s[row + END]
    s[row + COMPUTING] = computing
    if computing == 0:
        _busy(s, r, -1.0, vcpu)
    _plan(s, now, r, row, computing, rows, wide)
    return int(s[slot + 1])


@part
def _balance(luck, proxy, c, replicas, balancer):
    """The replica that a proxy chooses, by its own count of what is outstanding and of turns."""
    if balancer == RANDOM:
        return int(luck * replicas)
    row = proxy * (replicas + 1)
    turn = int(c[row + replicas])
    c[row + replicas] = turn + 1 if turn + 1 < replicas else 0
    best = turn
    if balancer == LEAST:
        for step in range(1, replicas):
            other = turn + step if turn + step < replicas else turn + step - replicas
            if c[row + other] < c[row + best]:
                best = other
    return best


@part
def _choose(luck, c, clients, g, fresh):
    """Number of the worker that a request comes to: of its open connection or of a new one.

    `c` has what proxies know, and from `clients` on the workers of open connections, -1 for none.
    """
    luck *= g[ZONES]
    proxy = int(luck)
    luck -= proxy
    client = clients
    if fresh < 1.0:
        luck *= CLIENTS
        client = clients + int(luck)
        luck -= int(luck)
        if luck >= fresh and c[client] >= 0.0:
            return int(c[client])
        luck = luck / fresh if luck < fresh else (luck - fresh) / (1.0 - fresh)
    luck *= g[WORKERS]
    worker = int(luck)
    found = _balance(luck - worker, proxy, c, g[REPLICAS], g[BALANCER]) * g[WORKERS] + worker
    c[client] = found
    return found


@part
def _by_requests(low, high, order, servers, slower, arrival, cpu, wait, latency, begun, s):
    """Serve requests that share nothing but a queue, in order of arrival."""
    for server in range(servers):
        s[server] = 0.0
    for at in range(low, high):
        job, best = order[at], 0
        for server in range(1, servers):
            if s[server] < s[best]:
                best = server
        begin = max(arrival[job], s[best])
        s[best] = begin + cpu[job] * slower + wait[job]
        begun[job] = begin
        latency[job] = s[best] - arrival[job]


@part
def _clear(s, replicas, rows, wide):
    """Nobody there: replicas, then their workers, then the heap of waits; where that is."""
    low = replicas * REPLICA_WIDE
    heap = low + replicas * rows
    for at in range(heap + 2):
        s[at] = 0.0
    for r in range(replicas):
        s[r * REPLICA_WIDE + DUE], s[r * REPLICA_WIDE + SLOWER] = np.inf, 1.0
        first = low + r * rows
        for row in range(first, first + rows, wide):
            s[row + END] = np.inf
            s[row + REPLICA], s[row + FIRST] = r * REPLICA_WIDE, first
    return heap


@part
def _come(s, job, row, wide, rows, g, latency, link):
    """Where a request that came is to be served; -1 when it waits and -2 when it is refused."""
    queue = row
    if g[SHARED] > 0:
        row = queue = int(s[row + FIRST])
        for other in range(queue + wide, queue + rows, wide):
            if s[other + HELD] < s[row + HELD]:
                row = other
    if s[row + HELD] < g[SLOTS]:
        s[row + HELD] += 1.0
        return row
    if g[LONGEST] > 0 and s[queue + LENGTH] >= g[LONGEST]:
        latency[job] = REFUSED
        return -2
    if s[queue + LENGTH] == 0.0:
        s[queue + HEAD] = job
    else:
        link[int(s[queue + TAIL])] = job
    s[queue + TAIL] = job
    s[queue + LENGTH] += 1.0
    return -1


@part
def _next(s, row, shared, link):
    """The request that a worker takes as another is answered; -1 when none waits."""
    queue = int(s[row + FIRST]) if shared else row
    if s[queue + LENGTH] == 0.0:
        s[row + HELD] -= 1.0
        return -1
    job = int(s[queue + HEAD])
    s[queue + HEAD] = link[job]
    s[queue + LENGTH] -= 1.0
    return job


@part
def _by_events(low, high, order, replicas, workers, vcpu, least, g, fresh, arrival, cpu, wait, luck,
               latency, begun, place, link, s, c):  # fmt: skip
    """Serve requests event by event; `place` is where each goes (not if `least`), then is."""
    shared, clients = g[SHARED] > 0, g[ZONES] * (g[REPLICAS] + 1)
    wide, base = WORKER_WIDE + 2 * g[SLOTS], replicas * REPLICA_WIDE
    rows = workers * wide
    heap = _clear(s, replicas, rows, wide)
    coming, arrives, soon = low, arrival[order[low]], 0
    while True:
        if replicas > 1:
            soon = 0
            for r in range(REPLICA_WIDE, base, REPLICA_WIDE):
                if s[r + DUE] < s[soon + DUE]:
                    soon = r
        now = s[soon + DUE]
        waited = s[heap] > 0.0 and s[heap + 2] < now
        if waited:
            now = s[heap + 2]
        if arrives <= now:
            if coming == high:
                break
            now, job = arrives, order[coming]
            coming += 1
            arrives = arrival[order[coming]] if coming < high else np.inf
            worker = _choose(luck[job], c, clients, g, fresh) if least else place[job]
            chosen = base + worker * wide
            row = _come(s, job, chosen, wide, rows, g, latency, link)
            if least and row > -2:
                c[_outstanding(luck[job], s[chosen + REPLICA], g)] += 1.0
                place[job] = chosen
        else:
            job = _pop(s, heap) if waited else _computed(s, now, soon, rows, wide, vcpu)
            if not waited and wait[job] > 0.0:
                _push(s, heap, now + wait[job], job)
                continue
            latency[job] = now - arrival[job]
            row = place[job]
            if least:
                c[_outstanding(luck[job], s[row + REPLICA], g)] -= 1.0
            job = _next(s, row, shared, link)
            if job < 0:
                continue
        if row < 0:
            continue
        place[job], begun[job] = row, now
        if cpu[job] > 0.0:
            _compute(s, now, job, cpu[job], row, rows, wide, vcpu)
        else:
            _push(s, heap, now + wait[job], job)


@part
def _outstanding(luck, r, g):
    """Where a proxy counts what is outstanding at a replica."""
    return int(luck * g[ZONES]) * (g[REPLICAS] + 1) + int(r) // REPLICA_WIDE


@part
def _sorted(g, apart, luck, fresh, place, order, link, ends, c):
    """Have requests chosen for; sorts them by who serves them, and says how many do."""
    count, each = g[COUNT], 1 if apart else g[WORKERS]
    many = g[REPLICAS] * g[WORKERS] // each
    clients = g[ZONES] * (g[REPLICAS] + 1)
    for group in range(many + 1):
        ends[group] = 0
    for job in range(count):
        chosen = _choose(luck[job], c, clients, g, fresh)
        group = chosen if each == 1 else chosen // each
        place[job], link[job] = chosen - group * each, group
        ends[group + 1] += 1
    for group in range(many):
        ends[group + 1] += ends[group]
    for job in range(count):
        group = link[job]
        order[ends[group]] = job
        ends[group] += 1
    return many


@kernel("i8*", "f8", "f8", "f8*", "f8*", "f8*", "f8*", "f8*", "f8*", "i8*", "i8*", "i8*", "i8*",
        "f8*", "f8*")  # fmt: skip
def play(g, vcpu, fresh, arrival, cpu, wait, luck, latency, begun, place, order, link, ends, s, c):
    """Serve requests that are sorted by arrival; says what each takes, and when it gets a slot.

    `g` has the whole numbers; what comes after `begun` is room to work, as `replay` makes it.
    """
    workers, slots = g[WORKERS], g[SLOTS]
    if g[BALANCER] == LEAST:
        for job in range(g[COUNT]):
            order[job] = job
        _by_events(0, g[COUNT], order, g[REPLICAS], workers, vcpu, True, g, fresh, arrival, cpu,
                   wait, luck, latency, begun, place, link, s, c)  # fmt: skip
        return
    free = vcpu >= workers or g[COMPUTES] == 0
    apart = workers == 1 or (free and g[SHARED] == 0)
    many = _sorted(g, apart, luck, fresh, place, order, link, ends, c)
    slower = 1.0
    if apart:
        # One worker: it uses one processor at most, and no other's computing is in its way.
        slower = max(1.0, 1.0 / vcpu) if workers == 1 else 1.0
        vcpu, workers = 1.0 / slower, 1
    servers = workers * slots
    simple = g[COMPUTES] == 0 or (slots == 1 and (apart or free))
    simple = simple and g[LONGEST] == 0 and servers <= SERVERS_MOST
    low = 0
    for group in range(many):
        high = ends[group]
        if simple:
            _by_requests(low, high, order, servers, slower, arrival, cpu, wait, latency, begun, s)
        elif low < high:
            _by_events(low, high, order, 1, workers, vcpu, False, g, fresh, arrival, cpu, wait,
                       luck, latency, begun, place, link, s, c)  # fmt: skip
        low = high


class Replay(NamedTuple):
    """What each request took (s; `REFUSED`), and when it got a slot."""

    latency: Floats
    begun: Floats


def replay(arrival: Floats, cpu: Floats, wait: Floats, luck: Floats, places: Places) -> Replay:
    """Serve requests that are sorted by arrival.

    `cpu` and `wait` are seconds of each, `luck` one uniform draw, which is used up digit by digit.
    """
    count, total = arrival.size, places.replicas * places.workers
    g = np.array([count, places.replicas, places.workers, places.slots, places.shared,
                  places.balancer, places.zones, places.longest, cpu.any()], np.int64)  # fmt: skip
    latency, begun = np.empty((2, count))
    place, order, link = np.empty((3, count), np.int64)
    wide = REPLICA_WIDE * places.replicas + total * (WORKER_WIDE + 2 * places.slots)
    s, ends = np.empty(wide + 2 * (total * places.slots + 2)), np.empty(total + 1, np.int64)
    c = np.zeros(places.zones * (places.replicas + 1) + CLIENTS)
    c[-CLIENTS:] = -1.0
    play(g, places.vcpu, places.fresh, arrival, cpu, wait, luck, latency, begun, place, order,
         link, ends, s, c)  # fmt: skip
    return Replay(latency, begun)
