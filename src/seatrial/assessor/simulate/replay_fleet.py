"""How a replay gets and loses replicas: starts, idle ends, scaling, drains, lost zones."""

from __future__ import annotations

import numpy as np

from seatrial.assessor.simulate.kernels import kernel, part
from seatrial.assessor.simulate.replay_serve import clear_workers, release, settle, vacate
from seatrial.assessor.simulate.replay_state import (
    DRAINING,
    FAILED,
    NOBODY,
    OVER,
    READY,
    STARTING,
    T_READY,
    WORLD,
    World,
    push_timer,
    set_due,
)

START, SCALE, LOSE_ZONE = 0, 1, 2
"""What `change` does."""


@part
def leave_up(w: World, r: int) -> None:
    """Take a replica off the balancer's list, keeping the others' order."""
    hub, place = w.hub[0], 0
    while w.up[place] != r:
        place += 1
    hub.ready -= 1
    for later in range(place, hub.ready):
        w.up[later] = w.up[later + 1]


@part
def start(w: World, delay_s: float) -> int:
    """Start one replica in the zone that has fewest; nobody when no place is free."""
    hub, zone = w.hub[0], NOBODY
    for other in range(w.zones.size):
        if w.zones[other].down == 0 and (
            zone == NOBODY or w.zones[other].live < w.zones[zone].live
        ):
            zone = other
    if hub.free == 0 or zone == NOBODY:
        return NOBODY
    hub.free -= 1
    r = int(w.free[hub.free])
    replica = w.replicas[r]
    replica.state, replica.zone, replica.born = STARTING, zone, hub.now
    replica.generation += 1
    replica.bound, replica.cold, replica.alive, replica.busy = NOBODY, hub.warmup_requests, 0, 0
    replica.idle = NOBODY
    w.zones[zone].live += 1
    w.outstanding[:, r] = 0
    clear_workers(w, r)
    hub.starting += 1
    push_timer(w, hub.now + delay_s, T_READY, replica.generation, r)
    return r


@part
def start_cold(w: World) -> int:
    """Start one replica as scaling does, with a cold start."""
    r = start(w, w.hub[0].start_s)
    if r != NOBODY:
        w.hub[0].cold_starts += 1
    return int(r)


@part
def expire(w: World, r: int, generation: int) -> None:
    """An instance of a function that was idle for long is taken away."""
    hub, replica = w.hub[0], w.replicas[r]
    idle = replica.generation == generation and replica.state == READY and replica.alive == 0
    if idle and hub.ready + hub.occupied + hub.starting > hub.replicas_min:
        leave_up(w, r)
        vacate(w, r)


@part
def choose_leaver(w: World, state: int) -> int:
    """The youngest replica in `state`, of the zone that has most; nobody when there is none."""
    chosen = NOBODY
    for r in range(w.replicas.size):
        if w.replicas[r].state != state:
            continue
        if chosen == NOBODY:
            chosen = r
            continue
        here, there = w.zones[w.replicas[r].zone].live, w.zones[w.replicas[chosen].zone].live
        younger = w.replicas[r].born > w.replicas[chosen].born
        if here > there or (here == there and younger):
            chosen = r
    return chosen


@part
def scale(w: World, desired: int) -> None:
    """Start replicas, or take some away: those that still start first, then by draining.

    A draining replica gets nothing new and serves what it has, so nothing is lost.
    """
    hub = w.hub[0]
    while hub.ready + hub.starting < desired:
        if start_cold(w) == NOBODY:
            return
    while hub.ready + hub.starting > desired:
        r = choose_leaver(w, STARTING)
        if r != NOBODY:
            hub.starting -= 1
            vacate(w, r)
            continue
        r = choose_leaver(w, READY)
        leave_up(w, r)
        w.replicas[r].state = DRAINING
        hub.draining += 1
        release(w, r)


@part
def kill(w: World, r: int) -> None:
    """Replica `r` is lost with all it has; the clients see a failure at once."""
    hub, replica = w.hub[0], w.replicas[r]
    if replica.state == READY and not (hub.per_request and replica.alive > 0):
        leave_up(w, r)
    elif replica.state == READY:
        hub.occupied -= 1
    elif replica.state == STARTING:
        hub.starting -= 1
    elif replica.state == DRAINING:
        hub.draining -= 1
    for a in range(hub.attempts):
        if w.attempts[a].replica == r and w.attempts[a].stage != OVER:
            w.attempts[a].stage = OVER
            hub.alive -= 1
            if w.attempts[a].open:
                settle(w, a, FAILED)
    hub.computing -= min(float(replica.busy), hub.vcpu)
    replica.busy, replica.alive, replica.due = 0, 0, np.inf
    set_due(w.due, r, np.inf)
    clear_workers(w, r)
    vacate(w, r)


@part
def lose_zone(w: World, zone: int) -> None:
    """Every replica of a zone is lost, and none starts there until it is back."""
    w.zones[zone].down = 1
    for r in range(w.replicas.size):
        if w.replicas[r].state > 0 and w.replicas[r].zone == zone:
            kill(w, r)


@kernel(WORLD, "i8", "i8")
def change(w: World, what: int, number: int) -> None:
    """Start `number` warm replicas, have so many from now on, or lose the zone of that number."""
    if what == START:
        for _ in range(number):
            r = start(w, 0.0)
            w.replicas[r].cold = 0
    elif what == SCALE:
        scale(w, number)
    else:
        lose_zone(w, number)
