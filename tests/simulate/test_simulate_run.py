"""A design simulated end to end: figures that hang together, and the same twice."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from seatrial.assessor.assess import Question, question
from seatrial.assessor.queueing import erlang_c
from seatrial.assessor.simulate import run
from seatrial.catalog.load import load
from seatrial.catalog.own import Own, machine
from seatrial.designs import design_named
from seatrial.kernel.demand import SHAPES, Demand, MachineSettings, Traffic
from seatrial.kernel.errors import InputError
from seatrial.kernel.platform import Size
from seatrial.kernel.simulation import Simulation
from seatrial.kernel.workload import Component, Workload

STATED = MachineSettings(cost_usd_month=Decimal(10), cost_as_of="2026-11-21")
CATALOG = load(Own(prices=machine(STATED)))
HERE = Size(name="here", vcpu=1.0, memory_mib=2048)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer requests than for people: the arithmetic is the same."""
    monkeypatch.setattr(run, "REQUESTS", 200_000)


def asked(requests_per_day: float = 400_000, **traffic: object) -> Question:
    """An app that was not measured: 100 ms of processor time a request, exponential."""
    component = Component(
        name="web", kind="web", framework="flask", interface="wsgi", entry="a:app",
        command=("a",), port=8000,
    )  # fmt: skip
    workload = Workload(app="a", source_digest="d", components=(component,))
    demand = Demand(
        traffic=Traffic(
            requests_per_day=requests_per_day, hourly_weights=SHAPES["flat"],
            **traffic,  # type: ignore[arg-type]
        )
    )  # fmt: skip
    return question(workload, demand, CATALOG)


def simulated(name: str, given: Question | None = None, seed: int = 1) -> Simulation:
    return run.simulate(given or asked(), design_named(name, CATALOG, HERE), seed)


def test_one_server_is_the_formula_of_queueing() -> None:
    # 5 a second of 100 ms each on one processor: half busy, M/M/1 with processor sharing
    made = simulated("aws-fargate/us-east-1/1vcpu-2gbx1", asked(5 * 86_400))
    p95 = made.latency_ms_p95
    assert p95.value is not None and p95.low is not None and p95.high is not None
    assert p95.low < p95.value < p95.high
    assert made.error_percent.value == 0
    assert made.replica_hours_month.value == 730
    mean = 100 / (1 - 0.5)
    assert erlang_c(1, 0.5) == pytest.approx(0.5)
    # the median of an exponential response of that mean, were it first come first served
    assert made.latency_ms_p50.value == pytest.approx(mean * math.log(2), rel=0.25)


def test_the_same_seed_gives_the_same_bits_and_another_one_other_figures() -> None:
    name = "aws-fargate/us-east-1/1vcpu-2gbx2-4"
    assert simulated(name) == simulated(name)
    assert simulated(name).latency_ms_p95 != simulated(name, seed=2).latency_ms_p95


def test_more_replicas_never_wait_longer() -> None:
    few, many = (simulated(f"aws-fargate/us-east-1/1vcpu-2gbx{n}") for n in (1, 3))
    assert few.latency_ms_p95.value is not None and many.latency_ms_p95.value is not None
    assert many.latency_ms_p95.value < few.latency_ms_p95.value
    assert many.availability_percent.value is not None
    assert few.availability_percent.value is not None
    assert many.availability_percent.value > few.availability_percent.value


def test_too_little_is_told_and_never_not_a_number() -> None:
    made = simulated("aws-fargate/us-east-1/0.25vcpu-0.5gbx1")
    assert made.error_percent.value is not None and made.error_percent.value > 20
    assert made.availability_percent.value is not None and made.availability_percent.value < 80
    for hour in made.week:
        assert hour.latency_ms_p95 is None or math.isfinite(hour.latency_ms_p95)


def test_bursts_make_the_tail_longer() -> None:
    name = "aws-fargate/us-east-1/1vcpu-2gbx2"
    calm = simulated(name, asked(600_000))
    bursty = simulated(name, asked(600_000, dispersion_1s=6.0, dispersion_60s=6.0))
    assert calm.latency_ms_p95.value is not None and bursty.latency_ms_p95.value is not None
    assert bursty.latency_ms_p95.value > 1.2 * calm.latency_ms_p95.value


def test_scaling_pays_for_what_it_uses() -> None:
    made = simulated("aws-fargate/us-east-1/1vcpu-2gbx1-8", asked(1_500_000))
    assert made.replica_hours_month.value is not None
    assert 730 * 2 < made.replica_hours_month.value < 730 * 8
    assert made.replicas_peak <= 8
    assert made.cost_usd_month.value is not None


