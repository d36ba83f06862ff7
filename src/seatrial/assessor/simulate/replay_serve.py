"""How replicas of a replay work: processors shared, slots, queues, recycling, drains.

An attempt computes, then waits, then computes the rest (`cpu_first` is the share before the
wait; all of it when there is no wait). A worker process computes on one processor at most, which
its computing slots share; a replica's busy processes share its processors evenly, or those of all
replicas share the machine's.
"""

from __future__ import annotations

import numpy as np

from seatrial.assessor.simulate.kernels import inlined, part
from seatrial.assessor.simulate.replay_state import (
    COMPUTING,
    DRAINING,
    FREE,
    LESS,
    NOBODY,
    OK,
    ONE,
    OPEN,
    OVER,
    QUEUED,
    READY,
    REST,
    T_BACK,
    T_IDLE,
    T_RETRY,
    T_WAITED,
    WAITING,
    ZERO,
    World,
    drop,
    first_due,
    push,
    push_timer,
    set_due,
    uniform,
)


@inlined
def settle(w: World, a: int, outcome: int) -> None:
    """Tell the client of attempt `a`, who asks again if it failed and retries are left.

    The n-th retry comes after `backoff_s` x 2^(n-1), times 0.5 to 1.5 by chance.
    """
    hub, attempt = w.hub[0], w.attempts[a]
    attempt.open = 0
    hub.open -= 1
    if attempt.replica >= 0:
        w.outstanding[attempt.proxy, attempt.replica] -= 1
    request = w.requests[attempt.request]
    if outcome == OK or request.attempts > hub.retries:
        if request.outcome != OPEN:
            hub.broken += 1
        request.outcome = outcome
        request.latency = hub.now - request.arrival
        hub.finished += 1
    else:
        pause = hub.backoff_s * 2.0 ** (request.attempts - 1) * (0.5 + uniform(hub))
        push_timer(w, hub.now + pause, T_RETRY, ZERO, attempt.request)


@inlined
def set_clock(w: World, r: int) -> None:
    """Bring a replica's clock up to now."""
    hub, replica = w.hub[0], w.replicas[r]
    if replica.busy == 0:
        replica.clock = 0.0
    elif replica.busy > hub.vcpu:
        replica.clock += (hub.now - replica.clock_at) * (hub.vcpu / replica.busy)
    else:
        replica.clock += hub.now - replica.clock_at
    replica.clock_at = hub.now


@inlined
def plan_replica(w: World, r: int, k: int, change: int) -> None:
    """Work out when worker `k` and its replica `r` are next through with a computation.

    `change` is 1 after an attempt of the worker began to compute, -1 after one stopped; the
    replica's clock and the worker's progress stand at now.
    """
    hub, replica, worker = w.hub[0], w.replicas[r], w.workers[k]
    worker.computing += change
    before = replica.busy
    if hub.gil == 0 or worker.computing == (1 if change > 0 else 0):
        replica.busy += change
    if replica.busy != before:
        hub.computing += min(float(replica.busy), hub.vcpu) - min(float(before), hub.vcpu)
    if worker.computing > 0:
        ahead = w.slots[k, 0].at - worker.progress
        worker.due = replica.clock + ahead * (worker.computing if hub.gil else 1)
    else:
        worker.due = np.inf
    if replica.busy == 0:
        replica.due = np.inf
        set_due(w.due, r, np.inf)
        return
    first, count = r * hub.workers, hub.workers
    if hub.pooled:
        count = w.workers.size
    best = first
    for other in range(first + 1, first + count):
        if w.workers[other].due < w.workers[best].due:
            best = other
    replica.due_worker = best
    replica.due = w.workers[best].due
    speed = hub.vcpu / replica.busy if replica.busy > hub.vcpu else 1.0
    set_due(w.due, r, hub.now + (replica.due - replica.clock) / speed)


@inlined
def compute(w: World, k: int, a: int, work_s: float) -> None:
    """Attempt `a` begins to compute for `work_s` of processor time in worker `k`."""
    hub, worker = w.hub[0], w.workers[k]
    r = 0 if hub.pooled else k // hub.workers
    set_clock(w, r)
    if worker.computing == 0:
        worker.progress = 0.0
    else:
        passed = w.replicas[r].clock - worker.progress_at
        worker.progress += passed / (worker.computing if hub.gil else 1)
    worker.progress_at = w.replicas[r].clock
    push(w.slots[k], worker.computing, worker.progress + work_s, ZERO, ZERO, a)
    plan_replica(w, r, k, ONE)


@inlined
def computed(w: World) -> int:
    """The computation that ends first ends now; the attempt that did it."""
    r = first_due(w.due)
    replica = w.replicas[r]
    k = replica.due_worker
    worker = w.workers[k]
    # Set, not added up, so that rounding cannot leave a remainder that never ends.
    replica.clock, replica.clock_at = replica.due, w.hub[0].now
    worker.progress, worker.progress_at = w.slots[k, 0].at, replica.clock
    a = w.slots[k, 0].index
    drop(w.slots[k], worker.computing)
    plan_replica(w, r, k, LESS)
    return int(a)


