from __future__ import annotations

from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.kernel.assessment import Promise
from seatrial.kernel.demand import Slo
from seatrial.kernel.evidence import Comparison, LoadEvidence, Machine
from seatrial.kernel.values import from_json, to_json
from seatrial.trials.client import Kind
from seatrial.trials.evidence import evidence
from seatrial.trials.generator import Schedule, Target
from seatrial.trials.load import LoadResult, run_load

SLO = Slo(availability_percent=99.0, latency_ms_p95=500, latency_ms_p99=1500)
PROMISE = Promise(
    method="M/G/c",
    rate_rps=10.0,
    utilisation=0.4,
    latency_ms_p50=20.0,
    latency_ms_p95=90.0,
    latency_ms_p99=None,
    capacity_rps=25.0,
    availability_percent=None,
)
MACHINE = Machine(cpu="Some CPU", cores=2, memory_gib=4, system="Linux 6 x86_64", python="3.11")


def result(
    kinds: tuple[Kind, ...] = ("ok",) * 100,
    latency_ms: tuple[float, ...] | float = 50.0,
    late_us: tuple[int, ...] | None = None,
    target: tuple[int, ...] | None = None,
) -> LoadResult:
    """Evenly spaced requests over 10 s: by default 100, at 10 requests/s."""
    count = len(kinds)
    if not isinstance(latency_ms, tuple):
        latency_ms = (latency_ms,) * count
    return LoadResult(
        schedule=Schedule(
            seed=7,
            rate_rps=count / 10,
            duration_s=10,
            targets=(
                Target(route="/", path="/"),
                Target(route="/race/<id>", path="/race/1"),
                Target(route="/race/<id>", path="/race/2"),
                Target(route="/never", path="/never", weight=0),
            ),
            at_us=tuple(i * 10_000_000 // count for i in range(count)),
            target=target or (0,) * count,
        ),
        timeout_s=10,
        kinds=kinds,
        latency_us=tuple(round(ms * 1000) for ms in latency_ms),
        late_us=late_us or (0,) * count,
        warm_up_requests=0,
        cpu_s=0.1,
    )


def judge(measured: LoadResult, slo: Slo = SLO, promise: Promise = PROMISE) -> LoadEvidence:
    return evidence(
        measured,
        app="furlong",
        design="this-machine",
        workload_digest="0123456789abcdef",
        started_at="2026-11-21T04:00:00Z",
        machine=MACHINE,
        seed=7,
        peak_share=0.5,
        slo=slo,
        promise=promise,
    )


def row(judged: LoadEvidence, figure: str) -> Comparison:
    (found,) = (line for line in judged.comparisons if line.figure == figure)
    return found


def test_a_good_trial_meets_everything() -> None:
    judged = judge(result())
    assert judged.passed
    assert (judged.requests, judged.errors, judged.error_kinds) == (100, 0, {})
    assert (judged.rate_rps, judged.duration_s, judged.peak_share) == (10, 10, 0.5)
    assert judged.latency_ms.p50 == pytest.approx(50, rel=0.001)
    assert judged.throughput_rps == 10.0
    assert [line.figure for line in judged.comparisons] == [
        "latency_ms_p50",
        "latency_ms_p95",
        "latency_ms_p99",
        "error_percent",
        "throughput_rps",
        "late_sends_percent",
    ]
    p50 = row(judged, "latency_ms_p50")
    assert (p50.promised, p50.required, p50.met) == (20.0, None, True)
    assert row(judged, "latency_ms_p99").promised is None
    assert from_json(to_json(judged), LoadEvidence) == judged


@pytest.mark.parametrize(
    ("slow", "p95", "p99"), [(0, True, True), (2, True, False), (6, False, False)]
)
def test_latency_is_met_against_the_slo(slow: int, p95: bool, p99: bool) -> None:
    judged = judge(result(latency_ms=(2_000.0,) * slow + (50.0,) * (100 - slow)))
    assert row(judged, "latency_ms_p95").met is p95
    assert row(judged, "latency_ms_p99").met is p99


def test_errors_are_met_against_the_availability() -> None:
    one = judge(result(kinds=("http-5xx",) + ("ok",) * 99))
    line = row(one, "error_percent")
    assert (line.promised, line.required, line.measured, line.met) == (0, 1.0, 1.0, True)
    two = judge(result(kinds=("http-5xx", "reset") + ("ok",) * 98))
    assert not row(two, "error_percent").met and not two.passed
    assert two.error_kinds == {"http-5xx": 1, "reset": 1}
    exact = row(judge(result(), slo=Slo(availability_percent=99.9)), "error_percent")
    assert exact.required == 0.1


def test_hanging_does_not_improve_a_percentile() -> None:
    judged = judge(result(kinds=("ok",) * 90 + ("timeout",) * 10, latency_ms=10_000.0))
    assert judged.latency_ms.p99 >= 10_000
    assert not row(judged, "latency_ms_p95").met


def test_requests_without_an_answer_have_no_latency() -> None:
    kinds: tuple[Kind, ...] = ("connect", "reset", "bad-body", "not-sent", *("ok",) * 96)
    judged = judge(result(kinds=kinds, latency_ms=(0.01,) * 4 + (50.0,) * 96))
    assert HdrHistogram.decode(judged.histogram).get_total_count() == 96
    assert judged.latency_ms.p50 == pytest.approx(50, rel=0.001)


def test_no_answer_at_all_is_as_slow_as_the_time_out() -> None:
    judged = judge(result(kinds=("connect",) * 100, latency_ms=0.1))
    assert judged.latency_ms.p50 == judged.latency_ms.mean == 10_000
    assert [line.figure for line in judged.comparisons if not line.met] == [
        "latency_ms_p95",
        "latency_ms_p99",
        "error_percent",
        "throughput_rps",
    ]
    assert from_json(to_json(judged), LoadEvidence) == judged


def test_a_queue_that_grows_misses_the_throughput() -> None:
    """Half as fast as asked: each answer comes as long after the last one as two requests."""
    judged = judge(result(latency_ms=tuple(100.0 * i for i in range(100))))
    assert judged.throughput_rps == pytest.approx(5, abs=0.2)
    assert not row(judged, "throughput_rps").met


def test_answers_that_may_still_be_under_way_are_not_missed() -> None:
    """All take 1.4 s, within the p99: those sent in the last 1.4 s are answered after the end."""
    judged = judge(result(latency_ms=1_400.0))
    line = row(judged, "throughput_rps")
    assert line.measured == pytest.approx(8.7)
    assert line.met
    assert line.required == pytest.approx(0.95 * 8.6)


@given(st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_few_arrivals_by_chance_are_not_held_against_a_good_server(count: int) -> None:
    measured = result(kinds=("ok",) * count)
    fewer = LoadResult(
        schedule=Schedule(
            seed=7,
            rate_rps=60 / 10,
            duration_s=10,
            targets=measured.schedule.targets,
            at_us=measured.schedule.at_us,
            target=measured.schedule.target,
        ),
        timeout_s=10,
        kinds=measured.kinds,
        latency_us=measured.latency_us,
        late_us=measured.late_us,
        warm_up_requests=0,
        cpu_s=0,
    )
    assert row(judge(fewer), "throughput_rps").met


@pytest.mark.parametrize(("late", "met"), [(0, True), (1, True), (2, False)])
def test_a_late_client_makes_the_trial_untrustworthy(late: int, met: bool) -> None:
    judged = judge(result(late_us=(10_001,) * late + (10_000,) * (100 - late)))
    assert judged.late_sends == late
    line = row(judged, "late_sends_percent")
    assert (line.required, line.measured, line.met) == (1.0, late, met)
    assert judged.passed, "a late client makes a server look worse, so it still kept the SLO"


def test_a_promise_is_capped_by_its_capacity_and_left_out_for_another_rate() -> None:
    slow = Promise(
        method="M/G/c",
        rate_rps=10,
        utilisation=1.2,
        latency_ms_p50=None,
        latency_ms_p95=None,
        latency_ms_p99=None,
        capacity_rps=8,
        availability_percent=None,
    )
    assert row(judge(result(), promise=slow), "throughput_rps").promised == 8
    other = judge(result(kinds=("ok",) * 200))
    assert row(other, "throughput_rps").promised is None
    assert row(other, "latency_ms_p50").promised is None
    assert row(other, "error_percent").promised == 0


def test_routes_add_up_and_examples_of_one_route_are_one_route() -> None:
    kinds: tuple[Kind, ...] = ("ok",) * 98 + ("http-4xx", "reset")
    latency_ms = tuple(10.0 if i % 4 == 0 else 200.0 for i in range(100))
    judged = judge(result(kinds, latency_ms, target=tuple((0, 1, 2, 1)[i % 4] for i in range(100))))
    assert [(r.path, r.requests, r.errors) for r in judged.routes] == [
        ("/", 25, 0),
        ("/race/<id>", 75, 2),
    ]
    assert judged.routes[0].latency_ms_p95 == pytest.approx(10, rel=0.001)
    assert judged.routes[1].latency_ms_p95 == pytest.approx(200, rel=0.001)


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=300))
@settings(max_examples=40, deadline=None)
def test_the_histogram_survives_its_encoding(latencies_us: list[int]) -> None:
    judged = judge(
        result(("ok",) * len(latencies_us), tuple(value / 1000 for value in latencies_us))
    )
    assert judged.histogram.startswith("HISTF")  # A version 2 histogram, compressed, in base64.
    decoded = HdrHistogram.decode(judged.histogram)
    assert decoded.get_total_count() == len(latencies_us)
    assert decoded.get_max_value() == pytest.approx(max(1, *latencies_us, 1), rel=0.001, abs=1)
    for value in latencies_us:
        assert decoded.get_count_at_value(max(1, value)) > 0


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=300))
@settings(max_examples=40, deadline=None)
def test_percentiles_are_those_of_the_definition(latencies_us: list[int]) -> None:
    judged = judge(
        result(("ok",) * len(latencies_us), tuple(value / 1000 for value in latencies_us))
    )
    rising, shown = sorted(latencies_us), judged.latency_ms
    for percent, ms in ((50, shown.p50), (90, shown.p90), (95, shown.p95), (99, shown.p99)):
        rank = -(-percent * len(rising) // 100)
        assert ms == rising[rank - 1] / 1000
    assert shown.max == rising[-1] / 1000
    assert shown.mean == pytest.approx(sum(rising) / len(rising) / 1000)


def test_evidence_of_a_real_trial(server: Any) -> None:
    drawn = Schedule(
        seed=7,
        rate_rps=50,
        duration_s=1,
        targets=(Target(route="/ok", path="/ok"), Target(route="/500", path="/500")),
        at_us=tuple(range(0, 1_000_000, 20_000)),
        target=(0,) * 45 + (1,) * 5,
    )
    judged = judge(run_load(server.url, drawn, warm_up_s=0))
    assert (judged.requests, judged.errors, judged.error_kinds) == (50, 5, {"http-5xx": 5})
    assert row(judged, "error_percent").measured == 10
    assert not judged.passed
    assert from_json(to_json(judged), LoadEvidence) == judged


def test_the_seed_has_to_be_that_of_the_schedule() -> None:
    with pytest.raises(AssertionError):
        evidence(
            result(),
            app="a",
            design="d",
            workload_digest="w",
            started_at="",
            machine=MACHINE,
            seed=8,
            peak_share=1,
            slo=SLO,
            promise=PROMISE,
        )
