"""The events of a replay: arrivals through the balancer, time-outs, timers.

`advance` runs the world to a time; between two calls the driver may read the totals and change
the number of replicas. Everything happens in the order of time, and of causes at equal times:
what ends comes before what gives up, which comes before what begins.
"""

from __future__ import annotations

import numpy as np

from seatrial.assessor.simulate.kernels import inlined, kernel, part
from seatrial.assessor.simulate.replay_fleet import expire, start_cold
from seatrial.assessor.simulate.replay_serve import (
    back,
    begin,
    carry_on,
    computed,
    dequeue,
    enqueue,
    finish,
    release,
    settle,
)
from seatrial.assessor.simulate.replay_state import (
    LEAST_OUTSTANDING,
    NOBODY,
    OVER,
    RANDOM,
    READY,
    REJECTED,
    STARTING,
    T_BACK,
    T_READY,
    T_RETRY,
    T_WAITED,
    TIMED_OUT,
    WAITING,
    WORLD,
    World,
    below,
    drop,
    uniform,
)

DONE, GROW = 0, 1
"""Why `advance` returns: the time is reached, or an array needs room."""

SPARE = 64
"""Timers that one event may set, beside one for each slot of the fleet."""


@inlined
def pass_time(w: World, now: float) -> None:
    """Add what goes on to the totals and to the seconds it falls into."""
    hub = w.hub[0]
    at, hub.now = hub.now, now
    ready = float(hub.ready + hub.occupied)
    running = ready + hub.draining
    replicas = running + hub.starting
    span = now - at
    hub.busy_s += hub.computing * span
    hub.ready_s += ready * span
    hub.running_s += running * span
    hub.replica_s += replicas * span
    hub.open_s += hub.open * span
    second = int(at)
    while second < w.seconds.size and at < now:
        until = min(now, second + 1.0)
        part = until - at
        w.seconds[second].replicas += replicas * part
        w.seconds[second].ready += ready * part
        w.seconds[second].busy += hub.computing * part
        w.seconds[second].open += hub.open * part
        at = until
        second += 1


@inlined
def pick_worker(w: World, r: int) -> int:
    """The worker that accepts a connection, by chance or by turns; not one that restarts."""
    hub = w.hub[0]
    number = 0
    if hub.workers > 1 and hub.by_turns:
        number = w.replicas[r].turn % hub.workers
        w.replicas[r].turn += 1
    elif hub.workers > 1:
        number = below(hub, hub.workers)
    for step in range(hub.workers):
        k = r * hub.workers + (number + step) % hub.workers
        if w.workers[k].away == 0:
            return int(k)
    return int(r * hub.workers + number)


@inlined
def pick_replica(w: World, proxy: int) -> int:
    """The replica that the balancer of one proxy chooses; there is one."""
    hub = w.hub[0]
    if hub.balancer == RANDOM:
        return int(w.up[below(hub, hub.ready)])
    turn = w.turns[proxy] % hub.ready
    w.turns[proxy] = turn + 1
    if hub.balancer == LEAST_OUTSTANDING:
        best = turn
        for step in range(1, hub.ready):
            other = (turn + step) % hub.ready
            if w.outstanding[proxy, w.up[other]] < w.outstanding[proxy, w.up[best]]:
                best = other
        turn = best
    return int(w.up[turn])


@part
def pick_pooled(w: World, proxy: int) -> tuple[int, int]:
    """Replica and worker for a request that a proxy sends on the connection it used last.

    A proxy that has no idle connection to the replica opens one, which any worker accepts.
    """
    hub = w.hub[0]
    r = pick_replica(w, proxy)
    replica = w.replicas[r]
    while replica.idle != NOBODY:
        last = w.attempts[replica.idle]
        if hub.now - last.start > hub.pool_idle_s:
            replica.idle = NOBODY  # Those below have been idle for longer.
            break
        replica.idle = last.next
        if w.workers[last.worker].away == 0:
            return r, int(last.worker)
    return r, pick_worker(w, r)


@inlined
def pick(w: World, proxy: int) -> tuple[int, int]:
    """Replica and worker for a request: of its open connection, or of a new one.

    One of `connections` clients asks; with the chance `new_connection` on a new connection.
    """
    hub = w.hub[0]
    if hub.pool_idle_s > 0.0:
        return pick_pooled(w, proxy)
    if hub.new_connection >= 1.0:
        r = pick_replica(w, proxy)
        return r, pick_worker(w, r) if hub.shared == 0 else NOBODY
    connection = w.connections[below(hub, hub.connections)]
    kept = uniform(hub) >= hub.new_connection and connection.replica != NOBODY
    if kept:
        replica = w.replicas[connection.replica]
        kept = replica.state == READY and replica.generation == connection.generation
    if kept and hub.shared == 0:
        kept = w.workers[connection.worker].away == 0
    if not kept:
        r = pick_replica(w, proxy)
        connection.replica, connection.generation = r, w.replicas[r].generation
        connection.worker = pick_worker(w, r) if hub.shared == 0 else NOBODY
    return connection.replica, connection.worker


@part
def refuse(w: World, a: int) -> None:
    """Nobody takes attempt `a`."""
    w.attempts[a].stage = OVER
    settle(w, a, REJECTED)


