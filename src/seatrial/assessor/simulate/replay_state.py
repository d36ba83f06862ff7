"""What a replay keeps in memory: plain records, and the generator of its chances.

One `World` is everything. Indices: request `i` of the input; attempt `a` (a request and each of
its retries); replica `r`; worker `k = r * workers + its number`; queue `q`, which is a replica,
a worker, or the last one, at the balancer, for requests that found no replica up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seatrial.assessor.simulate.chance import mix
from seatrial.assessor.simulate.kernels import Group, Rows, inlined, rows


def _fixed(*values: int) -> Any:
    """Numbers of one type: with plain ones, a function would be compiled for each of them."""
    return np.array(values, np.int64)


NOBODY = -1
ZERO, ONE, LESS = _fixed(0, 1, -1)

# Outcomes of a request, as its client saw it.
OPEN, OK, REJECTED, TIMED_OUT, FAILED = _fixed(-1, 0, 1, 2, 3)

# States of a replica.
FREE, STARTING, READY, DRAINING = _fixed(0, 1, 2, 3)

# Stages of an attempt.
QUEUED, COMPUTING, WAITING, REST, OVER = 0, 1, 2, 3, 4

# Kinds of timers.
T_WAITED, T_RETRY, T_READY, T_BACK, T_IDLE = _fixed(0, 1, 2, 3, 4)

# Balancers.
ROUND_ROBIN, LEAST_OUTSTANDING, RANDOM = 0, 1, 2

_SETTINGS = [
    ("balancer", "i8"), ("shared", "i8"), ("workers", "i8"), ("slots", "i8"), ("vcpu", "f8"),
    ("gil", "i8"), ("cpu_first", "f8"), ("queue_max", "i8"), ("timeout_s", "f8"),
    ("retries", "i8"), ("backoff_s", "f8"), ("warmup_requests", "i8"), ("warmup_factor", "f8"),
    ("recycle_requests", "i8"), ("recycle_s", "f8"), ("start_s", "f8"), ("proxies", "i8"),
    ("per_request", "i8"), ("hold", "i8"), ("idle_s", "f8"), ("replicas_min", "i8"),
    ("replicas_max", "i8"), ("new_connection", "f8"), ("connections", "i8"), ("leaves", "i8"),
    ("pooled", "i8"), ("pool_idle_s", "f8"), ("by_turns", "i8"),
]  # fmt: skip
_MOVING = [
    ("now", "f8"), ("end", "f8"), ("chance", "u8"), ("next_request", "i8"), ("attempts", "i8"),
    ("deadline", "i8"), ("timers", "i8"), ("free", "i8"), ("ready", "i8"), ("starting", "i8"),
    ("draining", "i8"), ("occupied", "i8"), ("open", "i8"), ("alive", "i8"), ("finished", "i8"),
    ("broken", "i8"),
    ("computing", "f8"), ("busy_s", "f8"), ("ready_s", "f8"), ("running_s", "f8"),
    ("replica_s", "f8"), ("open_s", "f8"), ("cold_starts", "i8"), ("recycles", "i8"),
    ("wasted", "i8"), ("drained", "i8"),
]  # fmt: skip

HUB = np.dtype([*_SETTINGS, *_MOVING], align=True)
REQUEST = np.dtype(
    [("arrival", "f8"), ("cpu", "f8"), ("wait", "f8"), ("latency", "f8"), ("outcome", "i8"),
     ("attempts", "i8")], align=True,
)  # fmt: skip
ATTEMPT = np.dtype(
    [("request", "i8"), ("start", "f8"), ("factor", "f8"), ("next", "i8"), ("replica", "i8"),
     ("worker", "i8"), ("proxy", "i8"), ("stage", "i8"), ("open", "i8")], align=True,
)  # fmt: skip
# `clock` of a replica runs at the speed of each of its busy processes; `busy` counts those. When
# all replicas are on the same processors (`pooled`), the first one's stand for all. `idle` is the
# attempt last served on a connection that the proxy keeps; that one's `next` the one before.
REPLICA = np.dtype(
    [("state", "i8"), ("generation", "i8"), ("zone", "i8"), ("alive", "i8"), ("busy", "i8"),
     ("cold", "i8"), ("bound", "i8"), ("due_worker", "i8"), ("idle", "i8"), ("turn", "i8"),
     ("clock", "f8"), ("clock_at", "f8"), ("due", "f8"), ("born", "f8")], align=True,
)  # fmt: skip
# `progress` of a worker is the processor time that each of its computing slots has had.
WORKER = np.dtype(
    [("held", "i8"), ("computing", "i8"), ("left", "i8"), ("away", "i8"), ("progress", "f8"),
     ("progress_at", "f8"), ("due", "f8")], align=True,
)  # fmt: skip
QUEUE = np.dtype([("head", "i8"), ("tail", "i8"), ("length", "i8")])
# Of a timer, or of a computing slot: `at` is then a progress, `index` the attempt.
TIMER = np.dtype([("at", "f8"), ("kind", "i8"), ("generation", "i8"), ("index", "i8")])
CONNECTION = np.dtype([("replica", "i8"), ("worker", "i8"), ("generation", "i8")])
ZONE = np.dtype([("live", "i8"), ("down", "i8")])
SECOND = np.dtype([("replicas", "f8"), ("ready", "f8"), ("busy", "f8"), ("open", "f8")])


class World(NamedTuple):
    """All of a replay's arrays; `due` is a tree of the replicas' next completions."""

    hub: Any
    requests: Any
    attempts: Any
    replicas: Any
    workers: Any
    queues: Any
    timers: Any
    slots: Any
    due: Any
    up: Any
    free: Any
    turns: Any
    outstanding: Any
    connections: Any
    zones: Any
    seconds: Any


WORLD = Group(World, (
    Rows(HUB), Rows(REQUEST), Rows(ATTEMPT), Rows(REPLICA), Rows(WORKER), Rows(QUEUE), Rows(TIMER),
    Rows(TIMER, axes=2), rows("f8[:]"), rows("i8*"), rows("i8*"), rows("i8*"), rows("i8[:,:]"),
    Rows(CONNECTION), Rows(ZONE), Rows(SECOND),
))  # fmt: skip


@inlined
def uniform(hub: Any) -> float:
    """The next chance in [0, 1): `mix` of a counter that goes on by the golden ratio."""
    hub.chance += np.uint64(0x9E3779B97F4A7C15)
    return float(mix(hub.chance) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def below(hub: Any, count: int) -> int:
    """A random whole number from 0 to `count` - 1."""
    return int(uniform(hub) * count)


@inlined
def push(heap: Any, size: int, at: float, kind: int, generation: int, index: int) -> None:
    """Put something into a heap of `size` in the order of `at`; the caller sees to the room."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap[parent].at <= at:
            break
        heap[place] = heap[parent]
        place = parent
    heap[place].at = at
    heap[place].kind = kind
    heap[place].generation = generation
    heap[place].index = index


