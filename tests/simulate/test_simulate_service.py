"""Service times have the laws' means and quantiles; providers fail as often as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.assessor.profile import ASSUMED_SERVICE_MS
from seatrial.assessor.simulate.service import laws_of, samples, tables, with_provider
from seatrial.kernel.demand import Demand, Traffic
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Provider, RouteLaw
from seatrial.kernel.workload import Component, Measured, Proof, Route, ServiceTime

PROOF = Proof(kind="measured", rule="test")
RANKS = (0.05, 0.5, 0.9, 0.95, 0.99, 0.999)


def law(*wall: float, **more: float) -> RouteLaw:
    return RouteLaw(path="/", weight=1.0, wall_s=wall, **{"cpu_share": 0.25, **more})


def measured(path: str, wall_ms: np.ndarray, cpu_ms: float) -> Route:
    cuts = np.quantile(wall_ms, (np.arange(40) + 0.5) / 40)
    time = ServiceTime(
        requests=wall_ms.size, mean_ms=float(wall_ms.mean()), cpu_ms_mean=cpu_ms,
        scv=float(wall_ms.var() / wall_ms.mean() ** 2), quantiles_ms=tuple(cuts.tolist()),
        response_bytes_mean=100.0,
    )  # fmt: skip
    return Route(path=path, methods=("GET",), endpoint="e", proof=PROOF, service_time=time)


def component(*routes: Route) -> Component:
    boot = Measured(
        boot_s=1.0, memory_mib_worker=50, memory_mib_idle=40, machine="test", proof=PROOF
    )
    return Component(
        name="web", kind="web", framework="flask", entry="app:app", command=(), port=80,
        routes=routes,
        measured=boot if routes else None,
    )  # fmt: skip


def exact_mean(laws: tuple[RouteLaw, ...]) -> list[float]:
    """Mean of what is sampled, integrated over ranks: flat cells and the tail's mean."""
    table = tables(laws)
    sizes = np.diff(table.first)
    sums = np.add.reduceat(table.mean, table.first[:-1]) + table.tail
    return list(sums / sizes)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_the_mean_is_the_laws(wall: list[float]) -> None:
    made = law(*wall)
    assert exact_mean((made,))[0] == pytest.approx(np.mean(wall), rel=1e-9, abs=1e-12)
    _, cpu, wait = samples([made], 200, 1)
    assert np.isfinite(cpu + wait).all()
    assert (cpu >= 0).all()
    assert (wait >= 0).all()
    # The lower end of the law is the lowest cell's; only the tail goes beyond the highest.
    assert (cpu + wait).min() >= 0


def test_the_samples_mean_is_within_its_error() -> None:
    made = law(*(-0.1 * math.log(1 - (i + 0.5) / 40) for i in range(40)))
    route, cpu, wait = samples([made], 2_000_000, 1)
    wall = cpu + wait
    assert not route.any()
    np.testing.assert_allclose(cpu, 0.25 * wall)
    # Standard error 0.07 %; the law's own mean is exact.
    assert wall.mean() == pytest.approx(np.mean(made.wall_s), rel=0.002)


def test_constant_times_stay_constant() -> None:
    for wall in ((0.2,), (0.2, 0.2, 0.2)):
        _, cpu, wait = samples([law(*wall)], 1000, 1)
        np.testing.assert_allclose(cpu + wait, 0.2)


def test_routes_come_by_weight_and_by_number() -> None:
    laws = [
        RouteLaw(path=str(i), weight=w, wall_s=(i + 1.0,), cpu_share=0.5)
        for i, w in enumerate((0.0, 3.0, 0.0, 1.0, 0.0))
    ]
    route, cpu, _ = samples(laws, 100_000, 2)
    shares = np.bincount(route, minlength=5) / route.size
    assert shares[[0, 2, 4]].sum() == 0
    assert shares[1] == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 1e5))
    np.testing.assert_allclose(cpu, (route + 1) / 2)
    parts = [samples(laws, 25_000, 2, first=25_000 * i) for i in range(4)]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), route)
    assert samples(laws, 0, 1)[0].size == 0
    assert not np.array_equal(samples(laws, 100, 3)[0], route[:100])


@pytest.mark.parametrize("kind", ["exponential", "lognormal", "two humps"])
def test_a_profiles_law_has_the_measured_quantiles(kind: str) -> None:
    chance = np.random.default_rng(1)
    wall = {
        "exponential": lambda: chance.exponential(100, 400_000),
        "lognormal": lambda: chance.lognormal(4, 0.7, 400_000),
        "two humps": lambda: np.where(
            chance.random(400_000) < 0.7,
            chance.normal(20, 2, 400_000),
            chance.normal(200, 10, 400_000),
        ),
    }[kind]()  # fmt: skip
    laws = laws_of(component(measured("/", wall, 30.0)), Demand())
    assert np.mean(laws[0].wall_s) * 1000 == pytest.approx(wall.mean(), rel=1e-9)
    assert laws[0].cpu_share == pytest.approx(30 / wall.mean())
    _, cpu, wait = samples(laws, 400_000, 5)
    drawn = 1000 * (cpu + wait)
    assert drawn.mean() == pytest.approx(wall.mean(), rel=0.008)
    # Up to p95 it is what was measured, beyond what quantiles and the mean tell of the tail.
    for rank in RANKS[:-1]:
        assert np.quantile(drawn, rank) == pytest.approx(np.quantile(wall, rank), rel=0.03), rank
    assert np.quantile(drawn, 0.999) == pytest.approx(np.quantile(wall, 0.999), rel=0.15)


