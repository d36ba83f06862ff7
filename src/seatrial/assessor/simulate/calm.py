"""The compiled year of one fleet: calm minutes in tight runs, all others by `minutes.busy`.

A minute is calm when all replicas that are asked for are ready and serve it with room. Then the
policy's step is most of the work, and is left out where it provably changes nothing: the year
is the one that stepping every tick gives.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seatrial.assessor.simulate.minutes import (
    ARRIVED,
    CAPACITY,
    FAST,
    HOURS,
    IN,
    KIND,
    LEAST,
    LEFT,
    LOST,
    METRIC,
    MOST,
    OUT,
    PEAK,
    PENDING,
    REPLICA_S,
    RING,
    SERVED,
    SERVICE,
    START,
    STATE,
    TARGET,
    TICKS,
    busy,
    class_of,
    count,
    function,
    hpa,
    metric_of,
    resize,
    track,
)
from seatrial.kernel import policies

STABLE_S, TOLERANCE, NUDGE = policies.STABLE_S, policies.TOLERANCE, policies.NUDGE
MARGIN_IN, POINTS_OUT, POINTS_IN = policies.MARGIN_IN, policies.POINTS_OUT, policies.POINTS_IN


@njit(**FAST, inline="always")
def _still(state, advice, desired, last):
    """Whether HPA with this advice leaves `desired` alone until `last`: 0 no, 1 and seen, 2 yes.

    It does when the advice is what runs, or when an advice at least what runs stays in the window.
    An advice that repeats the last one is marked as seen at `last`.
    """
    head, size = int(state[0]), int(state[1])
    if size == 0:
        return 0
    if advice != desired and (
        advice > desired or state[2 + RING + head] < desired or state[2 + head] <= last - STABLE_S
    ):
        return 0
    tail = head + size - 1 if head + size <= RING else head + size - 1 - RING
    if state[2 + RING + tail] != advice:
        return 2
    state[2 + tail] = last
    return 1


@njit(**FAST)
def _calm_fixed(rates, minute, end, p, desired, level):
    """Minutes that a fixed number serves with room; the first that it does not."""
    capacity = desired * p[CAPACITY]
    scale = 1.0 / capacity
    while minute < end and rates[minute] < capacity:
        count(level, rates[minute] * scale, rates[minute] * 60.0)
        minute += 1
    return minute, 0, desired


@njit(**FAST)
def _calm_track(rates, minute, end, p, desired, level, state):
    """Calm minutes under target tracking, up to one that changes the number of replicas."""
    capacity = desired * p[CAPACITY]
    scale = 1.0 / capacity
    least, most, target, out, back = p[LEAST], p[MOST], p[TARGET], p[OUT], p[IN]
    metric = metric_of(p, 1.0, 0.0, 1.0, desired)
    highest = 1.0 if p[METRIC] == 0.0 else np.inf
    wanted = desired
    high, low = state[0], state[1]
    while minute < end and wanted == desired:
        rate = rates[minute]
        if rate >= capacity:
            break
        count(level, rate * scale, rate * 60.0)
        minute += 1
        seen = min(highest, rate * metric)
        high = high + 1.0 if seen > target else 0.0
        low = low + 1.0 if seen < MARGIN_IN * target else 0.0
        # Below these counts, and at the bounds, the policy does nothing but count.
        if (high >= POINTS_OUT and desired < most) or (low >= POINTS_IN and desired > least):
            state[0] = max(0.0, high - 1.0)
            state[1] = max(0.0, low - 1.0)
            wanted = track(state, minute * 60.0, seen, desired, least, most, target, out, back)
    state[0], state[1] = high, low
    return minute, 0, wanted


@njit(**FAST)
def _calm_hpa(rates, minute, end, p, desired, level, state):
    """Calm minutes under HPA, and ticks of a last one, in which it begins to move."""
    capacity = desired * p[CAPACITY]
    scale = 1.0 / capacity
    least, most, target = p[LEAST], p[MOST], p[TARGET]
    metric = metric_of(p, 1.0, 0.0, 1.0, desired)
    highest = 1.0 if p[METRIC] == 0.0 else np.inf
    ticks = int(p[TICKS])
    span = 60.0 / ticks
    while minute < end:
        rate = rates[minute]
        if rate >= capacity:
            break
        seen = min(highest, rate * metric)
        last = minute * 60.0 + 60.0
        ratio = seen / target
        advice = desired
        if ratio > 1.0 + TOLERANCE or ratio < 1.0 - TOLERANCE:
            advice = max(least, min(most, math.ceil(ratio * desired - NUDGE)))
        still = _still(state, advice, desired, last)
        tick = ticks
        if still > 0:
            count(level, rate * scale, rate * 60.0)
            if still == 2:
                hpa(state, last, seen, desired, desired, least, most, target)
        else:
            tick = 0
        while tick < ticks:
            tick += 1
            count(level, rate * scale, rate * span)
            now = minute * 60.0 + tick * span
            wanted = hpa(state, now, seen, desired, desired, least, most, target)
            if wanted != desired:
                return minute + tick // ticks, tick % ticks, wanted
        minute += 1
    return minute, 0, desired


@njit(**FAST)
def _functions(rates, begin, state, p, calm, late, fluid, fleet):
    """An hour of `function`; returns what is lost."""
    lost = 0.0
    for minute in range(begin, begin + 60):
        present, served, gone = function(
            state, p, calm[0], late, fluid, rates[minute], minute * 60.0, fleet[0]
        )
        fleet[0] = present
        fleet[2] += max(served * p[SERVICE], p[LEAST] * 60.0)
        fleet[3] += served
        fleet[4] = max(fleet[4], present)
        lost += gone
    return lost


@njit(**FAST)
def _hour(rates, begin, state, p, steps, calm, late, fluid, due, joins, fleet):
    """Sixty minutes, calm ones in runs; returns what is lost in them."""
    kind = p[KIND]
    if kind == 5.0:
        return _functions(rates, begin, state, p, calm, late, fluid, fleet)
    lost = 0.0
    minute, tick = begin, 0
    while minute < begin + 60:
        desired = fleet[0]
        idle = fluid[0] <= 0.0 and fluid[1] <= 0.0 and joins[PENDING] == 0.0
        if tick == 0 and idle and desired == fleet[1] and desired > 0.0:
            first, wanted = minute, desired
            level = calm[class_of(desired)]
            if kind == 0.0:
                minute, tick, wanted = _calm_fixed(rates, first, begin + 60, p, desired, level)
            elif kind == 1.0:
                minute, tick, wanted = _calm_track(
                    rates, first, begin + 60, p, desired, level, state
                )
            elif kind == 3.0:
                minute, tick, wanted = _calm_hpa(rates, first, begin + 60, p, desired, level, state)
            part = tick / p[TICKS]
            fleet[3] += rates[first:minute].sum() * 60.0
            if tick > 0:
                fleet[3] += rates[minute] * part * 60.0
            fleet[2] += desired * (minute - first + part) * 60.0
            if wanted != desired:
                at = (minute + part) * 60.0 + p[START]
                fleet[1] = resize(due, joins, fleet[1], wanted, desired, at)
                fleet[0] = wanted
                fleet[4] = max(fleet[4], wanted)
                continue
            if minute == begin + 60:
                break
        minute, gone = busy(
            rates, minute, begin + 60, tick, state, p, steps, calm, late, fluid, due, joins, fleet
        )
        lost += gone
        tick = 0
    return lost


@njit(**FAST)
def one(rates, p, steps, calm, late, hours, totals):
    """One fleet through the year. `calm[hour, class, level]`, `late[hour, wait]` count requests;

    `hours[hour]` gets arrived, lost and replica-seconds of the hours of the week.
    """
    # A queue takes what its state leaves, and `_still` knows the queue of `hpa`.
    state = np.zeros(policies.HPA_STATE if p[KIND] == 3.0 else STATE)
    due, joins = np.zeros(PENDING), np.zeros(PENDING + 1)
    fluid = np.zeros(5)
    fleet = np.zeros(5)
    fleet[0] = fleet[1] = fleet[4] = p[LEAST]
    for begin in range(0, rates.size, 60):
        hour = (begin // 60) % HOURS
        held = fleet[2]
        lost = _hour(
            rates, begin, state, p, steps, calm[hour], late[hour], fluid, due, joins, fleet
        )
        came = rates[begin : begin + 60].sum() * 60.0
        hours[hour, 0] += came
        hours[hour, 1] += lost
        hours[hour, 2] += fleet[2] - held
        totals[ARRIVED] += came
        totals[LOST] += lost
    totals[SERVED] = fleet[3]
    totals[REPLICA_S] = fleet[2]
    totals[PEAK] = fleet[4]
    totals[LEFT] = fluid[0] + fluid[1]
