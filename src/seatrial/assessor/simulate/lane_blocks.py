"""A block of runs in `lanes`: requests to columns, and columns through the hot loops.

A run is one design in one window. Between two changes of its fleet a request's queue follows
from its number alone, so requests are dealt to columns first, and the columns of all the runs of
a block are then served together. A block runs without Python's lock and writes only what is its
own, so blocks run on threads, and the same bits come out on any number of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.simulate import lane_columns as hot
from seatrial.assessor.simulate import lane_scaling as fleet
from seatrial.assessor.simulate.kernels import Group, kernel, part, rows
from seatrial.assessor.simulate.lane_columns import ROOM

STEPS = 128
"""Requests of a column that are served in one go."""


@part
def _deal_rows(ready, turn, n, until, first, numbers):
    """Deal requests by turns to `ready` columns that are a queue each, rows at a time."""
    rows = min(STEPS, (until - n) // ready)
    for row in range(rows):
        at = row * ROOM + first
        next_one = n + row * ready - turn
        for k in range(turn, ready):
            numbers[at + k] = next_one + k
        for k in range(turn):
            numbers[at + k] = next_one + ready + k
    return rows


@part
def _first_from(times, low, high, before):
    """The first of the sorted `times` from number `low` to `high` that is not before `before`."""
    while low < high:
        middle = (low + high) // 2
        if times[middle] < before:
            low = middle + 1
        else:
            high = middle
    return low


@part
def _deal(place, setting, times, pick, before, first, numbers, counts):
    """Deal requests that come before `before` to the columns from `first` on, until one is full."""
    queues, ready, turn = setting[fleet.QUEUES], place[fleet.READY], place[fleet.TURN]
    by_turns = setting[fleet.ROUND_ROBIN] == 1
    began = place[fleet.AT]
    # No more than these fit, so only these can be dealt.
    until = min(place[fleet.UNTIL], began + STEPS * ready * queues)
    if times[until - 1] >= before:
        until = _first_from(times, began, until, before)
    n = began
    if by_turns and queues == 1:
        rows = _deal_rows(ready, turn, n, until, first, numbers)
        n += rows * ready
        for k in range(first, first + ready):
            counts[k] = rows
    while n < until:
        if by_turns:
            column = first + turn * queues + ((pick[n] * queues) >> 32)
        else:
            column = first + ((pick[n] * queues * ready) >> 32)
        step = counts[column]
        if step == STEPS:
            break
        numbers[step * ROOM + column] = n
        counts[column] = step + 1
        turn = turn + 1 if turn + 1 < ready else 0
        n += 1
    place[fleet.AT], place[fleet.TURN] = n, turn
    return n - began


@part
def _load(place, sums, setting, law, omega, now, home, asked, slots, base, first, real, whole):
    """Copy a run's queues to the columns from `first` on, with what the hot loops need of it."""
    columns = place[fleet.READY] * setting[fleet.QUEUES]
    others = 0.0
    if setting[fleet.QUEUES] > 1 and setting[fleet.CONTENDED] == 1:
        for at in range(columns):
            for slot in range(setting[fleet.SLOTS]):
                others += 1.0 if home[at, slot] > now else 0.0
        others *= (setting[fleet.QUEUES] - 1) / columns
    for at in range(columns):
        k = first + at
        for slot in range(slots):
            real[hot.FREE + slot * ROOM + k] = home[at, slot]
        whole[hot.STEPS_OF + k] = 0
        whole[hot.BASE + k] = base
        real[hot.FACTOR + k] = law[fleet.ALONE]
        real[hot.TIMEOUT_S + k] = law[fleet.LONGEST_WAIT_S]
        real[hot.COUNTS_FROM_S + k] = sums[fleet.COUNTS_FROM]
        real[hot.LEFT + k] = setting[fleet.COLD_REQUESTS] - asked[at]
        real[hot.COLD_FACTOR + k] = law[fleet.COLD_FACTOR]
        real[hot.VCPU + k] = law[fleet.PROCESSORS]
        real[hot.OTHERS + k] = others
        real[hot.LOCK + k] = law[fleet.PER_LOCK]
        real[hot.OMEGA + k] = omega
        real[hot.PADS + k] = slots - setting[fleet.SLOTS]
        real[hot.BUSY_S + k] = 0.0
        real[hot.WAIT_S + k] = 0.0
        real[hot.CPU_S + k] = 0.0
    return columns


