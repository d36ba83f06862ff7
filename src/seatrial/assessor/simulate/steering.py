# Kernels take their types from the compiler: numba reads the arrays it is given.
"""How policies steer the fleet of a fluid year: what they see, and when they change nothing."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seatrial.assessor.simulate.borrowed import INNER
from seatrial.assessor.simulate.chance import mix
from seatrial.assessor.simulate.layout import (
    CAPACITY,
    CPU,
    DESIRED,
    FIXED,
    HIGHEST,
    HPA,
    IN,
    INSIDE,
    KIND,
    KNATIVE,
    LEAST,
    METRIC,
    MOST,
    NOISE,
    NORMALS,
    OUT,
    READY,
    RUN,
    SERVICE,
    SLOTS,
    SPOTS,
    STEP,
    TARGET,
    TICKS,
    TRACKING,
    VCPU,
)
from seatrial.kernel import policies

_track = njit(**INNER)(policies.target_tracking)
_step = njit(**INNER)(policies.step_scaling)
_hpa = njit(**INNER)(policies.hpa)
_knative = njit(**INNER)(policies.knative)
_run = njit(**INNER)(policies.cloud_run)

RING = policies.RING
STABLE_S, TOLERANCE, NUDGE = policies.STABLE_S, policies.TOLERANCE, policies.NUDGE
MARGIN_IN = policies.MARGIN_IN
POINTS_OUT, POINTS_IN = float(policies.POINTS_OUT), float(policies.POINTS_IN)
KNATIVE_STATE = policies.KNATIVE_STATE
_BYTE, _BYTES = np.uint64(0xFF), np.uint64(8)


@njit(**INNER)
def _inside(w, tables, served, backlog, ready):
    """Requests at once in the whole fleet, with those that wait."""
    if ready <= 0.0:
        return served * w[SERVICE] + backlog
    cell = tables[int(min(1.0, served / (ready * w[CAPACITY])) * (SPOTS - 1) + 0.5)]
    row = int(cell)
    part = cell - row
    at = INSIDE + row
    return ready * (tables[at] * (1.0 - part) + tables[at + 1] * part) + backlog


@njit(**INNER)
def shot_of(w, tables, served, span, minute, tick):
    """A factor about 1: what chance makes of the mean over a span, the same each time."""
    if served <= 0.0:
        return 1.0
    bits = mix(np.uint64(minute)) >> np.uint64(8 * tick)
    normal = tables[NORMALS + int(bits & _BYTE)]
    return max(0.0, 1.0 + normal * math.sqrt(w[NOISE] / (served * span)))


@njit(**INNER)
def _metric(w, tables, served, backlog, rate, ready):
    """What the policy sees of a replica in the mean; negative when there is none."""
    if ready <= 0.0:
        return -1.0
    if w[METRIC] == 0.0:
        return served * w[CPU] / (ready * w[VCPU])
    if w[METRIC] == 1.0:
        return rate * 60.0 / ready
    return _inside(w, tables, served, backlog, ready) / ready


@njit(**INNER)
def decide(state, w, steps, tables, minute, tick, span, served, backlog, rate, desired, ready):
    """One step of the fleet's policy. Knative's windows are exponential averages in its state."""
    kind = w[KIND]
    if kind == FIXED:
        return w[LEAST]
    now = minute * 60.0 + (tick + 1) * span
    shot = shot_of(w, tables, served, span, minute, tick)
    if kind in (KNATIVE, RUN):
        busy = _inside(w, tables, served, backlog, ready) * shot
        if kind == RUN:
            return _run(
                state, now, rate * w[CPU] * shot, busy, w[VCPU], w[SLOTS], w[LEAST], w[MOST],
                w[TARGET],
            )  # fmt: skip
        stable = state[KNATIVE_STATE]
        panic = state[KNATIVE_STATE + 1]
        stable += (busy - stable) * min(1.0, span / 60.0)
        panic += (busy - panic) * min(1.0, span / 6.0)
        state[KNATIVE_STATE] = stable
        state[KNATIVE_STATE + 1] = panic
        return _knative(state, now, stable, panic, ready, w[LEAST], w[MOST], w[TARGET], desired)
    metric = _metric(w, tables, served, backlog, rate, ready)
    metric = metric if metric < 0.0 else min(w[HIGHEST], metric * shot)
    if kind == TRACKING:
        return _track(state, now, metric, desired, w[LEAST], w[MOST], w[TARGET], w[OUT], w[IN])
    if kind == STEP:
        return _step(
            state, now, metric, desired, w[LEAST], w[MOST], steps, w[OUT], w[IN],
            POINTS_OUT, POINTS_IN,
        )  # fmt: skip
    return _hpa(state, now, metric, desired, ready, w[LEAST], w[MOST], w[TARGET])


@njit(**INNER)
def _still(rate, minute, w, state, tables):
    """Whether HPA leaves the number of replicas alone for a minute; its last step is then done.

    It does when no advice of the minute is above what runs, and one that is not below it is among
    them or stays in its window. Of the minute's steps the one of the highest advice is done.
    """
    desired, ticks = w[DESIRED], int(w[TICKS])
    metric = _metric(w, tables, rate, 0.0, rate, desired)
    bits = mix(np.uint64(minute))
    normal = tables[NORMALS + int(bits & _BYTE)]
    for _ in range(1, ticks):
        bits = bits >> _BYTES
        normal = max(normal, tables[NORMALS + int(bits & _BYTE)])
    shot = 1.0
    if rate > 0.0:
        shot = max(0.0, 1.0 + normal * math.sqrt(w[NOISE] * ticks / (rate * 60.0)))
    highest = min(w[HIGHEST], metric * shot)
    last = minute * 60.0 + 60.0
    ratio = highest / w[TARGET]
    advice = desired
    if ratio > 1.0 + TOLERANCE or ratio < 1.0 - TOLERANCE:
        advice = max(w[LEAST], min(w[MOST], math.ceil(ratio * desired - NUDGE)))
    head, size = int(state[0]), int(state[1])
    if size == 0 or advice > desired:
        return False
    if advice < desired and (
        state[2 + RING + head] < desired or state[2 + head] <= last - STABLE_S
    ):
        return False
    tail = head + size - 1 if head + size <= RING else head + size - 1 - RING
    if state[2 + RING + tail] == advice:
        state[2 + tail] = last
    else:
        _hpa(state, last, highest, desired, desired, w[LEAST], w[MOST], w[TARGET])
    return True


@njit(**INNER)
def quiet(rate, minute, w, state, tables):
    """Whether the policy does nothing in a calm minute but count, which is then done."""
    if w[KIND] == HPA:
        return _still(rate, minute, w, state, tables)
    if w[KIND] != TRACKING:
        return False
    metric = _metric(w, tables, rate, 0.0, rate, w[READY])
    metric = min(w[HIGHEST], metric * shot_of(w, tables, rate, 60.0, minute, 0))
    high = state[0] + 1.0 if metric > w[TARGET] else 0.0
    low = state[1] + 1.0 if metric < MARGIN_IN * w[TARGET] else 0.0
    if (high >= POINTS_OUT and w[DESIRED] < w[MOST]) or (
        low >= POINTS_IN and w[DESIRED] > w[LEAST] and minute * 60.0 + 60.0 >= state[3] + w[IN]
    ):
        return False
    state[0], state[1] = high, low
    return True