def test_an_outlier_is_in_the_tail_and_a_mean_below_the_quantiles_is_kept() -> None:
    wall = np.full(1000, 10.0)
    wall[-3:] = 5000.0
    for mean in (wall, np.concatenate((wall[:500], [0.0] * 500))):
        laws = laws_of(component(measured("/", mean, 1.0)), Demand())
        assert np.mean(laws[0].wall_s) * 1000 == pytest.approx(mean.mean(), rel=1e-9)
        assert len(laws[0].wall_s) == 200


def test_nothing_measured_is_the_stated_assumption() -> None:
    (made,) = laws_of(component(), Demand())
    assert (made.path, made.weight, made.cpu_share) == ("*", 1.0, 1.0)
    assert np.mean(made.wall_s) * 1000 == pytest.approx(ASSUMED_SERVICE_MS)
    wall = np.sort(samples([made], 400_000, 3)[1])
    for rank in RANKS:
        # Standard error of the 99.9th percentile of 400,000: 0.7 %.
        assert np.quantile(wall, rank) == pytest.approx(-0.1 * math.log(1 - rank), rel=0.03)


def test_weights_of_the_demand() -> None:
    ones = np.full(100, 10.0)
    two = component(measured("/a", ones, 5.0), measured("/b", 3 * ones, 5.0))
    demand = Demand(traffic=Traffic(route_weights={"/b": 2.0}))
    assert [(r.path, r.weight) for r in laws_of(two, Demand())] == [("/a", 0.5), ("/b", 0.5)]
    assert [(r.path, r.weight) for r in laws_of(two, demand)] == [("/b", 1.0)]


@pytest.mark.parametrize(
    ("failure", "retries", "fallback", "calls"),
    [(0.0, 0, False, 1.0), (0.2, 0, False, 1.0), (0.2, 2, False, 3.0), (0.3, 1, True, 2.0),
     (0.1, 0, False, 0.5), (1.0, 3, False, 1.0), (1.0, 1, True, 1.0)],
)  # fmt: skip
def test_providers_fail_and_are_asked_again(
    failure: float, retries: int, fallback: bool, calls: float
) -> None:
    n, made = 200_000, law(1.0, calls=calls, cpu_share=0.0)
    route, _, wait = samples([made], n, 1)
    provider = Provider(failure_share=failure, timeout_s=9, retries=retries, fallback=fallback)
    waiting, failed = with_provider([made], provider, route, wait, 7)
    all_fail = failure ** (retries + 1)
    number = max(1.0, calls)
    lost = 0.0 if fallback else min(calls, 1.0) * (1 - (1 - all_fail) ** number)
    assert failed.mean() == pytest.approx(lost, abs=4 * math.sqrt(0.25 / n))
    # Every attempt takes its part of the second; calls after a failed one are not made.
    attempts = sum(failure**i for i in range(retries + 1)) + (all_fail if fallback else 0.0)
    made_calls = sum(1.0 if fallback else (1 - all_fail) ** i for i in range(int(number)))
    mean = 1 - min(calls, 1.0) + min(calls, 1.0) * attempts * made_calls / number
    assert waiting.mean() == pytest.approx(mean, abs=4 * 2.0 / math.sqrt(n))
    if failure == 0:
        np.testing.assert_array_equal(waiting, wait)


def test_time_outs_cut_and_other_routes_are_left_alone() -> None:
    laws = [law(1.0, 5.0, calls=1.0, cpu_share=0.0), law(8.0, cpu_share=0.5)]
    route, _, wait = samples(laws, 50_000, 1)
    waiting, failed = with_provider(laws, Provider(timeout_s=2.0), route, wait, 1)
    ours = route == 0
    np.testing.assert_array_equal(failed, ours & (wait >= 2.0))
    np.testing.assert_allclose(waiting[ours], np.minimum(wait[ours], 2.0))
    np.testing.assert_array_equal(waiting[~ours], wait[~ours])
    again, fewer = with_provider(laws, Provider(timeout_s=2.0, retries=3), route, wait, 1)
    assert 0 < fewer.sum() < failed.sum() / 4
    assert again[ours].max() <= 8.0 + 1e-9


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [law()],
        [law(-1.0)],
        [law(math.nan)],
        [law(math.inf)],
        [law(1.0, cpu_share=1.5)],
        [law(1.0, calls=-1.0)],
        [RouteLaw(path="/", weight=0.0, wall_s=(1.0,), cpu_share=0.5)],
        [RouteLaw(path="/", weight=math.nan, wall_s=(1.0,), cpu_share=0.5)],
    ],
)
def test_laws_that_cannot_be_are_refused(wrong: list[RouteLaw]) -> None:
    with pytest.raises(InputError) as caught:
        samples(wrong, 10, 1)
    assert caught.value.where
    assert caught.value.fix


@pytest.mark.parametrize(
    "wrong", [{"failure_share": 1.1}, {"timeout_s": 0.0}, {"retries": -1}, {"timeout_s": math.nan}]
)
def test_providers_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="cannot be"):
        with_provider([law(1.0)], Provider(**wrong), np.zeros(1, np.int32), np.ones(1), 1)  # type: ignore[arg-type]