@part
def _store(place, sums, setting, home, asked, slots, first, real, whole):
    """Take a run's queues back from its columns, and what was counted in them."""
    for at in range(place[fleet.READY] * setting[fleet.QUEUES]):
        k = first + at
        for slot in range(slots):
            home[at, slot] = real[hot.FREE + slot * ROOM + k]
        asked[at] += whole[hot.STEPS_OF + k]
        sums[fleet.BUSY_S] += real[hot.BUSY_S + k]
        sums[fleet.WAIT_S] += real[hot.WAIT_S + k]
        sums[fleet.CPU_S] += real[hot.CPU_S + k]


@part
def _begin(run, setting, law, spans, bounds, initial, place, sums, home, asked):
    """A run at the beginning of its window: its replicas are there, idle and warm."""
    window = run % spans.shape[0]
    place[fleet.LANE], place[fleet.WINDOW] = run // spans.shape[0], window
    place[fleet.AT], place[fleet.UNTIL] = spans[window, 0], spans[window, 1]
    place[fleet.READY], place[fleet.HIGHEST] = initial[run], initial[run]
    begin = bounds[window, 0]
    sums[fleet.NOW], sums[fleet.DECIDED], sums[fleet.DECIDE] = begin, begin, np.inf
    sums[fleet.COUNTS_FROM], sums[fleet.ENDS] = bounds[window, 1], bounds[window, 2]
    if setting[fleet.KIND] != fleet.FIXED:
        sums[fleet.DECIDE] = begin + law[fleet.PERIOD_S]
    for column in range(home.shape[0]):
        asked[column] = setting[fleet.COLD_REQUESTS]
        for slot in range(home.shape[1]):
            home[column, slot] = begin if slot < setting[fleet.SLOTS] else np.inf


@part
def _advance(run, used, spans, times, pick, omega, setting, law, steps, memory, starts, place,
             sums, home, asked, slots, real, whole, numbers):  # fmt: skip
    """Bring one run to its next requests and deal them; columns used, -1 full, -2 over."""
    over = place[fleet.AT] == place[fleet.UNTIL]
    now = sums[fleet.ENDS] if over else times[place[fleet.AT]]
    fleet.settle(place, sums, setting, law, steps, memory, starts, home, asked, now)
    if over:
        fleet.account(place, sums, now)
        place[fleet.DONE] = 1
        return -2
    if place[fleet.READY] == 0:
        fleet.wake(place, sums, setting, law, starts, home, asked, now)
    if used + place[fleet.READY] * setting[fleet.QUEUES] > ROOM:
        return -1
    columns = _load(place, sums, setting, law, omega, now, home, asked, slots, run * hot.ROW,
                    used, real, whole)  # fmt: skip
    change = fleet.next_change(place, sums, starts)
    counts = whole[hot.STEPS_OF : hot.STEPS_OF + ROOM]
    sums[fleet.ASKED] += _deal(place, setting, times, pick, change, used, numbers, counts)
    return columns


class Given(NamedTuple):
    """What all blocks share.

    `spans` (windows, 2) are first and last request, `bounds` (windows, 3) begin, counting and end;
    `histogram`, `replica_s` and `peak` have a place for every run, and only those change.
    """

    spans: npt.NDArray[np.int64]
    bounds: npt.NDArray[np.float64]
    times: npt.NDArray[np.float64]
    cpu: npt.NDArray[np.float64]
    wait: npt.NDArray[np.float64]
    pick: npt.NDArray[np.int64]
    settings: npt.NDArray[np.int64]
    laws: npt.NDArray[np.float64]
    steps: npt.NDArray[np.float64]
    initial: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.int32]
    replica_s: npt.NDArray[np.float64]
    peak: npt.NDArray[np.float64]


