"""The rules as masks over a space: each asked once for every combination of what it depends on.

A rule says which choices of a design it looks at, so one answer holds for all designs that share
them. The answers are those of the same function that judges one design.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from seatrial.assessor.assess import Question, availability_percent, case_of
from seatrial.assessor.case import Case, Choice
from seatrial.assessor.columns import UNPRICED_MICRO_USD, Micros
from seatrial.assessor.promise import (
    Figures,
    Queue,
    capacity_rps,
    figures,
    load_of,
    promised,
    queue_of,
)
from seatrial.assessor.recovery import recoveries
from seatrial.assessor.rules import RULES
from seatrial.assessor.space import COMMITMENT, DATABASE, REPLICAS, SIZE, Index, Space
from seatrial.assessor.week import busiest_rps
from seatrial.kernel.assessment import Bill, Promise
from seatrial.kernel.design import Design

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

NEVER_MS = 1e12
"""The latency of a queue that never empties, where a number is needed."""

NO_BILL = Bill(lines=(), monthly_usd=None)
NO_PROMISE = Promise(
    method="", rate_rps=0.0, utilisation=0.0, latency_ms_p50=None, latency_ms_p95=None,
    latency_ms_p99=None, capacity_rps=0.0, availability_percent=None,
)  # fmt: skip


class Loads(NamedTuple):
    """What the queues see of a space: for each size its class, and the figures of each class.

    `of` numbers the classes by size; `first` is the first size of each class. The arrays have one
    row a class and one column a number of replicas.
    """

    of: npt.NDArray[np.intp]
    first: tuple[int, ...]
    figures: tuple[tuple[Figures, ...], ...]
    latency_ms_p95: Floats
    capacity_rps: Floats


def loads(space: Space, asked: Question) -> Loads:
    """The figures of every class of sizes and every number of replicas, at the busiest time."""
    rate, platform, profile = busiest_rps(asked.demand.traffic), space.platform, asked.profile
    of = classes([load_of(_at(space, size=at), platform, 1) for at in range(len(space.shapes))])
    first = tuple(int(np.argmax(of == number)) for number in range(int(of.max()) + 1))
    queues: list[Queue] = []
    capacity = np.empty((len(first), len(space.counts)))
    for row, (at, number) in enumerate(itertools.product(first, range(len(space.counts)))):
        design = _at(space, size=at, replicas=number)
        queues.append(queue_of(profile, design, platform, rate))
        most = load_of(design, platform, max(1, design.replicas_max))
        capacity.flat[row] = capacity_rps(profile, most)
    told = figures(profile, queues)
    many = len(space.counts)
    rows = tuple(tuple(told[at : at + many]) for at in range(0, len(told), many))
    p95 = [[NEVER_MS if f.latency_ms_p95 is None else f.latency_ms_p95 for f in r] for r in rows]
    return Loads(of, first, rows, np.array(p95), capacity)


def classes(keys: Sequence[object]) -> npt.NDArray[np.intp]:
    """Equal keys as equal numbers, in the order of their first."""
    seen: dict[object, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.intp)


def _at(space: Space, size: int = 0, replicas: int = 0) -> Design:
    return space.design((size, replicas, *(0,) * (len(space.axes) - 2)))


def gates(space: Space, asked: Question) -> tuple[str, ...]:
    """The rules that put the whole space out of the question; none when it is worth a look."""
    case = _case(space, asked, (0,) * len(space.axes), None, False)
    return tuple(
        name for name, rule in RULES.items()
        if rule.gate and (found := rule.read(case)) is not None and found.severity == "violated"
    )  # fmt: skip


def masks(space: Space, asked: Question, seen: Loads, totals: Micros) -> dict[str, Mask]:
    """Where each rule is violated, by its name; rules that no design violates are left out.

    Along axes that a rule does not depend on its mask has the length one.
    """
    alike: dict[tuple[Choice, ...], list[str]] = {}
    for name, rule in RULES.items():
        if not rule.gate and "bill" not in rule.depends:
            alike.setdefault(rule.depends, []).append(name)
    made = {}
    for depends, names in alike.items():
        made.update(_asked(space, asked, seen, depends, names))
    for name, rule in RULES.items():
        if "bill" in rule.depends:
            made[name] = _money(name, asked, totals)
    return {name: made[name] for name in RULES if name in made and made[name].any()}


def _money(name: str, asked: Question, totals: Micros) -> Mask:
    """The rules about the bill, on the totals themselves."""
    unknown: Mask = totals == UNPRICED_MICRO_USD
    if name == "price.known":
        return unknown
    assert name == "budget.monthly", f"{name} looks at the bill in a way that no mask knows"
    budget = asked.demand.budget.cost_usd_month
    if budget is None:
        return np.zeros((1,) * totals.ndim, dtype=bool)
    return ~unknown & (totals > int(budget.scaleb(6) // 1))


def _asked(
    space: Space, asked: Question, seen: Loads, depends: tuple[Choice, ...], names: list[str]
) -> dict[str, Mask]:
    """The masks of rules that depend on the same choices, from one case a combination."""
    of = _size_classes(space, seen, depends)
    firsts = [int(np.argmax(of == number)) for number in range(int(of.max()) + 1)]
    axes = {
        REPLICAS: "replicas" in depends,
        COMMITMENT: "commitment" in depends,
        DATABASE: "database" in depends,
    }
    lengths = [len(firsts)]
    for axis, length in enumerate(space.axes[1:], 1):
        lengths.append(length if axes.get(axis, "services" in depends) else 1)
    answers: dict[str, list[bool]] = {name: [] for name in names}
    rules = [(RULES[name].read, answers[name]) for name in names]
    loaded, agreed = "load" in depends, "database" in depends
    told, classed = None, seen.of.tolist()
    for index in itertools.product(firsts, *map(range, lengths[1:])):
        if loaded:
            told = seen.figures[classed[index[SIZE]]][index[REPLICAS]]
        case = _case(space, asked, index, told, agreed)
        for read, answer in rules:
            found = read(case)
            answer.append(found is not None and found.severity == "violated")
    made = {name: np.array(answer).reshape(lengths) for name, answer in answers.items()}
    return {name: mask[of] if len(firsts) > 1 else mask for name, mask in made.items()}


def _size_classes(space: Space, seen: Loads, depends: tuple[Choice, ...]) -> npt.NDArray[np.intp]:
    """Sizes that a rule cannot tell apart have one number."""
    if "size" in depends:
        return np.arange(len(space.shapes))
    if "load" in depends:
        return seen.of
    if "most" in depends:
        return classes([shape.replicas_max for shape in space.shapes])
    if "workers" in depends:
        return classes([shape.workers for shape in space.shapes])
    return np.zeros(1, dtype=np.intp)


def _case(space: Space, asked: Question, index: Index, told: Figures | None, agreed: bool) -> Case:
    """The case of a design without its bill; its promise as far as the rules look at it."""
    design, promise = space.design(index), NO_PROMISE
    if told is not None:
        promise = promised(
            asked.profile, design, space.platform, busiest_rps(asked.demand.traffic), None, told
        )
    elif agreed:
        level = availability_percent(design, space.platform, asked.book)
        promise = replace(NO_PROMISE, availability_percent=level)
    return case_of(asked, design, space.platform, NO_BILL, promise)


def codes(found: dict[str, Mask], axes: tuple[int, ...]) -> npt.NDArray[np.uint32]:
    """For each design which rules it violates, a bit for each in their order; 0 is feasible."""
    parts: dict[tuple[int, ...], npt.NDArray[np.uint32]] = {}
    for bit, mask in enumerate(found.values()):
        part = mask.astype(np.uint32) << np.uint32(bit)
        held = parts.get(mask.shape)
        parts[mask.shape] = part if held is None else held | part
    made = np.zeros(axes, dtype=np.uint32)
    small = np.zeros((1,) * len(axes), dtype=np.uint32)
    for part in sorted(parts.values(), key=lambda p: p.size):
        if np.broadcast_shapes(small.shape, part.shape) == axes:
            made |= part
        else:
            small = small | part
    made |= small
    return made


def named(code: int, found: dict[str, Mask]) -> tuple[str, ...]:
    """The rules of a code."""
    return tuple(name for bit, name in enumerate(found) if code >> bit & 1)


def availabilities(space: Space, asked: Question) -> Floats:
    """Availability by database and services, -1 where nothing is promised; other axes are one."""
    return _beside(
        space, False,
        lambda design: availability_percent(design, space.platform, asked.book) or -1.0,
    )  # fmt: skip


def zone_rto_s(space: Space, asked: Question) -> Floats:
    """Time to recover from the loss of a zone, by replicas, database and services."""
    return _beside(
        space, True,
        lambda design: recoveries(design, space.platform, asked.profile.boot_s)[0].rto_s,
    )  # fmt: skip


def _beside(space: Space, replicas: bool, read: Callable[[Design], float]) -> Floats:
    lengths = (1, len(space.counts) if replicas else 1, 1, *space.axes[DATABASE:])
    made = np.empty(lengths)
    for index in np.ndindex(*lengths):
        made[index] = read(space.design(index))
    return made
