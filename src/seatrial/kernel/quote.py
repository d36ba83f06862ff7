"""Quote: what one stated design costs, to the line, over years, and beside another."""

from __future__ import annotations

from decimal import Decimal

from seatrial.kernel.assessment import CostLine, Unpriced
from seatrial.kernel.design import Design
from seatrial.kernel.values import Value


class Forgotten(Value):
    """A line that designs of this kind always have and estimates by hand leave out.

    `monthly_usd` is what it costs here. It is none when its amount was not stated; then
    `unit_price_usd` per `unit` says what each of it would cost, where that is known.
    """

    component: str
    service: str
    sku: str
    why: str
    monthly_usd: Decimal | None
    unit: str = ""
    unit_price_usd: Decimal | None = None


class Year(Value):
    """One year of the design: what grows is `growth` times the first year's.

    `cloud_usd` spreads upfront payments over their term, `cash_usd` counts them when they are
    paid. `ops_usd` is none without a rate or without hours; `total_usd` is cloud and work.
    """

    year: int
    growth: Decimal
    replicas: int
    cloud_usd: Decimal | None
    cash_usd: Decimal | None
    ops_hours: Decimal | None
    ops_usd: Decimal | None
    total_usd: Decimal | None


class UserCost(Value):
    """One point of a break-even curve: what each of two designs costs at so many daily users."""

    daily_users: int
    replicas: tuple[int, int]
    monthly_usd: tuple[Decimal | None, Decimal | None]


class Crossing(Value):
    """From `daily_users` on, `cheaper` is the cheaper one."""

    daily_users: int
    cheaper: str


class BreakEven(Value):
    """Two platforms over daily users; `crossings` is empty when one is cheaper throughout."""

    platforms: tuple[str, str]
    assumptions: tuple[str, ...]
    points: tuple[UserCost, ...]
    cheaper_at_first: str
    crossings: tuple[Crossing, ...]


class Quote(Value):
    """The bill of one design, with everything that is said beside it.

    `monthly_usd` is none as long as anything is unpriced. `notes` are sentences: how sizes were
    rounded, what was assumed, what a commitment or spot means.
    """

    design: Design
    platform_name: str
    lines: tuple[CostLine, ...]
    unpriced: tuple[Unpriced, ...]
    monthly_usd: Decimal | None
    upfront_usd: Decimal
    forgotten: tuple[Forgotten, ...]
    notes: tuple[str, ...]
    years: tuple[Year, ...] = ()
    break_even: BreakEven | None = None
