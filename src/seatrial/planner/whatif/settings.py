"""The settings that can be relaxed: how each is read, set to a value, and dropped."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from seatrial.kernel.demand import Demand
from seatrial.kernel.units import plain


class Amount(NamedTuple):
    """A setting with a number, counted in whole steps of `unit`; `most` is as good as no limit.

    `lower` says that less of it asks for less, as with availability.
    """

    key: str
    read: Callable[[Demand], Decimal | None]
    write: Callable[[Demand, Decimal], Demand]
    unit: Decimal
    most: Decimal
    lower: bool = False

    def dropped(self, demand: Demand) -> Demand:
        """The demand with the setting so loose that it binds nothing."""
        return self.write(demand, self.most)

    def words(self, value: Decimal) -> str:
        """The value as it is written in the file."""
        return plain(value)


def _slo(name: str) -> tuple[
    Callable[[Demand], Decimal | None], Callable[[Demand, Decimal], Demand]
]:  # fmt: skip
    def read(demand: Demand) -> Decimal | None:
        return Decimal(str(getattr(demand.slo, name)))

    def write(demand: Demand, value: Decimal) -> Demand:
        return replace(demand, slo=replace(demand.slo, **{name: float(value)}))

    return read, write


def _recovery(name: str) -> tuple[
    Callable[[Demand], Decimal | None], Callable[[Demand, Decimal], Demand]
]:  # fmt: skip
    def read(demand: Demand) -> Decimal | None:
        value = getattr(demand.recovery, name)
        return None if value is None else Decimal(str(value))

    def write(demand: Demand, value: Decimal) -> Demand:
        return replace(demand, recovery=replace(demand.recovery, **{name: float(value)}))

    return read, write


def _budget(demand: Demand) -> Decimal | None:
    return demand.budget.cost_usd_month


def _with_budget(demand: Demand, value: Decimal) -> Demand:
    return replace(demand, budget=replace(demand.budget, cost_usd_month=value))


_MS, _S, _LONG = Decimal(1), Decimal(1), Decimal(10) ** 8

AMOUNTS = (
    Amount("[budget] cost_usd_month", _budget, _with_budget, Decimal("0.01"), Decimal(10) ** 9),
    Amount("[slo] latency_ms_p95", *_slo("latency_ms_p95"), _MS, _LONG),
    Amount("[slo] latency_ms_p99", *_slo("latency_ms_p99"), _MS, _LONG),
    Amount("[slo] availability_percent", *_slo("availability_percent"), Decimal("0.0001"),
           Decimal(0), lower=True),
    Amount("[recovery] rto_s", *_recovery("rto_s"), _S, _LONG),
    Amount("[recovery] rpo_s", *_recovery("rpo_s"), _S, _LONG),
    Amount("[recovery] region_rto_s", *_recovery("region_rto_s"), _S, _LONG),
    Amount("[recovery] region_rpo_s", *_recovery("region_rpo_s"), _S, _LONG),
)  # fmt: skip
"""Settings with a number, in the order in which they are told."""
