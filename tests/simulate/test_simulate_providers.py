"""Language models: which routes call them, and throttling and fallback in what is simulated."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from seatrial.assessor.assess import question
from seatrial.assessor.simulate import run
from seatrial.assessor.simulate.providers import called, calls_of, effect, provider_of, share, told
from seatrial.assessor.simulate.service import laws_of
from seatrial.catalog.load import load
from seatrial.catalog.own import Own, machine
from seatrial.designs import design_named
from seatrial.kernel.demand import SHAPES, Demand, Llm, MachineSettings, Traffic
from seatrial.kernel.platform import Size
from seatrial.kernel.simulation import RouteLaw, Simulation
from seatrial.kernel.workload import (
    Component,
    Fact,
    Measured,
    Proof,
    Route,
    Service,
    ServiceTime,
    Workload,
)

PROOF = Proof(kind="source", rule="test")
CATALOG = load(Own(prices=machine(MachineSettings())))
TIME = ServiceTime(
    requests=40, mean_ms=2000, cpu_ms_mean=20, scv=0.0, quantiles_ms=(2000.0,) * 40,
    response_bytes_mean=100,
)  # fmt: skip


def route(path: str, endpoint: str, *methods: str, timed: bool = True) -> Route:
    return Route(
        path=path, methods=methods or ("GET",), endpoint=endpoint, proof=PROOF,
        service_time=TIME if timed else None,
    )  # fmt: skip


def asks(value: str) -> Fact:
    return Fact(rule="time.llm-call", subject="openai", value=value, proof=PROOF)


ROUTES = (route("/", "home"), route("/ask", "docs.ask", "POST"), route("/two", "views:two"))


def component(*facts: Fact, llm: bool = True, routes: tuple[Route, ...] = ROUTES) -> Component:
    measured = Measured(
        boot_s=1.0, memory_mib_worker=1, memory_mib_idle=1, machine="m", proof=PROOF
    )  # fmt: skip
    return Component(
        name="web", kind="web", framework="flask", interface="wsgi", entry="a:app", command=("a",),
        port=8000, facts=facts, routes=routes, measured=measured,
        services=(Service(kind="llm", provider="openai", proof=PROOF),) if llm else (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "llm", "calls"),
    [
        ((), False, {}),
        ((asks("in ask()"),), True, {"/ask": 1.0}),
        ((asks("in chat(), reached from ask()"), asks("in ask() (and 2 more there)")), True,
         {"/ask": 2.0}),
        ((asks("in two(); in a loop, one after another"),), True, {"/two": 1.0}),
        # nobody knows from where: all that write
        ((), True, {"/ask": 1.0}),
        ((asks("in helper(); no handler was seen to call it"),), False, {"/ask": 1.0}),
    ],
)  # fmt: skip
def test_routes_that_call_are_those_whose_handlers_do(
    facts: tuple[Fact, ...], llm: bool, calls: dict[str, float]
) -> None:
    one = component(*facts, llm=llm)
    assert calls_of(one) == calls
    laws = called(one, laws_of(one, Demand()))
    assert {law.path: law.calls for law in laws if law.calls} == calls
    assert share(laws) == pytest.approx(len(calls) / 3)


def test_an_app_that_only_reads_calls_in_all_its_routes() -> None:
    assert calls_of(component(routes=(route("/", "home"), route("/b", "b")))) == {"/": 1, "/b": 1}
    unmeasured = replace(component(), measured=None)
    (law,) = called(unmeasured, laws_of(unmeasured, Demand()))
    assert (law.path, law.calls) == ("*", 1.0)


def test_the_law_with_failures_has_their_times_and_their_share() -> None:
    law = RouteLaw(path="/", weight=1.0, wall_s=(2.0,), cpu_share=0.1, calls=1.0)
    other = replace(law, path="/b", calls=0.0)
    made = effect((law, other), provider_of(Llm(throttled_percent=20, retries=1)), 1)
    # one in five is asked again, one in 25 fails twice
    assert np.mean(made.laws[0].wall_s) == pytest.approx(0.2 + 1.8 * 1.2, rel=0.01)
    assert made.laws[0].cpu_share * np.mean(made.laws[0].wall_s) == pytest.approx(0.2, rel=0.01)
    assert made.laws[1] is other
    assert made.failed_share == pytest.approx(0.5 * 0.04, rel=0.1)
    calm = effect((law, other), provider_of(Llm()), 1)
    assert calm.laws == (law, other)
    assert calm.failed_share == 0


def simulated(monkeypatch: pytest.MonkeyPatch, llm: Llm) -> Simulation:
    monkeypatch.setattr(run, "REQUESTS", 60_000)
    one = component(asks("in ask()"))
    workload = Workload(app="a", source_digest="d", components=(one,))
    traffic = Traffic(requests_per_day=200_000, hourly_weights=SHAPES["flat"])
    asked = question(workload, Demand(traffic=traffic, llm=llm), CATALOG)
    name = "aws-fargate/us-east-1/1vcpu-2gbx8"
    return run.simulate(asked, design_named(name, CATALOG, Size(name="h", vcpu=1, memory_mib=1)))


def test_throttling_shows_in_latency_and_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    calm = simulated(monkeypatch, Llm())
    failing = simulated(monkeypatch, Llm(throttled_percent=30))
    patient = simulated(monkeypatch, Llm(throttled_percent=30, retries=3, fallback=True))
    assert calm.error_percent.value == 0
    # a third of the requests call, 30 % of these fail
    assert failing.error_percent.value == pytest.approx(10, abs=0.3)
    assert failing.worst.error_percent == pytest.approx(10, abs=1)
    assert patient.error_percent.value == 0
    assert calm.latency_ms_p95.value is not None and patient.latency_ms_p95.value is not None
    assert patient.latency_ms_p95.value > 1.5 * calm.latency_ms_p95.value
    assert any("30 % of its calls are refused" in line for line in failing.assumptions)
    assert any("no source says how often" in line for line in calm.assumptions)
    outages = [event for event in calm.failures if event.name == "language model outage"]
    assert outages and outages[0].error_percent < 40, "only a third of the requests needs it"


def test_what_was_not_measured_is_told() -> None:
    routes = (route("/", "home"), route("/ask", "ask", "POST", timed=False))
    one = component(asks("in ask()"), routes=routes)
    laws = called(one, laws_of(one, Demand()))
    assert told(one, laws, Llm())[-1].endswith("were not measured: /ask")
    calm = component(llm=False)
    assert told(calm, called(calm, laws_of(calm, Demand())), Llm()) == ()