@inlined
def offer(w: World, a: int, r: int, k: int) -> None:
    """Give an attempt to a replica: to a free slot, into a queue, or back as rejected."""
    hub = w.hub[0]
    q = k
    if hub.shared:
        q, k = r, r * hub.workers
        for other in range(k + 1, k + hub.workers):
            better = w.workers[other].held < w.workers[k].held or w.workers[k].away != 0
            if better and w.workers[other].away == 0:
                k = other
    free = w.workers[k].held < hub.slots and w.workers[k].away == 0
    w.attempts[a].replica = r
    w.outstanding[w.attempts[a].proxy, r] += 1
    if not free and hub.queue_max > 0 and w.queues[q].length >= hub.queue_max:
        refuse(w, a)
        return
    w.replicas[r].alive += 1
    hub.alive += 1
    if free:
        begin(w, a, k)
    else:
        enqueue(w, q, a)


@part
def offer_instance(w: World, a: int) -> None:
    """Give an attempt to the function instance that was used last, or start one for it."""
    hub = w.hub[0]
    r = NOBODY
    if hub.ready > 0:
        r = int(w.up[hub.ready - 1])
        hub.ready -= 1
    elif hub.starting + hub.occupied < hub.replicas_max:
        r = start_cold(w)
    if r == NOBODY:
        refuse(w, a)
        return
    replica = w.replicas[r]
    w.attempts[a].replica = r
    w.outstanding[w.attempts[a].proxy, r] += 1
    replica.alive += 1
    hub.alive += 1
    if replica.state == STARTING:
        replica.bound = a
    else:
        replica.generation += 1
        hub.occupied += 1
        begin(w, a, r)


@inlined
def send(w: World, i: int) -> None:
    """Request `i` is asked, for the first time or again."""
    hub = w.hub[0]
    a = hub.attempts
    hub.attempts += 1
    hub.open += 1
    attempt = w.attempts[a]
    attempt.request, attempt.start, attempt.replica, attempt.open = i, hub.now, NOBODY, 1
    attempt.proxy = below(hub, hub.proxies) if hub.proxies > 1 else 0
    w.requests[i].attempts += 1
    if hub.per_request:
        offer_instance(w, a)
    elif hub.ready > 0:
        r, k = pick(w, attempt.proxy)
        offer(w, a, r, k)
    elif hub.hold:
        enqueue(w, w.queues.size - 1, a)
        if hub.starting == 0 and hub.replicas_max > 0:
            start_cold(w)
    else:
        refuse(w, a)


@part
def become_ready(w: World, r: int, generation: int) -> None:
    """A start is over: the replica takes requests, first those that waited for any replica."""
    hub, replica = w.hub[0], w.replicas[r]
    if replica.generation != generation or replica.state != STARTING:
        return
    hub.starting -= 1
    replica.state = READY
    if hub.per_request:
        hub.occupied += 1
        if replica.bound == NOBODY:
            release(w, r)
        else:
            begin(w, replica.bound, r)
        return
    w.up[hub.ready] = r
    hub.ready += 1
    waiting = w.queues.size - 1
    while w.queues[waiting].length > 0:
        a = dequeue(w, waiting)
        if w.attempts[a].open:
            to, k = pick(w, w.attempts[a].proxy)
            offer(w, a, to, k)


@part
def ring(w: World, kind: int, generation: int, index: int) -> None:
    """A timer of a replica or of a worker goes off."""
    if kind == T_READY:
        become_ready(w, index, generation)
    elif kind == T_BACK:
        back(w, index, generation)
    else:
        expire(w, index, generation)


@inlined
def next_deadline(w: World) -> float:
    """When the next client gives up; attempts are in the order of their starts."""
    hub = w.hub[0]
    while hub.deadline < hub.attempts and w.attempts[hub.deadline].open == 0:
        hub.deadline += 1
    if hub.deadline < hub.attempts:
        return float(w.attempts[hub.deadline].start + hub.timeout_s)
    return np.inf


@kernel(WORLD, "f8", gives="i8")
def advance(w: World, until: float) -> int:
    """Run all events up to and at `until`, and leave the clock there."""
    hub = w.hub[0]
    spare = SPARE + hub.leaves * hub.workers * hub.slots
    while True:
        ends = w.due[1]
        rings = w.timers[0].at if hub.timers > 0 else np.inf
        gives_up = next_deadline(w)
        comes = np.inf
        if hub.next_request < w.requests.size:
            comes = w.requests[hub.next_request].arrival
        now = min(min(ends, rings), min(gives_up, comes))
        if now > hub.end and hub.finished == w.requests.size and hub.alive == 0:
            pass_time(w, max(hub.now, min(until, hub.end)))
            return DONE
        if now > until or now == np.inf:
            if until < np.inf:
                pass_time(w, until)
            return DONE
        if hub.attempts >= w.attempts.size or hub.timers + spare > w.timers.size:
            return GROW
        pass_time(w, max(now, hub.now))
        goes_on, asks = NOBODY, NOBODY
        if ends <= now:
            goes_on = computed(w)
        elif rings <= now:
            kind, index = w.timers[0].kind, w.timers[0].index
            generation = w.timers[0].generation
            drop(w.timers, hub.timers)
            hub.timers -= 1
            if kind == T_WAITED and w.attempts[index].stage == WAITING:
                goes_on = index
            elif kind == T_RETRY:
                asks = index
            elif kind != T_WAITED:
                ring(w, kind, generation, index)
        elif gives_up <= now:
            settle(w, hub.deadline, TIMED_OUT)
        else:
            asks = hub.next_request
            hub.next_request += 1
        if goes_on != NOBODY and not carry_on(w, goes_on):
            finish(w, goes_on)
        if asks != NOBODY:
            send(w, asks)
