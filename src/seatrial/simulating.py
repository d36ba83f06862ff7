"""A design by its name, simulated under the demand of its app."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from seatrial import settings, traces
from seatrial.assessor.asked import known_platform
from seatrial.assessor.assess import Question, question
from seatrial.assessor.space import Count, shaped, shapes_of
from seatrial.kernel.demand import Demand, Traffic
from seatrial.kernel.design import Database, Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import Catalog, Platform, Size
from seatrial.kernel.simulation import Arrivals, Simulation
from seatrial.kernel.workload import Workload

NAME = re.compile(
    r"(?P<platform>[^/]+)/(?P<region>[^/]+)/(?P<size>.+?)x(?P<least>\d{1,9})(-(?P<most>\d{1,9}))?"
    r"(on(?P<servers>\d{1,9}))?(\+(?P<database>[^+/]+))?"
)
REPLICAS_MAX = 10_000
RATE_MAX_RPS = 5_000.0
"""What is replayed of an hour at this rate is ten million requests, about a gigabyte."""
FORM = "write PLATFORM/REGION/SIZExREPLICAS, such as aws-fargate/us-east-1/1vcpu-2gbx2-6"


def simulated(
    workload: Workload,
    demand: Demand,
    catalog: Catalog,
    machine: Size,
    name: str,
    seed: int,
    trace: Path | None,
    tell: Callable[[str], None],
) -> Simulation:
    """What the design of that name would do; a recorded `trace` replaces the demand's arrivals."""
    asked = question(workload, demand, catalog)
    design = design_named(name, catalog, machine)
    arrivals = _recorded(trace, tell) if trace is not None else None
    if arrivals is not None:
        traffic = replace(demand.traffic, requests_per_day=arrivals.requests_day, events=())
        asked = asked._replace(demand=replace(demand, traffic=traffic))
    _check_rate(asked.demand.traffic)
    tell("loading the simulator; the first time it is compiled, for a minute or two")
    # The compiler of the simulator's kernels: only who simulates waits for it.
    from seatrial.assessor.simulate.run import simulate

    tell(f"simulating {design.id}")
    return simulate(_in_region(asked, design), design, seed, arrivals)


def demand_of(file: Path) -> Demand:
    """The demand of a file in the form of seatrial.toml."""
    if not file.is_file():
        raise InputError("is no file", where=str(file), fix="name a file like seatrial.toml")
    return settings.read_file(file).demand


def _in_region(asked: Question, design: Design) -> Question:
    return asked._replace(demand=replace(asked.demand, region=design.region))


def _recorded(trace: Path, tell: Callable[[str], None]) -> Arrivals:
    """The arrivals of a recording, at the rate they were recorded with."""
    tell(f"reading {trace}")
    times_s = traces.read(trace).times_s
    # Its first request is at 0, and it is repeated one mean gap after its last.
    mean_gap_s = times_s[-1] / (len(times_s) - 1)
    return Arrivals(requests_day=86_400 / mean_gap_s, weekly_weights=(1.0,) * 168, trace_s=times_s)


def _check_rate(traffic: Traffic) -> None:
    rate = traffic.peak_rps * max((1.0, *(event.factor for event in traffic.events)))
    if rate > RATE_MAX_RPS:
        raise InputError(
            f"{rate:,.0f} requests a second at the peak are more than can be replayed",
            where="requests_per_day, events",
            fix="simulate a part, such as a tenth of the requests on a tenth of the replicas",
        )


def design_named(name: str, catalog: Catalog, machine: Size) -> Design:
    """The design that a name such as `aws-fargate/us-east-1/1vcpu-2gbx2-6` stands for.

    These are the names that a plan gives its designs. Raises `InputError` with what there is.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise InputError(f"{name!r} names no design", fix=FORM)
    platform = known_platform(found["platform"], catalog)
    _check_region(platform, found["region"], catalog)
    if not platform.sizes:
        platform = replace(platform, sizes=(replace(machine, name=found["size"]),))
    shapes = {shape.size: shape for shape in shapes_of(platform, "x86_64")}
    if found["size"] not in shapes:
        raise InputError(
            f"{platform.id} has no size {found['size']!r}", fix=f"sizes: {', '.join(shapes)}"
        )
    least = int(found["least"])
    most = int(found["most"] or least)
    if least > most or most < 1:
        raise InputError(f"{least} to {most} replicas are none", where=name, fix=FORM)
    servers = int(found["servers"] or (least if platform.kind == "servers" else 0))
    if max(most, servers) > REPLICAS_MAX:
        raise InputError(
            f"{max(most, servers):,} replicas are too many to simulate", where=name,
            fix=f"give {REPLICAS_MAX:,} at most",
        )  # fmt: skip
    database = None
    if found["database"]:
        instance = found["database"].removesuffix("-multi-az")
        database = Database(instance=instance, multi_az=instance != found["database"])
    count = Count(least, most, servers)
    return shaped(platform, found["region"], shapes[found["size"]], count, database=database)


def _check_region(platform: Platform, region: str, catalog: Catalog) -> None:
    known = [one.id for one in catalog.provider(platform.provider).regions]
    if known and region not in known:
        raise InputError(f"{platform.id} has no region {region!r}", fix=f"use {', '.join(known)}")
