"""What to watch in production: each figure with the value to alarm at, computed from this plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from math import ceil

from seatrial.assessor.assess import assess
from seatrial.assessor.rules_limits import RUNTIME_MIB
from seatrial.assessor.scored import View, clock, longest
from seatrial.kernel.advice import Target
from seatrial.kernel.units import usd
from seatrial.planner.advice.databases import connections
from seatrial.planner.advice.ground import Ground

BURN_RATE = 10
"""How many times faster than allowed errors use up the month's budget before somebody is called:
then it would be gone in three days. The alarms that Seatrial writes use the same."""

BUDGET_SHARE = Decimal("0.8")
NEAR_FULL = 0.8
STEPS = 16
ASSUMED_S = 30.0
"""How long a call of a language model may take where nothing is known of the app's."""

Rule = Callable[[Ground], Iterator[Target]]


def carried_rps(ground: Ground) -> float | None:
    """The rate at which the model's p95 reaches the SLO; none when it is missed at the peak."""
    asked, slo = ground.asked, ground.asked.demand.slo.latency_ms_p95

    def keeps(rate: float) -> bool:
        p95 = assess(asked, ground.design, rate).promise.latency_ms_p95
        return p95 is not None and p95 <= slo

    low, high = ground.chosen.promise.rate_rps, ground.chosen.promise.capacity_rps
    if low <= 0 or not keeps(low):
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low


def latency(ground: Ground) -> Iterator[Target]:
    """p95 and p99 at the SLO."""
    slo, told = ground.asked.demand.slo, ground.chosen.promise
    for name, limit, promised in (
        ("p95", slo.latency_ms_p95, told.latency_ms_p95),
        ("p99", slo.latency_ms_p99, told.latency_ms_p99),
    ):
        expected = "no finite value" if promised is None else f"{promised:.0f} ms"
        yield Target(
            metric=f"Response time {name} at the load balancer, over 5 minutes",
            alarm=f"above {limit:g} ms twice in a row",
            because=f"the SLO is {limit:g} ms; the plan promises {expected} at the peak of "
            f"{told.rate_rps:.3g} requests/s",
        )


def errors(ground: Ground) -> Iterator[Target]:
    """Errors against the budget that the availability leaves."""
    slo = ground.asked.demand.slo.availability_percent
    allowed = 100 - slo
    minutes = allowed / 100 * 730 * 60
    yield Target(
        metric="Share of requests answered with 5xx, over 5 minutes",
        alarm=f"above {min(100.0, BURN_RATE * allowed):.3g} %",
        because=f"{slo:g} % allow {allowed:.3g} % of errors, {minutes:.0f} minutes of outage a "
        f"month; at {BURN_RATE} times that the month's budget is gone in three days",
    )


def load(ground: Ground) -> Iterator[Target]:
    """The rate and the utilisation beyond which the promise ends."""
    most, told = carried_rps(ground), ground.chosen.promise
    if most is None:
        return
    busy = assess(ground.asked, ground.design, most).promise.utilisation
    yield Target(
        metric="Requests a second, over 5 minutes",
        alarm=f"above {most:.3g}",
        because=f"the model's p95 reaches the SLO there; the peak that was stated is "
        f"{told.rate_rps:.3g}, the design's capacity {told.capacity_rps:.3g}",
    )
    yield Target(
        metric="Busy share of the processors that the workers use, over 15 minutes",
        alarm=f"above {100 * busy:.0f} %",
        because=f"it is {100 * told.utilisation:.0f} % at the stated peak, and {100 * busy:.0f} % "
        "where p95 reaches the SLO",
    )


def memory(ground: Ground) -> Iterator[Target]:
    """Memory that grows past what was measured."""
    design, worker = ground.design, ground.asked.profile.memory_mib_worker
    expected = design.workers * worker + RUNTIME_MIB
    share = expected / design.memory_mib
    alarm = min(0.95, max(NEAR_FULL, (1 + share) / 2))
    told = "measured" if ground.asked.profile.measured else "assumed"
    yield Target(
        metric="Memory of a replica",
        alarm=f"above {100 * alarm:.0f} % of {design.memory_mib} MiB",
        because=f"{design.workers} workers of {worker:.0f} MiB ({told}) and the runtime take "
        f"{100 * share:.0f} %; beyond 100 % the replica is killed",
    )


