"""What happens to a fleet in `lanes` between requests: scaling policy, starts, ends, accounts."""

from __future__ import annotations

import numpy as np

from seatrial.assessor.simulate.kernels import part
from seatrial.kernel import policies

FIXED, TRACKING, STEP, HPA, KNATIVE, CLOUD_RUN = range(6)
CPU, REQUESTS, CONCURRENCY = range(3)

# Settings of a lane, whole numbers.
KIND, METRIC, LEAST, MOST, QUEUES, SLOTS, ROUND_ROBIN, CONTENDED, COLD_REQUESTS = range(9)
WHOLES = 9
# Settings of a lane, real numbers.
(
    TARGET, PERIOD_S, OUT_S, IN_S, START_S, PROCESSORS, LONGEST_WAIT_S, ALONE, PER_LOCK,
    COLD_FACTOR,
) = range(10)  # fmt: skip
REALS = 10

# Where a run is, whole numbers: its lane, window, next request and end, replicas that answer and
# that start, whose turn it is, groups of starts, how many replicas' columns are in use.
LANE, WINDOW, AT, UNTIL, READY, STARTING, TURN, GROUPS, HIGHEST, DONE = range(10)
PLACES = 10
# Where a run is, real numbers: accounted until, next decision, last decision; busy time and
# processor time of slots not yet over; since the last decision: slots' busy time, waiting,
# processor time, requests; replica-seconds and most replicas; since when it counts, its end.
(
    NOW, DECIDE, DECIDED, POOL_S, POOL_CPU_S, BUSY_S, WAIT_S, CPU_S, ASKED, REPLICA_S, PEAK,
    COUNTS_FROM, ENDS,
) = range(13)  # fmt: skip
SUMS = 13

STATE = policies.HPA_STATE
RING = 32
MEMORY = STATE + 2 * RING + 1
"""The policy's own state, then two rings of metrics and the number of decisions."""
GROUPS_MOST = 64
POINTS = 1.0
"""Datapoints a step scaling alarm needs either way."""
STABLE_DECISIONS, PANIC_DECISIONS, CLOUD_DECISIONS = 30, 3, 12
"""Knative means over 60 s and 6 s by 2 s, Cloud Run means over 60 s by 5 s."""

_tracking = part(policies.target_tracking)
_step = part(policies.step_scaling)
_hpa = part(policies.hpa)
_knative = part(policies.knative)
_cloud_run = part(policies.cloud_run)


@part
def _mean(ring, decisions, window):
    """Mean of the last `window` entries of a ring, of those that there are."""
    count = min(window, decisions)
    total = 0.0
    for back in range(count):
        total += ring[(decisions - 1 - back) % RING]
    return total / count


@part
def _wanted(whole, real, steps, memory, now, desired, ready, metric, cpu, flight):
    """Replicas that the policy wants; `metric` is per replica, `cpu` and `flight` of the fleet."""
    least, most, target = float(whole[LEAST]), float(whole[MOST]), real[TARGET]
    state = memory[:STATE]
    kind = whole[KIND]
    if kind == TRACKING:
        return _tracking(state, now, metric, desired, least, most, target, real[OUT_S], real[IN_S])
    if kind == STEP:
        return _step(
            state, now, metric, desired, least, most, steps, real[OUT_S], real[IN_S],
            POINTS, POINTS,
        )  # fmt: skip
    if kind == HPA:
        return _hpa(state, now, metric, desired, ready, least, most, target)
    decisions = int(memory[MEMORY - 1]) + 1
    memory[MEMORY - 1] = decisions
    first, second = memory[STATE : STATE + RING], memory[STATE + RING : STATE + 2 * RING]
    first[(decisions - 1) % RING] = cpu
    second[(decisions - 1) % RING] = flight
    if kind == KNATIVE:
        stable = _mean(second, decisions, np.int64(STABLE_DECISIONS))
        panic = _mean(second, decisions, np.int64(PANIC_DECISIONS))
        return _knative(state, now, stable, panic, ready, least, most, target, desired)
    slots = float(whole[QUEUES] * whole[SLOTS])
    return _cloud_run(
        state, now, _mean(first, decisions, np.int64(CLOUD_DECISIONS)),
        _mean(second, decisions, np.int64(CLOUD_DECISIONS)), real[PROCESSORS], slots, least, most,
        target,
    )  # fmt: skip


@part
def account(place, sums, now):
    """Charge the replicas there are until `now`, as far as the window counts."""
    since = max(sums[NOW], sums[COUNTS_FROM])
    until = max(now, sums[COUNTS_FROM])
    replicas = place[READY] + place[STARTING]
    sums[REPLICA_S] += replicas * (until - since)
    if until > since:
        sums[PEAK] = max(sums[PEAK], float(replicas))
    sums[NOW] = now


