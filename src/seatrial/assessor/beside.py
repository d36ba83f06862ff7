"""Components beside the one that answers requests: how many replicas of which size each gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

from msgspec.structs import replace

from seatrial.assessor.assess import Question
from seatrial.assessor.price import beside_amounts
from seatrial.assessor.promise import SCALING_TARGET
from seatrial.assessor.rules_limits import memory_needed_mib
from seatrial.assessor.services import background, runs_beside
from seatrial.assessor.space import Arch
from seatrial.kernel.design import Beside, Design
from seatrial.kernel.platform import Platform, Size
from seatrial.kernel.units import HOURS_PER_MONTH
from seatrial.kernel.workload import Component

SIZES_LOOKED_AT = 12
"""Of the sizes that hold a component, by memory: beyond them it pays for what it cannot use."""

HIGH = Decimal("Infinity")


def beside_of(
    asked: Question, platform: Platform, region: str, arch: Arch
) -> tuple[Beside, ...]:  # fmt: skip
    """The app's other components on a platform, on the processor of the one that answers.

    Each has the cheapest of the small sizes that hold a process for each of its processors, since
    nobody waits for it; and of that as many replicas as the busiest hour's tasks keep busy for 60 %
    of it. Where nobody said how many tasks there are it is one. A scheduler is one process, always.
    What a component needs is measured, or taken as what the web component's worker needs, as it
    loads the same code. One that no size holds is left out; a rule tells.
    """
    if not runs_beside(platform):
        return ()
    parts = background(asked.workload)
    workers = sum(part.kind == "worker" for part in parts)
    sizes = sorted(
        (s for s in platform.sizes if not s.gpus and s.arch in (None, arch)),
        key=lambda s: (s.memory_mib, s.vcpu, s.name),
    )
    bare = Design(
        platform=platform.id, region=region, size="", vcpu=1.0, memory_mib=1, replicas_min=1,
        replicas_max=1, workers=1, threads=1, arch=arch,
    )  # fmt: skip

    def cost(one: Beside) -> Decimal:
        total = Decimal(0)
        for provider, amount in beside_amounts(replace(bare, beside=(one,)), platform):
            lines, missing = asked.book.rated(amount, provider, region)
            if missing:
                return HIGH
            total += sum((line.monthly_usd for line in lines), Decimal(0))
        return total

    chosen: list[Beside] = []
    for part in parts:
        fitting = _fitting(part, asked, workers, platform, sizes)
        # Of equal ones, and where nothing has a price, the smallest.
        chosen += sorted(islice(fitting, SIZES_LOOKED_AT), key=cost)[:1]
    return tuple(chosen)


def _fitting(
    part: Component, asked: Question, workers: int, platform: Platform, sizes: Iterable[Size]
) -> Iterator[Beside]:
    """A component in every size that holds it, with as many replicas as its tasks take."""
    demand, web = asked.demand, asked.profile
    memory = part.measured.memory_mib_worker if part.measured else web.memory_mib_worker
    tasks, each_s = demand.work.tasks_per_day, demand.work.task_s
    scheduler = part.kind == "scheduler"
    known = tasks is not None and each_s is not None and not scheduler
    # Seconds of work in a second, of all replicas together: of the mean hour, and of the busiest.
    mean = (tasks or 0.0) * (each_s or 0.0) / 86_400 / workers if known else 0.0
    weights = demand.traffic.hourly_weights
    most = mean * max(weights) / (sum(weights) / len(weights))
    limit = platform.limits.replicas_max
    for size in sizes:
        processes = 1 if scheduler else max(1, int(size.vcpu))
        if memory_needed_mib(processes, memory) > size.memory_mib:
            continue
        carries = min(size.vcpu, processes) * SCALING_TARGET
        replicas = max(1, math.ceil(most / carries))
        if (limit is not None and replicas > limit.value) or 0 < size.replicas_max < replicas:
            continue
        busy = mean / min(size.vcpu, processes) * float(HOURS_PER_MONTH)
        yield Beside(
            component=part.name, kind="scheduler" if scheduler else "worker", size=size.name,
            vcpu=size.vcpu, memory_mib=size.memory_mib, replicas=replicas,
            servers=replicas if platform.kind == "servers" else 0,
            # A scheduler only looks at the clock.
            busy_hours_month=0.0 if scheduler else busy if known else None,
        )  # fmt: skip