def test_functions_and_this_machine_are_simulated_too() -> None:
    function = simulated("aws-lambda/us-east-1/1769mbx50", asked(100_000))
    assert function.latency_ms_p50.value is not None
    here = simulated("this-machine/here/herex2", asked(100_000))
    assert here.cost_usd_month.value == 10
    assert {event.name for event in here.failures} >= {"zone loss", "replica crash"}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("aws-fargate", "names no design"),
        ("aws-fargat/us-east-1/1vcpu-2gbx2", "no platform"),
        ("aws-fargate/us-east-9/1vcpu-2gbx2", "no region"),
        ("aws-fargate/us-east-1/9vcpux2", "no size"),
        ("aws-fargate/us-east-1/1vcpu-2gbx4-2", "are none"),
        ("aws-fargate/us-east-1/1vcpu-2gbx0", "are none"),
        ("aws-fargate/us-east-1/1vcpu-2gbx2w0", "are none"),
        ("aws-fargate/us-east-1/1vcpu-2gbx2/arm65", "names no design"),
        ("aws-fargate/us-east-1/1vcpu-2gbx2+db.t9.small", "no database"),
        ("aws-fargate/us-east-1/1vcpu-2gbx2+db.t4g.small+redos", "is no service"),
        ("aws-fargate/us-east-1/1vcpu-2gbx2+redis:huge", "no size"),
        ("aws-fargate/us-east-1/1vcpu-2gbx2+redis,color=red", "no option"),
        ("aws-fargate/us-east-1/1vcpu-2gbx2+jobs:1vcpu-2gbx1", "no worker of the app"),
        ("aws-lambda/us-east-1/1769mbx50w2", "an instance"),
        ("aws-fargate//1vcpu-2gbx2", "names no design"),
    ],
)
def test_names_that_name_nothing(name: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        design_named(name, CATALOG, HERE)


def test_names_are_those_of_a_plan() -> None:
    for name in (
        "aws-fargate/us-east-1/1vcpu-2gbx2",
        "aws-fargate/us-east-1/1vcpu-2gbx2-6+db.t4g.small-multi-az",
        "aws-ecs-ec2/us-east-1/m6i.2xlargex3on3",
    ):
        assert design_named(name, CATALOG, HERE).id == name
    assert replace(design_named("this-machine/here/herex2", CATALOG, HERE)).id == (
        "this-machine/here/herex2"
    )


def test_the_package_is_not_loaded_by_other_verbs() -> None:
    sources = Path(run.__file__).parents[2]
    for file in [*sources.glob("*.py"), *sources.glob("cli/*.py"), *sources.glob("planner/*.py")]:
        for line in file.read_text().splitlines():
            # Inside a function at most: numba takes seconds to load.
            assert not line.startswith("from seatrial.assessor.simulate"), file


def test_finalists_are_each_as_if_alone_and_screening_is_their_fluid_year() -> None:
    names = [f"aws-fargate/us-east-1/1vcpu-2gbx{n}" for n in ("2", "1-4", "3")]
    designs = [design_named(name, CATALOG, HERE) for name in names]
    given = asked()
    told: list[str] = []
    found = run.finalists(given, designs, requests=50_000, threads=2, tell=told.append)
    assert told
    assert [one.design for one in found] == names
    assert run.finalists(given, designs[1:2], requests=50_000, threads=1) == found[1:2]
    first = run.screened(given, designs)
    assert [one.design for one in first] == names
    assert first[0].replica_hours_month == pytest.approx(1460)
    assert first[1].replicas_peak <= 4
    for one, exact in zip(first, found, strict=True):
        assert one.latency_ms_p95 is not None and exact.latency_ms_p95.value is not None
        assert one.latency_ms_p50 is not None and one.latency_ms_p99 is not None
        assert one.latency_ms_p50 < one.latency_ms_p95 < one.latency_ms_p99
    assert run.finalists(given, []) == () and run.screened(given, []) == ()


def test_designs_that_serve_alike_are_simulated_once() -> None:
    names = [f"aws-fargate/us-east-1/1vcpu-{rest}" for rest in ("2gbx2", "3gbx2/arm64")]
    designs = [design_named(name, CATALOG, HERE) for name in names]
    given, served = asked(), dict[object, object]()
    found = run.finalists(given, designs, requests=20_000, served=served)  # type: ignore[arg-type]
    assert len(served) == 1
    assert found[0].latency_ms_p95 == found[1].latency_ms_p95
    assert found[0].cost_usd_month != found[1].cost_usd_month
    assert run.finalists(given, designs[1:], requests=20_000) == found[1:]
    again = run.finalists(given, designs[1:], requests=20_000, served=served)  # type: ignore[arg-type]
    assert again == found[1:] and len(served) == 1