@part
def bring_up(place, whole, starts, free, asked):
    """The oldest group of starts answers from now on; its slots are free from when it is ready."""
    ready_s, count = starts[0, 0], int(starts[0, 1])
    queues, slots = whole[QUEUES], whole[SLOTS]
    for column in range(place[READY] * queues, (place[READY] + count) * queues):
        free[column, :slots] = ready_s
        free[column, slots:] = np.inf
        asked[column] = 0
    place[READY] += count
    place[STARTING] -= count
    place[HIGHEST] = max(place[HIGHEST], place[READY])
    place[GROUPS] -= 1
    for group in range(place[GROUPS]):
        starts[group, 0] = starts[group + 1, 0]
        starts[group, 1] = starts[group + 1, 1]


@part
def ask_for(place, starts, ready_s, count):
    """Start `count` replicas, to be ready at `ready_s`."""
    if place[GROUPS] == GROUPS_MOST:
        starts[GROUPS_MOST - 1, 1] += count
    else:
        starts[place[GROUPS], 0] = ready_s
        starts[place[GROUPS], 1] = count
        place[GROUPS] += 1
    place[STARTING] += count


@part
def _take_away(place, whole, sums, starts, free, now, count):
    """The newest go first: those that still start, then those that answer, once they are idle."""
    while count > 0 and place[GROUPS] > 0:
        last = place[GROUPS] - 1
        taken = min(count, int(starts[last, 1]))
        starts[last, 1] -= taken
        place[STARTING] -= taken
        count -= taken
        if starts[last, 1] == 0.0:
            place[GROUPS] = last
    queues, slots = whole[QUEUES], whole[SLOTS]
    for _ in range(count):
        place[READY] -= 1
        idle = now
        for column in range(place[READY] * queues, (place[READY] + 1) * queues):
            idle = max(idle, free[column, slots - 1])
        sums[REPLICA_S] += max(0.0, idle - max(now, sums[COUNTS_FROM]))


@part
def _decide(place, sums, whole, real, steps, memory, starts, free):
    """One decision of the policy on what the fleet did since the last.

    Slots are busy for what requests took of them, less what of it lies ahead; processors in
    proportion to that. Nothing is lost: what lies ahead is counted next time.
    """
    now = sums[DECIDE]
    ahead = 0.0
    queues, slots = whole[QUEUES], whole[SLOTS]
    for column in range(place[HIGHEST] * queues):
        for slot in range(slots):
            ahead += max(0.0, free[column, slot] - now)
    pool, pool_cpu = sums[POOL_S] + sums[BUSY_S], sums[POOL_CPU_S] + sums[CPU_S]
    ahead = min(ahead, pool)
    busy = pool - ahead
    cpu = pool_cpu * busy / pool if pool > 0.0 else 0.0
    span = now - sums[DECIDED]
    ready = float(place[READY])
    flight = (busy + sums[WAIT_S]) / span
    metric = -1.0
    if ready > 0.0:
        if whole[METRIC] == CPU:
            metric = cpu / (span * ready * real[PROCESSORS])
        elif whole[METRIC] == REQUESTS:
            metric = sums[ASKED] * 60.0 / (span * ready)
        else:
            metric = flight / ready
    sums[POOL_S], sums[POOL_CPU_S] = ahead, pool_cpu - cpu
    sums[BUSY_S], sums[WAIT_S], sums[CPU_S], sums[ASKED] = 0.0, 0.0, 0.0, 0.0
    sums[DECIDED] = now
    sums[DECIDE] = now + real[PERIOD_S]
    desired = place[READY] + place[STARTING]
    wanted = int(_wanted(
        whole, real, steps, memory, now, float(desired), ready, metric, cpu / span, flight
    ))  # fmt: skip
    if wanted > desired:
        ask_for(place, starts, now + real[START_S], wanted - desired)
    elif wanted < desired:
        _take_away(place, whole, sums, starts, free, now, desired - wanted)


@part
def next_change(place, sums, starts):
    """When the number of replicas may change next."""
    if place[GROUPS] > 0:
        return min(sums[DECIDE], starts[0, 0])
    return sums[DECIDE]


@part
def settle(place, sums, whole, real, steps, memory, starts, free, asked, until):
    """All that happens to the fleet up to and at `until`."""
    while True:
        change = next_change(place, sums, starts)
        if change > until:
            break
        account(place, sums, change)
        if place[GROUPS] > 0 and starts[0, 0] <= change:
            bring_up(place, whole, starts, free, asked)
        else:
            _decide(place, sums, whole, real, steps, memory, starts, free)
    if place[READY] > 0 and place[TURN] >= place[READY]:
        place[TURN] = 0


@part
def wake(place, sums, whole, real, starts, free, asked, now):
    """A request finds no replica: it waits for the next one, which is asked for if need be."""
    account(place, sums, now)
    if place[GROUPS] == 0:
        ask_for(place, starts, now + real[START_S], np.int64(1))
    bring_up(place, whole, starts, free, asked)
    place[TURN] = 0