@inlined
def drop(heap: Any, size: int) -> None:
    """Take the first out of a heap of `size`."""
    last = size - 1
    at, place = heap[last].at, 0
    while True:
        child = 2 * place + 1
        if child >= last:
            break
        if child + 1 < last and heap[child + 1].at < heap[child].at:
            child += 1
        if heap[child].at >= at:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = heap[last]


@inlined
def push_timer(w: World, at: float, kind: int, generation: int, index: int) -> None:
    """Set a timer."""
    hub = w.hub[0]
    push(w.timers, hub.timers, at, kind, generation, index)
    hub.timers += 1


@inlined
def set_due(tree: Any, replica: int, at: float) -> None:
    """Note when a replica's next computation ends; `tree[1]` is the earliest of all."""
    place = (tree.size >> 1) + replica
    tree[place] = at
    place >>= 1
    while place >= 1:
        earliest = min(tree[2 * place], tree[2 * place + 1])
        if tree[place] == earliest:
            break
        tree[place] = earliest
        place >>= 1


@inlined
def first_due(tree: Any) -> int:
    """The replica whose computation ends first."""
    leaves, place = tree.size >> 1, 1
    while place < leaves:
        left = 2 * place
        place = left if tree[left] == tree[place] else left + 1
    return int(place - leaves)
