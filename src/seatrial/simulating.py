"""A design by its name, simulated under the demand of its app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from seatrial import settings, traces
from seatrial.assessor.assess import Question, question
from seatrial.designs import design_named
from seatrial.kernel.demand import Demand, Traffic
from seatrial.kernel.design import Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import Catalog, Size
from seatrial.kernel.simulation import Arrivals, Simulation
from seatrial.kernel.workload import Workload

RATE_MAX_RPS = 5_000.0
"""What is replayed of an hour at this rate is ten million requests, about a gigabyte."""


def simulated(
    workload: Workload,
    demand: Demand,
    catalog: Catalog,
    here: Size,
    name: str,
    seed: int,
    trace: Path | None,
    tell: Callable[[str], None],
) -> Simulation:
    """What the design of that name would do; a recorded `trace` replaces the demand's arrivals."""
    asked = question(workload, demand, catalog)
    design = design_named(name, catalog, here, asked)
    arrivals = _recorded(trace, tell) if trace is not None else None
    if arrivals is not None:
        traffic = replace(demand.traffic, requests_per_day=arrivals.requests_day, events=())
        asked = asked._replace(demand=replace(demand, traffic=traffic))
    _check_rate(asked.demand.traffic)
    # The simulator's machine code: only who simulates waits for it.
    from seatrial.assessor.simulate import machine
    from seatrial.assessor.simulate.run import simulate

    machine.prepare(tell)
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
