"""How platforms decide the number of replicas: one code for the simulator and the local engine.

Every policy is a step `policy(state, now, ...) -> replicas wanted`. `state` is a small mutable
row of floats that the step updates: a list here, an array where numba compiles the step, so each
function stands alone and uses plain numbers only. Fresh states are `[0.0] * SIZE`, except
those of `per_request`, which start with a full bucket. A metric that was not measured is negative.
Replicas wanted are whole and always within `least` and `most`.

Where the rules are from (documentation as of 2026-11):
- target tracking, step: Application Auto Scaling user guide, "Target tracking scaling policies"
  and "Step scaling policies"; alarm shapes: aws/containers-roadmap#1208
- hpa: kubernetes/website horizontal-pod-autoscale.md; KEP-4951 (tolerance)
- knative: knative/serving config/core/configmaps/autoscaler.yaml, pkg/autoscaler/scaling
- per_request: AWS Lambda developer guide, scaling-behavior
- cloud_run: Cloud Run documentation, about-instance-autoscaling
"""

from __future__ import annotations

import math
from collections.abc import MutableSequence, Sequence

State = MutableSequence[float]

MARGIN_IN = 0.9
"""Target tracking scales in below 0.9 of the target ("normally more than 10% lower")."""
POINTS_OUT = 3
POINTS_IN = 15
"""Datapoints of one minute that an alarm of target tracking needs in a row."""
TOLERANCE = 0.1
STABLE_S = 300.0
RATE_PODS = 4.0
RATE_PERCENT = 100.0
"""HPA: no action within 10 %; in after 300 s; out by the larger of 4 pods and 100 % a period."""
PANIC_RATIO = 2.0
STABLE_WINDOW_S = 60.0
RATE_UP = 1000.0
RATE_DOWN = 2.0
GRACE_S = 30.0
"""Knative: panic at twice what is ready, stable window, growth and decay a tick, grace to zero."""
BURST = 1000.0
BURST_S = 10.0
IDLE_LAMBDA_S = 600.0
IDLE_CLOUD_RUN_S = 900.0
"""Lambda adds 1000 environments in 10 s. Idle ones stay about 10 min (SimFaaS; not documented) and
at most 15 min at Cloud Run."""

RING = 32
TRACKING_STATE = 6
STEP_STATE = 6
HPA_STATE = 2 + 2 * RING
KNATIVE_STATE = 4
REQUEST_STATE = 4 + 2 * RING
CLOUD_RUN_STATE = 2 + 2 * RING
NEVER = -1e18
NUDGE = 1e-9
"""Taken off before rounding up, so that 3.0000000000000004 is 3."""


def fixed(least: float, most: float) -> float:
    """Always the minimum."""
    return min(least, most)


def target_tracking(
    state: State, now: float, metric: float, desired: float,
    least: float, most: float, target: float, cooldown_out: float, cooldown_in: float,
) -> float:  # fmt: skip
    """One datapoint (a minute) of an AWS target tracking policy; call it every 60 s.

    Out after 3 datapoints of 3 above the target, in after 15 of 15 below 0.9 of it. Wanted is
    proportional and rounded up both ways, so a step in never ends above the target. During
    `cooldown_out` what the last step added counts as part of the next one; `cooldown_in` blocks
    further steps in, and a step out ends it. No metric: neither alarm has data, nothing happens.
    State: datapoints in a row above and below, time of the last step out and in, the replicas
    that the running cooldown has added, and 1 once begun.
    """
    if state[5] == 0.0:
        state[2] = NEVER
        state[3] = NEVER
        state[5] = 1.0
    state[0] = state[0] + 1.0 if metric > target else 0.0
    state[1] = state[1] + 1.0 if 0.0 <= metric < MARGIN_IN * target else 0.0
    if state[0] >= POINTS_OUT:
        credit = state[4] if now < state[2] + cooldown_out else 0.0
        wanted = float(math.ceil((desired - credit) * metric / target - NUDGE))
        wanted = max(least, min(most, wanted))
        if wanted > desired:
            state[2] = now
            state[3] = NEVER
            state[4] = credit + wanted - desired
            return wanted
    elif state[1] >= POINTS_IN and now >= state[3] + cooldown_in:
        wanted = float(math.ceil(desired * metric / target - NUDGE))
        wanted = max(least, min(most, wanted))
        if wanted < desired:
            state[3] = now
            return wanted
    return max(least, min(most, desired))


