"""How policies steer the fleet of a fluid year: what they see of it, and what they want."""

from __future__ import annotations

from seatrial.assessor.simulate.kernels import inlined
from seatrial.assessor.simulate.layout import (
    CHANCES,
    CPU,
    DRAWS,
    HIGHEST,
    IN,
    KIND,
    KNATIVE,
    LEAST,
    LOOKS,
    METRIC,
    MOST,
    NOISE,
    OUT,
    RUN,
    SEEN_BUSY,
    SEEN_CPU,
    SLOTS,
    STEP,
    TARGET,
    TRACKING,
    VCPU,
)
from seatrial.kernel import policies

# Called a few hundred thousand times a fleet: in place, without a call.
_track = inlined(policies.target_tracking)
_step = inlined(policies.step_scaling)
_hpa = inlined(policies.hpa)
_knative = inlined(policies.knative)
_run = inlined(policies.cloud_run)

POINT = 1.0
"""Datapoints that an alarm of step scaling needs, either way: as `replay_policy` has it."""
UNSTEADY_MOST = 2.0 / 3.0
"""Root of a ninth of a relative variance at most: a gamma variable's cube root is about normal up
to there."""
PEAK_MEAN, PEAK_SPREAD = 1.41, 1.10
"""Mean and deviation of the highest of six means of 6 s that end 2 s apart, in deviations of the
mean of those 12 s: Knative looks so often, and the steps here are of 12 s. Of white noise, 100,000
times."""


@inlined
def _factor(root, normal):
    """A factor of mean one, whose relative variance is 9 times the square of `root`.

    The cube of a normal variable, which is about gamma (Wilson and Hilferty, PNAS 17, 1931).
    """
    some = min(root, UNSTEADY_MOST)
    third = max(0.0, 1.0 - some * some + normal * some)
    return third * third * third


@inlined
def _mean(w, at, tick, value):
    """Keep a step's value, and the mean of those of the last minute."""
    w[at] += value - w[at + 1 + tick]
    w[at + 1 + tick] = value
    return w[at] / w[LOOKS]


@inlined
def decide(state, w, steps, chances, minute, tick, span, served, busy, common, own, rate, root,
           desired, ready):  # fmt: skip
    """What the policy wants after a step in which so many were served a second.

    `busy` are requests at once; `common` and `own` are what chance makes of their mean in a minute
    and in a step alone, for `_factor`, at one request a second; `root` is one over the root of the
    rate.
    """
    kind, line = w[KIND], (minute & (CHANCES - 1)) * DRAWS
    now = minute * 60.0 + (tick + 1) * span
    cpu = served * w[CPU]
    if kind in (KNATIVE, RUN) or w[METRIC] == 2.0:
        busy *= _factor(common * root, chances[line])
        normal = chances[line + 1 + tick]
        if kind == KNATIVE:
            peak = busy * _factor(own * root, PEAK_MEAN + PEAK_SPREAD * normal)
        busy *= _factor(own * root, normal)
    if kind != KNATIVE and w[METRIC] < 2.0:
        shot = _factor(w[NOISE] * root, chances[line + 1 + tick])
        cpu *= shot
        rate *= shot
    if kind == KNATIVE:
        stable = _mean(w, SEEN_BUSY, tick, busy)
        return _knative(state, now, stable, peak, ready, w[LEAST], w[MOST], w[TARGET], desired)
    if kind == RUN:
        return _run(
            state, now, _mean(w, SEEN_CPU, tick, cpu), _mean(w, SEEN_BUSY, tick, busy), w[VCPU],
            w[SLOTS], w[LEAST], w[MOST], w[TARGET],
        )  # fmt: skip
    metric = -1.0
    if ready > 0.0:
        if w[METRIC] == 0.0:
            metric = min(w[HIGHEST], cpu / (ready * w[VCPU]))
        elif w[METRIC] == 1.0:
            metric = rate * 60.0 / ready
        else:
            metric = busy / ready
    if kind == TRACKING:
        return _track(state, now, metric, desired, w[LEAST], w[MOST], w[TARGET], w[OUT], w[IN])
    if kind == STEP:
        return _step(
            state, now, metric, desired, w[LEAST], w[MOST], steps, w[OUT], w[IN], POINT, POINT
        )
    return _hpa(state, now, metric, desired, ready, w[LEAST], w[MOST], w[TARGET])