class Space(NamedTuple):
    """Memory of a block, as `space` makes it: places of its runs, and the columns."""

    place: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]
    home: npt.NDArray[np.float64]
    asked: npt.NDArray[np.int64]
    starts: npt.NDArray[np.float64]
    memory: npt.NDArray[np.float64]
    numbers: npt.NDArray[np.int32]
    whole: npt.NDArray[np.int64]
    real: npt.NDArray[np.float64]
    firsts: npt.NDArray[np.int64]


def space(size: int, columns: int, slots: int) -> Space:
    """Memory for `size` runs of at most so many columns each, with so many slots each.

    Made outside of what is compiled, which compiles in half the time when it allocates nothing.
    """
    return Space(
        place=np.zeros((size, fleet.PLACES), np.int64),
        sums=np.zeros((size, fleet.SUMS)),
        home=np.zeros((size, columns, slots)),
        asked=np.zeros((size, columns), np.int64),
        starts=np.zeros((size, fleet.GROUPS_MOST, 2)),
        memory=np.zeros((size, fleet.MEMORY)),
        numbers=np.zeros(STEPS * ROOM, np.int32),
        whole=(all_rows := np.zeros((hot.ROWS + slots) * ROOM))[: hot.WHOLES * ROOM].view(np.int64),
        real=all_rows[hot.WHOLES * ROOM :],
        firsts=np.zeros(size, np.int64),
    )


GIVEN = Group(Given, tuple(map(rows, (
    "i8[:,:]", "f8[:,:]", "f8*", "f8*", "f8*", "i8*", "i8[:,:]", "f8[:,:]", "f8[:,:,:]", "i8*",
    "i4*", "f8*", "f8*",
))))  # fmt: skip
SPACE = Group(Space, tuple(map(rows, (
    "i8[:,:]", "f8[:,:]", "f8[:,:,:]", "i8[:,:]", "f8[:,:,:]", "f8[:,:]", "i4[:]", "i8[:]", "f8[:]",
    "i8*",
))))  # fmt: skip


@kernel("i8[:]", "i8*", GIVEN, "f8", "i8", "i8", "i8", SPACE)
def simulate_block(runs, lanes, given, omega, cold, contended, slots, space):
    """Simulate some runs, numbers lane * windows + window, to the end of their windows.

    `lanes` are the lanes of the runs; `omega` is waiting over computing of all requests; `cold` and
    `contended` say whether any of the runs has cold replicas or shares processors, `slots` the
    most slots of a queue.
    """
    place, sums, home, asked = space.place, space.sums, space.home, space.asked
    size = runs.size
    for i in range(size):
        _begin(runs[i], given.settings[lanes[i]], given.laws[lanes[i]], given.spans, given.bounds,
               given.initial, place[i], sums[i], home[i], asked[i])  # fmt: skip
    # Types, not only values: a literal 0 would have everything compiled twice.
    cursor: Any = np.int64(0)
    left = size
    while left > 0:
        used, began = np.int64(0), cursor
        while cursor < size:
            i, lane = cursor, lanes[cursor]
            space.firsts[i] = -1
            if place[i, fleet.DONE] == 0:
                columns = _advance(
                    runs[i], used, given.spans, given.times, given.pick, omega,
                    given.settings[lane], given.laws[lane], given.steps[lane], space.memory[i],
                    space.starts[i], place[i], sums[i], home[i], asked[i], slots, space.real,
                    space.whole, space.numbers,
                )  # fmt: skip
                if columns == -1:
                    break
                if columns == -2:
                    left -= 1
                else:
                    space.firsts[i] = used
                    used += columns
            cursor += 1
        if used > 0:
            hot.serve(given.times, given.cpu, given.wait, space.numbers, space.real, space.whole,
                      slots, contended, cold, given.histogram, used)  # fmt: skip
        for i in range(began, cursor):
            if space.firsts[i] >= 0:
                _store(place[i], sums[i], given.settings[lanes[i]], home[i], asked[i], slots,
                       space.firsts[i], space.real, space.whole)  # fmt: skip
        cursor = cursor % size
    for i in range(size):
        given.replica_s[runs[i]] = sums[i, fleet.REPLICA_S]
        given.peak[runs[i]] = sums[i, fleet.PEAK]