@inlined
def begin(w: World, a: int, k: int) -> None:
    """Attempt `a` gets a slot of worker `k`."""
    hub, attempt, worker = w.hub[0], w.attempts[a], w.workers[k]
    replica = w.replicas[k // hub.workers]
    worker.held += 1
    attempt.worker = k
    attempt.factor = 1.0
    if replica.cold > 0:
        replica.cold -= 1
        attempt.factor = hub.warmup_factor
    if hub.recycle_requests > 0:
        worker.left -= 1
        if worker.left == 0:
            worker.away = 1
    request = w.requests[attempt.request]
    first = request.cpu * attempt.factor
    if request.wait > 0.0:
        first *= hub.cpu_first
    if first > 0.0:
        attempt.stage = COMPUTING
        compute(w, k, a, first)
    else:
        attempt.stage = WAITING
        push_timer(w, hub.now + request.wait * attempt.factor, T_WAITED, ZERO, a)


@inlined
def carry_on(w: World, a: int) -> bool:
    """The next stage of an attempt that is through with one; false when it has no more."""
    hub, attempt = w.hub[0], w.attempts[a]
    request = w.requests[attempt.request]
    if attempt.stage == COMPUTING and request.wait > 0.0:
        attempt.stage = WAITING
        push_timer(w, hub.now + request.wait * attempt.factor, T_WAITED, ZERO, a)
        return True
    rest = request.cpu * (1.0 - hub.cpu_first) * attempt.factor
    if attempt.stage == WAITING and rest > 0.0 and request.wait > 0.0:
        attempt.stage = REST
        compute(w, attempt.worker, a, rest)
        return True
    return False


@inlined
def enqueue(w: World, q: int, a: int) -> None:
    """Put an attempt at the end of a queue."""
    queue = w.queues[q]
    w.attempts[a].stage = QUEUED
    w.attempts[a].next = NOBODY
    if queue.length == 0:
        queue.head = a
    else:
        w.attempts[queue.tail].next = a
    queue.tail = a
    queue.length += 1


@inlined
def dequeue(w: World, q: int) -> int:
    """Take the first attempt out of a queue that has one."""
    queue = w.queues[q]
    a = queue.head
    queue.head = w.attempts[a].next
    queue.length -= 1
    return int(a)


@inlined
def pull(w: World, k: int) -> None:
    """Worker `k` takes from its queue what it has slots for."""
    hub, worker = w.hub[0], w.workers[k]
    q = k // hub.workers if hub.shared else k
    while worker.held < hub.slots and worker.away == 0 and w.queues[q].length > 0:
        begin(w, dequeue(w, q), k)


@inlined
def release(w: World, r: int) -> None:
    """An empty draining replica is gone; an instance of a function is idle again."""
    hub, replica = w.hub[0], w.replicas[r]
    if replica.alive > 0:
        return
    if replica.state == DRAINING:
        hub.draining -= 1
        hub.drained += 1
        vacate(w, r)
    elif hub.per_request and replica.state == READY:
        w.up[hub.ready] = r
        hub.ready += 1
        hub.occupied -= 1
        replica.generation += 1
        push_timer(w, hub.now + hub.idle_s, T_IDLE, replica.generation, r)


@part
def vacate(w: World, r: int) -> None:
    """The place of replica `r` is free for another."""
    hub, replica = w.hub[0], w.replicas[r]
    replica.state = FREE
    replica.generation += 1
    w.zones[replica.zone].live -= 1
    w.free[hub.free] = r
    hub.free += 1


@inlined
def finish(w: World, a: int) -> None:
    """Attempt `a` is served; its client hears of it unless it has gone."""
    hub, attempt = w.hub[0], w.attempts[a]
    k, r = attempt.worker, attempt.replica
    worker = w.workers[k]
    attempt.stage = OVER
    worker.held -= 1
    w.replicas[r].alive -= 1
    hub.alive -= 1
    if attempt.open:
        settle(w, a, OK)
        if hub.pool_idle_s > 0.0:
            # An attempt that is over stands for its connection: `start` is when it became idle.
            attempt.start, attempt.next = hub.now, w.replicas[r].idle
            w.replicas[r].idle = a
    else:
        hub.wasted += 1
    if worker.away == 1 and worker.held == 0:
        hub.recycles += 1
        push_timer(w, hub.now + hub.recycle_s, T_BACK, w.replicas[r].generation, k)
    elif worker.away == 0:
        pull(w, k)
    release(w, r)


@part
def back(w: World, k: int, generation: int) -> None:
    """A recycled worker accepts again."""
    hub = w.hub[0]
    if w.replicas[k // hub.workers].generation != generation:
        return
    w.workers[k].away = 0
    w.workers[k].left = hub.recycle_requests
    pull(w, k)


@part
def clear_workers(w: World, r: int) -> None:
    """Workers and queues of a replica as they are after its start."""
    hub = w.hub[0]
    for k in range(r * hub.workers, (r + 1) * hub.workers):
        worker = w.workers[k]
        worker.held, worker.computing, worker.away = 0, 0, 0
        worker.left, worker.due = hub.recycle_requests, np.inf
        if hub.shared == 0:
            w.queues[k].length = 0
    if hub.shared:
        w.queues[r].length = 0
