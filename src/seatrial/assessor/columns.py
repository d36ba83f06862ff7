"""One line of a bill for all sizes and numbers of replicas of a space at once.

The meters and the rules of a bill are those that price one design. They are given columns of
decimals instead of one decimal, so every amount comes from the same exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seatrial.assessor.meters import read_meter
from seatrial.assessor.price import PriceBook, billable, fill
from seatrial.assessor.profile import Profile
from seatrial.assessor.promise import counts_requests, load_of
from seatrial.assessor.scaling import scaled_hours, wanted_hours
from seatrial.assessor.space import COMMITMENT, DATABASE, REPLICAS, SIZE, SLOTS, Space
from seatrial.assessor.usage import (
    DEPLOYS_PER_MONTH,
    duration_s,
    surplus_vcpu_hours,
    usage_of,
    utilisation,
)
from seatrial.kernel.demand import Demand
from seatrial.kernel.design import Design
from seatrial.kernel.platform import ON_DEMAND, BillLine, Price
from seatrial.kernel.units import HOURS_PER_MONTH, taken, term_years
from seatrial.kernel.workload import Workload

Column = npt.NDArray[np.object_]
Micros = npt.NDArray[np.int64]

UNPRICED_MICRO_USD = 1 << 61
"""The total of a design that has a line without a price.

Every sum of known amounts is proved to stay below when tables are built, and two such marks
added do not overflow. Being above every known total, it sorts last."""

TOO_LARGE = UNPRICED_MICRO_USD + 1
"""A known amount that cannot be added safely; it is refused."""

DOUBT, SURE_BELOW = 1e-14, 1e13
"""A product of floats below the second is off by less than this share of it: ten times more
than five roundings to 53 bits make."""


class ColumnsOf:
    """What `usage_of` says of each design of a space, for sizes that no amount tells apart once.

    Called with the number of a database it gives a design and its usage as columns (groups of
    sizes, numbers of replicas). `of` has the group of each size, `shapes` the first of each group.
    """

    def __init__(self, space: Space, workload: Workload, demand: Demand, profile: Profile) -> None:
        self.space, self._workload, self._demand, self._profile = space, workload, demand, profile
        self.of, firsts = _alike(space)
        self.shapes = tuple(space.shapes[at] for at in firsts)
        counts = space.counts
        self._hours = _hours(space, firsts, demand, profile)
        self._least = _row(count.replicas_min for count in counts)
        self._most = np.array([[count.replicas_max for count in counts]], dtype=object)
        servers = _row(count.servers for count in counts)
        self._design = SimpleNamespace(
            vcpu=_row(str(shape.vcpu) for shape in self.shapes).T,
            memory_mib=_row(shape.memory_mib for shape in self.shapes).T,
            replicas_min=self._least,
            servers=servers,
        )
        self._durations = _objects([duration_s(profile, shape.vcpu) for shape in self.shapes])
        self._surplus = _surplus(space, firsts, self._hours, demand, profile)
        self._scaled = self._hours - self._least * HOURS_PER_MONTH if servers.any() else Decimal(0)

    @cached_property
    def shares(self) -> tuple[_Part, _Part]:
        """Parts of the replica-hours: what runs all month, which a commitment covers; the rest."""
        hours = self._hours
        some = hours.copy()
        some[hours == 0] = Decimal(1)
        share: Column = np.minimum(_objects([Decimal(1)]), self._least * HOURS_PER_MONTH / some)
        return _part(share), _part(1 - share)

    def __call__(self, database: int) -> tuple[Any, Any]:
        first = (0,) * len(self.space.axes)
        one: Design = self.space.design((*first[:DATABASE], database, *first[DATABASE + 1 :]))
        usage = usage_of(self._workload, self._demand, self._profile, one, self.space.platform)
        fields = {name: getattr(usage, name) for name in usage.__struct_fields__}
        fields |= {
            "replica_hours_month": self._hours,
            "scaled_server_hours": self._scaled,
            "request_duration_s_mean": self._durations.reshape(-1, 1),
            "surplus_vcpu_hours": self._surplus,
            "secret_requests_month": _row((usage.secrets * self._most * DEPLOYS_PER_MONTH)[0]),
        }
        return self._design, SimpleNamespace(**fields)


def _alike(space: Space) -> tuple[npt.NDArray[np.intp], list[int]]:
    """Shapes that are bought and loaded alike: the group of each, and the first of each group."""
    groups: dict[tuple[object, ...], int] = {}
    slots = counts_requests(space.platform)
    of = [
        groups.setdefault(
            (shape.size, shape.arch, min(shape.workers, max(1, int(shape.vcpu))),
             shape.workers * shape.threads if slots else 0), len(groups),
        )
        for shape in space.shapes
    ]  # fmt: skip
    return np.array(of, dtype=np.intp), [of.index(number) for number in range(len(groups))]


def _hours(space: Space, firsts: list[int], demand: Demand, profile: Profile) -> Column:
    """Replica-hours of sizes and numbers; sizes that the load cannot tell apart once."""
    platform, known = space.platform, {}
    fixed = [
        count.replicas_min * HOURS_PER_MONTH
        if count.replicas_min == count.replicas_max or platform.kind == "functions"
        else None
        for count in space.counts
    ]
    rows = []
    for at in firsts:
        load = load_of(space.design((at, *(0,) * (len(space.axes) - 1))), platform, 1)
        if load not in known:
            wanted = wanted_hours(demand, profile, load, platform)
            known[load] = [
                scaled_hours(wanted, count.replicas_min, count.replicas_max)
                if hours is None
                else hours
                for count, hours in zip(space.counts, fixed, strict=True)
            ]
        rows.append(known[load])
    return _objects(rows)


def _surplus(
    space: Space, firsts: list[int], hours: Column, demand: Demand, profile: Profile
) -> Column | Decimal:
    """What burstable servers work above their baseline; nothing where no size has one."""
    bursts = {size.name for size in space.platform.sizes if size.baseline < 1}
    if not bursts:
        return Decimal(0)
    found = np.full(hours.shape, Decimal(0), dtype=object)
    for row, at in enumerate(firsts):
        for number, count in enumerate(space.counts if space.shapes[at].size in bursts else ()):
            design = space.design((at, number, *(0,) * (len(space.axes) - 2)))
            there = hours[row, number]
            busy = utilisation(demand, profile, design, there)
            found[row, number] = surplus_vcpu_hours(
                design, space.platform, busy, there if count.servers else None
            )
    return found


def _objects(values: list[Any]) -> Column:
    return np.array(values, dtype=object)


def _row(values: Any) -> Column:
    return _objects([Decimal(value) for value in values]).reshape(1, -1)


def lined(
    line: BillLine, space: Space, book: PriceBook, columns: ColumnsOf, axes: tuple[int, ...]
) -> Micros:
    """What a platform's line adds, in micro-dollars, over the axes that it depends on."""
    wide = [length if axis in axes else 1 for axis, length in enumerate(space.axes)]
    made = np.zeros(wide, dtype=np.int64)
    terms = [taken(commitment, line.commitments) for commitment in space.commitments]
    terms = terms[: wide[COMMITMENT]]
    rater = _Rater(line, space, book, columns)
    states: dict[object, dict[str, Micros]] = {}
    for database in range(wide[DATABASE]):
        state = _state(space, database)
        if state not in states:
            design, usage = columns(database)
            read: Any = read_meter(line.meter, design, usage)
            metered: Column = np.asarray(read, dtype=object).reshape(np.shape(read) or (1, 1))
            states[state] = rater.totals(metered, dict.fromkeys(terms), usage)
        for number, under in enumerate(terms):
            total = states[state][under]
            rows = columns.of[: wide[SIZE]] if len(total) > 1 else slice(None)
            some = total[rows, : wide[REPLICAS]]
            made[:, :, number, database] = some.reshape(*some.shape, *(1 for _ in wide[SLOTS:]))
    return made


