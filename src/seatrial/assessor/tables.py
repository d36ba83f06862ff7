"""A space of designs as small tables whose sums are the bills of all its designs.

A bill is a sum of lines, and a line depends on few choices of a design: its meter says on which,
its sku on size and processor, its commitments on the design's, a managed service's lines on that
service alone. So each line becomes a table with one entry per combination of the choices it
depends on, and a design's total is the sum of one entry of each. Entries come from the very
functions that price one design, in micro-dollars: a bill rounds its lines to those, so their sum
is the bill's total and nothing is rounded twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import NamedTuple

import numpy as np

from seatrial.assessor.columns import (
    TOO_LARGE,
    UNPRICED_MICRO_USD,
    ColumnsOf,
    Micros,
    lined,
)
from seatrial.assessor.meters import METERS
from seatrial.assessor.price import (
    Amount,
    PriceBook,
    beside_amounts,
    bill_amount,
    platform_amounts,
    price,
    service_amounts,
    standby_amounts,
    standby_pieces,
)
from seatrial.assessor.space import COMMITMENT, DATABASE, REPLICAS, SIZE, SLOTS, Arch, Index, Space
from seatrial.assessor.standby import Piece
from seatrial.assessor.usage import Choice, Usage
from seatrial.kernel.design import Attached, Database, Design, Standby
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import BillLine

UsageOf = Callable[[Design], Usage]
"""A month's usage of a design. It may follow size, replicas and database, as meters declare."""

Axes = tuple[int, ...]
Billed = Callable[[Index, Design, Usage], list[tuple[str, Amount]] | None]
Seen = dict[tuple[str, str, Decimal, str], int | None]

POSTGRESQL = "postgresql"
"""Kind of the managed service that `Design.database` is."""

AXIS_OF: dict[Choice, int] = {
    "size": SIZE, "load": SIZE, "replicas": REPLICAS, "database": DATABASE
}  # fmt: skip


class Tables(NamedTuple):
    """A space's tables by the axes they depend on; along all other axes their length is one."""

    space: Space
    parts: dict[Axes, Micros]

    def total(self, index: Index) -> int | None:
        """The total of one design in micro-dollars, none when it is not known."""
        picked = [p[tuple(min(i, n - 1) for i, n in zip(index, p.shape, strict=True))]
                  for p in self.parts.values()]  # fmt: skip
        total = sum(int(entry) for entry in picked)
        return None if total >= UNPRICED_MICRO_USD else total


def tables(
    space: Space, book: PriceBook, usage: UsageOf, columns: ColumnsOf | None = None
) -> Tables:
    """The tables of a space; with `columns`, the platform's lines are worked out at once.

    Raises `InputError` when the dearest design would not fit, `AssertionError` when a line turns
    out to depend on a choice that its meter does not declare.
    """
    made: dict[Index, tuple[Design, Usage]] = {}
    used: dict[Index, Usage] = {}
    summed: dict[Axes, Micros] = {}
    ceiling = 0
    worked: list[tuple[Axes, Micros]] = []
    if columns is not None:
        worked = [
            (_axes_of(line, space), lined(line, space, book, columns, _axes_of(line, space)))
            for line in space.platform.bill
        ]
    worked += [*_beside(space, book), *_standby(space, book, usage)]
    for axes, billed in _billed(space, book, columns is None):
        seen: Seen = {}
        values = []
        for index in _indexes(space, axes):
            case = made.get(index)
            if case is None:
                design = space.design(index)
                followed = (index[SIZE], index[REPLICAS], index[DATABASE])
                month = used.get(followed)
                if month is None:
                    month = used[followed] = usage(design)
                case = made[index] = design, month
            values.append(_micro_usd(billed(index, *case), space, book, seen))
        wide = [length if axis in axes else 1 for axis, length in enumerate(space.axes)]
        worked.append((axes, np.array(values, dtype=np.int64).reshape(wide)))
    for axes, table in worked:
        known = table[table != UNPRICED_MICRO_USD]
        ceiling += int(known.max()) if known.size else 0
        if ceiling >= UNPRICED_MICRO_USD or table.min() < 0:
            raise InputError(
                "amounts are below zero, or too large to be added",
                where=f"{space.platform.id} in {space.region}",
                fix="correct the usage or the price; 2 trillion USD a month is the most",
            )
        if axes in summed:
            table = np.minimum(summed[axes] + table, UNPRICED_MICRO_USD)
        summed[axes] = table
    done = Tables(space, summed)
    _prove(done, book, usage)
    return done