def step_scaling(
    state: State, now: float, metric: float, desired: float, least: float, most: float,
    steps: Sequence[Sequence[float]], cooldown_out: float, cooldown_in: float,
    points_out: float, points_in: float,
) -> float:  # fmt: skip
    """One datapoint of AWS step scaling; `steps` are (bound of the metric, change in replicas).

    A positive change acts at and above its bound, a negative one at and below. Of those that
    act, the largest change is taken. In the out cooldown only what exceeds the last step is
    added. State as in `target_tracking`.
    """
    if state[5] == 0.0:
        state[2] = NEVER
        state[3] = NEVER
        state[5] = 1.0
    add = 0.0
    remove = 0.0
    for i in range(len(steps)):
        bound = steps[i][0]
        change = steps[i][1]
        if change > 0.0 and metric >= bound:
            add = max(add, change)
        if change < 0.0 and 0.0 <= metric <= bound:
            remove = max(remove, -change)
    state[0] = state[0] + 1.0 if add > 0.0 else 0.0
    state[1] = state[1] + 1.0 if remove > 0.0 and add == 0.0 else 0.0
    if add > 0.0 and state[0] >= points_out:
        credit = state[4] if now < state[2] + cooldown_out else 0.0
        wanted = max(least, min(most, desired + max(0.0, add - credit)))
        if wanted > desired:
            state[2] = now
            state[3] = NEVER
            state[4] = credit + wanted - desired
            return wanted
    elif state[1] >= points_in and now >= state[3] + cooldown_in:
        wanted = max(least, min(most, desired - remove))
        if wanted < desired:
            state[3] = now
            return wanted
    return max(least, min(most, desired))


def hpa(
    state: State, now: float, metric: float, desired: float, ready: float,
    least: float, most: float, target: float,
) -> float:  # fmt: skip
    """One sync (15 s) of the Kubernetes HorizontalPodAutoscaler with its default behaviour.

    `metric` is the mean over ready pods. Pods that are not ready count as 0 % on the way out; no
    action if that turns the direction, or within the tolerance of 10 %. In: the highest
    recommendation of the last 300 s; out: at once, by max(4 pods, 100 %) a period of 15 s, which
    is the sync period, so a period starts at `desired`. State: a queue of (time, recommendation)
    that fall from its head on, so the head is the highest of the window; a full queue keeps the
    higher value for longer.
    """
    advice = desired
    if metric >= 0.0 and ready > 0.0:
        ratio = metric / target
        if ratio > 1.0 + TOLERANCE and desired > ready:
            spread = ratio * ready / desired
            if spread > 1.0 + TOLERANCE:
                advice = max(desired, float(math.ceil(spread * desired - NUDGE)))
        elif ratio > 1.0 + TOLERANCE or ratio < 1.0 - TOLERANCE:
            advice = float(math.ceil(ratio * ready - NUDGE))
    # Bounded already here, which changes nothing of what is decided but keeps the queue short.
    advice = max(least, min(most, advice))
    head = int(state[0])
    size = int(state[1])
    ring = (len(state) - 2) // 2
    while size > 0 and state[2 + head] <= now - STABLE_S:
        head = head + 1 if head + 1 < ring else 0
        size -= 1
    last = head + size if head + size < ring else head + size - ring
    while size > 0:
        before = last - 1 if last > 0 else ring - 1
        if state[2 + ring + before] > advice:
            break
        last = before
        size -= 1
    kept = advice
    if size == ring:
        size -= 1
        last = last - 1 if last > 0 else ring - 1
        kept = state[2 + ring + last]
    state[2 + last] = now
    state[2 + ring + last] = kept
    state[0] = float(head)
    state[1] = float(size + 1)
    wanted = max(desired, advice)
    if advice < desired:
        wanted = min(desired, state[2 + ring + head])
    limit = max(desired + RATE_PODS, float(math.ceil(desired * (1.0 + RATE_PERCENT / 100.0))))
    return max(least, min(most, min(wanted, limit)))


