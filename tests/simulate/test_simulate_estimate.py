"""Histograms are exact within their buckets; 95 % intervals cover in about 95 % of the cases."""

from __future__ import annotations

import math
import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.assessor.simulate.estimate import (
    BUCKETS,
    Method,
    certain,
    histogram,
    never,
    of_mean,
    of_quantile,
    of_quantiles,
    of_share,
    quantiles,
    student,
)
from seatrial.assessor.simulate.histogram import EDGES_S
from seatrial.kernel.errors import InputError
from seatrial.kernel.simulation import Estimate

RATIO = 0.7


def test_buckets_are_narrow() -> None:
    inner = EDGES_S[1:-1]
    assert EDGES_S.size == BUCKETS + 1
    assert (np.diff(inner) / inner[:-1]).max() <= 0.005
    counts = histogram(np.concatenate((inner, inner * (1 + 1e-12), np.nextafter(inner, 0))))
    assert (counts[1:-2] == 3).all()


@given(st.lists(st.floats(0, math.inf), max_size=100), st.lists(st.floats(0, 1e5), max_size=100))
def test_histograms_merge_and_keep_every_value(first: list[float], second: list[float]) -> None:
    one, two = histogram(first), histogram(second)
    np.testing.assert_array_equal(one + two, histogram(first + second))
    assert (one + two).sum() == len(first) + len(second)
    for value in first:
        single = int(np.flatnonzero(histogram([value]))[0])
        assert EDGES_S[single] <= value < EDGES_S[single + 1] or value >= EDGES_S[-2]


def test_quantiles_are_those_of_the_values() -> None:
    values = np.random.default_rng(1).lognormal(-2, 1, 200_000)
    found = quantiles(histogram(values), None, (0.0, 0.001, 0.5, 0.95, 0.99, 0.9999, 1.0))
    expected = np.quantile(values, (0.001, 0.5, 0.95, 0.99, 0.9999))
    np.testing.assert_allclose(np.array(found[1:-1], float), expected, rtol=0.004)
    assert found[0] == pytest.approx(values.min(), rel=0.004)
    assert found[-1] == pytest.approx(values.max(), rel=0.004)


def test_windows_count_by_weight() -> None:
    hists = np.array([histogram([0.1] * 1000), histogram([0.2] * 10), histogram([])])
    assert quantiles(hists, (0.2, 0.8, 5.0), (0.1, 0.5))[0] == pytest.approx(0.1, rel=0.005)
    assert quantiles(hists, (0.2, 0.8, 5.0), (0.1, 0.5))[1] == pytest.approx(0.2, rel=0.005)
    assert quantiles(hists, None, (0.5,))[0] == pytest.approx(0.1, rel=0.005)


def test_what_has_no_quantile_has_none() -> None:
    assert quantiles(histogram([]), None) == (None, None, None)
    mixed = histogram([0.1] * 97 + [math.inf] * 3)
    p50, p95, p99 = quantiles(mixed)
    assert p50 is not None and p95 is not None and p99 is None
    hists = np.array([mixed, mixed, histogram([])])
    assert of_quantile(hists, 0.99) == never() == Estimate(value=None)
    assert of_quantile(hists * 0, 0.5) == never()
    assert of_quantile(mixed, 0.5) == Estimate(value=p50 * 1000)
    with pytest.raises(InputError):
        histogram([0.1, -1.0])
    with pytest.raises(InputError):
        histogram([0.1, math.nan])
    with pytest.raises(InputError):
        quantiles(hists, (1.0, -1.0, 0.0))
    with pytest.raises(InputError):
        quantiles(hists, (1.0,))


def test_equal_windows_have_no_width() -> None:
    hists = np.array([histogram([0.1, 0.2, 0.3])] * 5)
    found = of_quantile(hists, 0.5)
    assert found.low == found.value == found.high


def mm1_responses(
    chance: np.random.Generator, rho: float, windows: int, size: int
) -> npt.NDArray[np.float64]:
    """Response times of M/M/1 with mean service one, from its stationary state (Lindley)."""
    first = np.where(chance.random(windows) < rho, chance.exponential(1 / (1 - rho), windows), 0)
    service = chance.exponential(1, (windows, size))
    steps = np.empty((windows, size))
    steps[:, 0] = first
    steps[:, 1:] = service[:, :-1] - chance.exponential(1 / rho, (windows, size - 1))
    walk = np.cumsum(steps, axis=1)
    return walk - np.minimum(np.minimum.accumulate(walk, axis=1), 0) + service


