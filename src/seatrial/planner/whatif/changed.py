"""Questions and designs with something changed, and the designs that are looked at."""

from __future__ import annotations

import math

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.kernel.assessment import Assessment
from seatrial.kernel.demand import Demand, Preferences, Slo
from seatrial.kernel.design import Design
from seatrial.kernel.platform import ON_DEMAND
from seatrial.planner.search import Found

NEXT_TO_NOTHING = 1.0
"""Requests a day of an app that nobody uses: what a design costs at the least."""

REPLICAS_MAX = 1_000
"""Where a platform sets no limit, designs are not scaled out further than this."""


def pool_of(found: Found, chosen: Assessment | None) -> tuple[Design, ...]:
    """The designs that what-if questions are asked of: the envelope and the platforms' best.

    Designs that stand before the chosen one in the analytic order are left out: the simulation
    spoke against them.
    """
    first = "" if chosen is None else chosen.design.id
    ids = [a.design.id for a in found.best]
    refused = set(ids[: ids.index(first)]) if first in ids else set()
    offered = [*([] if chosen is None else [chosen.design]), *found.envelope]
    offered += [v.best.design for v in found.platforms if v.best is not None]
    pool = {design.id: design for design in offered}
    return tuple(design for name, design in pool.items() if name not in refused)


def nothing_asked(asked: Question) -> Demand:
    """The same app with hardly a request, no target and every term allowed."""
    demand = asked.demand
    traffic = replace(
        demand.traffic, requests_per_day=NEXT_TO_NOTHING, growth_year=1.0, events=(),
        dispersion_1s=1.0, dispersion_60s=1.0,
    )  # fmt: skip
    terms = tuple(sorted({row.commitment for row in asked.catalog.prices} - {ON_DEMAND}))
    return Demand(
        traffic=traffic,
        slo=Slo(availability_percent=0.0, latency_ms_p95=math.inf, latency_ms_p99=math.inf),
        preferences=Preferences(weights=demand.preferences.weights, commitments=terms),
        region=demand.region,
    )


def same_shape(one: Demand, other: Demand) -> bool:
    """Whether two demands differ in nothing that bills depend on but the number of requests."""
    like = replace(
        one.traffic, requests_per_day=other.traffic.requests_per_day,
        daily_users=other.traffic.daily_users,
    )  # fmt: skip
    return like == other.traffic


def asking(asked: Question, demand: Demand) -> Question:
    """The same question under another demand."""
    return asked._replace(demand=demand)


def with_traffic(demand: Demand, requests_day: float) -> Demand:
    """The same demand with so many requests a day, and as many users more or fewer."""
    traffic = demand.traffic
    users = traffic.daily_users
    if users is not None and traffic.requests_per_day:
        users = users * requests_day / traffic.requests_per_day
    return replace(
        demand, traffic=replace(traffic, requests_per_day=requests_day, daily_users=users)
    )


def steady(design: Design) -> bool:
    """Whether more traffic, which may bring more replicas, can make no broken rule whole.

    One replica that others join only under load may be one too few only while it is quiet.
    """
    return design.replicas_min >= 2 or design.replicas_min == design.replicas_max


def scaled(design: Design, replicas: int) -> Design:
    """The design with so many replicas all day; its headroom and its servers grow alike."""
    share = replicas / max(1, design.replicas_min)
    return replace(
        design,
        replicas_min=replicas,
        replicas_max=max(replicas, math.ceil(design.replicas_max * share)),
        servers=math.ceil(design.servers * share),
    )


def replicas_limit(design: Design, asked: Question) -> int:
    """How many replicas of this size the platform runs at most."""
    platform = asked.catalog.platform(design.platform)
    size = next((s for s in platform.sizes if s.name == design.size), None)
    limits = [REPLICAS_MAX]
    if platform.limits.replicas_max is not None:
        limits.append(int(platform.limits.replicas_max.value))
    if size is not None and size.replicas_max:
        limits.append(size.replicas_max)
    return min(limits)
