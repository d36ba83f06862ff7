"""The cheapest of very many designs: every design of a space priced at once, exactly."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.columns import UNPRICED_MICRO_USD, Micros
from seatrial.assessor.price import PriceBook
from seatrial.assessor.space import COMMITMENT, SLOTS, Index, Space
from seatrial.assessor.tables import (
    Axes,
    Tables,
    UsageOf,
    tables,
)
from seatrial.kernel.design import Design
from seatrial.kernel.errors import InputError

CELLS_MAX = 50_000_000
"""Totals held at once, 400 MB; larger spaces are priced block by block."""

FOUND_MAX = 100_000
"""The longest list of cheapest designs."""


class Totals(NamedTuple):
    """Monthly totals of a space, or of a block of it that starts at `begin`, in micro-dollars.

    A total of `UNPRICED_MICRO_USD` is not known.
    """

    space: Space
    begin: Index
    micro_usd: Micros

    @property
    def unpriced(self) -> npt.NDArray[np.bool_]:
        """Where a total is not known."""
        return np.equal(self.micro_usd, UNPRICED_MICRO_USD)

    def design(self, index: Iterable[int]) -> Design:
        """The design whose total stands at an index of `micro_usd`."""
        return self.space.design(tuple(a + int(b) for a, b in zip(self.begin, index, strict=True)))


class Found(NamedTuple):
    """A design with its monthly total."""

    design: Design
    micro_usd: int


def prices(space: Space, book: PriceBook, usage: UsageOf) -> Totals:
    """The total of every design of a space, each equal to what `price` says to the micro-dollar.

    Raises `InputError` when the space holds more than `CELLS_MAX` designs (see `blocks`) or when
    amounts are too large to be added safely.
    """
    if space.cells > CELLS_MAX:
        raise InputError(
            f"{space.cells:,} designs are more than the {CELLS_MAX:,} held at once",
            where=f"{space.platform.id} in {space.region}",
            fix="leave choices out, or price the space block by block",
        )
    return next(blocks(tables(space, book, usage)))


def blocks(of: Tables, cells_max: int = CELLS_MAX) -> Iterator[Totals]:
    """The totals of a space in parts of at most `cells_max` designs, in the order of indexes."""
    lengths, tail, axis = of.space.axes, 1, len(of.space.axes)
    while axis and tail * lengths[axis - 1] <= cells_max:
        axis -= 1
        tail *= lengths[axis]
    steps = [range(length) for length in lengths[:axis]]
    stride = 1
    if axis:  # this axis does not fit in full: a block takes a run of it
        stride = max(1, cells_max // tail)
        steps[-1] = range(0, lengths[axis - 1], stride)
    for starts in itertools.product(*steps):
        cut = [slice(start, start + 1) for start in starts]
        if axis:
            cut[-1] = slice(starts[-1], starts[-1] + stride)
        begin = (*starts, *(0 for _ in lengths[axis:]))
        made = _sum([_cut(part, cut) for part in of.parts.values()])
        lengths_here = [len(range(*s.indices(n))) for s, n in zip(cut, lengths, strict=False)]
        shape = (*lengths_here, *lengths[axis:])
        yield Totals(of.space, begin, np.ascontiguousarray(np.broadcast_to(made, shape)))


def _cut(part: Micros, cut: list[slice]) -> Micros:
    """A block of a summand; what does not depend on an axis is the same in all blocks of it."""
    return part[
        tuple(
            slice(None) if n == 1 else s for s, n in zip(cut, part.shape[: len(cut)], strict=True)
        )
    ]


def _sum(parts: list[Micros]) -> Micros:
    """The sum of all parts, the small ones first, so that few additions are of full size."""
    while len(parts) > 1:
        pairs = itertools.combinations(range(len(parts)), 2)
        one, other = min(pairs, key=lambda pair: _joint(parts[pair[0]], parts[pair[1]]))
        joined = parts[one] + parts[other]
        # What is not known stays so, whatever is added to it.
        if max(parts[one].max(), parts[other].max()) == UNPRICED_MICRO_USD:
            np.minimum(joined, UNPRICED_MICRO_USD, out=joined)
        parts = [part for at, part in enumerate(parts) if at not in (one, other)] + [joined]
    return parts[0]


def _joint(one: Micros, other: Micros) -> int:
    return int(np.prod(np.broadcast_shapes(one.shape, other.shape), dtype=np.float64))


def cheapest(spaces: Iterable[Space], book: PriceBook, usage: UsageOf, n: int = 10) -> list[Found]:
    """The `n` cheapest designs of all spaces together, cheapest first; unpriced ones are no answer.

    Exact for spaces of any size, because nothing is visited that cannot win: under one commitment
    a total is what the platform bills plus what each service adds, and the n smallest sums of two
    lists come from their n smallest entries. Equal totals stand in the order of spaces and indexes.
    Errors as `prices`, but without its limit on the whole space.
    """
    return cheapest_in((tables(space, book, usage) for space in spaces), n)


def cheapest_in(made: Iterable[Tables], n: int = 10) -> list[Found]:
    """The same for tables that are made already, to be asked several times."""
    if not 1 <= n <= FOUND_MAX:
        raise InputError(f"{n} designs were asked for", fix=f"ask for 1 to {FOUND_MAX:,}")
    found: list[tuple[int, int, Index, Space]] = []
    for number, of in enumerate(made):
        for micro_usd, index in _cheapest_of(of, n):
            found.append((micro_usd, number, index, of.space))
        found = sorted(found, key=lambda one: one[:3])[:n]
    return [Found(space.design(index), micro_usd) for micro_usd, _, index, space in found]


def _cheapest_of(of: Tables, n: int) -> Iterator[tuple[int, Index]]:
    """The n cheapest of one space under each commitment, with their indexes."""
    lengths = of.space.axes[:SLOTS]
    if prod(lengths) > CELLS_MAX:
        raise InputError(
            f"{prod(lengths):,} combinations of size, replicas, commitment and database are more "
            f"than the {CELLS_MAX:,} held at once",
            where=f"{of.space.platform.id} in {of.space.region}", fix="leave choices out",
        )  # fmt: skip
    heads = _sum([part for axes, part in of.parts.items() if _slot(axes) is None])
    head = np.broadcast_to(heads.reshape(heads.shape[:SLOTS]), lengths)
    # Slot by slot, so that choices stand in the order of axes.
    slots = [
        of.parts[axes]
        for axes in sorted(of.parts, key=lambda axes: max(axes, default=0))
        if _slot(axes) is not None
    ]
    for commitment in range(lengths[COMMITMENT]):
        under = head[:, :, commitment, :]
        best = _ranked(under.reshape(-1), n)
        columns = np.stack(np.unravel_index(best.choices[:, 0], under.shape), axis=1)
        best = Ranked(best.micro_usd, columns)
        for part in slots:
            at = min(commitment, part.shape[COMMITMENT] - 1)
            best = _smallest_sums(best, _ranked(part[:, :, at].reshape(-1), n), n)
        for micro_usd, chosen in zip(best.micro_usd.tolist(), best.choices.tolist(), strict=True):
            if micro_usd < UNPRICED_MICRO_USD:
                yield micro_usd, (*chosen[:COMMITMENT], commitment, *chosen[COMMITMENT:])


def _slot(axes: Axes) -> int | None:
    """The slot a table belongs to, none for what the platform and the database bill."""
    return next((axis for axis in axes if axis >= SLOTS), None)


class Ranked(NamedTuple):
    """The smallest amounts, ascending, with the choices (one row each) that they are of."""

    micro_usd: Micros
    choices: npt.NDArray[np.intp]


def _ranked(values: Micros, n: int) -> Ranked:
    """The n smallest values; of equal ones those that come first."""
    at = np.arange(len(values))
    if len(values) > n:
        at = np.flatnonzero(values <= np.partition(values, n - 1)[n - 1])
    at = at[np.argsort(values[at], kind="stable")][:n]
    return Ranked(values[at], at.reshape(-1, 1))


def _smallest_sums(one: Ranked, other: Ranked, n: int) -> Ranked:
    """The n smallest sums of an entry of each; of equal ones those with the first choices.

    The i-th of one list with the j-th of the other has i * j - 1 sums before it, so only pairs
    with i * j <= n are formed.
    """
    partners = np.minimum(len(other.micro_usd), n // np.arange(1, len(one.micro_usd) + 1))
    left = np.repeat(np.arange(len(partners)), partners)
    right = np.arange(len(left)) - np.repeat(np.cumsum(partners) - partners, partners)
    sums = np.minimum(one.micro_usd[left] + other.micro_usd[right], UNPRICED_MICRO_USD)
    choices = np.concatenate((one.choices[left], other.choices[right]), axis=1)
    order = np.lexsort((*choices.T[::-1], sums))[:n]
    return Ranked(sums[order], choices[order])