def test_intervals_cover_on_mm1() -> None:
    """Student's t in rank covers; the windows' own p99 do not, they are biased.

    90 runs of 30 windows with 1,000 requests: a coverage of 95 % has a standard error of 2.3 %.
    Resampling is slow: its 15 runs only tell that it is not broken.
    """
    chance, runs = np.random.default_rng(20), 90
    methods: tuple[Method, ...] = ("ranked", "batches", "bootstrap")
    hits = {(method, rank): 0 for method in methods for rank in (0.50, 0.95, 0.99)}
    for run in range(runs):
        responses = mm1_responses(chance, RATIO, 30, 1000)
        hists = np.array([histogram(row) for row in responses])
        for method, rank in hits:
            if method == "bootstrap" and run % 6:
                continue
            found = of_quantile(hists, rank, method=method, seed=run)
            # Of responses of M/M/1, which are exponential with mean 1 / (1 - rho).
            true = -1000 * math.log(1 - rank) / (1 - RATIO)
            assert found.low is not None
            hits[method, rank] += found.low <= true and (found.high is None or true <= found.high)
    share = {key: count / runs for key, count in hits.items()}
    assert share["ranked", 0.50] >= 0.90
    assert share["ranked", 0.95] >= 0.90
    assert share["ranked", 0.99] >= 0.88
    assert share["batches", 0.50] >= 0.90
    assert share["batches", 0.99] < share["ranked", 0.99]
    assert share["bootstrap", 0.50] * 6 >= 0.75


def test_strata_take_their_differences_out() -> None:
    chance = np.random.default_rng(3)
    slow = np.array([1.0, 4.0] * 10)
    hists = np.array([histogram(chance.exponential(s, 2000)) for s in slow])
    alike = of_quantile(hists, 0.95)
    told = of_quantile(hists, 0.95, strata=(slow > 2).tolist())
    assert alike.value == told.value
    assert alike.low is not None and told.low is not None
    assert alike.value is not None
    assert alike.value - alike.low > 3 * (alike.value - told.low)
    # A stratum of one window is joined with another; all together stay one.
    single = of_quantile(hists, 0.95, strata=["alone", *["rest"] * 19])
    assert single.low is not None and single.low <= told.low
    assert of_quantiles(hists)[1] == alike


def test_means() -> None:
    chance = np.random.default_rng(8)
    hits = 0
    for _ in range(400):
        found = of_mean(chance.normal(5, 2, 12))
        assert found.low is not None and found.high is not None
        hits += found.low <= 5 <= found.high
    # Exact for normal values; standard error of the coverage 1.1 %.
    assert 0.915 <= hits / 400 <= 0.985
    assert of_mean([3.0]) == Estimate(value=3.0)
    assert of_mean([3.0, 3.0]) == certain(3.0)
    assert of_mean([]) == never() == of_mean([1.0, math.inf])
    assert of_mean([1.0, math.inf], [1.0, 0.0]).value == 1.0
    weighted = of_mean([1.0, 3.0], [3.0, 1.0])
    assert weighted.value == 1.5


def test_shares() -> None:
    none = of_share([0, 0], [500, 500])
    assert (none.value, none.low, none.high) == (0.0, 0.0, pytest.approx(0.3))
    everything = of_share([5, 5], [5, 5])
    assert (everything.value, everything.low, everything.high) == (100, pytest.approx(70), 100)
    some = of_share([1, 3, 2, 2], [100, 100, 100, 100])
    assert some.value == pytest.approx(2)
    assert some.low is not None and some.high is not None and some.low < 2 < some.high
    weighted = of_share([1, 30], [100, 100], [0.9, 0.1])
    assert weighted.value == pytest.approx(0.9 * 1 + 0.1 * 30)
    assert of_share([0], [0]) == never()
    assert of_share([1], [10]) == Estimate(value=10.0)
    with pytest.raises(InputError):
        of_share([2], [1])


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(1, 12.7062), (5, 2.5706), (11, 2.20099), (15, 2.13145), (29, 2.04523), (120, 1.97993)],
)
def test_student(freedom: int, value: float) -> None:
    assert student(freedom) == pytest.approx(value, abs=2e-4)
    assert student(0) == math.inf


def test_ten_million_values_are_counted_at_once() -> None:
    values = np.random.default_rng(1).exponential(0.1, 2_000_000)
    histogram(values[:10])

    def best(work: object) -> float:
        took = []
        for _ in range(5):
            start = time.process_time()
            work()  # type: ignore[operator]
            took.append(time.process_time() - start)
        return min(took)

    # 10 M in 0.2 s are 20 ns each, about four times what a logarithm of each takes; both in one
    # run, so that a slow machine is slow at both.
    assert best(lambda: histogram(values)) < best(lambda: np.log(values).astype(np.int64))