def _beside(space: Space, book: PriceBook) -> list[tuple[Axes, Micros]]:
    """What the components beside the web one add: they follow the processor and the terms."""
    if not any(space.beside.values()):
        return []
    archs = [shape.arch for shape in space.shapes]
    made: dict[Arch, list[int]] = {}
    for arch in dict.fromkeys(archs):
        designs = [space.design((archs.index(arch), 0, number, *(0,) * (len(space.axes) - 3)))
                   for number in range(len(space.commitments))]  # fmt: skip
        made[arch] = [
            _micro_usd(list(beside_amounts(one, space.platform)), space, book, {})
            for one in designs
        ]
    wide = [len(archs), 1, len(space.commitments), *(1 for _ in space.axes[DATABASE:])]
    table = np.array([made[arch] for arch in archs], dtype=np.int64).reshape(wide)
    return [((SIZE, COMMITMENT), table)]


def _standby(space: Space, book: PriceBook, usage: UsageOf) -> Iterator[tuple[Axes, Micros]]:
    """What a standby in another region adds, piece by piece, by what each piece follows."""
    slots = enumerate(space.slots, SLOTS)
    own = next((n for n, slot in slots if any(isinstance(one, Standby) for one in slot)), None)
    if own is None:
        return
    for axis in (SIZE, DATABASE, *(n for n in range(SLOTS, len(space.axes)) if n != own), own):
        axes = tuple(sorted({axis, own}))
        values = []
        for index in _indexes(space, axes):
            design = space.design(index)
            month = usage(design)
            total = 0
            for piece in standby_pieces(design, space.platform, book, month):
                if _follows(piece, space, index) == axis:
                    amounts = list(standby_amounts(piece, space.platform, book))
                    total = min(
                        total + _micro_usd(amounts, space, book, {}, piece.region),
                        UNPRICED_MICRO_USD,
                    )  # fmt: skip
            values.append(total)
        wide = [length if n in axes else 1 for n, length in enumerate(space.axes)]
        yield axes, np.array(values, dtype=np.int64).reshape(wide)


def _follows(piece: Piece, space: Space, index: Index) -> int:
    """The axis whose choice a piece of a standby is of; its own for what is always there."""
    one = piece.attached
    if one is None:
        return DATABASE if "replica_hours" not in piece.meters else SIZE
    if one.kind == POSTGRESQL:
        return DATABASE
    held = [slot[at] for slot, at in zip(space.slots, index[SLOTS:], strict=True)]
    for axis, other in enumerate(held, SLOTS):
        if isinstance(other, Attached) and other.kind == one.kind:
            return axis
    return next(n for n, other in enumerate(held, SLOTS) if isinstance(other, Standby))


def _indexes(space: Space, axes: Axes) -> Iterator[Index]:
    """Every combination of some axes, the others at their first choice."""
    ranges = [range(n) if axis in axes else range(1) for axis, n in enumerate(space.axes)]
    return itertools.product(*ranges)


def _billed(space: Space, book: PriceBook, lines: bool) -> Iterator[tuple[Axes, Billed]]:
    """Everything a bill of the space adds up, each with the axes that its amount depends on.

    The platform's own `lines` are left out where they are worked out otherwise.
    """
    # The empty bill: a platform may have no line at all.
    yield (), lambda index, design, usage: []
    provider = space.platform.provider
    for line in space.platform.bill if lines else ():
        yield _axes_of(line, space), partial(_platform_line, line, line.provider or provider)
    for axis, slot in enumerate((space.databases, *space.slots), DATABASE):
        if any(isinstance(one, Standby) for one in slot):
            continue
        services = [book.service(provider, kind) for kind in _kinds(slot)]
        committable = any(line.commitments for s in services if s for line in s.bill)
        axes = (COMMITMENT, axis) if committable else (axis,)
        yield axes, partial(_service_lines, space, axis, book)