def _state(space: Space, database: int) -> object:
    """What usage may see of a database: whether there is one, and whether in two zones."""
    one = space.databases[database]
    return None if one is None else one.multi_az


class _Part(NamedTuple):
    """A column with its floats: close enough to round almost every product of them."""

    exact: Column
    near: npt.NDArray[np.float64]


class _Amounts:
    """Amounts of a line: what was metered, or a part of it; rows are groups of sizes."""

    def __init__(self, metered: _Part, part: _Part | None, rows: int) -> None:
        near = metered.near if part is None else metered.near * part.near
        shape = (max(rows, len(near)), near.shape[1])
        self.near = np.broadcast_to(near, shape)
        self._metered = np.broadcast_to(metered.exact, shape)
        self._part = None if part is None else np.broadcast_to(part.exact, shape)

    def exact(self, row: int, column: int) -> Decimal:
        """The amount itself."""
        amount: Decimal = self._metered[row, column]
        return amount if self._part is None else amount * self._part[row, column]


def _part(column: Column) -> _Part:
    return _Part(column, column.astype(np.float64))


class _Rater:
    """Prices one line's amounts."""

    def __init__(self, line: BillLine, space: Space, book: PriceBook, columns: ColumnsOf) -> None:
        self.line, self.region, self.book, self.columns = line, space.region, book, columns
        self.provider = line.provider or space.platform.provider
        by_size = "{" in line.sku
        self.skus = [fill(line.sku, one) for one in columns.shapes[: None if by_size else 1]]

    def totals(self, column: Column, terms: Iterable[str], usage: Any) -> dict[str, Micros]:
        """By the terms: what runs all month under them, and the rest on demand."""
        metered, many, found = _part(column), len(self.skus), {}
        if "" in terms:
            found[""] = self._rated(_Amounts(metered, None, many), ON_DEMAND, usage)
        under = [one for one in terms if one]
        if not under:
            return found
        always, sometimes = (_Amounts(metered, part, many) for part in self.columns.shares)
        rest = self._rated(sometimes, ON_DEMAND, usage)
        for one in under:
            committed = self._rated(always, one, usage)
            unknown = np.maximum(committed, rest) == UNPRICED_MICRO_USD
            found[one] = np.where(unknown, UNPRICED_MICRO_USD, committed + rest)
        return found

    def _rated(self, amounts: _Amounts, commitment: str, usage: Any) -> Micros:
        """Amounts times their price; nothing adds nothing, what has no price is marked."""
        rows, many = amounts.near.shape
        rates = [self._even(sku, commitment) for sku in self.skus]
        if len(rates) == 1:
            rates *= rows
        made = self._rounded(amounts, rates, usage)
        free = self.line.included or self.line.free
        for row, rate in enumerate(rates):
            if rate is None:
                tiers = self._tiers(self.skus[row if len(self.skus) > 1 else 0], commitment)
                if tiers or free:
                    exact = [amounts.exact(row, column) for column in range(many)]
                    made[row] = self._row(tiers, exact, commitment, usage)
                else:
                    made[row] = np.where(amounts.near[row] > 0, UNPRICED_MICRO_USD, 0)
        return made

    def _tiers(self, sku: str, commitment: str) -> tuple[Price, ...]:
        return self.book.tiers(self.provider, self.line.service, sku, self.region, commitment)

    def _even(self, sku: str, commitment: str) -> Decimal | None:
        """Micro-dollars of a unit where all that are not free cost the same; none otherwise."""
        if self.line.minimum or self.line.increment:
            return None
        tiers = self._tiers(sku, commitment)
        if len(tiers) != 1 or tiers[0].tier_from or tiers[0].tier_to is not None:
            return None
        return _micros(tiers[0], commitment)

    def _rounded(self, amounts: _Amounts, rates: list[Decimal | None], usage: Any) -> Micros:
        """Rows of amounts, each times its rate, half to even as a bill rounds its lines.

        A product of floats is a few units of its last place off at most. Where that could matter,
        because it lies next to a half or is large, decimals decide. Rows without a rate are 0.
        """
        line, each = self.line, np.array([float(rate or 0) for rate in rates])[:, None]
        free = float(line.included + (line.free if usage.free_tier else 0))
        near = np.maximum(amounts.near - free, 0) * each
        made: Micros = np.rint(np.minimum(near, SURE_BELOW)).astype(np.int64)
        gross = (amounts.near + free) * each
        doubtful = np.abs(near - np.floor(near) - 0.5) <= gross * DOUBT
        doubtful |= gross >= SURE_BELOW
        for row, column in np.argwhere(doubtful).tolist():
            quantity = billable(line, amounts.exact(row, column), usage)
            exact = round(quantity * (rates[row] or 0))
            made[row, column] = TOO_LARGE if exact >= UNPRICED_MICRO_USD else exact
        return made

    def _row(
        self, tiers: tuple[Price, ...], amounts: list[Decimal], commitment: str, usage: Any
    ) -> list[int]:
        rates = [_micros(row, commitment) for row in tiers]
        return [
            _tiered(billable(self.line, amount, usage), tiers, rates) if amount > 0 else 0
            for amount in amounts
        ]


def _micros(row: Price, commitment: str) -> Decimal:
    """Micro-dollars of one unit, with its share of what is paid upfront."""
    rate = row.price_usd
    if row.upfront_usd:
        rate += row.upfront_usd / (12 * term_years(commitment) * HOURS_PER_MONTH)
    return rate.scaleb(6)


def _tiered(quantity: Decimal, tiers: tuple[Price, ...], rates: list[Decimal]) -> int:
    """What `bill_amount` says of a quantity, in micro-dollars; each tier is a line of its own."""
    reached = [n for n, row in enumerate(tiers) if quantity > row.tier_from] or [0]
    if not tiers:
        return UNPRICED_MICRO_USD
    end = tiers[reached[-1]].tier_to
    if end is not None and quantity > end:
        return UNPRICED_MICRO_USD
    total = 0
    for number in reached:
        row = tiers[number]
        top = quantity if row.tier_to is None else min(quantity, row.tier_to)
        total += round((top - row.tier_from) * rates[number])
    return TOO_LARGE if total >= UNPRICED_MICRO_USD else total