def knative(
    state: State, now: float, stable: float, panic: float, ready: float,
    least: float, most: float, target: float, start: float,
) -> float:  # fmt: skip
    """One tick (2 s) of the Knative pod autoscaler.

    `stable` and `panic` are the mean requests at once in the whole service, over 60 s and over
    6 s; `target` is per pod, with the utilisation of 70 % already in it. Panic begins when
    the panic window needs twice what is ready and ends when it did not for a stable window; in
    panic the number never falls. `start` is the number wanted before. State: in panic since
    (`NEVER`: not), most pods in panic, zero wanted since, and 1 once begun.
    """
    if stable < 0.0 or panic < 0.0:
        return max(least, min(most, start))
    if state[3] == 0.0:
        state[0] = NEVER
        state[2] = NEVER
        state[3] = 1.0
    base = max(1.0, ready)
    up = float(math.ceil(RATE_UP * base))
    down = float(math.floor(ready / RATE_DOWN))
    calm = min(max(float(math.ceil(stable / target - NUDGE)), down), up)
    rush_raw = float(math.ceil(panic / target - NUDGE))
    rush = min(max(rush_raw, down), up)
    if rush_raw / base >= PANIC_RATIO:
        if state[0] == NEVER:
            state[1] = 0.0
        state[0] = now
    elif state[0] != NEVER and now >= state[0] + STABLE_WINDOW_S:
        state[0] = NEVER
        state[1] = 0.0
    wanted = calm
    if state[0] != NEVER:
        state[1] = max(state[1], max(calm, rush), ready)
        wanted = state[1]
    if wanted > 0.0:
        state[2] = NEVER
    else:
        if state[2] == NEVER:
            state[2] = now
        if now < state[2] + GRACE_S:
            wanted = min(1.0, max(start, ready))
    return max(least, min(most, wanted))


def per_request(
    state: State, now: float, busy: float, present: float, least: float, most: float
) -> float:
    """Environments of a function that serves one request at a time (AWS Lambda).

    There are as many as requests at once (`busy`), but growth takes from a bucket of 1000 that
    refills by 100 a second; idle ones stay 600 s. State: head and size of the queue of `hpa`,
    tokens taken and not yet refilled, time, then the queue.
    """
    taken = max(0.0, state[2] - max(0.0, now - state[3]) * BURST / BURST_S)
    need = float(math.ceil(max(0.0, busy) - NUDGE))
    got = min(need, present + math.floor(BURST - taken))
    state[2] = taken + max(0.0, got - present)
    state[3] = now
    head = int(state[0])
    size = int(state[1])
    ring = (len(state) - 4) // 2
    while size > 0 and state[4 + head] <= now - IDLE_LAMBDA_S:
        head = head + 1 if head + 1 < ring else 0
        size -= 1
    last = head + size if head + size < ring else head + size - ring
    while size > 0:
        before = last - 1 if last > 0 else ring - 1
        if state[4 + ring + before] > got:
            break
        last = before
        size -= 1
    kept = got
    if size == ring:
        size -= 1
        last = last - 1 if last > 0 else ring - 1
        kept = state[4 + ring + last]
    state[4 + last] = now
    state[4 + ring + last] = kept
    state[0] = float(head)
    state[1] = float(size + 1)
    return max(least, min(most, state[4 + ring + head]))


def cloud_run(
    state: State, now: float, cpu: float, busy: float, vcpu: float, slots: float,
    least: float, most: float, target: float,
) -> float:  # fmt: skip
    """Instances of Cloud Run: the larger of what processors and what concurrency need.

    `cpu` is processors busy and `busy` requests at once in the whole service, means of a minute;
    `target` is the share aimed at of both (0.6 by default). Idle ones stay 15 min at most, taken
    as always. State: head and size of the queue of `hpa`, then the queue.
    """
    need = max(math.ceil(cpu / (vcpu * target) - NUDGE), math.ceil(busy / (slots * target) - NUDGE))
    advice = float(max(0, need))
    head = int(state[0])
    size = int(state[1])
    ring = (len(state) - 2) // 2
    while size > 0 and state[2 + head] <= now - IDLE_CLOUD_RUN_S:
        head = head + 1 if head + 1 < ring else 0
        size -= 1
    last = head + size if head + size < ring else head + size - ring
    while size > 0:
        before = last - 1 if last > 0 else ring - 1
        if state[2 + ring + before] > advice:
            break
        last = before
        size -= 1
    kept = advice
    if size == ring:
        size -= 1
        last = last - 1 if last > 0 else ring - 1
        kept = state[2 + ring + last]
    state[2 + last] = now
    state[2 + ring + last] = kept
    state[0] = float(head)
    state[1] = float(size + 1)
    return max(least, min(most, state[2 + ring + head]))