def _axes_of(line: BillLine, space: Space) -> Axes:
    scales = any(count.replicas_min != count.replicas_max for count in space.counts)
    depends = METERS[line.meter].depends
    axes = {AXIS_OF[choice] for choice in depends if choice != "load" or scales}
    if "{" in line.sku:
        axes.add(SIZE)
    if line.commitments:
        axes |= {COMMITMENT, REPLICAS}
        if scales:  # how much of it runs all day then depends on what a replica carries
            axes.add(SIZE)
    return tuple(sorted(axes))


def _kinds(slot: tuple[Database | Attached | Standby | None, ...]) -> set[str]:
    kinds = {s.kind for s in slot if isinstance(s, Attached)}
    return kinds | ({POSTGRESQL} if any(isinstance(s, Database) for s in slot) else set())


def _platform_line(
    line: BillLine, provider: str, index: Index, design: Design, usage: Usage
) -> list[tuple[str, Amount]]:
    return [(provider, amount) for amount in platform_amounts(line, design, usage)]


def _service_lines(
    space: Space, axis: int, book: PriceBook, index: Index, design: Design, usage: Usage
) -> list[tuple[str, Amount]] | None:
    """What one managed service adds; none when the provider does not offer it."""
    if axis == DATABASE:
        attached = design.attached[0] if design.database else None
    else:
        chosen = space.slots[axis - SLOTS][index[axis]]
        attached = chosen if isinstance(chosen, Attached) else None
    if attached is None:
        return []
    provider = space.platform.provider
    service = book.service(provider, attached.kind)
    if service is None:
        return None
    return [
        (line.provider or provider, amount)
        for line in service.bill
        for amount in service_amounts(line, attached, service, design.commitment, usage)
    ]


def _micro_usd(
    billed: list[tuple[str, Amount]] | None, space: Space, book: PriceBook, seen: Seen,
    region: str = "",
) -> int:  # fmt: skip
    """Amounts in micro-dollars, in the space's region unless another is given; equal amounts of
    one line are looked up once."""
    if billed is None:
        return UNPRICED_MICRO_USD
    total = 0
    for provider, amount in billed:
        key = (amount.line.service, amount.sku, amount.quantity, amount.commitment)
        if key not in seen:
            try:
                lines, missing = bill_amount(amount, provider, region or space.region, book)
            except InvalidOperation:  # more digits than exact decimals have
                return TOO_LARGE
            known = sum(int(line.monthly_usd.scaleb(6)) for line in lines)
            seen[key] = None if missing else known
        entry = seen[key]
        if entry is None:
            return UNPRICED_MICRO_USD
        total += entry
    # A known amount must not pass for the mark.
    return total if total < UNPRICED_MICRO_USD else TOO_LARGE


def _prove(of: Tables, book: PriceBook, usage: UsageOf) -> None:
    """Tables and `price` agree at both ends of every axis and where all axes end.

    A meter that reads more of a design than it declares, or usage that follows a choice it must
    not, would make totals wrong in silence; here it stops the search.
    """
    space = of.space
    ends = [length - 1 for length in space.axes]
    probes = {(0,) * len(ends), tuple(ends)}
    for axis, end in enumerate(ends):
        probes.add(tuple(end if at == axis else 0 for at in range(len(ends))))
    for index in sorted(probes):
        design = space.design(index)
        exact = price(design, space.platform, book, usage(design)).monthly_usd
        expected = None if exact is None else int(exact.scaleb(6))
        if of.total(index) != expected:
            raise AssertionError(
                f"{design.id}: the tables say {of.total(index)}, its bill {expected} micro-USD; "
                "a meter depends on more choices than METERS declares"
            )
