"""What each platform's best design costs over three years, per request and per user."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from seatrial.assessor.assess import Question
from seatrial.assessor.outlook import Term, Work, years
from seatrial.assessor.usage import usage_of
from seatrial.kernel.advice import PlatformYears
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.units import DAYS_PER_MONTH, micro_usd

YEARS = 3
MONTHS = 12
THOUSAND = 1000


def all_years(asked: Question, bests: Iterable[Assessment]) -> tuple[PlatformYears, ...]:
    """Each platform's best design over three years, the cheapest total first.

    Traffic and replicas grow as `assessor.outlook.years` has them; work is in the total where
    the demand states what an hour of it costs and a source says how many there are.
    """
    told = [platform_years(asked, best) for best in bests]
    return tuple(sorted(told, key=_total))


def platform_years(asked: Question, best: Assessment) -> PlatformYears:
    """One design's years; cost per 1,000 requests and per user are the mean of all years."""
    design, traffic = best.design, asked.demand.traffic
    platform = asked.catalog.platform(design.platform)
    growth = Decimal(str(traffic.growth_year))
    work = Work(usd_hour=asked.demand.budget.ops_usd_hour)
    usage = usage_of(asked.workload, asked.demand, asked.profile, design, platform)
    each = years(design, platform, asked.book, usage, Term(years=YEARS, growth=growth, work=work))
    totals = [year.total_usd for year in each if year.total_usd is not None]
    total = sum(totals, Decimal(0)) if len(totals) == YEARS else None
    months = MONTHS * sum((year.growth for year in each), Decimal(0))
    requests = Decimal(str(traffic.requests_per_day)) * DAYS_PER_MONTH * months
    users = None if traffic.daily_users is None else Decimal(str(traffic.daily_users)) * months
    return PlatformYears(
        platform=design.platform, design=design.id, years=each, total_usd=total,
        usd_1000_requests=_share(total, requests / THOUSAND),
        usd_user_month=_share(total, users),
    )  # fmt: skip


def _share(total: Decimal | None, parts: Decimal | None) -> Decimal | None:
    return None if total is None or not parts else micro_usd(total / parts)


def _total(told: PlatformYears) -> tuple[bool, Decimal, str]:
    return (told.total_usd is None, told.total_usd or Decimal(0), told.platform)
