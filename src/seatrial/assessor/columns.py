"""One line of a bill for all sizes and numbers of replicas of a space at once.

The meters and the rules of a bill are those that price one design. They are given columns of
decimals instead of one decimal, so every amount comes from the same exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

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
ColumnsOf = Callable[[int], tuple[Any, Any]]
"""A design and its usage as columns (sizes, numbers of replicas), for one of the databases."""

UNPRICED_MICRO_USD = 1 << 61
"""The total of a design that has a line without a price.

Every sum of known amounts is proved to stay below when tables are built, and two such marks
added do not overflow. Being above every known total, it sorts last."""

TOO_LARGE = UNPRICED_MICRO_USD + 1
"""A known amount that cannot be added safely; it is refused."""


def columns_of(space: Space, workload: Workload, demand: Demand, profile: Profile) -> ColumnsOf:
    """The columns of a space under a demand: what `usage_of` says of each of its designs."""
    platform, shapes, counts = space.platform, space.shapes, space.counts
    first = (0,) * len(space.axes)
    hours = _hours(space, demand, profile)
    least = _row(count.replicas_min for count in counts)
    servers = _row(count.servers for count in counts)
    design = SimpleNamespace(
        vcpu=_row(str(shape.vcpu) for shape in shapes).T,
        memory_mib=_row(shape.memory_mib for shape in shapes).T,
        replicas_min=least,
        servers=servers,
    )
    durations = _objects([duration_s(profile, shape.vcpu) for shape in shapes]).reshape(-1, 1)
    surplus = _surplus(space, hours, demand, profile)
    scaled = hours - least * HOURS_PER_MONTH if servers.any() else Decimal(0)

    def columns(database: int) -> tuple[Any, Any]:
        one: Design = space.design((*first[:DATABASE], database, *first[DATABASE + 1 :]))
        usage = usage_of(workload, demand, profile, one, platform)
        fields = {name: getattr(usage, name) for name in usage.__struct_fields__}
        most = np.array([[count.replicas_max for count in counts]], dtype=object)
        fields |= {
            "replica_hours_month": hours,
            "scaled_server_hours": scaled,
            "request_duration_s_mean": durations,
            "surplus_vcpu_hours": surplus,
            "secret_requests_month": _row((usage.secrets * most * DEPLOYS_PER_MONTH)[0]),
        }
        return design, SimpleNamespace(**fields)

    return columns


def _hours(space: Space, demand: Demand, profile: Profile) -> Column:
    """Replica-hours of every size and number; sizes that the load cannot tell apart once."""
    platform, known = space.platform, {}
    fixed = [
        count.replicas_min * HOURS_PER_MONTH
        if count.replicas_min == count.replicas_max or platform.kind == "functions"
        else None
        for count in space.counts
    ]
    rows = []
    for at in range(len(space.shapes)):
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


def _surplus(space: Space, hours: Column, demand: Demand, profile: Profile) -> Column | Decimal:
    """What burstable servers work above their baseline; nothing where no size has one."""
    bursts = {size.name for size in space.platform.sizes if size.baseline < 1}
    if not bursts:
        return Decimal(0)
    found = np.full(hours.shape, Decimal(0), dtype=object)
    for at, shape in enumerate(space.shapes):
        for number, count in enumerate(space.counts if shape.size in bursts else ()):
            design = space.design((at, number, *(0,) * (len(space.axes) - 2)))
            there = hours[at, number]
            busy = utilisation(demand, profile, design, there)
            found[at, number] = surplus_vcpu_hours(
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
    shape = (wide[SIZE], wide[REPLICAS])
    terms = [taken(commitment, line.commitments) for commitment in space.commitments]
    rater = _Rater(line, space, book, _alike(space))
    states: dict[object, dict[str, Micros]] = {}
    for database in range(wide[DATABASE]):
        state = _state(space, database)
        if state not in states:
            design, usage = columns(database)
            read: Any = read_meter(line.meter, design, usage)
            metered: Column = np.asarray(read, dtype=object).reshape(np.shape(read) or (1, 1))
            states[state] = {
                under: rater.total(metered, under, design, usage, shape)
                for under in dict.fromkeys(terms[: wide[COMMITMENT]])
            }
        for number in range(wide[COMMITMENT]):
            total = states[state][terms[number]]
            made[:, :, number, database] = total.reshape(*shape, *(1 for _ in wide[SLOTS:]))
    return made


def _alike(space: Space) -> list[int]:
    """For each shape the first that is bought and loaded like it, so that its amounts are equal."""
    first: dict[tuple[object, ...], int] = {}
    slots = counts_requests(space.platform)
    return [
        first.setdefault(
            (shape.size, shape.arch, min(shape.workers, max(1, int(shape.vcpu))),
             shape.workers * shape.threads if slots else 0), at,
        )
        for at, shape in enumerate(space.shapes)
    ]  # fmt: skip


def _state(space: Space, database: int) -> object:
    """What usage may see of a database: whether there is one, and whether in two zones."""
    one = space.databases[database]
    return None if one is None else one.multi_az


def _share(design: Any, usage: Any) -> Column:
    """The part of the replica-hours that run all month, which is what a commitment covers."""
    floor = design.replicas_min * HOURS_PER_MONTH
    hours: Column = usage.replica_hours_month
    some = hours.copy()
    some[hours == 0] = Decimal(1)
    share: Column = np.minimum(_objects([Decimal(1)]), floor / some)
    return share


class _Rater:
    """Prices one line's amounts, equal rows once."""

    def __init__(self, line: BillLine, space: Space, book: PriceBook, alike: list[int]) -> None:
        self.line, self.space, self.book = line, space, book
        self.provider = line.provider or space.platform.provider
        self.alike = alike

    def total(
        self, metered: Column, terms: str, design: Any, usage: Any, shape: tuple[int, int]
    ) -> Micros:
        """What runs all month under the terms, and the rest on demand."""
        if not terms:
            return self._rated(metered, ON_DEMAND, usage, shape)
        share = _share(design, usage)
        committed = self._rated(metered * share, terms, usage, shape)
        rest = self._rated(metered * (1 - share), ON_DEMAND, usage, shape)
        unknown = np.maximum(committed, rest) == UNPRICED_MICRO_USD
        result: Micros = np.where(unknown, UNPRICED_MICRO_USD, committed + rest)
        return result

    def _rated(
        self, metered: Column, commitment: str, usage: Any, shape: tuple[int, int]
    ) -> Micros:
        """Amounts times their price; nothing adds nothing, what has no price is marked."""
        by_size = "{" in self.line.sku
        wide = np.broadcast_to(metered, (metered.shape[0], shape[1])).tolist()
        done: dict[tuple[str, int], list[int]] = {}
        rows: list[list[int]] = []
        for at in range(shape[0]):
            sku = fill(self.line.sku, self.space.shapes[at]) if by_size else self.line.sku
            row = self.alike[at] if len(wide) > 1 else 0
            if (sku, row) not in done:
                done[sku, row] = self._row(sku, wide[row], commitment, usage)
            rows.append(done[sku, row])
        return np.array(rows, dtype=np.int64)

    def _row(self, sku: str, amounts: list[Decimal], commitment: str, usage: Any) -> list[int]:
        line = self.line
        tiers = self.book.tiers(self.provider, line.service, sku, self.space.region, commitment)
        if not tiers and not (line.included or line.free):
            return [UNPRICED_MICRO_USD if amount > 0 else 0 for amount in amounts]
        rates = [_micros(row, commitment) for row in tiers]
        free = usage.free_tier and line.free
        exact = not (line.included or free or line.minimum or line.increment)
        if exact and len(tiers) == 1 and not tiers[0].tier_from and tiers[0].tier_to is None:
            # `round` is half to even, as a bill rounds its lines.
            found = [round(amount * rates[0]) if amount > 0 else 0 for amount in amounts]
        else:
            found = [
                _tiered(billable(line, amount, usage), tiers, rates) if amount > 0 else 0
                for amount in amounts
            ]
        return [
            min(micro, TOO_LARGE) if micro != UNPRICED_MICRO_USD else micro for micro in found
        ] if max(found) >= UNPRICED_MICRO_USD else found  # fmt: skip


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