def replicas(ground: Ground) -> Iterator[Target]:
    """Too few replicas answer, or as many as the design allows."""
    design = ground.design
    if ground.platform.kind != "functions" and design.replicas_min > 0:
        yield Target(
            metric="Replicas that pass their health check",
            alarm=f"fewer than {design.replicas_min} for 5 minutes",
            because=f"the design runs {design.replicas_min} all day; one that is lost comes back "
            "sooner than that unless something is wrong",
        )
    if design.replicas_max > max(1, design.replicas_min):
        near = max(design.replicas_min + 1, ceil(NEAR_FULL * design.replicas_max))
        near = min(near, design.replicas_max)
        yield Target(
            metric="Replicas running",
            alarm=f"{near} of {design.replicas_max} for 15 minutes",
            because="beyond the maximum nothing is added and requests wait",
        )


def database(ground: Ground) -> Iterator[Target]:
    """Connections and storage of the database."""
    found = connections(ground)
    if found is not None and found.limit is not None:
        yield Target(
            metric="Connections of the database",
            alarm=f"above {int(NEAR_FULL * found.limit)}",
            because=f"80 % of about {found.limit} ({found.told}); the design's threads ask for "
            f"{found.needed} at most",
        )
    elif found is not None:
        yield Target(
            metric="Connections of the database",
            alarm=f"above {found.needed}",
            because=f"all threads of {ground.design.replicas_max} replicas ask for no more; "
            f"{found.told}",
        )
    for store in ground.stores:
        stored = store.options.get("storage_gib")
        if stored:
            yield Target(
                metric=f"Free storage of {store.kind}",
                alarm=f"below {float(stored) / 10:.3g} GiB",
                because=f"a tenth of {stored} GiB; a full disk stops the database",
            )


def work(ground: Ground) -> Iterator[Target]:
    """Work in the background, and the language model."""
    kinds = {component.kind for component in ground.asked.workload.components}
    if "worker" in kinds:
        yield Target(
            metric="Age of the oldest job in the queue",
            alarm="above 5 minutes, or your own promise",
            because="the app hands work to a worker; a queue that ages has too few, or one hangs",
        )
    if ground.app.service("llm") is not None:
        allowed = 100 - ground.asked.demand.slo.availability_percent
        yield Target(
            metric="Failed and throttled calls of the language model, over 5 minutes",
            alarm=f"above {min(100.0, BURN_RATE * allowed):.3g} %",
            because="a call that fails becomes an error of the app, so it has the errors' limit; a "
            "partial outage fails some 30 % (assessor/simulate/failures.toml, llm-partial-share)",
        )
        view = View(ground.asked, ground.chosen, ground.platform, (), None)
        slowest, what, _ = longest(view) or (ASSUMED_S, "assumed", None)
        yield Target(
            metric="Longest call of the language model",
            alarm=f"above {clock(2 * slowest)}",
            because=f"twice the app's longest request, {clock(slowest)} ({what})",
        )


def money(ground: Ground) -> Iterator[Target]:
    """The month's forecast."""
    paid, limit = ground.chosen.bill.monthly_usd, ground.asked.demand.budget.cost_usd_month
    if limit is not None:
        alarm = BUDGET_SHARE * limit
        told = f"80 % of the budget of {usd(limit)}; the plan's bill is {usd(paid)}"
        if paid is not None and paid >= alarm:
            alarm, told = limit, f"the budget itself: the plan's bill is {usd(paid)} of it"
    elif paid is not None:
        alarm, told = paid / BUDGET_SHARE, f"the plan's bill of {usd(paid)} is 80 % of it"
    else:
        return
    yield Target(
        metric="Forecast of the month's bill", alarm=f"above {usd(alarm)}", because=told
    )  # fmt: skip


def outside(ground: Ground) -> Iterator[Target]:
    """What only somebody outside sees."""
    yield Target(
        metric="Health route asked from outside, each minute",
        alarm="3 failures in a row",
        because="names, certificates and the load balancer fail where no inner metric shows it",
    )
    yield Target(
        metric="Days until the certificate ends",
        alarm="below 21",
        because="AWS renews its certificates 60 days before, Let's Encrypt's clients 30: below 21 "
        "the renewal has failed",
    )


TARGETS: tuple[Rule, ...] = (
    latency, errors, load, memory, replicas, database, work, money, outside,
)  # fmt: skip


def targets(ground: Ground) -> tuple[Target, ...]:
    """All figures to watch, in the order in which they matter to users."""
    return tuple(target for rule in TARGETS for target in rule(ground))
